/* The linker gives our functions to whoever calls those of core/net/http_client.h. The answer is there when the loop runs next. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/core/settlement/virtual_http.h"

#include "core/net/http_client.h"
#include "tests/support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

struct http_client {
    uv_loop_t *loop;
};

struct http_call {
    uv_timer_t timer; /* first: it is closed and freed as one */
    http_call_cb on_done;
    void *ctx;
    bool answered; /* otherwise nothing comes */
    uint64_t timeout_ms;
    struct service_reply reply;
};

enum err_code __wrap_http_client_create(uv_loop_t *loop, struct http_client **ret_client,
                                        struct err *err);
void __wrap_http_client_close(struct http_client *client, http_client_closed_cb on_closed,
                              void *ctx);
enum err_code __wrap_http_client_send(struct http_client *client,
                                      const struct http_call_options *options, http_call_cb on_done,
                                      void *ctx, struct http_call **ret_call, struct err *err);
void __wrap_http_call_cancel(struct http_call *call);

enum err_code __wrap_http_client_create(uv_loop_t *loop, struct http_client **ret_client,
                                        struct err *err)
{
    struct http_client *client = malloc(sizeof *client);
    (void)err;
    assert_non_null(client);
    client->loop = loop;
    *ret_client = client;
    return ERR_OK;
}

void __wrap_http_client_close(struct http_client *client, http_client_closed_cb on_closed,
                              void *ctx)
{
    (void)ctx;
    assert_null(on_closed);
    free(client);
}

static void free_cb(uv_handle_t *handle)
{
    free(handle);
}

static void end(struct http_call *call)
{
    if (call->answered) {
        service_reply_deinit(&call->reply);
    }
    uv_close((uv_handle_t *)&call->timer, free_cb);
}

static void answer(uv_timer_t *timer)
{
    struct http_call *call = (struct http_call *)timer;
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

enum err_code __wrap_http_client_send(struct http_client *client,
                                      const struct http_call_options *options, http_call_cb on_done,
                                      void *ctx, struct http_call **ret_call, struct err *err)
{
    struct http_call *call = calloc(1, sizeof *call);
    const char *path = strstr(options->url, "//");
    (void)err;
    assert_non_null(call);
    assert_non_null(path);
    path = strchr(path + 2, '/');
    assert_non_null(path);
    call->on_done = on_done;
    call->ctx = ctx;
    call->timeout_ms = options->total_timeout_ms;
    assert_int_equal(uv_timer_init(client->loop, &call->timer), 0);
    call->answered =
        virtual_http_ask(options->method != NULL && strcmp(options->method, "POST") == 0, path,
                         options->body, &call->reply);
    if (call->answered) {
        assert_int_equal(uv_timer_start(&call->timer, answer, 0, 0), 0);
    }
    if (ret_call != NULL) {
        *ret_call = call;
    }
    return ERR_OK;
}

void __wrap_http_call_cancel(struct http_call *call)
{
    end(call);
}
