// SPDX-License-Identifier: Apache-2.0
#include "api/feed_message.h"

#include <jansson.h>
#include <string.h>

#define SHAPE                                                                                      \
    "say {\"subscribe\":{\"topics\":[\"all\" or \"job:<id>\" or \"account:<id>\"],\"after\":0}}"

enum err_code feed_topic_parse(struct bytes text, struct feed_topic *ret, struct err *err)
{
    const char *colon = text.size == 0 ? NULL : memchr(text.data, ':', text.size);
    if (colon == NULL) {
        return err_set(err, ERR_INVALID, "a stream is <kind>:<id>, like job:0192f3a0-…");
    }
    size_t size = (size_t)((const uint8_t *)colon - text.data);
    uint32_t kind = enum_number(&stream_kind_words, (const char *)text.data, size);
    struct id16 id;
    if (kind == 0 || id_parse(bytes_from(text, size + 1), &id, NULL) != ERR_OK) {
        return err_set(err, ERR_INVALID, "a stream is <kind>:<id>, like job:0192f3a0-…");
    }
    *ret = (struct feed_topic){.kind = (enum stream_kind)kind, .id = id};
    return ERR_OK;
}

static bool has_topic(const struct feed_subscription *s, const struct feed_topic *topic)
{
    for (size_t i = 0; i < s->topic_count; i++) {
        if (s->topics[i].kind == topic->kind && id_equal(s->topics[i].id, topic->id)) {
            return true;
        }
    }
    return false;
}

static enum err_code read_topics(const json_t *topics, struct feed_subscription *ret,
                                 struct err *err)
{
    if (!json_is_array(topics) || json_array_size(topics) == 0 ||
        json_array_size(topics) > FEED_TOPICS_MAX) {
        return err_set(err, ERR_INVALID, "topics is a list of 1 to %d; " SHAPE, FEED_TOPICS_MAX);
    }
    for (size_t i = 0; i < json_array_size(topics); i++) {
        const json_t *item = json_array_get(topics, i);
        struct feed_topic topic = {0};
        if (!json_is_string(item)) {
            return err_set(err, ERR_INVALID, "a topic is a text; " SHAPE);
        }
        struct bytes text = bytes_of(json_string_value(item), json_string_length(item));
        if (bytes_equal(text, bytes_of_text("all"))) {
            ret->all = true;
            continue;
        }
        if (feed_topic_parse(text, &topic, NULL) != ERR_OK ||
            (topic.kind != STREAM_JOB && topic.kind != STREAM_ACCOUNT)) {
            return err_set(err, ERR_INVALID, "a topic is all, job:<id> or account:<id>");
        }
        if (!has_topic(ret, &topic)) {
            ret->topics[ret->topic_count++] = topic;
        }
    }
    if (ret->all) {
        ret->topic_count = 0; /* it holds the others */
    }
    return ERR_OK;
}

static enum err_code read_subscribe(const json_t *subscribe, struct feed_subscription *ret,
                                    struct err *err)
{
    const json_t *after = json_object_get(subscribe, "after");
    size_t known = after == NULL ? 1 : 2;
    if (json_object_get(subscribe, "topics") == NULL || json_object_size(subscribe) != known) {
        return err_set(err, ERR_INVALID, "subscribe has topics and after; " SHAPE);
    }
    if (after != NULL && (!json_is_integer(after) || json_integer_value(after) < 0)) {
        return err_set(err, ERR_INVALID, "after is the last sequence you have, 0 for none");
    }
    ret->after = after == NULL ? 0 : (uint64_t)json_integer_value(after);
    return read_topics(json_object_get(subscribe, "topics"), ret, err);
}

enum err_code feed_subscription_parse(struct bytes text, struct feed_subscription *ret,
                                      struct err *err)
{
    struct feed_subscription read = {0};
    if (text.size > FEED_MESSAGE_MAX) {
        return err_set(err, ERR_INVALID, "a message has at most %d bytes; " SHAPE,
                       FEED_MESSAGE_MAX);
    }
    json_t *message = json_loadb(text.size == 0 ? "" : (const char *)text.data, text.size,
                                 JSON_REJECT_DUPLICATES, NULL);
    const json_t *subscribe = json_object_get(message, "subscribe");
    enum err_code code =
        json_is_object(subscribe) && json_object_size(message) == 1
            ? read_subscribe(subscribe, &read, err)
            : err_set(err, ERR_INVALID, "the message is not one this feed knows; " SHAPE);
    json_decref(message);
    if (code == ERR_OK) {
        *ret = read;
    }
    return code;
}
