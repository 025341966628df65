// SPDX-License-Identifier: Apache-2.0
#include "worker/gpu_watch.h"

#include "core/base/invariant.h"
#include "core/base/time.h"
#include "core/base/trace.h"

#include <pthread.h>
#include <stdlib.h>

/* One call of gpu_read. Of loop and thread the last one frees it. */
struct reading {
    struct gpu_source *source;
    const struct gpu *gpu;
    uv_async_t *wake;
    bool done;      /* with `lock` */
    bool abandoned; /* with `lock`: nobody waits, and `wake` is gone */
    struct gpu_sample sample;
    enum gpu_state state;
    struct err why;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all readings; held for a moment */

struct gpu_watch {
    struct gpu_watch_options options;
    uv_timer_t timer;
    uv_async_t wake;
    uint64_t pace_ms;
    struct reading *reading; /* NULL: none is under way */
    int64_t reading_since_ns;
    bool closing;
    unsigned closed; /* handles */
    bool lost;
    struct gpu_sample latest;
    int64_t latest_ns;         /* 0: none */
    uint64_t xid;              /* not taken yet */
    void (*looked)(void *ctx); /* NULL: nobody asks for a reading now */
    void *looked_ctx;
    bool again; /* the reading under way began before somebody asked */
};

#define HANDLES 2

static void on_closed(uv_handle_t *handle)
{
    struct gpu_watch *watch = handle->data;
    if (++watch->closed == HANDLES) {
        free(watch);
    }
}

static void *read_thread(void *ctx)
{
    struct reading *reading = ctx;
    reading->state = gpu_read(reading->source, reading->gpu, &reading->sample, &reading->why);
    (void)pthread_mutex_lock(&lock);
    bool const abandoned = reading->abandoned;
    reading->done = true;
    if (!abandoned) {
        (void)uv_async_send(reading->wake);
    }
    (void)pthread_mutex_unlock(&lock);
    if (abandoned) {
        free(reading);
    }
    return NULL;
}

static void begin(struct gpu_watch *watch);

static void lose(struct gpu_watch *watch, const struct err *why)
{
    if (!watch->lost) {
        watch->lost = true;
        watch->latest_ns = 0;
        (void)uv_timer_stop(&watch->timer);
        trace_err(TRACE_ERROR, "gpu.lost", why);
        watch->options.on_lost(watch->options.ctx, why->message);
    }
}

static void judge(struct gpu_watch *watch, const struct reading *reading)
{
    if (reading->sample.xid != 0) {
        watch->xid = reading->sample.xid;
        trace(TRACE_WARN, "gpu.xid", "gpu=%s xid=%llu", watch->options.gpu->uuid,
              (unsigned long long)reading->sample.xid);
    }
    if (reading->state == GPU_WORKS && !watch->lost) {
        watch->latest = reading->sample;
        watch->latest_ns = time_mono_ns();
    } else if (reading->state == GPU_UNREADABLE) {
        trace_err(TRACE_WARN, "gpu.unreadable", &reading->why);
    } else if (reading->state == GPU_IS_LOST) {
        lose(watch, &reading->why);
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

static void on_wake(uv_async_t *wake)
{
    struct gpu_watch *watch = wake->data;
    struct reading *reading = watch->reading;
    (void)pthread_mutex_lock(&lock);
    bool const done = reading != NULL && reading->done;
    (void)pthread_mutex_unlock(&lock);
    if (!done) {
        return;
    }
    watch->reading = NULL;
    judge(watch, reading);
    free(reading);
    if (watch->closing) { /* by what it was told */
        return;
    }
    if (watch->again) {
        watch->again = false;
        begin(watch);
    } else {
        tell(watch);
    }
}

static bool start_thread(struct reading *reading)
{
    pthread_t thread;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    bool const good = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
                      pthread_create(&thread, &attributes, read_thread, reading) == 0;
    (void)pthread_attr_destroy(&attributes);
    return good;
}

static void begin(struct gpu_watch *watch)
{
    struct reading *reading = calloc(1, sizeof *reading);
    if (reading != NULL) {
        reading->source = watch->options.source;
        reading->gpu = watch->options.gpu;
        reading->wake = &watch->wake;
    }
    if (reading == NULL || !start_thread(reading)) {
        free(reading);
        tell(watch);
        return;
    }
    watch->reading = reading;
    watch->reading_since_ns = time_mono_ns();
}

static bool is_hung(const struct gpu_watch *watch)
{
    return watch->reading != NULL &&
           (time_mono_ns() - watch->reading_since_ns) / NS_PER_MS > (int64_t)watch->options.hung_ms;
}

static void on_timer(uv_timer_t *timer)
{
    struct gpu_watch *watch = timer->data;
    struct err why = {0};
    if (is_hung(watch)) {
        (void)err_set(&why, ERR_TIMEOUT, "%s %s: the driver has not answered for %llu s",
                      watch->options.gpu->model, watch->options.gpu->uuid,
                      (unsigned long long)watch->options.hung_ms / 1000);
        lose(watch, &why);
        if (!watch->closing) {
            tell(watch);
        }
    } else if (watch->reading == NULL && !watch->lost) {
        begin(watch);
    }
}

void gpu_watch_look(struct gpu_watch *watch, void (*done)(void *ctx), void *ctx)
{
    INVARIANT(watch->looked == NULL);
    watch->looked = done;
    watch->looked_ctx = ctx;
    if (watch->reading != NULL && is_hung(watch)) {
        tell(watch); /* nothing better will be known */
    } else if (watch->reading != NULL) {
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
    watch->timer.data = watch;
    watch->wake.data = watch;
    if (uv_async_init(options->loop, &watch->wake, on_wake) != 0) {
        watch->closed = HANDLES - 1; /* the timer is all there is */
        uv_close((uv_handle_t *)&watch->timer, on_closed);
        return err_set(err, ERR_IO, "no descriptor to watch a GPU");
    }
    watch->options = *options;
    watch->options.hung_ms = options->hung_ms != 0 ? options->hung_ms : GPU_WATCH_HUNG_MS;
    gpu_watch_pace(watch, false);
    *ret_watch = watch;
    return ERR_OK;
}

static void abandon(struct gpu_watch *watch)
{
    struct reading *reading = watch->reading;
    (void)pthread_mutex_lock(&lock);
    bool const done = reading->done;
    reading->abandoned = true;
    (void)pthread_mutex_unlock(&lock);
    if (done) {
        free(reading);
    } else {
        gpu_source_leave(watch->options.source);
    }
    watch->reading = NULL;
}

void gpu_watch_close(struct gpu_watch *watch)
{
    if (watch == NULL || watch->closing) {
        return;
    }
    watch->closing = true;
    if (watch->reading != NULL) {
        abandon(watch);
    }
    uv_close((uv_handle_t *)&watch->timer, on_closed);
    uv_close((uv_handle_t *)&watch->wake, on_closed);
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
