/* Sign-in by wallet, and tokens. */
// SPDX-License-Identifier: Apache-2.0
#include "api/fields.h"
#include "api/nonces.h"
#include "api/route.h"
#include "core/base/rng.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/crypto/sha256.h"
#include "core/qubic/sign_in.h"

#include <stdio.h>
#include <string.h>

#define TOKEN_VALID_S (INT64_C(30) * 24 * 3600)
#define TOKEN_BYTES 32
#define SIGN_IN_SCOPES (SCOPE_CONSUMER | SCOPE_PROVIDER)

struct new_token {
    char text[TOKEN_BYTES * 2 + 1]; /* the secret, shown once */
    struct key32 identity;
};

static json_t *json_of_scopes(uint64_t scopes)
{
    static const char *const WORDS[] = {"consumer", "provider", "worker", "operator", "auditor"};
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if ((scopes >> i & 1) != 0) {
            (void)json_array_append_new(list, json_string(WORDS[i]));
        }
    }
    return list;
}

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

static void new_token(struct new_token *ret, struct ev_token_issued *issued, uint64_t scopes)
{
    uint8_t secret[TOKEN_BYTES];
    rng_bytes(secret, sizeof secret);
    hex_encode(bytes_of(secret, sizeof secret), ret->text);
    *issued = (struct ev_token_issued){
        .token_id = id_new(time_wall_ns()),
        .token_hash = sha256_of(bytes_of_text(ret->text)),
        .scopes = scopes,
        .expires_at = time_wall_ns() + TOKEN_VALID_S * NS_PER_S,
    };
}

static void session_answered(struct call *call)
{
    struct new_token *token = call->state;
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

static uint64_t read_scopes(struct fields *fields)
{
    static const struct {
        const char *word;
        uint64_t bit;
    } WORDS[] = {{"consumer", SCOPE_CONSUMER}, {"provider", SCOPE_PROVIDER}};
    json_t *list = fields_array(fields, "scopes");
    uint64_t scopes = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *word = json_string_value(json_array_get(list, i));
        uint64_t bit = 0;
        for (size_t w = 0; word != NULL && w < sizeof WORDS / sizeof *WORDS; w++) {
            bit |= strcmp(word, WORDS[w].word) == 0 ? WORDS[w].bit : 0;
        }
        if (bit == 0) {
            fields_error(fields, "scopes", "holds consumer, provider or both");
            return 0;
        }
        scopes |= bit;
    }
    if (list != NULL && scopes == 0) {
        fields_error(fields, "scopes", "holds consumer, provider or both");
    }
    return scopes;
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
    uint64_t scopes = read_scopes(&fields);
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
    struct new_token *token = arena_alloc(&call->arena, sizeof *token);
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
    new_token(token, &call->command.u.session.token, scopes & SIGN_IN_SCOPES);
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

static void revoked(struct call *call)
{
    call_reply(call, 200, json_pack("{s:b}", "revoked", 1));
}

static void revoke_token(struct call *call)
{
    struct fields fields = fields_of(call);
    if (!fields_good(&fields)) {
        return;
    }
    call_command(call, COMMAND_TOKEN_REVOKE);
    call->command.u.token_revoke.account_id = call->principal.account_id;
    call->command.u.token_revoke.token_id = call->id;
    call_submit(call, CLASS_CONSUMER, revoked);
}

static const struct route ROUTES[] = {
    {HTTP_POST, "/v1/auth/challenge", ROUTE_PUBLIC, BODY_JSON, challenge},
    {HTTP_POST, "/v1/auth/session", ROUTE_PUBLIC, BODY_JSON, session},
    {HTTP_GET, "/v1/auth/whoami", ROUTE_ANY, BODY_NONE, whoami},
    {HTTP_POST, "/v1/auth/tokens/{id}/revoke", SCOPE_CONSUMER | SCOPE_PROVIDER | SCOPE_OPERATOR,
     BODY_JSON, revoke_token},
};
const struct route_table ROUTES_AUTH = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
