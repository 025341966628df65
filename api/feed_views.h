/* api/feed_views.h: what is derived and not in the log, for followers that asked for it: what a provider has earned so far, what a job has cost and how
 * long it may still take.
 *
 *     {"view":{"name":"earnings","sequence":123,"data":{…}}}      {"view":{"name":"job","sequence":123,"data":{…}}}
 *
 * `sequence`: all events up to it are in the view. The views belong to the topics: earnings to all, account: and provider: of a provider
 * itself; a job to its topic, and the running jobs of an account to all and account:, at most FEED_VIEWS_MAX together.
 * Thread:  the loop's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_FEED_VIEWS_H
#define API_FEED_VIEWS_H

#include "api/feed_read.h"

#define FEED_VIEWS_MAX 17

/* Append the messages to `text`, one after another; message i ends at ret_ends[i]. Returns how many there are. */
size_t feed_views_render(struct feed_snapshot *snapshot, const struct feed_view *view,
                         int64_t now_wall_ns, struct buf *text, size_t ret_ends[FEED_VIEWS_MAX]);

#endif
