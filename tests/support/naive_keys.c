/* What auditors record, and what settlement's own keys do: an anchor goes on the chain when it covers more than the one before; a settlement key is over when it is not the newest,
 * not over before, and nothing of its escrows is owed or may still be. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/naive_ledger.h"

#include "core/base/id.h"

bool naive_audit(const struct naive_ledger *n, const struct command *c, int64_t now)
{
    const struct ev_reconciliation_recorded *r = &c->u.reconciliation.recorded;
    bool may = c->actor_kind == ACTOR_OPERATOR || c->actor_kind == ACTOR_LEDGER;
    bool known = false;
    for (size_t i = 0; i < n->token_count; i++) {
        const struct naive_token *token = &n->tokens[i];
        may |= id_equal(token->id, c->u.reconciliation.token_id) && !token->revoked &&
               c->actor_kind == ACTOR_ACCOUNT && id_equal(token->account_id, c->actor_id) &&
               (token->expires_at == 0 || now < token->expires_at) &&
               (token->scopes & (SCOPE_OPERATOR | SCOPE_AUDITOR)) != 0;
    }
    for (size_t i = 0; i < n->account_count; i++) {
        known |= id_equal(n->accounts[i].id, r->provider_id);
    }
    return may && known && r->from < r->until && !key_is_zero(r->report_digest);
}

bool naive_anchor(struct naive_ledger *n, const struct command *c)
{
    const struct ev_checkpoint_anchored *a = &c->u.anchored;
    if (c->actor_kind != ACTOR_SETTLEMENT || a->size <= n->anchored || key_is_zero(a->root) ||
        key_is_zero(a->tx_id) || a->tick == 0) {
        return false;
    }
    n->anchored = a->size;
    return true;
}

bool naive_retire(struct naive_ledger *n, const struct command *c)
{
    uint64_t id = c->u.key_retire.key_id;
    if (c->actor_kind != ACTOR_SETTLEMENT && c->actor_kind != ACTOR_OPERATOR &&
        c->actor_kind != ACTOR_LEDGER) {
        return false;
    }
    if (n->observing) {
        return false;
    }
    if (id >= 64 || (n->keys >> id & 1) == 0 || (n->retired >> id & 1) != 0 || id == n->key_id) {
        return false;
    }
    for (size_t i = 0; i < n->job_count; i++) {
        if (n->jobs[i].key_id == id && n->jobs[i].status != JOB_ENDED) {
            return false;
        }
    }
    for (size_t i = 0; i < n->leg_count; i++) {
        if (n->jobs[n->legs[i].job].key_id == id && n->legs[i].status != LEG_CONFIRMED) {
            return false;
        }
    }
    n->retired |= UINT64_C(1) << id;
    return true;
}
