// SPDX-License-Identifier: Apache-2.0
#include "tools/devchain/tick_pool.h"

#include <stdlib.h>
#include <string.h>

const struct tick_slot *tick_pool_slot(const struct tick_pool *pool, uint32_t tick)
{
    return &pool->slots[tick % TICK_POOL_SLOTS];
}

bool tick_pool_has(const struct tick_pool *pool, uint32_t tick, const struct key32 *hash)
{
    for (const struct tick_waiting *w = tick_pool_slot(pool, tick)->head; w != NULL; w = w->next) {
        if (key_equal(w->hash, *hash)) {
            return true;
        }
    }
    return false;
}

enum err_code tick_pool_add(struct tick_pool *pool, const struct qubic_transaction *tx,
                            const struct key32 *hash, struct err *err)
{
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    size_t const size = qubic_transaction_encode(tx, wire);
    struct tick_slot *slot = &pool->slots[tx->tick % TICK_POOL_SLOTS];
    struct tick_waiting *waiting = calloc(1, sizeof *waiting + size);
    if (waiting == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    waiting->hash = *hash;
    waiting->wire_size = (uint16_t)size;
    memcpy(waiting->wire, wire, size);
    if (slot->tail != NULL) {
        slot->tail->next = waiting;
    } else {
        slot->head = waiting;
    }
    slot->tail = waiting;
    slot->count++;
    return ERR_OK;
}

void tick_pool_clear(struct tick_pool *pool, uint32_t tick, uint32_t count)
{
    for (uint32_t i = 0; i < count && i < TICK_POOL_SLOTS; i++) {
        struct tick_slot *slot = &pool->slots[(tick + i) % TICK_POOL_SLOTS];
        while (slot->head != NULL) {
            struct tick_waiting *next = slot->head->next;
            free(slot->head);
            slot->head = next;
        }
        *slot = (struct tick_slot){0};
    }
}
