// SPDX-License-Identifier: Apache-2.0
#include "worker/claim.h"

#include "core/base/trace.h"
#include "worker/cgroup.h"
#include "worker/code_pages.h"
#include "worker/slot.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct claim;

struct claim_place { /* one slot, seen from here */
    struct claim *claim;
    struct slot *slot; /* NULL: ended */
};

struct claim {
    const struct claim_options *options;
    uv_loop_t loop;
    uv_signal_t signals[2];
    uv_fs_event_t mode_watch;
    struct cgroup_place cgroup_place;
    struct claim_place places[STATE_SLOTS_MAX];
    size_t running;
    uint64_t jobs_done;
    enum err_code code;
    struct err err;
};

static void each(struct claim *claim, void (*act)(struct slot *slot))
{
    for (size_t i = 0; i < claim->options->slot_count; i++) {
        if (claim->places[i].slot != NULL) {
            act(claim->places[i].slot);
        }
    }
}

/* ── what slots say ────────────────────────────────────────────────────────────────────────────── */

static void on_job_done(void *ctx)
{
    struct claim *claim = ((struct claim_place *)ctx)->claim;
    claim->jobs_done++;
    if (claim->options->jobs_max != 0 && claim->jobs_done >= claim->options->jobs_max) {
        each(claim, slot_drain);
    }
}

static void close_all(struct claim *claim)
{
    for (size_t i = 0; i < 2; i++) {
        uv_close((uv_handle_t *)&claim->signals[i], NULL);
    }
    uv_close((uv_handle_t *)&claim->mode_watch, NULL);
}

static void on_end(void *ctx, enum err_code code, const struct err *err)
{
    struct claim_place *place = ctx;
    struct claim *claim = place->claim;
    place->slot = NULL;
    if (code != ERR_OK) {
        claim->code = code;
        claim->err = *err;
    }
    if (--claim->running == 0) {
        close_all(claim);
    }
}

/* ── what it is told ───────────────────────────────────────────────────────────────────────────── */

static void on_signal(uv_signal_t *handle, int number)
{
    trace(TRACE_INFO, "worker.stopping", "signal=%d", number);
    each(handle->data, slot_stop);
}

static void take_mode(struct claim *claim)
{
    enum worker_mode const mode = state_load_mode(claim->options->folder);
    if (mode == WORKER_DRAINS) {
        trace(TRACE_INFO, "worker.draining", "folder=%s", claim->options->folder);
        each(claim, slot_drain);
        return;
    }
    for (size_t i = 0; i < claim->options->slot_count; i++) {
        if (claim->places[i].slot != NULL) {
            slot_pause(claim->places[i].slot, mode == WORKER_PAUSES);
        }
    }
}

static void on_folder(uv_fs_event_t *watch, const char *name, int events, int status)
{
    (void)events;
    (void)status;
    if (name == NULL || strcmp(name, STATE_MODE) == 0) {
        take_mode(watch->data);
    }
}

/* ── the loop ──────────────────────────────────────────────────────────────────────────────────── */

static enum err_code start_slots(struct claim *claim, struct err *err)
{
    const struct claim_options *options = claim->options;
    bool const paused = state_load_mode(options->folder) == WORKER_PAUSES;
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < options->slot_count && code == ERR_OK; i++) {
        struct claim_place *place = &claim->places[i];
        struct slot_options const slot = {.loop = &claim->loop,
                                          .folder = options->slots[i].folder,
                                          .identity = options->slots[i].identity,
                                          .machine = options->machine,
                                          .kinds = options->kinds,
                                          .cgroup_place = &claim->cgroup_place,
                                          .seal_key = options->seal_key,
                                          .gpus = options->gpus,
                                          .gpu = options->slots[i].gpu,
                                          .paused = paused,
                                          .on_job_done = on_job_done,
                                          .on_end = on_end,
                                          .ctx = place};
        place->claim = claim;
        code = slot_start(&slot, &place->slot, err);
        claim->running += code == ERR_OK ? 1 : 0;
    }
    return code;
}

enum err_code claim_run(const struct claim_options *options, struct err *err)
{
    static const int numbers[2] = {SIGTERM, SIGINT};
    struct claim *claim = calloc(1, sizeof *claim);
    if (claim == NULL || uv_loop_init(&claim->loop) != 0) {
        free(claim);
        return err_set(err, ERR_IO, "the event loop could not be made");
    }
    claim->options = options;
    cgroup_find(&claim->cgroup_place);
    trace(TRACE_INFO, "worker.limits", "memory=%s pids=%s",
          claim->cgroup_place.memory_parent[0] != 0 ? "cgroup" : "address space",
          claim->cgroup_place.pids_parent[0] != 0 ? "cgroup" : "rlimit");
    for (size_t i = 0; i < 2; i++) {
        (void)uv_signal_init(&claim->loop, &claim->signals[i]);
        claim->signals[i].data = claim;
        (void)uv_signal_start(&claim->signals[i], on_signal, numbers[i]);
    }
    (void)uv_fs_event_init(&claim->loop, &claim->mode_watch);
    claim->mode_watch.data = claim;
    int const watched = uv_fs_event_start(&claim->mode_watch, on_folder, options->folder, 0);
    if (watched != 0) {
        trace(TRACE_WARN, "worker.mode_not_watched", "rc=%d", watched);
    }
    enum err_code const started = start_slots(claim, err);
    if (started != ERR_OK) {
        each(claim, slot_stop);
    }
    if (claim->running == 0) {
        close_all(claim);
    }
    code_pages_forget(); /* from here on it mostly waits */
    (void)uv_run(&claim->loop, UV_RUN_DEFAULT);
    enum err_code const code = started != ERR_OK ? started : claim->code;
    if (started == ERR_OK && code != ERR_OK && err != NULL) {
        *err = claim->err;
    }
    int const rc = uv_loop_close(&claim->loop);
    if (rc != 0) {
        trace(TRACE_ERROR, "worker.handles_left", "rc=%d", rc);
    }
    free(claim);
    return code;
}
