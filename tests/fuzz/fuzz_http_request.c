/* Any bytes as the input of an HTTP connection: the first byte says in what pieces they come. Whole or in pieces, the same
 * requests must come out, and heads keep the promises of http_head.h. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/buf.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/net/request_parser.h"
#include "tests/fuzz/fuzz_target.h"

#include <string.h>

static void check_text(const char *text)
{
    INVARIANT(utf8_is_valid(bytes_of_text(text)));
}

static void check_head(const struct http_head *head)
{
    INVARIANT(head->path[0] == '/');
    check_text(head->path);
    for (size_t i = 0; i < head->segment_count; i++) {
        check_text(head->segments[i]);
        INVARIANT(strchr(head->segments[i], '/') == NULL);
        INVARIANT(strcmp(head->segments[i], "..") != 0);
    }
    for (size_t i = 0; i < head->param_count; i++) {
        check_text(head->params[i].name);
        check_text(head->params[i].value);
    }
    for (size_t i = 0; i < head->header_count; i++) {
        INVARIANT(head->headers[i].name[0] != '\0');
        INVARIANT(strpbrk(head->headers[i].value, "\r\n") == NULL);
    }
    INVARIANT(http_head_header_count(head, "host") == 1 || head->version_minor == 0);
    INVARIANT(!head->chunked || head->content_length == HTTP_LENGTH_NONE);
}

/* Write what came out into `seen`; true if the connection broke. */
static bool parse(struct bytes data, size_t step, struct buf *seen)
{
    static const struct request_limits LIMITS = {
        .head_size_max = 2048, .target_size_max = 512, .header_count_max = 16};
    struct request_parser *parser = request_parser_create(&LIMITS);
    INVARIANT(parser != NULL);
    size_t start = 0;
    size_t end = 0;
    enum request_event event = REQUEST_MORE;
    while (event != REQUEST_BROKEN && (event != REQUEST_MORE || end < data.size)) {
        if (event == REQUEST_MORE) {
            end = data.size - end < step ? data.size : end + step;
        }
        size_t used = 0;
        struct bytes piece = {0};
        event =
            request_parser_feed(parser, bytes_of(data.data + start, end - start), &used, &piece);
        INVARIANT(used <= end - start);
        start += used;
        INVARIANT(event != REQUEST_MORE || start == end || request_parser_is_idle(parser));
        if (event == REQUEST_HEAD) {
            const struct http_head *head = request_parser_head(parser);
            check_head(head);
            buf_printf(seen, "<%s %s %zu>", http_method_name(head->method), head->path,
                       head->header_count);
        } else if (event == REQUEST_BODY) {
            INVARIANT(piece.size > 0);
            buf_append_bytes(seen, piece);
        } else if (event == REQUEST_END) {
            buf_append_text(seen, "<end>");
        }
    }
    if (event == REQUEST_BROKEN) {
        INVARIANT(request_parser_fault(parser)->status >= 400);
    }
    request_parser_destroy(parser);
    return event == REQUEST_BROKEN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct bytes input = bytes_from(bytes_of(data, size), 1);
    struct buf whole;
    struct buf pieces;
    buf_init(&whole, 64U << 20);
    buf_init(&pieces, 64U << 20);
    bool first = parse(input, input.size, &whole);
    bool second = parse(input, 1 + data[0] % 64, &pieces);
    INVARIANT(first == second);
    INVARIANT(bytes_equal(buf_bytes(&whole), buf_bytes(&pieces)));
    buf_deinit(&whole);
    buf_deinit(&pieces);
    return 0;
}
