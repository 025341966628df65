/* worker/job.h: one job from claim to clean-up.
 *
 *     fetching ─▶ checking ─▶ starting ─▶ running ─▶ measuring ─▶ draining ─▶ listing ─▶ storing ─▶ ending ─▶ cleaning ─▶ on_done
 *         │           │           │          │           │           │           │          │          │          ▲
 *         └───────────┴───────────┴──────────┴───────────┴───────────┴───────────┴──────────┴──────────┴──────────┘
 *                  the job is not ours any more (cancelled, lease over, refused), or the worker must go
 *
 *     fetching  the input is downloaded              listing  what the program left is looked at
 *     checking  its size and SHA-256, on the pool    storing  output.log, then result by result
 *     starting  the server says from when it counts  ending   how it ended
 *     running   in the sandbox, reports go out       cleaning processes, groups and files, on the pool
 *     measuring what it has of the disk, now that nobody writes any more
 *     draining  the program is over, output is not yet with the server
 *
 * Faults:  a machine that cannot run the job starts it and ends it as host_fault, because only a started job can end. So does one that cannot read
 *          its order: a job that is only put back would come again.
 * Lease:   after `lease_s` without an answer the program is stopped: the server has given the job up by then. When the
 *          program is over already, its results are offered for RESULT_PATIENCE_MS more; the server decides.
 * Kept:    what the server has still to hear, and how the program ended, is on disk (job_kept.h). After a kill the next worker begins at draining: with the
 *          end as it was when the program was over, as worker_stopped when it was not.
 * Thread:  loop, the main thread. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_JOB_H
#define WORKER_JOB_H

#include "worker/cgroup.h"
#include "worker/gpu_watch.h"
#include "worker/job_order.h"
#include "worker/server.h"

struct job;

struct job_options {
    uv_loop_t *loop;
    struct server *server;
    const char *scratch_parent; /* DIR/scratch */
    const struct cgroup_place *cgroup_place;
    uint64_t cpu_cores;
    uint64_t ram_mib;
    uint64_t storage_mib;
    const struct sandbox_gpu *gpu; /* NULL: none; borrowed until on_done, as is the watch */
    struct gpu_watch *gpu_watch;
    const struct container_engine *engine; /* for containers; borrowed */
    const struct sandbox_models *models;   /* shown to the job; NULL: none; borrowed */
    struct job_order order;                /* taken over when job_start succeeds */
    /* NULL, or why the order cannot be run: only its id counts then; borrowed for job_start. */
    const char *unrunnable;
    const char *unrunnable_reason;            /* of the API; static */
    void (*on_done)(void *ctx, bool started); /* false: it never counted for the server */
    void *ctx;
};

MUST_CHECK enum err_code job_start(const struct job_options *options, struct job **ret_job,
                                   struct err *err);
/* A job that an earlier worker left in `scratch_parent`; of the order only the id counts. Errors: as job_kept_open. */
MUST_CHECK enum err_code job_adopt(const struct job_options *options, struct job **ret_job,
                                   struct err *err);
/* The worker is asked to stop: a program that runs is ended as worker_stopped; one that is over is still reported, for
 * a few seconds. on_done follows. */
void job_stop(struct job *job);
/* Its GPU is gone: a program that runs is ended as gpu_lost. One that is over is reported as it ended. */
void job_gpu_lost(struct job *job, const char *why);

#endif
