/* A log that was put back from an older copy. What it lost may have paid: so nothing is signed and nothing expires until each open escrow was
 * held against the chain, and an operator said so; and whatever is found there is never paid again, however much an identity has. */
// SPDX-License-Identifier: Apache-2.0
#include "core/event/codec.h"
#include "core/market/decide_internal.h"

#include <assert.h>
#include <string.h>

static enum err_code restore(struct deciding *d)
{
    const struct ev_ledger_restored *c = &d->command->u.restore;
    struct id16 ledger = {0};
    enum err_code code = decide_need_operator(d);
    if (code != ERR_OK) {
        return code;
    }
    /* Above, and not just the next: the copy of an older generation can be put back as well, and the name of one that has
     * signed something is not used again. */
    if (c->generation <= d->ledger.generation) {
        return refuse(d, ERR_CONFLICT, "generation_used", "a new generation is above %llu",
                      (unsigned long long)d->ledger.generation);
    }
    if (c->parent_size == 0 || key_is_zero(c->parent_root)) {
        return refuse(d, ERR_INVALID, "restore_invalid",
                      "a generation grows from a number of records and their root");
    }
    decide_event(d, EVENT_LEDGER_RESTORED, ledger)->u.ledger_restored = *c;
    return ERR_OK;
}

static enum err_code resume(struct deciding *d)
{
    const struct command_resume *c = &d->command->u.resume;
    struct ev_settlement_resumed resumed = {.generation = c->generation};
    struct id16 ledger = {0};
    struct bytes key;
    struct bytes value;
    uint8_t at[16] = {0};
    uint64_t unread = 0;
    enum err_code code = decide_need_operator(d);
    if (code != ERR_OK) {
        return code;
    }
    if (d->ledger.observing == 0) {
        return refuse(d, ERR_CONFLICT, "not_observing",
                      "settlement is not waiting to be resumed: the log was not restored, or it "
                      "was resumed before");
    }
    if (resumed.generation != d->ledger.generation) {
        return refuse(d, ERR_CONFLICT, "other_generation", "the log is at generation %llu",
                      (unsigned long long)d->ledger.generation);
    }
    /* All of them: this is asked once in the life of a log. */
    while (store_seek(d->state, &STATE_ESCROWS, bytes_of(at, sizeof at), true, &key, &value)) {
        struct escrow_row escrow;
        struct id16 id;
        memcpy(at, key.data, sizeof at);
        memcpy(id.b, at, sizeof at);
        if (!state_escrow(d->state, id, &escrow)) {
            break;
        }
        bool const read = escrow.generation == d->ledger.generation;
        resumed.escrows_read += read ? 1 : 0;
        resumed.payments_found += escrow.found_open;
        unread += escrow_is_open(&escrow) && !read ? 1 : 0;
    }
    /* Nothing is signed for one that was not read, and it does not expire, whatever is resumed: so it need not hold up the others for ever. */
    if (unread > c->unread_max) {
        return refuse(d, ERR_CONFLICT, "escrows_unread",
                      "%llu open escrows were not read again from the chain yet; with that number "
                      "as `unread`, all others go on and these stay held until they were read",
                      (unsigned long long)unread);
    }
    decide_event(d, EVENT_SETTLEMENT_RESUMED, ledger)->u.settlement_resumed = resumed;
    return ERR_OK;
}

/* ── an escrow, held against the chain ─────────────────────────────────────────────────────────── */

/* Payments that fit in one record: each at most 136 bytes (numbers of 9, three keys of 34, the map and its 6 numbers), less than 1 KiB around them. */
#define FOUND_PER_RECORD_MAX 400
static_assert(FOUND_PER_RECORD_MAX * 136 + 1024 <= RECORD_SIZE_MAX, "a record has room for them");

/* Whether it is in flight or was paid by this log, or found before. Each leg's transaction names its leg, so no other need be looked at: there may be
 * thousands of payments of thousands of legs, and the writer waits. */
static bool log_knows(struct deciding *d, struct id16 escrow_id,
                      const struct ev_found_payment *payment)
{
    struct leg_row leg;
    struct found_row found;
    uint8_t key[LEG_KEY_SIZE];
    enum leg_kind const kind = leg_kind_of_found(payment->paid_as);
    leg_key(escrow_id, kind, payment->deposit_tx, key);
    bool const is_leg = kind != 0 && state_leg(d->state, key, &leg) && leg.status != LEG_DUE &&
                        key_equal(leg.tx_id, payment->tx_id);
    return is_leg || state_found(d->state, escrow_id, payment->tx_id, &found);
}

static enum err_code reread(struct deciding *d)
{
    const struct command_reread *c = &d->command->u.reread;
    struct escrow_row escrow;
    if (d->command->actor_kind != ACTOR_SETTLEMENT) {
        return refuse(d, ERR_DENIED, "not_settlement", "only settlement reports from the chain");
    }
    if (!state_escrow(d->state, c->escrow_id, &escrow)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_escrow", "there is no such escrow");
    }
    if (c->generation != d->ledger.generation || escrow.generation == d->ledger.generation) {
        return refuse(d, ERR_CONFLICT, "nothing_new",
                      "this escrow is of this generation, or was read again in it");
    }
    if (c->processed_tick == 0) {
        return refuse(d, ERR_INVALID, "reread_invalid", "up to which tick was it read?");
    }
    const struct ev_found_payment *outgoing = c->outgoing.items;
    struct ev_found_payment *found =
        arena_alloc_array(d->decision->arena, c->outgoing.count + 1, sizeof *found);
    size_t count = 0;
    for (size_t i = 0; i < c->outgoing.count && found != NULL; i++) {
        if (!log_knows(d, c->escrow_id, &outgoing[i])) {
            found[count++] = outgoing[i];
        }
    }
    d->out_of_memory = d->out_of_memory || found == NULL;
    if (count > (size_t)FOUND_PER_RECORD_MAX * DECISION_EVENTS_MAX) {
        return refuse(
            d, ERR_INVALID, "reread_too_large",
            "%zu payments out of one escrow that the log does not know, at most %d are taken",
            count, FOUND_PER_RECORD_MAX * DECISION_EVENTS_MAX);
    }
    /* All of them or none: events of one command are committed together. */
    size_t at = 0;
    do {
        size_t const next = count - at < FOUND_PER_RECORD_MAX ? count - at : FOUND_PER_RECORD_MAX;
        decide_event(d, EVENT_ESCROW_REREAD, c->escrow_id)->u.escrow_reread =
            (struct ev_escrow_reread){
                .job_id = escrow.job_id,
                .generation = c->generation,
                .processed_tick = c->processed_tick,
                .found = {.items = found == NULL ? NULL : found + at, .count = next},
            };
        at += next;
    } while (at < count);
    return ERR_OK;
}

/* ── what the rules of escrows ask ─────────────────────────────────────────────────────────────── */

enum err_code decide_not_observing(struct deciding *d)
{
    return d->ledger.observing == 0
               ? ERR_OK
               : refuse(
                     d, ERR_CONFLICT, "observing",
                     "nothing is signed, nothing expires and no key is retired until an operator "
                     "lets settlement resume");
}

enum err_code decide_reread(struct deciding *d, const struct escrow_row *escrow)
{
    return escrow->generation == d->ledger.generation
               ? ERR_OK
               : refuse(d, ERR_CONFLICT, "not_reread",
                        "this escrow is older than the last restore, and was not read again from "
                        "the chain since");
}

enum err_code decide_may_sign(struct deciding *d, const struct escrow_row *escrow,
                              const struct leg_row *leg, bool *ret_has_left)
{
    const struct command_leg *c = &d->command->u.leg;
    struct found_row found;
    enum err_code code = decide_not_observing(d);
    if (code == ERR_OK) {
        code = decide_reread(d, escrow);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (state_found(d->state, c->escrow_id, c->u.signing.tx_id, &found)) {
        if (found.taken != 0 || !found_is_leg(&found, leg) || found.tick != c->u.signing.tick) {
            return refuse(d, ERR_CONFLICT, "found_differs",
                          "this transaction paid something else than this leg");
        }
        *ret_has_left = true;
        return ERR_OK;
    }
    if (escrow->found_open > 0) {
        return refuse(d, ERR_CONFLICT, "paid_before",
                      "a part of the log that was lost paid from this escrow");
    }
    return ERR_OK;
}

uint64_t decide_left_since(const struct deciding *d, struct id16 escrow_id,
                           const struct leg_row *leg)
{
    struct found_row found;
    /* That one is on the chain: no count of transfers makes it lost. */
    return state_found(d->state, escrow_id, leg->tx_id, &found)
               ? UINT64_MAX / 2
               : state_found_count(d->state, escrow_id, leg->signed_sequence);
}

enum err_code decide_restore(struct deciding *d)
{
    switch ((int)d->command->type) {
    case COMMAND_LEDGER_RESTORE:
        return restore(d);
    case COMMAND_SETTLEMENT_RESUME:
        return resume(d);
    default:
        return reread(d);
    }
}
