/* api/feed_read.h: which events a caller is shown, in order, and how they look. REST, WebSocket and event stream read through this.
 *
 * Who:     operator and auditor see every record; everybody else what is in the stream of their account, a machine what is in its own. Beside
 *          that, facts of the market are for all: who offers which machine, and whether it is there.
 * Topics:  all           everything the caller may see but other people's facts of the market
 *          account:<id>  what concerns that account; one's own
 *          job:<id>      a job with its money, for the two of it and for the machine that has it
 *          provider:<id> what an account does as a provider: machines, offers, jobs on them and their money. Others see the facts of the
 *                        market in it
 *          marketplace   facts of the market, of everybody
 *          chain         what was seen on the chain or sent to it, as far as it concerns the caller
 * Private: parts are joined only for events that concern the caller: the consumer or the provider of a job, not the operator,
 *          not an auditor; of a quote only the consumer. An erased part is simply absent.
 * How:     a view walks either the whole log or a few streams (projections/streams.h) merged by sequence, so a
 *          subscription to one job does not read the others. An event that several topics have is shown once.
 * Thread:  the loop's, on one snapshot at a time. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_FEED_READ_H
#define API_FEED_READ_H

#include "api/call.h"
#include "api/feed_message.h"

/* Where events come from: the whole log or a stream, and of it those that the topic is about. */
struct feed_source {
    enum feed_topic_kind topic;
    bool whole_log;
    bool concerns; /* all of this stream concerns the caller */
    struct stream_name stream;
};

struct feed_view {
    struct principal principal;
    size_t source_count;
    struct feed_source sources[FEED_TOPICS_MAX];
};

/* A snapshot without a call; as struct reading. */
struct feed_snapshot {
    struct views_snapshot *views;
    struct store *store;
    struct log_reader *log;
    uint64_t head; /* last sequence that is shown: the views' position */
};

MUST_CHECK enum err_code feed_snapshot_open(struct api *api, struct feed_snapshot *ret,
                                            struct err *err);
void feed_snapshot_close(struct feed_snapshot *snapshot);

/* What `principal` sees of `subscription`. ERR_NOT_FOUND: a topic that is not the caller's, as if it did not exist. */
MUST_CHECK enum err_code feed_view_make(struct feed_snapshot *snapshot,
                                        const struct principal *principal,
                                        const struct feed_subscription *subscription,
                                        struct feed_view *ret, struct err *err);
/* One stream of any kind, for GET /v1/events?stream=. */
MUST_CHECK enum err_code feed_view_of_stream(struct feed_snapshot *snapshot,
                                             const struct principal *principal,
                                             struct stream_name stream, struct feed_view *ret,
                                             struct err *err);
/* Up to `max` sequences after `after` that this view shows, ascending. `ret_cursor`: everything up to here was looked at; the snapshot's
 * head when there is no more. */
size_t feed_view_next(const struct feed_view *view, struct feed_snapshot *snapshot, uint64_t after,
                      uint64_t *ret, size_t max, uint64_t *ret_cursor);
/* Whether the caller is shown the event's private part. */
bool feed_view_has_private(const struct feed_view *view, struct feed_snapshot *snapshot,
                           uint64_t sequence);
/* Append the CloudEvent. false: the record cannot be read (that is an operator's matter, and traced). */
MUST_CHECK bool feed_render(struct api *api, struct feed_snapshot *snapshot, uint64_t sequence,
                            bool with_private, struct buf *ret);

#endif
