/* tools/devchain/service.h: the Live and Query RPC of the local network, one question by call, without a socket.
 *
 *   GET  /live/v1/tick-info, /live/v1/block-height, /live/v1/balances/{identity}
 *   POST /live/v1/broadcast-transaction
 *   GET  /query/v1/getLastProcessedTick, /query/v1/getProcessedTickIntervals
 *   POST /query/v1/getTransactionByHash, getTransactionsForTick, getTickData, getTransactionsForIdentity
 *
 * Paths, bodies and errors are those of the network's services. Contracts and event logs are not there: 501.
 * Faults:  each question may be struck by at most one of them (fault_plan.h), in the order cut, busy, server error, not
 *          JSON, slow, not found. A struck broadcast may have been done all the same, except a busy one.
 * Thread:  the network's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_DEVCHAIN_SERVICE_H
#define TOOLS_DEVCHAIN_SERVICE_H

#include "tools/devchain/network.h"

struct service_reply {
    int status; /* HTTP */
    const char *content_type;
    struct buf body;
    uint32_t delay_ms; /* answer so much later */
    bool cut; /* the connection ends after `cut_size` bytes of the body; 0: before the head */
    size_t cut_size;
};

/* Whether there is such a path; `post` tells the methods apart. */
bool service_has(bool post, const char *path);
/* Any path, any body. `ret` is to be given to service_reply_deinit. */
void service_ask(struct devnet *network, bool post, const char *path, struct bytes body,
                 struct service_reply *ret);
void service_reply_deinit(struct service_reply *reply);

/* ---- between the files of this folder ---- */

/* Fill a fresh `reply`; `status` is a code of gRPC. */
void service_error(struct service_reply *reply, int status, const char *format, ...)
    PRINTF_LIKE(3, 4);

typedef void (*service_fn)(struct devnet *network, struct bytes body, struct service_reply *reply);
void live_tick_info(struct devnet *network, struct bytes body, struct service_reply *reply);
void live_block_height(struct devnet *network, struct bytes body, struct service_reply *reply);
void live_balance(struct devnet *network, const char *identity, struct service_reply *reply);
void live_broadcast(struct devnet *network, struct bytes body, struct service_reply *reply);
void query_last_processed(struct devnet *network, struct bytes body, struct service_reply *reply);
void query_intervals(struct devnet *network, struct bytes body, struct service_reply *reply);
void query_transaction_by_hash(struct devnet *network, struct bytes body,
                               struct service_reply *reply);
void query_transactions_for_tick(struct devnet *network, struct bytes body,
                                 struct service_reply *reply);
void query_tick_data(struct devnet *network, struct bytes body, struct service_reply *reply);
void query_transactions_for_identity(struct devnet *network, struct bytes body,
                                     struct service_reply *reply);

#endif
