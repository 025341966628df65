/* Any bytes as a message to the feed and as the query of an event stream: what is read is within bounds, and topics come once. */
// SPDX-License-Identifier: Apache-2.0
#include "api/feed_message.h"
#include "core/base/invariant.h"
#include "tests/fuzz/fuzz_target.h"

#include <stdlib.h>
#include <string.h>

static void check(enum err_code code, const struct feed_subscription *s, const struct err *err)
{
    if (code != ERR_OK) {
        INVARIANT(err->code == ERR_INVALID);
        INVARIANT(err->message[0] != '\0');
        return;
    }
    INVARIANT(s->topic_count > 0);
    INVARIANT(s->topic_count <= FEED_TOPICS_MAX);
    INVARIANT(s->after <= INT64_MAX);
    for (size_t i = 0; i < s->topic_count; i++) {
        bool has_id = s->topics[i].kind == FEED_JOB || s->topics[i].kind == FEED_ACCOUNT ||
                      s->topics[i].kind == FEED_PROVIDER;
        INVARIANT(s->topics[i].kind >= FEED_ALL && s->topics[i].kind <= FEED_CHAIN);
        INVARIANT(has_id || id_is_zero(s->topics[i].id));
        for (size_t j = 0; j < i; j++) {
            INVARIANT(s->topics[i].kind != s->topics[j].kind ||
                      !id_equal(s->topics[i].id, s->topics[j].id));
        }
    }
}

/* Lines: topics, after, views, Last-Event-ID; one that is missing is a parameter that is not there. */
static void try_query(const uint8_t *data, size_t size)
{
    struct feed_subscription subscription;
    struct err err = {0};
    char *text = malloc(size + 1);
    char *at = text;
    const char *params[4] = {0};
    if (text == NULL) {
        return;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    for (size_t i = 0; i < 4 && at != NULL; i++) {
        params[i] = strsep(&at, "\n");
    }
    check(feed_subscription_from_query(params[0], params[1], params[2], params[3], &subscription,
                                       &err),
          &subscription, &err);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed_subscription subscription;
    struct stream_name stream;
    struct err err = {0};
    check(feed_subscription_parse(bytes_of(data, size), &subscription, &err), &subscription, &err);
    if (size > 0) {
        try_query(data, size);
    }
    if (stream_name_parse(bytes_of(data, size), &stream, NULL) == ERR_OK) {
        INVARIANT(enum_word(&stream_kind_words, stream.kind) != NULL);
    }
    return 0;
}
