/* tools/devchain/chain.h: the state of the local Qubic network, and how a tick changes it.
 *
 *     chain_submit / chain_credit ──▶ waiting ── chain_freeze ──▶ payload ── journal ──▶ chain_apply ──▶ history
 *
 * A tick's payload is all that changes anything: applying the same payloads in order gives the same state, so
 * the journal is replayed through the very function that runs live. What only waits is lost when the
 * process ends, as it is on the network.
 *
 * Rules:   as on the network: a transaction runs in exactly its tick or never; it must arrive at least
 *          `min_offset` ticks ahead, at most CHAIN_AHEAD_MAX; its source must have a balance above zero when it
 *          arrives; the same transaction twice counts once; at most CHAIN_TICK_TRANSACTIONS_MAX run in a tick. It
 *          is in the history even if the balance did not suffice; then no money flew. Amount 0 moves
 *          nothing. Money sent to the zero key is burned; to a contract address, it stays with the sender.
 *          Numbers can be jumped over; those ticks never were. A jump to another epoch forgets all that waits.
 * Missing: contracts, priorities in a full tick (the later one is dropped), dust burning.
 * Thread:  one. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_DEVCHAIN_CHAIN_H
#define TOOLS_DEVCHAIN_CHAIN_H

#include "core/qubic/rpc.h"

#define CHAIN_AHEAD_MAX 2666
#define CHAIN_TICK_TRANSACTIONS_MAX 4093
#define CHAIN_TICK_CREDITS_MAX 65536
#define CHAIN_SUPPLY_MAX INT64_C(200000000000000)

struct chain;

struct chain_options {
    uint32_t start_tick; /* the first tick there is; at least 1 */
    uint32_t epoch;
    uint32_t min_offset;
    uint32_t tick_seconds; /* as tick-info tells it; nothing here has a clock */
};

enum chain_admission {
    CHAIN_WAITING,
    CHAIN_DROPPED_TOO_SOON, /* under min_offset: the network freezes ticks ahead */
    CHAIN_DROPPED_TOO_FAR,
    CHAIN_DROPPED_NO_BALANCE,
    CHAIN_DROPPED_DUPLICATE,
    CHAIN_DROPPED_TICK_FULL,
};

MUST_CHECK enum err_code chain_create(const struct chain_options *options, struct chain **ret,
                                      struct err *err);
void chain_destroy(struct chain *chain);

/* ---- what comes in ---- */

void chain_set_min_offset(struct chain *chain, uint32_t min_offset);

/* `tx` is well formed and its signature valid; the caller has seen to that. The network tells nobody about a
 * drop; neither should the caller. ERR_NOMEM only. */
MUST_CHECK enum err_code chain_submit(struct chain *chain, const struct qubic_transaction *tx,
                                      enum chain_admission *ret, struct err *err);
/* New money for `key` in the tick `*ret_tick`. ERR_INVALID if the amount is not positive, ERR_CONFLICT if the
 * supply would pass its maximum, ERR_BUSY if the tick has too many. */
MUST_CHECK enum err_code chain_credit(struct chain *chain, const struct key32 *key, int64_t amount,
                                      uint32_t *ret_tick, struct err *err);

/* ---- ticks ---- */

/* What a tick does to what waits for it. */
struct chain_fate {
    bool empty; /* it runs without transactions; those are lost */
    bool (*moves_nothing)(void *ctx, uint32_t index); /* recorded, but no money flies; NULL: none */
    void *ctx;
};

/* Append what the current tick will do to `payload`; from now on new arrivals are for later ticks. `fate` may be NULL. */
MUST_CHECK enum err_code chain_freeze(struct chain *chain, int64_t wall_ms,
                                      const struct chain_fate *fate, struct buf *payload,
                                      struct err *err);
/* The same for a jump: the next tick is `to_tick`, a later one, of `to_epoch`. */
MUST_CHECK enum err_code chain_freeze_jump(struct chain *chain, uint32_t to_tick, uint32_t to_epoch,
                                           struct buf *payload, struct err *err);
/* Do it. ERR_CORRUPT if this is no payload for the current tick of this chain; the chain is then useless. */
MUST_CHECK enum err_code chain_apply(struct chain *chain, struct bytes payload, struct err *err);

/* ---- what can be asked ---- */

uint32_t chain_current_tick(const struct chain *chain); /* not executed yet */
uint32_t chain_last_tick(const struct chain *chain);    /* executed; first - 1 if none is */
uint32_t chain_epoch(const struct chain *chain);
uint32_t chain_tick_seconds(const struct chain *chain);
uint32_t chain_initial_tick(const struct chain *chain); /* of the newest interval */
/* Oldest first; the newest may have no tick yet (last < first). */
size_t chain_interval_count(const struct chain *chain);
struct qubic_tick_interval chain_interval(const struct chain *chain, size_t index);
bool chain_tick_was_executed(const struct chain *chain, uint32_t tick);
/* The stretch that `tick` is in, or the one before it, or the first. */
struct qubic_tick_interval chain_tick_interval(const struct chain *chain, uint32_t tick);
/* The nearest number that was not jumped over, at or above `tick`; and the last tick executed at or below it, one below the
 * first tick if there is none. */
uint32_t chain_tick_at_least(const struct chain *chain, uint32_t tick);
uint32_t chain_tick_at_most(const struct chain *chain, uint32_t tick);
/* How many transactions wait for `tick`. */
uint32_t chain_waiting(const struct chain *chain, uint32_t tick);
bool chain_has_waiting(const struct chain *chain, const struct qubic_transaction *tx);
struct qubic_balance chain_identity_balance(const struct chain *chain, const struct key32 *key);
int64_t chain_supply(const struct chain *chain); /* sum of all balances */

/* Transactions have indices 0, 1, 2 … in order of execution. */
#define CHAIN_NONE UINT32_MAX
uint32_t chain_find(const struct chain *chain, const struct key32 *hash);
struct qubic_archived_transaction chain_archived(const struct chain *chain, uint32_t index);
struct key32 chain_transaction_hash(const struct chain *chain, uint32_t index);
/* Those of an executed tick: `*ret_first` and how many. */
uint32_t chain_tick_transactions(const struct chain *chain, uint32_t tick, uint32_t *ret_first);
int64_t chain_tick_timestamp(const struct chain *chain, uint32_t tick);
/* The newest transaction that names `key` as source or destination, then the one before `index`. */
uint32_t chain_newest_of(const struct chain *chain, const struct key32 *key);
uint32_t chain_previous_of(const struct chain *chain, const struct key32 *key, uint32_t index);

#endif
