/* core/net/event_stream.h: a text/event-stream answer that goes on until somebody ends it: events to a browser's EventSource, or to curl.
 *
 * Shape:   event_stream_accept answers 200 and takes the connection; from then on it carries events and nothing else, and ends with them.
 *          What the peer still sends is read away, so that its end is noticed.
 * Output:  as a WebSocket's: no queue beyond the stream's. event_stream_send refuses (ERR_BUSY) while buffered_max or more is unsent, and
 *          on_writable comes when half of it has drained.
 * Life:    on_close is called exactly once, from the loop; the stream is freed when it returns.
 * Calls:   no callback is called from inside these functions.
 * Thread:  the loop's.
 * Source:  WHATWG HTML, "Server-sent events". */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_EVENT_STREAM_H
#define CORE_NET_EVENT_STREAM_H

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/net/http_server.h"

struct event_stream;

struct event_stream_callbacks {
    void *ctx;
    void (*on_writable)(void *ctx); /* after a refused send */
    void (*on_close)(void *ctx);
};

struct event_stream_options {
    size_t buffered_max; /* [256 KiB] */
    unsigned retry_ms;   /* [1,000] how long a browser waits before it connects again */
};

/* The request is a GET without a body. It is consumed also when this fails (ERR_NOMEM). */
MUST_CHECK enum err_code event_stream_accept(struct http_request *request,
                                             const struct event_stream_options *options,
                                             const struct event_stream_callbacks *callbacks,
                                             struct event_stream **ret, struct err *err);
/* One event. `text` has no line break. `id`: what the peer is to resume after; 0: leave it as it is. ERR_BUSY: wait for on_writable.
 * ERR_UNAVAILABLE: the connection is ending. */
MUST_CHECK enum err_code event_stream_send(struct event_stream *events, uint64_t id,
                                           struct bytes text, struct err *err);
/* A comment, which clients pass over: that the connection is alive, unless something is unsent anyway. */
void event_stream_ping(struct event_stream *events);
void event_stream_cork(struct event_stream *events, bool on);
size_t event_stream_buffered(const struct event_stream *events);
uint64_t event_stream_taken(struct event_stream *events);
/* Send what is collected, then end. event_stream_cut: end now. */
void event_stream_end(struct event_stream *events);
void event_stream_cut(struct event_stream *events);

#endif
