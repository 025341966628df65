/* Sign-in by wallet. */
// SPDX-License-Identifier: Apache-2.0
#include "api/new_token.h"
#include "api/nonces.h"
#include "api/route.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/qubic/sign_in.h"

#include <stdio.h>
#include <string.h>

#define SIGN_IN_SCOPES (SCOPE_CONSUMER | SCOPE_PROVIDER)

struct session {
    char text[TOKEN_TEXT_SIZE]; /* the secret, shown once */
    struct key32 identity;
};

/* "2026-11-24T02:55:46Z": the text that is signed has no fraction. */
static void format_seconds(int64_t wall_ns, char ret[TIME_TEXT_SIZE])
{
    time_format(wall_ns, ret);
    ret[19] = 'Z';
    ret[20] = '\0';
}

static void challenge(struct call *call)
{
    uint8_t nonce[NONCE_SIZE];
    char nonce_text[NONCE_SIZE * 2 + 1];
    char expires[TIME_TEXT_SIZE];
    char log_id[ID_TEXT_SIZE];
    int64_t expires_at = 0;
    struct fields fields = fields_of(call);
    if (!fields_good(&fields)) {
        return;
    }
    nonces_issue(call->api->nonces, nonce, &expires_at);
    hex_encode(bytes_of(nonce, sizeof nonce), nonce_text);
    format_seconds(expires_at, expires);
    id_format(call->api->log_id, log_id);
    call_reply(call, 200,
               json_pack("{s:s,s:s,s:s,s:s}", "nonce", nonce_text, "origin", call->api->origin,
                         "log_id", log_id, "expires_at", expires));
}

/* Signed is the text of this server's own challenge, whatever was sent. */
static bool is_signed(struct call *call, const struct key32 *identity,
                      const uint8_t nonce[NONCE_SIZE], int64_t expires_at,
                      const uint8_t signature[SCHNORRQ_SIGNATURE_SIZE])
{
    char log_id[ID_TEXT_SIZE];
    char nonce_text[NONCE_SIZE * 2 + 1];
    char expires[TIME_TEXT_SIZE];
    id_format(call->api->log_id, log_id);
    hex_encode(bytes_of(nonce, NONCE_SIZE), nonce_text);
    format_seconds(expires_at, expires);
    struct qubic_sign_in const sign_in = {
        .origin = bytes_of_text(call->api->origin),
        .log_id = bytes_of_text(log_id),
        .nonce = bytes_of_text(nonce_text),
        .expires_at = bytes_of_text(expires),
    };
    return qubic_sign_in_is_signed(&sign_in, identity, signature);
}

static void session_answered(struct call *call)
{
    struct session *token = call->state;
    const struct ev_token_issued *issued = &call->command.u.session.token;
    struct reading reading;
    struct id16 account_id = {0};
    if (!reading_open(&reading, call)) {
        return;
    }
    (void)state_account_by_identity(reading.store, token->identity, &account_id);
    reading_close(&reading);
    call_reply(call, 201,
               json_pack("{s:s,s:o,s:o,s:o,s:o,s:o}", "token", token->text, "token_id",
                         json_of_id(issued->token_id), "account_id", json_of_id(account_id),
                         "identity", json_of_identity(token->identity), "scopes",
                         json_of_scopes(issued->scopes), "expires_at",
                         json_of_time(issued->expires_at)));
}

static void session(struct call *call)
{
    uint8_t nonce[NONCE_SIZE] = {0};
    uint8_t signature[SCHNORRQ_SIGNATURE_SIZE] = {0};
    int64_t expires_at = 0;
    struct fields fields = fields_of(call);
    struct key32 identity = fields_identity(&fields, "identity");
    fields_hex(&fields, "nonce", nonce, sizeof nonce);
    fields_hex(&fields, "signature", signature, sizeof signature);
    uint64_t scopes = fields_scopes(&fields, "scopes", SIGN_IN_SCOPES);
    struct bytes label = fields_optional_text(&fields, "label", 100);
    if (!fields_good(&fields)) {
        return;
    }
    if (!nonces_check(call->api->nonces, nonce, &expires_at)) {
        call_problem(
            call, 401, "nonce_unknown",
            "this challenge is unknown, used or older than five minutes; ask for a new one");
        return;
    }
    if (!is_signed(call, &identity, nonce, expires_at, signature)) {
        call_problem(
            call, 401, "signature_wrong",
            "the signature is not this identity's over the sign-in text of this challenge");
        return;
    }
    struct err err = {0};
    if (nonces_use(call->api->nonces, nonce, &err) != ERR_OK) {
        call_refuse(call, &err);
        return;
    }
    struct session *token = arena_alloc(&call->arena, sizeof *token);
    if (token == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    token->identity = identity;
    call->state = token;
    call->command = (struct command){.type = COMMAND_SESSION_OPEN,
                                     .command_id = id_new(time_wall_ns()),
                                     .actor_kind = ACTOR_ACCOUNT};
    call->command.u.session.identity = identity;
    call->command.u.session.account_id = id_new(time_wall_ns());
    new_token(token->text, &call->command.u.session.token, scopes,
              time_wall_ns() + TOKEN_VALID_S * NS_PER_S);
    call->command.u.session.token.label = label;
    call_submit(call, CLASS_CONSUMER, session_answered);
}

static void whoami(struct call *call)
{
    struct reading reading;
    struct account_row account = {0};
    if (!reading_open(&reading, call)) {
        return;
    }
    (void)state_account(reading.store, call->principal.account_id, &account);
    reading_close(&reading);
    call_reply(call, 200,
               json_pack("{s:o,s:o,s:o,s:o,s:o}", "account_id",
                         json_of_id(call->principal.account_id), "identity",
                         json_of_identity(account.identity), "scopes",
                         json_of_scopes(call->principal.scopes), "host_id",
                         json_of_id(call->principal.host_id), "token_id",
                         json_of_id(call->principal.token_id)));
}

static const struct route ROUTES[] = {
    {HTTP_POST, "/v1/auth/challenge", ROUTE_PUBLIC, BODY_JSON, challenge},
    {HTTP_POST, "/v1/auth/session", ROUTE_PUBLIC, BODY_JSON, session},
    {HTTP_GET, "/v1/auth/whoami", ROUTE_ANY, BODY_NONE, whoami},
};
const struct route_table ROUTES_AUTH = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
