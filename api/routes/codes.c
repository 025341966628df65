/* How a machine joins without its owner's wallet or token: the owner asks for a code, the machine exchanges it, once, for a token that enrols its slots. */
// SPDX-License-Identifier: Apache-2.0
#include "api/fields.h"
#include "api/join_code.h"
#include "api/new_token.h"
#include "api/rate.h"
#include "api/route.h"
#include "core/base/invariant.h"
#include "core/base/time.h"

#include <string.h>

#define VALID_MIN_S 60
#define JOINED_VALID_S 300 /* for as many slots as a machine has */
#define TYPED_MAX 64

/* ── the owner's side ──────────────────────────────────────────────────────────────────────────── */

/* The same request again gets the same code: it follows from the id that the log has. */
static void code_made(struct call *call)
{
    struct reading reading;
    struct event event;
    char text[JOIN_CODE_TEXT_SIZE];
    json_t *json = NULL;
    if (!reading_open(&reading, call)) {
        return;
    }
    if (reading_event(&reading, call->answer.first, &event) &&
        join_code_make(&call->api->webhook_root, call->api->log_id, event.u.token_issued.token_id,
                       text, NULL) == ERR_OK) {
        json = json_pack("{s:s,s:o,s:o}", "code", text, "token_id",
                         json_of_id(event.u.token_issued.token_id), "expires_at",
                         json_of_time(event.u.token_issued.expires_at));
        explicit_bzero(text, sizeof text);
    }
    reading_close(&reading);
    call_reply(call, 201, json);
}

static void make_code(struct call *call)
{
    struct fields fields = fields_of(call);
    uint64_t const valid_s =
        fields_optional_u64(&fields, "valid_s", VALID_MIN_S, JOIN_CODE_VALID_S, JOIN_CODE_VALID_S);
    struct bytes const label = fields_optional_text(&fields, "label", 100);
    struct err err = {0};
    char text[JOIN_CODE_TEXT_SIZE];
    if (!fields_good(&fields)) {
        return;
    }
    int64_t const now = time_wall_ns();
    struct ev_token_issued issued = {
        .token_id = id_new(now),
        .scopes = SCOPE_ENROL,
        .expires_at = now + (int64_t)valid_s * NS_PER_S,
        .label = label.size > 0 ? label : bytes_of_text("code for a machine"),
    };
    int64_t const own = call->principal.expires_at;
    if (own != 0 && own < issued.expires_at) { /* it outlives nobody, as other tokens */
        issued.expires_at = own;
    }
    enum err_code const code =
        join_code_make(&call->api->webhook_root, call->api->log_id, issued.token_id, text, &err);
    if (code != ERR_OK) {
        call_refuse(call, &err);
        return;
    }
    bool const good = join_code_hash(bytes_of_text(text), &issued.token_hash);
    explicit_bzero(text, sizeof text);
    INVARIANT(good);
    call_command(call, COMMAND_TOKEN_ISSUE);
    call->command.u.token =
        (struct command_token){.account_id = call->principal.account_id, .token = issued};
    call_submit(call, CLASS_CONSUMER, code_made);
}

/* ── the machine's side ────────────────────────────────────────────────────────────────────────── */

static void joined(struct call *call)
{
    const struct ev_token_issued *issued = &call->command.u.exchange.token;
    struct reading reading;
    struct id16 account_id;
    struct account_row account = {0};
    if (!call_made_id(call, &account_id) || !reading_open(&reading, call)) {
        return;
    }
    (void)state_account(reading.store, account_id, &account);
    reading_close(&reading);
    call_reply(call, 201,
               json_pack("{s:s,s:o,s:o,s:o,s:o}", "token", (const char *)call->state, "token_id",
                         json_of_id(issued->token_id), "account_id", json_of_id(account_id),
                         "identity", json_of_identity(account.identity), "expires_at",
                         json_of_time(issued->expires_at)));
}

/* Codes are too long to be guessed; who tries is not served faster than a person types. A proxy's requests are everybody's, as in route.c. */
static bool guesses_too_fast(struct call *call)
{
    struct api *api = call->api;
    return (api->options.rate_per_address.given || !http_request_peer_is_local(call->request)) &&
           !rates_take(api->code_rates, http_request_peer_key(call->request), time_mono_ns());
}

static void join(struct call *call)
{
    struct fields fields = fields_of(call);
    struct key32 code_hash = {{0}};
    struct bytes const typed = fields_text(&fields, "code", 1, TYPED_MAX);
    struct bytes const label = fields_optional_text(&fields, "host_name", 100);
    if (typed.size > 0 && !join_code_hash(typed, &code_hash)) {
        fields_error(&fields, "code",
                     "is %d letters and digits, in either case, as "
                     "K7QM-2VXA-9RTD-H4NZ-0B3C",
                     JOIN_CODE_SIZE);
    }
    if (!fields_good(&fields)) {
        return;
    }
    if (guesses_too_fast(call)) {
        call->retry_after_s = 1;
        call_problem(call, 429, "rate_limited",
                     "too many codes were tried from this address; try again in 1 s");
        return;
    }
    char *text = arena_alloc(&call->arena, TOKEN_TEXT_SIZE);
    if (text == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    int64_t const now = time_wall_ns();
    call->command = (struct command){
        .type = COMMAND_CODE_EXCHANGE, .command_id = id_new(now), .actor_kind = ACTOR_ACCOUNT};
    call->command.u.exchange.code_hash = code_hash;
    new_token(text, &call->command.u.exchange.token, SCOPE_ENROL, now + JOINED_VALID_S * NS_PER_S);
    call->command.u.exchange.token.label = label;
    call->state = text;
    call_submit(call, CLASS_CONSUMER, joined);
}

static const struct route ROUTES[] = {
    {HTTP_POST, "/v1/workers/codes", SCOPE_PROVIDER, BODY_JSON, make_code},
    {HTTP_POST, "/v1/workers/join", ROUTE_PUBLIC, BODY_JSON, join},
};
const struct route_table ROUTES_CODES = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
