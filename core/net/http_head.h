/* core/net/http_head.h: the request line and header fields of one HTTP/1.1 request, decoded.
 *
 * Shape:   plain data made by the request parser. Every text is zero-terminated and holds no zero byte and no
 *          control character; decoded texts (path, segments, parameters) are valid UTF-8.
 * Owner:   the request; borrowed until it is answered or aborted.
 * Strict:  a bad escape, an escaped '/' or zero, a '.' or '..' segment, ill-formed UTF-8 in path or query never
 *          gets this far: the server answers 400.
 * Source:  RFC 9110, RFC 9112, RFC 3986; query as application/x-www-form-urlencoded ('+' is a space). */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_HTTP_HEAD_H
#define CORE_NET_HTTP_HEAD_H

#include "core/base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every other method is answered 501 by the server itself. */
enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
};

struct http_field {
    const char *name;
    const char *value;
};

#define HTTP_LENGTH_NONE (-1)

struct http_head {
    enum http_method method;
    const char *target;          /* as it was sent */
    const char *path;            /* decoded, without the query: "/v1/jobs/abc" */
    const char *const *segments; /* "/v1/jobs" is 2 segments, "/" none, "/v1/" is "v1" and "" */
    size_t segment_count;
    const struct http_field *params; /* of the query, decoded, in order; "a" is ("a", "") */
    size_t param_count;
    const struct http_field *headers; /* names in lower case, values trimmed, in order */
    size_t header_count;
    int64_t content_length; /* HTTP_LENGTH_NONE: no body, or `chunked` */
    bool chunked;
    bool expect_continue;
    bool keep_alive;   /* what the client asked for */
    int version_minor; /* HTTP/1.0 or HTTP/1.1 */
};

const char *http_method_name(enum http_method method);
/* First header of that name (any case), NULL if there is none. */
const char *http_head_header(const struct http_head *head, const char *name);
size_t http_head_header_count(const struct http_head *head, const char *name);
/* First query parameter of that name (exact), NULL if there is none. */
const char *http_head_param(const struct http_head *head, const char *name);
size_t http_head_param_count(const struct http_head *head, const char *name);
/* Segment `index`, or NULL past the end. */
const char *http_head_segment(const struct http_head *head, size_t index);
/* True if the comma-separated list header `name` has `token` (any case), e.g. ("connection", "upgrade"). */
bool http_head_lists(const struct http_head *head, const char *name, const char *token);
bool http_head_has_body(const struct http_head *head);

#endif
