/* Answers: heads, whole bodies, pieces, taking over. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/base/trace.h"
#include "core/net/http_conn.h"
#include "core/net/http_problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define HEAD_SIZE_MAX 65536
#define HEAD_SIZE_USUAL 512
#define DETAIL_SIZE 512
#define DRAIN_MAX 65536 /* a longer rest of a request body ends the connection */

/* ---- the request, for the handler ---- */

const struct http_head *http_request_head(const struct http_request *request)
{
    return request_parser_head(http_conn_of_request(request)->parser);
}

uint64_t http_request_peer_key(const struct http_request *request)
{
    return http_conn_of_request(request)->peer_key;
}

bool http_request_peer_is_local(const struct http_request *request)
{
    return http_conn_of_request(request)->peer_is_local;
}

const char *http_request_id(const struct http_request *request)
{
    return request->id;
}

void http_request_add_header(struct http_request *request, const char *name, const char *value)
{
    INVARIANT(request->extra_count < HTTP_EXTRA_HEADERS_MAX);
    request->extra[request->extra_count++] = (struct http_field){name, value};
}

void http_request_on_abort(struct http_request *request, http_abort_cb on_abort, void *ctx)
{
    (void)http_conn_of_request(request);
    request->on_abort = on_abort;
    request->abort_ctx = ctx;
}

static void ask_for_body(struct http_request *request, enum body_mode mode, uint64_t size_max)
{
    struct http_conn *conn = http_conn_of_request(request);
    INVARIANT(request->body_mode == BODY_UNASKED);
    INVARIANT(request->answer == ANSWER_NONE);
    request->body_mode = mode;
    request->body_size_max = size_max;
    const struct http_head *head = http_request_head(request);
    bool fits = head->chunked || (uint64_t)head->content_length <= size_max;
    if (head->expect_continue && fits && conn->input.size == 0) {
        request->continue_sent = true;
        http_conn_write(conn, bytes_of_text("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    http_conn_wake(conn);
}

void http_request_read_body(struct http_request *request, size_t size_max, http_body_cb on_body,
                            void *ctx)
{
    request->on_body = on_body;
    request->body_ctx = ctx;
    buf_init(&request->body, size_max);
    ask_for_body(request, BODY_BUFFERED, size_max);
}

void http_request_stream_body(struct http_request *request, const struct http_body_stream *stream)
{
    request->body_stream = *stream;
    ask_for_body(request, BODY_STREAMED, stream->size_max == 0 ? UINT64_MAX : stream->size_max);
}

void http_request_pause(struct http_request *request)
{
    const struct http_conn *conn = http_conn_of_request(request);
    if (!request->body_is_paused) {
        request->body_is_paused = true;
        request->paused_since_ms = uv_now(conn->server->loop);
    }
}

void http_request_resume(struct http_request *request)
{
    struct http_conn *conn = http_conn_of_request(request);
    if (request->body_is_paused) {
        request->body_is_paused = false;
        request->paused_total_ms += uv_now(conn->server->loop) - request->paused_since_ms;
        http_conn_wake(conn);
    }
}

/* ---- heads ---- */

/* Made once a second. */
static const char *date_of(struct http_server *server)
{
    static const char *const DAYS[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const MONTHS[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = time(NULL);
    struct tm tm;
    if (now == server->date_s) {
        return server->date;
    }
    server->date_s = now;
    (void)gmtime_r(&now, &tm);
    (void)snprintf(server->date, sizeof server->date, "%s, %02u %s %04u %02u:%02u:%02u GMT",
                   DAYS[tm.tm_wday % 7], (unsigned)tm.tm_mday % 100, MONTHS[tm.tm_mon % 12],
                   ((unsigned)tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
                   (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
    return server->date;
}

static bool field_is_clean(const struct http_field *field)
{
    if (field->name[0] == '\0' || strpbrk(field->name, " \t\r\n:") != NULL) {
        return false;
    }
    return !text_has_control(bytes_of_text(field->value));
}

static bool headers_are_clean(const struct http_response *response)
{
    if (response->content_type != NULL &&
        !field_is_clean(&(struct http_field){"content-type", response->content_type})) {
        return false;
    }
    for (size_t i = 0; i < response->header_count; i++) {
        if (!field_is_clean(&response->headers[i])) {
            return false;
        }
    }
    return true;
}

/* Whether what is left of the request's body is worth reading away for the connection's sake. */
static bool rest_is_short(const struct http_request *request)
{
    const struct http_head *head = http_request_head(request);
    if (request->body_ended || !http_head_has_body(head)) {
        return true;
    }
    if (head->chunked || (head->expect_continue && !request->continue_sent)) {
        return false;
    }
    return (uint64_t)head->content_length - request->body_received <= DRAIN_MAX;
}

static void decide_close(struct http_request *request, const struct http_response *response)
{
    struct http_conn *conn = http_conn_of_request(request);
    if (response->close || conn->server->is_closing || !rest_is_short(request)) {
        conn->close_after = true;
    }
}

static void append_field(struct buf *buf, const char *name, const char *value)
{
    buf_append_text(buf, name);
    buf_append(buf, ": ", 2);
    buf_append_text(buf, value);
    buf_append(buf, "\r\n", 2);
}

void http_respond_append_extra(const struct http_request *request, struct buf *buf)
{
    append_field(buf, "X-Request-Id", request->id);
    for (size_t i = 0; i < request->extra_count; i++) {
        append_field(buf, request->extra[i].name, request->extra[i].value);
    }
}

/* `length` HTTP_LENGTH_NONE: no Content-Length. */
static void append_head(struct buf *buf, struct http_request *request,
                        const struct http_response *response, int64_t length)
{
    const struct http_conn *conn = http_conn_of_request(request);
    request->status = response->status;
    buf_reserve(buf, HEAD_SIZE_USUAL);
    buf_append_text(buf, "HTTP/1.1 ");
    buf_append_u64(buf, (uint64_t)response->status);
    buf_append(buf, " ", 1);
    buf_append_text(buf, http_status_text(response->status));
    buf_append(buf, "\r\n", 2);
    append_field(buf, "Date", date_of(conn->server));
    if (response->content_type != NULL) {
        append_field(buf, "Content-Type", response->content_type);
    }
    for (size_t i = 0; i < response->header_count; i++) {
        append_field(buf, response->headers[i].name, response->headers[i].value);
    }
    http_respond_append_extra(request, buf);
    if (request->is_chunked) {
        buf_append_text(buf, "Transfer-Encoding: chunked\r\n");
    } else if (length != HTTP_LENGTH_NONE && response->status != 204) {
        buf_append_text(buf, "Content-Length: ");
        buf_append_u64(buf, (uint64_t)length);
        buf_append(buf, "\r\n", 2);
    }
    if (conn->close_after) {
        buf_append_text(buf, "Connection: close\r\n");
    } else if (http_request_head(request)->version_minor == 0) {
        buf_append_text(buf, "Connection: keep-alive\r\n");
    }
    buf_append_text(buf, "\r\n");
}

static bool answers_without_body(const struct http_request *request, int status)
{
    return http_request_head(request)->method == HTTP_HEAD || status == 204 || status == 304;
}

/* The handle is dead for the handler from here on. */
static void finish(struct http_request *request)
{
    request->answer = ANSWER_DONE;
    request->on_abort = NULL;
    http_conn_wake(http_conn_of_request(request));
}

/* ---- whole answers ---- */

static void send_whole(struct http_request *request, const struct http_response *response)
{
    struct http_conn *conn = http_conn_of_request(request);
    INVARIANT(response->status >= 200 && response->status <= 599);
    decide_close(request, response);
    struct buf out;
    buf_init(&out, HEAD_SIZE_MAX);
    append_head(&out, request, response, (int64_t)response->body.size);
    (void)stream_cork(conn->stream, true); /* the pump uncorks: head and body go in one write */
    if (out.failed) {
        conn->is_broken = true; /* a head of 64 KiB is no answer */
    } else {
        http_conn_write(conn, buf_bytes(&out));
        if (!answers_without_body(request, response->status) && response->body.size > 0) {
            http_conn_write(conn, response->body);
            request->answered = response->body.size;
        }
    }
    buf_deinit(&out);
}

void http_respond(struct http_request *request, const struct http_response *response)
{
    (void)http_conn_of_request(request);
    if (request->answer == ANSWER_DONE) {
        return; /* from inside abort_cb */
    }
    INVARIANT(request->answer == ANSWER_NONE);
    if (!headers_are_clean(response)) {
        trace(TRACE_ERROR, "http.bad_answer_header", "status=%d", response->status);
        http_respond_problem(request, 500, "internal", "the answer could not be made");
        return;
    }
    send_whole(request, response);
    finish(request);
}

void http_respond_json(struct http_request *request, int status, struct bytes json)
{
    http_respond(request, &(struct http_response){
                              .status = status, .content_type = "application/json", .body = json});
}

static void respond_problem(struct http_request *request, int status, const char *code,
                            const char *detail, bool is_fault)
{
    struct buf body;
    buf_init(&body, HEAD_SIZE_MAX);
    http_problem_append(&body, status, code, detail, request->id);
    struct http_response response = {
        .status = status,
        .content_type = HTTP_PROBLEM_TYPE,
        .body = buf_bytes(&body),
        .close = is_fault,
    };
    if (is_fault) {
        send_whole(request, &response);
        request->answer = ANSWER_DONE;
    } else {
        http_respond(request, &response);
    }
    buf_deinit(&body);
}

void http_respond_problem(struct http_request *request, int status, const char *code,
                          const char *detail_format, ...)
{
    char detail[DETAIL_SIZE];
    va_list args;
    va_start(args, detail_format);
    (void)vsnprintf(detail, sizeof detail, detail_format, args);
    va_end(args);
    respond_problem(request, status, code, detail, false);
}

/* Unlike an answer of the handler it leaves on_abort set: the caller tells the handler. */
void http_respond_fault(struct http_request *request, int status, const char *code,
                        const char *detail)
{
    respond_problem(request, status, code, detail, true);
}

/* ---- answers in pieces ---- */

void http_respond_begin(struct http_request *request, const struct http_response *head,
                        int64_t length, http_writable_cb on_writable, void *ctx)
{
    struct http_conn *conn = http_conn_of_request(request);
    INVARIANT(request->answer == ANSWER_NONE);
    INVARIANT(head->status >= 200 && head->status <= 599);
    INVARIANT(length >= HTTP_LENGTH_NONE);
    request->answer = ANSWER_STREAMING;
    request->on_writable = on_writable;
    request->writable_ctx = ctx;
    request->wants_writable = true;
    request->promised = length;
    request->drops_body = answers_without_body(request, head->status);
    if (length == HTTP_LENGTH_NONE && !request->drops_body) {
        if (http_request_head(request)->version_minor == 0) {
            conn->close_after = true; /* the end of the connection is the end of the answer */
        } else {
            request->is_chunked = true;
        }
    }
    decide_close(request, head);
    struct buf out;
    buf_init(&out, HEAD_SIZE_MAX);
    if (headers_are_clean(head)) {
        append_head(&out, request, head, length);
    } else {
        trace(TRACE_ERROR, "http.bad_answer_header", "status=%d", head->status);
        out.failed = true;
    }
    if (out.failed) {
        conn->is_broken = true;
    } else {
        http_conn_write(conn, buf_bytes(&out));
    }
    buf_deinit(&out);
    http_conn_wake(conn);
}

enum err_code http_respond_write(struct http_request *request, struct bytes piece, struct err *err)
{
    struct http_conn *conn = http_conn_of_request(request);
    INVARIANT(request->answer == ANSWER_STREAMING);
    if (request->promised != HTTP_LENGTH_NONE && piece.size > (uint64_t)request->promised) {
        return err_set(err, ERR_INVALID, "%zu bytes, but only %lld of the promised are left",
                       piece.size, (long long)request->promised);
    }
    if (conn->stream == NULL ||
        stream_unsent(conn->stream) >= conn->server->options.unsent_size_max) {
        request->wants_writable = true;
        return err_set(err, ERR_BUSY, "the peer has not taken what was sent before");
    }
    if (request->promised != HTTP_LENGTH_NONE) {
        request->promised -= (int64_t)piece.size;
    }
    if (request->drops_body || piece.size == 0) {
        return ERR_OK;
    }
    request->answered += piece.size;
    if (request->is_chunked) {
        char size[24];
        (void)snprintf(size, sizeof size, "%zx\r\n", piece.size);
        http_conn_write(conn, bytes_of_text(size));
        http_conn_write(conn, piece);
        http_conn_write(conn, bytes_of_text("\r\n"));
    } else {
        http_conn_write(conn, piece);
    }
    return ERR_OK;
}

size_t http_respond_unsent(const struct http_request *request)
{
    const struct http_conn *conn = http_conn_of_request(request);
    return conn->stream == NULL ? 0 : stream_unsent(conn->stream);
}

void http_respond_end(struct http_request *request)
{
    struct http_conn *conn = http_conn_of_request(request);
    if (request->answer == ANSWER_DONE) {
        return;
    }
    INVARIANT(request->answer == ANSWER_STREAMING);
    if (request->promised > 0 && !request->drops_body) {
        http_respond_cut(request);
        return;
    }
    if (request->is_chunked) {
        http_conn_write(conn, bytes_of_text("0\r\n\r\n"));
    }
    finish(request);
}

void http_respond_cut(struct http_request *request)
{
    struct http_conn *conn = http_conn_of_request(request);
    finish(request);
    conn->is_broken = true; /* the pump closes it */
}

/* ---- another protocol ---- */

void http_request_take_over(struct http_request *request, struct stream **ret_stream,
                            struct bytes *ret_early)
{
    struct http_conn *conn = http_conn_of_request(request);
    INVARIANT(request->answer == ANSWER_NONE);
    INVARIANT(!http_head_has_body(http_request_head(request)));
    request->status = request->status == 0 ? 101 : request->status;
    finish(request);
    *ret_early = conn->input;
    *ret_stream = conn->stream;
    (void)stream_cork(conn->stream, false); /* a broken stream shows in reading */
    stream_read(conn->stream, false);
    http_server_slot_detach(conn->server, conn->stream);
    http_conn_detach(conn);
}
