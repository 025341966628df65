/* tests/core/settlement/virtual_http.h: the network of a Qubic client (struct qubic_io) without sockets and clock: a request is answered by a
 * call, and whoever waits for a timer finds that the time has passed. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_CORE_SETTLEMENT_VIRTUAL_HTTP_H
#define TESTS_CORE_SETTLEMENT_VIRTUAL_HTTP_H

#include "core/qubic/client.h"
#include "tools/devchain/service.h"

#include <uv.h>

/* `loop` only brings the answers; `now_ns` is the time, to which comes what was waited for. */
void virtual_http_create(uv_loop_t *loop, int64_t (*now_ns)(void), struct qubic_io *ret);

/* Whoever links virtual_http.c has this. false: no answer will ever come. */
bool virtual_http_ask(bool post, const char *path, struct bytes body, struct service_reply *ret);

#endif
