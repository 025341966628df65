/* An attempt to open a WebSocket:
 *
 *     resolve ─▶ connect (address after address) ─▶ send GET ─▶ read answer ─▶ hand the stream to a websocket
 *
 * Three things may still be under way when it is over: the look-up, the stream, the timer. It is freed with the last. */
// SPDX-License-Identifier: Apache-2.0
#include "core/net/websocket_client.h"

#include "core/base/invariant.h"
#include "core/base/rng.h"
#include "core/base/text.h"
#include "core/net/curl_late.h"
#include "core/net/websocket_core.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONNECT_MAGIC 0x77736363u
#define ANSWER_SIZE_MAX 16384
#define HOST_SIZE_MAX 256

struct websocket_connect {
    uint32_t magic;
    uv_loop_t *loop;
    uv_getaddrinfo_t lookup;
    uv_connect_t connecting;
    uv_timer_t timer;
    struct addrinfo *addresses;
    const struct addrinfo *next_address;
    struct stream *stream; /* NULL: none, or handed over */
    size_t under_way;      /* look-up, streams, timer */
    bool is_over;
    bool in_lookup;

    char host[HOST_SIZE_MAX];
    char port[8];
    struct buf request;
    struct buf answer;
    char accept[WEBSOCKET_ACCEPT_SIZE];
    char *protocol;
    struct websocket_options limits;
    struct websocket_callbacks callbacks;
    void (*on_open)(void *ctx, struct websocket *websocket);
    void (*on_fail)(void *ctx, int http_status, const struct err *err);
};

static struct websocket_connect *connect_of(void *data)
{
    struct websocket_connect *connect = data;
    INVARIANT(connect != NULL && connect->magic == CONNECT_MAGIC);
    return connect;
}

/* ---- the end ---- */

static void destroy(struct websocket_connect *connect)
{
    if (connect->addresses != NULL) {
        uv_freeaddrinfo(connect->addresses);
    }
    buf_deinit(&connect->request);
    buf_deinit(&connect->answer);
    free(connect->protocol);
    connect->magic = 0;
    free(connect);
}

static void one_less(struct websocket_connect *connect)
{
    INVARIANT(connect->under_way > 0);
    if (--connect->under_way == 0) {
        destroy(connect);
    }
}

static void timer_closed_cb(uv_handle_t *handle)
{
    one_less(connect_of(handle->data));
}

static void finish(struct websocket_connect *connect)
{
    INVARIANT(!connect->is_over);
    connect->is_over = true;
    uv_close((uv_handle_t *)&connect->timer, timer_closed_cb);
    if (connect->in_lookup) {
        (void)uv_cancel((uv_req_t *)&connect->lookup); /* called back either way */
    }
    if (connect->stream != NULL) {
        stream_close(connect->stream);
        connect->stream = NULL;
    }
}

static void fail(struct websocket_connect *connect, int http_status, const struct err *err)
{
    if (connect->is_over) {
        return;
    }
    finish(connect);
    connect->on_fail(connect->callbacks.ctx, http_status, err);
}

static void timeout_cb(uv_timer_t *timer)
{
    struct err err;
    (void)err_set(&err, ERR_TIMEOUT, "no WebSocket within the time allowed");
    fail(connect_of(timer->data), 0, &err);
}

/* ---- the answer ---- */

static void open_websocket(struct websocket_connect *connect, struct bytes early)
{
    struct stream *stream = connect->stream;
    stream_read(stream, false);
    struct websocket *websocket = websocket_attach(connect->loop, stream, false, &connect->limits,
                                                   &connect->callbacks, early);
    if (websocket == NULL) {
        struct err err;
        (void)err_set(&err, ERR_NOMEM, "no memory for a WebSocket");
        fail(connect, 0, &err);
        return;
    }
    connect->stream = NULL;
    INVARIANT(connect->under_way > 1); /* the timer at least */
    connect->under_way--;              /* the stream's closing is the websocket's business now */
    finish(connect);
    connect->on_open(connect->callbacks.ctx, websocket);
}

static void on_data(void *ctx, struct bytes data)
{
    struct websocket_connect *connect = connect_of(ctx);
    struct err err;
    if (connect->is_over) {
        return;
    }
    buf_append_bytes(&connect->answer, data);
    if (connect->answer.failed) {
        (void)err_set(&err, ERR_TOO_LARGE, "the server's answer is too long");
        fail(connect, 0, &err);
        return;
    }
    char *head = (char *)connect->answer.data;
    char *end = strstr(head, "\r\n\r\n");
    if (end == NULL) {
        return;
    }
    size_t head_size = (size_t)(end - head) + 4;
    end[2] = '\0'; /* keeps the last line's CR LF */
    int status = 0;
    if (websocket_answer_check(head, connect->accept, connect->protocol, &status, &err) != ERR_OK) {
        fail(connect, status, &err);
        return;
    }
    open_websocket(connect, bytes_from(buf_bytes(&connect->answer), head_size));
}

static void on_sent(void *ctx)
{
    (void)ctx;
}

static void on_end(void *ctx, enum err_code why)
{
    (void)why;
    struct err err;
    (void)err_set(&err, ERR_UNAVAILABLE, "the server closed the connection without an answer");
    fail(connect_of(ctx), 0, &err);
}

static void on_closed(void *ctx)
{
    one_less(connect_of(ctx));
}

/* ---- connecting ---- */

static void try_next_address(struct websocket_connect *connect, int last_error);

static void connected_cb(uv_connect_t *connecting, int status)
{
    struct websocket_connect *connect = connect_of(connecting->data);
    if (connect->is_over) {
        return;
    }
    if (status != 0) {
        stream_close(connect->stream);
        connect->stream = NULL;
        try_next_address(connect, status);
        return;
    }
    (void)uv_tcp_nodelay(stream_tcp(connect->stream), 1);
    stream_read(connect->stream, true);
    (void)stream_write(connect->stream, buf_bytes(&connect->request));
}

static void try_next_address(struct websocket_connect *connect, int last_error)
{
    while (connect->next_address != NULL) {
        const struct addrinfo *address = connect->next_address;
        connect->next_address = address->ai_next;
        connect->stream =
            stream_create(connect->loop, (struct stream_owner){.ctx = connect,
                                                               .on_data = on_data,
                                                               .on_sent = on_sent,
                                                               .on_end = on_end,
                                                               .on_closed = on_closed});
        if (connect->stream == NULL) {
            last_error = UV_ENOMEM;
            break;
        }
        connect->under_way++;
        connect->connecting.data = connect;
        last_error = uv_tcp_connect(&connect->connecting, stream_tcp(connect->stream),
                                    address->ai_addr, connected_cb);
        if (last_error == 0) {
            return;
        }
        stream_close(connect->stream);
        connect->stream = NULL;
    }
    struct err err;
    (void)err_set_origin(&err, ERR_UNAVAILABLE, last_error, "connect to %.100s port %s: %s",
                         connect->host, connect->port, uv_strerror(last_error));
    fail(connect, 0, &err);
}

static void lookup_cb(uv_getaddrinfo_t *lookup, int status, struct addrinfo *addresses)
{
    struct websocket_connect *connect = connect_of(lookup->data);
    connect->in_lookup = false;
    connect->addresses = addresses;
    if (!connect->is_over) {
        if (status == 0) {
            connect->next_address = addresses;
            try_next_address(connect, UV_EADDRNOTAVAIL);
        } else {
            struct err err;
            (void)err_set_origin(&err, ERR_UNAVAILABLE, status, "look up %.150s: %s", connect->host,
                                 uv_strerror(status));
            fail(connect, 0, &err);
        }
    }
    one_less(connect);
}

/* ---- setting up ---- */

static bool copy_url_part(CURLU *url, CURLUPart part, unsigned flags, char *ret, size_t ret_size)
{
    char *text = NULL;
    bool ok = curl_url_get(url, part, &text, flags) == CURLUE_OK && strlen(text) < ret_size;
    if (ok) {
        memcpy(ret, text, strlen(text) + 1);
    }
    curl_free(text);
    return ok;
}

static bool headers_are_clean(const struct websocket_connect_options *options)
{
    for (size_t i = 0; i < options->header_count; i++) {
        if (strpbrk(options->headers[i].name, " \t\r\n:") != NULL ||
            strpbrk(options->headers[i].value, "\r\n") != NULL) {
            return false;
        }
    }
    return options->protocol == NULL || strpbrk(options->protocol, " \t\r\n,") == NULL;
}

static void write_request(struct websocket_connect *connect,
                          const struct websocket_connect_options *options, const char *path)
{
    uint8_t nonce[16];
    struct buf key;
    rng_bytes(nonce, sizeof nonce);
    buf_init(&key, 64);
    base64_append(&key, bytes_of(nonce, sizeof nonce));
    websocket_accept_value(buf_text(&key), connect->accept);
    struct buf *request = &connect->request;
    buf_printf(request,
               "GET %s HTTP/1.1\r\nHost: %s:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n",
               path, connect->host, connect->port, buf_text(&key));
    buf_deinit(&key);
    if (options->protocol != NULL) {
        buf_printf(request, "Sec-WebSocket-Protocol: %s\r\n", options->protocol);
    }
    for (size_t i = 0; i < options->header_count; i++) {
        buf_printf(request, "%s: %s\r\n", options->headers[i].name, options->headers[i].value);
    }
    buf_append_text(request, "\r\n");
}

static enum err_code prepare(struct websocket_connect *connect,
                             const struct websocket_connect_options *options, struct err *err)
{
    char scheme[16];
    char path[4096];
    char query[4096] = "";
    enum err_code code = curl_late_open(err);
    if (code != ERR_OK) {
        return code;
    }
    CURLU *url = curl_url();
    bool ok =
        url != NULL &&
        curl_url_set(url, CURLUPART_URL, options->url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
        copy_url_part(url, CURLUPART_SCHEME, 0, scheme, sizeof scheme) &&
        strcasecmp(scheme, "ws") == 0 &&
        copy_url_part(url, CURLUPART_HOST, 0, connect->host, sizeof connect->host) &&
        copy_url_part(url, CURLUPART_PATH, 0, path, sizeof path);
    if (ok && !copy_url_part(url, CURLUPART_PORT, 0, connect->port, sizeof connect->port)) {
        (void)snprintf(connect->port, sizeof connect->port, "80");
    }
    (void)(ok && copy_url_part(url, CURLUPART_QUERY, 0, query, sizeof query));
    curl_url_cleanup(url);
    if (!ok || strpbrk(path, " \r\n") != NULL || strpbrk(query, " \r\n") != NULL) {
        return err_set(err, ERR_INVALID, "'%.150s' is not a ws:// URL", options->url);
    }
    if (!headers_are_clean(options)) {
        return err_set(err, ERR_INVALID, "a header of the request has a line break");
    }
    size_t path_size = strlen(path);
    struct buf target;
    buf_init(&target, path_size + sizeof query + 1);
    buf_append_text(&target, path);
    if (query[0] != '\0') {
        buf_printf(&target, "?%s", query);
    }
    write_request(connect, options, buf_text(&target));
    buf_deinit(&target);
    connect->protocol = options->protocol == NULL ? NULL : strdup(options->protocol);
    if (options->protocol != NULL && connect->protocol == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a connection");
    }
    return buf_check(&connect->request, err);
}

static enum err_code look_up(struct websocket_connect *connect, struct err *err)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char host[HOST_SIZE_MAX];
    size_t size = strlen(connect->host);
    bool is_bracketed = size > 2 && connect->host[0] == '[' && connect->host[size - 1] == ']';
    (void)snprintf(host, sizeof host, "%.*s", (int)(is_bracketed ? size - 2 : size),
                   connect->host + is_bracketed);
    connect->lookup.data = connect;
    int rc =
        uv_getaddrinfo(connect->loop, &connect->lookup, lookup_cb, host, connect->port, &hints);
    if (rc != 0) {
        return err_set_origin(err, ERR_INVALID, rc, "look up %.150s: %s", host, uv_strerror(rc));
    }
    return ERR_OK;
}

enum err_code websocket_connect(uv_loop_t *loop, const struct websocket_connect_options *options,
                                struct websocket_connect **ret_connect, struct err *err)
{
    struct websocket_connect *connect = calloc(1, sizeof *connect);
    if (connect == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a connection");
    }
    connect->magic = CONNECT_MAGIC;
    connect->loop = loop;
    connect->limits = options->limits;
    connect->callbacks = options->callbacks;
    connect->on_open = options->on_open;
    connect->on_fail = options->on_fail;
    buf_init(&connect->request, ANSWER_SIZE_MAX);
    buf_init(&connect->answer, ANSWER_SIZE_MAX + 65536); /* with what comes right behind it */
    enum err_code code = prepare(connect, options, err);
    if (code == ERR_OK) {
        code = look_up(connect, err);
    }
    if (code != ERR_OK) {
        destroy(connect);
        return code;
    }
    connect->in_lookup = true;
    (void)uv_timer_init(loop, &connect->timer);
    connect->timer.data = connect;
    connect->under_way = 2;
    (void)uv_timer_start(&connect->timer, timeout_cb,
                         options->timeout_ms == 0 ? 10000 : options->timeout_ms, 0);
    if (ret_connect != NULL) {
        *ret_connect = connect;
    }
    return ERR_OK;
}

void websocket_connect_cancel(struct websocket_connect *connect)
{
    if (!connect->is_over) {
        finish(connect);
    }
}
