/* core/net/websocket.h: one WebSocket connection, either side, on a stream.
 *
 * Shape:   text messages in and out. Pings are sent when the peer is silent, answered by themselves; a peer silent
 *          for two intervals is cut. The closing handshake has a deadline.
 *
 *            open ─ websocket_close or peer's close ─▶ closing ─ handshake, deadline or loss ─▶ on_close, freed
 *
 * Output:  no queue of its own beyond the stream's: websocket_send refuses (ERR_BUSY) while buffered_max or more is
 *          unsent, and on_writable comes when half of it has drained. A feed keeps a position, not a queue.
 * Life:    on_close is called exactly once, from the loop; the websocket is freed when it returns. Until then
 *          every function may be called; after websocket_close the sending ones do nothing (ERR_UNAVAILABLE).
 * Calls:   no callback is called from inside these functions.
 * Thread:  the loop's. Frames (struct websocket_frame) too: their count is not atomic.
 * Limits:  message_size_max (close 1009), text only (1003), UTF-8 (1007), protocol (1002: unmasked, fragmented wrongly,
 *          reserved bits).
 *          A close whose reason is not UTF-8 is told as 1007, without one.
 * Source:  RFC 6455; wslay. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_WEBSOCKET_H
#define CORE_NET_WEBSOCKET_H

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/net/http_server.h"

#define WEBSOCKET_NORMAL 1000
#define WEBSOCKET_GOING_AWAY 1001
#define WEBSOCKET_PROTOCOL_ERROR 1002
#define WEBSOCKET_UNSUPPORTED 1003
#define WEBSOCKET_NO_STATUS 1005 /* the peer closed without saying why */
#define WEBSOCKET_LOST 1006      /* the connection ended without a closing handshake */
#define WEBSOCKET_BAD_TEXT 1007
#define WEBSOCKET_POLICY 1008
#define WEBSOCKET_TOO_BIG 1009
#define WEBSOCKET_INTERNAL 1011
#define WEBSOCKET_TRY_LATER 1013

struct websocket;

struct websocket_callbacks {
    void *ctx;
    void (*on_text)(void *ctx, struct websocket *websocket, struct bytes text);
    void (*on_writable)(void *ctx, struct websocket *websocket); /* after a refused send */
    /* `status` is the peer's if it sent one, else ours, else WEBSOCKET_LOST. */
    void (*on_close)(void *ctx, struct websocket *websocket, int status, struct bytes reason);
};

/* Zero means the default in brackets. */
struct websocket_options {
    size_t message_size_max;   /* [64 KiB] */
    size_t buffered_max;       /* [256 KiB] */
    uint64_t ping_interval_ms; /* [20,000] */
    uint64_t close_timeout_ms; /* [3,000] */
};

struct websocket_accept_options {
    struct websocket_options limits;
    const char *const *
        protocols; /* accepted subprotocols, best first; a peer that offers none of them is refused */
    size_t protocol_count; /* 0: any, none chosen */
    /* Whether a browser page of this origin may connect; not asked if there is no Origin header. NULL: all may. */
    bool (*origin_allowed)(void *ctx, const char *origin);
    void *origin_ctx;
};

/* Answer an upgrade request with 101 and take its connection. On ERR_OK the request handle is consumed. On an error the
 * request was answered with a problem (400, 403, 426) and the handle is consumed as well.
 * `ret_protocol` (may be NULL): the subprotocol chosen, or NULL. */
MUST_CHECK enum err_code websocket_accept(struct http_request *request,
                                          const struct websocket_accept_options *options,
                                          const struct websocket_callbacks *callbacks,
                                          struct websocket **ret_websocket,
                                          const char **ret_protocol, struct err *err);

/* Send `text` (valid UTF-8) as one message; copied. ERR_BUSY: wait for on_writable. ERR_UNAVAILABLE: closing. */
MUST_CHECK enum err_code websocket_send(struct websocket *websocket, struct bytes text,
                                        struct err *err);
/* Between on and off what is sent is collected and then written at once. */
void websocket_cork(struct websocket *websocket, bool on);
/* Bytes not taken by the kernel yet. */
size_t websocket_buffered(const struct websocket *websocket);
/* Counts up whenever the kernel has taken some. */
uint64_t websocket_taken(struct websocket *websocket);
/* Begin the closing handshake. `reason` at most 123 bytes of UTF-8, longer is cut. */
void websocket_close(struct websocket *websocket, int status, const char *reason);
/* End it now, without a handshake; on_close comes from the loop. */
void websocket_cut(struct websocket *websocket);
bool websocket_is_closing(const struct websocket *websocket);

/* ---- one rendering for many receivers ---- */

struct websocket_frame; /* immutable, counted */
/* A text message from a server, header and all. NULL: out of memory. */
struct websocket_frame *websocket_frame_create(struct bytes text);
struct websocket_frame *websocket_frame_ref(struct websocket_frame *frame);
void websocket_frame_unref(struct websocket_frame *frame); /* NULL is fine */
struct bytes websocket_frame_text(const struct websocket_frame *frame);
/* As websocket_send, on the server side only. */
MUST_CHECK enum err_code websocket_send_frame(struct websocket *websocket,
                                              const struct websocket_frame *frame, struct err *err);

#endif
