/* Anchoring: the root of the newest signed checkpoint goes on the chain, in a transaction of 0 QUBIC from an identity of its own to itself.
 *
 *     idle ─ due, identity has money ─▶ signed, sent until its tick has passed ─ tick + 3 processed ─┬─ the archive has it ─▶ recorded
 *       ▲                                                                                            └─ it has not: lost
 *       └────────────────────────────────────────────────────────────────────────────────────────────────────┘
 *
 * What is in flight is in memory alone: it moves no money, so doing it twice costs nothing, and only what the archive shows is an
 * event. After a crash or a loss the newest root is tried anew. Why: docs/decisions/0015-anchors.md. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/event/codec.h"
#include "core/log/log_reader.h"
#include "core/settlement/payload.h"
#include "core/settlement/settlement_internal.h"

#include <inttypes.h>
#include <stdio.h>

#define COUNT_A_ROUND                                                                              \
    100000             /* records looked at: some milliseconds, then payments have their turn */
#define PAUSE_TICKS 20 /* after trouble with beginning: what lacks is mostly money */

bool anchor_is_on(const struct anchor_rule *rule)
{
    return rule->every_events > 0 || rule->every_min > 0;
}

bool anchor_is_due(const struct anchor_rule *rule, uint64_t others, int64_t since_ns)
{
    if (others == 0) {
        return false;
    }
    return (rule->every_events > 0 && others >= rule->every_events) ||
           (rule->every_min > 0 && since_ns / (60 * NS_PER_S) >= (int64_t)rule->every_min);
}

/* ── is there something to anchor? ─────────────────────────────────────────────────────────────── */

/* Goes on where it came to the last time, and no further than it has to. */
static enum err_code count_others(struct settlement *s, struct log_reader *reader, uint64_t until,
                                  struct err *err)
{
    struct anchoring *a = &s->anchoring;
    uint64_t enough = s->options.anchor.every_events > 0 ? s->options.anchor.every_events : 1;
    until = until > a->counted + COUNT_A_ROUND ? a->counted + COUNT_A_ROUND : until;
    while (a->counted < until && a->others < enough) {
        struct bytes record;
        struct record_header header;
        enum err_code code = log_reader_record(reader, a->counted + 1, &record, err);
        if (code == ERR_OK) {
            code = record_header_decode(record, &header, err);
        }
        if (code != ERR_OK) {
            return code;
        }
        a->counted++;
        a->others += header.type != EVENT_CHECKPOINT_ANCHORED ? 1 : 0;
    }
    return ERR_OK;
}

/* The checkpoint to anchor now; size 0: none, or the log was restored and only observes. `ret_offset`: how many ticks ahead to sign. */
static enum err_code find_due(struct settlement *s, struct checkpoint *ret, uint64_t *ret_offset,
                              struct err *err)
{
    struct anchoring *a = &s->anchoring;
    struct views_snapshot *snapshot;
    struct log_reader *reader;
    struct ledger_row ledger;
    struct checkpoint checkpoint = {0};
    enum err_code code = views_snapshot_open(ledger_views(s->options.ledger), &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    bool known = state_ledger(views_snapshot_store(snapshot), &ledger);
    views_snapshot_close(snapshot);
    if (!known) {
        return err_set(err, ERR_CORRUPT, "the ledger has no row");
    }
    code = log_reader_open(ledger_log(s->options.ledger), &reader, err);
    if (code != ERR_OK) {
        return code;
    }
    if (a->from != ledger.anchored_size) {
        a->from = a->counted = ledger.anchored_size;
        a->others = 0;
    }
    if (ledger.observing == 0) {
        code = settlement_checkpoint(s, reader, &checkpoint, err);
    }
    if (code == ERR_OK) {
        code = count_others(s, reader, checkpoint.size, err);
    }
    log_reader_close(reader);
    if (code == ERR_OK) {
        bool due =
            checkpoint.size > ledger.anchored_size &&
            anchor_is_due(&s->options.anchor, a->others, s->options.wall_ns() - ledger.anchored_at);
        *ret = due ? checkpoint : (struct checkpoint){0};
        *ret_offset = ledger.tick_offset;
        (void)pthread_mutex_lock(&s->mutex);
        s->status.anchored_size = ledger.anchored_size;
        (void)pthread_mutex_unlock(&s->mutex);
    }
    return code;
}

/* ── idle → sent ───────────────────────────────────────────────────────────────────────────────── */

static enum err_code sign(struct settlement *s, const struct qubic_keys *keys,
                          const struct checkpoint *checkpoint, uint32_t tick, struct err *err)
{
    struct payload payload = {.kind = PAYLOAD_ANCHOR,
                              .log_id = settlement_any_key(s)->log_id,
                              .subject = checkpoint->root};
    struct qubic_transaction tx = {
        .destination = keys->public_key,
        .tick = tick,
        .input_type = PAYLOAD_INPUT_TYPE,
        .input_size = PAYLOAD_SIZE,
    };
    payload_encode(&payload, tx.input);
    enum err_code code = qubic_transaction_sign(&tx, keys, err);
    if (code == ERR_OK) {
        s->anchoring.in_flight = true;
        s->anchoring.tx = tx;
        s->anchoring.checkpoint = *checkpoint;
    }
    return code;
}

/* As in legs.c: sent too late is not trouble, it is seen later. */
static enum err_code send_bytes(struct settlement *s, struct err *err)
{
    enum err_code code = chain_broadcast(s, &s->anchoring.tx, err);
    return code == ERR_INVALID ? ERR_OK : code;
}

static enum err_code begin(struct settlement *s, struct err *err)
{
    struct checkpoint checkpoint = {0};
    struct qubic_balance balance;
    uint32_t now = 0;
    struct qubic_keys keys;
    uint64_t offset = 0;
    enum err_code code = find_due(s, &checkpoint, &offset, err);
    if (code != ERR_OK || checkpoint.size == 0) {
        return code;
    }
    anchor_keys_derive(settlement_key(s, s->newest_key_id), &keys);
    code = chain_balance(s, &keys.public_key, &balance, err);
    if (code == ERR_OK && balance.balance <= 0) {
        char text[QUBIC_IDENTITY_TEXT_SIZE];
        qubic_identity_format(&keys.public_key, text);
        code = err_set(
            err, ERR_CONFLICT,
            "the anchoring identity %s has no QUBIC, and the network drops what such a one signs: "
            "send it some, none is spent",
            text);
    }
    if (code == ERR_OK) {
        code = settlement_tick_now(s, &now, err);
    }
    if (code == ERR_OK) {
        code = sign(s, &keys, &checkpoint, now + (uint32_t)offset, err);
    }
    qubic_keys_wipe(&keys);
    return code == ERR_OK ? send_bytes(s, err) : code;
}

/* ── sent → recorded | lost ────────────────────────────────────────────────────────────────────── */

static enum err_code record(struct settlement *s, struct key32 tx_id, struct err *err)
{
    struct anchoring *a = &s->anchoring;
    struct ledger_answer answer;
    struct command command = {
        .type = COMMAND_CHECKPOINT_ANCHOR,
        .command_id =
            settlement_command_id(STEP_ANCHOR, (struct id16){0}, tx_id, a->checkpoint.size),
        .u.anchored = (struct ev_checkpoint_anchored){.size = a->checkpoint.size,
                                                      .root = a->checkpoint.root,
                                                      .tx_id = tx_id,
                                                      .tick = a->tx.tick},
    };
    enum err_code code = settlement_submit(s, &command, &answer, err);
    if (code != ERR_OK) {
        return code;
    }
    a->in_flight = false;
    if (answer.code == ERR_OK) {
        trace(TRACE_INFO, "anchor.recorded", "size=%" PRIu64 " tick=%" PRIu32, a->checkpoint.size,
              a->tx.tick);
    }
    return ERR_OK;
}

static enum err_code follow(struct settlement *s, struct err *err)
{
    struct anchoring *a = &s->anchoring;
    struct qubic_archived_transaction found;
    if (s->processed < a->tx.tick + EVIDENCE_TICKS) {
        bool again = s->tick < a->tx.tick && s->tick != s->tick_before;
        return again ? send_bytes(s, err) : ERR_OK;
    }
    struct key32 tx_id = qubic_transaction_hash(&a->tx);
    enum err_code code = chain_transaction(s, &tx_id, &found, err);
    if (code == ERR_OK) {
        return record(s, tx_id, err);
    }
    if (code == ERR_NOT_FOUND) { /* were it there all the same, it would be one more than needed */
        a->in_flight = false;
        trace(TRACE_INFO, "anchor.lost", "size=%" PRIu64 " tick=%" PRIu32, a->checkpoint.size,
              a->tx.tick);
        code = ERR_OK;
    }
    return code;
}

void settle_anchor(struct settlement *s)
{
    struct anchoring *a = &s->anchoring;
    struct err err = {0};
    if (!anchor_is_on(&s->options.anchor) || s->tick < a->again_from) {
        return;
    }
    enum err_code code = a->in_flight ? follow(s, &err) : begin(s, &err);
    if (settlement_stopping(s)) {
        return;
    }
    a->again_from = code != ERR_OK && !a->in_flight ? s->tick + PAUSE_TICKS : 0;
    (void)pthread_mutex_lock(&s->mutex);
    bool news = code != ERR_OK && s->status.anchor_reason[0] == '\0';
    (void)snprintf(s->status.anchor_reason, sizeof s->status.anchor_reason, "%s",
                   code == ERR_OK ? "" : err.message);
    (void)pthread_mutex_unlock(&s->mutex);
    if (news) {
        trace_err(TRACE_WARN, "anchor.waits", &err);
    }
}
