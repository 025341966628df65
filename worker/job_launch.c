// SPDX-License-Identifier: Apache-2.0
#include "worker/job_launch.h"

#include "worker/runner.h"

#include <stdio.h>
#include <string.h>

#define LIMIT_GRACE_MS 2000
#define PIDS_MAX 1024
#define OURS 3 /* variables */
#define MIB (UINT64_C(1) << 20)

_Static_assert(JOB_VARIABLES_MAX + OURS <= SANDBOX_ENVIRONMENT_MAX, "a job's and ours");

/* The job's variables, and ours behind them; `limit` is borrowed. */
static size_t environment_of(const struct job_launch *launch, const char *limit,
                             struct sandbox_variable ret[SANDBOX_ENVIRONMENT_MAX])
{
    const struct job_order *order = launch->order;
    size_t count = order->environment_count;
    memcpy(ret, order->environment, count * sizeof ret[0]);
    ret[count++] = (struct sandbox_variable){.name = "TALLY_RESULTS", .value = "/job/results"};
    ret[count++] = (struct sandbox_variable){.name = "TALLY_LIMIT_SECONDS", .value = limit};
    if (launch->gpu != NULL) { /* the driver numbers what it finds, and finds one */
        ret[count++] = (struct sandbox_variable){.name = "CUDA_VISIBLE_DEVICES", .value = "0"};
    }
    return count;
}

enum err_code job_launch(const struct job_launch *launch, struct cgroup *ret_group,
                         struct program **ret_program, struct err *err)
{
    const struct job_order *order = launch->order;
    const char *command[SANDBOX_COMMAND_MAX];
    struct sandbox_variable environment[SANDBOX_ENVIRONMENT_MAX];
    char program_path[SCRATCH_FILE_NAME_SIZE + 5];
    char limit[32];
    char group[ID_TEXT_SIZE + 16];
    job_order_command(order, program_path, command);
    (void)snprintf(limit, sizeof limit, "%llu.%03llu", (unsigned long long)order->limit_ms / 1000,
                   (unsigned long long)order->limit_ms % 1000);
    (void)snprintf(group, sizeof group, CGROUP_JOB_NAME, order->id);
    cgroup_create(launch->cgroup_place, group, launch->ram_mib * MIB, PIDS_MAX, ret_group);
    struct program_options const program = {
        .sandbox = {.folder = launch->folder,
                    .command = command,
                    .environment = environment,
                    .environment_count = environment_of(launch, limit, environment),
                    .runner = bytes_of(runner_script,
                                       order->kind == JOB_KIND_PYTHON ? 0 : runner_script_size),
                    .gpu = launch->gpu,
                    .memory_max = launch->ram_mib * MIB,
                    .tmp_max = launch->ram_mib * MIB / 4,
                    .file_max = launch->disk_bytes,
                    .pids_max = PIDS_MAX,
                    .cgroup = ret_group},
        .limit_ms = order->limit_ms,
        .grace_ms = LIMIT_GRACE_MS,
        .on_output = launch->on_output,
        .on_end = launch->on_end,
        .ctx = launch->ctx,
    };
    enum err_code const code = program_start(launch->loop, &program, ret_program, err);
    cgroup_close_fds(ret_group);
    return code;
}
