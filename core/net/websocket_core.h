/* core/net/websocket_core.h: what the two handshakes share; for websocket*.c only. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_WEBSOCKET_CORE_H
#define CORE_NET_WEBSOCKET_CORE_H

#include "core/base/buf.h"
#include "core/net/stream.h"
#include "core/net/websocket.h"

/* Speak WebSocket on `stream` from now on; `early` is copied and handled from the loop.
 * NULL: out of memory; the stream still belongs to the caller. */
struct websocket *websocket_attach(uv_loop_t *loop, struct stream *stream, bool is_server,
                                   const struct websocket_options *options,
                                   const struct websocket_callbacks *callbacks, struct bytes early);

#define WEBSOCKET_ACCEPT_SIZE 29 /* base64 of 20 bytes and its zero */
/* Sec-WebSocket-Accept for a Sec-WebSocket-Key. */
void websocket_accept_value(const char *key, char ret[WEBSOCKET_ACCEPT_SIZE]);

/* Whether a server's answer switches to WebSocket. `head`: the zero-terminated head, its last line with CR LF; `accept`: what
 * Sec-WebSocket-Accept must be; `protocol`: asked for, or NULL. `ret_status`: of the answer, 0 if it is not HTTP.
 * Errors:  ERR_UNAVAILABLE. */
MUST_CHECK enum err_code websocket_answer_check(const char *head, const char *accept,
                                                const char *protocol, int *ret_status,
                                                struct err *err);

#endif
