/* One's own tokens: what there are, narrower ones for programs, and their end. */
// SPDX-License-Identifier: Apache-2.0
#include "projections/tokens.h"
#include "api/list.h"
#include "api/new_token.h"
#include "api/route.h"
#include "api/token_uses.h"
#include "core/base/time.h"

#define MY_TOKENS (SCOPE_CONSUMER | SCOPE_PROVIDER | SCOPE_OPERATOR)
#define TOKEN_VALID_MIN_S 60

/* ── listing ───────────────────────────────────────────────────────────────────────────────────── */

static json_t *json_of_token(struct reading *reading, const struct token_entry *entry)
{
    struct event issued;
    struct event revoked;
    struct token_row row;
    if (!state_token(reading->store, entry->token_hash, &row) ||
        !reading_event(reading, entry->issued_sequence, &issued)) {
        return NULL;
    }
    bool is_revoked = row.revoked != 0 && reading_event(reading, row.revoked, &revoked);
    const struct call *call = reading->call;
    int64_t used_at = token_uses_last(call->api->token_uses, row.token_id);
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:b}", "token_id", json_of_id(row.token_id),
                     "scopes", json_of_scopes(row.scopes), "label",
                     json_of_text(issued.u.token_issued.label), "host_id", json_of_id(row.host_id),
                     "issued_at", json_of_time(issued.time), "expires_at",
                     json_of_time(row.expires_at), "last_used_at", json_of_time(used_at),
                     "revoked_at", json_of_time(is_revoked ? revoked.time : 0), "current",
                     (int)id_equal(row.token_id, call->principal.token_id));
}

static void list_tokens(struct call *call)
{
    struct reading reading;
    struct token_entry entries[LIST_MAX];
    uint64_t before = 0;
    size_t limit = list_limit(call);
    if (limit == 0 || !list_cursor(call, "before", &before) || !reading_open(&reading, call)) {
        return;
    }
    size_t count = tokens_list(reading.store, call->principal.account_id, before, entries, limit);
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *item = json_of_token(&reading, &entries[i]);
        if (item != NULL) {
            (void)json_array_append_new(items, item);
        }
    }
    reading_close(&reading);
    json_t *next = count == limit ? json_of_u64(entries[count - 1].issued_sequence) : json_null();
    call_reply(call, 200, json_pack("{s:o,s:o}", "items", items, "next", next));
}

/* ── issuing ───────────────────────────────────────────────────────────────────────────────────── */

static void issued(struct call *call)
{
    const struct ev_token_issued *token = &call->command.u.token.token;
    call_reply(call, 201,
               json_pack("{s:s,s:o,s:o,s:o}", "token", (const char *)call->state, "token_id",
                         json_of_id(token->token_id), "scopes", json_of_scopes(token->scopes),
                         "expires_at", json_of_time(token->expires_at)));
}

/* What the asking token may do itself, but that an operator's also gives out what only looks. It outlives nobody: else a token that was
 * stolen could be kept alive for ever. */
static void issue_token(struct call *call)
{
    struct fields fields = fields_of(call);
    uint64_t own = call->principal.scopes & MY_TOKENS;
    uint64_t allowed = own | ((own & SCOPE_OPERATOR) != 0 ? SCOPE_AUDITOR : 0);
    uint64_t scopes = fields_scopes(&fields, "scopes", allowed);
    uint64_t valid_s = fields_optional_u64(&fields, "valid_s", TOKEN_VALID_MIN_S,
                                           (uint64_t)TOKEN_VALID_S, (uint64_t)TOKEN_VALID_S);
    struct bytes label = fields_optional_text(&fields, "label", 100);
    if (!fields_good(&fields)) {
        return;
    }
    char *text = arena_alloc(&call->arena, TOKEN_TEXT_SIZE);
    if (text == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    int64_t expires_at = time_wall_ns() + (int64_t)valid_s * NS_PER_S;
    if (call->principal.expires_at != 0 && call->principal.expires_at < expires_at) {
        expires_at = call->principal.expires_at;
    }
    call_command(call, COMMAND_TOKEN_ISSUE);
    /* The token is shown once, so this answer cannot be given again: no idempotency here. */
    call->command.command_id = id_new(time_wall_ns());
    call->command.fingerprint = (struct key32){0};
    call->command.u.token.account_id = call->principal.account_id;
    new_token(text, &call->command.u.token.token, scopes, expires_at);
    call->command.u.token.token.label = label;
    call->state = text;
    call_submit(call, CLASS_CONSUMER, issued);
}

/* ── revoking ──────────────────────────────────────────────────────────────────────────────────── */

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
    {HTTP_GET, "/v1/auth/tokens", MY_TOKENS, BODY_NONE, list_tokens},
    {HTTP_POST, "/v1/auth/tokens", MY_TOKENS, BODY_JSON, issue_token},
    {HTTP_POST, "/v1/auth/tokens/{id}/revoke", MY_TOKENS, BODY_JSON, revoke_token},
};
const struct route_table ROUTES_TOKENS = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
