/* Raw peers for network tests: a blocking-looking client on a plain socket, while the same thread turns the loop. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_NET_PEER_H
#define TESTS_SUPPORT_NET_PEER_H

#include "core/base/buf.h"
#include "core/base/time.h"
#include "tests/support/cmocka_all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define PEER_PATIENCE_MS 20000

static inline int64_t peer_now_ms(void)
{
    return time_mono_ns() / NS_PER_MS;
}

/* Turn the loop once, sleeping at most a millisecond when there is nothing to do. */
static inline void peer_turn(uv_loop_t *loop)
{
    if (uv_run(loop, UV_RUN_NOWAIT) == 0 || uv_backend_timeout(loop) != 0) {
        (void)usleep(200);
    }
}

static inline int peer_connect(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* Send all, turning the loop whenever the socket is full. False: the other side has closed. */
static inline bool peer_send(uv_loop_t *loop, int fd, const void *data, size_t size)
{
    const uint8_t *at = data;
    int64_t until = peer_now_ms() + PEER_PATIENCE_MS;
    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            at += sent;
            size -= (size_t)sent;
        } else if (errno != EAGAIN) {
            return false;
        }
        peer_turn(loop);
        assert_true(peer_now_ms() < until);
    }
    return true;
}

static inline bool peer_send_text(uv_loop_t *loop, int fd, const char *text)
{
    return peer_send(loop, fd, text, strlen(text));
}

/* Receive until `until_text` has come `count` times, or (NULL) until the end. True: the end has come. */
static inline bool peer_receive(uv_loop_t *loop, int fd, struct buf *ret, const char *until_text,
                                size_t count)
{
    int64_t until = peer_now_ms() + PEER_PATIENCE_MS;
    for (;;) {
        if (until_text != NULL) {
            size_t seen = 0;
            const char *at = buf_text(ret);
            while ((at = strstr(at, until_text)) != NULL) {
                at += strlen(until_text);
                seen++;
            }
            if (seen >= count) {
                return false;
            }
        }
        char chunk[65536];
        ssize_t size = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (size > 0) {
            buf_append(ret, chunk, (size_t)size);
            assert_false(ret->failed);
        } else if (size == 0 || errno != EAGAIN) {
            return true;
        }
        peer_turn(loop);
        if (peer_now_ms() >= until) {
            fail_msg("no more data after: %s", buf_text(ret));
        }
    }
}

/* Turn the loop until `*flag`. */
static inline void peer_wait(uv_loop_t *loop, const bool *flag)
{
    int64_t until = peer_now_ms() + PEER_PATIENCE_MS;
    while (!*flag) {
        peer_turn(loop);
        assert_true(peer_now_ms() < until);
    }
}

/* Run the loop for a while. */
static inline void peer_idle(uv_loop_t *loop, int64_t ms)
{
    int64_t until = peer_now_ms() + ms;
    while (peer_now_ms() < until) {
        peer_turn(loop);
    }
}

#endif
