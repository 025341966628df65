/* worker/slot.h: one place for one job: the processor, or one GPU; it asks for a job, runs it, asks again.
 *
 *     claiming ──204, error──▶ (pause) ──▶ claiming      slot_stop: no more claims, a running job is ended, then on_end
 *        │ └──job──▶ running ──cleaned──▶ claiming       slot_pause: no more claims, a running job goes on
 *        ├──token refused──▶ on_end, with an error       slot_drain: no more claims, a running job goes on, then on_end
 *        └──GPU lost──▶ job ended as gpu_lost, offer withdrawn, then on_end, with an error
 *
 * Left over: the job of a run that ended without cleaning is adopted first (job.h): its control group is removed, the server hears what it has not heard, and how
 *          the job ended. A folder whose reports cannot be read is removed, and the server told that its job is not run any more (host_fault,
 *          worker_stopped), so that nobody waits for the lease.
 * Owner:   freed by itself when on_end has been called.
 * Thread:  loop, the main thread. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_SLOT_H
#define WORKER_SLOT_H

#include "core/base/err.h"
#include "core/crypto/box.h"
#include "worker/cgroup.h"
#include "worker/gpu.h"
#include "worker/job_kind.h"
#include "worker/machine.h"
#include "worker/state.h"

#include <uv.h>

struct slot;

struct slot_options {
    uv_loop_t *loop;
    const char *folder; /* DIR, or DIR/slot-N; borrowed, like all pointers here, until on_end */
    const struct worker_identity *identity;
    const struct machine *machine; /* this slot's share */
    const struct job_kinds *kinds;
    const struct cgroup_place *cgroup_place;
    const struct box_key *seal_key; /* NULL: none */
    struct gpu_source *gpus;        /* NULL: the slot has no GPU */
    const struct gpu *gpu;
    bool paused;
    void (*on_job_done)(void *ctx);
    void (*on_end)(void *ctx, enum err_code code, const struct err *err);
    void *ctx;
};

/* Sweeps first (waits for the server, some seconds at most). On failure on_end is not called. */
MUST_CHECK enum err_code slot_start(const struct slot_options *options, struct slot **ret_slot,
                                    struct err *err);
void slot_stop(struct slot *slot);
void slot_drain(struct slot *slot);
void slot_pause(struct slot *slot, bool pause);

#endif
