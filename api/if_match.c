// SPDX-License-Identifier: Apache-2.0
#include "api/if_match.h"

#include "core/base/text.h"
#include "core/crypto/sha256.h"
#include "core/market/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HASH_BYTES 6

void if_match_tag(uint64_t version, struct bytes body, char ret[ENCODING_TAG_SIZE])
{
    struct key32 digest = sha256_of(body);
    char hex[2 * HASH_BYTES + 1];
    hex_encode(bytes_of(digest.b, HASH_BYTES), hex);
    (void)snprintf(ret, ENCODING_TAG_SIZE, "\"%" PRIu64 ".%s\"", version, hex);
}

static const char *header_of(const struct call *call)
{
    return http_head_header(http_request_head(call->request), "if-match");
}

bool if_match_is_said(const struct call *call)
{
    const char *header = header_of(call);
    return header != NULL && strcmp(header, "*") != 0;
}

/* One of a list, without blanks. A weak tag, W/"…", never is the same. */
static bool is_same(const char *item, size_t size, const char *tag)
{
    size_t const version = strcspn(tag, ".");
    return (size == strlen(tag) && memcmp(item, tag, size) == 0) ||
           (size == version + 1 && memcmp(item, tag, version) == 0 && item[version] == '"');
}

bool if_match_names(const char *header, const char *tag)
{
    while (*header != '\0') {
        header += strspn(header, " \t,");
        size_t const size = strcspn(header, ",");
        size_t used = size;
        while (used > 0 && (header[used - 1] == ' ' || header[used - 1] == '\t')) {
            used--;
        }
        if (is_same(header, used, tag)) {
            return true;
        }
        header += size;
    }
    return false;
}

static bool was_accepted(const struct reading *reading)
{
    uint64_t first;
    uint64_t count;
    return state_command(reading->store, reading->call->command.command_id, &first, &count);
}

bool if_match_holds(struct reading *reading, const char *tag, bool required)
{
    struct call *call = reading->call;
    const char *header = header_of(call);
    bool const good =
        header == NULL ? !required : strcmp(header, "*") == 0 || if_match_names(header, tag);
    if (good || was_accepted(reading)) {
        return true;
    }
    reading_close(reading);
    if_match_tell(call, tag);
    if (header == NULL) {
        call_problem(call, 428, "precondition_required",
                     "this writes over what was said before: send If-Match with the ETag of what "
                     "you have seen, or *");
    } else {
        call_problem(call, 412, "precondition_failed",
                     "what you have seen is not what there is now; get it again");
    }
    return false;
}

void if_match_tell(struct call *call, const char *tag)
{
    const char *kept = arena_text(&call->arena, bytes_of_text(tag));
    if (call->request != NULL && kept != NULL) {
        http_request_add_header(call->request, "ETag", kept);
    }
}
