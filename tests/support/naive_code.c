/* A code is a token that enrols and nothing else. It is worth one other such token. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "tests/support/naive_ledger.h"

static bool is_new(const struct naive_ledger *n, const struct ev_token_issued *token)
{
    for (size_t i = 0; i < n->token_count; i++) {
        if (key_equal(n->tokens[i].hash, token->token_hash) ||
            id_equal(n->tokens[i].id, token->token_id)) {
            return false;
        }
    }
    return true;
}

bool naive_code(struct naive_ledger *n, const struct command_exchange *c, int64_t now)
{
    struct naive_token *code = NULL;
    for (size_t i = 0; i < n->token_count; i++) {
        if (key_equal(n->tokens[i].hash, c->code_hash)) {
            code = &n->tokens[i];
        }
    }
    if (code == NULL || code->scopes != SCOPE_ENROL || code->revoked || now >= code->expires_at ||
        c->token.scopes != SCOPE_ENROL || !is_new(n, &c->token) ||
        (c->token.expires_at != 0 && now >= c->token.expires_at)) {
        return false;
    }
    INVARIANT(n->token_count < NAIVE_THINGS_MAX);
    code->revoked = true;
    n->tokens[n->token_count++] = (struct naive_token){.id = c->token.token_id,
                                                       .hash = c->token.token_hash,
                                                       .account_id = code->account_id,
                                                       .scopes = SCOPE_ENROL,
                                                       .expires_at = c->token.expires_at};
    return true;
}
