// SPDX-License-Identifier: Apache-2.0
#include "worker/gpu_watch.h"

#include "core/base/invariant.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "worker/background.h"

#include <stdlib.h>

struct gpu_watch {
    struct gpu_watch_options options;
    uv_timer_t timer;
    uint64_t pace_ms;
    bool reading;
    bool closing;
    bool timer_closed;
    bool lost;
    struct gpu_sample latest;
    int64_t latest_ns;         /* 0: none */
    uint64_t xid;              /* not taken yet */
    void (*looked)(void *ctx); /* NULL: nobody asks for a reading now */
    void *looked_ctx;
    bool again; /* the reading under way began before somebody asked */
    /* The pool's while reading. */
    struct gpu_sample sample;
    enum gpu_state state;
    struct err why;
};

static void free_when_idle(struct gpu_watch *watch)
{
    if (watch->timer_closed && !watch->reading) {
        free(watch);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct gpu_watch *watch = handle->data;
    watch->timer_closed = true;
    free_when_idle(watch);
}

static void read_work(void *ctx)
{
    struct gpu_watch *watch = ctx;
    watch->why = (struct err){0};
    watch->state = gpu_read(watch->options.source, watch->options.gpu, &watch->sample, &watch->why);
}

static void begin(struct gpu_watch *watch);

static void judge(struct gpu_watch *watch)
{
    if (watch->sample.xid != 0) {
        watch->xid = watch->sample.xid;
        trace(TRACE_WARN, "gpu.xid", "gpu=%s xid=%llu", watch->options.gpu->uuid,
              (unsigned long long)watch->sample.xid);
    }
    if (watch->state == GPU_WORKS) {
        watch->latest = watch->sample;
        watch->latest_ns = time_mono_ns();
    } else if (watch->state == GPU_UNREADABLE) {
        trace_err(TRACE_WARN, "gpu.unreadable", &watch->why);
    } else if (!watch->lost) {
        watch->lost = true;
        watch->latest_ns = 0;
        (void)uv_timer_stop(&watch->timer);
        trace_err(TRACE_ERROR, "gpu.lost", &watch->why);
        watch->options.on_lost(watch->options.ctx, watch->why.message);
    }
}

static void tell(struct gpu_watch *watch)
{
    void (*looked)(void *) = watch->looked;
    watch->looked = NULL;
    if (looked != NULL) {
        looked(watch->looked_ctx);
    }
}

static void read_done(void *ctx)
{
    struct gpu_watch *watch = ctx;
    watch->reading = false;
    if (watch->closing) {
        free_when_idle(watch);
        return;
    }
    judge(watch);
    if (watch->again && !watch->closing) {
        watch->again = false;
        begin(watch);
    } else {
        tell(watch);
    }
}

static void begin(struct gpu_watch *watch)
{
    watch->reading = true;
    if (!background_run(watch->options.loop, read_work, read_done, watch)) {
        watch->reading = false;
        tell(watch);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct gpu_watch *watch = timer->data;
    if (!watch->reading && !watch->lost) {
        begin(watch);
    }
}

void gpu_watch_look(struct gpu_watch *watch, void (*done)(void *ctx), void *ctx)
{
    INVARIANT(watch->looked == NULL);
    watch->looked = done;
    watch->looked_ctx = ctx;
    if (watch->reading) {
        watch->again = true;
    } else {
        begin(watch);
    }
}

void gpu_watch_forget(struct gpu_watch *watch)
{
    if (watch != NULL) {
        watch->looked = NULL;
        watch->again = false;
    }
}

enum err_code gpu_watch_start(const struct gpu_watch_options *options, struct gpu_watch **ret_watch,
                              struct err *err)
{
    struct gpu_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL || uv_timer_init(options->loop, &watch->timer) != 0) {
        free(watch);
        return err_set(err, ERR_NOMEM, "no memory to watch a GPU");
    }
    watch->options = *options;
    watch->timer.data = watch;
    gpu_watch_pace(watch, false);
    *ret_watch = watch;
    return ERR_OK;
}

void gpu_watch_close(struct gpu_watch *watch)
{
    if (watch != NULL && !watch->closing) {
        watch->closing = true;
        uv_close((uv_handle_t *)&watch->timer, on_closed);
    }
}

void gpu_watch_pace(struct gpu_watch *watch, bool has_job)
{
    if (watch != NULL && !watch->lost) {
        watch->pace_ms = has_job ? GPU_WATCH_JOB_MS : GPU_WATCH_IDLE_MS;
        (void)uv_timer_start(&watch->timer, on_timer, 0, watch->pace_ms);
    }
}

bool gpu_watch_take(struct gpu_watch *watch, struct gpu_sample *ret)
{
    if (watch == NULL || watch->latest_ns == 0 ||
        (time_mono_ns() - watch->latest_ns) / NS_PER_MS > (int64_t)(3 * watch->pace_ms)) {
        return false;
    }
    *ret = watch->latest;
    ret->xid = watch->xid; /* whichever reading it came with: told once */
    watch->xid = 0;
    return true;
}
