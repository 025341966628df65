/* One round after the other: where the chain is, whether it is ours, and each part of the work. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/settlement/settlement_internal.h"

#include <inttypes.h>

/* ── is this the right chain? ──────────────────────────────────────────────────────────────────── */

/* The newest transaction that the log calls confirmed, and how far the archive was then; zero: there is none. */
struct confirmed {
    struct key32 tx_id;
    uint64_t processed;
};

static bool take_confirmed(void *ctx, const struct event *event)
{
    struct confirmed *newest = ctx;
    if (event->type->number == EVENT_ESCROW_CONFIRMED) {
        newest->tx_id = event->u.escrow_confirmed.tx_id;
        newest->processed = event->u.escrow_confirmed.processed_tick;
    } else {
        newest->tx_id = event->u.payout_confirmed.tx_id;
        newest->processed = event->u.payout_confirmed.processed_tick;
    }
    return true;
}

static enum err_code check_chain(struct settlement *s, struct err *err)
{
    static const enum event_type_number TYPES[] = {EVENT_PAYOUT_CONFIRMED, EVENT_REFUND_CONFIRMED,
                                                   EVENT_FEE_CONFIRMED, EVENT_ESCROW_CONFIRMED, 0};
    struct confirmed newest = {0};
    struct qubic_archived_transaction unused;
    enum err_code code = log_back(s, TYPES, take_confirmed, &newest, err);
    if (code != ERR_OK || key_is_zero(newest.tx_id)) {
        return code;
    }
    code = chain_transaction(s, &newest.tx_id, &unused, err);
    if (code != ERR_NOT_FOUND) {
        return code;
    }
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    qubic_hash_format(&newest.tx_id, text);
    return err_set(err, ERR_CONFLICT,
                   "this chain does not know %.12s..., which the log calls confirmed: another "
                   "network, or an archive that has not come to tick %" PRIu64 " yet",
                   text, newest.processed);
}

/* ── rounds ────────────────────────────────────────────────────────────────────────────────────── */

#define MEASURE_MIN_NS NS_PER_S
#define MEASURE_MAX_NS (30 * NS_PER_S)

/* The length of a tick, over the last half minute at most: a network that stood still is not slow for ever. */
static void measure_tick(struct settlement *s, int64_t now)
{
    int64_t passed = now - s->tick_seen_at;
    if (s->tick_seen == 0 || s->tick < s->tick_seen) {
        s->tick_seen = s->tick;
        s->tick_seen_at = now;
    } else if (s->tick > s->tick_seen && passed > MEASURE_MIN_NS) {
        (void)pthread_mutex_lock(&s->mutex);
        s->status.tick_ms = (uint32_t)(passed / NS_PER_MS / (s->tick - s->tick_seen));
        (void)pthread_mutex_unlock(&s->mutex);
        if (passed > MEASURE_MAX_NS) {
            s->tick_seen = s->tick;
            s->tick_seen_at = now;
        }
    }
}

/* So far ahead a transaction may be when it is sent. */
#define TICK_AHEAD_MAX 2666

enum err_code settlement_check_tick(const struct settlement *s, uint32_t tick, struct err *err)
{
    if (tick >= s->processed && tick - s->processed <= TICK_AHEAD_MAX) {
        return ERR_OK;
    }
    return err_set(err, ERR_UNAVAILABLE,
                   "the network says it is at tick %" PRIu32 ", its archive at %" PRIu32
                   ": one of them is wrong",
                   tick, s->processed);
}

enum err_code settlement_tick_now(struct settlement *s, uint32_t *ret, struct err *err)
{
    struct qubic_tick_info info;
    int64_t const now = s->options.mono_ns();
    enum err_code code = ERR_OK;
    if (now - s->tick_at > (int64_t)s->status.tick_ms * NS_PER_MS) { /* only this thread sets it */
        code = chain_tick_info(s, &info, err);
        if (code == ERR_OK) {
            code = settlement_check_tick(s, info.tick, err);
        }
        if (code == ERR_OK) {
            s->heard_tick = info.tick;
            s->tick_at = now;
        }
    }
    if (code == ERR_OK) {
        *ret = s->heard_tick;
    }
    return code;
}

static enum err_code ask_where(struct settlement *s, struct err *err)
{
    struct qubic_tick_info info;
    struct qubic_processed_tick processed;
    /* In this order: the network is never behind its archive. */
    enum err_code code = chain_processed_tick(s, &processed, err);
    if (code == ERR_OK) {
        code = chain_tick_info(s, &info, err);
    }
    if (code == ERR_OK) {
        s->processed = processed.tick;
        code = settlement_check_tick(s, info.tick, err);
    }
    if (code != ERR_OK) {
        s->tick = 0; /* what was sent may be gone with the node that had it: send again */
        return code;
    }
    s->tick_before = s->tick;
    s->tick = info.tick;
    s->heard_tick = info.tick;
    int64_t now = s->options.mono_ns();
    s->tick_at = now;
    measure_tick(s, now);
    (void)pthread_mutex_lock(&s->mutex);
    s->status.tick = s->tick;
    s->status.processed = s->processed;
    s->status.asked_at = now;
    s->status.chain_answers = true;
    (void)pthread_mutex_unlock(&s->mutex);
    return ERR_OK;
}

enum err_code settlement_prepare(struct settlement *s, struct err *err)
{
    enum err_code code = ask_where(s, err);
    if (code == ERR_OK) {
        code = check_chain(s, err);
    }
    return code == ERR_OK ? cursor_load(s, err) : code;
}

/* A tick or an escrow that makes trouble must not keep the others from being paid: each part is tried, the first trouble told. Anchoring
 * comes after them, and not while waiting for the chain has cost so much time already that payments are due again. */
enum err_code settlement_round(struct settlement *s, struct err *err)
{
    static enum err_code (*const parts[])(struct settlement *, struct err *) = {
        settle_deposits, settle_reread, settle_confirmations, settle_legs, settle_keys};
    enum err_code first = ask_where(s, err);
    if (first != ERR_OK) {
        return first;
    }
    bool slow = false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !settlement_stopping(s); i++) {
        struct err own = {0};
        enum err_code code = parts[i](s, &own);
        slow = slow || code == ERR_TIMEOUT;
        if (code != ERR_OK && first == ERR_OK) {
            first = code;
            *err = own;
        }
    }
    if (!slow && !settlement_stopping(s)) {
        settle_anchor(s);
    }
    return first;
}
