/* Escrows and legs of the naive ledger (naive_ledger.h), and its rules after a restore, which are about them. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/naive_ledger.h"

#include "core/base/invariant.h"

#include <string.h>

static bool is_open(const struct naive_ledger *n, const struct naive_job *job)
{
    bool open = job->escrow_status <= ESCROW_LOCKED;
    for (size_t i = 0; i < n->leg_count; i++) {
        open |= &n->jobs[n->legs[i].job] == job && n->legs[i].status != LEG_CONFIRMED;
    }
    return open;
}

size_t naive_unpaid(const struct naive_ledger *n, struct id16 account_id)
{
    size_t unpaid = 0;
    for (size_t i = 0; i < n->job_count; i++) {
        bool const waits = n->jobs[i].escrow_status == ESCROW_REQUESTED;
        unpaid += waits && id_equal(n->jobs[i].account_id, account_id) ? 1 : 0;
    }
    return unpaid;
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
                for (size_t l = 0; l < n->leg_count; l++) {
                    n->legs[l].found_since += n->legs[l].job == i ? 1 : 0;
                }
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
    uint64_t unread = 0;
    for (size_t i = 0; i < n->job_count; i++) {
        unread += is_open(n, &n->jobs[i]) && n->jobs[i].generation != n->generation ? 1 : 0;
    }
    if (unread > c->u.resume.unread_max) {
        return "not read yet";
    }
    if (!n->observing || c->u.resume.generation != n->generation) {
        return "nothing to resume";
    }
    n->observing = false;
    return NULL;
}

static bool was_found(const struct naive_ledger *n, struct key32 tx_id)
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
/* Whether a transaction may become a leg's: NULL, or why not. `ret`: it left already, as this leg. */
static const char *may_sign(struct naive_ledger *n, const struct naive_leg *leg, struct key32 tx_id,
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

static size_t came_at(const struct naive_ledger *n, struct key32 deposit_tx)
{
    size_t i = 0;
    while (!key_equal(n->deposits[i].tx_id, deposit_tx)) {
        INVARIANT(++i < n->deposit_count);
    }
    return i;
}

/* Refund, payout, fee, then what goes back to where it came from: first what could have been a lock, then dust, each as it came. */
static bool comes_before(const struct naive_ledger *n, const struct naive_leg *a,
                         const struct naive_leg *b)
{
    static const int ORDER[] = {
        [LEG_REFUND] = 1, [LEG_PAYOUT] = 2, [LEG_FEE] = 3, [LEG_RETURN] = 4};
    static const int PLANTED[] = {
        [LEG_REFUND] = 2, [LEG_PAYOUT] = 1, [LEG_FEE] = 3, [LEG_RETURN] = 4};
    const int *order = n->error == NAIVE_PAYOUT_FIRST ? PLANTED : ORDER;
    if (order[a->kind] != order[b->kind] || a->kind != LEG_RETURN) {
        return order[a->kind] < order[b->kind];
    }
    return a->dust != b->dust ? b->dust : came_at(n, a->deposit_tx) < came_at(n, b->deposit_tx);
}

const char *naive_sign(struct naive_ledger *n, struct naive_leg *leg, const struct ev_leg_signed *s)
{
    struct naive_found *left;
    const char *why = may_sign(n, leg, s->tx_id, &left);
    if (why != NULL || leg->status != LEG_DUE || (n->jobs[leg->job].shortfall && left == NULL)) {
        return why == NULL ? "not due" : why;
    }
    for (size_t i = 0; i < n->leg_count; i++) {
        const struct naive_leg *other = &n->legs[i];
        if (other->job == leg->job &&
            (other->status == LEG_SIGNED ||
             (other->status == LEG_DUE && left == NULL && comes_before(n, other, leg)))) {
            return "another comes first";
        }
    }
    if (s->attempt != leg->attempt + 1 || s->amount != leg->amount ||
        !key_equal(s->destination, leg->destination) || s->tick == 0 || key_is_zero(s->tx_id) ||
        s->transaction.size == 0 || (left != NULL && left->payment.tick != s->tick)) {
        return "not the leg";
    }
    if (left != NULL) {
        left->taken = true;
    }
    leg->status = LEG_SIGNED;
    leg->attempt = s->attempt;
    leg->tx_id = s->tx_id;
    leg->tick = s->tick;
    leg->outgoing_count = s->outgoing_count;
    leg->found_since = 0;
    return NULL;
}

const char *naive_lose(struct naive_ledger *n, struct naive_leg *leg, const struct ev_leg_lost *l)
{
    if (leg->status != LEG_SIGNED || l->attempt != leg->attempt ||
        !key_equal(l->tx_id, leg->tx_id) || l->tick != leg->tick || l->reason == 0 ||
        l->processed_tick < leg->tick + 3 || l->balance_tick < leg->tick ||
        was_found(n, l->tx_id) || l->outgoing_count != leg->outgoing_count + leg->found_since) {
        return "no evidence";
    }
    leg->status = LEG_DUE;
    return NULL;
}
