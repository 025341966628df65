/* What settlement's own keys do: an anchor goes on the chain when it covers more than the one before; a settlement key is over when it is not the newest,
 * not over before, and nothing of its escrows is owed or may still be. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/naive_ledger.h"

#include "core/base/id.h"

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
