/* api/cors.h: which pages of other origins may read the answers. Nobody's, unless the operator names them.
 *
 * Shape:   a page of a named origin (or any, named "*") is told so by headers on every answer, and a preflight is answered by itself. Tokens are sent by the page
 *          on purpose, never by the browser, so there are no credentials to allow.
 * Source:  WHATWG Fetch, "HTTP-CORS protocol". */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_CORS_H
#define API_CORS_H

#include "api/api.h"

/* "https://example.org" or "https://example.org:8443" or "*": scheme and host, no path. */
MUST_CHECK enum err_code cors_check_origin(const char *origin, struct err *err);
/* Add the headers, if any. true: it was a preflight and is answered. */
MUST_CHECK bool cors_answer(const struct api_options *options, struct http_request *request);

#endif
