/* What settlement reports from the chain. The rule that nothing is paid twice is held here, not in settlement's memory:
 * attempt n + 1 of a leg is refused until attempt n is lost, by evidence. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/checked.h"
#include "core/base/invariant.h"
#include "core/market/billing.h"
#include "core/market/decide_internal.h"
#include "core/market/posting.h"

#include <string.h>

static enum err_code known_escrow(struct deciding *d, struct id16 escrow_id, struct escrow_row *ret)
{
    if (d->command->actor_kind != ACTOR_SETTLEMENT) {
        return refuse(d, ERR_DENIED, "not_settlement", "only settlement reports from the chain");
    }
    if (!state_escrow(d->state, escrow_id, ret)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_escrow", "there is no such escrow");
    }
    return ERR_OK;
}

static enum deposit_class classify(const struct command_deposit *c, const struct escrow_row *escrow)
{
    if (!key_equal(c->source, escrow->consumer_identity)) {
        return DEPOSIT_FOREIGN;
    }
    if (!c->payload_ours || !id_equal(c->job_id, escrow->job_id) ||
        !id_equal(c->payload_escrow_id, c->escrow_id) || !id_equal(c->quote_id, escrow->quote_id) ||
        !key_equal(c->provider, escrow->provider_identity)) {
        return DEPOSIT_MALFORMED;
    }
    if (escrow->status == ESCROW_OBSERVED || escrow->status == ESCROW_LOCKED ||
        escrow->status == ESCROW_SETTLED) {
        return DEPOSIT_DUPLICATE;
    }
    if (escrow->status == ESCROW_CLOSED || c->tick > escrow->last_tick) {
        return DEPOSIT_LATE;
    }
    if (c->amount != escrow->amount) {
        return c->amount < escrow->amount ? DEPOSIT_SHORT : DEPOSIT_OVER;
    }
    return DEPOSIT_LOCK;
}

/* All QUBIC there are fit into AMOUNT_MAX: an archive that shows more at one identity, or more from one than can be counted, is wrong, and a
 * sum that leaves its range would stop the ledger. */
static bool can_be(struct deciding *d, const struct command_deposit *c)
{
    uint8_t held[ACCOUNT_KEY_SIZE];
    uint8_t wallet[ACCOUNT_KEY_SIZE];
    int64_t sum = 0;
    account_key(ACCOUNT_HELD, id_key(&c->escrow_id), 0, held);
    account_key(ACCOUNT_WALLET, hash_key(&c->source), 0, wallet);
    return checked_add_i64(state_balance(d->state, held), c->amount, &sum) && sum <= AMOUNT_MAX &&
           checked_sub_i64(state_balance(d->state, wallet), c->amount, &sum);
}

static enum err_code observe_deposit(struct deciding *d)
{
    const struct command_deposit *c = &d->command->u.deposit;
    struct escrow_row escrow = {0};
    struct deposit_row seen;
    enum err_code code = known_escrow(d, c->escrow_id, &escrow);
    if (code != ERR_OK) {
        return code;
    }
    if (state_deposit(d->state, c->tx_id, &seen)) {
        return refuse(d, ERR_CONFLICT, "deposit_seen", "this transaction was observed before");
    }
    if (c->amount <= 0 || c->amount > AMOUNT_MAX || c->tick == 0 || key_is_zero(c->tx_id)) {
        return refuse(d, ERR_INVALID, "deposit_invalid",
                      "a deposit has an id, a tick and an amount up to %lld QUBIC",
                      (long long)AMOUNT_MAX);
    }
    if (!can_be(d, c)) {
        return refuse(d, ERR_CONFLICT, "deposit_impossible",
                      "with this transaction one identity would have moved more than %lld QUBIC, "
                      "which is more than there are",
                      (long long)AMOUNT_MAX);
    }
    decide_event(d, EVENT_DEPOSIT_OBSERVED, c->escrow_id)->u.deposit_observed =
        (struct ev_deposit_observed){
            .job_id = escrow.job_id,
            .tx_id = c->tx_id,
            .source = c->source,
            .amount = c->amount,
            .tick = c->tick,
            .class = classify(c, &escrow),
        };
    return ERR_OK;
}

static enum err_code confirm_escrow(struct deciding *d)
{
    const struct command_confirm *c = &d->command->u.confirm;
    struct escrow_row escrow = {0};
    enum err_code code = known_escrow(d, c->escrow_id, &escrow);
    if (code != ERR_OK) {
        return code;
    }
    if (escrow.status != ESCROW_OBSERVED || c->confirmations != escrow.confirmations + 1) {
        return refuse(d, ERR_CONFLICT, "not_next", "confirmation %llu is not the next one",
                      (unsigned long long)c->confirmations);
    }
    if (c->processed_tick < escrow.lock_tick + c->confirmations) {
        return refuse(d, ERR_CONFLICT, "too_early", "tick %llu has not been processed yet",
                      (unsigned long long)(escrow.lock_tick + c->confirmations));
    }
    decide_event(d, EVENT_ESCROW_CONFIRMED, c->escrow_id)->u.escrow_confirmed =
        (struct ev_escrow_confirmed){
            .job_id = escrow.job_id,
            .tx_id = escrow.lock_tx,
            .confirmations = c->confirmations,
            .required = d->ledger.confirmations,
            .processed_tick = c->processed_tick,
        };
    if (c->confirmations >= d->ledger.confirmations) {
        decide_event(d, EVENT_ESCROW_LOCKED, c->escrow_id)->u.escrow_locked =
            (struct ev_escrow_locked){
                .job_id = escrow.job_id, .tx_id = escrow.lock_tx, .amount = escrow.amount};
    }
    return ERR_OK;
}

static enum err_code expire_escrow(struct deciding *d)
{
    const struct command_confirm *c = &d->command->u.confirm;
    struct escrow_row escrow = {0};
    struct job_row job = {0};
    enum err_code code = known_escrow(d, c->escrow_id, &escrow);
    if (code != ERR_OK) {
        return code;
    }
    if (escrow.status != ESCROW_REQUESTED) {
        return refuse(d, ERR_CONFLICT, "not_waiting", "this escrow is not waiting for a lock");
    }
    code = decide_not_observing(d);
    if (code == ERR_OK) {
        code = decide_reread(d, &escrow);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (c->processed_tick < escrow.last_tick + EVIDENCE_TICKS) {
        return refuse(d, ERR_CONFLICT, "too_early", "a lock may still come until tick %llu",
                      (unsigned long long)escrow.last_tick);
    }
    if (!state_job(d->state, escrow.job_id, &job) || job.status != JOB_AWAITING_LOCK) {
        return refuse(d, ERR_INTERNAL, "escrow_without_job", "an open escrow without its job");
    }
    struct ev_job_end end = {
        .ending = ENDING_NEVER_FUNDED, .fault = FAULT_CONSUMER, .reason = REASON_LOCK_EXPIRED};
    code = decide_job_end(d, escrow.job_id, &job, &end);
    if (code == ERR_OK) {
        struct event *expired = d->decision->events[d->decision->count - 1];
        INVARIANT(expired->type->number == EVENT_ESCROW_EXPIRED);
        expired->u.escrow_expired.processed_tick = c->processed_tick;
    }
    return code;
}

static enum err_code report_shortfall(struct deciding *d)
{
    const struct command_shortfall *c = &d->command->u.shortfall;
    struct escrow_row escrow = {0};
    enum err_code code = known_escrow(d, c->escrow_id, &escrow);
    if (code != ERR_OK) {
        return code;
    }
    bool is_short = c->shortfall.balance < c->shortfall.expected;
    if (is_short == (escrow.shortfall != 0)) {
        return refuse(d, ERR_CONFLICT, "nothing_new", "the ledger knows this already");
    }
    struct event *event = decide_event(d, EVENT_ESCROW_SHORTFALL, c->escrow_id);
    event->u.escrow_shortfall = c->shortfall;
    event->u.escrow_shortfall.job_id = escrow.job_id;
    return ERR_OK;
}

/* ── legs ──────────────────────────────────────────────────────────────────────────────────────── */

enum leg_step { STEP_SIGNED, STEP_LOST, STEP_CONFIRMED };

static enum event_type_number leg_event(enum leg_kind kind, enum leg_step step)
{
    static const enum event_type_number TYPES[3][3] = {
        {EVENT_REFUND_SIGNED, EVENT_REFUND_LOST, EVENT_REFUND_CONFIRMED},
        {EVENT_PAYOUT_SIGNED, EVENT_PAYOUT_LOST, EVENT_PAYOUT_CONFIRMED},
        {EVENT_FEE_SIGNED, EVENT_FEE_LOST, EVENT_FEE_CONFIRMED},
    };
    switch (kind) {
    case LEG_REFUND:
    case LEG_RETURN:
        return TYPES[0][step];
    case LEG_PAYOUT:
        return TYPES[1][step];
    case LEG_FEE:
        return TYPES[2][step];
    }
    IMPOSSIBLE("leg kind");
}

static enum err_code known_leg(struct deciding *d, struct escrow_row *ret_escrow,
                               uint8_t ret_key[LEG_KEY_SIZE], struct leg_row *ret)
{
    const struct command_leg *c = &d->command->u.leg;
    enum err_code code = known_escrow(d, c->escrow_id, ret_escrow);
    if (code != ERR_OK) {
        return code;
    }
    leg_key(c->escrow_id, c->kind, c->deposit_tx, ret_key);
    if (!state_leg(d->state, ret_key, ret)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_leg", "nothing of this kind is due");
    }
    return ERR_OK;
}

static enum err_code check_next(struct deciding *d, const struct leg_row *leg,
                                const struct escrow_row *escrow)
{
    const struct command_leg *c = &d->command->u.leg;
    struct id16 of;
    struct leg_row first;
    uint8_t at[LEG_ORDER_SIZE] = {0};
    if (escrow->shortfall != 0) {
        return refuse(d, ERR_CONFLICT, "shortfall", "the escrow holds less than the ledger says");
    }
    memcpy(at, c->escrow_id.b, sizeof c->escrow_id.b);
    if (!state_next_open_leg(d->state, at, &of, &first) || !id_equal(of, c->escrow_id) ||
        first.kind != leg->kind || !key_equal(first.deposit_tx, leg->deposit_tx)) {
        return refuse(d, ERR_CONFLICT, "not_next", "another leg of this escrow comes first");
    }
    return ERR_OK;
}

static enum err_code sign_leg(struct deciding *d)
{
    const struct command_leg *c = &d->command->u.leg;
    const struct ev_leg_signed *signing = &c->u.signing;
    struct escrow_row escrow = {0};
    struct leg_row leg = {0};
    uint8_t key[LEG_KEY_SIZE];
    enum err_code code = known_leg(d, &escrow, key, &leg);
    if (code != ERR_OK) {
        return code;
    }
    if (leg.status == LEG_CONFIRMED) {
        return refuse(d, ERR_CONFLICT, "leg_paid", "this was paid before");
    }
    if (leg.status != LEG_DUE || escrow.in_flight != 0) {
        return refuse(d, ERR_CONFLICT, "in_flight",
                      "one transaction at a time: the last one is neither confirmed nor lost");
    }
    bool has_left = false;
    code = decide_may_sign(d, &escrow, &leg, &has_left);
    if (code == ERR_OK &&
        !has_left) { /* what left has its place whatever else is due, and however little is there */
        code = check_next(d, &leg, &escrow);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (signing->attempt != leg.attempt + 1 || signing->amount != leg.amount ||
        !key_equal(signing->destination, leg.destination) || signing->tick == 0 ||
        key_is_zero(signing->tx_id) || signing->transaction.size == 0) {
        return refuse(d, ERR_INTERNAL, "leg_differs", "the signed transaction is not the leg");
    }
    struct event *event = decide_event(d, leg_event(c->kind, STEP_SIGNED), c->escrow_id);
    event->u.payout_signed = *signing;
    event->u.payout_signed.job_id = escrow.job_id;
    event->u.payout_signed.deposit_tx = c->deposit_tx;
    return ERR_OK;
}

static enum err_code lose_leg(struct deciding *d)
{
    const struct command_leg *c = &d->command->u.leg;
    const struct ev_leg_lost *lost = &c->u.lost;
    struct escrow_row escrow = {0};
    struct leg_row leg = {0};
    uint8_t key[LEG_KEY_SIZE];
    enum err_code code = known_leg(d, &escrow, key, &leg);
    if (code != ERR_OK) {
        return code;
    }
    if (leg.status != LEG_SIGNED || lost->attempt != leg.attempt ||
        !key_equal(lost->tx_id, leg.tx_id) || lost->tick != leg.tick) {
        return refuse(d, ERR_CONFLICT, "not_in_flight", "this transaction is not in flight");
    }
    if (lost->reason == 0 || lost->processed_tick < leg.tick + EVIDENCE_TICKS ||
        lost->balance_tick < leg.tick ||
        lost->outgoing_count != leg.outgoing_count + decide_left_since(d, c->escrow_id, &leg)) {
        return refuse(d, ERR_CONFLICT, "no_evidence",
                      "lost needs %d ticks on top and an unchanged count of outgoing transfers",
                      EVIDENCE_TICKS);
    }
    struct event *event = decide_event(d, leg_event(c->kind, STEP_LOST), c->escrow_id);
    event->u.payout_lost = *lost;
    event->u.payout_lost.job_id = escrow.job_id;
    event->u.payout_lost.deposit_tx = c->deposit_tx;
    return ERR_OK;
}

static enum err_code confirm_leg(struct deciding *d)
{
    const struct command_leg *c = &d->command->u.leg;
    const struct ev_leg_confirmed *confirmed = &c->u.confirmed;
    struct escrow_row escrow = {0};
    struct leg_row leg = {0};
    uint8_t key[LEG_KEY_SIZE];
    enum err_code code = known_leg(d, &escrow, key, &leg);
    if (code != ERR_OK) {
        return code;
    }
    if (leg.status != LEG_SIGNED || confirmed->attempt != leg.attempt ||
        !key_equal(confirmed->tx_id, leg.tx_id) || confirmed->tick != leg.tick ||
        confirmed->amount != leg.amount || !key_equal(confirmed->destination, leg.destination)) {
        return refuse(d, ERR_CONFLICT, "not_in_flight", "this transaction is not in flight");
    }
    if (confirmed->processed_tick < leg.tick + EVIDENCE_TICKS) {
        return refuse(d, ERR_CONFLICT, "too_early", "tick %llu has not been processed yet",
                      (unsigned long long)(leg.tick + EVIDENCE_TICKS));
    }
    struct event *event = decide_event(d, leg_event(c->kind, STEP_CONFIRMED), c->escrow_id);
    event->u.payout_confirmed = *confirmed;
    event->u.payout_confirmed.job_id = escrow.job_id;
    event->u.payout_confirmed.deposit_tx = c->deposit_tx;
    return ERR_OK;
}

enum err_code decide_escrow(struct deciding *d)
{
    switch ((int)d->command->type) {
    case COMMAND_DEPOSIT_OBSERVE:
        return observe_deposit(d);
    case COMMAND_ESCROW_CONFIRM:
        return confirm_escrow(d);
    case COMMAND_ESCROW_EXPIRE:
        return expire_escrow(d);
    case COMMAND_ESCROW_SHORTFALL:
        return report_shortfall(d);
    case COMMAND_LEG_SIGN:
        return sign_leg(d);
    case COMMAND_LEG_LOSE:
        return lose_leg(d);
    case COMMAND_LEG_CONFIRM:
        return confirm_leg(d);
    default:
        IMPOSSIBLE("not a command of settlement");
    }
}
