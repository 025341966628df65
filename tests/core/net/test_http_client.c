/* The HTTP client against our own server on the same loop, and against peers that refuse, stall or hang up. */
// SPDX-License-Identifier: Apache-2.0
#include "core/net/http_client.h"
#include "core/net/http_server.h"
#include "core/net/http_url.h"
#include "tests/support/net_peer.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct fixture {
    uv_loop_t loop;
    struct http_server *server;
    struct http_client *client;
    bool server_closed;
    bool client_closed;
    char url[128];
    /* what the server saw */
    char seen_method[16];
    char seen_header[64];
    struct buf seen_body;
    uint64_t seen_size;
    uint64_t to_send;
    uint64_t late_count;
    /* what the client got */
    bool done;
    size_t done_count;
    enum err_code code;
    int status;
    struct buf body;
    char type[64];
    struct err err;
    uint64_t transferred;
    uint64_t piece_count;
    struct http_call *call;
    uint64_t stop_after;
};

/* ---- server ---- */

static void on_body(void *ctx, struct http_request *request, struct bytes body)
{
    struct fixture *f = ctx;
    buf_clear(&f->seen_body);
    buf_append_bytes(&f->seen_body, body);
    http_respond_json(request, 201, bytes_of_text("{\"ok\":true}"));
}

static void on_data(void *ctx, struct http_request *request, struct bytes piece)
{
    (void)request;
    ((struct fixture *)ctx)->seen_size += piece.size;
}

static void on_end(void *ctx, struct http_request *request)
{
    (void)ctx;
    http_respond_json(request, 200, bytes_of_text("{}"));
}

static void on_abort(void *ctx, struct http_request *request, enum err_code why)
{
    (void)request;
    (void)why;
    ((struct fixture *)ctx)->late_count--;
}

static void on_writable(void *ctx, struct http_request *request)
{
    struct fixture *f = ctx;
    static const uint8_t piece[8192];
    while (f->to_send > 0) {
        size_t size = f->to_send < sizeof piece ? (size_t)f->to_send : sizeof piece;
        if (http_respond_write(request, bytes_of(piece, size), NULL) == ERR_BUSY) {
            return;
        }
        f->to_send -= size;
    }
    http_respond_end(request);
}

static void on_request(void *ctx, struct http_request *request)
{
    struct fixture *f = ctx;
    const struct http_head *head = http_request_head(request);
    const char *route = http_head_segment(head, 0);
    const char *header = http_head_header(head, "x-test");
    (void)snprintf(f->seen_method, sizeof f->seen_method, "%s", http_method_name(head->method));
    (void)snprintf(f->seen_header, sizeof f->seen_header, "%s", header == NULL ? "-" : header);
    if (strcmp(route, "body") == 0) {
        http_request_read_body(request, 1 << 20, on_body, f);
    } else if (strcmp(route, "upload") == 0) {
        http_request_stream_body(
            request, &(struct http_body_stream){.on_data = on_data, .on_end = on_end, .ctx = f});
    } else if (strcmp(route, "full") == 0) {
        http_respond_problem(request, 503, "full", "come back later");
    } else if (strcmp(route, "late") == 0) {
        f->late_count++;
        http_request_on_abort(request, on_abort, f);
    } else if (strcmp(route, "big") == 0) {
        f->to_send = 30u << 20;
        http_respond_begin(request, &(struct http_response){.status = 200}, 30 << 20, on_writable,
                           f);
    } else if (strcmp(route, "short") == 0) {
        f->to_send = 10;
        http_respond_begin(request, &(struct http_response){.status = 200}, 20, on_writable, f);
    } else if (strcmp(route, "redirect") == 0) {
        const struct http_field location = {"Location", "/body"};
        http_respond(request, &(struct http_response){
                                  .status = 302, .headers = &location, .header_count = 1});
    } else {
        http_respond_problem(request, 404, "no_route", "no '%s' here", route);
    }
}

/* ---- client ---- */

static void on_done(void *ctx, const struct http_call_result *result)
{
    struct fixture *f = ctx;
    f->done = true;
    f->done_count++;
    f->code = result->code;
    f->status = result->status;
    f->err = result->err;
    f->transferred = result->transferred;
    buf_clear(&f->body);
    buf_append_bytes(&f->body, result->body);
    assert_int_equal(result->body.data[result->body.size], 0);
    const char *type = http_call_header(result, "Content-Type");
    (void)snprintf(f->type, sizeof f->type, "%s", type == NULL ? "-" : type);
}

static bool on_piece(void *ctx, struct bytes piece)
{
    struct fixture *f = ctx;
    assert_true(piece.size > 0);
    f->piece_count++;
    return f->stop_after == 0 || f->piece_count < f->stop_after;
}

static bool on_piece_then_cancel(void *ctx, struct bytes piece)
{
    struct fixture *f = ctx;
    (void)piece;
    f->piece_count++;
    http_call_cancel(f->call);
    return true;
}

static void server_closed(void *ctx)
{
    ((struct fixture *)ctx)->server_closed = true;
}

static void client_closed(void *ctx)
{
    ((struct fixture *)ctx)->client_closed = true;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(http_server_create(&f->loop, NULL, on_request, f, &f->server, NULL), ERR_OK);
    assert_int_equal(http_client_create(&f->loop, &f->client, NULL), ERR_OK);
    buf_init(&f->seen_body, 1 << 20);
    buf_init(&f->body, 1 << 20);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    http_client_close(f->client, client_closed, f);
    if (f->server != NULL) {
        http_server_close(f->server, 0, server_closed, f);
    }
    peer_wait(&f->loop, &f->client_closed);
    peer_wait(&f->loop, &f->server_closed);
    assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    buf_deinit(&f->seen_body);
    buf_deinit(&f->body);
    free(f);
    return 0;
}

static const char *url(struct fixture *f, const char *path)
{
    (void)snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u%s", http_server_port(f->server),
                   path);
    return f->url;
}

static void call(struct fixture *f, const struct http_call_options *options)
{
    f->done = false;
    struct err err;
    assert_int_equal(http_client_send(f->client, options, on_done, f, &f->call, &err), ERR_OK);
    peer_wait(&f->loop, &f->done);
}

static void methods_headers_and_bodies_arrive(void **state)
{
    struct fixture *f = *state;
    const struct http_field headers[] = {{"X-Test", "value"}, {"Content-Type", "application/json"}};
    static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; i < 4; i++) {
        call(f, &(struct http_call_options){.method = methods[i],
                                            .url = url(f, "/body"),
                                            .headers = headers,
                                            .header_count = 2,
                                            .body = bytes_of_text("{\"a\":1}")});
        assert_int_equal(f->code, ERR_OK);
        assert_int_equal(f->status, 201);
        assert_string_equal(f->seen_method, methods[i]);
        assert_string_equal(f->seen_header, "value");
        assert_string_equal(buf_text(&f->seen_body), "{\"a\":1}");
        assert_string_equal(buf_text(&f->body), "{\"ok\":true}");
        assert_string_equal(f->type, "application/json");
    }
    call(f, &(struct http_call_options){.method = "POST", .url = url(f, "/body")});
    assert_int_equal(f->status, 201);
    assert_int_equal(f->seen_body.size, 0);
    call(f, &(struct http_call_options){.url = url(f, "/body")});
    assert_string_equal(f->seen_method, "GET");
    call(f, &(struct http_call_options){.method = "HEAD", .url = url(f, "/body")});
    assert_string_equal(f->seen_method, "HEAD");
    assert_int_equal(f->body.size, 0);
    assert_int_equal(http_server_connection_count(f->server), 1); /* kept alive */
}

static void a_status_is_not_an_error_and_redirects_are_not_followed(void **state)
{
    struct fixture *f = *state;
    call(f, &(struct http_call_options){.url = url(f, "/nowhere")});
    assert_int_equal(f->code, ERR_OK);
    assert_int_equal(f->status, 404);
    assert_non_null(strstr(buf_text(&f->body), "no 'nowhere' here"));
    call(f, &(struct http_call_options){.url = url(f, "/redirect")});
    assert_int_equal(f->status, 302);
}

static int file_of(size_t size)
{
    char path[] = "/tmp/tally-net-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)unlink(path);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    return fd;
}

static void files_go_up_and_down(void **state)
{
    struct fixture *f = *state;
    int fd = file_of(20u << 20);
    call(f, &(struct http_call_options){.method = "PUT",
                                        .url = url(f, "/upload"),
                                        .upload = true,
                                        .upload_fd = fd,
                                        .upload_offset = 1,
                                        .upload_size = (20u << 20) - 1});
    assert_int_equal(f->code, ERR_OK);
    assert_int_equal(f->status, 200);
    assert_int_equal(f->seen_size, (20u << 20) - 1);

    call(f, &(struct http_call_options){.method = "PUT",
                                        .url = url(f, "/upload"),
                                        .upload = true,
                                        .upload_fd = fd,
                                        .upload_size = (20u << 20) + 1});
    assert_int_equal(f->code, ERR_IO); /* the file is shorter than promised */

    f->seen_size = 0; /* refused before a byte of it was sent */
    call(f, &(struct http_call_options){.method = "POST",
                                        .url = url(f, "/full"),
                                        .upload = true,
                                        .upload_fd = fd,
                                        .upload_size = 20u << 20});
    assert_int_equal(f->code, ERR_OK);
    assert_int_equal(f->status, 503);

    assert_int_equal(ftruncate(fd, 0), 0);
    call(f, &(struct http_call_options){
                .url = url(f, "/big"), .on_data = on_piece, .download = true, .download_fd = fd});
    assert_int_equal(f->code, ERR_OK);
    assert_int_equal(f->transferred, 30u << 20);
    assert_int_equal(lseek(fd, 0, SEEK_END), 30 << 20);
    assert_true(f->piece_count > 100);
    assert_int_equal(f->body.size, 0);
    (void)close(fd);
}

static void a_form_has_fields_and_files(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/tally-net-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "print(1)\n", 9), 9);
    (void)close(fd);
    const struct http_form_part parts[] = {
        {.name = "note", .content = bytes_of_text("hi")},
        {.name = "file", .file_name = "a.py", .content_type = "text/x-python", .path = path},
    };
    call(f, &(struct http_call_options){
                .method = "POST", .url = url(f, "/body"), .form = parts, .form_count = 2});
    (void)unlink(path);
    assert_int_equal(f->status, 201);
    assert_non_null(strstr(buf_text(&f->seen_body), "name=\"note\"\r\n\r\nhi\r\n"));
    assert_non_null(strstr(buf_text(&f->seen_body), "name=\"file\"; filename=\"a.py\"\r\n"
                                                    "Content-Type: text/x-python\r\n\r\nprint(1)"));
    struct err err;
    assert_int_equal(
        http_client_send(f->client,
                         &(struct http_call_options){
                             .method = "POST",
                             .url = url(f, "/body"),
                             .form = &(struct http_form_part){.name = "x", .path = "/nonexistent"},
                             .form_count = 1},
                         on_done, f, NULL, &err),
        ERR_IO);
}

static void limits_on_the_answer_hold(void **state)
{
    struct fixture *f = *state;
    call(f, &(struct http_call_options){.url = url(f, "/big"), .response_size_max = 100000});
    assert_int_equal(f->code, ERR_TOO_LARGE);
    call(f, &(struct http_call_options){
                .url = url(f, "/big"), .on_data = on_piece, .transfer_size_max = 100000});
    assert_int_equal(f->code, ERR_TOO_LARGE);
    f->piece_count = 0;
    f->stop_after = 3;
    call(f, &(struct http_call_options){.url = url(f, "/big"), .on_data = on_piece});
    assert_int_equal(f->code, ERR_IO);
    assert_int_equal(f->piece_count, 3);
}

static void failures_have_their_code(void **state)
{
    struct fixture *f = *state;
    struct err err;
    static const char *const bad[] = {"",        "127.0.0.1:1/x",      "ftp://127.0.0.1/",
                                      "http://", "file:///etc/passwd", "http://a b/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(http_client_send(f->client, &(struct http_call_options){.url = bad[i]},
                                          on_done, f, NULL, &err),
                         ERR_INVALID);
        assert_non_null(strstr(err.message, "http://"));
    }
    const struct http_field evil = {"X", "a\r\nY: b"};
    assert_int_equal(http_client_send(f->client,
                                      &(struct http_call_options){
                                          .url = url(f, "/"), .headers = &evil, .header_count = 1},
                                      on_done, f, NULL, &err),
                     ERR_INVALID);

    /* Refused: a port that was just given back. */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    char text[64];
    (void)snprintf(text, sizeof text, "http://127.0.0.1:%u/", ntohs(address.sin_port));
    call(f, &(struct http_call_options){.url = text}); /* bound, not listening */
    assert_int_equal(f->code, ERR_UNAVAILABLE);
    assert_true(f->err.origin != 0);

    /* Accepted by the kernel, never answered. */
    assert_int_equal(listen(fd, 1), 0);
    int64_t start = peer_now_ms();
    call(f, &(struct http_call_options){.url = text, .total_timeout_ms = 200});
    assert_int_equal(f->code, ERR_TIMEOUT);
    assert_in_range(peer_now_ms() - start, 190, 1500);
    start = peer_now_ms();
    call(f, &(struct http_call_options){.url = text, .idle_timeout_s = 1});
    assert_int_equal(f->code, ERR_TIMEOUT);
    assert_in_range(peer_now_ms() - start, 900, 4000);
    (void)close(fd);

    /* Cut in the middle. */
    call(f, &(struct http_call_options){.url = url(f, "/short")});
    assert_int_equal(f->code, ERR_UNAVAILABLE);
    assert_true(strlen(f->err.message) > 5);
}

/* Until `*value` is `wanted`, at most five seconds: how soon it comes is up to the machine. */
static bool no_loopback(void *ctx, const struct sockaddr *address)
{
    (void)ctx;
    return address_kind_of(address) != ADDRESS_LOOPBACK;
}

static bool anywhere(void *ctx, const struct sockaddr *address)
{
    (void)ctx;
    assert_int_equal(address_kind_of(address), ADDRESS_LOOPBACK);
    return true;
}

/* However it is written: what counts is where it leads. */
static void an_address_that_may_not_be_connected_to_is_not(void **state)
{
    struct fixture *f = *state;
    static const char *const HOSTS[] = {"127.0.0.1", "localhost", "127.1", "0x7f000001",
                                        "[::ffff:127.0.0.1]"};
    char text[128];
    for (size_t i = 0; i < sizeof HOSTS / sizeof *HOSTS; i++) {
        (void)snprintf(text, sizeof text, "http://%s:%u/body", HOSTS[i],
                       http_server_port(f->server));
        call(f, &(struct http_call_options){.method = "POST",
                                            .url = text,
                                            .body = bytes_of_text("x"),
                                            .may_connect = no_loopback});
        assert_int_equal(f->code, ERR_DENIED);
        assert_int_equal(f->seen_body.size, 0);
    }
    call(f, &(struct http_call_options){.method = "POST",
                                        .url = url(f, "/body"),
                                        .body = bytes_of_text("x"),
                                        .may_connect = anywhere});
    assert_int_equal(f->status, 201);
    assert_int_equal(f->seen_body.size, 1);
}

static void idle_until(struct fixture *f, const uint64_t *value, uint64_t wanted)
{
    int64_t end = peer_now_ms() + 5000;
    while (*value != wanted && peer_now_ms() < end) {
        peer_idle(&f->loop, 10);
    }
    assert_int_equal(*value, wanted);
}

static void a_cancelled_call_is_silent(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(http_client_send(f->client,
                                      &(struct http_call_options){.url = url(f, "/late")}, on_done,
                                      f, &f->call, NULL),
                     ERR_OK);
    idle_until(f, &f->late_count, 1);
    http_call_cancel(f->call);
    idle_until(f, &f->late_count, 0); /* the server has noticed */
    assert_int_equal(f->done_count, 0);

    assert_int_equal(http_client_send(f->client,
                                      &(struct http_call_options){.url = url(f, "/big"),
                                                                  .on_data = on_piece_then_cancel},
                                      on_done, f, &f->call, NULL),
                     ERR_OK);
    idle_until(f, &f->piece_count, 1);
    peer_idle(&f->loop, 50); /* no second one */
    assert_int_equal(f->piece_count, 1);
    assert_int_equal(f->done_count, 0);

    /* And one that is in flight when the client is closed. */
    assert_int_equal(http_client_send(f->client,
                                      &(struct http_call_options){.url = url(f, "/late")}, on_done,
                                      f, &f->call, NULL),
                     ERR_OK);
    peer_idle(&f->loop, 10);
}

static void many_calls_run_at_once(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(http_client_send(f->client,
                                          &(struct http_call_options){.url = url(f, "/body")},
                                          on_done, f, NULL, NULL),
                         ERR_OK);
    }
    int64_t start = peer_now_ms();
    while (f->done_count < 50 && peer_now_ms() - start < 5000) {
        peer_turn(&f->loop);
    }
    assert_int_equal(f->done_count, 50);
}

/* ---- http_fetch, with the server's loop in another thread ---- */

static void *run_server(void *ctx)
{
    struct fixture *f = ctx;
    while (!f->server_closed) {
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    }
    return NULL;
}

static void stop_cb(uv_async_t *async)
{
    struct fixture *f = async->data;
    http_server_close(f->server, 0, server_closed, f);
    f->server = NULL;
    uv_close((uv_handle_t *)async, NULL);
}

static void fetch_waits_for_the_answer(void **state)
{
    struct fixture *f = *state;
    uv_async_t stop;
    assert_int_equal(uv_async_init(&f->loop, &stop, stop_cb), 0);
    stop.data = f;
    char address[128];
    (void)snprintf(address, sizeof address, "%s", url(f, "/body"));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_server, f), 0);
    struct buf body;
    struct err err;
    int status = 0;
    buf_init(&body, 1000);
    assert_int_equal(http_fetch(&(struct http_call_options){.method = "POST",
                                                            .url = address,
                                                            .body = bytes_of_text("x")},
                                NULL, &status, &body, &err),
                     ERR_OK);
    assert_int_equal(status, 201);
    assert_string_equal(buf_text(&body), "{\"ok\":true}");
    assert_int_equal(
        http_fetch(&(struct http_call_options){.url = "gopher://x"}, NULL, &status, &body, &err),
        ERR_INVALID);
    buf_clear(&body);
    body.size_max = 3;
    assert_int_equal(
        http_fetch(&(struct http_call_options){.url = address}, NULL, &status, &body, &err),
        ERR_TOO_LARGE);
    buf_deinit(&body);
    assert_int_equal(uv_async_send(&stop), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(methods_headers_and_bodies_arrive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_status_is_not_an_error_and_redirects_are_not_followed,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_go_up_and_down, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_form_has_fields_and_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_on_the_answer_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_have_their_code, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_address_that_may_not_be_connected_to_is_not, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_call_is_silent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_calls_run_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fetch_waits_for_the_answer, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
