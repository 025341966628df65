/* api/feed_follower.h: one follower and its connection, whichever kind it is; for feed.c. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_FEED_FOLLOWER_H
#define API_FEED_FOLLOWER_H

#include "api/feed_frames.h"
#include "core/net/event_stream.h"

struct feeds;

struct follower {
    uint32_t magic;
    struct feeds *feeds;
    struct websocket *websocket; /* one of the two */
    struct event_stream *events;
    struct principal principal;
    int64_t opened_at; /* monotonic */
    bool closing;
    bool subscribed;
    bool live;      /* the marker was sent */
    bool blocked;   /* its connection is full: on_writable comes */
    bool pending;   /* there may be something to read */
    bool views;     /* asked for */
    bool views_due; /* once it is live */
    struct feed_view view;
    uint64_t cursor; /* everything up to here was sent */
    uint64_t
        taken; /* at the last look, and since when it is the same with more waiting; 0: it is not */
    int64_t stuck_since;
    struct follower *next;
    struct follower *previous;
};

/* As websocket_send: ERR_BUSY, ERR_UNAVAILABLE. */
MUST_CHECK enum err_code follower_send_event(struct follower *follower, uint64_t sequence,
                                             const struct websocket_frame *frame);
/* `id`: what an event stream is to resume after; 0: unchanged. */
MUST_CHECK enum err_code follower_send_text(struct follower *follower, uint64_t id,
                                            struct bytes text);
void follower_cork(struct follower *follower, bool on);
/* Say why and close; the connection's on_close comes. Again does nothing. */
void follower_close(struct follower *follower, int status, const char *reason);
/* Once a while: whether nothing was taken for `limit_ns` though something waits. */
bool follower_is_stuck(struct follower *follower, int64_t now, int64_t limit_ns);
/* Show an event stream that the connection is alive; a WebSocket does that by itself. */
void follower_ping(struct follower *follower);

#endif
