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
#define EXPIRE_NS_PER_ROUND NS_PER_S
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

static enum err_code open_escrows(struct settlement *s, struct id_list *ret, uint64_t *ret_required,
                                  struct err *err)
{
    struct views_snapshot *snapshot;
    struct ledger_row ledger;
    uint8_t at[16] = {0};
    struct bytes key;
    struct bytes value;
    size_t capacity = 0;
    enum err_code code = views_snapshot_open(ledger_views(s->options.ledger), &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    struct store *store = views_snapshot_store(snapshot);
    *ret_required = state_ledger(store, &ledger) ? ledger.confirmations : EVIDENCE_TICKS;
    while (code == ERR_OK &&
           store_seek(store, &STATE_ESCROWS_OPEN, bytes_of(at, sizeof at), true, &key, &value)) {
        if (ret->count == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            struct id16 *ids = realloc(ret->ids, capacity * sizeof *ids);
            if (ids == NULL) {
                code = err_set(err, ERR_NOMEM, "no memory for open escrows");
                break;
            }
            ret->ids = ids;
        }
        memcpy(at, key.data, sizeof at);
        memcpy(ret->ids[ret->count++].b, at, sizeof at);
    }
    if (code == ERR_OK) {
        code = store_check(store, err);
    }
    views_snapshot_close(snapshot);
    return code;
}

static enum err_code read_escrow(struct settlement *s, struct id16 id, struct escrow_row *ret,
                                 struct err *err)
{
    struct views_snapshot *snapshot;
    enum err_code code = views_snapshot_open(ledger_views(s->options.ledger), &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!state_escrow(views_snapshot_store(snapshot), id, ret)) {
        code = err_set(err, ERR_CORRUPT, "an open escrow without its row");
    }
    views_snapshot_close(snapshot);
    return code;
}

/* The archive still has the lock, with our fields: asked again before it counts. */
static enum err_code check_lock(struct settlement *s, const struct escrow_row *escrow,
                                struct err *err)
{
    struct qubic_archived_transaction found;
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
    return ERR_OK;
}

/* Up to and including the one that locks, even if the terms ask for fewer now than were given already. */
static enum err_code confirm_one(struct settlement *s, struct id16 escrow_id,
                                 const struct escrow_row *escrow, uint64_t required,
                                 struct err *err)
{
    for (uint64_t next = escrow->confirmations + 1; s->processed >= escrow->lock_tick + next;
         next++) {
        struct ledger_answer answer;
        enum err_code code = next >= required ? check_lock(s, escrow, err) : ERR_OK;
        if (code != ERR_OK) {
            return code;
        }
        struct command command = {
            .type = COMMAND_ESCROW_CONFIRM,
            .command_id = settlement_command_id(STEP_CONFIRM, escrow_id, escrow->lock_tx, next),
            .u.confirm = {
                .escrow_id = escrow_id, .confirmations = next, .processed_tick = s->processed}};
        code = settlement_submit(s, &command, &answer, err);
        if (code != ERR_OK || answer.code != ERR_OK || next >= required) {
            return code;
        }
    }
    return ERR_OK;
}

static enum err_code expire_one(struct settlement *s, struct id16 escrow_id,
                                const struct escrow_row *escrow, struct err *err)
{
    struct ledger_answer answer;
    const struct key32 none = {0};
    /* Only once every tick a lock could be in was read, and some more on top. */
    uint32_t seen = s->cursor < s->processed ? s->cursor : s->processed;
    if (seen < escrow->last_tick + EVIDENCE_TICKS) {
        return ERR_OK;
    }
    /* And once the archive says so by its other index as well: a tick that it once called skipped is not read again. What it
     * shows is observed, and then nothing expires. */
    enum err_code code = chain_identity(s, &escrow->identity, (uint32_t)escrow->requested_tick,
                                        seen, observe_cb, s, err);
    if (code != ERR_OK) {
        return code;
    }
    struct command command = {.type = COMMAND_ESCROW_EXPIRE,
                              .command_id = settlement_command_id(STEP_EXPIRE, escrow_id, none, 0),
                              .u.confirm = {.escrow_id = escrow_id, .processed_tick = seen}};
    return settlement_submit(s, &command, &answer, err);
}

/* Each is asked for, so as many as a second allows; the next walk goes on behind the last. */
static enum err_code expire_some(struct settlement *s, const struct id_list *ids, struct err *err)
{
    enum err_code code = ERR_OK;
    int64_t until = s->options.mono_ns() + EXPIRE_NS_PER_ROUND;
    size_t from = s->escrows_from;
    s->escrows_from = 0;
    for (size_t i = 0; i < ids->count && !settlement_stopping(s); i++) {
        struct escrow_row escrow;
        struct err own = {0};
        struct id16 id = ids->ids[(from + i) % ids->count];
        enum err_code one = read_escrow(s, id, &escrow, &own);
        if (one == ERR_OK && escrow.status == ESCROW_REQUESTED &&
            escrow.generation == s->generation) {
            one = expire_one(s, id, &escrow, &own);
        }
        if (one != ERR_OK) {
            code = one;
            *err = own;
        }
        if (one == ERR_TIMEOUT || s->options.mono_ns() >= until) {
            s->escrows_from = (from + i + 1) % ids->count;
            break;
        }
    }
    return code;
}

/* What is on the chain before what never came. */
enum err_code settle_confirmations(struct settlement *s, struct err *err)
{
    struct id_list open = {0};
    uint64_t required = 0;
    enum err_code code = open_escrows(s, &open, &required, err);
    size_t from = s->locks_from;
    s->locks_from = 0;
    for (size_t i = 0; i < open.count && !settlement_stopping(s); i++) {
        struct escrow_row escrow;
        struct err own = {0};
        struct id16 id = open.ids[(from + i) % open.count];
        enum err_code one = read_escrow(s, id, &escrow, &own);
        if (one == ERR_OK && escrow.status == ESCROW_OBSERVED) {
            one = confirm_one(s, id, &escrow, required, &own);
        }
        if (one != ERR_OK) { /* one escrow's trouble is not the others' */
            code = one;
            *err = own;
        }
        if (one ==
            ERR_TIMEOUT) { /* a round waits for none of the others; the next begins after it */
            s->locks_from = (from + i + 1) % open.count;
            break;
        }
    }
    if (!s->observing) {
        struct err own = {0};
        enum err_code expired = expire_some(s, &open, &own);
        if (expired != ERR_OK && code == ERR_OK) {
            code = expired;
            *err = own;
        }
    }
    free(open.ids);
    return code;
}
