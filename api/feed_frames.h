/* api/feed_frames.h: events as followers get them, rendered once for all who see the same.
 *
 * Shape:   {"event":{…}} as a WebSocket frame; an event stream sends the text in it. At most two for an event: with its private part, for those it
 *          concerns, and without. Those at the log's head are kept apart from those that somebody far behind reads.
 * Thread:  the loop's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_FEED_FRAMES_H
#define API_FEED_FRAMES_H

#include "api/feed_read.h"
#include "core/net/websocket.h"

struct feed_frames;

struct feed_frames *feed_frames_create(struct api *api); /* NULL: out of memory */
void feed_frames_destroy(struct feed_frames *frames);
/* The frame of the event for this view; borrowed until the next call. NULL: unreadable or out of memory. */
const struct websocket_frame *feed_frames_get(struct feed_frames *frames,
                                              struct feed_snapshot *snapshot,
                                              const struct feed_view *view, uint64_t sequence);
/* Renderings made so far. */
uint64_t feed_frames_made(const struct feed_frames *frames);

#endif
