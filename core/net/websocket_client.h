/* core/net/websocket_client.h: connect to a ws:// URL and speak WebSocket as the client.
 *
 * Shape:   websocket_connect; then on_open with a websocket that behaves as in websocket.h, or on_fail. Plain TCP only:
 *          wss:// is refused (ERR_INVALID) until the API is served over TLS by ourselves.
 * Thread:  the loop's. Names are resolved on the thread pool.
 * Source:  RFC 6455 §4.1. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_WEBSOCKET_CLIENT_H
#define CORE_NET_WEBSOCKET_CLIENT_H

#include "core/net/websocket.h"

struct websocket_connect_options {
    const char *url;      /* ws://host[:port]/path */
    const char *protocol; /* subprotocol asked for, NULL: none; another answer fails */
    const struct http_field *headers;
    size_t header_count;
    uint64_t timeout_ms; /* [10,000] until open */
    struct websocket_options limits;
    struct websocket_callbacks callbacks;
    /* One of these two is called, once, from the loop; `callbacks.ctx` is given. */
    void (*on_open)(void *ctx, struct websocket *websocket);
    /* `http_status`: of an answer that was not 101, else 0. */
    void (*on_fail)(void *ctx, int http_status, const struct err *err);
};

struct websocket_connect; /* an attempt */

/* Everything is copied. `ret_connect` (may be NULL) is valid until on_open or on_fail. */
MUST_CHECK enum err_code websocket_connect(uv_loop_t *loop,
                                           const struct websocket_connect_options *options,
                                           struct websocket_connect **ret_connect, struct err *err);
/* Give up; neither callback is called. */
void websocket_connect_cancel(struct websocket_connect *connect);

#endif
