/* tools/devchain/chain_apply.c: a tick's or a jump's payload changes the chain. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/checked.h"
#include "core/base/invariant.h"
#include "tools/devchain/chain_internal.h"

#include <stdlib.h>
#include <string.h>

/* Takes `size` bytes from the front of `*payload`; NULL if there are fewer. */
static const uint8_t *take(struct bytes *payload, size_t size)
{
    if (payload->size < size) {
        return NULL;
    }
    const uint8_t *at = payload->data;
    *payload = bytes_from(*payload, size);
    return at;
}

static enum err_code entity_of(struct chain *chain, const struct key32 *key, uint32_t *ret,
                               struct err *err)
{
    uint32_t index = key_map_get(&chain->entity_index, key);
    if (index == KEY_MAP_NONE) {
        index = (uint32_t)chain->entity_index.count;
        enum err_code code = chain_make_room((void **)&chain->entities, &chain->entity_capacity,
                                             index, sizeof *chain->entities, err);
        if (code == ERR_OK) {
            code = key_map_put(&chain->entity_index, key, index, err);
        }
        if (code != ERR_OK) {
            return code;
        }
        chain->entities[index] =
            (struct entity){.balance = {.identity = *key}, .newest = CHAIN_NONE};
    }
    *ret = index;
    return ERR_OK;
}

/* False if a total would leave its range; nothing is changed then. */
static bool receive(struct chain *chain, uint32_t entity, int64_t amount)
{
    struct qubic_balance *b = &chain->entities[entity].balance;
    int64_t total;
    if (!checked_add_i64(b->incoming_amount, amount, &total)) {
        return false;
    }
    b->incoming_amount = total;
    b->balance += amount;
    b->incoming_count++;
    b->latest_incoming_tick = chain->current_tick;
    return true;
}

static bool spend(struct chain *chain, uint32_t entity, int64_t amount)
{
    struct qubic_balance *b = &chain->entities[entity].balance;
    int64_t total;
    if (b->balance < amount || !checked_add_i64(b->outgoing_amount, amount, &total)) {
        return false;
    }
    b->outgoing_amount = total;
    b->balance -= amount;
    b->outgoing_count++;
    b->latest_outgoing_tick = chain->current_tick;
    return true;
}

static bool is_contract(const struct key32 *key)
{
    return !key_is_zero(*key) &&
           (get_le64(key->b + 8) | get_le64(key->b + 16) | get_le64(key->b + 24)) == 0;
}

/* True if the amount was debited and credited. */
static bool transfer(struct chain *chain, uint32_t source, uint32_t destination,
                     const struct qubic_transaction *tx)
{
    if (is_contract(&tx->destination) || !spend(chain, source, tx->amount)) {
        return false;
    }
    if (key_is_zero(tx->destination)) {
        chain->supply -= tx->amount; /* burned */
        return false;
    }
    if (!receive(chain, destination, tx->amount)) {
        /* 9 × 10^18 QUBIC have come here: give it back rather than lose it */
        chain->entities[source].balance.balance += tx->amount;
        chain->entities[source].balance.outgoing_amount -= tx->amount;
        return false;
    }
    return tx->amount > 0;
}

static enum err_code execute(struct chain *chain, struct bytes wire, bool moves_nothing,
                             struct err *err)
{
    struct qubic_transaction tx;
    uint32_t source = 0;
    uint32_t destination = 0;
    size_t const index = chain->transaction_index.count;
    enum err_code code = qubic_transaction_parse(wire, &tx, err);
    if (code != ERR_OK || tx.tick != chain->current_tick) {
        return err_set(err, ERR_CORRUPT, "tick %u holds what is not a transaction of it",
                       chain->current_tick);
    }
    struct key32 const hash = qubic_transaction_hash(&tx);
    if (key_map_get(&chain->transaction_index, &hash) != KEY_MAP_NONE) {
        return err_set(err, ERR_CORRUPT, "tick %u repeats a transaction", chain->current_tick);
    }
    code = entity_of(chain, &tx.source, &source, err);
    if (code == ERR_OK) {
        code = entity_of(chain, &tx.destination, &destination, err);
    }
    if (code == ERR_OK) {
        code = chain_make_room((void **)&chain->transactions, &chain->transaction_capacity, index,
                               sizeof *chain->transactions, err);
    }
    uint8_t *copy = code == ERR_OK ? malloc(wire.size) : NULL;
    if (code == ERR_OK && copy == NULL) {
        code = err_set(err, ERR_NOMEM, "out of memory");
    }
    if (code == ERR_OK) {
        code = key_map_put(&chain->transaction_index, &hash, (uint32_t)index, err);
    }
    if (code != ERR_OK) {
        free(copy);
        return code;
    }
    INVARIANT(copy != NULL);
    memcpy(copy, wire.data, wire.size);
    chain->transactions[index] = (struct executed){
        .wire = copy,
        .wire_size = (uint16_t)wire.size,
        .money_flew = !moves_nothing && transfer(chain, source, destination, &tx),
        .tick = tx.tick,
        .hash = hash,
        .source = tx.source,
        .previous_of_source = chain->entities[source].newest,
        .previous_of_destination = chain->entities[destination].newest,
    };
    chain->entities[source].newest = (uint32_t)index;
    chain->entities[destination].newest = (uint32_t)index;
    return ERR_OK;
}

static enum err_code apply_credits(struct chain *chain, uint32_t count, struct bytes *payload,
                                   struct err *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *at = take(payload, 40);
        struct key32 key;
        uint32_t entity;
        if (at == NULL) {
            return err_set(err, ERR_CORRUPT, "tick %u is cut", chain->current_tick);
        }
        memcpy(key.b, at, sizeof key.b);
        int64_t const amount = (int64_t)get_le64(at + 32);
        if (amount <= 0 || amount > CHAIN_SUPPLY_MAX - chain->supply) {
            return err_set(err, ERR_CORRUPT, "tick %u credits too much", chain->current_tick);
        }
        enum err_code const code = entity_of(chain, &key, &entity, err);
        if (code != ERR_OK) {
            return code;
        }
        if (receive(chain, entity, amount)) {
            chain->supply += amount;
        }
    }
    return ERR_OK;
}

static enum err_code apply_transactions(struct chain *chain, uint32_t count, struct bytes *payload,
                                        struct err *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *size = take(payload, 2);
        uint16_t const word = size != NULL ? get_le16(size) : 0;
        size_t const wire_size = word & ~(unsigned)MOVES_NOTHING;
        const uint8_t *wire = size != NULL ? take(payload, wire_size) : NULL;
        if (wire == NULL) {
            return err_set(err, ERR_CORRUPT, "tick %u is cut", chain->current_tick);
        }
        enum err_code const code =
            execute(chain, bytes_of(wire, wire_size), (word & MOVES_NOTHING) != 0, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

/* What waited for the tick that was just executed waits no more. */
static void forget_waiting(struct chain *chain)
{
    tick_pool_clear(&chain->pool, chain->current_tick, 1);
    for (size_t i = 0; i < chain->credits_frozen; i++) {
        chain->credits_amount -= chain->credits[i].amount;
    }
    chain->credit_count -= chain->credits_frozen;
    if (chain->credit_count > 0) {
        memmove(chain->credits, chain->credits + chain->credits_frozen,
                chain->credit_count * sizeof *chain->credits);
    }
    chain->credits_frozen = 0;
    chain->frozen = false;
}

static enum err_code apply_tick(struct chain *chain, struct bytes payload, struct err *err)
{
    const uint8_t *head = take(&payload, 25);
    if (head == NULL) {
        return err_set(err, ERR_CORRUPT, "tick %u is cut", chain->current_tick);
    }
    uint32_t const count = get_le32(head + 21);
    enum err_code code = chain_make_room((void **)&chain->ticks, &chain->tick_capacity,
                                         chain->tick_count, sizeof *chain->ticks, err);
    if (code == ERR_OK) {
        chain->ticks[chain->tick_count++] =
            (struct tick){.wall_ms = (int64_t)get_le64(head + 9),
                          .first = (uint32_t)chain->transaction_index.count,
                          .count = count};
        chain->intervals[chain->interval_count - 1].ticks.last_tick = chain->current_tick;
    }
    if (code == ERR_OK) {
        code = apply_credits(chain, get_le32(head + 17), &payload, err);
    }
    if (code == ERR_OK) {
        code = apply_transactions(chain, count, &payload, err);
    }
    if (code == ERR_OK && payload.size != 0) {
        code = err_set(err, ERR_CORRUPT, "tick %u has bytes behind its end", chain->current_tick);
    }
    if (code == ERR_OK && chain->current_tick == UINT32_MAX) {
        code = err_set(err, ERR_OVERFLOW, "no tick comes after %u", UINT32_MAX);
    }
    if (code == ERR_OK) {
        forget_waiting(chain);
        chain->last_tick = chain->current_tick++;
    }
    return code;
}

/* Numbers that no tick will have. What waited for them is lost; at the end of an epoch the nodes forget the rest, too. */
static enum err_code apply_jump(struct chain *chain, struct bytes payload, struct err *err)
{
    if (payload.size != JUMP_SIZE) {
        return err_set(err, ERR_CORRUPT, "the jump at tick %u is cut", chain->current_tick);
    }
    uint32_t const to_epoch = get_le32(payload.data + 9);
    uint32_t const to_tick = get_le32(payload.data + 13);
    if (to_tick <= chain->current_tick) {
        return err_set(err, ERR_CORRUPT, "the chain jumps from tick %u to %u", chain->current_tick,
                       to_tick);
    }
    tick_pool_clear(&chain->pool, chain->current_tick,
                    to_epoch == chain->epoch ? to_tick - chain->current_tick : TICK_POOL_SLOTS);
    chain->frozen = false;
    chain->current_tick = to_tick;
    chain->epoch = to_epoch;
    return chain_begin_interval(chain, err);
}

enum err_code chain_apply(struct chain *chain, struct bytes payload, struct err *err)
{
    const uint8_t *head = payload.data;
    if (payload.size < 9 || (head[0] != TICK_VERSION && head[0] != JUMP_VERSION) ||
        get_le32(head + 1) != chain->epoch || get_le32(head + 5) != chain->current_tick) {
        return err_set(
            err, ERR_CORRUPT,
            "expected tick %u of epoch %u (the start tick and epoch of an existing chain "
            "cannot be changed)",
            chain->current_tick, chain->epoch);
    }
    return head[0] == TICK_VERSION ? apply_tick(chain, payload, err)
                                   : apply_jump(chain, payload, err);
}
