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
 * Missing: contracts, priorities in a full tick (the later one is dropped), dust burning, epoch changes.
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

/* `tx` is well formed and its signature valid; the caller has seen to that. The network tells nobody about a
 * drop; neither should the caller. ERR_NOMEM only. */
MUST_CHECK enum err_code chain_submit(struct chain *chain, const struct qubic_transaction *tx,
                                      enum chain_admission *ret, struct err *err);
/* New money for `key` in the tick `*ret_tick`. ERR_INVALID if the amount is not positive, ERR_CONFLICT if the
 * supply would pass its maximum, ERR_BUSY if the tick has too many. */
MUST_CHECK enum err_code chain_credit(struct chain *chain, const struct key32 *key, int64_t amount,
                                      uint32_t *ret_tick, struct err *err);

/* ---- ticks ---- */

/* Append what the current tick will do to `payload`; from now on new arrivals are for later ticks. */
MUST_CHECK enum err_code chain_freeze(struct chain *chain, int64_t wall_ms, struct buf *payload,
                                      struct err *err);
/* Do it. ERR_CORRUPT if this is no payload for the current tick of this chain; the chain is then useless. */
MUST_CHECK enum err_code chain_apply(struct chain *chain, struct bytes payload, struct err *err);

/* ---- what can be asked ---- */

uint32_t chain_current_tick(const struct chain *chain); /* not executed yet */
uint32_t chain_first_tick(const struct chain *chain);
uint32_t chain_epoch(const struct chain *chain);
struct qubic_balance chain_balance(const struct chain *chain, const struct key32 *key);
int64_t chain_supply(const struct chain *chain); /* sum of all balances */

/* Transactions have indices 0, 1, 2 … in order of execution. */
#define CHAIN_NONE UINT32_MAX
uint32_t chain_find(const struct chain *chain, const struct key32 *hash);
struct qubic_archived_transaction chain_transaction(const struct chain *chain, uint32_t index);
struct key32 chain_transaction_hash(const struct chain *chain, uint32_t index);
/* Those of an executed tick: `*ret_first` and how many. */
uint32_t chain_tick_transactions(const struct chain *chain, uint32_t tick, uint32_t *ret_first);
int64_t chain_tick_timestamp(const struct chain *chain, uint32_t tick);
/* The newest transaction that names `key` as source or destination, then the one before `index`. */
uint32_t chain_newest_of(const struct chain *chain, const struct key32 *key);
uint32_t chain_previous_of(const struct chain *chain, const struct key32 *key, uint32_t index);

#endif
