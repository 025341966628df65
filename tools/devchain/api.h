/* tools/devchain/api.h: the HTTP face of the local network.
 *
 *   the paths of service.h
 *   POST /dev/v1/faucet {"identity","amount"}: answered when the money is there
 *   GET  /dev/v1/faults: the present settings (fault_plan.h), and how often each fault struck
 *   POST /dev/v1/faults {"seed","empty_tick",…}: those named are changed, all or none; answered as GET
 *
 * Faults never strike what is under /dev.
 * Thread: the loop's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_DEVCHAIN_API_H
#define TOOLS_DEVCHAIN_API_H

#include "core/net/http_server.h"
#include "tools/devchain/node.h"

struct api; /* remembers who waits for a tick, or for a slow answer */

MUST_CHECK enum err_code api_create(uv_loop_t *loop, struct api **ret, struct err *err);
/* After the server has closed. */
void api_destroy(struct api *api);
/* Before the first request. */
void api_set_node(struct api *api, struct node *node);
void api_on_request(void *ctx, struct http_request *request);
void api_on_tick(void *ctx, uint32_t tick);

#endif
