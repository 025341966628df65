/* core/net/http_problem.h: the error body of every answer, application/problem+json (RFC 9457).
 *
 *     {"type":"about:blank","title":"Bad Request","status":400,"code":"bad_target","detail":"...","request_id":"..."}
 *
 * `code` is stable and for programs, `detail` is a sentence for a person: what was wrong, what would be accepted. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_HTTP_PROBLEM_H
#define CORE_NET_HTTP_PROBLEM_H

#include "core/base/buf.h"

#define HTTP_PROBLEM_TYPE "application/problem+json"

/* "Not Found" for 404; "Unknown" for a number nobody registered. */
const char *http_status_text(int status);
/* Append the object. `detail` may hold any bytes: ill-formed UTF-8 is replaced. `request_id` NULL: there is no request. */
void http_problem_append(struct buf *buf, int status, const char *code, const char *detail,
                         const char *request_id);

#endif
