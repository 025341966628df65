/* tools/devchain/chain.c
 *
 *   tick payload, little-endian:
 *     version u8 = 1 | epoch u32 | tick u32 | wall ms i64 | credits u32 | transactions u32 |
 *     credits × (key 32 | amount i64) | transactions × (size u16 | wire bytes) */
// SPDX-License-Identifier: Apache-2.0
#include "tools/devchain/chain.h"

#include "core/base/checked.h"
#include "core/base/invariant.h"
#include "tools/devchain/key_map.h"

#include <stdlib.h>
#include <string.h>

#define POOL_SLOTS                                                                                 \
    4096 /* a power of two above CHAIN_AHEAD_MAX: one slot for each tick of the window */
#define PAYLOAD_VERSION 1

struct entity {
    struct qubic_balance balance;
    uint32_t newest; /* transaction index, CHAIN_NONE if none */
};

struct executed {
    uint8_t *wire;
    uint16_t wire_size;
    bool money_flew;
    uint32_t tick;
    struct key32 hash;
    struct key32 source;
    uint32_t previous_of_source;
    uint32_t previous_of_destination;
};

struct tick {
    int64_t wall_ms;
    uint32_t first; /* transaction index */
    uint32_t count;
};

struct waiting {
    struct waiting *next;
    struct key32 hash;
    uint16_t wire_size;
    uint8_t wire[];
};

struct pool_slot {
    struct waiting *head;
    struct waiting *tail;
    uint32_t count;
};

struct credit {
    struct key32 key;
    int64_t amount;
};

struct chain {
    struct chain_options options;
    uint32_t current_tick;
    bool frozen;    /* the current tick's payload has been made */
    int64_t supply; /* sum of balances */
    int64_t credits_amount;

    struct key_map entity_index;
    struct entity *entities;
    size_t entity_capacity;
    struct key_map transaction_index;
    struct executed *transactions;
    size_t transaction_capacity;
    struct tick *ticks;
    size_t tick_capacity;

    struct pool_slot pool[POOL_SLOTS];
    struct credit *credits; /* first `credits_frozen` belong to the frozen tick */
    size_t credit_count;
    size_t credit_capacity;
    size_t credits_frozen;
};

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
    *ret = chain;
    return ERR_OK;
}

static void slot_clear(struct pool_slot *slot)
{
    while (slot->head != NULL) {
        struct waiting *next = slot->head->next;
        free(slot->head);
        slot->head = next;
    }
    *slot = (struct pool_slot){0};
}

void chain_destroy(struct chain *chain)
{
    if (chain == NULL) {
        return;
    }
    for (size_t i = 0; i < POOL_SLOTS; i++) {
        slot_clear(&chain->pool[i]);
    }
    for (size_t i = 0; i < chain->transaction_index.count; i++) {
        free(chain->transactions[i].wire);
    }
    key_map_deinit(&chain->entity_index);
    key_map_deinit(&chain->transaction_index);
    free(chain->entities);
    free(chain->transactions);
    free(chain->ticks);
    free(chain->credits);
    free(chain);
}

/* Room for one more of `size` bytes each behind `count`. */
static enum err_code make_room(void **items, size_t *capacity, size_t count, size_t size,
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

/* ---- what comes in ---- */

enum err_code chain_submit(struct chain *chain, const struct qubic_transaction *tx,
                           enum chain_admission *ret, struct err *err)
{
    if (tx->tick < chain->current_tick ||
        tx->tick - chain->current_tick < chain->options.min_offset) {
        *ret = CHAIN_DROPPED_TOO_SOON;
        return ERR_OK;
    }
    if (tx->tick - chain->current_tick > CHAIN_AHEAD_MAX) {
        *ret = CHAIN_DROPPED_TOO_FAR;
        return ERR_OK;
    }
    if (chain_balance(chain, &tx->source).balance <= 0) {
        *ret = CHAIN_DROPPED_NO_BALANCE;
        return ERR_OK;
    }
    struct pool_slot *slot = &chain->pool[tx->tick % POOL_SLOTS];
    struct key32 const hash = qubic_transaction_hash(tx);
    for (const struct waiting *w = slot->head; w != NULL; w = w->next) {
        if (key_equal(w->hash, hash)) {
            *ret = CHAIN_DROPPED_DUPLICATE;
            return ERR_OK;
        }
    }
    if (slot->count == CHAIN_TICK_TRANSACTIONS_MAX) {
        *ret = CHAIN_DROPPED_TICK_FULL;
        return ERR_OK;
    }
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    size_t const size = qubic_transaction_encode(tx, wire);
    struct waiting *waiting = calloc(1, sizeof *waiting + size);
    if (waiting == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    waiting->hash = hash;
    waiting->wire_size = (uint16_t)size;
    memcpy(waiting->wire, wire, size);
    if (slot->tail != NULL) {
        slot->tail->next = waiting;
    } else {
        slot->head = waiting;
    }
    slot->tail = waiting;
    slot->count++;
    *ret = CHAIN_WAITING;
    return ERR_OK;
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
    enum err_code const code = make_room((void **)&chain->credits, &chain->credit_capacity,
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

enum err_code chain_freeze(struct chain *chain, int64_t wall_ms, struct buf *payload,
                           struct err *err)
{
    INVARIANT(!chain->frozen);
    const struct pool_slot *slot = &chain->pool[chain->current_tick % POOL_SLOTS];
    buf_append_byte(payload, PAYLOAD_VERSION);
    append_le32(payload, chain->options.epoch);
    append_le32(payload, chain->current_tick);
    append_le64(payload, (uint64_t)wall_ms);
    append_le32(payload, (uint32_t)chain->credit_count);
    append_le32(payload, slot->count);
    for (size_t i = 0; i < chain->credit_count; i++) {
        buf_append(payload, chain->credits[i].key.b, 32);
        append_le64(payload, (uint64_t)chain->credits[i].amount);
    }
    for (const struct waiting *w = slot->head; w != NULL; w = w->next) {
        uint8_t size[2];
        put_le16(size, w->wire_size);
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
        enum err_code code = make_room((void **)&chain->entities, &chain->entity_capacity, index,
                                       sizeof *chain->entities, err);
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

static enum err_code execute(struct chain *chain, struct bytes wire, struct err *err)
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
        code = make_room((void **)&chain->transactions, &chain->transaction_capacity, index,
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
        .money_flew = transfer(chain, source, destination, &tx),
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
        const uint8_t *wire = size != NULL ? take(payload, get_le16(size)) : NULL;
        if (wire == NULL) {
            return err_set(err, ERR_CORRUPT, "tick %u is cut", chain->current_tick);
        }
        enum err_code const code = execute(chain, bytes_of(wire, get_le16(size)), err);
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

/* What waited for the tick that was just executed waits no more. */
static void forget_waiting(struct chain *chain)
{
    slot_clear(&chain->pool[chain->current_tick % POOL_SLOTS]);
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

enum err_code chain_apply(struct chain *chain, struct bytes payload, struct err *err)
{
    const uint8_t *head = take(&payload, 25);
    if (head == NULL || head[0] != PAYLOAD_VERSION || get_le32(head + 1) != chain->options.epoch ||
        get_le32(head + 5) != chain->current_tick) {
        return err_set(
            err, ERR_CORRUPT,
            "expected tick %u of epoch %u (the start tick and epoch of an existing chain "
            "cannot be changed)",
            chain->current_tick, chain->options.epoch);
    }
    size_t const index = chain->current_tick - chain->options.start_tick;
    enum err_code code =
        make_room((void **)&chain->ticks, &chain->tick_capacity, index, sizeof *chain->ticks, err);
    if (code != ERR_OK) {
        return code;
    }
    uint32_t const count = get_le32(head + 21);
    chain->ticks[index] = (struct tick){
        .wall_ms = (int64_t)get_le64(head + 9),
        .first = (uint32_t)chain->transaction_index.count,
        .count = count,
    };
    code = apply_credits(chain, get_le32(head + 17), &payload, err);
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
        chain->current_tick++;
    }
    return code;
}

/* ---- what can be asked ---- */

uint32_t chain_current_tick(const struct chain *chain)
{
    return chain->current_tick;
}

uint32_t chain_first_tick(const struct chain *chain)
{
    return chain->options.start_tick;
}

uint32_t chain_epoch(const struct chain *chain)
{
    return chain->options.epoch;
}

struct qubic_balance chain_balance(const struct chain *chain, const struct key32 *key)
{
    uint32_t const index = key_map_get(&chain->entity_index, key);
    struct qubic_balance balance = {.identity = *key};
    if (index != KEY_MAP_NONE) {
        balance = chain->entities[index].balance;
    }
    balance.valid_for_tick = chain->current_tick - 1;
    return balance;
}

int64_t chain_supply(const struct chain *chain)
{
    return chain->supply;
}

uint32_t chain_find(const struct chain *chain, const struct key32 *hash)
{
    return key_map_get(&chain->transaction_index, hash);
}

struct qubic_archived_transaction chain_transaction(const struct chain *chain, uint32_t index)
{
    INVARIANT(index < chain->transaction_index.count);
    const struct executed *executed = &chain->transactions[index];
    struct qubic_archived_transaction archived = {
        .hash = executed->hash,
        .timestamp_ms = chain_tick_timestamp(chain, executed->tick),
        .money_flew = executed->money_flew,
    };
    enum err_code const code = qubic_transaction_parse(
        bytes_of(executed->wire, executed->wire_size), &archived.transaction, NULL);
    INVARIANT(code == ERR_OK); /* it was parsed when it was executed */
    return archived;
}

struct key32 chain_transaction_hash(const struct chain *chain, uint32_t index)
{
    INVARIANT(index < chain->transaction_index.count);
    return chain->transactions[index].hash;
}

static const struct tick *tick_at(const struct chain *chain, uint32_t tick)
{
    INVARIANT(tick >= chain->options.start_tick);
    INVARIANT(tick < chain->current_tick ||
              tick == chain->current_tick); /* being applied: its row is there */
    return &chain->ticks[tick - chain->options.start_tick];
}

uint32_t chain_tick_transactions(const struct chain *chain, uint32_t tick, uint32_t *ret_first)
{
    const struct tick *row = tick_at(chain, tick);
    *ret_first = row->first;
    return row->count;
}

int64_t chain_tick_timestamp(const struct chain *chain, uint32_t tick)
{
    return tick_at(chain, tick)->wall_ms;
}

uint32_t chain_newest_of(const struct chain *chain, const struct key32 *key)
{
    uint32_t const index = key_map_get(&chain->entity_index, key);
    return index == KEY_MAP_NONE ? CHAIN_NONE : chain->entities[index].newest;
}

uint32_t chain_previous_of(const struct chain *chain, const struct key32 *key, uint32_t index)
{
    INVARIANT(index < chain->transaction_index.count);
    const struct executed *executed = &chain->transactions[index];
    return key_equal(executed->source, *key) ? executed->previous_of_source
                                             : executed->previous_of_destination;
}
