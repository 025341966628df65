/* WebSocket, both sides. Method: raw frames against the server for everything a peer may do wrong; our client against our
 * server for what it should do right. */
// SPDX-License-Identifier: Apache-2.0
#include "core/net/http_server.h"
#include "core/net/websocket.h"
#include "core/net/websocket_client.h"
#include "tests/support/net_peer.h"

#include <stdio.h>
#include <stdlib.h>

struct fixture {
    uv_loop_t loop;
    struct http_server *server;
    bool server_closed;
    struct websocket_accept_options options;
    /* server side */
    struct websocket *accepted;
    const char *protocol;
    enum err_code accept_code;
    size_t text_count;
    struct buf last_text;
    bool closed;
    int close_status;
    char close_reason[128];
    size_t writable_count;
    uint64_t to_feed; /* messages */
    size_t buffered_max;
    struct websocket_frame *frame;
    bool close_at_text;
    /* client side */
    struct websocket *client;
    struct websocket_connect *connect;
    bool opened;
    bool failed;
    int fail_status;
    struct err fail_err;
    size_t client_count;
    struct buf client_text;
    bool client_closed;
    int client_close_status;
    char client_close_reason[128];
};

/* ---- server ---- */

static void feed(struct fixture *f)
{
    while (f->to_feed > 0 && websocket_send_frame(f->accepted, f->frame, NULL) == ERR_OK) {
        f->to_feed--;
        size_t buffered = websocket_buffered(f->accepted);
        f->buffered_max = buffered > f->buffered_max ? buffered : f->buffered_max;
    }
}

static void on_text(void *ctx, struct websocket *websocket, struct bytes text)
{
    struct fixture *f = ctx;
    f->text_count++;
    buf_clear(&f->last_text);
    buf_append_bytes(&f->last_text, text);
    if (f->close_at_text) {
        websocket_close(websocket, WEBSOCKET_POLICY, "enough");
        assert_int_equal(websocket_send(websocket, text, NULL), ERR_UNAVAILABLE);
    } else {
        assert_int_equal(websocket_send(websocket, text, NULL), ERR_OK);
    }
}

static void on_writable(void *ctx, struct websocket *websocket)
{
    struct fixture *f = ctx;
    (void)websocket;
    f->writable_count++;
    feed(f);
}

static void on_close(void *ctx, struct websocket *websocket, int status, struct bytes reason)
{
    struct fixture *f = ctx;
    assert_ptr_equal(websocket, f->accepted);
    assert_false(f->closed);
    f->closed = true;
    f->close_status = status;
    (void)snprintf(f->close_reason, sizeof f->close_reason, "%.*s", (int)reason.size,
                   (const char *)reason.data);
    f->accepted = NULL;
}

static bool origin_allowed(void *ctx, const char *origin)
{
    (void)ctx;
    return strcmp(origin, "http://good.example") == 0;
}

static void on_request(void *ctx, struct http_request *request)
{
    struct fixture *f = ctx;
    const struct websocket_callbacks callbacks = {f, on_text, on_writable, on_close};
    f->accept_code =
        websocket_accept(request, &f->options, &callbacks, &f->accepted, &f->protocol, NULL);
}

static void server_closed(void *ctx)
{
    ((struct fixture *)ctx)->server_closed = true;
}

static int set_up(void **state)
{
    static const char *const protocols[] = {"tally.v1"};
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->options = (struct websocket_accept_options){
        .limits = {.message_size_max = 1000,
                   .buffered_max = 65536,
                   .ping_interval_ms = 60000,
                   .close_timeout_ms = 150},
        .protocols = protocols,
        .protocol_count = 1,
        .origin_allowed = origin_allowed,
    };
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(http_server_create(&f->loop, NULL, on_request, f, &f->server, NULL), ERR_OK);
    buf_init(&f->last_text, 1 << 20);
    buf_init(&f->client_text, 1 << 20);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->client != NULL) {
        websocket_cut(f->client);
    }
    http_server_close(f->server, 0, server_closed, f);
    peer_wait(&f->loop, &f->server_closed);
    assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    websocket_frame_unref(f->frame);
    buf_deinit(&f->last_text);
    buf_deinit(&f->client_text);
    free(f);
    return 0;
}

/* ---- raw peer ---- */

#define UPGRADE                                                                                    \
    "GET /feed HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"   \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static int raw_open(struct fixture *f, struct buf *got)
{
    buf_init(got, 1 << 24);
    int fd = peer_connect(http_server_port(f->server));
    assert_true(
        peer_send_text(&f->loop, fd, UPGRADE "Sec-WebSocket-Protocol: other, tally.v1\r\n\r\n"));
    assert_false(peer_receive(&f->loop, fd, got, "\r\n\r\n", 1));
    assert_true(bytes_starts_with(buf_bytes(got), "HTTP/1.1 101 "));
    buf_clear(got);
    return fd;
}

/* A frame with mask 1,2,3,4; payload below 126 bytes. */
static void raw_frame(struct fixture *f, int fd, uint8_t first, const char *payload, size_t size)
{
    uint8_t frame[6 + 125] = {first, (uint8_t)(0x80 | size), 1, 2, 3, 4};
    for (size_t i = 0; i < size; i++) {
        frame[6 + i] = (uint8_t)payload[i] ^ frame[2 + i % 4];
    }
    (void)peer_send(&f->loop, fd, frame, 6 + size);
}

/* Everything the server says until the end; its close status, or 0. */
static int raw_close_status(struct fixture *f, int fd, struct buf *got)
{
    (void)peer_receive(&f->loop, fd, got, NULL, 0);
    (void)close(fd);
    int status = 0;
    size_t at = 0;
    while (at + 2 <= got->size) { /* walk the frames, all short */
        size_t size = got->data[at + 1];
        assert_true(size < 126);
        if ((got->data[at] & 0x0f) == 8 && size >= 2) {
            status = got->data[at + 2] * 256 + got->data[at + 3];
        }
        at += 2 + size;
    }
    buf_deinit(got);
    return status;
}

static void the_handshake_is_the_one_of_the_rfc(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    buf_init(&got, 1 << 20);
    int fd = peer_connect(http_server_port(f->server));
    assert_true(peer_send_text(&f->loop, fd,
                               UPGRADE "Origin: http://good.example\r\n"
                                       "Sec-WebSocket-Protocol: tally.v1\r\n\r\n"));
    assert_false(peer_receive(&f->loop, fd, &got, "\r\n\r\n", 1));
    assert_non_null(
        strstr(buf_text(&got), "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_non_null(strstr(buf_text(&got), "Sec-WebSocket-Protocol: tally.v1\r\n"));
    assert_string_equal(f->protocol, "tally.v1");
    (void)close(fd);
    buf_deinit(&got);
    peer_idle(&f->loop, 20);
    assert_true(f->closed);
    assert_int_equal(f->close_status, WEBSOCKET_LOST);
}

static void bad_handshakes_are_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *request;
        int status;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 426},
        {"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 426},
        {"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 426},
        {"POST / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n\r\n",
         400},
        {UPGRADE "\r\n", 400}, /* no subprotocol */
        {UPGRADE "Sec-WebSocket-Protocol: tally.v2\r\n\r\n", 400},
        {UPGRADE "Origin: http://evil.example\r\nSec-WebSocket-Protocol: tally.v1\r\n\r\n", 403},
        {UPGRADE "Content-Length: 1\r\nSec-WebSocket-Protocol: tally.v1\r\n\r\nx", 400},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf got;
        char expected[32];
        buf_init(&got, 1 << 20);
        int fd = peer_connect(http_server_port(f->server));
        assert_true(peer_send_text(&f->loop, fd, rows[i].request));
        assert_false(peer_receive(&f->loop, fd, &got, "websocket_refused", 1));
        (void)snprintf(expected, sizeof expected, "HTTP/1.1 %d ", rows[i].status);
        assert_true(bytes_starts_with(buf_bytes(&got), expected));
        assert_true(f->accept_code != ERR_OK);
        (void)close(fd);
        buf_deinit(&got);
    }
}

static void messages_whole_and_in_fragments_are_echoed(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    int fd = raw_open(f, &got);
    raw_frame(f, fd, 0x81, "whole", 5);
    assert_false(peer_receive(&f->loop, fd, &got, "\x81\x05whole", 1));
    raw_frame(f, fd, 0x01, "fr\xc3", 3); /* a character cut in two */
    raw_frame(f, fd, 0x89, "ping", 4);
    raw_frame(f, fd, 0x00, "\xa9g", 2);
    raw_frame(f, fd, 0x80, "ment", 4);
    assert_false(peer_receive(&f->loop, fd, &got, "\x8a\x04ping", 1));
    assert_false(peer_receive(&f->loop, fd, &got, "fr\xc3\xa9gment", 1));
    assert_int_equal(f->text_count, 2);
    raw_frame(f, fd, 0x88,
              "\x03\xe8"
              "bye",
              5);
    assert_int_equal(raw_close_status(f, fd, &got), 1000);
    peer_wait(&f->loop, &f->closed);
    assert_int_equal(f->close_status, 1000);
    assert_string_equal(f->close_reason, "bye");
}

static void early_bytes_behind_the_handshake_count(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    buf_init(&got, 1 << 20);
    int fd = peer_connect(http_server_port(f->server));
    assert_true(peer_send_text(
        &f->loop, fd,
        UPGRADE "Sec-WebSocket-Protocol: tally.v1\r\n\r\n\x81\x82\x01\x01\x01\x01\x69\x68"));
    assert_false(peer_receive(&f->loop, fd, &got, "\x81\x02hi", 1));
    (void)close(fd);
    buf_deinit(&got);
}

static void wrong_frames_close_with_their_status(void **state)
{
    struct fixture *f = *state;
    static const char big[125] = {'x'};
    static const struct {
        uint8_t first;
        const char *payload;
        size_t size;
        size_t repeat;
        int status;
    } rows[] = {
        {0x81, "\xff\xfe", 2, 1, 1007},     /* not UTF-8 */
        {0x81, "\xed\xa0\x80", 3, 1, 1007}, /* a surrogate */
        {0x82, "x", 1, 1, 1003},            /* binary */
        {0xc1, "x", 1, 1, 1002},            /* a reserved bit */
        {0x83, "x", 1, 1, 1002},            /* a reserved opcode */
        {0x80, "x", 1, 1, 1002},            /* continuation of nothing */
        {0x01, "x", 1, 2, 1002},            /* two beginnings */
        {0x09, "x", 1, 1, 1002},            /* a fragmented ping */
        {0x88, "x", 1, 1, 1002},            /* half a status */
        {0x88, "\x03\xed", 2, 1, 1002},     /* 1005 may not be sent */
        {0x88, "\x03\xe8\xff", 3, 1, 1007}, /* a reason that is not UTF-8 */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf got;
        f->closed = false;
        int fd = raw_open(f, &got);
        for (size_t n = 0; n < rows[i].repeat; n++) {
            raw_frame(f, fd, rows[i].first, rows[i].payload, rows[i].size);
        }
        int status = raw_close_status(f, fd, &got);
        if (status != rows[i].status) {
            fail_msg("row %zu: %d instead of %d", i, status, rows[i].status);
        }
        peer_wait(&f->loop, &f->closed);
    }
    struct buf got;
    f->closed = false;
    int fd = raw_open(f, &got); /* unmasked */
    assert_true(peer_send(&f->loop, fd, "\x81\x01x", 3));
    assert_int_equal(raw_close_status(f, fd, &got), 1002);
    peer_wait(&f->loop, &f->closed);
    f->closed = false;
    fd = raw_open(f, &got); /* too long, announced */
    assert_true(peer_send(&f->loop, fd, "\x81\xfe\x03\xe9\x01\x02\x03\x04y", 9));
    assert_int_equal(raw_close_status(f, fd, &got), 1009);
    peer_wait(&f->loop, &f->closed);
    f->closed = false;
    fd = raw_open(f, &got); /* too long, in pieces */
    raw_frame(f, fd, 0x01, big, sizeof big);
    for (size_t n = 0; n < 8; n++) {
        raw_frame(f, fd, 0x00, big, sizeof big);
    }
    assert_int_equal(raw_close_status(f, fd, &got), 1009);
    peer_wait(&f->loop, &f->closed);
    assert_int_equal(f->text_count, 0);
}

static void closing_waits_for_the_peer_but_not_for_ever(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    f->close_at_text = true;
    int fd = raw_open(f, &got);
    raw_frame(f, fd, 0x81, "x", 1);
    int64_t start = peer_now_ms();
    assert_int_equal(raw_close_status(f, fd, &got), WEBSOCKET_POLICY);
    assert_in_range(peer_now_ms() - start, 100, 2000); /* we never answered its close */
    peer_wait(&f->loop, &f->closed);
    assert_int_equal(f->close_status, WEBSOCKET_POLICY);
}

static void a_silent_peer_is_pinged_and_cut(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    f->options.limits.ping_interval_ms = 50;
    int fd = raw_open(f, &got);
    assert_false(peer_receive(&f->loop, fd, &got, "\x89", 1));
    raw_frame(f, fd, 0x8a, "", 0);
    (void)peer_receive(&f->loop, fd, &got, NULL, 0); /* we say no more */
    assert_in_range(got.size, 2, 20);
    peer_wait(&f->loop, &f->closed);
    assert_int_equal(f->close_status, WEBSOCKET_LOST);
    (void)close(fd);
    buf_deinit(&got);
}

static void a_slow_reader_is_fed_within_bounds(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    static uint8_t text[5000];
    memset(text, 'x', sizeof text);
    int fd = raw_open(f, &got);
    f->frame = websocket_frame_create(bytes_of(text, sizeof text));
    assert_non_null(f->frame);
    struct websocket_frame *again = websocket_frame_ref(f->frame);
    websocket_frame_unref(again);
    f->to_feed = 3000;
    feed(f);
    peer_idle(&f->loop, 50);
    assert_true(f->to_feed > 0); /* the peer does not read */
    assert_true(f->buffered_max <= 65536 + 5100);
    size_t received = 0;
    static char sink[100000];
    while (received < 3000 * (sizeof text + 4)) {
        ssize_t size = recv(fd, sink, sizeof sink, MSG_DONTWAIT);
        received += size > 0 ? (size_t)size : 0;
        peer_turn(&f->loop);
    }
    assert_int_equal(f->to_feed, 0);
    assert_true(f->writable_count > 0);
    (void)close(fd);
    buf_deinit(&got);
}

static void a_flood_of_pings_is_held_back(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    int fd = raw_open(f, &got);
    static uint8_t frames[131 * 1000];
    for (size_t i = 0; i < 1000; i++) {
        memcpy(frames + i * 131, "\x89\xfd\0\0\0\0", 6);
    }
    int64_t start = peer_now_ms();
    size_t sent = 0;
    while (peer_now_ms() - start < 300) {
        ssize_t size = send(fd, frames + sent % sizeof frames, sizeof frames - sent % sizeof frames,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += size > 0 ? (size_t)size : 0;
        peer_turn(&f->loop);
        size_t buffered = f->accepted == NULL ? 0 : websocket_buffered(f->accepted);
        assert_true(buffered < 400000);
    }
    assert_non_null(f->accepted);
    (void)close(fd);
    buf_deinit(&got);
}

/* ---- our client ---- */

static void client_text(void *ctx, struct websocket *websocket, struct bytes text)
{
    struct fixture *f = ctx;
    (void)websocket;
    f->client_count++;
    buf_clear(&f->client_text);
    buf_append_bytes(&f->client_text, text);
}

static void client_close(void *ctx, struct websocket *websocket, int status, struct bytes reason)
{
    struct fixture *f = ctx;
    (void)websocket;
    f->client = NULL;
    f->client_closed = true;
    f->client_close_status = status;
    (void)snprintf(f->client_close_reason, sizeof f->client_close_reason, "%.*s", (int)reason.size,
                   (const char *)reason.data);
}

static void client_open(void *ctx, struct websocket *websocket)
{
    struct fixture *f = ctx;
    f->client = websocket;
    f->opened = true;
}

static void client_fail(void *ctx, int http_status, const struct err *err)
{
    struct fixture *f = ctx;
    f->failed = true;
    f->fail_status = http_status;
    f->fail_err = *err;
}

static struct websocket_connect_options client_options(struct fixture *f, const char *url)
{
    return (struct websocket_connect_options){
        .url = url,
        .protocol = "tally.v1",
        .callbacks = {f, client_text, NULL, client_close},
        .on_open = client_open,
        .on_fail = client_fail,
    };
}

static void client_connect(struct fixture *f)
{
    char url[64];
    (void)snprintf(url, sizeof url, "ws://127.0.0.1:%u/v1/feed?a=b", http_server_port(f->server));
    struct websocket_connect_options options = client_options(f, url);
    struct err err;
    assert_int_equal(websocket_connect(&f->loop, &options, &f->connect, &err), ERR_OK);
    peer_wait(&f->loop, &f->opened);
}

static void client_and_server_understand_each_other(void **state)
{
    struct fixture *f = *state;
    f->options.limits.message_size_max = 100000;
    client_connect(f);
    static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536, 99999};
    static uint8_t text[100000];
    memset(text, 'y', sizeof text);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t before = f->client_count;
        assert_int_equal(websocket_send(f->client, bytes_of(text, sizes[i]), NULL), ERR_OK);
        int64_t start = peer_now_ms();
        while (f->client_count == before && !f->client_closed && peer_now_ms() - start < 3000) {
            peer_turn(&f->loop);
        }
        if (sizes[i] > 65536) { /* our side accepts 64 KiB by default */
            assert_true(f->client_closed || websocket_is_closing(f->client));
            break;
        }
        assert_int_equal(f->client_count, before + 1);
        assert_int_equal(f->client_text.size, sizes[i]);
    }
    peer_wait(&f->loop, &f->client_closed);
    peer_wait(&f->loop, &f->closed);
    assert_int_equal(f->close_status, WEBSOCKET_TOO_BIG);
    assert_int_equal(f->client_close_status, WEBSOCKET_TOO_BIG);
}

static void either_side_may_close(void **state)
{
    struct fixture *f = *state;
    client_connect(f);
    websocket_close(f->client, WEBSOCKET_NORMAL, "done");
    peer_wait(&f->loop, &f->client_closed);
    peer_wait(&f->loop, &f->closed);
    assert_int_equal(f->close_status, WEBSOCKET_NORMAL);
    assert_string_equal(f->close_reason, "done");
    assert_int_equal(f->client_close_status, WEBSOCKET_NORMAL);

    f->closed = f->client_closed = f->opened = false;
    client_connect(f);
    char reason[300];
    memset(reason, 'r', sizeof reason);
    reason[122] = '\xc3'; /* a character across the cut */
    reason[123] = '\xa9';
    reason[299] = '\0';
    websocket_close(f->accepted, WEBSOCKET_GOING_AWAY, reason);
    peer_wait(&f->loop, &f->client_closed);
    peer_wait(&f->loop, &f->closed);
    assert_int_equal(f->client_close_status, WEBSOCKET_GOING_AWAY);
    assert_int_equal(strlen(f->client_close_reason), 122);

    f->closed = f->client_closed = f->opened = false;
    client_connect(f); /* the server's end cuts both */
    http_server_close(f->server, 20, server_closed, f);
    peer_wait(&f->loop, &f->server_closed);
    peer_wait(&f->loop, &f->client_closed);
    assert_true(f->closed);
    assert_int_equal(f->close_status, WEBSOCKET_LOST);
    assert_int_equal(f->client_close_status, WEBSOCKET_LOST);
    f->server_closed = false;
    assert_int_equal(http_server_create(&f->loop, NULL, on_request, f, &f->server, NULL), ERR_OK);
}

static void a_failed_attempt_says_why(void **state)
{
    struct fixture *f = *state;
    char url[64];
    struct err err;
    (void)snprintf(url, sizeof url, "ws://127.0.0.1:%u/", http_server_port(f->server));
    struct websocket_connect_options options = client_options(f, url);
    options.protocol = "other";
    assert_int_equal(websocket_connect(&f->loop, &options, NULL, &err), ERR_OK);
    peer_wait(&f->loop, &f->failed);
    assert_int_equal(f->fail_status, 400);
    assert_non_null(strstr(f->fail_err.message, "400 Bad Request"));

    f->failed = false; /* bound, not listening */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(url, sizeof url, "ws://127.0.0.1:%u/", ntohs(address.sin_port));
    assert_int_equal(websocket_connect(&f->loop, &options, NULL, &err), ERR_OK);
    peer_wait(&f->loop, &f->failed);
    assert_int_equal(f->fail_err.code, ERR_UNAVAILABLE);

    f->failed = false; /* listening, silent */
    assert_int_equal(listen(fd, 1), 0);
    options.timeout_ms = 100;
    assert_int_equal(websocket_connect(&f->loop, &options, NULL, &err), ERR_OK);
    peer_wait(&f->loop, &f->failed);
    assert_int_equal(f->fail_err.code, ERR_TIMEOUT);

    f->failed = false;
    assert_int_equal(websocket_connect(&f->loop, &options, &f->connect, &err), ERR_OK);
    websocket_connect_cancel(f->connect);
    peer_idle(&f->loop, 150);
    assert_false(f->failed);
    (void)close(fd);

    static const char *const bad[] = {"http://127.0.0.1/", "wss://127.0.0.1/", "ws://", "feed"};
    for (size_t i = 0; i < 4; i++) {
        options.url = bad[i];
        assert_int_equal(websocket_connect(&f->loop, &options, NULL, &err), ERR_INVALID);
        assert_non_null(strstr(err.message, "ws:// URL"));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_handshake_is_the_one_of_the_rfc),
        TEST(bad_handshakes_are_refused),
        TEST(messages_whole_and_in_fragments_are_echoed),
        TEST(early_bytes_behind_the_handshake_count),
        TEST(wrong_frames_close_with_their_status),
        TEST(closing_waits_for_the_peer_but_not_for_ever),
        TEST(a_silent_peer_is_pinged_and_cut),
        TEST(a_slow_reader_is_fed_within_bounds),
        TEST(a_flood_of_pings_is_held_back),
        TEST(client_and_server_understand_each_other),
        TEST(either_side_may_close),
        TEST(a_failed_attempt_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
