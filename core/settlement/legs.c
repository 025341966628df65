/* Paying: one step for the first open leg of each escrow. The drawing is in settlement.h. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/event/codec.h"
#include "core/log/log_reader.h"
#include "core/settlement/payload.h"
#include "core/settlement/settlement_internal.h"
#include "core/settlement/stuck.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct open_leg {
    struct id16 escrow_id;
    struct escrow_row escrow;
    struct leg_row leg;
    int64_t
        ledger_balance; /* what the ledger says the identity holds, by all that happened up to escrow.moved_tick */
    uint64_t tick_offset;
    uint64_t
        found; /* payments of the escrow's that a restored log learnt of after this leg was signed */
};

struct leg_list {
    struct open_leg *legs;
    size_t count;
    size_t capacity;
};

static bool add_leg(struct leg_list *list, const struct open_leg *leg)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 32 : list->capacity * 2;
        struct open_leg *legs = realloc(list->legs, capacity * sizeof *legs);
        if (legs == NULL) {
            return false;
        }
        list->legs = legs;
        list->capacity = capacity;
    }
    list->legs[list->count++] = *leg;
    return true;
}

static enum leg_class class_of(const struct leg_row *first)
{
    return first->kind != LEG_RETURN ? LEG_CLASS_JOB
           : first->dust == 0        ? LEG_CLASS_RETURN
                                     : LEG_CLASS_DUST;
}

/* The leg of an escrow that can move now: the one in flight, or else the first that is due, which `open` has. */
static bool take_movable(struct store *store, struct open_leg *open)
{
    uint8_t key[LEG_KEY_SIZE];
    if (!state_escrow(store, open->escrow_id, &open->escrow)) {
        return false;
    }
    if (open->escrow.in_flight != 0) {
        leg_key(open->escrow_id, (enum leg_kind)open->escrow.flight_kind,
                open->escrow.flight_deposit, key);
        return state_leg(store, key, &open->leg);
    }
    return true;
}

/* One of each escrow with open legs, and no more is looked at: there may be thousands of deposits to return. */
static enum err_code collect(struct settlement *s, struct leg_list ret[LEG_CLASSES],
                             struct err *err)
{
    struct views_snapshot *snapshot;
    struct ledger_row ledger;
    uint8_t at[LEG_ORDER_SIZE] = {0};
    struct open_leg open = {0};
    enum err_code code = views_snapshot_open(ledger_views(s->options.ledger), &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    struct store *store = views_snapshot_store(snapshot);
    bool known = state_ledger(store, &ledger);
    while (known && code == ERR_OK && state_next_open_leg(store, at, &open.escrow_id, &open.leg)) {
        enum leg_class const class = class_of(&open.leg);
        if (!take_movable(store, &open)) {
            code = err_set(err, ERR_CORRUPT, "an open leg without its rows");
            break;
        }
        open.tick_offset = ledger.tick_offset;
        open.ledger_balance = settlement_holds(store, open.escrow_id);
        open.found = state_found_count(store, open.escrow_id, open.leg.signed_sequence);
        if (!add_leg(&ret[class], &open)) {
            code = err_set(err, ERR_NOMEM, "no memory for open legs");
        }
        memset(at + 16, 0xff, sizeof at - 16); /* the next escrow's */
    }
    if (code == ERR_OK) {
        code = store_check(store, err);
    }
    views_snapshot_close(snapshot);
    return code;
}

static struct command leg_command(const struct open_leg *open, enum command_type type,
                                  enum settlement_step step, uint64_t attempt)
{
    return (struct command){
        .type = type,
        .command_id = settlement_command_id(step, open->escrow_id, open->leg.deposit_tx,
                                            open->leg.kind << 32 | attempt),
        .causation = open->leg.signed_sequence,
        .u.leg = {.escrow_id = open->escrow_id,
                  .kind = (enum leg_kind)open->leg.kind,
                  .deposit_tx = open->leg.deposit_tx},
    };
}

/* ── due → signed ──────────────────────────────────────────────────────────────────────────────── */

static enum payload_kind payload_kind_of(uint64_t leg_kind)
{
    switch ((enum leg_kind)leg_kind) {
    case LEG_REFUND:
        return PAYLOAD_REFUND;
    case LEG_PAYOUT:
        return PAYLOAD_PAYOUT;
    case LEG_FEE:
        return PAYLOAD_FEE;
    case LEG_RETURN:
        return PAYLOAD_RETURN;
    }
    return PAYLOAD_RETURN;
}

static enum err_code build(const struct operator_key *key, const struct open_leg *open,
                           uint32_t tick, struct qubic_transaction *ret, struct err *err)
{
    struct qubic_keys keys;
    struct payload payload = {
        .kind = payload_kind_of(open->leg.kind),
        .log_id = key->log_id,
        .job_id = open->escrow.job_id,
        .escrow_id = open->escrow_id,
        .subject = open->leg.deposit_tx,
    };
    *ret = (struct qubic_transaction){
        .destination = open->leg.destination,
        .amount = open->leg.amount,
        .tick = tick,
        .input_type = PAYLOAD_INPUT_TYPE,
        .input_size = PAYLOAD_SIZE,
    };
    payload_encode(&payload, ret->input);
    escrow_keys_derive(key, open->escrow_id, &keys);
    enum err_code code = ERR_OK;
    if (!key_equal(keys.public_key, open->escrow.identity)) {
        code = err_set(err, ERR_CORRUPT,
                       "the derived key is not the escrow's: another operator seed is loaded");
    } else {
        code = qubic_transaction_sign(ret, &keys, err);
    }
    qubic_keys_wipe(&keys);
    return code;
}

/* Tell the ledger that the chain has less than it says, or that this is over. */
static enum err_code report_shortfall(struct settlement *s, const struct open_leg *open,
                                      const struct qubic_balance *balance, struct err *err)
{
    struct ledger_answer answer;
    struct command command = {
        .type = COMMAND_ESCROW_SHORTFALL,
        .command_id = id_new(time_wall_ns()),
        .u.shortfall = {.escrow_id = open->escrow_id,
                        .shortfall = {.expected = open->ledger_balance,
                                      .balance = balance->balance,
                                      .balance_tick = balance->valid_for_tick}}};
    return settlement_submit(s, &command, &answer, err);
}

/* Whether the identity has on the chain what the ledger says. ERR_OK: pay. */
static enum err_code check_balance(struct settlement *s, const struct open_leg *open,
                                   const struct qubic_balance *balance, struct err *err)
{
    if (balance->valid_for_tick < open->escrow.moved_tick) {
        return err_set(err, ERR_BUSY,
                       "the chain's newest balance is of tick %" PRIu32
                       ", too old to judge what happened in tick %" PRIu64,
                       balance->valid_for_tick, open->escrow.moved_tick);
    }
    bool is_short = balance->balance < open->ledger_balance;
    if (!is_short && balance->latest_incoming_tick <= s->cursor) {
        /* All that transactions brought is in the ledger: more than that came without one. */
        surplus_note(s, open->escrow_id, balance->balance - open->ledger_balance,
                     balance->valid_for_tick);
    }
    if (is_short != (open->escrow.shortfall != 0)) {
        enum err_code code = report_shortfall(s, open, balance, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (is_short) {
        char text[ID_TEXT_SIZE];
        id_format(open->escrow_id, text);
        return err_set(err, ERR_CONFLICT,
                       "shortfall: escrow %s has %" PRId64 " QUBIC on the chain, %" PRId64
                       " in the ledger; it is not paid from",
                       text, balance->balance, open->ledger_balance);
    }
    return ERR_OK;
}

static enum err_code key_missing(const struct open_leg *open, struct err *err)
{
    char text[ID_TEXT_SIZE];
    id_format(open->escrow_id, text);
    return err_set(err, ERR_CONFLICT,
                   "escrow %s waits for settlement key %" PRIu64
                   ", whose seed is not loaded, or is not the one in the log",
                   text, open->escrow.key_id);
}

/* A count that is not the ledger's own is believed if the archive lists as many, and no leg among them that the ledger does not know: an operator's
 * sweep is in no log, and a leg that is in no log was paid by somebody else who has it. */
static enum err_code check_listed(struct settlement *s, const struct open_leg *open,
                                  uint32_t counted, uint64_t known, struct err *err)
{
    char text[ID_TEXT_SIZE];
    size_t listed = 0;
    size_t legs = 0;
    enum err_code code = reread_count(s, open->escrow_id, &open->escrow, &listed, &legs, err);
    if (code != ERR_OK) {
        return code;
    }
    id_format(open->escrow_id, text);
    if (legs > known) {
        return err_set(err, ERR_CONFLICT,
                       "escrow %s was paid from %zu times by its legs, of which this log knows "
                       "%" PRIu64 ": does another server run on a copy of it?",
                       text, legs, known);
    }
    return listed == counted ? ERR_OK
                             : err_set(err, ERR_BUSY,
                                       "the live service counts %" PRIu32
                                       " payments out of escrow %s, the archive lists %zu",
                                       counted, text, listed);
}

/* What the loss of this attempt will be judged by: a count that is too high by one makes a payment look lost as soon as the archive hides it. */
static enum err_code check_outgoing(struct settlement *s, const struct open_leg *open,
                                    const struct qubic_balance *balance, struct err *err)
{
    uint64_t known = 0;
    struct qubic_balance second;
    enum err_code code = settlement_paid_out(s, open->escrow_id, &known, err);
    if (code == ERR_OK && balance->outgoing_count != known) {
        code = check_listed(s, open, balance->outgoing_count, known, err);
    }
    if (code == ERR_OK && s->second != NULL) {
        code = chain_second_balance(s, &open->escrow.identity, &second, err);
        if (code == ERR_OK && (second.valid_for_tick < open->escrow.moved_tick ||
                               second.outgoing_count != balance->outgoing_count)) {
            code = err_set(err, ERR_BUSY,
                           "the second live service counts %" PRIu32
                           " payments out of an escrow by tick %" PRIu32 ", the first %" PRIu32,
                           second.outgoing_count, second.valid_for_tick, balance->outgoing_count);
        }
    }
    return code;
}

/* What was lost again and again is not tried in every round. */
static bool is_time(const struct settlement *s, const struct open_leg *open)
{
    return s->tick >= leg_backoff_tick(open->leg.attempt, open->leg.tick);
}

static enum err_code sign(struct settlement *s, const struct open_leg *open, struct err *err)
{
    const struct operator_key *key = settlement_key(s, open->escrow.key_id);
    if (key == NULL) {
        return key_missing(open, err);
    }
    if (!is_time(s, open)) {
        return ERR_OK;
    }
    struct qubic_balance balance;
    struct qubic_transaction tx;
    uint32_t now = 0;
    struct ledger_answer answer;
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    enum err_code code = chain_balance(s, &open->escrow.identity, &balance, err);
    if (code == ERR_OK) {
        code = check_balance(s, open, &balance, err);
    }
    if (code == ERR_OK) {
        code = check_outgoing(s, open, &balance, err);
    }
    if (code == ERR_OK) { /* the round may have lasted many ticks */
        code = settlement_tick_now(s, &now, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    uint32_t tick = now + (uint32_t)open->tick_offset;
    code = build(key, open, tick, &tx, err);
    if (code != ERR_OK) {
        return code;
    }
    struct command command =
        leg_command(open, COMMAND_LEG_SIGN, STEP_LEG_SIGN, open->leg.attempt + 1);
    size_t size = qubic_transaction_encode(&tx, wire);
    command.u.leg.u.signing = (struct ev_leg_signed){
        .attempt = open->leg.attempt + 1,
        .destination = open->leg.destination,
        .amount = open->leg.amount,
        .tick = tick,
        .tx_id = qubic_transaction_hash(&tx),
        .transaction = bytes_of(wire, size),
        .outgoing_count = balance.outgoing_count,
    };
    code = settlement_submit(s, &command, &answer, err);
    if (code != ERR_OK || answer.code != ERR_OK || answer.replayed) {
        return code; /* replayed: other bytes were signed under this attempt; the next round sends those */
    }
    return chain_send(s, open->escrow_id, &tx, err);
}

/* ── signed → confirmed | lost ─────────────────────────────────────────────────────────────────── */

/* The very bytes that were recorded. */
static enum err_code recorded_transaction(struct settlement *s, uint64_t sequence,
                                          struct qubic_transaction *ret, struct err *err)
{
    struct log_reader *reader;
    struct arena arena;
    struct bytes record;
    struct event event;
    enum err_code code = log_reader_open(ledger_log(s->options.ledger), &reader, err);
    if (code != ERR_OK) {
        return code;
    }
    arena_init(&arena, 1 << 20);
    code = log_reader_record(reader, sequence, &record, err);
    if (code == ERR_OK) {
        code = record_decode(record, &arena, &event, err);
    }
    if (code == ERR_OK) {
        code = qubic_transaction_parse(event.u.payout_signed.transaction, ret, err);
    }
    arena_deinit(&arena);
    log_reader_close(reader);
    return code;
}

/* The archive says that it was paid; so does the live service, or it waits: something left since the leg's tick, or more than when it was
 * signed. One is in flight at a time, so that was it. (A leg that was found after a restore ran before its count was taken.) */
static enum err_code check_left(const void *ctx, const struct qubic_balance *balance,
                                struct err *err)
{
    const struct open_leg *open = ctx;
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    if (balance->latest_outgoing_tick >= open->leg.tick ||
        balance->outgoing_count > open->leg.outgoing_count) {
        return ERR_OK;
    }
    qubic_hash_format(&open->leg.tx_id, text);
    return err_set(err, ERR_BUSY,
                   "the archive has %.12s... of tick %" PRIu64
                   " as paid, and by the balance of tick %" PRIu32
                   " nothing left since tick %" PRIu32,
                   text, open->leg.tick, balance->valid_for_tick, balance->latest_outgoing_tick);
}

static enum err_code confirm(struct settlement *s, const struct open_leg *open, struct err *err)
{
    struct qubic_balance unused;
    struct ledger_answer answer;
    enum err_code code =
        chain_balance_checked(s, &open->escrow.identity, check_left, open, &unused, err);
    if (code != ERR_OK) {
        return code;
    }
    struct command command =
        leg_command(open, COMMAND_LEG_CONFIRM, STEP_LEG_CONFIRM, open->leg.attempt);
    command.u.leg.u.confirmed = (struct ev_leg_confirmed){
        .attempt = open->leg.attempt,
        .destination = open->leg.destination,
        .amount = open->leg.amount,
        .tick = open->leg.tick,
        .tx_id = open->leg.tx_id,
        .processed_tick = s->processed,
    };
    return settlement_submit(s, &command, &answer, err);
}

/* Any doubt means wait. (What a restored log found may have left later than this attempt.) */
static enum err_code check_unmoved(const void *ctx, const struct qubic_balance *balance,
                                   struct err *err)
{
    const struct open_leg *open = ctx;
    if (balance->valid_for_tick >= open->leg.tick &&
        balance->outgoing_count == open->leg.outgoing_count + open->found &&
        (balance->latest_outgoing_tick < open->leg.tick || open->found > 0)) {
        return ERR_OK;
    }
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    qubic_hash_format(&open->leg.tx_id, text);
    return err_set(err, ERR_BUSY,
                   "%.12s... of tick %" PRIu64 " is not there, but the balance is from before, "
                   "or something has left since it was signed",
                   text, open->leg.tick);
}

static enum err_code lose(struct settlement *s, const struct open_leg *open,
                          enum lost_reason reason, bool tick_empty, struct err *err)
{
    struct qubic_balance balance;
    struct ledger_answer answer;
    enum err_code code =
        chain_balance_checked(s, &open->escrow.identity, check_unmoved, open, &balance, err);
    if (code != ERR_OK) {
        return code;
    }
    struct command command = leg_command(open, COMMAND_LEG_LOSE, STEP_LEG_LOSE, open->leg.attempt);
    command.u.leg.u.lost = (struct ev_leg_lost){
        .attempt = open->leg.attempt,
        .tx_id = open->leg.tx_id,
        .reason = reason,
        .tick = open->leg.tick,
        .processed_tick = s->processed,
        .tick_empty = tick_empty,
        .balance_tick = balance.valid_for_tick,
        .outgoing_count = balance.outgoing_count,
    };
    return settlement_submit(s, &command, &answer, err);
}

static enum err_code follow(struct settlement *s, const struct open_leg *open, struct err *err)
{
    if (s->processed < open->leg.tick + EVIDENCE_TICKS) {
        struct qubic_transaction tx;
        if (s->observing || s->tick >= open->leg.tick || s->tick == s->tick_before) {
            return ERR_OK; /* not to be sent, or too late; too early to know; or sent in this tick already */
        }
        enum err_code code = recorded_transaction(s, open->leg.signed_sequence, &tx, err);
        return code == ERR_OK ? chain_send(s, open->escrow_id, &tx, err) : code;
    }
    struct qubic_archived_transaction found;
    enum err_code code = chain_transaction(s, &open->leg.tx_id, &found, err);
    if (code == ERR_OK) {
        return found.money_flew ? confirm(s, open, err)
                                : lose(s, open, LOST_NO_MONEY_MOVED, false, err);
    }
    if (code != ERR_NOT_FOUND) {
        return code;
    }
    bool has = false;
    bool empty = false;
    code = chain_tick_has(s, (uint32_t)open->leg.tick, &open->leg.tx_id, &has, &empty, err);
    if (code != ERR_OK || has) {
        return code; /* unknown by hash but listed in its tick: wait */
    }
    return lose(s, open, LOST_NOT_INCLUDED, empty, err);
}

static enum err_code step(struct settlement *s, const struct open_leg *open, struct err *err)
{
    if (open->leg.status == LEG_SIGNED) {
        return follow(s, open, err);
    }
    if (s->observing) {
        return ERR_OK;
    }
    if (open->escrow.generation !=
        s->generation) { /* it had ended when the log was restored, and now something came late */
        return s->processed < s->reread_from
                   ? ERR_OK /* as in settle_reread */
                   : reread_escrow(s, open->escrow_id, &open->escrow, err);
    }
    return open->escrow.found_open > 0 ? settle_found(s, open->escrow_id, &open->escrow, err)
                                       : sign(s, open, err);
}

/* ── all of them ───────────────────────────────────────────────────────────────────────────────── */

static void ahead_of(struct settlement *s, void *ctx, size_t index)
{
    const struct open_leg *open = &((struct leg_list *)ctx)->legs[index];
    if (open->leg.status == LEG_SIGNED) {
        if (s->processed >= open->leg.tick + EVIDENCE_TICKS) {
            chain_ahead_transaction(s, &open->leg.tx_id);
            chain_ahead_balance(s, &open->escrow.identity);
        }
    } else if (!s->observing && open->escrow.generation == s->generation &&
               open->escrow.found_open == 0 && settlement_key(s, open->escrow.key_id) != NULL &&
               is_time(s, open)) {
        chain_ahead_balance(s, &open->escrow.identity);
    }
}

static enum err_code step_of(struct settlement *s, void *ctx, size_t index, struct err *err)
{
    const struct open_leg *open = &((struct leg_list *)ctx)->legs[index];
    enum err_code code = step(s, open, err);
    if (code != ERR_OK) {
        trace_err(TRACE_DEBUG, "leg.waits", err);
        trouble_note(s, open->escrow_id, err);
    }
    return code;
}

/* What anybody can make due by sending it costs a few questions a round, whatever there is of it: payments for jobs wait for none of it. */
enum err_code settle_legs(struct settlement *s, struct err *err)
{
    static const uint64_t QUESTIONS_MAX[LEG_CLASSES] = {
        [LEG_CLASS_RETURN] = WALK_WINDOW, [LEG_CLASS_DUST] = WALK_WINDOW / 2};
    struct leg_list lists[LEG_CLASSES] = {0};
    uint64_t count = 0;
    enum err_code code = collect(s, lists, err);
    for (size_t class = 0; class < LEG_CLASSES; class ++) {
        struct err own = {0};
        const struct walk walk = {.count = lists[class].count,
                                  .questions_max = QUESTIONS_MAX[class],
                                  .ctx = &lists[class],
                                  .ahead = ahead_of,
                                  .step = step_of};
        enum err_code one = settlement_walk(s, &walk, &s->legs_from[class], &own);
        if (one != ERR_OK && (code == ERR_OK || one == ERR_TIMEOUT)) {
            code = one;
            *err = own;
        }
        count += lists[class].count;
        free(lists[class].legs);
    }
    trouble_publish(s);
    (void)pthread_mutex_lock(&s->mutex);
    s->status.legs_open = count;
    (void)pthread_mutex_unlock(&s->mutex);
    return code;
}
