/* Header parameters, a server's answer to a WebSocket upgrade, and request targets. The first byte says which. A parameter's value, quoted anew, reads
 * back; an answer is taken for 101 only if it says so; a target's path is its decoded segments, and names no folder above. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/net/header_param.h"
#include "core/net/request_target.h"
#include "core/net/websocket_core.h"
#include "tests/fuzz/fuzz_target.h"

#include <string.h>
#include <strings.h>

static void check_param(const char *header)
{
    struct buf value;
    struct buf quoted;
    struct buf again;
    buf_init(&value, 4096);
    buf_init(&quoted, 16384);
    buf_init(&again, 4096);
    (void)header_value_is(header, "form-data");
    if (header_param(header, "name", &value, NULL) == ERR_OK) {
        buf_append_text(&quoted, "x; NAME=\"");
        for (size_t i = 0; i < value.size; i++) {
            if (value.data[i] == '"' || value.data[i] == '\\') {
                buf_append_byte(&quoted, '\\');
            }
            buf_append_byte(&quoted, value.data[i]);
        }
        buf_append_text(&quoted, "\"");
        INVARIANT(header_param(buf_text(&quoted), "name", &again, NULL) == ERR_OK);
        INVARIANT(bytes_equal(buf_bytes(&value), buf_bytes(&again)));
    }
    buf_deinit(&again);
    buf_deinit(&quoted);
    buf_deinit(&value);
}

static void check_answer(const char *head, size_t size, const char *protocol)
{
    static const char ACCEPT[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; /* of RFC 6455 */
    struct err err = {0};
    int status = -1;
    if (websocket_answer_check(head, ACCEPT, protocol, &status, &err) == ERR_OK) {
        INVARIANT(status == 101 && strncmp(head, "HTTP/1.1 101", 12) == 0);
        INVARIANT(strstr(head, ACCEPT) != NULL);
        INVARIANT(protocol == NULL || strstr(head, protocol) != NULL);
        INVARIANT(size > sizeof ACCEPT);
    } else {
        INVARIANT(status >= 0 && status <= 999);
        INVARIANT(utf8_is_valid(bytes_of_text(err.message)));
    }
}

static void check_target(struct bytes target)
{
    struct arena arena;
    struct http_head head = {0};
    struct buf joined;
    arena_init(&arena, 1U << 20);
    buf_init(&joined, 1U << 20);
    if (request_target_parse(&arena, target, &head) == NULL) {
        for (size_t i = 0; i < head.segment_count; i++) {
            const char *segment = head.segments[i];
            INVARIANT(strcmp(segment, "..") != 0 && strcmp(segment, ".") != 0);
            INVARIANT(strpbrk(segment, "/\\") == NULL);
            INVARIANT(utf8_is_valid(bytes_of_text(segment)));
            buf_append_byte(&joined, '/');
            buf_append_text(&joined, segment);
        }
        INVARIANT(strcmp(head.path, head.segment_count == 0 ? "/" : buf_text(&joined)) == 0);
        INVARIANT(head.param_count <= REQUEST_PARAM_COUNT_MAX);
        for (size_t i = 0; i < head.param_count; i++) {
            INVARIANT(utf8_is_valid(bytes_of_text(head.params[i].name)));
            INVARIANT(utf8_is_valid(bytes_of_text(head.params[i].value)));
        }
    }
    buf_deinit(&joined);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct bytes const rest = bytes_from(bytes_of(data, size), 1);
    struct arena arena; /* exact and zero-terminated, so that a read past its end shows */
    arena_init(&arena, 1U << 20);
    const char *text = arena_text(&arena, rest);
    if (text != NULL && data[0] % 4 == 0) {
        check_param(text);
    } else if (text != NULL && data[0] % 4 == 1) {
        check_answer(text, rest.size, NULL);
    } else if (text != NULL && data[0] % 4 == 2) {
        check_answer(text, rest.size, "tally.v1");
    } else if (data[0] % 4 == 3) {
        check_target(rest);
    }
    arena_deinit(&arena);
    return 0;
}
