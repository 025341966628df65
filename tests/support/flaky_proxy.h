/* A TCP relay on 127.0.0.1 that cuts connections now and then, before a byte or in the middle of an answer, and can make
 * balances old ("validForTick":1234 becomes 1000).
 *
 * Owner:   flaky_proxy_start fills caller's storage; flaky_proxy_stop ends its thread.
 * Thread:  start and stop by one; `cut_permille`, `upstream` and `old_balances` by any. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_FLAKY_PROXY_H
#define TESTS_SUPPORT_FLAKY_PROXY_H

#include "tests/support/cmocka_all.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLAKY_PAIRS 16

struct flaky_proxy {
    unsigned port;
    atomic_uint upstream;
    atomic_uint cut_permille; /* of the pieces relayed */
    atomic_uint cuts;
    atomic_bool old_balances;
    atomic_bool stopping;
    int listener;
    unsigned seed;
    pthread_t thread;
    int near_end[FLAKY_PAIRS]; /* −1: free */
    int far_end[FLAKY_PAIRS];
};

static inline struct sockaddr_in flaky_address(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static inline void flaky_close(struct flaky_proxy *p, int i)
{
    (void)close(p->near_end[i]);
    (void)close(p->far_end[i]);
    p->near_end[i] = p->far_end[i] = -1;
}

static inline void flaky_accept(struct flaky_proxy *p)
{
    int near_end = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    int far_end = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = flaky_address(atomic_load(&p->upstream));
    int yes = 1; /* or an answer in two pieces waits 40 ms for an acknowledgement */
    (void)setsockopt(near_end, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    (void)setsockopt(far_end, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    for (int i = 0; i < FLAKY_PAIRS && near_end >= 0; i++) {
        if (p->near_end[i] < 0 &&
            connect(far_end, (const struct sockaddr *)&address, sizeof address) == 0) {
            p->near_end[i] = near_end;
            p->far_end[i] = far_end;
            return;
        }
    }
    (void)close(near_end);
    (void)close(far_end);
}

static inline void flaky_make_old(char *piece, size_t size)
{
    static const char FIELD[] = "\"validForTick\":";
    char *at = memmem(piece, size, FIELD, sizeof FIELD - 1);
    if (at != NULL) {
        for (at += sizeof FIELD; at < piece + size && *at >= '0' && *at <= '9'; at++) {
            *at = '0'; /* all digits but the first */
        }
    }
}

/* One piece; false when either side is done, or fate wants it so. */
static inline bool flaky_relay(struct flaky_proxy *p, int from, int to)
{
    char piece[4096];
    ssize_t size = recv(from, piece, sizeof piece, MSG_DONTWAIT);
    if (size <= 0) {
        return false;
    }
    if (atomic_load(&p->old_balances)) {
        flaky_make_old(piece, (size_t)size);
    }
    bool cut = (unsigned)rand_r(&p->seed) % 1000 < atomic_load(&p->cut_permille);
    if (cut) {
        atomic_fetch_add(&p->cuts, 1);
        size = (ssize_t)((size_t)rand_r(&p->seed) % (size_t)size);
    }
    return send(to, piece, (size_t)size, MSG_NOSIGNAL) == size && !cut;
}

static inline void *flaky_main(void *arg)
{
    struct flaky_proxy *p = arg;
    while (!atomic_load(&p->stopping)) {
        struct pollfd fds[1 + 2 * FLAKY_PAIRS];
        fds[0] = (struct pollfd){.fd = p->listener, .events = POLLIN};
        for (int i = 0; i < FLAKY_PAIRS; i++) {
            fds[1 + 2 * i] = (struct pollfd){.fd = p->near_end[i], .events = POLLIN};
            fds[2 + 2 * i] = (struct pollfd){.fd = p->far_end[i], .events = POLLIN};
        }
        if (poll(fds, 1 + 2 * FLAKY_PAIRS, 20) <= 0) {
            continue;
        }
        for (int i = 0; i < FLAKY_PAIRS; i++) {
            if ((fds[1 + 2 * i].revents != 0 && !flaky_relay(p, p->near_end[i], p->far_end[i])) ||
                (fds[2 + 2 * i].revents != 0 && !flaky_relay(p, p->far_end[i], p->near_end[i]))) {
                flaky_close(p, i);
            }
        }
        if (fds[0].revents != 0) {
            flaky_accept(p);
        }
    }
    return NULL;
}

static inline void flaky_proxy_start(struct flaky_proxy *p, unsigned upstream, unsigned seed)
{
    struct sockaddr_in address = flaky_address(0);
    socklen_t size = sizeof address;
    memset(p, 0, sizeof *p);
    atomic_store(&p->upstream, upstream);
    p->seed = seed;
    for (int i = 0; i < FLAKY_PAIRS; i++) {
        p->near_end[i] = p->far_end[i] = -1;
    }
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p->listener, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(p->listener, 16), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&address, &size), 0);
    p->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&p->thread, NULL, flaky_main, p), 0);
}

static inline void flaky_proxy_stop(struct flaky_proxy *p)
{
    atomic_store(&p->stopping, true);
    (void)pthread_join(p->thread, NULL);
    for (int i = 0; i < FLAKY_PAIRS; i++) {
        if (p->near_end[i] >= 0) {
            flaky_close(p, i);
        }
    }
    (void)close(p->listener);
}

#endif
