// SPDX-License-Identifier: Apache-2.0
#include "tests/core/settlement/virtual_http.h"

#include "core/base/time.h"
#include "tests/support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

struct virtual_http {
    uv_timer_t timer; /* first: closed and freed as one */
    uv_loop_t *loop;
    int64_t (*now_ns)(void);
    int64_t waited_ms;
    int64_t until_ms; /* the timer's */
    struct qubic_client *client;
};

struct call {
    uv_timer_t timer; /* first, likewise */
    http_call_cb on_done;
    void *ctx;
    bool answered; /* otherwise nothing comes */
    uint64_t timeout_ms;
    struct service_reply reply;
};

static void free_cb(uv_handle_t *handle)
{
    free(handle);
}

static int64_t now_ms(void *ctx)
{
    struct virtual_http *http = ctx;
    return http->now_ns() / NS_PER_MS + http->waited_ms;
}

static void end(struct call *call)
{
    if (call->answered) {
        service_reply_deinit(&call->reply);
    }
    uv_close((uv_handle_t *)&call->timer, free_cb);
}

static void answer_cb(uv_timer_t *timer)
{
    struct call *call = (struct call *)timer;
    struct service_reply *reply = &call->reply;
    struct http_field type = {"content-type",
                              reply->content_type != NULL ? reply->content_type : ""};
    struct http_call_result result = {.code = ERR_OK,
                                      .status = reply->status,
                                      .headers = &type,
                                      .header_count = 1,
                                      .body = buf_bytes(&reply->body)};
    if (reply->cut) {
        result.code = err_set(&result.err, ERR_UNAVAILABLE, "the connection ended");
    } else if (reply->delay_ms > call->timeout_ms) {
        result.code = err_set(&result.err, ERR_TIMEOUT, "no answer in time");
    } else if (result.body.data == NULL) {
        result.body = bytes_of_text("");
    }
    call->on_done(call->ctx, &result);
    end(call);
}

static enum err_code send_request(void *ctx, const struct http_call_options *options,
                                  http_call_cb on_done, void *done_ctx, void **ret_call,
                                  struct err *err)
{
    struct virtual_http *http = ctx;
    struct call *call = calloc(1, sizeof *call);
    const char *path = strstr(options->url, "//");
    (void)err;
    assert_non_null(call);
    assert_non_null(path);
    path = strchr(path + 2, '/');
    assert_non_null(path);
    call->on_done = on_done;
    call->ctx = done_ctx;
    call->timeout_ms = options->total_timeout_ms;
    assert_int_equal(uv_timer_init(http->loop, &call->timer), 0);
    call->answered =
        virtual_http_ask(options->method != NULL && strcmp(options->method, "POST") == 0, path,
                         options->body, &call->reply);
    if (call->answered) {
        assert_int_equal(uv_timer_start(&call->timer, answer_cb, 0, 0), 0);
    }
    *ret_call = call;
    return ERR_OK;
}

static void cancel(void *ctx, void *call)
{
    (void)ctx;
    end(call);
}

static void wake_cb(uv_timer_t *timer)
{
    struct virtual_http *http = (struct virtual_http *)timer;
    int64_t now = now_ms(http);
    if (now < http->until_ms) {
        http->waited_ms += http->until_ms - now;
    }
    qubic_client_wake(http->client);
}

static void set_timer(void *ctx, struct qubic_client *client, int64_t after_ms)
{
    struct virtual_http *http = ctx;
    http->client = client;
    if (after_ms < 0) {
        (void)uv_timer_stop(&http->timer);
        return;
    }
    http->until_ms = now_ms(http) + after_ms;
    assert_int_equal(uv_timer_start(&http->timer, wake_cb, 0, 0), 0);
}

static void release(void *ctx)
{
    struct virtual_http *http = ctx;
    uv_close((uv_handle_t *)&http->timer, free_cb);
}

void virtual_http_create(uv_loop_t *loop, int64_t (*now_ns)(void), struct qubic_io *ret)
{
    struct virtual_http *http = calloc(1, sizeof *http);
    assert_non_null(http);
    http->loop = loop;
    http->now_ns = now_ns;
    assert_int_equal(uv_timer_init(loop, &http->timer), 0);
    *ret = (struct qubic_io){.ctx = http,
                             .now_ms = now_ms,
                             .send = send_request,
                             .cancel = cancel,
                             .set_timer = set_timer,
                             .release = release};
}
