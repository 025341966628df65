/* tools/devchain/api.h: the HTTP face of the local network.
 *
 *   GET  /live/v1/tick-info, /live/v1/block-height, /live/v1/balances/{identity}
 *   POST /live/v1/broadcast-transaction
 *   GET  /query/v1/getLastProcessedTick, /query/v1/getProcessedTickIntervals
 *   POST /query/v1/getTransactionByHash, getTransactionsForTick, getTickData, getTransactionsForIdentity
 *   POST /dev/v1/faucet {"identity","amount"}: answered when the money is there
 *
 * Paths, bodies and errors are those of the network's services. Contracts and event logs are not there: 501.
 * Thread: the loop's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_DEVCHAIN_API_H
#define TOOLS_DEVCHAIN_API_H

#include "core/net/http_server.h"
#include "tools/devchain/node.h"

struct api; /* remembers who waits for a tick */

MUST_CHECK enum err_code api_create(struct api **ret, struct err *err);
/* After the server has closed. */
void api_destroy(struct api *api);
/* Before the first request. */
void api_set_node(struct api *api, struct node *node);
void api_on_request(void *ctx, struct http_request *request);
void api_on_tick(void *ctx, uint32_t tick);

/* ---- between the files of this folder ---- */

void api_answer(struct http_request *request, struct buf *body);
void api_answer_error(struct http_request *request, int status, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* POST handlers of the Query service, with the whole body. */
void query_transaction_by_hash(struct node *node, struct http_request *request, struct bytes body);
void query_transactions_for_tick(struct node *node, struct http_request *request,
                                 struct bytes body);
void query_tick_data(struct node *node, struct http_request *request, struct bytes body);
void query_transactions_for_identity(struct node *node, struct http_request *request,
                                     struct bytes body);

#endif
