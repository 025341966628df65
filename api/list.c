// SPDX-License-Identifier: Apache-2.0
#include "api/list.h"

#include "core/base/text.h"
#include "core/base/time.h"

#include <string.h>

size_t list_limit(struct call *call)
{
    const char *text = http_head_param(http_request_head(call->request), "limit");
    uint64_t limit = LIST_DEFAULT;
    if (text != NULL && (u64_parse(bytes_of_text(text), &limit, NULL) != ERR_OK || limit == 0 ||
                         limit > LIST_MAX)) {
        call_problem(call, 422, "limit_invalid", "limit is 1 to %d", LIST_MAX);
        return 0;
    }
    return (size_t)limit;
}

bool list_cursor(struct call *call, const char *name, uint64_t *ret)
{
    const char *text = http_head_param(http_request_head(call->request), name);
    if (text != NULL && u64_parse(bytes_of_text(text), ret, NULL) != ERR_OK) {
        call_problem(call, 422, "cursor_invalid", "%s is a number that a list gave as next", name);
        return false;
    }
    return true;
}

bool list_after_id(struct call *call, struct id16 *ret)
{
    const char *text = http_head_param(http_request_head(call->request), "after");
    *ret = (struct id16){0};
    if (text != NULL && id_parse(bytes_of_text(text), ret, NULL) != ERR_OK) {
        call_problem(call, 422, "cursor_invalid", "after is an id that this list gave as next");
        return false;
    }
    return true;
}

bool list_word(struct call *call, const char *name, const struct enum_words *words, uint32_t *ret)
{
    const char *text = http_head_param(http_request_head(call->request), name);
    uint32_t number = text == NULL ? 0 : enum_number(words, text, strlen(text));
    if (text != NULL && number == 0) {
        struct buf known;
        buf_init(&known, 1024);
        for (uint32_t i = 1; i < words->count; i++) {
            buf_printf(&known, "%s%s", i == 1 ? "" : ", ", words->words[i]);
        }
        call_problem(call, 422, "filter_invalid", "%s is one of %s", name, buf_text(&known));
        buf_deinit(&known);
        return false;
    }
    *ret = number;
    return true;
}

bool list_time(struct call *call, const char *name, int64_t *ret)
{
    const char *text = http_head_param(http_request_head(call->request), name);
    *ret = 0;
    if (text != NULL && time_parse(bytes_of_text(text), ret, NULL) != ERR_OK) {
        call_problem(call, 422, "filter_invalid", "%s is a time like 2026-11-24T02:55:46Z", name);
        return false;
    }
    return true;
}
