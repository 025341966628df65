/* tools/devchain/network.h: the local network without a clock, a disk or a socket: chain, archive and faults, a tick by call.
 *
 *     network_begin ──▶ payload ─ (journal) ─▶ network_end        one period of the clock
 *     network_submit ─▶ faults ─▶ chain_submit                    one transaction from the RPC
 *     service_ask (service.h)                                     one question, answered as the RPC would
 *
 * A program with a clock is node.h. A test drives this in its own time: network_tick for each period, service_ask in between.
 * Run again: the same options, calls and seed give the same answers. What is struck is counted.
 * Thread:  one. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_DEVCHAIN_NETWORK_H
#define TOOLS_DEVCHAIN_NETWORK_H

#include "tools/devchain/chain.h"
#include "tools/devchain/fault_plan.h"

struct devnet;

struct network_counts {
    /* How often each fault struck. What happens without being drawn counts as well: a source that really has nothing, an
     * archive that is behind by `archive_lag_ticks`. */
    uint64_t hits[FAULT_COUNT];
    /* Transactions that will never run because of it. */
    uint64_t lost[FAULT_COUNT];
};

MUST_CHECK enum err_code network_create(const struct chain_options *options,
                                        const struct fault_plan *plan, struct devnet **ret,
                                        struct err *err);
void network_destroy(struct devnet *network);

struct chain *network_chain(struct devnet *network);
const struct network_counts *network_counts(const struct devnet *network);
const struct fault_plan *network_plan(const struct devnet *network);
/* From the next tick, transaction and question on. The counts go on. */
void network_set_plan(struct devnet *network, const struct fault_plan *plan);
/* For service.c. */
void network_count(struct devnet *network, enum fault_setting fault);
uint64_t network_next_question(struct devnet *network);

/* The last tick the archive shows; one below the first tick if it shows none. Never goes back. */
uint32_t network_archived_tick(const struct devnet *network);
/* True while an epoch's end keeps the ticks waiting. */
bool network_is_paused(const struct devnet *network);

/* One period: what is to be done is appended to `payload`, nothing during a pause. */
MUST_CHECK enum err_code network_begin(struct devnet *network, int64_t wall_ms, struct buf *payload,
                                       struct err *err);
/* Do it. `ret_ticked`: a tick was made, and not numbers skipped. */
MUST_CHECK enum err_code network_end(struct devnet *network, struct bytes payload, bool *ret_ticked,
                                     struct err *err);
/* Both. */
MUST_CHECK enum err_code network_tick(struct devnet *network, int64_t wall_ms, bool *ret_ticked,
                                      struct err *err);
/* A payload of an earlier process; faults are not drawn again. */
MUST_CHECK enum err_code network_replay(struct devnet *network, struct bytes payload,
                                        struct err *err);

/* As chain_submit. */
MUST_CHECK enum err_code network_submit(struct devnet *network, const struct qubic_transaction *tx,
                                        enum chain_admission *ret, struct err *err);

#endif
