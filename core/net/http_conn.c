/* The life of one connection: reading, phases, timeouts, closing. See http_conn.h for the picture. */
// SPDX-License-Identifier: Apache-2.0
#include "core/net/http_conn.h"

#include "core/base/invariant.h"
#include "core/base/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONN_MAGIC 0x636f6e6eu
#define REQUEST_MAGIC 0x72657175u
#define PENDING_MAX 65536    /* reading stops here; one more read may come on top */
#define PENDING_LIMIT 262144 /* never reached */
#define PENDING_SPARE_MAX 16384

static struct http_conn *conn_of(void *data)
{
    struct http_conn *conn = data;
    INVARIANT(conn != NULL && conn->magic == CONN_MAGIC);
    return conn;
}

struct http_conn *http_conn_of_request(const struct http_request *request)
{
    INVARIANT(request != NULL && request->magic == REQUEST_MAGIC);
    return request->conn;
}

static uint64_t now_ms(const struct http_conn *conn)
{
    return uv_now(conn->server->loop);
}

static void set_phase(struct http_conn *conn, enum conn_phase phase)
{
    conn->phase = phase;
    conn->phase_ms = now_ms(conn);
    conn->head_ms = 0;
}

static bool has_request(const struct http_conn *conn)
{
    return conn->phase == CONN_HELD || conn->phase == CONN_BODY || conn->phase == CONN_ANSWER;
}

static size_t pending_size(const struct http_conn *conn)
{
    return conn->input.size;
}

bool http_conn_is_idle(const struct http_conn *conn)
{
    return conn->phase == CONN_HEAD && pending_size(conn) == 0 &&
           request_parser_is_idle(conn->parser) && stream_unsent(conn->stream) == 0;
}

/* ---- a request's beginning and end ---- */

static bool id_is_good(const char *id)
{
    size_t size = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return size > 0 && size < HTTP_REQUEST_ID_SIZE && id[size] == '\0';
}

/* Each request has one, so without printf. */
static void make_id(struct http_server *server, char ret[HTTP_REQUEST_ID_SIZE])
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t count = ++server->id_count;
    do {
        digits[--at] = (char)('0' + count % 10);
        count /= 10;
    } while (count != 0);
    memcpy(ret, server->id_prefix, HTTP_ID_PREFIX_SIZE);
    memcpy(ret + HTTP_ID_PREFIX_SIZE, digits + at, sizeof digits - at);
    ret[HTTP_ID_PREFIX_SIZE + sizeof digits - at] = '\0';
}

void http_conn_begin_request(struct http_conn *conn, const struct http_head *head)
{
    struct http_server *server = conn->server;
    const char *given = head == NULL ? NULL : http_head_header(head, "x-request-id");
    conn->request = (struct http_request){
        .magic = REQUEST_MAGIC,
        .conn = conn,
        .promised = HTTP_LENGTH_NONE,
        .since_ms = now_ms(conn),
    };
    if (given != NULL && id_is_good(given)) {
        (void)snprintf(conn->request.id, sizeof conn->request.id, "%s", given);
    } else {
        make_id(server, conn->request.id);
    }
}

/* The query is left out: it may hold a token. What could end the quotes is shown as its escape. */
static void trace_access(struct http_conn *conn)
{
    struct http_request *request = &conn->request;
    const struct http_head *head;
    char path[256];
    size_t size = 0;
    if (!conn->server->options.traces_access || request->magic != REQUEST_MAGIC ||
        request->is_traced) {
        return;
    }
    request->is_traced = true;
    head = request_parser_head(conn->parser);
    for (const char *at = head->target == NULL ? "" : head->target;
         *at != '\0' && *at != '?' && size + 4 < sizeof path; at++) {
        bool quote = *at == '"' || *at == '\\';
        size += (size_t)snprintf(path + size, sizeof path - size, quote ? "%%%02X" : "%c", *at);
    }
    path[size] = '\0';
    trace(TRACE_INFO, "http.access",
          "id=%s peer=%s method=%s path=\"%s\" status=%d size=%" PRIu64 " ms=%" PRIu64, request->id,
          conn->peer, head->target == NULL ? "-" : http_method_name(head->method), path,
          request->status, request->answered, now_ms(conn) - request->since_ms);
}

/* ---- the end ---- */

static void maybe_free(struct http_conn *conn)
{
    if (!conn->stream_closed || !conn->timer_closed) {
        return;
    }
    struct http_server *server = conn->server;
    request_parser_destroy(conn->parser);
    buf_deinit(&conn->pending);
    buf_deinit(&conn->request.body);
    conn->magic = 0;
    free(conn);
    http_server_conn_freed(server);
}

static void timer_closed_cb(uv_handle_t *handle)
{
    struct http_conn *conn = conn_of(handle->data);
    conn->timer_closed = true;
    maybe_free(conn);
}

static void on_stream_closed(void *ctx)
{
    struct http_conn *conn = conn_of(ctx);
    conn->stream_closed = true;
    conn->stream = NULL;
    maybe_free(conn);
}

static void clear_request(struct http_conn *conn)
{
    trace_access(conn);
    buf_deinit(&conn->request.body);
    conn->request = (struct http_request){0};
}

void http_conn_close(struct http_conn *conn)
{
    if (conn->phase == CONN_CLOSED) {
        return;
    }
    if (has_request(conn)) {
        trace_access(conn);
    }
    set_phase(conn, CONN_CLOSED);
    uv_close((uv_handle_t *)&conn->timer, timer_closed_cb);
    stream_close(conn->stream);
}

void http_conn_detach(struct http_conn *conn)
{
    trace_access(conn);
    conn->stream = NULL;
    conn->stream_closed = true;
    set_phase(conn, CONN_CLOSED);
    uv_close((uv_handle_t *)&conn->timer, timer_closed_cb);
}

/* Tell the handler that its request is over. */
static void abort_request(struct http_conn *conn, enum err_code why)
{
    struct http_request *request = &conn->request;
    if (!has_request(conn) || request->magic != REQUEST_MAGIC || request->on_abort == NULL) {
        return;
    }
    http_abort_cb on_abort = request->on_abort;
    request->on_abort = NULL;
    request->answer = ANSWER_DONE; /* too late for anything the callback might try */
    on_abort(request->abort_ctx, request, why);
}

void http_conn_fail(struct http_conn *conn, enum err_code why)
{
    if (conn->phase == CONN_CLOSED) {
        return;
    }
    abort_request(conn, why);
    http_conn_close(conn);
}

/* ---- timeouts ---- */

static uint64_t paused_ms(const struct http_conn *conn)
{
    const struct http_request *request = &conn->request;
    uint64_t paused = request->paused_total_ms;
    if (request->body_is_paused) {
        paused += now_ms(conn) - request->paused_since_ms;
    }
    return paused;
}

static uint64_t write_deadline(struct http_conn *conn)
{
    if (stream_unsent(conn->stream) == 0) {
        conn->progress_ms = 0;
        return UINT64_MAX;
    }
    uint64_t sent = stream_sent(conn->stream);
    if (conn->progress_ms == 0 || sent != conn->progress_sent) {
        conn->progress_ms = now_ms(conn);
        conn->progress_sent = sent;
    }
    return conn->progress_ms + conn->server->options.write_timeout_ms;
}

static uint64_t phase_deadline(const struct http_conn *conn)
{
    const struct http_server_options *options = &conn->server->options;
    switch (conn->phase) {
    case CONN_HEAD:
        if (stream_is_handshaking(conn->stream)) {
            return conn->phase_ms + options->handshake_timeout_ms;
        }
        return conn->head_ms != 0 ? conn->head_ms + options->head_timeout_ms
                                  : conn->phase_ms + options->idle_timeout_ms;
    case CONN_BODY:
        if (conn->request.body_is_paused) {
            return UINT64_MAX;
        }
        return conn->phase_ms + paused_ms(conn) + options->body_timeout_ms +
               conn->request.body_received * 1000 / options->body_rate_min;
    case CONN_LINGER:
        return stream_unsent(conn->stream) > 0 ? UINT64_MAX
                                               : conn->phase_ms + options->linger_timeout_ms;
    case CONN_HELD:
    case CONN_ANSWER:
    case CONN_CLOSED:
        return UINT64_MAX;
    }
    IMPOSSIBLE("a phase outside the enum");
}

static void timer_cb(uv_timer_t *timer);

/* The timer is moved only to an earlier time; a late one looks again when it fires. */
static void arm(struct http_conn *conn)
{
    if (conn->phase == CONN_CLOSED) {
        return;
    }
    uint64_t now = now_ms(conn);
    uint64_t writing = write_deadline(conn);
    uint64_t deadline = phase_deadline(conn);
    deadline = writing < deadline ? writing : deadline;
    if (conn->is_woken) {
        deadline = now;
    }
    if (deadline == UINT64_MAX || (conn->armed_ms != 0 && conn->armed_ms <= deadline)) {
        return;
    }
    conn->armed_ms = deadline == 0 ? 1 : deadline;
    (void)uv_timer_start(&conn->timer, timer_cb, deadline > now ? deadline - now : 0, 0);
}

void http_conn_wake(struct http_conn *conn)
{
    if (conn->phase == CONN_CLOSED || conn->is_pumping) {
        return; /* the pump looks again by itself */
    }
    conn->is_woken = true;
    arm(conn);
}

static void pump(struct http_conn *conn);

static void on_phase_timeout(struct http_conn *conn)
{
    if (conn->phase == CONN_BODY && conn->request.answer == ANSWER_NONE) {
        http_respond_fault(&conn->request, 408, "body_timeout",
                           "the request body came too slowly or not at all");
        abort_request(conn, ERR_TIMEOUT);
        pump(conn);
        return;
    }
    if (conn->phase == CONN_HEAD && conn->head_ms != 0) {
        http_conn_begin_request(conn, NULL);
        http_respond_fault(&conn->request, 408, "head_timeout",
                           "the request head was not complete in time");
        set_phase(conn, CONN_ANSWER);
        pump(conn);
        return;
    }
    http_conn_fail(conn, ERR_TIMEOUT);
}

static void timer_cb(uv_timer_t *timer)
{
    struct http_conn *conn = conn_of(timer->data);
    conn->armed_ms = 0;
    if (conn->is_woken) {
        conn->is_woken = false;
        pump(conn);
        return;
    }
    uint64_t now = now_ms(conn);
    if (write_deadline(conn) <= now) {
        http_conn_fail(conn, ERR_TIMEOUT);
    } else if (phase_deadline(conn) <= now) {
        on_phase_timeout(conn);
    } else {
        arm(conn);
    }
}

/* ---- the pump ---- */

void http_conn_write(struct http_conn *conn, struct bytes data)
{
    if (conn->phase != CONN_CLOSED && !stream_write(conn->stream, data)) {
        conn->is_broken = true;
        http_conn_wake(conn);
    }
    if (!conn->is_pumping) {
        arm(conn);
    }
}

static void answer_fault(struct http_conn *conn, enum err_code why,
                         const struct request_fault *fault)
{
    struct http_request *request = &conn->request;
    if (request->answer == ANSWER_NONE) {
        http_respond_fault(request, fault->status, fault->code, fault->detail);
        abort_request(conn, why);
    } else if (request->answer == ANSWER_STREAMING) {
        http_conn_fail(conn, why); /* half an answer cannot be taken back */
    } else {
        conn->close_after =
            true; /* answered already: only what would have been read away is broken */
    }
}

static const struct request_fault BODY_TOO_LARGE = {
    413, "body_too_large", "the request body is larger than is accepted here"};

static bool announces_too_much(const struct http_request *request)
{
    const struct http_head *head = http_request_head(request);
    return head->content_length > 0 && (uint64_t)head->content_length > request->body_size_max;
}

/* Data for whoever asked for it. */
static void take_body(struct http_conn *conn, struct bytes piece)
{
    struct http_request *request = &conn->request;
    request->body_received += piece.size;
    if (request->body_mode == BODY_DISCARDED) {
        return;
    }
    if (request->body_received > request->body_size_max) {
        answer_fault(conn, ERR_TOO_LARGE, &BODY_TOO_LARGE);
        return;
    }
    if (request->body_mode == BODY_BUFFERED) {
        buf_append_bytes(&request->body, piece);
        if (request->body.failed) {
            static const struct request_fault NO_MEMORY = {503, "out_of_memory",
                                                           "the server is out of memory"};
            answer_fault(conn, ERR_NOMEM, &NO_MEMORY);
        }
        return;
    }
    INVARIANT(request->body_mode == BODY_STREAMED);
    request->body_stream.on_data(request->body_stream.ctx, request, piece);
}

static void deliver_end(struct http_conn *conn)
{
    struct http_request *request = &conn->request;
    request->body_delivered = true;
    if (request->answer == ANSWER_DONE) {
        return;
    }
    if (request->body_mode == BODY_BUFFERED) {
        request->on_body(request->body_ctx, request, buf_bytes(&request->body));
    } else if (request->body_mode == BODY_STREAMED) {
        request->body_stream.on_end(request->body_stream.ctx, request);
    }
}

/* One step of the parser over what is pending. False: it needs more bytes. */
static bool parse_step(struct http_conn *conn)
{
    struct bytes rest = conn->input;
    size_t used = 0;
    struct bytes piece = {0};
    enum request_event event = request_parser_feed(conn->parser, rest, &used, &piece);
    conn->input = bytes_from(rest, used);
    switch (event) {
    case REQUEST_MORE:
        return false;
    case REQUEST_HEAD:
        INVARIANT(conn->phase == CONN_HEAD);
        http_conn_begin_request(conn, request_parser_head(conn->parser));
        conn->close_after = !request_parser_head(conn->parser)->keep_alive;
        set_phase(conn, CONN_HELD);
        conn->server->on_request(conn->server->ctx, &conn->request);
        return true;
    case REQUEST_BODY:
        take_body(conn, piece);
        return true;
    case REQUEST_END:
        conn->request.body_ended = true;
        return true;
    case REQUEST_BROKEN:
        if (conn->phase == CONN_HEAD) {
            http_conn_begin_request(conn, NULL);
            set_phase(conn, CONN_ANSWER);
        }
        answer_fault(conn, ERR_INVALID, request_parser_fault(conn->parser));
        return true;
    }
    IMPOSSIBLE("an event outside the enum");
}

static void begin_linger(struct http_conn *conn)
{
    clear_request(conn);
    set_phase(conn, CONN_LINGER);
    stream_shutdown(conn->stream);
}

static void next_request(struct http_conn *conn)
{
    clear_request(conn);
    if (conn->server->is_closing) {
        begin_linger(conn);
        return;
    }
    set_phase(conn, CONN_HEAD);
}

/* A handler waits for room in the output. */
static bool writable_step(struct http_conn *conn)
{
    struct http_request *request = &conn->request;
    if (request->answer != ANSWER_STREAMING || !request->wants_writable ||
        request->on_writable == NULL ||
        stream_unsent(conn->stream) > conn->server->options.unsent_size_max / 2) {
        return false;
    }
    request->wants_writable = false;
    request->on_writable(request->writable_ctx, request);
    return true;
}

/* HELD, BODY, ANSWER: what the handler has decided since. True: something changed, look again. */
static bool request_step(struct http_conn *conn)
{
    struct http_request *request = &conn->request;
    if (request->answer == ANSWER_DONE) {
        if (conn->close_after) {
            begin_linger(conn);
            return true;
        }
        if (request->body_ended) {
            next_request(conn);
            return true;
        }
        request->body_mode = BODY_DISCARDED;
        if (conn->phase != CONN_BODY) {
            set_phase(conn, CONN_BODY);
        }
        request->body_is_paused = false;
        return parse_step(conn);
    }
    if (writable_step(conn)) {
        return true;
    }
    if (request->body_mode == BODY_UNASKED) {
        return false;
    }
    if (conn->phase == CONN_HELD) {
        if (announces_too_much(request)) {
            answer_fault(conn, ERR_TOO_LARGE, &BODY_TOO_LARGE);
            return true;
        }
        set_phase(conn, CONN_BODY);
    }
    if (conn->phase == CONN_BODY && request->body_is_paused) {
        return false;
    }
    if (request->body_ended) {
        if (request->body_delivered) {
            return false;
        }
        set_phase(conn, CONN_ANSWER);
        deliver_end(conn);
        return true;
    }
    return parse_step(conn);
}

static bool step(struct http_conn *conn)
{
    switch (conn->phase) {
    case CONN_HEAD:
        if (stream_unsent(conn->stream) >= conn->server->options.unsent_size_max ||
            pending_size(conn) == 0) {
            return false;
        }
        if (conn->head_ms == 0) {
            conn->head_ms = now_ms(conn);
        }
        return parse_step(conn);
    case CONN_HELD:
    case CONN_BODY:
    case CONN_ANSWER:
        return request_step(conn);
    case CONN_LINGER:
        conn->input.size = 0;
        if (conn->peer_ended && stream_unsent(conn->stream) == 0) {
            http_conn_close(conn);
        }
        return false;
    case CONN_CLOSED:
        return false;
    }
    IMPOSSIBLE("a phase outside the enum");
}

/* What was not parsed stays until the next pump; of what was just read only that is copied. */
static void keep_rest(struct http_conn *conn)
{
    if (conn->pending.size > 0) {
        buf_consume(&conn->pending, conn->pending.size - conn->input.size);
    } else {
        buf_append_bytes(&conn->pending, conn->input);
        conn->is_broken = conn->is_broken || conn->pending.failed;
    }
    if (conn->phase == CONN_HEAD && conn->pending.size == 0 &&
        conn->pending.capacity > PENDING_SPARE_MAX) { /* not between the pieces of an upload */
        buf_deinit(&conn->pending);
        buf_init(&conn->pending, PENDING_LIMIT);
    }
    conn->input = buf_bytes(&conn->pending);
}

/* The peer has ended its side and everything it sent was looked at. */
static void after_peer_end(struct http_conn *conn)
{
    if (has_request(conn)) {
        http_conn_fail(conn, ERR_UNAVAILABLE);
    } else if (conn->phase == CONN_HEAD && stream_unsent(conn->stream) == 0) {
        http_conn_close(conn);
    } else if (conn->phase == CONN_HEAD) {
        begin_linger(conn);
    }
}

/* Somebody waits for the output to drain, and what the kernel takes at once is told by no callback. */
static bool waits_for_room(const struct http_conn *conn)
{
    return (conn->phase == CONN_HEAD && pending_size(conn) > 0) ||
           (has_request(conn) && conn->request.wants_writable);
}

static void pump(struct http_conn *conn)
{
    INVARIANT(!conn->is_pumping);
    conn->is_pumping = true;
    (void)stream_cork(conn->stream, true); /* head and body, and pipelined answers, in one write */
    while (conn->phase != CONN_CLOSED && !conn->is_broken && step(conn)) {
    }
    if (conn->phase != CONN_CLOSED) {
        bool had_unsent = stream_unsent(conn->stream) > 0;
        conn->is_broken = !stream_uncork_quietly(conn->stream) || conn->is_broken;
        if (had_unsent && stream_unsent(conn->stream) == 0 && waits_for_room(conn)) {
            conn->is_woken = true; /* in the loop's next turn: others are to have theirs */
        }
        keep_rest(conn);
        if (conn->is_broken) {
            http_conn_fail(conn, ERR_UNAVAILABLE);
        } else if (conn->peer_ended) {
            after_peer_end(conn);
        }
    }
    conn->is_pumping = false;
    if (conn->phase != CONN_CLOSED) {
        stream_read(conn->stream, pending_size(conn) < PENDING_MAX);
        arm(conn);
    }
}

static void on_stream_data(void *ctx, struct bytes data)
{
    struct http_conn *conn = conn_of(ctx);
    if (conn->phase == CONN_LINGER) {
        return;
    }
    conn->input = data;
    if (conn->pending.size > 0) {
        buf_append_bytes(&conn->pending, data);
        conn->input = buf_bytes(&conn->pending);
    }
    if (conn->pending.failed) {
        http_conn_fail(conn, ERR_NOMEM);
        return;
    }
    pump(conn);
}

static void on_stream_sent(void *ctx)
{
    struct http_conn *conn = conn_of(ctx);
    if (conn->phase == CONN_HEAD && stream_unsent(conn->stream) == 0) {
        conn->phase_ms = now_ms(conn); /* idle begins when the answer is out */
    }
    if (conn->phase == CONN_LINGER && stream_unsent(conn->stream) == 0) {
        conn->phase_ms = now_ms(conn);
    }
    pump(conn);
}

static void on_stream_end(void *ctx, enum err_code why)
{
    struct http_conn *conn = conn_of(ctx);
    if (why != ERR_OK) {
        http_conn_fail(conn, why);
        return;
    }
    conn->peer_ended = true;
    pump(conn);
}

struct http_conn *http_conn_create(struct http_server *server, struct stream *stream,
                                   const struct peer *peer)
{
    const struct request_limits limits = {
        .head_size_max = server->options.head_size_max,
        .target_size_max = server->options.target_size_max,
        .header_count_max = server->options.header_count_max,
    };
    struct http_conn *conn = calloc(1, sizeof *conn);
    if (conn == NULL) {
        return NULL;
    }
    conn->parser = request_parser_create(&limits);
    if (conn->parser == NULL) {
        free(conn);
        return NULL;
    }
    conn->magic = CONN_MAGIC;
    conn->server = server;
    conn->stream = stream;
    (void)snprintf(conn->peer, sizeof conn->peer, "%s", peer->text);
    conn->peer_key = peer->key;
    conn->peer_is_local = peer->is_local;
    buf_init(&conn->pending, PENDING_LIMIT);
    (void)uv_timer_init(server->loop, &conn->timer);
    conn->timer.data = conn;
    stream_set_owner(stream, (struct stream_owner){
                                 .ctx = conn,
                                 .on_data = on_stream_data,
                                 .on_sent = on_stream_sent,
                                 .on_end = on_stream_end,
                                 .on_closed = on_stream_closed,
                             });
    set_phase(conn, CONN_HEAD);
    stream_read(stream, true);
    arm(conn);
    return conn;
}
