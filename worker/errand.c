/* worker/errand.c
 *
 *     sending ──answer──▶ done
 *        ▲  └──retry──▶ waiting (timer) ──┐        cancelled: from either, without a callback
 *        └────────────────────────────────┘ */
// SPDX-License-Identifier: Apache-2.0
#include "worker/errand.h"

#include "core/base/invariant.h"
#include "core/base/rng.h"
#include "core/base/time.h"
#include "core/base/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_FIRST_MS 200
#define PAUSE_MAX_MS 5000
#define ERRAND_MAGIC 0xe77a4dU

struct errand {
    uint32_t magic;
    struct errand_options options;
    char *path;
    uint8_t *body;
    char key[SERVER_KEY_SIZE];
    struct server_call *call; /* NULL while waiting */
    uv_timer_t timer;
    int64_t give_up_ns;
    uint64_t pause_ms;
};

static void on_reply(void *ctx, const struct server_reply *reply);

static void on_closed(uv_handle_t *handle)
{
    struct errand *errand = handle->data;
    free(errand->path);
    free(errand->body);
    free(errand);
}

static void finish(struct errand *errand)
{
    INVARIANT(errand->magic == ERRAND_MAGIC);
    errand->magic = 0;
    uv_close((uv_handle_t *)&errand->timer, on_closed);
}

static void on_timer(uv_timer_t *timer);

static void wait_and_send(struct errand *errand)
{
    uint8_t random;
    rng_bytes(&random, 1);
    uint64_t const pause = errand->pause_ms + errand->pause_ms * random / 1024;
    errand->pause_ms = errand->pause_ms * 2 < PAUSE_MAX_MS ? errand->pause_ms * 2 : PAUSE_MAX_MS;
    (void)uv_timer_start(&errand->timer, on_timer, pause, 0);
}

static void send_request(struct errand *errand)
{
    const struct server_request *request = &errand->options.request;
    if (request->download && (ftruncate(request->download_fd, 0) != 0 ||
                              lseek(request->download_fd, 0, SEEK_SET) != 0)) {
        trace(TRACE_ERROR, "server.file", "path=\"%s\" errno=%d", errand->path, errno);
    }
    errand->call = server_send(errand->options.server, request, on_reply, errand);
    if (errand->call == NULL) {
        wait_and_send(errand);
    }
}

static void on_timer(uv_timer_t *timer)
{
    send_request(timer->data);
}

static void on_reply(void *ctx, const struct server_reply *reply)
{
    struct errand *errand = ctx;
    INVARIANT(errand->magic == ERRAND_MAGIC);
    errand->call = NULL;
    if (reply->outcome == SERVER_RETRY && !errand->options.once &&
        (errand->options.patience_ms == 0 || time_mono_ns() < errand->give_up_ns)) {
        trace(TRACE_DEBUG, "server.retry", "path=\"%s\" status=%d detail=\"%s\"", errand->path,
              reply->status, reply->detail);
        wait_and_send(errand);
        return;
    }
    server_cb const on_done = errand->options.on_done;
    void *done_ctx = errand->options.ctx;
    finish(errand);
    on_done(done_ctx, reply);
}

enum err_code errand_start(const struct errand_options *options, struct errand **ret_errand,
                           struct err *err)
{
    struct errand *errand = calloc(1, sizeof *errand);
    struct bytes const body = options->request.body;
    if (errand != NULL) {
        errand->path = strdup(options->request.path);
        errand->body = body.data == NULL ? NULL : malloc(body.size + 1);
    }
    if (errand == NULL || errand->path == NULL || (body.data != NULL && errand->body == NULL) ||
        uv_timer_init(options->loop, &errand->timer) != 0) {
        if (errand != NULL) {
            free(errand->path);
            free(errand->body);
        }
        free(errand);
        return err_set(err, ERR_NOMEM, "no memory for a request");
    }
    errand->magic = ERRAND_MAGIC;
    errand->options = *options;
    errand->options.request.path = errand->path;
    if (body.data != NULL) {
        memcpy(errand->body, body.data, body.size);
        errand->options.request.body = bytes_of(errand->body, body.size);
    }
    if (options->keyed) {
        server_new_key(errand->key);
    } else if (options->request.idempotency_key != NULL) {
        (void)snprintf(errand->key, sizeof errand->key, "%s", options->request.idempotency_key);
    }
    errand->options.request.idempotency_key = errand->key[0] != 0 ? errand->key : NULL;
    errand->timer.data = errand;
    errand->pause_ms = PAUSE_FIRST_MS;
    errand->give_up_ns = time_mono_ns() + (int64_t)options->patience_ms * NS_PER_MS;
    *ret_errand = errand;
    if (options->after_ms > 0) {
        (void)uv_timer_start(&errand->timer, on_timer, options->after_ms, 0);
    } else {
        send_request(errand);
    }
    return ERR_OK;
}

void errand_cancel(struct errand *errand)
{
    if (errand == NULL) {
        return;
    }
    server_cancel(errand->call);
    finish(errand);
}
