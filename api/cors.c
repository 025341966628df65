// SPDX-License-Identifier: Apache-2.0
#include "api/cors.h"

#include <string.h>

#define METHODS "GET, HEAD, POST, PUT, PATCH, DELETE"
#define TAKEN                                                                                      \
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, "       \
    "Upload-Offset, X-Request-Id"
#define SHOWN                                                                                      \
    "ETag, Idempotent-Replayed, Location, Retry-After, Tally-Sequence, Upload-Complete, "          \
    "Upload-Length, Upload-Offset, X-Request-Id"

enum err_code cors_check_origin(const char *origin, struct err *err)
{
    const char *host = strncmp(origin, "https://", 8) == 0  ? origin + 8
                       : strncmp(origin, "http://", 7) == 0 ? origin + 7
                                                            : NULL;
    if (strcmp(origin, "*") == 0 ||
        (host != NULL && *host != '\0' && strpbrk(host, "/?#@ \t\r\n\"") == NULL)) {
        return ERR_OK;
    }
    return err_set(err, ERR_INVALID,
                   "--cors-origin is '*' or an origin like https://example.org, without a path");
}

/* What the answer says to this origin; NULL: nothing. */
static const char *allowed(const struct api_options *options, const char *origin)
{
    for (size_t i = 0; i < options->cors_origin_count; i++) {
        const char *known = options->cors_origins[i];
        if (strcmp(known, "*") == 0 || strcmp(known, origin) == 0) {
            return known;
        }
    }
    return NULL;
}

static void answer_preflight(struct http_request *request)
{
    const struct http_field headers[] = {
        {"Access-Control-Allow-Methods", METHODS},
        {"Access-Control-Allow-Headers", TAKEN},
        {"Access-Control-Max-Age", "600"},
    };
    http_respond(request,
                 &(struct http_response){.status = 204, .headers = headers, .header_count = 3});
}

bool cors_answer(const struct api_options *options, struct http_request *request)
{
    const struct http_head *head = http_request_head(request);
    const char *origin = http_head_header(head, "origin");
    bool is_preflight = head->method == HTTP_OPTIONS && origin != NULL &&
                        http_head_header(head, "access-control-request-method") != NULL;
    if (options->cors_origin_count == 0) {
        return false;
    }
    http_request_add_header(request, "Vary", "Origin"); /* also where it says nothing: caches */
    const char *known = origin == NULL ? NULL : allowed(options, origin);
    if (known != NULL) {
        http_request_add_header(request, "Access-Control-Allow-Origin", known);
        http_request_add_header(request, "Access-Control-Expose-Headers", SHOWN);
    }
    if (is_preflight && known != NULL) {
        answer_preflight(request);
    } else if (is_preflight) {
        http_respond_problem(request, 403, "origin_not_allowed",
                             "pages of this origin are not named by the operator");
    }
    return is_preflight;
}
