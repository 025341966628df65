/* What is in the log for auditors alone: what one of them found, and where a checkpoint can be found on the chain. The ledger takes
 * their word for it: anybody can compute it again. */
// SPDX-License-Identifier: Apache-2.0
#include "core/market/decide_internal.h"

/* The operator, or whoever holds a token of the actor's own that says auditor (or operator), and is good now. */
static bool is_auditor(const struct deciding *d)
{
    const struct command *c = d->command;
    struct id16 token_id = c->u.reconciliation.token_id;
    struct key32 hash;
    struct token_row token;
    if (c->actor_kind == ACTOR_OPERATOR || c->actor_kind == ACTOR_LEDGER) {
        return true;
    }
    return store_get_row(d->state, &STATE_TOKEN_IDS, id_key(&token_id), &hash, sizeof hash) &&
           state_token(d->state, hash, &token) && decide_by_account(d, token.account_id) &&
           token.revoked == 0 && (token.expires_at == 0 || token.expires_at > d->now) &&
           (token.scopes & (SCOPE_AUDITOR | SCOPE_OPERATOR)) != 0;
}

/* Settlement has seen the transaction on the chain. An anchor says more than the one before it, so none is told twice. */
static enum err_code anchor(struct deciding *d)
{
    const struct ev_checkpoint_anchored *anchored = &d->command->u.anchored;
    struct id16 ledger = {0};
    if (d->command->actor_kind != ACTOR_SETTLEMENT) {
        return refuse(d, ERR_DENIED, "not_settlement", "only settlement reports from the chain");
    }
    if (anchored->size == 0 || anchored->tick == 0 || key_is_zero(anchored->root) ||
        key_is_zero(anchored->tx_id)) {
        return refuse(d, ERR_INVALID, "anchor_invalid",
                      "an anchor has a size, a root, a transaction and its tick");
    }
    if (anchored->size <= d->ledger.anchored_size) {
        return refuse(d, ERR_CONFLICT, "anchor_old", "%llu records were anchored before",
                      (unsigned long long)d->ledger.anchored_size);
    }
    decide_event(d, EVENT_CHECKPOINT_ANCHORED, ledger)->u.checkpoint_anchored = *anchored;
    return ERR_OK;
}

static enum err_code record_reconciliation(struct deciding *d)
{
    const struct ev_reconciliation_recorded *recorded = &d->command->u.reconciliation.recorded;
    struct id16 ledger = {0};
    struct account_row account;
    if (!is_auditor(d)) {
        return refuse(d, ERR_DENIED, "not_auditor",
                      "only the operator or an auditor records a reconciliation");
    }
    if (!state_account(d->state, recorded->provider_id, &account)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_provider", "there is no such provider");
    }
    if (recorded->from >= recorded->until || key_is_zero(recorded->report_digest)) {
        return refuse(d, ERR_INVALID, "reconciliation_invalid",
                      "a reconciliation has a period that begins before it ends, and the digest of "
                      "its report");
    }
    decide_event(d, EVENT_RECONCILIATION_RECORDED, ledger)->u.reconciliation_recorded = *recorded;
    return ERR_OK;
}

enum err_code decide_audit(struct deciding *d)
{
    return d->command->type == COMMAND_CHECKPOINT_ANCHOR ? anchor(d) : record_reconciliation(d);
}
