/* tools/devchain/node.h: the clock of the local network: every tick made, put on disk, applied, in this order.
 *
 *   timer ─▶ network_begin ─▶ journal_append on the thread pool ─▶ network_end ─▶ on_tick
 *
 * Nothing of a tick can be asked for before it is on disk. A tick that takes longer than the timer's period
 * delays the next; none is left out.
 * Errors:  a journal that cannot be written ends the process with status 1: nothing later could be trusted.
 * Thread:  the loop's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_DEVCHAIN_NODE_H
#define TOOLS_DEVCHAIN_NODE_H

#include "tools/devchain/network.h"

#include <uv.h>

struct node;

struct node_options {
    struct chain_options chain;
    const char *folder; /* holds the journal; made if missing */
    uint32_t tick_ms;
    struct fault_plan plan;
    void (*on_tick)(void *ctx, uint32_t tick); /* executed, durable, visible */
    void *ctx;
};

/* Replays the journal; ticks begin with node_start. */
MUST_CHECK enum err_code node_create(uv_loop_t *loop, const struct node_options *options,
                                     struct node **ret, struct err *err);
MUST_CHECK enum err_code node_start(struct node *node, struct err *err);
/* Ends after the tick that is being written; then frees the node and calls `on_closed`. */
void node_close(struct node *node, void (*on_closed)(void *ctx), void *ctx);

struct devnet *node_network(struct node *node);

#endif
