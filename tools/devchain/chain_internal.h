/* tools/devchain/chain_internal.h: what the files of chain.h share.
 *
 *   payloads, little-endian:
 *     tick: version u8 = 1 | epoch u32 | tick u32 | wall ms i64 | credits u32 | transactions u32 |
 *           credits × (key 32 | amount i64) | transactions × (size u16 | wire bytes)
 *           bit 15 of a size: no money flies
 *     jump: version u8 = 2 | epoch u32 | tick u32 | next epoch u32 | next tick u32 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_DEVCHAIN_CHAIN_INTERNAL_H
#define TOOLS_DEVCHAIN_CHAIN_INTERNAL_H

#include "tools/devchain/chain.h"
#include "tools/devchain/key_map.h"
#include "tools/devchain/tick_pool.h"

#define TICK_VERSION 1
#define JUMP_VERSION 2
#define JUMP_SIZE 17
#define MOVES_NOTHING 0x8000 /* beside a size, which is far below it */

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

/* Ticks without a gap in one epoch. */
struct interval {
    struct qubic_tick_interval ticks; /* last < first while it has none: only the newest */
    size_t first_row;                 /* in `ticks` of the chain */
};

struct credit {
    struct key32 key;
    int64_t amount;
};

struct chain {
    struct chain_options options;
    uint32_t current_tick;
    uint32_t last_tick; /* executed last; one below the first tick if none was */
    uint32_t epoch;
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
    size_t tick_count;
    struct interval *intervals;
    size_t interval_count;
    size_t interval_capacity;

    struct tick_pool pool;
    struct credit *credits; /* first `credits_frozen` belong to the frozen tick */
    size_t credit_count;
    size_t credit_capacity;
    size_t credits_frozen;
};

/* Room for one more of `size` bytes each behind `count`. */
MUST_CHECK enum err_code chain_make_room(void **items, size_t *capacity, size_t count, size_t size,
                                         struct err *err);
/* The current tick is the first of a new stretch without gaps. */
MUST_CHECK enum err_code chain_begin_interval(struct chain *chain, struct err *err);

#endif
