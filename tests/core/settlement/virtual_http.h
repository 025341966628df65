/* tests/core/settlement/virtual_http.h: the network of a Qubic client (struct qubic_io) without sockets and clock: a request is answered by a
 * call, and whoever waits, for an answer or for a timer, finds that the time has passed.
 *
 * Order:   answers and the timer come in the order of their times, and as they were asked where these are equal; questions that are in flight
 *          together take no longer than one. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_CORE_SETTLEMENT_VIRTUAL_HTTP_H
#define TESTS_CORE_SETTLEMENT_VIRTUAL_HTTP_H

#include "core/qubic/client.h"
#include "tools/devchain/service.h"

#include <uv.h>

struct virtual_http_options {
    uv_loop_t *loop;          /* only brings the answers */
    int64_t (*now_ns)(void);  /* the time, to which comes what was waited for … */
    void (*pass)(int64_t ns); /* … or, not NULL, which goes on by so much */
    uint32_t latency_ms;      /* of an answer */
};

void virtual_http_create(const struct virtual_http_options *options, struct qubic_io *ret);

/* Whoever links virtual_http.c has this. false: no answer will ever come. */
bool virtual_http_ask(bool post, const char *path, struct bytes body, struct service_reply *ret);

#endif
