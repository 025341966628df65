/* libcurl's multi interface on libuv.
 *
 *     curl ── socket_cb ──▶ uv_poll per socket ──▶ curl_multi_socket_action ─┐
 *     curl ── timer_cb ───▶ one uv_timer ────────▶ curl_multi_socket_action ─┴▶ finished calls ─▶ on_done
 *
 * curl must not be re-entered from its own callbacks. So a cancel that comes while curl is on the stack (from
 * on_data) only marks the call; the next look removes it. */
// SPDX-License-Identifier: Apache-2.0
#include "core/net/http_client.h"

#include "core/base/invariant.h"
#include "core/net/curl_late.h"
#include "core/net/http_call.h"

#include <stdlib.h>
#include <string.h>

#define CLIENT_MAGIC 0x636c6e74u

struct http_client {
    uint32_t magic;
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer;
    struct http_call *calls;
    size_t socket_count; /* uv_poll handles not closed yet */
    bool in_curl;
    bool is_closing;
    bool timer_closed;
    http_client_closed_cb on_closed;
    void *closed_ctx;
};

struct client_socket {
    uv_poll_t poll;
    struct http_client *client;
    curl_socket_t fd;
};

static struct http_client *client_of(void *data)
{
    struct http_client *client = data;
    INVARIANT(client != NULL && client->magic == CLIENT_MAGIC);
    return client;
}

/* ---- calls ---- */

static void unlink_call(struct http_client *client, struct http_call *call)
{
    for (struct http_call **at = &client->calls; *at != NULL; at = &(*at)->next) {
        if (*at == call) {
            *at = call->next;
            break;
        }
    }
    (void)curl_multi_remove_handle(client->multi, call->easy);
}

static void drop_call(struct http_client *client, struct http_call *call)
{
    unlink_call(client, call);
    http_call_destroy(call);
}

/* Calls that were cancelled while curl was on the stack. */
static void drop_cancelled(struct http_client *client)
{
    struct http_call *next = NULL;
    for (struct http_call *call = client->calls; call != NULL; call = next) {
        next = call->next;
        if (call->is_cancelled) {
            drop_call(client, call);
        }
    }
}

static void finish_calls(struct http_client *client)
{
    drop_cancelled(client);
    CURLMsg *message = NULL;
    int left = 0;
    while (!client->is_closing && (message = curl_multi_info_read(client->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURLcode code = message->data.result;
        char *private = NULL;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct http_call *call = (struct http_call *)(void *)private;
        unlink_call(client, call); /* `message` is gone after this */
        http_call_finish(call, code);
        http_call_destroy(call);
    }
}

static void act(struct http_client *client, curl_socket_t fd, int events)
{
    int running = 0;
    INVARIANT(!client->in_curl);
    client->in_curl = true;
    (void)curl_multi_socket_action(client->multi, fd, events, &running);
    client->in_curl = false;
    finish_calls(client);
}

/* ---- curl's sockets and timer on the loop ---- */

static void maybe_free(struct http_client *client)
{
    if (!client->is_closing || !client->timer_closed || client->socket_count > 0) {
        return;
    }
    http_client_closed_cb on_closed = client->on_closed;
    void *ctx = client->closed_ctx;
    client->magic = 0;
    free(client);
    if (on_closed != NULL) {
        on_closed(ctx);
    }
}

static void socket_closed_cb(uv_handle_t *handle)
{
    struct client_socket *socket = handle->data;
    struct http_client *client = socket->client;
    free(socket);
    client->socket_count--;
    maybe_free(client);
}

static void poll_cb(uv_poll_t *poll, int status, int events)
{
    const struct client_socket *socket = poll->data;
    int action = 0;
    if (status < 0) {
        action = CURL_CSELECT_ERR;
    }
    action |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    action |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    act(socket->client, socket->fd, action);
}

static struct client_socket *socket_create(struct http_client *client, curl_socket_t fd)
{
    struct client_socket *socket = calloc(1, sizeof *socket);
    if (socket == NULL) {
        return NULL;
    }
    socket->client = client;
    socket->fd = fd;
    if (uv_poll_init_socket(client->loop, &socket->poll, fd) != 0) {
        free(socket);
        return NULL;
    }
    socket->poll.data = socket;
    client->socket_count++;
    (void)curl_multi_assign(client->multi, fd, socket);
    return socket;
}

static int socket_cb(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    (void)easy;
    struct http_client *client = client_of(ctx);
    struct client_socket *socket = socket_ctx;
    if (what == CURL_POLL_REMOVE) {
        if (socket != NULL) {
            (void)curl_multi_assign(client->multi, fd, NULL);
            (void)uv_poll_stop(&socket->poll);
            uv_close((uv_handle_t *)&socket->poll, socket_closed_cb);
        }
        return 0;
    }
    if (socket == NULL) {
        socket = socket_create(client, fd);
        if (socket == NULL) {
            return -1;
        }
    }
    int events = 0;
    events |= what != CURL_POLL_OUT ? UV_READABLE : 0;
    events |= what != CURL_POLL_IN ? UV_WRITABLE : 0;
    return uv_poll_start(&socket->poll, events, poll_cb) == 0 ? 0 : -1;
}

static void timeout_cb(uv_timer_t *timer)
{
    act(client_of(timer->data), CURL_SOCKET_TIMEOUT, 0);
}

static int timer_cb(CURLM *multi, long timeout_ms, void *ctx)
{
    (void)multi;
    struct http_client *client = client_of(ctx);
    if (client->is_closing) {
        return 0;
    }
    if (timeout_ms < 0) {
        (void)uv_timer_stop(&client->timer);
    } else {
        (void)uv_timer_start(&client->timer, timeout_cb, (uint64_t)timeout_ms, 0);
    }
    return 0;
}

/* ---- public ---- */

enum err_code http_client_create(uv_loop_t *loop, struct http_client **ret_client, struct err *err)
{
    enum err_code code = curl_late_open(err);
    if (code != ERR_OK) {
        return code;
    }
    struct http_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for an HTTP client");
    }
    client->multi = curl_multi_init();
    if (client->multi == NULL) {
        free(client);
        return err_set(err, ERR_NOMEM, "no memory for an HTTP client");
    }
    client->magic = CLIENT_MAGIC;
    client->loop = loop;
    (void)uv_timer_init(loop, &client->timer);
    client->timer.data = client;
    (void)curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, socket_cb);
    (void)curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    (void)curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, timer_cb);
    (void)curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    *ret_client = client;
    return ERR_OK;
}

uv_loop_t *http_client_loop(const struct http_client *client)
{
    return client->loop;
}

static void client_timer_closed_cb(uv_handle_t *handle)
{
    struct http_client *client = client_of(handle->data);
    client->timer_closed = true;
    maybe_free(client);
}

static void shut(struct http_client *client)
{
    while (client->calls != NULL) {
        drop_call(client, client->calls);
    }
    (void)curl_multi_cleanup(client->multi); /* closes pooled connections: socket_cb is called */
    client->multi = NULL;
    uv_close((uv_handle_t *)&client->timer, client_timer_closed_cb);
}

void http_client_close(struct http_client *client, http_client_closed_cb on_closed, void *ctx)
{
    if (client == NULL) {
        return;
    }
    INVARIANT(!client->is_closing);
    INVARIANT(!client->in_curl); /* not from on_data */
    client->is_closing = true;
    client->on_closed = on_closed;
    client->closed_ctx = ctx;
    shut(client);
}

enum err_code http_client_send(struct http_client *client, const struct http_call_options *options,
                               http_call_cb on_done, void *ctx, struct http_call **ret_call,
                               struct err *err)
{
    INVARIANT(client != NULL);
    INVARIANT(!client->in_curl);
    INVARIANT(!client->is_closing);
    struct http_call *call = NULL;
    enum err_code code = http_call_create(options, on_done, ctx, &call, err);
    if (code != ERR_OK) {
        return code;
    }
    call->client = client;
    call->next = client->calls;
    client->calls = call;
    CURLMcode rc = curl_multi_add_handle(client->multi, call->easy);
    if (rc != CURLM_OK) {
        client->calls = call->next;
        http_call_destroy(call);
        return err_set_origin(err, ERR_NOMEM, (int)rc, "start request: %s",
                              curl_multi_strerror(rc));
    }
    if (ret_call != NULL) {
        *ret_call = call;
    }
    return ERR_OK;
}

void http_call_cancel(struct http_call *call)
{
    struct http_client *client = client_of(call->client);
    call->is_cancelled = true;
    if (!client->in_curl) {
        drop_call(client, call);
    }
}

/* ---- waiting for one ---- */

struct fetch {
    void *on_data_ctx;
    bool (*on_data)(void *ctx, struct bytes piece);
    int status;
    struct buf *body;
    struct err err;
    bool done;
    struct http_client *client;
};

static bool fetch_data(void *ctx, struct bytes piece)
{
    struct fetch *fetch = ctx;
    return fetch->on_data(fetch->on_data_ctx, piece);
}

static void fetch_done(void *ctx, const struct http_call_result *result)
{
    struct fetch *fetch = ctx;
    fetch->done = true;
    fetch->status = result->status;
    fetch->err = result->err;
    fetch->err.code = result->code;
    if (result->code == ERR_OK && fetch->body != NULL) {
        buf_append_bytes(fetch->body, result->body);
        if (fetch->body->failed) {
            (void)err_set(&fetch->err, ERR_TOO_LARGE, "the answer is larger than its buffer");
        }
    }
}

enum err_code http_fetch(const struct http_call_options *options, void *on_data_ctx,
                         int *ret_status, struct buf *ret_body, struct err *err)
{
    uv_loop_t loop;
    int rc = uv_loop_init(&loop);
    if (rc != 0) {
        return err_set_origin(err, ERR_IO, rc, "event loop: %s", uv_strerror(rc));
    }
    struct fetch fetch = {
        .on_data_ctx = on_data_ctx, .on_data = options->on_data, .body = ret_body};
    struct http_call_options mine = *options;
    mine.on_data = options->on_data == NULL ? NULL : fetch_data;
    enum err_code code = http_client_create(&loop, &fetch.client, err);
    if (code == ERR_OK) {
        code = http_client_send(fetch.client, &mine, fetch_done, &fetch, NULL, err);
        while (code == ERR_OK && !fetch.done) {
            (void)uv_run(&loop, UV_RUN_ONCE);
        }
        http_client_close(fetch.client, NULL, NULL);
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    INVARIANT(uv_loop_close(&loop) == 0);
    if (code != ERR_OK) {
        return code;
    }
    if (fetch.err.code != ERR_OK) {
        if (err != NULL) {
            *err = fetch.err;
        }
        return fetch.err.code;
    }
    *ret_status = fetch.status;
    return ERR_OK;
}
