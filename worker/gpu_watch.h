/* worker/gpu_watch.h: one GPU, looked at again and again for as long as its slot lives.
 *
 *     waiting ──timer──▶ reading (a thread) ──▶ waiting        lost, or no answer for `hung_ms` ──▶ on_lost, once; then nothing more
 *
 * Pace:    GPU_WATCH_JOB_MS with a job, GPU_WATCH_IDLE_MS without: whoever may rent it should not find it gone.
 * Hung:    a call into a driver in trouble may never come back. It has a thread that nobody waits for: neither the pool, nor the end of the worker.
 * Owner:   gpu_watch_close frees it; no callback follows. A reading that is under way then is left alone, and its source with it (gpu_source_leave).
 * Thread:  loop. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_GPU_WATCH_H
#define WORKER_GPU_WATCH_H

#include "worker/gpu.h"

#include <uv.h>

#define GPU_WATCH_JOB_MS 2000
#define GPU_WATCH_IDLE_MS 10000
#define GPU_WATCH_HUNG_MS 30000

struct gpu_watch;

struct gpu_watch_options {
    uv_loop_t *loop;
    struct gpu_source *source; /* borrowed, longer than the watch; one watch reads a GPU */
    const struct gpu *gpu;     /* of the source */
    uint64_t hung_ms;          /* 0: GPU_WATCH_HUNG_MS */
    void (*on_lost)(void *ctx, const char *why);
    void *ctx;
};

MUST_CHECK enum err_code gpu_watch_start(const struct gpu_watch_options *options,
                                         struct gpu_watch **ret_watch, struct err *err);
void gpu_watch_close(struct gpu_watch *watch); /* accepts NULL */
void gpu_watch_pace(struct gpu_watch *watch, bool has_job);
/* A reading that begins now, whatever the pace; `done` when it is known, on_lost before it if the GPU is lost. Not twice at a time. Also called
 * for a watch that has lost its GPU, never for one that is closed. */
void gpu_watch_look(struct gpu_watch *watch, void (*done)(void *ctx), void *ctx);
/* Whoever asked does not want to know any more: `done` is not called. Accepts NULL. */
void gpu_watch_forget(struct gpu_watch *watch);
/* The newest reading, with the Xid of the newest error that was not taken yet. False: there is none that is younger than three paces. Accepts NULL. */
bool gpu_watch_take(struct gpu_watch *watch, struct gpu_sample *ret);

#endif
