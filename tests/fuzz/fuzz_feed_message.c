/* Any bytes as a message to the feed: what is read is within bounds, and the topics are of the two kinds there are. */
// SPDX-License-Identifier: Apache-2.0
#include "api/feed_message.h"
#include "core/base/invariant.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed_subscription subscription;
    struct feed_topic topic;
    struct err err = {0};
    if (feed_subscription_parse(bytes_of(data, size), &subscription, &err) == ERR_OK) {
        INVARIANT(subscription.all != (subscription.topic_count > 0));
        INVARIANT(subscription.topic_count <= FEED_TOPICS_MAX);
        INVARIANT(subscription.after <= INT64_MAX);
        for (size_t i = 0; i < subscription.topic_count; i++) {
            INVARIANT(subscription.topics[i].kind == STREAM_JOB ||
                      subscription.topics[i].kind == STREAM_ACCOUNT);
        }
    } else {
        INVARIANT(err.code == ERR_INVALID);
        INVARIANT(err.message[0] != '\0');
    }
    if (feed_topic_parse(bytes_of(data, size), &topic, NULL) == ERR_OK) {
        INVARIANT(enum_word(&stream_kind_words, topic.kind) != NULL);
    }
    return 0;
}
