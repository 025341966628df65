// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/market/evolve_internal.h"

#include <string.h>

static void put_escrow(struct store *state, struct id16 id, const struct escrow_row *row)
{
    store_put(state, &STATE_ESCROWS, id_key(&id), bytes_of(row, sizeof *row));
}

/* Its account's jobs whose lock was not seen yet. */
static void count_unpaid(struct store *state, const struct escrow_row *escrow, int by)
{
    struct account_row account;
    if (!state_account(state, escrow->account_id, &account)) {
        evolve_missing(state, "account");
        return;
    }
    account.jobs_unpaid += (uint64_t)by;
    store_put(state, &STATE_ACCOUNTS, id_key(&escrow->account_id),
              bytes_of(&account, sizeof account));
}

static void request(struct store *state, const struct event *event)
{
    const struct ev_escrow_requested *requested = &event->u.escrow_requested;
    struct escrow_row row;
    struct job_row job;
    struct ledger_row ledger;
    if (!state_job(state, requested->job_id, &job) || !state_ledger(state, &ledger)) {
        evolve_missing(state, "job");
        return;
    }
    memset(&row, 0, sizeof row);
    row.job_id = requested->job_id;
    row.quote_id = requested->quote_id;
    row.account_id = job.account_id;
    row.provider_id = job.provider_id;
    row.identity = requested->identity;
    row.consumer_identity = requested->consumer_identity;
    row.provider_identity = requested->provider_identity;
    row.amount = requested->amount;
    row.key_id = requested->key_id;
    row.requested_tick = requested->requested_tick;
    row.last_tick = requested->last_tick;
    row.status = ESCROW_REQUESTED;
    row.generation = ledger.generation;
    put_escrow(state, event->stream_id, &row);
    store_put(state, &STATE_ESCROW_IDENTITIES, hash_key(&row.identity), id_key(&event->stream_id));
    store_put(state, &STATE_ESCROWS_OPEN, id_key(&event->stream_id), bytes_of("", 0));
    evolve_key_escrows(state, row.key_id, 1);
    count_unpaid(state, &row, 1);
}

static void moved(struct escrow_row *escrow, uint64_t tick)
{
    escrow->moved_tick = tick > escrow->moved_tick ? tick : escrow->moved_tick;
}

/* A leg becomes due. Zero legs are done without a transaction. */
static void open_leg(struct store *state, const struct event *event, struct escrow_row *escrow,
                     enum leg_kind kind, uint64_t sequence, struct key32 deposit_tx,
                     struct key32 destination, int64_t amount)
{
    uint8_t key[LEG_KEY_SIZE];
    uint8_t order[LEG_ORDER_SIZE];
    struct ledger_row ledger;
    struct leg_row leg;
    if (amount == 0) {
        return;
    }
    memset(&leg, 0, sizeof leg);
    leg.job_id = escrow->job_id;
    leg.destination = destination;
    leg.deposit_tx = deposit_tx;
    leg.amount = amount;
    leg.due_at = event->time;
    leg.kind = kind;
    leg.status = LEG_DUE;
    leg.sequence = sequence;
    leg.dust =
        kind == LEG_RETURN && state_ledger(state, &ledger) && amount < ledger.lock_min ? 1 : 0;
    leg_key(event->stream_id, kind, deposit_tx, key);
    leg_order(event->stream_id, &leg, order);
    store_put(state, &STATE_LEGS, bytes_of(key, sizeof key), bytes_of(&leg, sizeof leg));
    store_put(state, &STATE_LEGS_OPEN, bytes_of(order, sizeof order), bytes_of(key, sizeof key));
    escrow->legs_open++;
}

static void observe(struct store *state, uint64_t sequence, const struct event *event,
                    struct escrow_row *escrow)
{
    const struct ev_deposit_observed *observed = &event->u.deposit_observed;
    struct deposit_row deposit;
    memset(&deposit, 0, sizeof deposit);
    deposit.escrow_id = event->stream_id;
    deposit.source = observed->source;
    deposit.amount = observed->amount;
    deposit.tick = observed->tick;
    deposit.class = observed->class;
    deposit.state = DEPOSIT_HELD;
    deposit.sequence = sequence;
    moved(escrow, observed->tick);
    store_put(state, &STATE_DEPOSITS, hash_key(&observed->tx_id),
              bytes_of(&deposit, sizeof deposit));
    if (observed->class == DEPOSIT_LOCK) {
        count_unpaid(state, escrow, -1);
        escrow->status = ESCROW_OBSERVED;
        escrow->lock_tx = observed->tx_id;
        escrow->lock_tick = observed->tick;
        escrow->confirmations = 0;
    } else {
        open_leg(state, event, escrow, LEG_RETURN, sequence, observed->tx_id, observed->source,
                 observed->amount);
    }
}

static void set_deposit_state(struct store *state, struct key32 tx_id, enum deposit_state to)
{
    struct deposit_row deposit;
    if (!state_deposit(state, tx_id, &deposit)) {
        evolve_missing(state, "deposit");
        return;
    }
    deposit.state = to;
    store_put(state, &STATE_DEPOSITS, hash_key(&tx_id), bytes_of(&deposit, sizeof deposit));
}

static void settle(struct store *state, uint64_t sequence, const struct event *event,
                   struct escrow_row *escrow)
{
    const struct ev_escrow_settled *settled = &event->u.escrow_settled;
    struct key32 none = {0};
    escrow->status = ESCROW_SETTLED;
    open_leg(state, event, escrow, LEG_REFUND, sequence, none, settled->consumer_identity,
             settled->refund);
    open_leg(state, event, escrow, LEG_PAYOUT, sequence, none, settled->provider_identity,
             settled->payout);
    open_leg(state, event, escrow, LEG_FEE, sequence, none, settled->fee_identity, settled->fee);
}

/* Without a lock: nothing moved, or the lock was seen but not yet confirmed and goes back whole. */
static void expire(struct store *state, const struct event *event, struct escrow_row *escrow)
{
    struct deposit_row lock;
    if (escrow->status == ESCROW_REQUESTED) {
        count_unpaid(state, escrow, -1);
    }
    if (escrow->status == ESCROW_OBSERVED && state_deposit(state, escrow->lock_tx, &lock)) {
        open_leg(state, event, escrow, LEG_RETURN, lock.sequence, escrow->lock_tx,
                 escrow->consumer_identity, escrow->amount);
    }
    escrow->status = ESCROW_CLOSED;
    store_delete(state, &STATE_ESCROWS_OPEN, id_key(&event->stream_id));
}

static void put_found(struct store *state, struct id16 escrow_id, struct key32 tx_id,
                      const struct found_row *row)
{
    uint8_t key[FOUND_KEY_SIZE];
    found_key(escrow_id, tx_id, key);
    store_put(state, &STATE_FOUND, bytes_of(key, sizeof key), bytes_of(row, sizeof *row));
}

/* What is no leg's by its payload (the operator's sweep) holds nothing up: the balance judges it. */
static void reread(struct store *state, uint64_t sequence, const struct event *event,
                   struct escrow_row *escrow)
{
    const struct ev_escrow_reread *read = &event->u.escrow_reread;
    const struct ev_found_payment *items = read->found.items;
    escrow->generation = read->generation;
    for (size_t i = 0; i < read->found.count; i++) {
        struct found_row row = {.deposit_tx = items[i].deposit_tx,
                                .destination = items[i].destination,
                                .amount = items[i].amount,
                                .tick = items[i].tick,
                                .paid_as = items[i].paid_as,
                                .sequence = sequence};
        put_found(state, event->stream_id, items[i].tx_id, &row);
        escrow->found_open += leg_kind_of_found(row.paid_as) != 0 ? 1 : 0;
    }
}

/* A leg's signed transaction is one that was found. */
static void take_found(struct store *state, uint64_t sequence, const struct event *event,
                       struct escrow_row *escrow)
{
    struct found_row row;
    struct key32 tx_id = event->u.payout_signed.tx_id;
    if (escrow->found_open > 0 && state_found(state, event->stream_id, tx_id, &row) &&
        row.taken == 0) {
        row.taken = sequence;
        put_found(state, event->stream_id, tx_id, &row);
        escrow->found_open--;
    }
}

static enum leg_kind leg_kind_of(const struct event *event, struct key32 deposit_tx)
{
    switch (event->type->number) {
    case EVENT_PAYOUT_SIGNED:
    case EVENT_PAYOUT_LOST:
    case EVENT_PAYOUT_CONFIRMED:
        return LEG_PAYOUT;
    case EVENT_FEE_SIGNED:
    case EVENT_FEE_LOST:
    case EVENT_FEE_CONFIRMED:
        return LEG_FEE;
    default:
        return key_is_zero(deposit_tx) ? LEG_REFUND : LEG_RETURN;
    }
}

static void evolve_leg(struct store *state, uint64_t sequence, const struct event *event,
                       struct escrow_row *escrow)
{
    uint8_t key[LEG_KEY_SIZE];
    uint8_t order[LEG_ORDER_SIZE];
    struct leg_row leg;
    struct key32 deposit_tx = {0};
    switch (event->type->number) {
    case EVENT_PAYOUT_SIGNED:
    case EVENT_REFUND_SIGNED:
    case EVENT_FEE_SIGNED:
        deposit_tx = event->u.payout_signed.deposit_tx;
        break;
    case EVENT_PAYOUT_LOST:
    case EVENT_REFUND_LOST:
    case EVENT_FEE_LOST:
        deposit_tx = event->u.payout_lost.deposit_tx;
        break;
    default:
        deposit_tx = event->u.payout_confirmed.deposit_tx;
        break;
    }
    leg_key(event->stream_id, leg_kind_of(event, deposit_tx), deposit_tx, key);
    if (!state_leg(state, key, &leg)) {
        evolve_missing(state, "leg");
        return;
    }
    switch (event->type->number) {
    case EVENT_PAYOUT_SIGNED:
    case EVENT_REFUND_SIGNED:
    case EVENT_FEE_SIGNED:
        leg.status = LEG_SIGNED;
        leg.attempt = event->u.payout_signed.attempt;
        leg.tick = event->u.payout_signed.tick;
        leg.tx_id = event->u.payout_signed.tx_id;
        leg.outgoing_count = event->u.payout_signed.outgoing_count;
        leg.signed_sequence = sequence;
        escrow->in_flight = 1;
        escrow->flight_kind = leg.kind;
        escrow->flight_deposit = deposit_tx;
        moved(escrow, leg.tick);
        take_found(state, sequence, event, escrow);
        break;
    case EVENT_PAYOUT_LOST:
    case EVENT_REFUND_LOST:
    case EVENT_FEE_LOST:
        leg.status = LEG_DUE;
        escrow->in_flight = 0;
        break;
    default:
        leg.status = LEG_CONFIRMED;
        escrow->in_flight = 0;
        escrow->legs_open--;
        leg_order(event->stream_id, &leg, order);
        store_delete(state, &STATE_LEGS_OPEN, bytes_of(order, sizeof order));
        if (!key_is_zero(deposit_tx)) {
            set_deposit_state(state, deposit_tx, DEPOSIT_RETURNED);
        }
        break;
    }
    store_put(state, &STATE_LEGS, bytes_of(key, sizeof key), bytes_of(&leg, sizeof leg));
}

void evolve_escrow(struct store *state, uint64_t sequence, const struct event *event)
{
    struct escrow_row escrow;
    if (event->type->number == EVENT_ESCROW_REQUESTED) {
        request(state, event);
        return;
    }
    if (!state_escrow(state, event->stream_id, &escrow)) {
        evolve_missing(state, "escrow");
        return;
    }
    bool was_open = escrow_is_open(&escrow);
    switch (event->type->number) {
    case EVENT_DEPOSIT_OBSERVED:
        observe(state, sequence, event, &escrow);
        break;
    case EVENT_ESCROW_CONFIRMED:
        escrow.confirmations = event->u.escrow_confirmed.confirmations;
        break;
    case EVENT_ESCROW_LOCKED:
        escrow.status = ESCROW_LOCKED;
        set_deposit_state(state, event->u.escrow_locked.tx_id, DEPOSIT_LOCKED);
        store_delete(state, &STATE_ESCROWS_OPEN, id_key(&event->stream_id));
        evolve_job_funded(state, escrow.job_id, event->time);
        break;
    case EVENT_ESCROW_EXPIRED:
        expire(state, event, &escrow);
        break;
    case EVENT_ESCROW_SETTLED:
        settle(state, sequence, event, &escrow);
        break;
    case EVENT_ESCROW_SHORTFALL:
        escrow.shortfall = event->u.escrow_shortfall.balance < event->u.escrow_shortfall.expected;
        break;
    case EVENT_ESCROW_REREAD:
        reread(state, sequence, event, &escrow);
        break;
    default:
        evolve_leg(state, sequence, event, &escrow);
        break;
    }
    put_escrow(state, event->stream_id, &escrow);
    /* A deposit that comes late opens it again. */
    evolve_key_escrows(state, escrow.key_id, (int64_t)escrow_is_open(&escrow) - (int64_t)was_open);
}
