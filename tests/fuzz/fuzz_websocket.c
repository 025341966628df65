/* WebSocket frames as a peer may send them. The first byte says which side we are and in what pieces the rest comes; the same bytes whole and in pieces must give the
 * same texts. (The status of the end may differ: of two faults in one packet the second is told, in two packets the first.) Texts are UTF-8 and within the limit, and on_close comes once. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/net/websocket_core.h"
#include "tests/fuzz/fuzz_target.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define MESSAGE_MAX 1000
#define TURNS_MAX 1000000

struct peer {
    struct buf seen; /* texts */
    bool is_closed;
    bool cuts; /* close from within a text */
};

static void on_text(void *ctx, struct websocket *websocket, struct bytes text)
{
    struct peer *peer = ctx;
    INVARIANT(!peer->is_closed);
    INVARIANT(text.size <= MESSAGE_MAX && utf8_is_valid(text));
    buf_printf(&peer->seen, "<%zu:", text.size);
    buf_append_bytes(&peer->seen, text);
    buf_append_byte(&peer->seen, '>');
    (void)!websocket_send(websocket, text, NULL);
    if (peer->cuts && text.size > 3) {
        websocket_close(websocket, WEBSOCKET_POLICY, "enough");
    }
}

static void on_close(void *ctx, struct websocket *websocket, int status, struct bytes reason)
{
    struct peer *peer = ctx;
    (void)websocket;
    INVARIANT(!peer->is_closed);
    INVARIANT(utf8_is_valid(reason));
    INVARIANT(status >= 1000 && status < 5000);
    peer->is_closed = true;
}

/* Take what has come; true at the end. */
static bool drain(int fd)
{
    char taken[4096];
    ssize_t size;
    do {
        size = recv(fd, taken, sizeof taken, MSG_DONTWAIT);
    } while (size > 0);
    return size == 0;
}

static void turn(uv_loop_t *loop, struct peer *peer, int fd, size_t count)
{
    for (size_t i = 0; i < count && !peer->is_closed; i++) {
        (void)uv_run(loop, UV_RUN_NOWAIT);
        (void)drain(fd);
    }
}

static void speak(bool is_server, bool cuts, struct bytes data, size_t step, struct peer *peer)
{
    uv_loop_t loop;
    int fds[2];
    const struct websocket_options options = {.message_size_max = MESSAGE_MAX,
                                              .ping_interval_ms = 1000000};
    const struct websocket_callbacks callbacks = {peer, on_text, NULL, on_close};
    INVARIANT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    INVARIANT(uv_loop_init(&loop) == 0);
    struct stream *stream = stream_create(&loop, (struct stream_owner){0});
    INVARIANT(stream != NULL && uv_tcp_open(stream_tcp(stream), fds[0]) == 0);
    size_t const early = data.size < step ? data.size : step; /* came with the handshake */
    peer->cuts = cuts;
    INVARIANT(websocket_attach(&loop, stream, is_server, &options, &callbacks,
                               bytes_of(data.data, early)) != NULL);
    turn(&loop, peer, fds[1], 2);
    for (size_t at = early; at < data.size && !peer->is_closed; at += step) {
        size_t const size = data.size - at < step ? data.size - at : step;
        (void)!send(fds[1], data.data + at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        turn(&loop, peer, fds[1], 2);
    }
    (void)shutdown(fds[1], SHUT_WR);
    for (size_t i = 0; i < TURNS_MAX && !peer->is_closed; i++) {
        turn(&loop, peer, fds[1], 1);
    }
    INVARIANT(peer->is_closed);
    (void)close(fds[1]);
    while (uv_run(&loop, UV_RUN_NOWAIT) != 0) {
    }
    INVARIANT(uv_loop_close(&loop) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct peer whole = {0};
    struct peer pieces = {0};
    if (size < 1 || size > 8192) {
        return 0;
    }
    struct bytes const rest = bytes_from(bytes_of(data, size), 1);
    bool const is_server = (data[0] & 0x80) == 0;
    bool const cuts = (data[0] & 0x40) != 0;
    buf_init(&whole.seen, 1U << 20);
    buf_init(&pieces.seen, 1U << 20);
    speak(is_server, cuts, rest, rest.size + 1, &whole);
    speak(is_server, cuts, rest, 1 + (data[0] & 0x1f), &pieces);
    INVARIANT(bytes_equal(buf_bytes(&whole.seen), buf_bytes(&pieces.seen)));
    buf_deinit(&whole.seen);
    buf_deinit(&pieces.seen);
    return 0;
}
