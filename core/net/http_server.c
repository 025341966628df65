/* Listening, counting connections, closing. */
// SPDX-License-Identifier: Apache-2.0
#include "core/net/http_server.h"

#include "core/base/invariant.h"
#include "core/base/rng.h"
#include "core/base/trace.h"
#include "core/net/http_conn.h"
#include "core/net/http_problem.h"
#include "core/net/tls.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVER_MAGIC 0x68747470u
#define REFUSAL_SIZE_MAX 1024

static struct http_server *server_of(void *data)
{
    struct http_server *server = data;
    INVARIANT(server != NULL && server->magic == SERVER_MAGIC);
    return server;
}

static void set_default_size(size_t *value, size_t fallback)
{
    *value = *value == 0 ? fallback : *value;
}

static void set_default_u64(uint64_t *value, uint64_t fallback)
{
    *value = *value == 0 ? fallback : *value;
}

static struct http_server_options with_defaults(const struct http_server_options *given)
{
    struct http_server_options options = {0};
    if (given != NULL) {
        options = *given;
    }
    options.host = options.host == NULL ? "127.0.0.1" : options.host;
    options.backlog = options.backlog == 0 ? 256 : options.backlog;
    set_default_size(&options.connections_max, 1024);
    set_default_size(&options.head_size_max, 16384);
    set_default_size(&options.target_size_max, 8192);
    set_default_size(&options.header_count_max, 100);
    set_default_size(&options.unsent_size_max, 1048576);
    set_default_u64(&options.handshake_timeout_ms, 10000);
    set_default_u64(&options.idle_timeout_ms, 60000);
    set_default_u64(&options.head_timeout_ms, 10000);
    set_default_u64(&options.body_timeout_ms, 30000);
    set_default_u64(&options.body_rate_min, 1024);
    set_default_u64(&options.write_timeout_ms, 30000);
    set_default_u64(&options.linger_timeout_ms, 2000);
    return options;
}

/* ---- connections ---- */

static void maybe_free(struct http_server *server)
{
    if (!server->is_closing || !server->listener_closed || !server->grace_timer_closed ||
        server->spare_in_use || server->connection_count > 0 || server->conn_count > 0) {
        return;
    }
    http_server_closed_cb on_closed = server->on_closed;
    void *ctx = server->closed_ctx;
    server->magic = 0;
    if (server->reserve_fd >= 0) {
        (void)close(server->reserve_fd);
    }
    peer_counts_destroy(server->peer_counts);
    free(server);
    if (on_closed != NULL) {
        on_closed(ctx);
    }
}

static void grace_closed_cb(uv_handle_t *handle)
{
    struct http_server *server = server_of(handle->data);
    server->grace_timer_closed = true;
    maybe_free(server);
}

/* The timer is needed only while connections are left. */
static void maybe_finish(struct http_server *server)
{
    if (!server->is_closing || server->connection_count > 0 || server->conn_count > 0) {
        return;
    }
    if (!uv_is_closing((uv_handle_t *)&server->grace_timer)) {
        uv_close((uv_handle_t *)&server->grace_timer, grace_closed_cb);
    }
    maybe_free(server);
}

void http_server_conn_freed(struct http_server *server)
{
    server->conn_count--;
    maybe_finish(server);
}

static void slot_free(void *ctx, struct stream *stream)
{
    struct http_slot *slot = ctx;
    struct http_server *server = slot->server;
    INVARIANT(slot->stream == stream);
    if (slot->previous == NULL) {
        server->slots = slot->next;
    } else {
        slot->previous->next = slot->next;
    }
    if (slot->next != NULL) {
        slot->next->previous = slot->previous;
    }
    peer_counts_remove(server->peer_counts, slot->peer_key);
    free(slot);
    server->connection_count--;
    maybe_finish(server);
}

void http_server_slot_detach(struct http_server *server, struct stream *stream)
{
    for (struct http_slot *slot = server->slots; slot != NULL; slot = slot->next) {
        if (slot->stream == stream) {
            slot->conn = NULL;
            return;
        }
    }
    IMPOSSIBLE("a connection without a slot");
}

static void ignore_data(void *ctx, struct bytes data)
{
    (void)ctx;
    (void)data;
}

static void ignore_sent(void *ctx)
{
    (void)ctx;
}

static void ignore_end(void *ctx, enum err_code why)
{
    (void)ctx;
    (void)why;
}

static const struct stream_owner NOBODY = {NULL, ignore_data, ignore_sent, ignore_end, ignore_sent};

/* Say so in one write and hang up; with TLS without a word, which would take a handshake. */
static void refuse(const struct http_server *server, struct stream *stream, const char *code,
                   const char *detail)
{
    if (server->options.tls != NULL) {
        stream_close(stream);
        return;
    }
    struct buf body;
    struct buf out;
    buf_init(&body, REFUSAL_SIZE_MAX);
    buf_init(&out, REFUSAL_SIZE_MAX);
    http_problem_append(&body, 503, code, detail, NULL);
    buf_printf(&out,
               "HTTP/1.1 503 %s\r\nContent-Type: " HTTP_PROBLEM_TYPE
               "\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
               http_status_text(503), body.size, buf_text(&body));
    uv_buf_t piece = uv_buf_init((char *)out.data, (unsigned)out.size);
    (void)uv_try_write((uv_stream_t *)stream_tcp(stream), &piece, 1);
    buf_deinit(&body);
    buf_deinit(&out);
    stream_close(stream);
}

static bool begin_tls(struct http_server *server, struct stream *stream)
{
    if (server->options.tls == NULL) {
        return true;
    }
    struct tls_session *session = tls_session_create(server->options.tls);
    if (session != NULL) {
        stream_set_tls(stream, session);
    }
    return session != NULL;
}

static void adopt(struct http_server *server, struct stream *stream, const struct peer *peer)
{
    struct http_slot *slot = calloc(1, sizeof *slot);
    struct http_conn *conn = NULL;
    if (slot != NULL && begin_tls(server, stream)) {
        conn = http_conn_create(server, stream, peer);
    }
    if (conn == NULL) {
        free(slot);
        stream_close(stream);
        return;
    }
    *slot = (struct http_slot){.server = server,
                               .next = server->slots,
                               .stream = stream,
                               .conn = conn,
                               .peer_key = peer->key};
    peer_counts_add(server->peer_counts, peer->key);
    if (server->slots != NULL) {
        server->slots->previous = slot;
    }
    server->slots = slot;
    server->connection_count++;
    server->conn_count++;
    stream_on_free(stream, slot_free, slot);
}

/* ---- accepting ---- */

static void connection_cb(uv_stream_t *listener, int status);

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void spare_closed_cb(uv_handle_t *handle)
{
    struct http_server *server = server_of(handle->data);
    server->spare_in_use = false;
    if (server->is_closing) {
        maybe_free(server);
    } else if (server->accept_waits) {
        server->accept_waits = false;
        connection_cb((uv_stream_t *)&server->listener, 0);
    }
}

/* A connection that cannot be served is taken and closed all the same: libuv accepts none behind one that nobody takes. That needs no memory, so
 * it needs a handle that is there already; while that one is closing, the next waits. */
static void turn_away(struct http_server *server)
{
    if (server->spare_in_use) {
        server->accept_waits = true;
        return;
    }
    int rc = uv_tcp_init(server->loop, &server->spare);
    INVARIANT(rc == 0); /* without flags there is nothing in it that could fail */
    server->spare.data = server;
    server->spare_in_use = true;
    (void)uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)&server->spare);
    uv_close((uv_handle_t *)&server->spare, spare_closed_cb); /* its descriptor is free at once */
    if (server->reserve_fd < 0) {
        server->reserve_fd = open_reserve();
    }
}

/* Out of descriptors libuv gives up one it holds back to accept and close what waits. Another thread may have been faster to take that one: then it
 * tries accept(2) again and again, on this thread, until one is free. So there is a second one. */
static void accept_failed(struct http_server *server, int status)
{
    trace(TRACE_WARN, "http.accept", "error=%s", uv_err_name(status));
    if ((status == UV_EMFILE || status == UV_ENFILE) && server->reserve_fd >= 0) {
        (void)close(server->reserve_fd);
        server->reserve_fd = -1;
    }
}

static void read_peer(const struct http_server *server, struct stream *stream, struct peer *ret)
{
    struct sockaddr_storage address = {0};
    int size = sizeof address;
    int rc = uv_tcp_getpeername(stream_tcp(stream), (struct sockaddr *)&address, &size);
    peer_read(server->peer_counts, rc == 0 ? (const struct sockaddr *)&address : NULL, ret);
}

static bool is_one_too_many(const struct http_server *server, const struct peer *peer)
{
    size_t max = server->options.connections_per_peer_max;
    return max != 0 && (!peer->is_local || server->options.limits_local_peers) &&
           peer_counts_of(server->peer_counts, peer->key) >= max;
}

static void connection_cb(uv_stream_t *listener, int status)
{
    struct http_server *server = server_of(listener->data);
    if (status < 0) {
        accept_failed(server, status);
        return;
    }
    if (server->reserve_fd < 0) {
        turn_away(server);
        return;
    }
    struct stream *stream = stream_create(server->loop, NOBODY);
    if (stream == NULL) {
        trace(TRACE_ERROR, "http.accept", "error=ENOMEM");
        turn_away(server);
        return;
    }
    int rc = uv_accept(listener, (uv_stream_t *)stream_tcp(stream));
    if (rc != 0) {
        trace(TRACE_WARN, "http.accept", "error=%s", uv_err_name(rc));
        stream_close(stream);
        return;
    }
    (void)uv_tcp_nodelay(stream_tcp(stream), 1);
    struct peer peer;
    read_peer(server, stream, &peer);
    if (server->connection_count >= server->options.connections_max) {
        refuse(server, stream, "too_many_connections",
               "the server has as many connections as it can hold; try again soon");
    } else if (is_one_too_many(server, &peer)) {
        refuse(server, stream, "too_many_connections_from_you",
               "your address has as many connections as one may have; close some");
    } else {
        adopt(server, stream, &peer);
    }
}

/* ---- life ---- */

static enum err_code parse_address(const struct http_server_options *options,
                                   struct sockaddr_storage *ret, struct err *err)
{
    if (uv_ip4_addr(options->host, options->port, (struct sockaddr_in *)ret) == 0 ||
        uv_ip6_addr(options->host, options->port, (struct sockaddr_in6 *)ret) == 0) {
        return ERR_OK;
    }
    return err_set(err, ERR_INVALID, "'%s' is not a numeric IPv4 or IPv6 address", options->host);
}

static uint16_t bound_port(const uv_tcp_t *listener)
{
    struct sockaddr_storage address = {0};
    int size = sizeof address;
    if (uv_tcp_getsockname(listener, (struct sockaddr *)&address, &size) != 0) {
        return 0;
    }
    in_port_t port = address.ss_family == AF_INET6
                         ? ((const struct sockaddr_in6 *)&address)->sin6_port
                         : ((const struct sockaddr_in *)&address)->sin_port;
    return ntohs(port);
}

static enum err_code listen_on(struct http_server *server, const struct sockaddr_storage *address,
                               struct err *err)
{
    int rc = uv_tcp_bind(&server->listener, (const struct sockaddr *)address, 0);
    if (rc == 0) {
        rc = uv_listen((uv_stream_t *)&server->listener, server->options.backlog, connection_cb);
    }
    if (rc != 0) {
        return err_set_origin(err, ERR_UNAVAILABLE, rc, "listen on %s port %u: %s",
                              server->options.host, (unsigned)server->options.port,
                              uv_strerror(rc));
    }
    server->port = bound_port(&server->listener);
    return ERR_OK;
}

static void listener_closed_cb(uv_handle_t *handle)
{
    struct http_server *server = server_of(handle->data);
    server->listener_closed = true;
    maybe_free(server);
}

static void make_id_prefix(char ret[HTTP_ID_PREFIX_SIZE])
{
    char text[HTTP_ID_PREFIX_SIZE + 1];
    uint32_t random;
    rng_bytes(&random, sizeof random);
    (void)snprintf(text, sizeof text, "%08" PRIx32 "-", random);
    memcpy(ret, text, HTTP_ID_PREFIX_SIZE);
}

enum err_code http_server_create(uv_loop_t *loop, const struct http_server_options *options,
                                 http_request_cb on_request, void *ctx,
                                 struct http_server **ret_server, struct err *err)
{
    struct sockaddr_storage address = {0};
    struct http_server_options complete = with_defaults(options);
    enum err_code code = parse_address(&complete, &address, err);
    if (code != ERR_OK) {
        return code;
    }
    struct http_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a server");
    }
    server->peer_counts = peer_counts_create();
    if (server->peer_counts == NULL) {
        free(server);
        return err_set(err, ERR_NOMEM, "no memory for a server");
    }
    make_id_prefix(server->id_prefix);
    server->magic = SERVER_MAGIC;
    server->loop = loop;
    server->reserve_fd = open_reserve();
    server->options = complete;
    server->on_request = on_request;
    server->ctx = ctx;
    int rc = uv_tcp_init(loop, &server->listener);
    if (rc != 0) {
        (void)close(server->reserve_fd);
        peer_counts_destroy(server->peer_counts);
        free(server);
        return err_set_origin(err, ERR_IO, rc, "socket: %s", uv_strerror(rc));
    }
    (void)uv_timer_init(loop, &server->grace_timer);
    server->listener.data = server;
    server->grace_timer.data = server;
    code = listen_on(server, &address, err);
    if (code != ERR_OK) {
        http_server_close(server, 0, NULL, NULL);
        return code;
    }
    server->options.host = NULL; /* borrowed from the caller: not needed any more */
    *ret_server = server;
    return ERR_OK;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

size_t http_server_connection_count(const struct http_server *server)
{
    return server->connection_count;
}

void http_server_set_tls(struct http_server *server, struct tls_context *tls)
{
    INVARIANT(server->options.tls != NULL);
    INVARIANT(tls != NULL);
    server->options.tls = tls;
}

bool http_server_is_closing(const struct http_server *server)
{
    return server->is_closing;
}

static void grace_cb(uv_timer_t *timer)
{
    struct http_server *server = server_of(timer->data);
    struct http_slot *next = NULL;
    for (struct http_slot *slot = server->slots; slot != NULL; slot = next) {
        next = slot->next; /* closing frees slots later, from the loop */
        if (slot->conn != NULL) {
            http_conn_fail(slot->conn, ERR_UNAVAILABLE);
        } else {
            stream_cut(slot->stream, ERR_UNAVAILABLE);
        }
    }
}

void http_server_close(struct http_server *server, uint64_t grace_ms,
                       http_server_closed_cb on_closed, void *ctx)
{
    if (server->on_closed == NULL) {
        server->on_closed = on_closed;
        server->closed_ctx = ctx;
    }
    if (!server->is_closing) {
        server->is_closing = true;
        uv_close((uv_handle_t *)&server->listener, listener_closed_cb);
        for (struct http_slot *slot = server->slots; slot != NULL; slot = slot->next) {
            if (slot->conn != NULL && http_conn_is_idle(slot->conn)) {
                http_conn_close(slot->conn);
            }
        }
    }
    if (uv_is_closing((uv_handle_t *)&server->grace_timer)) {
        return;
    }
    if (!uv_is_active((uv_handle_t *)&server->grace_timer) ||
        uv_timer_get_due_in(&server->grace_timer) > grace_ms) {
        (void)uv_timer_start(&server->grace_timer, grace_cb, grace_ms, 0);
    }
    if (server->connection_count == 0 && server->conn_count == 0) {
        uv_close((uv_handle_t *)&server->grace_timer, grace_closed_cb);
    }
}
