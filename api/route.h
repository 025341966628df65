/* api/route.h: the table of routes and how a request finds its own.
 *
 * Pattern: "/v1/jobs/{id}/output": {id} is a UUID; {name} one segment; {tail} one or more segments joined by '/'.
 * Default: a route without scopes is public and says so (ROUTE_PUBLIC); one that forgot is refused to everybody. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "api/call.h"

#define ROUTE_PUBLIC UINT64_C(1) << 63
#define ROUTE_ANY (SCOPE_ALL & ~SCOPE_ENROL) /* any token but one that only enrols */

enum route_body {
    BODY_NONE,   /* none is read */
    BODY_JSON,   /* an object of at most 256 KiB, in call->body */
    BODY_STREAM, /* the handler reads it */
};

struct route {
    enum http_method method;
    const char *pattern;
    uint64_t scopes; /* any of these */
    enum route_body body;
    void (*handle)(struct call *call);
};

struct route_table {
    const struct route *routes;
    size_t count;
};

/* The request callback of the server. */
void route_request(void *api, struct http_request *request);

/* Each file of api/routes/ has one. */
extern const struct route_table ROUTES_ACCOUNTS;
extern const struct route_table ROUTES_ANALYSES;
extern const struct route_table ROUTES_AUTH;
extern const struct route_table ROUTES_CODES;
extern const struct route_table ROUTES_CONTRACT;
extern const struct route_table ROUTES_EARNINGS;
extern const struct route_table ROUTES_FAUCET;
extern const struct route_table ROUTES_ERASE;
extern const struct route_table ROUTES_ESTIMATES;
extern const struct route_table ROUTES_FEED;
extern const struct route_table ROUTES_HISTORY;
extern const struct route_table ROUTES_JOBS;
extern const struct route_table ROUTES_LOG;
extern const struct route_table ROUTES_MACHINES;
extern const struct route_table ROUTES_MARKET;
extern const struct route_table ROUTES_MATCHES;
extern const struct route_table ROUTES_METRICS;
extern const struct route_table ROUTES_OPERATIONS;
extern const struct route_table ROUTES_OUTPUT;
extern const struct route_table ROUTES_PROVIDERS;
extern const struct route_table ROUTES_RECEIPT;
extern const struct route_table ROUTES_RECONCILIATIONS;
extern const struct route_table ROUTES_RESULTS;
extern const struct route_table ROUTES_RESULT_PIECES;
extern const struct route_table ROUTES_RESUMABLE;
extern const struct route_table ROUTES_SETTLEMENT;
extern const struct route_table ROUTES_TOKENS;
extern const struct route_table ROUTES_UPLOADS;
extern const struct route_table ROUTES_WEBHOOKS;
extern const struct route_table ROUTES_WORKERS;

/* All of them, in the order in which they are tried. */
const struct route_table *const *route_tables(size_t *ret_count);

/* A static file for a path that is no route; false if there is none. */
bool page_serve(struct api *api, struct http_request *request);

#endif
