/* The HTTP server with real sockets. Method: a server with a few routes on a kernel-chosen port, raw bytes in, raw bytes
 * out, all in one thread. */
// SPDX-License-Identifier: Apache-2.0
#include "core/net/http_server.h"
#include "core/net/stream.h"
#include "tests/support/faults.h"
#include "tests/support/net_peer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

struct fixture {
    uv_loop_t loop;
    struct http_server *server;
    uint16_t port;
    bool closed;
    struct http_request *late[8]; /* long polls not answered yet */
    size_t late_count;
    size_t abort_count;
    enum err_code abort_why;
    uint64_t streamed;
    uint64_t piece_max;
    bool streaming;
    bool stream_ended;
    uint64_t to_send; /* of /big */
    size_t unsent_max;
    int file_fd;
    size_t request_count;
    bool data_in_stack; /* a callback came from inside a public function */
    bool in_call;
};

static void on_abort(void *ctx, struct http_request *request, enum err_code why)
{
    struct fixture *f = ctx;
    assert_false(f->in_call);
    f->abort_count++;
    f->abort_why = why;
    for (size_t i = 0; i < f->late_count; i++) {
        if (f->late[i] == request) {
            f->late[i] = NULL;
        }
    }
}

static void on_echo(void *ctx, struct http_request *request, struct bytes body)
{
    (void)ctx;
    const struct http_field headers[] = {{"X-Test", "echo"}};
    http_respond(request, &(struct http_response){.status = 200,
                                                  .content_type = "text/plain",
                                                  .headers = headers,
                                                  .header_count = 1,
                                                  .body = body});
}

static void on_data(void *ctx, struct http_request *request, struct bytes piece)
{
    struct fixture *f = ctx;
    assert_false(f->in_call);
    (void)request;
    f->streaming = true;
    f->streamed += piece.size;
    f->piece_max = piece.size > f->piece_max ? piece.size : f->piece_max;
}

static void on_data_then_pause(void *ctx, struct http_request *request, struct bytes piece)
{
    on_data(ctx, request, piece);
    http_request_pause(request);
}

static void on_data_then_answer(void *ctx, struct http_request *request, struct bytes piece)
{
    on_data(ctx, request, piece);
    http_respond_problem(request, 422, "no_thanks", "seen %zu bytes", piece.size);
}

static void on_stream_end(void *ctx, struct http_request *request)
{
    struct fixture *f = ctx;
    char text[64];
    (void)snprintf(text, sizeof text, "{\"bytes\":%llu}", (unsigned long long)f->streamed);
    f->stream_ended = true;
    http_respond_json(request, 200, bytes_of_text(text));
}

static void on_writable(void *ctx, struct http_request *request)
{
    struct fixture *f = ctx;
    assert_false(f->in_call);
    static uint8_t piece[10000];
    f->in_call = true;
    while (f->to_send > 0) {
        size_t size = f->to_send < sizeof piece ? (size_t)f->to_send : sizeof piece;
        memset(piece, 'a' + (int)(f->to_send % 26), size);
        if (http_respond_write(request, bytes_of(piece, size), NULL) == ERR_BUSY) {
            f->in_call = false;
            return;
        }
        f->to_send -= size;
        size_t unsent = http_respond_unsent(request);
        f->unsent_max = unsent > f->unsent_max ? unsent : f->unsent_max;
    }
    http_respond_end(request);
    f->in_call = false;
}

static void stream_route(struct fixture *f, struct http_request *request, http_body_cb on_piece)
{
    http_request_on_abort(request, on_abort, f);
    http_request_stream_body(
        request, &(struct http_body_stream){
                     .on_data = on_piece, .on_end = on_stream_end, .ctx = f, .size_max = 80 << 20});
}

static void on_request(void *ctx, struct http_request *request)
{
    struct fixture *f = ctx;
    assert_false(f->in_call);
    f->request_count++;
    const char *route = http_head_segment(http_request_head(request), 0);
    const char *count = http_head_param(http_request_head(request), "n");
    struct http_response head = {.status = 200, .content_type = "text/plain"};
    if (route == NULL) {
        head.body = bytes_of_text("hello");
        http_respond(request, &head);
    } else if (strcmp(route, "echo") == 0) {
        http_request_on_abort(request, on_abort, f);
        http_request_read_body(request, 100000, on_echo, f);
    } else if (strcmp(route, "stream") == 0) {
        stream_route(f, request, on_data);
    } else if (strcmp(route, "paused") == 0) {
        f->late[f->late_count++] = request;
        stream_route(f, request, on_data_then_pause);
    } else if (strcmp(route, "early") == 0) {
        stream_route(f, request, on_data_then_answer);
    } else if (strcmp(route, "late") == 0) {
        f->late[f->late_count++] = request;
        http_request_on_abort(request, on_abort, f);
    } else if (strcmp(route, "big") == 0 || strcmp(route, "known") == 0) {
        f->to_send = count == NULL ? 1000 : strtoull(count, NULL, 10);
        http_request_on_abort(request, on_abort, f);
        http_respond_begin(request, &head,
                           strcmp(route, "big") == 0 ? HTTP_LENGTH_NONE : (int64_t)f->to_send,
                           on_writable, f);
    } else if (strcmp(route, "short") == 0) {
        f->to_send = 10;
        http_respond_begin(request, &head, 20, on_writable, f);
    } else if (strcmp(route, "file") == 0) {
        http_respond_file(request, &head, dup(f->file_fd), 5, strtoull(count, NULL, 10));
    } else if (strcmp(route, "inject") == 0) {
        head.content_type = "a\r\nX-Evil: 1";
        http_respond(request, &head);
    } else {
        http_respond_problem(request, 404, "no_route", "there is no '%s'", route);
    }
}

static void on_closed(void *ctx)
{
    ((struct fixture *)ctx)->closed = true;
}

static int set_up_with(void **state, const struct http_server_options *options)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->file_fd = -1;
    assert_int_equal(uv_loop_init(&f->loop), 0);
    struct err err;
    assert_int_equal(http_server_create(&f->loop, options, on_request, f, &f->server, &err),
                     ERR_OK);
    f->port = http_server_port(f->server);
    assert_true(f->port > 0);
    *state = f;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, NULL);
}

static int set_up_impatient(void **state)
{
    return set_up_with(state, &(struct http_server_options){.idle_timeout_ms = 150,
                                                            .head_timeout_ms = 200,
                                                            .body_timeout_ms = 200,
                                                            .body_rate_min = 1000000,
                                                            .write_timeout_ms = 300,
                                                            .linger_timeout_ms = 200,
                                                            .connections_max = 3,
                                                            .unsent_size_max = 65536});
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    (void)faults_disarm(); /* of a test that failed */
    if (f->server != NULL) {
        http_server_close(f->server, 0, on_closed, f);
    }
    peer_wait(&f->loop, &f->closed);
    assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    if (f->file_fd >= 0) {
        (void)close(f->file_fd);
    }
    free(f);
    return 0;
}

/* Send `text` on a new connection and receive until the end or until `until` has come `count` times. */
static void exchange(struct fixture *f, const char *text, const char *until, size_t count,
                     struct buf *ret)
{
    int fd = peer_connect(f->port);
    buf_init(ret, 256 << 20);
    assert_true(peer_send_text(&f->loop, fd, text));
    (void)peer_receive(&f->loop, fd, ret, until, count);
    (void)close(fd);
}

static size_t count_of(const struct buf *buf, const char *text)
{
    size_t count = 0;
    for (const char *at = buf_text(buf); (at = strstr(at, text)) != NULL; at += strlen(text)) {
        count++;
    }
    return count;
}

static void a_connection_serves_many_requests(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    buf_init(&got, 1 << 20);
    int fd = peer_connect(f->port);
    for (size_t i = 1; i <= 5; i++) {
        assert_true(peer_send_text(&f->loop, fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_false(peer_receive(&f->loop, fd, &got, "hello", i));
    }
    assert_int_equal(http_server_connection_count(f->server), 1);
    assert_int_equal(count_of(&got, "HTTP/1.1 200 OK\r\nDate: "), 5);
    assert_int_equal(count_of(&got, "Content-Length: 5\r\n"), 5);
    assert_int_equal(count_of(&got, "Connection:"), 0);
    (void)close(fd);
    buf_deinit(&got);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    exchange(f,
             "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
             "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
             "1\r\nt\r\n2\r\nwo\r\n0\r\n\r\n"
             "GET /big?n=5 HTTP/1.1\r\nHost: x\r\n\r\n"
             "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
             "GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
             "GET /never HTTP/1.1\r\nHost: x\r\n\r\n",
             NULL, 0, &got);
    const char *one = strstr(buf_text(&got), "\r\n\r\none");
    assert_non_null(one);
    const char *two = strstr(one, "\r\n\r\ntwo");
    assert_non_null(two);
    const char *chunked = strstr(two, "\r\n\r\n5\r\nfffff\r\n0\r\n\r\n");
    assert_non_null(chunked);
    const char *head = strstr(chunked, "Content-Length: 5\r\n\r\nHTTP/1.1 404 Not Found");
    assert_non_null(head);
    assert_non_null(
        strstr(head, "\"code\":\"no_route\",\"detail\":\"there is no 'none'\",\"request_id\":\""));
    assert_non_null(strstr(head, "Connection: close\r\n"));
    assert_null(strstr(head, "never"));
    assert_int_equal(f->request_count, 5);
    buf_deinit(&got);
}

static void a_pipelined_request_waits_for_a_late_answer(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    buf_init(&got, 1 << 20);
    int fd = peer_connect(f->port);
    assert_true(peer_send_text(&f->loop, fd,
                               "GET /late HTTP/1.1\r\nHost: x\r\n\r\n"
                               "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    peer_idle(&f->loop, 30);
    assert_int_equal(f->late_count, 1);
    assert_int_equal(f->request_count, 1);
    f->in_call = true; /* the second request must not come from inside this call */
    http_respond_json(f->late[0], 200, bytes_of_text("{}"));
    f->in_call = false;
    assert_false(peer_receive(&f->loop, fd, &got, "hello", 1));
    assert_non_null(strstr(buf_text(&got), "application/json"));
    assert_int_equal(f->abort_count, 0);
    (void)close(fd);
    buf_deinit(&got);
}

static void http_1_0_closes_unless_asked(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    exchange(f, "GET / HTTP/1.0\r\n\r\n", NULL, 0, &got);
    assert_int_equal(count_of(&got, "Connection: close\r\n"), 1);
    buf_deinit(&got);
    exchange(f, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /big?n=3 HTTP/1.0\r\n\r\n",
             NULL, 0, &got);
    assert_int_equal(count_of(&got, "Connection: keep-alive\r\n"), 1);
    assert_non_null(strstr(buf_text(&got), "Connection: close\r\n\r\nddd"));
    assert_int_equal(count_of(&got, "chunked"), 0);
    buf_deinit(&got);
}

static void expect_continue_is_answered_when_the_body_is_wanted(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    buf_init(&got, 1 << 20);
    int fd = peer_connect(f->port);
    assert_true(peer_send_text(&f->loop, fd,
                               "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                               "Content-Length: 4\r\n\r\n"));
    assert_false(peer_receive(&f->loop, fd, &got, "HTTP/1.1 100 Continue\r\n\r\n", 1));
    assert_true(peer_send_text(&f->loop, fd, "body"));
    assert_false(peer_receive(&f->loop, fd, &got, "\r\n\r\nbody", 1));
    (void)close(fd);
    buf_deinit(&got);

    exchange(f,
             "POST /none HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
             NULL, 0, &got);
    assert_int_equal(count_of(&got, "100 Continue"), 0);
    assert_int_equal(count_of(&got, "Connection: close"), 1);
    buf_deinit(&got);

    exchange(f,
             "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
             "Content-Length: 100001\r\n\r\n",
             NULL, 0, &got);
    assert_int_equal(count_of(&got, "100 Continue"), 0);
    assert_int_equal(count_of(&got, "HTTP/1.1 413 "), 1);
    assert_int_equal(f->abort_why, ERR_TOO_LARGE);
    buf_deinit(&got);
}

static void a_body_over_its_limit_is_413(void **state)
{
    struct fixture *f = *state;
    struct buf request;
    struct buf got;
    buf_init(&request, 1 << 20);
    buf_append_text(&request,
                    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t i = 0; i < 11; i++) {
        buf_append_text(&request, "2710\r\n");
        for (size_t j = 0; j < 10000; j++) {
            buf_append_byte(&request, 'x');
        }
        buf_append_text(&request, "\r\n");
    }
    exchange(f, buf_text(&request), NULL, 0, &got);
    assert_int_equal(count_of(&got, "HTTP/1.1 413 Content Too Large"), 1);
    assert_int_equal(count_of(&got, "\"code\":\"body_too_large\""), 1);
    assert_int_equal(f->abort_count, 1);
    assert_int_equal(f->abort_why, ERR_TOO_LARGE);
    buf_deinit(&got);
    buf_deinit(&request);
}

static void a_short_unread_body_does_not_end_the_connection(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    exchange(f,
             "POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
             "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
             "hello", 1, &got);
    assert_int_equal(count_of(&got, "HTTP/1.1 404"), 1);
    assert_int_equal(count_of(&got, "HTTP/1.1 200"), 1);
    buf_deinit(&got);
    exchange(f, "POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\nbody", NULL, 0,
             &got);
    assert_int_equal(count_of(&got, "Connection: close"), 1);
    buf_deinit(&got);
}

static void an_upload_of_64_mib_is_streamed_in_constant_memory(void **state)
{
    struct fixture *f = *state;
    const size_t total = 64u << 20;
    struct buf got;
    buf_init(&got, 1 << 20);
    int fd = peer_connect(f->port);
    char head[200];
    (void)snprintf(head, sizeof head,
                   "POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", total);
    assert_true(peer_send_text(&f->loop, fd, head));
    struct rusage before;
    (void)getrusage(RUSAGE_SELF, &before);
    static uint8_t chunk[1 << 20];
    for (size_t sent = 0; sent < total; sent += sizeof chunk) {
        assert_true(peer_send(&f->loop, fd, chunk, sizeof chunk));
    }
    assert_false(peer_receive(&f->loop, fd, &got, "{\"bytes\":67108864}", 1));
    struct rusage after;
    (void)getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 16 * 1024); /* KiB */
    assert_true(f->piece_max <= 128 * 1024);
    (void)close(fd);
    buf_deinit(&got);
}

static void a_paused_body_stays_with_the_peer(void **state)
{
    struct fixture *f = *state;
    const size_t total = 16u << 20;
    int fd = peer_connect(f->port);
    char head[200];
    (void)snprintf(head, sizeof head,
                   "POST /paused HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", total);
    assert_true(peer_send_text(&f->loop, fd, head));
    static uint8_t chunk[1 << 16];
    size_t sent = 0;
    int64_t stalled_since = peer_now_ms();
    while (peer_now_ms() - stalled_since < 100) { /* until nothing moves for 100 ms */
        ssize_t size = send(fd, chunk, sizeof chunk, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size > 0) {
            sent += (size_t)size;
            stalled_since = peer_now_ms();
        }
        peer_turn(&f->loop);
    }
    assert_true(sent < total);
    uint64_t seen = f->streamed;
    assert_true(seen > 0 && seen <= 128 * 1024); /* one piece */
    f->in_call = true;
    http_request_resume(f->late[0]);
    f->in_call = false;
    peer_idle(&f->loop, 20);
    assert_true(f->streamed > seen);
    (void)close(fd); /* not seen while paused, with 64 KiB waiting, but soon after */
    int64_t start = peer_now_ms();
    while (f->abort_count == 0 && peer_now_ms() - start < 5000) {
        peer_turn(&f->loop);
        if (f->late[0] != NULL) {
            http_request_resume(f->late[0]);
        }
    }
    assert_int_equal(f->abort_count, 1);
    assert_false(f->stream_ended);
}

static void an_answer_in_the_middle_of_an_upload_reaches_the_peer(void **state)
{
    struct fixture *f = *state;
    const size_t total = 8u << 20;
    struct buf got;
    buf_init(&got, 1 << 20);
    int fd = peer_connect(f->port);
    char head[200];
    (void)snprintf(head, sizeof head,
                   "POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", total);
    assert_true(peer_send_text(&f->loop, fd, head));
    static uint8_t chunk[1 << 20];
    for (size_t sent = 0; sent < total; sent += sizeof chunk) {
        assert_true(peer_send(&f->loop, fd, chunk, sizeof chunk)); /* read away, no reset */
    }
    assert_true(peer_receive(&f->loop, fd, &got, NULL, 0));
    assert_int_equal(count_of(&got, "HTTP/1.1 422"), 1);
    assert_int_equal(f->abort_count, 0);
    assert_false(f->stream_ended);
    (void)close(fd);
    buf_deinit(&got);
}

static void a_big_answer_is_sent_with_bounded_memory(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    exchange(f, "GET /known?n=20000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", NULL, 0,
             &got);
    const char *body = strstr(buf_text(&got), "\r\n\r\n") + 4;
    assert_int_equal(got.size - (size_t)(body - (const char *)got.data), 20000000);
    assert_true(f->unsent_max <= (1 << 20) + 10000);
    assert_true(f->unsent_max > 10000); /* it did fill up */
    buf_deinit(&got);
    exchange(f, "GET /big?n=20000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", NULL, 0,
             &got);
    assert_true(got.size > 20000000);
    assert_string_equal((const char *)got.data + got.size - 7, "\r\n0\r\n\r\n");
    buf_deinit(&got);
    exchange(f, "HEAD /known?n=20000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", NULL, 0,
             &got);
    assert_string_equal((const char *)got.data + got.size - 4, "\r\n\r\n");
    assert_int_equal(count_of(&got, "Content-Length: 20000000\r\n"), 1);
    buf_deinit(&got);
    exchange(f, "GET /short HTTP/1.1\r\nHost: x\r\n\r\n", NULL, 0, &got);
    assert_int_equal(count_of(&got, "Content-Length: 20\r\n"), 1);
    buf_deinit(&got);
}

static void a_file_is_sent_from_its_offset(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/tally-net-XXXXXX";
    f->file_fd = mkstemp(path);
    assert_true(f->file_fd >= 0);
    (void)unlink(path);
    static uint8_t content[3000005];
    for (size_t i = 0; i < sizeof content; i++) {
        content[i] = (uint8_t)('a' + i % 23);
    }
    assert_int_equal(write(f->file_fd, content, sizeof content), sizeof content);
    struct buf got;
    exchange(f, "GET /file?n=3000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", NULL, 0,
             &got);
    const char *body = strstr(buf_text(&got), "\r\n\r\n") + 4;
    assert_int_equal(got.size - (size_t)(body - (const char *)got.data), 3000000);
    assert_memory_equal(body, content + 5, 3000000);
    buf_deinit(&got);
    exchange(
        f,
        "HEAD /file?n=3000000 HTTP/1.1\r\nHost: x\r\n\r\nGET /file?n=0 HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "hello", 1, &got);
    assert_int_equal(count_of(&got, "HTTP/1.1 200"), 3);
    buf_deinit(&got);
    /* A file that is shorter than promised: the peer sees fewer bytes and an end. */
    exchange(f, "GET /file?n=3000001 HTTP/1.1\r\nHost: x\r\n\r\n", NULL, 0, &got);
    body = strstr(buf_text(&got), "\r\n\r\n") + 4;
    assert_true(got.size - (size_t)(body - (const char *)got.data) <= 3000000);
    buf_deinit(&got);
    /* A peer that goes away in the middle. */
    int fd = peer_connect(f->port);
    assert_true(peer_send_text(&f->loop, fd, "GET /file?n=3000000 HTTP/1.1\r\nHost: x\r\n\r\n"));
    peer_turn(&f->loop);
    (void)close(fd);
    peer_idle(&f->loop, 20);
    assert_int_equal(http_server_connection_count(f->server), 0);
}

static void a_poll_is_aborted_when_its_peer_goes(void **state)
{
    struct fixture *f = *state;
    int fd = peer_connect(f->port);
    assert_true(peer_send_text(&f->loop, fd, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n"));
    peer_idle(&f->loop, 20);
    assert_int_equal(f->late_count, 1);
    (void)close(fd);
    peer_idle(&f->loop, 20);
    assert_int_equal(f->abort_count, 1);
    assert_int_equal(f->abort_why, ERR_UNAVAILABLE);
    assert_null(f->late[0]);

    fd = peer_connect(f->port); /* and an upload cut in its middle */
    assert_true(peer_send_text(
        &f->loop, fd, "POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"));
    peer_idle(&f->loop, 20);
    assert_int_equal(f->streamed, 3);
    (void)close(fd);
    peer_idle(&f->loop, 20);
    assert_int_equal(f->abort_count, 2);
    assert_false(f->stream_ended);
    assert_int_equal(http_server_connection_count(f->server), 0);
}

static void a_bad_answer_header_never_leaves(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    exchange(f, "GET /inject HTTP/1.1\r\nHost: x\r\n\r\n", "internal", 1, &got);
    assert_int_equal(count_of(&got, "HTTP/1.1 500"), 1);
    assert_int_equal(count_of(&got, "Evil"), 0);
    buf_deinit(&got);
}

static void broken_requests_get_a_problem_and_the_end(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text;
        const char *answer;
    } rows[] = {
        {"nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request"},
        {"GET /%2e%2e/ HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 Bad Request"},
        {"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 501 Not Implemented"},
        {"GET / HTTP/3.0\r\nHost: x\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported"},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
         "HTTP/1.1 400 Bad Request"},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
         "HTTP/1.1 400 Bad Request"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf got;
        exchange(f, rows[i].text, NULL, 0, &got);
        assert_true(bytes_starts_with(buf_bytes(&got), rows[i].answer));
        assert_int_equal(count_of(&got, "Date: "), 1);
        assert_int_equal(count_of(&got, "application/problem+json"), 1);
        assert_int_equal(count_of(&got, "Connection: close"), 1);
        buf_deinit(&got);
    }
    struct buf request;
    struct buf got;
    buf_init(&request, 1 << 20);
    buf_append_text(&request, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
    for (size_t i = 0; i < 20000; i++) {
        buf_append_byte(&request, 'a');
    }
    exchange(f, buf_text(&request), NULL, 0, &got);
    assert_true(bytes_starts_with(buf_bytes(&got), "HTTP/1.1 431 "));
    buf_deinit(&got);
    buf_deinit(&request);
    assert_int_equal(f->abort_count, 1); /* the bad chunk, after the handler had begun */
    assert_int_equal(f->abort_why, ERR_INVALID);
}

static void slow_peers_are_sent_away(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    int64_t start = peer_now_ms();
    exchange(f, "", NULL, 0, &got); /* nothing at all: closed silently */
    assert_int_equal(got.size, 0);
    assert_in_range(peer_now_ms() - start, 140, 1000);
    buf_deinit(&got);

    exchange(f, "GET / HTTP/1.1\r\nHo", NULL, 0, &got);
    assert_true(bytes_starts_with(buf_bytes(&got), "HTTP/1.1 408 "));
    buf_deinit(&got);

    start = peer_now_ms();
    exchange(f, "POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", NULL, 0, &got);
    assert_true(bytes_starts_with(buf_bytes(&got), "HTTP/1.1 408 "));
    assert_int_equal(f->abort_count, 1);
    assert_int_equal(f->abort_why, ERR_TIMEOUT);
    assert_in_range(peer_now_ms() - start, 190, 1000);
    buf_deinit(&got);

    /* One byte every 20 ms keeps nothing alive. */
    int fd = peer_connect(f->port);
    start = peer_now_ms();
    assert_true(peer_send_text(&f->loop, fd, "GET /"));
    while (peer_send_text(&f->loop, fd, "a") && peer_now_ms() - start < 2000) {
        peer_idle(&f->loop, 20);
        char byte;
        if (recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1) {
            break;
        }
    }
    assert_in_range(peer_now_ms() - start, 190, 1000);
    (void)close(fd);
}

static void a_peer_that_does_not_read_is_cut(void **state)
{
    struct fixture *f = *state;
    int fd = peer_connect(f->port);
    assert_true(peer_send_text(&f->loop, fd, "GET /big?n=100000000 HTTP/1.1\r\nHost: x\r\n\r\n"));
    int64_t start = peer_now_ms();
    while (f->abort_count == 0 && peer_now_ms() - start < 3000) {
        peer_turn(&f->loop);
    }
    assert_int_equal(f->abort_count, 1);
    assert_int_equal(f->abort_why, ERR_TIMEOUT);
    assert_true(f->unsent_max <= 65536 + 10100);
    (void)close(fd);
}

static void a_connection_too_many_is_503(void **state)
{
    struct fixture *f = *state;
    int fds[3];
    for (size_t i = 0; i < 3; i++) {
        fds[i] = peer_connect(f->port);
        assert_true(peer_send_text(&f->loop, fds[i], "GET /late HTTP/1.1\r\nHost: x\r\n\r\n"));
    }
    peer_idle(&f->loop, 20);
    assert_int_equal(f->late_count, 3);
    struct buf got;
    int fd = peer_connect(f->port);
    buf_init(&got, 1 << 20);
    assert_true(peer_receive(&f->loop, fd, &got, NULL, 0));
    assert_true(bytes_starts_with(buf_bytes(&got), "HTTP/1.1 503 "));
    assert_int_equal(count_of(&got, "Retry-After"), 1);
    (void)close(fd);
    buf_deinit(&got);
    for (size_t i = 0; i < 3; i++) {
        (void)close(fds[i]);
    }
}

static void closing_lets_requests_finish(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    buf_init(&got, 1 << 20);
    int idle = peer_connect(f->port);
    int busy = peer_connect(f->port);
    int stuck = peer_connect(f->port);
    assert_true(peer_send_text(&f->loop, busy, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n"));
    peer_idle(&f->loop, 20);
    assert_true(peer_send_text(&f->loop, stuck, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n"));
    peer_idle(&f->loop, 20);
    assert_int_equal(f->late_count, 2);
    int64_t start = peer_now_ms();
    http_server_close(f->server, 200, on_closed, f);
    assert_true(http_server_is_closing(f->server));
    assert_true(peer_receive(&f->loop, idle, &got, NULL, 0));
    assert_int_equal(got.size, 0);
    assert_false(f->closed);
    http_respond_json(f->late[0], 200, bytes_of_text("{}"));
    assert_true(peer_receive(&f->loop, busy, &got, NULL, 0));
    assert_int_equal(count_of(&got, "Connection: close"), 1);
    peer_wait(&f->loop, &f->closed); /* the stuck one is cut */
    assert_in_range(peer_now_ms() - start, 190, 1500);
    assert_int_equal(f->abort_count, 1);
    f->server = NULL;
    (void)close(idle);
    (void)close(busy);
    (void)close(stuck);
    buf_deinit(&got);
}

static void a_bad_or_taken_address_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct http_server *other = NULL;
    struct err err;
    struct http_server_options options = {.host = "localhost"};
    assert_int_equal(http_server_create(&f->loop, &options, on_request, f, &other, &err),
                     ERR_INVALID);
    options = (struct http_server_options){.port = f->port};
    assert_int_equal(http_server_create(&f->loop, &options, on_request, f, &other, &err),
                     ERR_UNAVAILABLE);
    assert_non_null(strstr(err.message, "in use"));
    assert_null(other);
}

/* ── when nothing is left to serve with ────────────────────────────────────────────────────────── */

#define CROWD 5
#define DESCRIPTORS 256

static void expect_hello(struct fixture *f)
{
    struct buf got;
    exchange(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "hello", 1, &got);
    assert_int_equal(count_of(&got, "hello"), 1);
    buf_deinit(&got);
    while (http_server_connection_count(f->server) > 0) { /* its descriptor is free again */
        peer_turn(&f->loop);
    }
}

/* Each of them was taken and closed, with nothing said: the end comes, or a reset. */
static void expect_hung_up(struct fixture *f, const int fds[CROWD])
{
    int64_t until = peer_now_ms() + PEER_PATIENCE_MS;
    for (size_t i = 0; i < CROWD; i++) {
        char byte;
        ssize_t size = recv(fds[i], &byte, 1, MSG_DONTWAIT);
        while (size < 0 && errno == EAGAIN && peer_now_ms() < until) {
            peer_turn(&f->loop);
            size = recv(fds[i], &byte, 1, MSG_DONTWAIT);
        }
        assert_true(size == 0 || (size < 0 && errno == ECONNRESET));
    }
}

static void without_memory_connections_are_closed_and_later_ones_served(void **state)
{
    struct fixture *f = *state;
    int fds[CROWD];
    faults_arm_all(FAULT_MEMORY, 0);
    for (size_t i = 0; i < CROWD; i++) {
        fds[i] = peer_connect(f->port);
    }
    expect_hung_up(f, fds);
    assert_true(faults_disarm());
    expect_hello(f);
    for (size_t i = 0; i < CROWD; i++) {
        (void)close(fds[i]);
    }
}

static void a_server_that_closes_meanwhile_is_freed(void **state)
{
    struct fixture *f = *state;
    int fds[2];
    faults_arm_all(FAULT_MEMORY, 0);
    for (size_t i = 0; i < 2; i++) { /* one is being closed, the other waits for its turn */
        fds[i] = peer_connect(f->port);
    }
    while (faults_where()[0] == '\0') {
        (void)uv_run(&f->loop, UV_RUN_NOWAIT);
    }
    http_server_close(f->server, 0, on_closed, f);
    f->server = NULL;
    peer_wait(&f->loop, &f->closed);
    assert_true(faults_disarm());
    for (size_t i = 0; i < 2; i++) {
        (void)close(fds[i]);
    }
}

/* Descriptors are used up; `libuv_too`: also the one that libuv holds back. */
static void fill_descriptors(struct fixture *f, bool libuv_too)
{
    int fds[CROWD];
    int filled[DESCRIPTORS];
    size_t count = 0;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit low = {.rlim_cur = DESCRIPTORS, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    for (size_t i = 0; i < CROWD; i++) { /* ours, while there are some */
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fds[i] >= 0);
    }
    if (libuv_too) {
        (void)close(f->loop.emfile_fd);
        f->loop.emfile_fd = -1;
    }
    while (count < DESCRIPTORS && (filled[count] = dup(fds[0])) >= 0) {
        count++;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(f->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (size_t i = 0; i < CROWD; i++) {
        assert_int_equal(connect(fds[i], (const struct sockaddr *)&address, sizeof address), 0);
    }
    expect_hung_up(f, fds);
    while (count > 0) {
        (void)close(filled[--count]);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (size_t i = 0; i < CROWD; i++) {
        (void)close(fds[i]);
    }
    expect_hello(f);
}

static void without_descriptors_connections_are_closed_and_later_ones_served(void **state)
{
    fill_descriptors(*state, false);
    fill_descriptors(*state, false);
}

static void without_the_descriptor_that_libuv_holds_back_too(void **state)
{
    fill_descriptors(*state, true);
    fill_descriptors(*state, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_connection_serves_many_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pipelined_requests_are_answered_in_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_pipelined_request_waits_for_a_late_answer, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(http_1_0_closes_unless_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(expect_continue_is_answered_when_the_body_is_wanted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_body_over_its_limit_is_413, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_short_unread_body_does_not_end_the_connection, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_upload_of_64_mib_is_streamed_in_constant_memory, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_paused_body_stays_with_the_peer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_in_the_middle_of_an_upload_reaches_the_peer,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_big_answer_is_sent_with_bounded_memory, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_sent_from_its_offset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_poll_is_aborted_when_its_peer_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_answer_header_never_leaves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken_requests_get_a_problem_and_the_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(slow_peers_are_sent_away, set_up_impatient, tear_down),
        cmocka_unit_test_setup_teardown(a_peer_that_does_not_read_is_cut, set_up_impatient,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_connection_too_many_is_503, set_up_impatient, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_connections_are_closed_and_later_ones_served,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_closes_meanwhile_is_freed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            without_descriptors_connections_are_closed_and_later_ones_served, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_the_descriptor_that_libuv_holds_back_too, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(closing_lets_requests_finish, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_or_taken_address_is_an_error, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
