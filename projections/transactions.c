// SPDX-License-Identifier: Apache-2.0
#include "projections/transactions.h"

#include "core/base/invariant.h"
#include "projections/view_rows.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(struct transaction_row) == 2 * 16 + 4 * 32 + 9 * 8, "no padding");

static const struct store_table ROWS = {"view_transactions"};
static const struct store_table BY_ACCOUNT = {"view_transactions_by_account"};
static const struct store_table BY_TX = {"view_transactions_by_tx"};

static const char *const KIND_WORDS[] = {NULL,  "lock",   "payout", "refund",
                                         "fee", "return", "deposit"};
const struct enum_words transaction_kind_words = {"transaction_kind", KIND_WORDS,
                                                  sizeof KIND_WORDS / sizeof *KIND_WORDS};
static const char *const STATUS_WORDS[] = {NULL, "observed", "signed", "confirmed", "lost"};
const struct enum_words transaction_status_words = {"transaction_status", STATUS_WORDS,
                                                    sizeof STATUS_WORDS / sizeof *STATUS_WORDS};

static struct view_key sequence_key(uint64_t first_sequence)
{
    struct view_key key = {0};
    view_key_u64(&key, first_sequence);
    return key;
}

static struct view_key account_sequence_key(struct id16 account_id, uint64_t first_sequence)
{
    struct view_key key = {0};
    view_key_id(&key, account_id);
    view_key_u64(&key, first_sequence);
    return key;
}

static struct view_key tx_key(struct key32 tx_id)
{
    struct view_key key = {0};
    view_key_bytes(&key, tx_id.b, sizeof tx_id.b);
    return key;
}

/* Only an account there is by now: who registers later does not find what came before. */
static void list_for(struct store *store, struct key32 identity, uint64_t sequence)
{
    struct id16 account_id;
    if (state_account_by_identity(store, identity, &account_id)) {
        struct view_key key = account_sequence_key(account_id, sequence);
        view_put(store, &BY_ACCOUNT, &key, "", 0);
    }
}

static void add(struct store *store, uint64_t sequence, const struct transaction_row *row)
{
    struct view_key key = sequence_key(sequence);
    struct view_key by_tx = tx_key(row->tx_id);
    view_put(store, &ROWS, &key, row, sizeof *row);
    view_put(store, &BY_TX, &by_tx, &sequence, sizeof sequence);
    list_for(store, row->source, sequence);
    list_for(store, row->destination, sequence);
}

static void set_status(struct store *store, uint64_t sequence, const struct event *event,
                       struct key32 tx_id, enum transaction_status status)
{
    struct transaction_entry entry;
    if (!transactions_by_tx(store, tx_id, &entry)) {
        store_fail(store, ERR_CORRUPT, "the log speaks of an unknown transaction");
        return;
    }
    entry.row.status = status;
    entry.row.changed_at = event->time;
    entry.row.sequence = sequence;
    struct view_key key = sequence_key(entry.first_sequence);
    view_put(store, &ROWS, &key, &entry.row, sizeof entry.row);
}

static bool escrow_identity(struct store *store, struct id16 escrow_id, struct key32 *ret)
{
    struct escrow_row escrow;
    if (!state_escrow(store, escrow_id, &escrow)) {
        store_fail(store, ERR_CORRUPT, "the log speaks of an unknown escrow");
        return false;
    }
    *ret = escrow.identity; /* never changes */
    return true;
}

static void observe(struct store *store, uint64_t sequence, const struct event *event)
{
    const struct ev_deposit_observed *observed = &event->u.deposit_observed;
    struct transaction_row row;
    memset(&row, 0, sizeof row);
    if (!escrow_identity(store, event->stream_id, &row.destination)) {
        return;
    }
    row.job_id = observed->job_id;
    row.escrow_id = event->stream_id;
    row.tx_id = observed->tx_id;
    row.source = observed->source;
    row.amount = observed->amount;
    row.at = event->time;
    row.changed_at = event->time;
    row.tick = observed->tick;
    row.kind = observed->class == DEPOSIT_LOCK ? TRANSACTION_LOCK : TRANSACTION_DEPOSIT;
    row.status = TRANSACTION_OBSERVED;
    row.class = observed->class;
    row.sequence = sequence;
    add(store, sequence, &row);
}

static enum transaction_kind kind_of(enum leg_kind kind)
{
    switch (kind) {
    case LEG_REFUND:
        return TRANSACTION_REFUND;
    case LEG_PAYOUT:
        return TRANSACTION_PAYOUT;
    case LEG_FEE:
        return TRANSACTION_FEE;
    case LEG_RETURN:
        return TRANSACTION_RETURN;
    }
    IMPOSSIBLE("leg kind");
}

static void apply_leg(struct store *store, uint64_t sequence, const struct event *event,
                      const struct view_leg *leg)
{
    struct transaction_row row;
    switch (leg->step) {
    case VIEW_LEG_SIGNED:
        memset(&row, 0, sizeof row);
        if (!escrow_identity(store, event->stream_id, &row.source)) {
            return;
        }
        row.job_id = event->u.payout_signed.job_id;
        row.escrow_id = event->stream_id;
        row.tx_id = leg->tx_id;
        row.destination = leg->destination;
        row.deposit_tx = leg->deposit_tx;
        row.amount = leg->amount;
        row.at = event->time;
        row.changed_at = event->time;
        row.tick = leg->tick;
        row.kind = kind_of(leg->kind);
        row.status = TRANSACTION_SIGNED;
        row.attempt = leg->attempt;
        row.sequence = sequence;
        add(store, sequence, &row);
        break;
    case VIEW_LEG_LOST:
        set_status(store, sequence, event, leg->tx_id, TRANSACTION_LOST);
        break;
    case VIEW_LEG_CONFIRMED:
        set_status(store, sequence, event, leg->tx_id, TRANSACTION_CONFIRMED);
        if (leg->kind == LEG_RETURN) {
            set_status(store, sequence, event, leg->deposit_tx, TRANSACTION_CONFIRMED);
        }
        break;
    }
}

static void apply(struct store *store, uint64_t sequence, const struct event *event)
{
    struct view_leg leg;
    if (event->type->number == EVENT_DEPOSIT_OBSERVED) {
        observe(store, sequence, event);
    } else if (event->type->number == EVENT_ESCROW_LOCKED) {
        set_status(store, sequence, event, event->u.escrow_locked.tx_id, TRANSACTION_CONFIRMED);
    } else if (view_leg_of(event, &leg)) {
        apply_leg(store, sequence, event, &leg);
    }
}

static const struct store_table *const TABLES[] = {&ROWS, &BY_ACCOUNT, &BY_TX};
const struct projection PROJECTION_TRANSACTIONS = {.name = "transactions",
                                                   .tables = TABLES,
                                                   .table_count = sizeof TABLES / sizeof *TABLES,
                                                   .apply = apply};

/* ── queries ───────────────────────────────────────────────────────────────────────────────────── */

bool transactions_get(struct store *store, uint64_t first_sequence, struct transaction_entry *ret)
{
    struct view_key key = sequence_key(first_sequence);
    if (!view_get(store, &ROWS, &key, &ret->row, sizeof ret->row)) {
        return false;
    }
    ret->first_sequence = first_sequence;
    return true;
}

bool transactions_by_tx(struct store *store, struct key32 tx_id, struct transaction_entry *ret)
{
    struct view_key key = tx_key(tx_id);
    uint64_t first_sequence;
    return view_get(store, &BY_TX, &key, &first_sequence, sizeof first_sequence) &&
           transactions_get(store, first_sequence, ret);
}

static bool matches(const struct transactions_filter *filter, const struct transaction_row *row)
{
    return (filter->kind == 0 || row->kind == filter->kind) &&
           (filter->status == 0 || row->status == filter->status) &&
           (filter->until == 0 || row->at < filter->until);
}

size_t transactions_list(struct store *store, const struct transactions_filter *filter,
                         struct transaction_entry *ret, size_t max, uint64_t *ret_next)
{
    bool everybody = id_is_zero(filter->account_id);
    uint64_t before = filter->before == 0 ? UINT64_MAX : filter->before;
    const struct store_table *table = everybody ? &ROWS : &BY_ACCOUNT;
    struct view_key at =
        everybody ? sequence_key(before) : account_sequence_key(filter->account_id, before);
    size_t prefix = everybody ? 0 : sizeof filter->account_id.b;
    struct bytes value;
    size_t count = 0;
    size_t looked = 0;
    *ret_next = 0;
    while (view_previous(store, table, &at, prefix, &value)) {
        struct transaction_entry entry;
        if (count == max || looked == TRANSACTIONS_LOOK_MAX) {
            *ret_next = before; /* of the last one looked at; there is at least one more */
            break;
        }
        before = view_key_last_u64(&at);
        looked++;
        if (!transactions_get(store, before, &entry)) {
            store_fail(store, ERR_CORRUPT, "a transaction without its row");
            break;
        }
        if (filter->from != 0 && entry.row.at < filter->from) {
            break; /* sequences rise with time: all others are older */
        }
        if (matches(filter, &entry.row)) {
            ret[count++] = entry;
        }
    }
    return count;
}
