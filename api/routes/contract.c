/* The contract: for programs, and for people. The page has no script and loads nothing but its own style sheet. */
// SPDX-License-Identifier: Apache-2.0
#include "api/contract.h"
#include "api/route.h"

#define POLICY                                                                                     \
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "                  \
    "frame-ancestors 'none'"

static void respond(struct call *call, const char *type, struct bytes body)
{
    static const struct http_field HEADERS[] = {{"Content-Security-Policy", POLICY},
                                                {"X-Content-Type-Options", "nosniff"},
                                                {"Referrer-Policy", "no-referrer"},
                                                {"Cache-Control", "no-cache"}};
    const struct http_response response = {
        .status = 200,
        .content_type = type,
        .headers = HEADERS,
        .header_count = sizeof HEADERS / sizeof *HEADERS,
        .body = body,
    };
    call_respond(call, &response);
}

static void get_openapi(struct call *call)
{
    call_reply_text(call, 200, "application/json", contract_openapi);
}

static void get_docs(struct call *call)
{
    respond(call, "text/html; charset=utf-8", contract_docs);
}

static void get_style(struct call *call)
{
    respond(call, "text/css; charset=utf-8", contract_style);
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/openapi.json", ROUTE_PUBLIC, BODY_NONE, get_openapi},
    {HTTP_GET, "/docs", ROUTE_PUBLIC, BODY_NONE, get_docs},
    {HTTP_GET, "/docs/style.css", ROUTE_PUBLIC, BODY_NONE, get_style},
};
const struct route_table ROUTES_CONTRACT = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
