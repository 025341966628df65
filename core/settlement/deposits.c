/* What arrives at escrow identities, and when it counts. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/settlement/payload.h"
#include "core/settlement/settlement_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Time for reading ticks in one round, so that legs are not left waiting while a long stretch is caught up. */
#define READ_NS_PER_ROUND NS_PER_S
/* Whoever never pays costs a question at the end: not all of a round. */
#define EXPIRE_QUESTIONS_MAX (2 * (uint64_t)WALK_WINDOW)

/* The escrow an identity belongs to, zero if none; escrows that ended are watched as well, for what comes late. (An identity is
 * shown after the views have its escrow, so no deposit can come before.) Not being able to
 * look is an error: taken for "none", the cursor would pass over a deposit. */
static enum err_code find_escrow(struct settlement *s, struct key32 identity, struct id16 *ret,
                                 struct err *err)
{
    struct views_snapshot *snapshot;
    enum err_code code = views_snapshot_open(ledger_views(s->options.ledger), &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!state_escrow_by_identity(views_snapshot_store(snapshot), identity, ret)) {
        *ret = (struct id16){0};
        code = store_check(views_snapshot_store(snapshot), err);
    }
    views_snapshot_close(snapshot);
    return code;
}

static enum err_code observe_cb(void *ctx, const struct qubic_archived_transaction *archived,
                                struct err *err)
{
    struct settlement *s = ctx;
    const struct qubic_transaction *tx = &archived->transaction;
    struct id16 escrow_id;
    struct payload payload;
    struct ledger_answer answer;
    if (tx->amount <= 0 || !archived->money_flew) {
        return ERR_OK;
    }
    enum err_code code = find_escrow(s, tx->destination, &escrow_id, err);
    if (code != ERR_OK || id_is_zero(escrow_id)) {
        return code;
    }
    code = qubic_rpc_transaction_check(archived, &archived->hash, err);
    if (code !=
        ERR_OK) { /* whoever can make one would stop the reading of everybody's: it is nobody's deposit */
        trace_err(TRACE_WARN, "deposit.not_signed", err);
        return ERR_OK;
    }
    struct command command = {.type = COMMAND_DEPOSIT_OBSERVE,
                              .command_id =
                                  settlement_command_id(STEP_DEPOSIT, escrow_id, archived->hash, 0),
                              .u.deposit = {
                                  .escrow_id = escrow_id,
                                  .tx_id = archived->hash,
                                  .source = tx->source,
                                  .amount = tx->amount,
                                  .tick = tx->tick,
                              }};
    if (tx->input_type == PAYLOAD_INPUT_TYPE &&
        payload_decode(bytes_of(tx->input, tx->input_size), &payload) &&
        payload.kind == PAYLOAD_LOCK && id_equal(payload.log_id, settlement_any_key(s)->log_id)) {
        command.u.deposit.payload_ours = true;
        command.u.deposit.job_id = payload.job_id;
        command.u.deposit.payload_escrow_id = payload.escrow_id;
        command.u.deposit.quote_id = payload.quote_id;
        command.u.deposit.provider = payload.subject;
    }
    return settlement_submit(s, &command, &answer, err);
}

enum err_code settle_deposits(struct settlement *s, struct err *err)
{
    int64_t until = s->options.mono_ns() + READ_NS_PER_ROUND;
    while (s->cursor < s->processed && s->options.mono_ns() < until && !settlement_stopping(s)) {
        uint32_t next = 0;
        enum err_code code = chain_tick(s, s->cursor + 1, observe_cb, s, &next, err);
        if (code != ERR_OK) {
            err_context(err, "reading tick %" PRIu32, s->cursor + 1);
            return code; /* the cursor stays: the tick is read again, whole */
        }
        if (next - 1 >
            s->processed) { /* it never was, and is said to be followed by what is not yet */
            return err_set(err, ERR_UNAVAILABLE,
                           "the archive has come to tick %" PRIu32 " and says that tick %" PRIu32
                           " was skipped up to tick %" PRIu32,
                           s->processed, s->cursor + 1, next);
        }
        s->cursor = next - 1;
    }
    return ERR_OK;
}

/* ── confirmations and expiries ────────────────────────────────────────────────────────────────── */

/* Up to where every tick was read. */
static uint32_t seen_to(const struct settlement *s)
{
    return s->cursor < s->processed ? s->cursor : s->processed;
}

/* Only once every tick a lock could be in was read, and some more on top. After a restore not before it was read again (reread.c). */
static bool is_over(const struct settlement *s, const struct escrow_row *escrow)
{
    return escrow->status == ESCROW_REQUESTED && escrow->generation == s->generation &&
           seen_to(s) >= escrow->last_tick + EVIDENCE_TICKS;
}

struct open_escrow {
    struct id16 id;
    struct escrow_row row;
    int64_t must_hold;
};

struct open_list {
    struct open_escrow *items;
    size_t count;
    size_t capacity;
    uint64_t required; /* confirmations */
};

static bool add_open(struct open_list *list, const struct open_escrow *open)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        struct open_escrow *items = realloc(list->items, capacity * sizeof *items);
        if (items == NULL) {
            return false;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = *open;
    return true;
}

/* Those whose lock is seen, and those whose time for one is over. */
static enum err_code open_escrows(struct settlement *s, struct open_list *ret_observed,
                                  struct open_list *ret_over, struct err *err)
{
    struct views_snapshot *snapshot;
    struct ledger_row ledger;
    struct open_escrow open = {0};
    struct bytes key;
    struct bytes value;
    enum err_code code = views_snapshot_open(ledger_views(s->options.ledger), &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    struct store *store = views_snapshot_store(snapshot);
    ret_observed->required = state_ledger(store, &ledger) ? ledger.confirmations : EVIDENCE_TICKS;
    while (code == ERR_OK &&
           store_seek(store, &STATE_ESCROWS_OPEN, id_key(&open.id), true, &key, &value)) {
        memcpy(open.id.b, key.data, sizeof open.id.b);
        bool good = state_escrow(store, open.id, &open.row);
        if (good && open.row.status == ESCROW_OBSERVED) {
            open.must_hold = settlement_must_hold(store, open.id, &open.row);
            good = add_open(ret_observed, &open);
        } else if (good && !s->observing && is_over(s, &open.row)) {
            good = add_open(ret_over, &open);
        }
        if (!good) {
            code = err_set(err, ERR_NOMEM, "no row of an open escrow, or no memory for it");
        }
    }
    enum err_code const stored = store_check(store, err);
    views_snapshot_close(snapshot);
    return stored != ERR_OK ? stored : code;
}

/* An archive's word that money flew is not enough to run a job on: it is there, by the live service's. */
static enum err_code check_held(const void *ctx, const struct qubic_balance *balance,
                                struct err *err)
{
    const struct open_escrow *open = ctx;
    char text[ID_TEXT_SIZE];
    if (balance->valid_for_tick < open->row.lock_tick) {
        return err_set(err, ERR_BUSY,
                       "the chain's newest balance is of tick %" PRIu32
                       ", too old to judge a lock of tick %" PRIu64,
                       balance->valid_for_tick, open->row.lock_tick);
    }
    if (balance->balance >= open->must_hold) {
        return ERR_OK;
    }
    id_format(open->id, text);
    return err_set(err, ERR_CONFLICT,
                   "the archive shows the lock of escrow %s as paid, and its identity has %" PRId64
                   " QUBIC of %" PRId64 ": it does not count yet",
                   text, balance->balance, open->must_hold);
}

/* The archive still has the lock, with our fields: asked again before it counts. */
static enum err_code check_lock(struct settlement *s, const struct open_escrow *open,
                                struct err *err)
{
    struct qubic_archived_transaction found;
    struct qubic_balance unused;
    const struct escrow_row *escrow = &open->row;
    enum err_code code = chain_transaction(s, &escrow->lock_tx, &found, err);
    if (code != ERR_OK) {
        return code == ERR_NOT_FOUND
                   ? err_set(err, ERR_UNAVAILABLE, "the archive no longer shows a lock it showed")
                   : code;
    }
    if (!found.money_flew || found.transaction.amount != escrow->amount ||
        found.transaction.tick != escrow->lock_tick ||
        !key_equal(found.transaction.source, escrow->consumer_identity) ||
        !key_equal(found.transaction.destination, escrow->identity)) {
        return err_set(err, ERR_UNAVAILABLE, "the archive contradicts itself about a lock");
    }
    return chain_balance_checked(s, &escrow->identity, check_held, open, &unused, err);
}

/* Up to and including the one that locks, even if the terms ask for fewer now than were given already. */
static enum err_code confirm_one(struct settlement *s, const struct open_escrow *open,
                                 uint64_t required, struct err *err)
{
    const struct escrow_row *escrow = &open->row;
    for (uint64_t next = escrow->confirmations + 1; s->processed >= escrow->lock_tick + next;
         next++) {
        struct ledger_answer answer;
        enum err_code code = next >= required ? check_lock(s, open, err) : ERR_OK;
        if (code != ERR_OK) {
            return code;
        }
        struct command command = {
            .type = COMMAND_ESCROW_CONFIRM,
            .command_id = settlement_command_id(STEP_CONFIRM, open->id, escrow->lock_tx, next),
            .u.confirm = {
                .escrow_id = open->id, .confirmations = next, .processed_tick = s->processed}};
        code = settlement_submit(s, &command, &answer, err);
        if (code != ERR_OK || answer.code != ERR_OK || next >= required) {
            return code;
        }
    }
    return ERR_OK;
}

static void ahead_of_confirming(struct settlement *s, void *ctx, size_t index)
{
    const struct open_list *list = ctx;
    const struct escrow_row *escrow = &list->items[index].row;
    uint64_t const next = escrow->confirmations + 1;
    uint64_t const last = next > list->required ? next : list->required;
    if (s->processed >= escrow->lock_tick + last) {
        chain_ahead_transaction(s, &escrow->lock_tx);
        chain_ahead_balance(s, &escrow->identity);
    }
}

static enum err_code confirm_step(struct settlement *s, void *ctx, size_t index, struct err *err)
{
    const struct open_list *list = ctx;
    enum err_code code = confirm_one(s, &list->items[index], list->required, err);
    if (code != ERR_OK) {
        trouble_note(s, list->items[index].id, err);
    }
    return code;
}

static void ahead_of_expiring(struct settlement *s, void *ctx, size_t index)
{
    const struct escrow_row *escrow = &((struct open_list *)ctx)->items[index].row;
    chain_ahead_identity(s, &escrow->identity, (uint32_t)escrow->requested_tick, seen_to(s),
                         observe_cb, s);
}

/* Once the archive says so by its other index as well: a tick that it once called skipped is not read again. What it shows is observed, and
 * then nothing expires. */
static enum err_code expire_step(struct settlement *s, void *ctx, size_t index, struct err *err)
{
    const struct open_escrow *open = &((struct open_list *)ctx)->items[index];
    const struct key32 none = {0};
    struct ledger_answer answer;
    enum err_code code = chain_identity(s, &open->row.identity, (uint32_t)open->row.requested_tick,
                                        seen_to(s), observe_cb, s, err);
    if (code != ERR_OK) {
        return code;
    }
    struct command command = {.type = COMMAND_ESCROW_EXPIRE,
                              .command_id = settlement_command_id(STEP_EXPIRE, open->id, none, 0),
                              .u.confirm = {.escrow_id = open->id, .processed_tick = seen_to(s)}};
    return settlement_submit(s, &command, &answer, err);
}

/* What is on the chain before what never came. */
enum err_code settle_confirmations(struct settlement *s, struct err *err)
{
    struct open_list observed = {0};
    struct open_list over = {0};
    enum err_code code = open_escrows(s, &observed, &over, err);
    const struct walk walks[] = {{.count = observed.count,
                                  .ctx = &observed,
                                  .ahead = ahead_of_confirming,
                                  .step = confirm_step},
                                 {.count = over.count,
                                  .questions_max = EXPIRE_QUESTIONS_MAX,
                                  .ctx = &over,
                                  .ahead = ahead_of_expiring,
                                  .step = expire_step}};
    size_t *const from[] = {&s->locks_from, &s->escrows_from};
    for (size_t i = 0; i < 2; i++) {
        struct err own = {0};
        enum err_code one = settlement_walk(s, &walks[i], from[i], &own);
        if (one != ERR_OK && (code == ERR_OK || one == ERR_TIMEOUT)) {
            code = one;
            *err = own;
        }
    }
    free(observed.items);
    free(over.items);
    return code;
}
