/* api/feed.h: everybody who follows the log over a WebSocket.
 *
 *     accepted ─ {"subscribe":…} ─▶ replaying (from the log, bounded chunks) ─ {"live":head} ─▶ live ─▶ closed
 *
 * Memory:  a client is a position in the log, not a queue: what it is behind is read again when it has room. So a slow client
 *          costs its socket's buffer and nothing else, and is never dropped for being slow.
 * Fair:    clients take turns of FEED_CHUNK events; between turns the loop runs, and no snapshot is held.
 * Limits:  a client that subscribes to nothing is closed after 10 s; one whose token was revoked or has expired, within 5 s.
 * Closing: 1001 when the server stops, 1007/1008 with a sentence for a bad message or a topic that is not the caller's.
 * Thread:  the loop's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_FEED_H
#define API_FEED_H

#include "api/call.h"

#define FEED_CHUNK 64

struct feeds;

struct feeds *feeds_create(struct api *api); /* NULL: out of memory */
/* After the loop has ended. */
void feeds_destroy(struct feeds *feeds);
/* Upgrade the call's connection and follow it; takes the call. */
void feeds_accept(struct feeds *feeds, struct call *call);
/* The log has grown. */
void feeds_commit(struct feeds *feeds);
/* The server stops: close everybody, take no more. */
void feeds_release(struct feeds *feeds);

#endif
