/* The naive ledger's rules after a restore (naive_ledger.h). */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/naive_ledger.h"

#include "core/base/invariant.h"

static bool is_open(const struct naive_ledger *n, const struct naive_job *job)
{
    bool open = job->escrow_status <= ESCROW_LOCKED;
    for (size_t i = 0; i < n->leg_count; i++) {
        open |= &n->jobs[n->legs[i].job] == job && n->legs[i].status != LEG_CONFIRMED;
    }
    return open;
}

static bool log_has(const struct naive_ledger *n, struct key32 tx_id)
{
    for (size_t i = 0; i < n->leg_count; i++) {
        if (n->legs[i].status != LEG_DUE && key_equal(n->legs[i].tx_id, tx_id)) {
            return true;
        }
    }
    return false;
}

static const char *reread(struct naive_ledger *n, const struct command_reread *c)
{
    for (size_t i = 0; i < n->job_count; i++) {
        struct naive_job *job = &n->jobs[i];
        if (!id_equal(job->escrow_id, c->escrow_id)) {
            continue;
        }
        if (c->generation != n->generation || job->generation == n->generation) {
            return "nothing new";
        }
        if (c->processed_tick == 0) {
            return "no tick";
        }
        job->generation = n->generation;
        job->changed = true;
        const struct ev_found_payment *outgoing = c->outgoing.items;
        for (size_t k = 0; k < c->outgoing.count; k++) {
            if (!log_has(n, outgoing[k].tx_id)) {
                INVARIANT(n->found_count < NAIVE_THINGS_MAX);
                n->found[n->found_count++] = (struct naive_found){.job = i, .payment = outgoing[k]};
            }
        }
        return NULL;
    }
    return "no such escrow";
}

const char *naive_restore(struct naive_ledger *n, const struct command *c)
{
    if (c->type == COMMAND_ESCROW_REREAD) {
        return c->actor_kind == ACTOR_SETTLEMENT ? reread(n, &c->u.reread) : "not settlement";
    }
    if (c->actor_kind != ACTOR_OPERATOR && c->actor_kind != ACTOR_LEDGER) {
        return "not the operator";
    }
    if (c->type == COMMAND_LEDGER_RESTORE) {
        if (c->u.restore.generation <= n->generation || c->u.restore.parent_size == 0 ||
            key_is_zero(c->u.restore.parent_root)) {
            return "no new generation";
        }
        n->generation = c->u.restore.generation;
        n->observing = true;
        return NULL;
    }
    for (size_t i = 0; i < n->job_count; i++) {
        if (is_open(n, &n->jobs[i]) && n->jobs[i].generation != n->generation) {
            return "not read yet";
        }
    }
    if (!n->observing || c->u.resume.generation != n->generation) {
        return "nothing to resume";
    }
    n->observing = false;
    return NULL;
}

bool naive_was_found(const struct naive_ledger *n, struct key32 tx_id)
{
    bool found = false;
    for (size_t i = 0; i < n->found_count; i++) {
        found |= key_equal(n->found[i].payment.tx_id, tx_id);
    }
    return found;
}

uint64_t naive_found_of(const struct naive_ledger *n, size_t job)
{
    uint64_t count = 0;
    for (size_t i = 0; i < n->found_count; i++) {
        count += n->found[i].job == job ? 1 : 0;
    }
    return count;
}

/* Kinds of legs are numbered alike; what was paid otherwise is the balance's to judge. */
const char *naive_may_sign(struct naive_ledger *n, const struct naive_leg *leg, struct key32 tx_id,
                           struct naive_found **ret)
{
    bool others = false;
    *ret = NULL;
    if (n->observing || n->jobs[leg->job].generation != n->generation) {
        return "not yet";
    }
    for (size_t i = 0; i < n->found_count; i++) {
        struct naive_found *found = &n->found[i];
        const struct ev_found_payment *p = &found->payment;
        if (found->job != leg->job) {
            continue;
        }
        if (!key_equal(p->tx_id, tx_id)) {
            others |= p->paid_as != PAID_OTHERWISE && !found->taken;
        } else if (found->taken || (int)p->paid_as != (int)leg->kind || p->amount != leg->amount ||
                   !key_equal(p->destination, leg->destination) ||
                   !key_equal(p->deposit_tx, leg->deposit_tx)) {
            return "another payment";
        } else {
            *ret = found;
        }
    }
    return others && *ret == NULL ? "paid before" : NULL;
}
