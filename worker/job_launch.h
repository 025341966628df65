/* worker/job_launch.h: from an order to a running program: its command, environment, group, limits and GPU.
 *
 * Thread:  loop, the main thread. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_JOB_LAUNCH_H
#define WORKER_JOB_LAUNCH_H

#include "worker/cgroup.h"
#include "worker/container.h"
#include "worker/job_order.h"
#include "worker/program.h"

struct job_launch {
    uv_loop_t *loop;
    const struct job_order *order;
    const char *folder; /* of the job, shown at /job */
    const struct cgroup_place *cgroup_place;
    uint64_t ram_mib;
    uint64_t disk_bytes;
    const struct sandbox_gpu *gpu;       /* NULL: none */
    const struct sandbox_models *models; /* NULL: none */
    const struct container *container;   /* NULL: this machine's system */
    void (*on_output)(void *ctx, enum worker_stream stream, struct bytes bytes);
    void (*on_end)(void *ctx, const struct program_end *end);
    void *ctx;
};

/* `ret_group` is the job's in any case, and removed by the caller when the program is closed. */
MUST_CHECK enum err_code job_launch(const struct job_launch *launch, struct cgroup *ret_group,
                                    struct program **ret_program, struct err *err);

#endif
