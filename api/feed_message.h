/* api/feed_message.h: what a client of the feed says.
 *
 *     {"subscribe":{"topics":["all" | "job:<id>" | "account:<id>"],"after":123}}
 *
 * Strict:  anything else is ERR_INVALID with a sentence that says what would be accepted. `after` may be left out: 0.
 * Pure:    no I/O. Fuzzed by tests/fuzz/fuzz_feed_message.c. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_FEED_MESSAGE_H
#define API_FEED_MESSAGE_H

#include "core/base/err.h"
#include "core/base/id.h"
#include "core/event/kinds.h"

#define FEED_TOPICS_MAX 16
#define FEED_MESSAGE_MAX 4096

struct feed_topic {
    enum stream_kind kind;
    struct id16 id;
};

struct feed_subscription {
    bool all; /* everything the caller may see; then there are no topics */
    size_t topic_count;
    struct feed_topic topics[FEED_TOPICS_MAX];
    uint64_t after;
};

/* "job:0192…": a stream kind and an id. */
MUST_CHECK enum err_code feed_topic_parse(struct bytes text, struct feed_topic *ret,
                                          struct err *err);
MUST_CHECK enum err_code feed_subscription_parse(struct bytes text, struct feed_subscription *ret,
                                                 struct err *err);

#endif
