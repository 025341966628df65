/* After a restore: what the chain says of each open escrow is held against a log that lost its end, before anything is paid again.
 *
 *     ledger.restored ─▶ observing ─ each open escrow: every payment out of it, ESCROW_REREAD ─▶ all read ─ the operator ─▶ settlement.resumed
 *                                                          │ not in the log
 *                                                          └▶ found: the very bytes of a leg ─ LEG_SIGN with them ─▶ confirmed
 *                                                                    of no leg ─▶ nothing more is signed for this escrow
 *
 * One that cannot be read keeps itself alone held, once the operator resumes in spite of it, and is tried again in every round. One that had
 * ended is read when a leg opens for it once more. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/settlement/payload.h"
#include "core/settlement/settlement_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define READ_MAX 16        /* escrows that are read in one round */
#define WALK_MAX 4096      /* rows looked at in one round */
#define OUTGOING_MAX 65536 /* of one escrow */

/* ── all that went out of one identity ─────────────────────────────────────────────────────────── */

struct outgoing {
    struct key32 identity;
    struct id16 log_id;
    struct id16 escrow_id;
    struct ev_found_payment *list;
    size_t count;
    size_t capacity;
};

static enum paid_as paid_as_of(const struct outgoing *out, const struct qubic_transaction *tx,
                               struct key32 *ret_deposit)
{
    struct payload payload;
    if (tx->input_type != PAYLOAD_INPUT_TYPE ||
        !payload_decode(bytes_of(tx->input, tx->input_size), &payload) ||
        !id_equal(payload.log_id, out->log_id) || !id_equal(payload.escrow_id, out->escrow_id)) {
        return PAID_OTHERWISE;
    }
    *ret_deposit = payload.subject;
    switch (payload.kind) {
    case PAYLOAD_REFUND:
        return PAID_REFUND;
    case PAYLOAD_PAYOUT:
        return PAID_PAYOUT;
    case PAYLOAD_FEE:
        return PAID_FEE;
    case PAYLOAD_RETURN:
        return PAID_RETURN;
    case PAYLOAD_LOCK:
    case PAYLOAD_ANCHOR:
        break;
    }
    *ret_deposit = (struct key32){0};
    return PAID_OTHERWISE;
}

static bool is_known(const struct outgoing *out, const struct key32 *hash)
{
    for (size_t i = 0; i < out->count; i++) {
        if (key_equal(out->list[i].tx_id, *hash)) {
            return true; /* pages may overlap */
        }
    }
    return false;
}

static enum err_code take_outgoing(void *ctx, const struct qubic_archived_transaction *archived,
                                   struct err *err)
{
    struct outgoing *out = ctx;
    const struct qubic_transaction *tx = &archived->transaction;
    if (!key_equal(tx->source, out->identity) || tx->amount <= 0 || !archived->money_flew ||
        is_known(out, &archived->hash)) {
        return ERR_OK;
    }
    enum err_code code = qubic_rpc_transaction_check(archived, &archived->hash, err);
    if (code != ERR_OK) {
        err_context(err, "the archive shows a payment out of an escrow that nobody signed");
        return code;
    }
    if (out->count == out->capacity) {
        size_t capacity = out->capacity == 0 ? 16 : out->capacity * 2;
        struct ev_found_payment *list = realloc(out->list, capacity * sizeof *list);
        if (list == NULL || capacity > OUTGOING_MAX) {
            out->list = list == NULL ? out->list : list;
            return err_set(err, ERR_NOMEM, "too many payments out of one escrow");
        }
        out->list = list;
        out->capacity = capacity;
    }
    struct ev_found_payment *payment = &out->list[out->count++];
    *payment = (struct ev_found_payment){.tx_id = archived->hash,
                                         .destination = tx->destination,
                                         .amount = tx->amount,
                                         .tick = tx->tick};
    payment->paid_as = paid_as_of(out, tx, &payment->deposit_tx);
    return ERR_OK;
}

struct listed {
    uint32_t processed;
    size_t count;
};

/* The archive's list, and no shorter than the live service counts: one that forgot a payment must not let it be paid again. */
static enum err_code check_count(const void *ctx, const struct qubic_balance *balance,
                                 struct err *err)
{
    const struct listed *listed = ctx;
    if (balance->valid_for_tick < listed->processed) {
        return err_set(err, ERR_BUSY,
                       "the chain's newest balance is of tick %" PRIu32 ", not %" PRIu32,
                       balance->valid_for_tick, listed->processed);
    }
    if (balance->outgoing_count > listed->count) {
        return err_set(
            err, ERR_UNAVAILABLE,
            "the archive lists %zu payments out of an escrow, the network counts %" PRIu32,
            listed->count, balance->outgoing_count);
    }
    return ERR_OK;
}

/* `ret->list` is to be freed, also after an error. */
static enum err_code list_outgoing(struct settlement *s, struct id16 escrow_id,
                                   const struct escrow_row *escrow, struct outgoing *ret,
                                   struct err *err)
{
    *ret = (struct outgoing){.identity = escrow->identity,
                             .log_id = settlement_any_key(s)->log_id,
                             .escrow_id = escrow_id};
    return chain_identity(s, &escrow->identity, (uint32_t)escrow->requested_tick, s->processed,
                          take_outgoing, ret, err);
}

enum err_code reread_count(struct settlement *s, struct id16 escrow_id,
                           const struct escrow_row *escrow, size_t *ret, size_t *ret_legs,
                           struct err *err)
{
    struct outgoing out;
    enum err_code code = list_outgoing(s, escrow_id, escrow, &out, err);
    if (code == ERR_OK) {
        *ret = out.count;
        *ret_legs = 0;
        for (size_t i = 0; i < out.count; i++) {
            *ret_legs += leg_kind_of_found(out.list[i].paid_as) != 0 ? 1 : 0;
        }
    }
    free(out.list);
    return code;
}

enum err_code reread_escrow(struct settlement *s, struct id16 escrow_id,
                            const struct escrow_row *escrow, struct err *err)
{
    const struct key32 none = {0};
    struct ledger_answer answer;
    struct outgoing out;
    enum err_code code = list_outgoing(s, escrow_id, escrow, &out, err);
    if (code == ERR_OK) {
        const struct listed listed = {.processed = s->processed, .count = out.count};
        struct qubic_balance unused;
        code = chain_balance_checked(s, &out.identity, check_count, &listed, &unused, err);
    }
    if (code == ERR_OK) {
        struct command command = {
            .type = COMMAND_ESCROW_REREAD,
            .command_id = settlement_command_id(STEP_REREAD, escrow_id, none, s->generation),
            .u.reread = {.escrow_id = escrow_id,
                         .generation = s->generation,
                         .processed_tick = s->processed,
                         .outgoing = {.items = out.list, .count = out.count}}};
        code = settlement_submit(s, &command, &answer, err);
    }
    free(out.list);
    return code;
}

/* ── all open escrows ──────────────────────────────────────────────────────────────────────────── */

struct unread {
    struct id16 ids[READ_MAX];
    struct escrow_row rows[READ_MAX];
    size_t count;
    bool end; /* the walk has come to the last escrow */
};

static enum err_code walk(struct settlement *s, struct unread *ret, struct err *err)
{
    struct views_snapshot *snapshot;
    struct ledger_row ledger;
    struct bytes key;
    struct bytes value;
    enum err_code code = views_snapshot_open(ledger_views(s->options.ledger), &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    struct store *store = views_snapshot_store(snapshot);
    s->observing = state_ledger(store, &ledger) && ledger.observing != 0;
    if (s->reread_from == 0) {
        s->reread_from = s->tick + (uint32_t)ledger.tick_offset + EVIDENCE_TICKS;
    }
    bool const wanted = s->observing || (s->generation > 1 && !s->reread_over);
    for (size_t seen = 0; wanted && seen < WALK_MAX && ret->count < READ_MAX; seen++) {
        struct escrow_row row;
        if (!store_seek(store, &STATE_ESCROWS, id_key(&s->reread_at), true, &key, &value)) {
            ret->end = true;
            break;
        }
        memcpy(s->reread_at.b, key.data, sizeof s->reread_at.b);
        if (state_escrow(store, s->reread_at, &row) && escrow_is_open(&row) &&
            row.generation != ledger.generation) {
            ret->ids[ret->count] = s->reread_at;
            ret->rows[ret->count++] = row;
        }
    }
    code = store_check(store, err);
    views_snapshot_close(snapshot);
    return code;
}

static void tell(struct settlement *s, bool end)
{
    (void)pthread_mutex_lock(&s->mutex);
    bool const done = s->observing && end && s->reread_unread == 0;
    bool const news = done && !s->status.reread;
    s->status.observing = s->observing;
    s->status.unread_for = s->reread_from;
    if (end || !s->observing) {
        s->status.reread = done;
    }
    if (end) {
        s->status.unread = s->reread_unread;
    }
    (void)pthread_mutex_unlock(&s->mutex);
    if (news) {
        trace(TRACE_WARN, "settlement.reread",
              "generation=%" PRIu64 " waits_for=\"an operator: POST /v1/settlement/resume\"",
              s->generation);
    }
    if (end) {
        s->reread_over = s->reread_unread == 0;
        s->reread_at = (struct id16){0};
        s->reread_unread = 0;
    }
}

enum err_code settle_reread(struct settlement *s, struct err *err)
{
    struct unread unread = {0};
    enum err_code code = walk(s, &unread, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < unread.count && !settlement_stopping(s); i++) {
        struct err own = {0};
        /* What the lost part has signed may still run until then. */
        enum err_code one = s->processed < s->reread_from
                                ? ERR_BUSY
                                : reread_escrow(s, unread.ids[i], &unread.rows[i], &own);
        s->reread_unread += one != ERR_OK ? 1 : 0;
        if (own.code != ERR_OK) { /* one escrow's trouble is not the others' */
            trouble_note(s, unread.ids[i], &own);
            code = one;
            *err = own;
        }
        if (one == ERR_TIMEOUT) {
            s->reread_unread += unread.count - i - 1;
            break;
        }
    }
    tell(s, unread.end);
    return code;
}

/* ── found payments and their legs ─────────────────────────────────────────────────────────────── */

/* A found payment that is of a leg that is due; false: there is none. */
static enum err_code find_leg(struct settlement *s, struct id16 escrow_id, struct key32 *ret_tx,
                              struct leg_row *ret_leg, bool *ret_is, struct err *err)
{
    struct views_snapshot *snapshot;
    uint8_t at[FOUND_KEY_SIZE] = {0};
    struct bytes key;
    struct bytes value;
    bool is = false;
    enum err_code code = views_snapshot_open(ledger_views(s->options.ledger), &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    struct store *store = views_snapshot_store(snapshot);
    memcpy(at, escrow_id.b, 16);
    while (!is && store_seek(store, &STATE_FOUND, bytes_of(at, sizeof at), true, &key, &value) &&
           memcmp(key.data, escrow_id.b, 16) == 0) {
        struct found_row found;
        uint8_t leg[LEG_KEY_SIZE];
        memcpy(at, key.data, sizeof at);
        memcpy(ret_tx->b, at + 16, sizeof ret_tx->b);
        if (!state_found(store, escrow_id, *ret_tx, &found) || found.taken != 0) {
            continue;
        }
        leg_key(escrow_id, leg_kind_of_found(found.paid_as), found.deposit_tx, leg);
        is = state_leg(store, leg, ret_leg) && ret_leg->status == LEG_DUE &&
             found_is_leg(&found, ret_leg);
    }
    code = store_check(store, err);
    views_snapshot_close(snapshot);
    *ret_is = is;
    return code;
}

/* The bytes that paid it become the leg's attempt; that they are on the chain is then confirmed as for every other. */
static enum err_code take(struct settlement *s, struct id16 escrow_id,
                          const struct escrow_row *escrow, struct key32 tx_id,
                          const struct leg_row *leg, struct err *err)
{
    struct qubic_archived_transaction found;
    struct qubic_balance balance;
    struct ledger_answer answer;
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    enum err_code code = chain_balance(s, &escrow->identity, &balance, err);
    if (code == ERR_OK) {
        code = chain_transaction(s, &tx_id, &found, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    size_t size = qubic_transaction_encode(&found.transaction, wire);
    struct command command = {.type = COMMAND_LEG_SIGN,
                              .command_id =
                                  settlement_command_id(STEP_LEG_SIGN, escrow_id, leg->deposit_tx,
                                                        leg->kind << 32 | (leg->attempt + 1)),
                              .u.leg = {.escrow_id = escrow_id,
                                        .kind = (enum leg_kind)leg->kind,
                                        .deposit_tx = leg->deposit_tx,
                                        .u.signing = {.attempt = leg->attempt + 1,
                                                      .destination = leg->destination,
                                                      .amount = leg->amount,
                                                      .tick = found.transaction.tick,
                                                      .tx_id = tx_id,
                                                      .transaction = bytes_of(wire, size),
                                                      .outgoing_count = balance.outgoing_count}}};
    return settlement_submit(s, &command, &answer, err);
}

enum err_code settle_found(struct settlement *s, struct id16 escrow_id,
                           const struct escrow_row *escrow, struct err *err)
{
    struct key32 tx_id;
    struct leg_row leg;
    char text[ID_TEXT_SIZE];
    bool is = false;
    enum err_code code = find_leg(s, escrow_id, &tx_id, &leg, &is, err);
    if (code != ERR_OK || is) {
        return code == ERR_OK ? take(s, escrow_id, escrow, tx_id, &leg, err) : code;
    }
    id_format(escrow_id, text);
    return err_set(
        err, ERR_CONFLICT,
        "shortfall: escrow %s was paid from in a part of the log that was lost, by %" PRIu64
        " payments that are no leg of it now; it is not paid from again",
        text, escrow->found_open);
}
