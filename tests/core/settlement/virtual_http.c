// SPDX-License-Identifier: Apache-2.0
#include "tests/core/settlement/virtual_http.h"

#include "core/base/time.h"
#include "tests/support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

struct call {
    struct virtual_http *http;
    struct call *next;
    http_call_cb on_done;
    void *ctx;
    bool answered; /* otherwise nothing comes */
    int64_t due_ms;
    uint64_t timeout_ms;
    struct service_reply reply;
};

struct virtual_http {
    uv_timer_t timer; /* first: closed and freed as one */
    struct virtual_http_options options;
    int64_t waited_ms;
    int64_t until_ms; /* the client's timer; negative: not set */
    struct qubic_client *client;
    struct call *calls; /* as they were asked */
};

static void free_cb(uv_handle_t *handle)
{
    free(handle);
}

static int64_t now_ms(void *ctx)
{
    struct virtual_http *http = ctx;
    return http->options.now_ns() / NS_PER_MS + http->waited_ms;
}

static void wait_until(struct virtual_http *http, int64_t until_ms)
{
    int64_t const left_ms = until_ms - now_ms(http);
    if (left_ms <= 0) {
        return;
    }
    if (http->options.pass != NULL) {
        http->options.pass(left_ms * NS_PER_MS);
    } else {
        http->waited_ms += left_ms;
    }
}

static void end(struct call *call)
{
    struct call **at = &call->http->calls;
    while (*at != call) {
        at = &(*at)->next;
    }
    *at = call->next;
    if (call->answered) {
        service_reply_deinit(&call->reply);
    }
    free(call);
}

static void answer(struct call *call)
{
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
    struct call done = *call; /* it may ask and cancel */
    call->answered = false;
    end(call);
    done.on_done(done.ctx, &result);
    service_reply_deinit(&done.reply);
}

static void next_cb(uv_timer_t *timer);

/* Something comes, if anything does: a loop that has nothing to wait for is left. */
static void look_again(struct virtual_http *http)
{
    bool any = http->until_ms >= 0;
    for (const struct call *call = http->calls; call != NULL; call = call->next) {
        any = any || call->answered;
    }
    if (any) {
        assert_int_equal(uv_timer_start(&http->timer, next_cb, 0, 0), 0);
    } else {
        (void)uv_timer_stop(&http->timer);
    }
}

/* The first of all that comes, one a turn. */
static void next_cb(uv_timer_t *timer)
{
    struct virtual_http *http = (struct virtual_http *)timer;
    struct call *first = NULL;
    for (struct call *call = http->calls; call != NULL; call = call->next) {
        if (call->answered && (first == NULL || call->due_ms < first->due_ms)) {
            first = call;
        }
    }
    if (first != NULL && (http->until_ms < 0 || first->due_ms <= http->until_ms)) {
        wait_until(http, first->due_ms);
        answer(first);
    } else if (http->until_ms >= 0) {
        wait_until(http, http->until_ms);
        http->until_ms = -1;
        qubic_client_wake(http->client);
    }
    look_again(http);
}

static enum err_code send_request(void *ctx, const struct http_call_options *options,
                                  http_call_cb on_done, void *done_ctx, void **ret_call,
                                  struct err *err)
{
    struct virtual_http *http = ctx;
    struct call *call = calloc(1, sizeof *call);
    const char *path = strstr(options->url, "//");
    struct call **last = &http->calls;
    (void)err;
    assert_non_null(call);
    assert_non_null(path);
    path = strchr(path + 2, '/');
    assert_non_null(path);
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = call;
    call->http = http;
    call->on_done = on_done;
    call->ctx = done_ctx;
    call->timeout_ms = options->total_timeout_ms;
    call->answered =
        virtual_http_ask(options->method != NULL && strcmp(options->method, "POST") == 0, path,
                         options->body, &call->reply);
    int64_t delay_ms = call->answered ? (int64_t)call->reply.delay_ms : 0;
    delay_ms = delay_ms < (int64_t)call->timeout_ms ? delay_ms : (int64_t)call->timeout_ms;
    /* Where no time passes but what is waited for, an answer takes none, however late it is. */
    call->due_ms =
        now_ms(http) + (http->options.pass == NULL ? 0 : delay_ms + http->options.latency_ms);
    look_again(http);
    *ret_call = call;
    return ERR_OK;
}

static void cancel(void *ctx, void *call)
{
    end(call);
    look_again(ctx);
}

static void set_timer(void *ctx, struct qubic_client *client, int64_t after_ms)
{
    struct virtual_http *http = ctx;
    http->client = client;
    http->until_ms = after_ms < 0 ? -1 : now_ms(http) + after_ms;
    look_again(http);
}

static void release(void *ctx)
{
    struct virtual_http *http = ctx;
    uv_close((uv_handle_t *)&http->timer, free_cb);
}

void virtual_http_create(const struct virtual_http_options *options, struct qubic_io *ret)
{
    struct virtual_http *http = calloc(1, sizeof *http);
    assert_non_null(http);
    http->options = *options;
    http->until_ms = -1;
    assert_int_equal(uv_timer_init(options->loop, &http->timer), 0);
    *ret = (struct qubic_io){.ctx = http,
                             .now_ms = now_ms,
                             .send = send_request,
                             .cancel = cancel,
                             .set_timer = set_timer,
                             .release = release};
}
