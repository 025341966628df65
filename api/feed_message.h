/* api/feed_message.h: what a follower asks for, by WebSocket or in the query of an event stream.
 *
 *     {"subscribe":{"topics":["all","job:<id>"],"after":123,"views":true}}        ?topics=all,job:<id>&after=123&views=true
 *
 * Topics:  all; account:<id>; job:<id>; provider:<account id>; marketplace; chain. What each shows whom: api/feed_read.h.
 * Strict:  anything else is ERR_INVALID with a sentence that says what would be accepted. `after` may be left out: 0; `views`: false.
 * Pure:    no I/O. Fuzzed by tests/fuzz/fuzz_feed_message.c. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_FEED_MESSAGE_H
#define API_FEED_MESSAGE_H

#include "core/base/err.h"
#include "core/base/id.h"
#include "core/event/kinds.h"

#define FEED_TOPICS_MAX 16
#define FEED_MESSAGE_MAX 4096

enum feed_topic_kind {
    FEED_ALL = 1,
    FEED_JOB,
    FEED_ACCOUNT,
    FEED_PROVIDER,
    FEED_MARKETPLACE,
    FEED_CHAIN,
};

struct feed_topic {
    enum feed_topic_kind kind;
    struct id16 id; /* of job, account, provider */
};

struct feed_subscription {
    size_t topic_count; /* without repetitions */
    struct feed_topic topics[FEED_TOPICS_MAX];
    uint64_t after;
    bool views; /* derived messages too */
};

struct stream_name {
    enum stream_kind kind;
    struct id16 id;
};

/* "job:0192…": a stream kind and an id. */
MUST_CHECK enum err_code stream_name_parse(struct bytes text, struct stream_name *ret,
                                           struct err *err);
MUST_CHECK enum err_code feed_subscription_parse(struct bytes text, struct feed_subscription *ret,
                                                 struct err *err);
/* Parameters of an event stream, each NULL if it is not there (topics: all). `last_id`: what Last-Event-ID says, which goes before
 * `after`: it is what the client got last, `after` what it began with. */
MUST_CHECK enum err_code feed_subscription_from_query(const char *topics, const char *after,
                                                      const char *views, const char *last_id,
                                                      struct feed_subscription *ret,
                                                      struct err *err);

#endif
