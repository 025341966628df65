/* tools/devchain/tick_pool.h: transactions that wait for their tick, in the order they came.
 *
 * Shape:   a slot for each tick of the window of CHAIN_AHEAD_MAX ticks; the caller keeps to that window, so that no slot is
 *          two ticks'. Thread: one. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_DEVCHAIN_TICK_POOL_H
#define TOOLS_DEVCHAIN_TICK_POOL_H

#include "core/qubic/transaction.h"

#include <stdbool.h>

#define TICK_POOL_SLOTS 4096 /* a power of two above CHAIN_AHEAD_MAX */

struct tick_waiting {
    struct tick_waiting *next;
    struct key32 hash;
    uint16_t wire_size;
    uint8_t wire[];
};

struct tick_slot {
    struct tick_waiting *head;
    struct tick_waiting *tail;
    uint32_t count;
};

struct tick_pool {
    struct tick_slot slots[TICK_POOL_SLOTS];
};

const struct tick_slot *tick_pool_slot(const struct tick_pool *pool, uint32_t tick);
bool tick_pool_has(const struct tick_pool *pool, uint32_t tick, const struct key32 *hash);
MUST_CHECK enum err_code tick_pool_add(struct tick_pool *pool, const struct qubic_transaction *tx,
                                       const struct key32 *hash, struct err *err);
/* `count` ticks from `tick` on. */
void tick_pool_clear(struct tick_pool *pool, uint32_t tick, uint32_t count);

#endif
