/* worker/command_run.c: from the slots on disk to offers on the market, then the loop. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/base/trace.h"
#include "worker/claim.h"
#include "worker/command.h"
#include "worker/models.h"
#include "worker/offer.h"
#include "worker/seal_key.h"
#include "worker/server.h"
#include "worker/trial.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCK_WAIT_MS 2000
#define LOCK_LOOK_MS 50

enum err_code command_share(const struct settings *settings, size_t slots, struct machine *ret,
                            struct err *err)
{
    struct machine machine;
    enum err_code const code = machine_read(settings->state, &machine, err);
    if (code != ERR_OK) {
        return code;
    }
    machine.cpu_cores = machine.cpu_cores > slots ? machine.cpu_cores / slots : 1;
    machine.ram_mib /= slots;
    machine.storage_mib /= slots;
    if (settings->disk_mib != 0 && settings->disk_mib < machine.storage_mib) {
        machine.storage_mib = settings->disk_mib;
    }
    if (settings->ram_mib != 0 && settings->ram_mib < machine.ram_mib) {
        machine.ram_mib = settings->ram_mib;
    }
    *ret = machine;
    return ERR_OK;
}

enum err_code command_engine_open(const struct settings *settings, struct container_engine *ret,
                                  struct err *err)
{
    *ret = (struct container_engine){0};
    if (settings->podman != NULL) {
        *ret = (struct container_engine){.kind = &container_podman, .program = settings->podman};
    } else if (settings->docker != NULL) {
        *ret = (struct container_engine){.kind = &container_docker, .program = settings->docker};
        return docker_images_take(settings->docker, settings->state, settings->images,
                                  settings->image_count, &ret->images, err);
    }
    return ERR_OK;
}

void command_engine_close(struct container_engine *engine)
{
    docker_images_free(engine->images);
    *engine = (struct container_engine){0};
}

/* Which slots can be run now. A GPU that is not there any more is not offered any more. */
static size_t find_slots(const struct settings *settings, const struct state_slots *slots,
                         const struct gpu_source *gpus, struct claim_slot ret[STATE_SLOTS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < slots->count; i++) {
        const struct worker_identity *identity = &slots->identities[i];
        const struct gpu *gpu = identity->gpu[0] == 0 ? NULL : gpu_find(gpus, identity->gpu);
        struct sandbox_gpu nodes;
        struct err err = {0};
        if (identity->gpu[0] != 0 && gpu == NULL) {
            (void)err_set(&err, ERR_NOT_FOUND, "%s is not in this machine%s", identity->gpu,
                          settings->no_gpus ? " (--no-gpus)" : "");
        } else if (gpu == NULL || gpu_for_sandbox(gpus, gpu, &nodes, &err) == ERR_OK) {
            ret[count++] =
                (struct claim_slot){.folder = slots->folders[i], .identity = identity, .gpu = gpu};
            continue;
        }
        trace_err(TRACE_ERROR, "slot.left_out", &err);
        if (offer_take_away(slots->folders[i], identity, &err) != ERR_OK) {
            trace_err(TRACE_WARN, "slot.still_offered", &err);
        }
    }
    return count;
}

/* Better no network than a worker that does not run; jobs without one are most. */
static bool network_works(const struct settings *settings, const struct machine *share)
{
    struct err err = {0};
    bool const works = trial_network(settings->state, share, &err) == ERR_OK;
    if (!works) {
        trace_err(TRACE_WARN, "worker.no_network", &err);
    }
    return works;
}

static enum err_code offer_and_claim(const struct settings *settings,
                                     const struct state_slots *slots, struct gpu_source *gpus,
                                     struct err *err)
{
    struct claim_slot usable[STATE_SLOTS_MAX];
    struct machine share;
    struct job_kinds kinds;
    struct worker_offer terms = {0};
    char models[PATH_MAX];
    struct container_engine engine = {0};
    size_t const count = find_slots(settings, slots, gpus, usable);
    if (count == 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "none of the GPUs that %s was enrolled for can be used; the trace says why",
                       settings->state);
    }
    if (settings->docker == NULL) {
        docker_images_forget(settings->state);
    }
    enum err_code code = settings->models == NULL
                             ? ERR_OK
                             : models_resolve(settings->models, settings->state, models, err);
    if (code == ERR_OK) {
        code = command_engine_open(settings, &engine, err);
    }
    if (code == ERR_OK) { /* of the disk that the images have left */
        code = command_share(settings, count, &share, err);
    }
    if (code == ERR_OK) {
        code = trial_sandbox(settings->state, &share, err);
    }
    if (code == ERR_OK) {
        trial_kinds(settings->state, &share, engine.kind != NULL ? &engine : NULL, &kinds);
        kinds.network = settings->network && network_works(settings, &share);
        kinds.models.folder = settings->models != NULL ? models : NULL;
        stock_find(settings->state, &share, &kinds, &terms.stock);
        kinds.models.told = terms.stock.models;
        terms.network = kinds.network;
    }
    for (size_t i = 0; code == ERR_OK && i < count; i++) {
        struct worker_offer offered;
        uint64_t rate = settings->rate;
        if (rate == 0 && state_load_offer(usable[i].folder, &offered, NULL) == ERR_NOT_FOUND) {
            rate = state_load_rate(settings->state);
        }
        terms.rate = (int64_t)rate;
        code =
            offer_ensure(usable[i].folder, usable[i].identity, &share, usable[i].gpu, &terms, err);
    }
    if (code == ERR_OK && state_load_mode(settings->state) == WORKER_DRAINS) {
        code = state_save_mode(settings->state, WORKER_RUNS, err); /* it is started on purpose */
    }
    struct box_key seal_key;
    struct err no_key = {0};
    enum err_code const sealed = seal_key_load(settings->state, &seal_key, &no_key);
    if (code == ERR_OK && sealed != ERR_OK) {
        trace_err(TRACE_WARN, "worker.no_seal_key", &no_key);
    }
    if (code == ERR_OK) {
        struct claim_options const options = {.folder = settings->state,
                                              .slots = usable,
                                              .slot_count = count,
                                              .machine = &share,
                                              .kinds = &kinds,
                                              .seal_key = sealed == ERR_OK ? &seal_key : NULL,
                                              .gpus = gpus,
                                              .jobs_max = settings->jobs_max};
        code = claim_run(&options, err);
    }
    box_key_wipe(&seal_key);
    command_engine_close(&engine);
    return code;
}

/* A worker that was killed while it started a program leaves, for a moment, a child that holds the lock and has not become that program yet. */
static enum err_code lock_patiently(const char *folder, int *ret_fd, struct err *err)
{
    enum err_code code = state_lock(folder, ret_fd, err);
    for (int waited = 0; code == ERR_BUSY && waited < LOCK_WAIT_MS; waited += LOCK_LOOK_MS) {
        (void)usleep(LOCK_LOOK_MS * 1000);
        code = state_lock(folder, ret_fd, err);
    }
    return code;
}

enum err_code command_run(const struct settings *settings, struct err *err)
{
    struct state_slots *slots = NULL;
    struct gpu_source *gpus = NULL;
    struct err why = {0};
    int lock_fd = -1;
    bool wants_gpus = false;
    enum err_code code = state_load_slots(settings->state, &slots, err);
    for (size_t i = 0; code == ERR_OK && i < slots->count; i++) {
        wants_gpus = wants_gpus || slots->identities[i].gpu[0] != 0;
        if (settings->server != NULL) {
            code = server_check_base(settings->server, slots->identities[i].server,
                                     sizeof slots->identities[i].server, err);
        }
    }
    if (code == ERR_OK) {
        code = lock_patiently(settings->state, &lock_fd, err);
    }
    if (code == ERR_OK && wants_gpus && !settings->no_gpus &&
        gpu_source_open(&settings->gpus, &gpus, &why) != ERR_OK) {
        trace_err(TRACE_ERROR, "gpu.none", &why);
    }
    if (code == ERR_OK) {
        code = offer_and_claim(settings, slots, gpus, err);
    }
    gpu_source_close(gpus);
    free(slots);
    if (lock_fd >= 0) {
        (void)close(lock_fd);
    }
    return code;
}
