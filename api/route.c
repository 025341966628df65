// SPDX-License-Identifier: Apache-2.0
#include "api/route.h"

#include "api/cors.h"
#include "api/json_body.h"
#include "api/rate.h"
#include "api/token_rows.h"
#include "api/token_uses.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/crypto/sha256.h"

#include <stdio.h>
#include <string.h>

#define JSON_BODY_MAX ((size_t)256 << 10)
#define JSON_DEPTH_NOTE "the body is a JSON object in UTF-8"

/* clang-format off */
static const struct route_table *const TABLES[] = {
    &ROUTES_WORKERS,
    &ROUTES_JOBS,
    &ROUTES_AUTH,
    &ROUTES_MARKET,
    &ROUTES_OPERATIONS,
    &ROUTES_OUTPUT,
    &ROUTES_UPLOADS,
    &ROUTES_RESULTS,
    &ROUTES_RESULT_PIECES,
    &ROUTES_FEED,
    &ROUTES_EARNINGS,
    &ROUTES_MACHINES,
    &ROUTES_LOG,
    &ROUTES_RECONCILIATIONS,
    &ROUTES_SETTLEMENT,
    &ROUTES_ESTIMATES,
    &ROUTES_MATCHES,
    &ROUTES_FAUCET,
    &ROUTES_ANALYSES,
    &ROUTES_CONTRACT,
    &ROUTES_TOKENS,
    &ROUTES_METRICS,
    &ROUTES_RECEIPT,
    &ROUTES_HISTORY,
    &ROUTES_ACCOUNTS,
    &ROUTES_RESUMABLE,
    &ROUTES_PROVIDERS,
    &ROUTES_WEBHOOKS,
    &ROUTES_CODES,
    &ROUTES_ERASE,
};
/* clang-format on */

const struct route_table *const *route_tables(size_t *ret_count)
{
    *ret_count = sizeof TABLES / sizeof *TABLES;
    return TABLES;
}

/* ── finding ───────────────────────────────────────────────────────────────────────────────────── */

struct matched {
    const char *id;   /* segment of {id}; NULL: none */
    size_t rest_from; /* first segment of {name} or {tail}; 0: none */
};

static bool match_segment(const char *pattern, size_t size, const char *segment,
                          struct matched *matched, size_t index)
{
    if (size == 4 && memcmp(pattern, "{id}", 4) == 0) {
        matched->id = segment; /* what it says is looked at once, of the route that is found */
        return true;
    }
    if (size > 2 && pattern[0] == '{') {
        matched->rest_from = index;
        return *segment != '\0';
    }
    return strlen(segment) == size && memcmp(pattern, segment, size) == 0;
}

static bool match(const struct http_head *head, const char *pattern, struct matched *ret)
{
    struct matched matched = {0};
    size_t index = 0;
    while (*pattern == '/') {
        pattern++;
        size_t size = (size_t)(strchrnul(pattern, '/') - pattern);
        if (index == head->segment_count ||
            !match_segment(pattern, size, head->segments[index], &matched, index)) {
            return false;
        }
        if (size == 6 && memcmp(pattern, "{tail}", 6) == 0) {
            index = head->segment_count;
        } else {
            index++;
        }
        pattern += size;
    }
    *ret = matched;
    return index == head->segment_count;
}

/* Of the method, or of another one. NULL: none. */
static const struct route *find(const struct http_head *head, bool of_method, struct matched *ret)
{
    enum http_method const method = head->method == HTTP_HEAD ? HTTP_GET : head->method;
    for (size_t t = 0; t < sizeof TABLES / sizeof *TABLES; t++) {
        for (size_t i = 0; i < TABLES[t]->count; i++) {
            const struct route *route = &TABLES[t]->routes[i];
            if ((route->method == method) == of_method && match(head, route->pattern, ret)) {
                return route;
            }
        }
    }
    return NULL;
}

/* ── who asks ──────────────────────────────────────────────────────────────────────────────────── */

/* The bearer token, or for the feed the query parameter; NULL if there is none. */
static const char *presented_token(const struct http_head *head, const struct route *route)
{
    const char *header = http_head_header(head, "authorization");
    if (header != NULL && strncasecmp(header, "Bearer ", 7) == 0) {
        return header + 7;
    }
    if (strcmp(route->pattern, "/v1/feed") == 0) {
        return http_head_param(head, "token");
    }
    return NULL;
}

static enum err_code authenticate(struct call *call, const char *token, struct err *err)
{
    struct token_row row;
    enum err_code code = token_rows_get(call->api->token_rows, ledger_views(call->api->ledger),
                                        sha256_of(bytes_of_text(token)), &row, err);
    if (code != ERR_OK && code != ERR_NOT_FOUND) {
        call->read_err = *err; /* nobody knows now whether there is such a token: 503 */
        return code;
    }
    if (code == ERR_NOT_FOUND || row.revoked != 0 ||
        (row.expires_at != 0 && row.expires_at <= time_wall_ns())) {
        return err_set(err, ERR_DENIED, "token_unknown: this token is unknown, expired or revoked");
    }
    call->principal = (struct principal){
        .known = true,
        .account_id = row.account_id,
        .host_id = row.host_id,
        .token_id = row.token_id,
        .scopes = row.scopes,
        .expires_at = row.expires_at,
    };
    token_uses_note(call->api->token_uses, row.token_id, time_wall_ns());
    return ERR_OK;
}

/* ── how often ─────────────────────────────────────────────────────────────────────────────────── */

/* A limit that nobody gave does not count for this machine: a proxy's requests are everybody's. */
static bool is_over(struct rates *rates, const struct api_limit *limit, uint64_t key,
                    const struct http_request *request)
{
    return rates != NULL && (limit->given || !http_request_peer_is_local(request)) &&
           !rates_take(rates, key, time_mono_ns());
}

static bool address_is_over(struct api *api, struct http_request *request)
{
    return is_over(api->address_rates, &api->options.rate_per_address,
                   http_request_peer_key(request), request);
}

static bool token_is_over(const struct call *call)
{
    const struct api *api = call->api;
    uint64_t key;
    memcpy(&key, call->principal.token_id.b + 8, sizeof key); /* its random half */
    return call->principal.known &&
           is_over(api->token_rates, &api->options.rate_per_token, key, call->request);
}

static bool take_key(struct call *call)
{
    if (call_key_take(call)) {
        return true;
    }
    call_problem(
        call, 409, "idempotency_in_flight",
        "a request with this Idempotency-Key is not answered yet; ask again for its answer");
    return false;
}

/* false: the problem was sent. */
static bool admit(struct call *call)
{
    struct err err = {0};
    const struct http_head *head = http_request_head(call->request);
    const char *token = presented_token(head, call->route);
    if (address_is_over(call->api, call->request)) { /* before anything is looked up for it */
        call->retry_after_s = 1;                     /* the allowance is of a second */
        call_problem(call, 429, "rate_limited",
                     "too many requests from this address; try again in 1 s");
        return false;
    }
    if (token != NULL && authenticate(call, token, &err) != ERR_OK) {
        if (err.code == ERR_DENIED) {
            call_problem(call, 401, "token_unknown",
                         "this token is unknown, expired or revoked; sign in again");
        } else {
            call_refuse(call, &err);
        }
        return false;
    }
    if (!call_key_is_good(head)) {
        call_problem(call, 400, "idempotency_key_invalid", "Idempotency-Key has 1 to %d bytes",
                     CALL_KEY_MAX);
        return false;
    }
    if (token_is_over(call)) {
        call->retry_after_s = 1; /* the allowance is of a second */
        call_problem(call, 429, "rate_limited",
                     "too many requests with this token; try again in 1 s");
        return false;
    }
    if ((call->route->scopes & (ROUTE_PUBLIC)) != 0) {
        return take_key(call);
    }
    if (!call->principal.known) {
        call_problem(call, 401, "token_missing",
                     "this needs a token: Authorization: Bearer <token> (see /v1/auth/challenge)");
        return false;
    }
    if ((call->principal.scopes & call->route->scopes) == 0) {
        call_problem(call, 403, "scope_missing", "this token is not allowed to do this");
        return false;
    }
    return take_key(call);
}

/* ── the body ──────────────────────────────────────────────────────────────────────────────────── */

static void body_cb(void *ctx, struct http_request *request, struct bytes body)
{
    struct call *call = ctx;
    json_error_t error;
    const char *type = http_head_header(http_request_head(request), "content-type");
    if (type != NULL && strncasecmp(type, "application/json", 16) != 0) {
        call_problem(call, 415, "media_type", "the body is application/json");
        return;
    }
    if (!utf8_is_valid(body)) {
        call_problem(call, 400, "invalid_json", JSON_DEPTH_NOTE);
        return;
    }
    struct bytes text = body.size == 0 ? bytes_of_text("{}") : body;
    call->body = json_body_load(text, &error);
    if (!json_is_object(call->body)) {
        call_problem(call, 400, "invalid_json", JSON_DEPTH_NOTE "%s%s",
                     call->body == NULL ? ": " : "", call->body == NULL ? error.text : "");
        return;
    }
    call->raw_body = arena_copy(&call->arena, body);
    if (call->raw_body.data == NULL) { /* it goes into the fingerprint of an idempotent request */
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    call->route->handle(call);
}

static const char *join_rest(struct call *call, size_t from)
{
    const struct http_head *head = http_request_head(call->request);
    struct buf joined;
    buf_init(&joined, 8192);
    for (size_t i = from; i < head->segment_count; i++) {
        buf_printf(&joined, "%s%s", i > from ? "/" : "", head->segments[i]);
    }
    char *rest = arena_text(&call->arena, buf_bytes(&joined));
    buf_deinit(&joined);
    return rest == NULL ? "" : rest;
}

void route_request(void *ctx, struct http_request *request)
{
    struct api *api = ctx;
    const struct http_head *head = http_request_head(request);
    struct matched matched;
    if (cors_answer(&api->options, request)) {
        return;
    }
    const struct route *route = find(head, true, &matched);
    if (route == NULL) {
        if (find(head, false, &matched) != NULL) {
            http_respond_problem(request, 405, "method_not_allowed", "%s is not a method of %s",
                                 http_method_name(head->method), head->path);
        } else if (!page_serve(api, request)) {
            http_respond_problem(request, 404, "no_such_route", "there is no %s", head->path);
        }
        return;
    }
    struct call *call = call_create(api, request, route);
    if (call == NULL) {
        http_respond_problem(request, 503, "no_memory", "out of memory; try again");
        return;
    }
    if (!admit(call)) {
        return;
    }
    if (matched.id != NULL && id_parse(bytes_of_text(matched.id), &call->id, NULL) != ERR_OK) {
        call_problem(call, 404, "no_such_id", "the path has no id like 0192f3a0-5d2c-7c41-9a3e-…");
        return;
    }
    if (matched.rest_from > 0) {
        call->rest = join_rest(call, matched.rest_from);
    }
    if (route->body == BODY_JSON) {
        http_request_read_body(request, JSON_BODY_MAX, body_cb, call);
    } else {
        route->handle(call);
    }
}
