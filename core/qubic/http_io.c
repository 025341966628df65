/* core/qubic/http_io.c: the client's world as it is: HTTP, the monotonic clock, one timer of the loop. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/qubic/client_internal.h"

#include <stdlib.h>
#include <uv.h>

struct http_io {
    struct http_client *http;
    struct qubic_client *client; /* who is woken */
    uv_timer_t timer;
};

static int64_t now_ms(void *ctx)
{
    (void)ctx;
    return time_mono_ns() / NS_PER_MS;
}

static enum err_code send_call(void *ctx, const struct http_call_options *options,
                               http_call_cb on_done, void *done_ctx, void **ret_call,
                               struct err *err)
{
    const struct http_io *io = ctx;
    struct http_call *call = NULL;
    enum err_code const code = http_client_send(io->http, options, on_done, done_ctx, &call, err);
    if (code == ERR_OK) {
        *ret_call = call;
    }
    return code;
}

static void cancel_call(void *ctx, void *call)
{
    (void)ctx;
    http_call_cancel(call);
}

static void on_timer(uv_timer_t *timer)
{
    const struct http_io *io = timer->data;
    qubic_client_wake(io->client);
}

static void set_timer(void *ctx, struct qubic_client *client, int64_t after_ms)
{
    struct http_io *io = ctx;
    io->client = client;
    if (after_ms < 0) {
        (void)uv_timer_stop(&io->timer);
    } else {
        uv_update_time(uv_handle_get_loop((uv_handle_t *)&io->timer)); /* or it may come early */
        (void)uv_timer_start(&io->timer, on_timer, (uint64_t)after_ms, 0);
    }
}

static void timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void release(void *ctx)
{
    struct http_io *io = ctx;
    uv_close((uv_handle_t *)&io->timer, timer_closed);
}

enum err_code http_io_create(struct http_client *http, struct qubic_io *ret, struct err *err)
{
    struct http_io *io = calloc(1, sizeof *io);
    int const rc = io != NULL ? uv_timer_init(http_client_loop(http), &io->timer) : UV_ENOMEM;
    if (rc != 0) {
        free(io);
        return err_set_origin(err, ERR_NOMEM, rc, "no memory for a chain client");
    }
    io->http = http;
    io->timer.data = io;
    *ret = (struct qubic_io){.ctx = io,
                             .now_ms = now_ms,
                             .send = send_call,
                             .cancel = cancel_call,
                             .set_timer = set_timer,
                             .release = release};
    return ERR_OK;
}
