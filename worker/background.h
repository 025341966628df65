/* worker/background.h: blocking work on libuv's pool.
 *
 * Thread:  `work` runs on a pool thread and must touch only what `ctx` lends it until `done`, which is always called, on the
 *          loop. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_BACKGROUND_H
#define WORKER_BACKGROUND_H

#include <stdbool.h>
#include <uv.h>

/* False (out of memory): nothing will be called. */
bool background_run(uv_loop_t *loop, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx);

#endif
