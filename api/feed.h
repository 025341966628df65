/* api/feed.h: everybody who follows the log, over a WebSocket or as an event stream.
 *
 *     accepted ─ subscribed ─▶ replaying (from the log, bounded chunks) ─ {"live":head} ─▶ live ─▶ closed
 *
 * Memory:  a follower is a position in the log, not a queue: what it is behind is read again when it has room. So a slow follower
 *          costs what its connection holds, at most FEED_BUFFERED_MAX and one event, and is never dropped for being slow. One that takes
 *          nothing at all for `feed_stuck_s` is closed with 1013, and may resume.
 * Fair:    followers take turns of FEED_CHUNK events; between turns the loop runs, and no snapshot is held. What a turn has for one of them is
 *          written at once. When a turn over all of them takes long, the next begins later, and has more for each.
 * Limits:  a follower that subscribes to nothing is closed after 10 s; one whose token was revoked or has expired, within 5 s.
 * Closing: 1001 when the server stops, 1008 with a sentence for a bad message or a topic that is not the caller's, 1013 as above or when the log
 *          cannot be read. An event stream says {"close":{"status","reason"}} and ends.
 * Thread:  the loop's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_FEED_H
#define API_FEED_H

#include "api/call.h"

#define FEED_CHUNK 64
#define FEED_BUFFERED_MAX ((size_t)64 << 10)

struct feeds;

struct feeds *feeds_create(struct api *api); /* NULL: out of memory */
/* After the loop has ended. */
void feeds_destroy(struct feeds *feeds);
/* Follow from the call's connection: as an event stream if its Accept says text/event-stream, else as a WebSocket. Takes the call. */
void feeds_accept(struct feeds *feeds, struct call *call);
/* The log has grown. */
void feeds_commit(struct feeds *feeds);
/* The server stops: close everybody, take no more. */
void feeds_release(struct feeds *feeds);

struct feeds_stats {
    uint64_t followers;
    uint64_t blocked;  /* of them, behind because their connection is full */
    uint64_t rendered; /* events, since the start */
    uint64_t sent;
    uint64_t stuck; /* closed for taking nothing, since the start */
};
struct feeds_stats feeds_stats(const struct feeds *feeds);

#endif
