/* tools/devchain/chain.c: what comes in, and what a tick will do. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/checked.h"
#include "core/base/invariant.h"
#include "tools/devchain/chain_internal.h"

#include <stdlib.h>

enum err_code chain_create(const struct chain_options *options, struct chain **ret, struct err *err)
{
    if (options->start_tick == 0) {
        return err_set(err, ERR_INVALID, "start tick: expected at least 1");
    }
    struct chain *chain = calloc(1, sizeof *chain);
    if (chain == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    chain->options = *options;
    chain->current_tick = options->start_tick;
    chain->last_tick = options->start_tick - 1;
    chain->epoch = options->epoch;
    enum err_code const code = chain_begin_interval(chain, err);
    if (code != ERR_OK) {
        chain_destroy(chain);
        return code;
    }
    *ret = chain;
    return ERR_OK;
}

void chain_destroy(struct chain *chain)
{
    if (chain == NULL) {
        return;
    }
    tick_pool_clear(&chain->pool, 0, TICK_POOL_SLOTS);
    for (size_t i = 0; i < chain->transaction_index.count; i++) {
        free(chain->transactions[i].wire);
    }
    key_map_deinit(&chain->entity_index);
    key_map_deinit(&chain->transaction_index);
    free(chain->entities);
    free(chain->transactions);
    free(chain->ticks);
    free(chain->intervals);
    free(chain->credits);
    free(chain);
}

enum err_code chain_make_room(void **items, size_t *capacity, size_t count, size_t size,
                              struct err *err)
{
    if (count < *capacity) {
        return ERR_OK;
    }
    size_t const wanted = *capacity == 0 ? 64 : *capacity * 2;
    size_t total;
    void *grown = checked_mul_size(wanted, size, &total) ? realloc(*items, total) : NULL;
    if (grown == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory for %zu items", wanted);
    }
    *items = grown;
    *capacity = wanted;
    return ERR_OK;
}

enum err_code chain_begin_interval(struct chain *chain, struct err *err)
{
    size_t at = chain->interval_count;
    if (at > 0 &&
        chain->intervals[at - 1].ticks.last_tick < chain->intervals[at - 1].ticks.first_tick) {
        at--; /* one that has no tick is forgotten */
    }
    enum err_code const code = chain_make_room(
        (void **)&chain->intervals, &chain->interval_capacity, at, sizeof *chain->intervals, err);
    if (code == ERR_OK) {
        chain->intervals[at] = (struct interval){.ticks = {.epoch = chain->epoch,
                                                           .first_tick = chain->current_tick,
                                                           .last_tick = chain->current_tick - 1},
                                                 .first_row = chain->tick_count};
        chain->interval_count = at + 1;
    }
    return code;
}

/* ---- what comes in ---- */

void chain_set_min_offset(struct chain *chain, uint32_t min_offset)
{
    chain->options.min_offset = min_offset;
}

enum err_code chain_submit(struct chain *chain, const struct qubic_transaction *tx,
                           enum chain_admission *ret, struct err *err)
{
    if (chain_has_waiting(chain, tx)) {
        *ret = CHAIN_DROPPED_DUPLICATE; /* it is there, however late its repetition comes */
        return ERR_OK;
    }
    if (tx->tick < chain->current_tick ||
        tx->tick - chain->current_tick < chain->options.min_offset) {
        *ret = CHAIN_DROPPED_TOO_SOON;
        return ERR_OK;
    }
    if (tx->tick - chain->current_tick > CHAIN_AHEAD_MAX) {
        *ret = CHAIN_DROPPED_TOO_FAR;
        return ERR_OK;
    }
    if (chain_identity_balance(chain, &tx->source).balance <= 0) {
        *ret = CHAIN_DROPPED_NO_BALANCE;
        return ERR_OK;
    }
    if (tick_pool_slot(&chain->pool, tx->tick)->count == CHAIN_TICK_TRANSACTIONS_MAX) {
        *ret = CHAIN_DROPPED_TICK_FULL;
        return ERR_OK;
    }
    *ret = CHAIN_WAITING;
    struct key32 const hash = qubic_transaction_hash(tx);
    return tick_pool_add(&chain->pool, tx, &hash, err);
}

enum err_code chain_credit(struct chain *chain, const struct key32 *key, int64_t amount,
                           uint32_t *ret_tick, struct err *err)
{
    int64_t const room = CHAIN_SUPPLY_MAX - chain->supply - chain->credits_amount;
    if (amount <= 0) {
        return err_set(err, ERR_INVALID, "amount: expected a positive number of QUBIC");
    }
    if (amount > room) {
        return err_set(err, ERR_CONFLICT, "amount: the supply has room for %lld QUBIC more",
                       (long long)room);
    }
    if (chain->credit_count - chain->credits_frozen == CHAIN_TICK_CREDITS_MAX) {
        return err_set(err, ERR_BUSY, "too many credits for one tick");
    }
    enum err_code const code = chain_make_room((void **)&chain->credits, &chain->credit_capacity,
                                               chain->credit_count, sizeof *chain->credits, err);
    if (code != ERR_OK) {
        return code;
    }
    chain->credits[chain->credit_count++] = (struct credit){.key = *key, .amount = amount};
    chain->credits_amount += amount;
    *ret_tick = chain->current_tick + (chain->frozen ? 1 : 0);
    return ERR_OK;
}

/* ---- ticks ---- */

static void append_le32(struct buf *buf, uint32_t value)
{
    uint8_t bytes[4];
    put_le32(bytes, value);
    buf_append(buf, bytes, sizeof bytes);
}

static void append_le64(struct buf *buf, uint64_t value)
{
    uint8_t bytes[8];
    put_le64(bytes, value);
    buf_append(buf, bytes, sizeof bytes);
}

uint32_t chain_waiting(const struct chain *chain, uint32_t tick)
{
    bool const in_window =
        tick >= chain->current_tick && tick - chain->current_tick <= CHAIN_AHEAD_MAX;
    return in_window ? tick_pool_slot(&chain->pool, tick)->count : 0;
}

bool chain_has_waiting(const struct chain *chain, const struct qubic_transaction *tx)
{
    struct key32 const hash = qubic_transaction_hash(tx);
    return chain_waiting(chain, tx->tick) > 0 && tick_pool_has(&chain->pool, tx->tick, &hash);
}

enum err_code chain_freeze(struct chain *chain, int64_t wall_ms, const struct chain_fate *fate,
                           struct buf *payload, struct err *err)
{
    INVARIANT(!chain->frozen);
    const struct tick_slot *slot = tick_pool_slot(&chain->pool, chain->current_tick);
    bool const empty = fate != NULL && fate->empty;
    buf_append_byte(payload, TICK_VERSION);
    append_le32(payload, chain->epoch);
    append_le32(payload, chain->current_tick);
    append_le64(payload, (uint64_t)wall_ms);
    append_le32(payload, (uint32_t)chain->credit_count);
    append_le32(payload, empty ? 0 : slot->count);
    for (size_t i = 0; i < chain->credit_count; i++) {
        buf_append(payload, chain->credits[i].key.b, 32);
        append_le64(payload, (uint64_t)chain->credits[i].amount);
    }
    uint32_t index = (uint32_t)chain->transaction_index.count;
    for (const struct tick_waiting *w = empty ? NULL : slot->head; w != NULL;
         w = w->next, index++) {
        bool const broke =
            fate != NULL && fate->moves_nothing != NULL && fate->moves_nothing(fate->ctx, index);
        uint8_t size[2];
        put_le16(size, (uint16_t)(w->wire_size | (broke ? MOVES_NOTHING : 0)));
        buf_append(payload, size, sizeof size);
        buf_append(payload, w->wire, w->wire_size);
    }
    enum err_code const code = buf_check(payload, err);
    if (code == ERR_OK) {
        chain->frozen = true;
        chain->credits_frozen = chain->credit_count;
    }
    return code;
}

enum err_code chain_freeze_jump(struct chain *chain, uint32_t to_tick, uint32_t to_epoch,
                                struct buf *payload, struct err *err)
{
    INVARIANT(!chain->frozen);
    INVARIANT(to_tick > chain->current_tick);
    buf_append_byte(payload, JUMP_VERSION);
    append_le32(payload, chain->epoch);
    append_le32(payload, chain->current_tick);
    append_le32(payload, to_epoch);
    append_le32(payload, to_tick);
    enum err_code const code = buf_check(payload, err);
    chain->frozen = code == ERR_OK;
    return code;
}
