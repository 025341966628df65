// SPDX-License-Identifier: Apache-2.0
#include "worker/job_launch.h"

#include "worker/runner.h"

#include <stdio.h>
#include <string.h>

#define LIMIT_GRACE_MS 2000
#define PIDS_MAX 1024
#define OURS 7 /* variables */
#define MIB (UINT64_C(1) << 20)

_Static_assert(CONTAINER_VARIABLES_MAX + JOB_VARIABLES_MAX + OURS <= SANDBOX_ENVIRONMENT_MAX,
               "an image's, a job's and ours");
_Static_assert(CONTAINER_WORDS_MAX + JOB_ARGUMENTS_MAX < SANDBOX_COMMAND_MAX, "and a NULL");

static bool sets(const struct job_launch *launch, const char *name)
{
    const struct job_order *order = launch->order;
    bool found =
        launch->container != NULL && json_object_get(launch->container->environment, name) != NULL;
    for (size_t i = 0; i < order->environment_count; i++) {
        found = found || strcmp(order->environment[i].name, name) == 0;
    }
    return found;
}

/* Hugging Face's hub finds there what a script loads by name, and does not try to fetch it. With a network a job may fetch what is not here, which needs a
 * cache that can be written; and one that says itself where its cache is knows better. */
static size_t hub_environment(const struct job_launch *launch, struct sandbox_variable *ret)
{
    static const char *const places[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"};
    static const size_t ours = 2; /* of them: huggingface_hub before 0.19 knows the second alone */
    size_t count = 0;
    if (launch->models == NULL || launch->order->network) {
        return 0;
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (sets(launch, places[i])) {
            return 0;
        }
    }
    for (; count < ours; count++) {
        ret[count] = (struct sandbox_variable){.name = places[count], .value = SANDBOX_MODELS};
    }
    if (!sets(launch, "HF_HUB_OFFLINE")) {
        ret[count++] = (struct sandbox_variable){.name = "HF_HUB_OFFLINE", .value = "1"};
    }
    return count;
}

/* The image's variables, the job's, and ours: what comes later counts; `limit` and `results` are borrowed. */
static size_t environment_of(const struct job_launch *launch, const char *limit,
                             const char *results,
                             struct sandbox_variable ret[SANDBOX_ENVIRONMENT_MAX])
{
    const struct job_order *order = launch->order;
    size_t count = 0;
    if (launch->container != NULL) {
        const char *name;
        json_t *value;
        json_object_foreach(launch->container->environment, name, value)
        {
            ret[count++] =
                (struct sandbox_variable){.name = name, .value = json_string_value(value)};
        }
    }
    memcpy(ret + count, order->environment, order->environment_count * sizeof ret[0]);
    count += order->environment_count;
    count += hub_environment(launch, ret + count);
    if (launch->models != NULL) {
        ret[count++] = (struct sandbox_variable){.name = "TALLY_MODELS", .value = SANDBOX_MODELS};
    }
    ret[count++] = (struct sandbox_variable){.name = "TALLY_RESULTS", .value = results};
    ret[count++] = (struct sandbox_variable){.name = "TALLY_LIMIT_SECONDS", .value = limit};
    if (launch->gpu != NULL) { /* the driver numbers what it finds, and finds one */
        ret[count++] = (struct sandbox_variable){.name = "CUDA_VISIBLE_DEVICES", .value = "0"};
    }
    return count;
}

/* As `docker run` has it: arguments stand in the place of CMD, behind the entry point. */
static void container_command(const struct job_launch *launch, const char *ret[SANDBOX_COMMAND_MAX])
{
    const struct container *container = launch->container;
    const struct job_order *order = launch->order;
    size_t const words =
        order->argument_count > 0 ? container->fixed_words : json_array_size(container->command);
    size_t count = 0;
    for (; count < words; count++) {
        ret[count] = json_string_value(json_array_get(container->command, count));
    }
    for (size_t i = 0; i < order->argument_count; i++) {
        ret[count++] = order->arguments[i];
    }
    ret[count] = NULL;
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
    char results[sizeof "/job/" + JOB_RESULT_NAME_MAX];
    bool const has_runner = order->kind == JOB_KIND_BUNDLE || order->kind == JOB_KIND_NOTEBOOK;
    if (launch->container == NULL) {
        job_order_command(order, program_path, command);
    } else {
        container_command(launch, command);
    }
    (void)snprintf(limit, sizeof limit, "%llu.%03llu", (unsigned long long)order->limit_ms / 1000,
                   (unsigned long long)order->limit_ms % 1000);
    (void)snprintf(results, sizeof results, "/job/%s", order->results);
    (void)snprintf(group, sizeof group, CGROUP_JOB_NAME, order->id);
    cgroup_create(launch->cgroup_place, group, launch->ram_mib * MIB, PIDS_MAX, ret_group);
    struct program_options const program = {
        .sandbox = {.folder = launch->folder,
                    .command = command,
                    .environment = environment,
                    .environment_count = environment_of(launch, limit, results, environment),
                    .root = launch->container != NULL ? launch->container->root : NULL,
                    .workdir = launch->container != NULL ? launch->container->workdir : NULL,
                    .runner = bytes_of(runner_script, has_runner ? runner_script_size : 0),
                    .gpu = launch->gpu,
                    .models = launch->models,
                    .memory_max = launch->ram_mib * MIB,
                    .tmp_max = launch->ram_mib * MIB / 4,
                    .file_max = launch->disk_bytes,
                    .pids_max = PIDS_MAX,
                    .cgroup = ret_group,
                    .network = order->network},
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
