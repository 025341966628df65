/* core/net/request_parser.h: bytes of a connection → heads, pieces of bodies, ends. Pure; no socket, no clock.
 *
 * Shape:   feed bytes and get one event at a time; what was not used is fed again. It stops behind each head, so that
 *          a body is not read before somebody has decided that it should be.
 *
 *            MORE ─▶ HEAD ─▶ BODY* ─▶ END ─▶ (next request) ...      BROKEN is final
 *
 * Strict:  on top of llhttp: no bare CR or LF, no folded line, one Host, one Content-Length or exactly
 *          `Transfer-Encoding: chunked`, known methods, HTTP/1.0 and 1.1, the target rules of http_head.h, and limits on
 *          head, target, header count, chunk extensions and trailers.
 * Source:  RFC 9112; llhttp 8.1. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_REQUEST_PARSER_H
#define CORE_NET_REQUEST_PARSER_H

#include "core/base/bytes.h"
#include "core/net/http_head.h"

struct request_parser;

struct request_limits {
    size_t head_size_max;
    size_t target_size_max;
    size_t header_count_max;
};

enum request_event {
    REQUEST_MORE, /* everything used, nothing to tell yet */
    REQUEST_HEAD,
    REQUEST_BODY,
    REQUEST_END,
    REQUEST_BROKEN,
};

/* What a broken request is answered with; static strings. */
struct request_fault {
    int status;
    const char *code;
    const char *detail;
};

struct request_parser *
request_parser_create(const struct request_limits *limits); /* NULL: memory */
void request_parser_destroy(struct request_parser *parser);

/* `ret_used` ≤ data.size. BODY: `ret_body` is a slice of `data`. May be fed nothing: an END may be due. */
enum request_event request_parser_feed(struct request_parser *parser, struct bytes data,
                                       size_t *ret_used, struct bytes *ret_body);
/* Valid from HEAD until the first feed after END. */
const struct http_head *request_parser_head(const struct request_parser *parser);
const struct request_fault *request_parser_fault(const struct request_parser *parser);
/* True between requests: not a byte of the next one has come. */
bool request_parser_is_idle(const struct request_parser *parser);

#endif
