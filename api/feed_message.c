// SPDX-License-Identifier: Apache-2.0
#include "api/feed_message.h"

#include "core/base/text.h"

#include <jansson.h>
#include <string.h>

#define TOPICS "all, marketplace, chain, job:<id>, account:<id> or provider:<id>"
#define SHAPE                                                                                      \
    "say {\"subscribe\":{\"topics\":[\"all\" or \"job:<id>\"],\"after\":0,\"views\":false}}"

enum err_code stream_name_parse(struct bytes text, struct stream_name *ret, struct err *err)
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
    *ret = (struct stream_name){.kind = (enum stream_kind)kind, .id = id};
    return ERR_OK;
}

/* ── topics ────────────────────────────────────────────────────────────────────────────────────── */

static bool parse_topic(struct bytes text, struct feed_topic *ret)
{
    static const struct {
        const char *word;
        enum feed_topic_kind kind;
        bool has_id;
    } WORDS[] = {
        {"all", FEED_ALL, false},         {"marketplace", FEED_MARKETPLACE, false},
        {"chain", FEED_CHAIN, false},     {"job:", FEED_JOB, true},
        {"account:", FEED_ACCOUNT, true}, {"provider:", FEED_PROVIDER, true},
    };
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        size_t size = strlen(WORDS[i].word);
        struct feed_topic topic = {.kind = WORDS[i].kind};
        if (text.size < size || memcmp(text.data, WORDS[i].word, size) != 0) {
            continue;
        }
        struct bytes rest = bytes_from(text, size);
        if (WORDS[i].has_id ? id_parse(rest, &topic.id, NULL) == ERR_OK : rest.size == 0) {
            *ret = topic;
            return true;
        }
    }
    return false;
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

static enum err_code add_topic(struct bytes text, struct feed_subscription *ret, struct err *err)
{
    struct feed_topic topic;
    if (!parse_topic(text, &topic)) {
        return err_set(err, ERR_INVALID, "a topic is " TOPICS);
    }
    if (has_topic(ret, &topic)) {
        return ERR_OK;
    }
    if (ret->topic_count == FEED_TOPICS_MAX) {
        return err_set(err, ERR_INVALID, "there are 1 to %d topics", FEED_TOPICS_MAX);
    }
    ret->topics[ret->topic_count++] = topic;
    return ERR_OK;
}

/* ── a message ─────────────────────────────────────────────────────────────────────────────────── */

static enum err_code read_topics(const json_t *topics, struct feed_subscription *ret,
                                 struct err *err)
{
    if (!json_is_array(topics) || json_array_size(topics) == 0 ||
        json_array_size(topics) > FEED_TOPICS_MAX) {
        return err_set(err, ERR_INVALID, "topics is a list of 1 to %d; " SHAPE, FEED_TOPICS_MAX);
    }
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < json_array_size(topics) && code == ERR_OK; i++) {
        const json_t *item = json_array_get(topics, i);
        if (!json_is_string(item)) {
            return err_set(err, ERR_INVALID, "a topic is a text; " SHAPE);
        }
        code = add_topic(bytes_of(json_string_value(item), json_string_length(item)), ret, err);
    }
    return code;
}

static enum err_code read_subscribe(const json_t *subscribe, struct feed_subscription *ret,
                                    struct err *err)
{
    const json_t *after = json_object_get(subscribe, "after");
    const json_t *views = json_object_get(subscribe, "views");
    size_t known = 1 + (after == NULL ? 0U : 1U) + (views == NULL ? 0U : 1U);
    if (json_object_get(subscribe, "topics") == NULL || json_object_size(subscribe) != known) {
        return err_set(err, ERR_INVALID, "subscribe has topics, after and views; " SHAPE);
    }
    if (after != NULL && (!json_is_integer(after) || json_integer_value(after) < 0)) {
        return err_set(err, ERR_INVALID, "after is the last sequence you have, 0 for none");
    }
    if (views != NULL && !json_is_boolean(views)) {
        return err_set(err, ERR_INVALID, "views is true or false");
    }
    ret->after = after == NULL ? 0 : (uint64_t)json_integer_value(after);
    ret->views = json_is_true(views);
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

/* ── a query ───────────────────────────────────────────────────────────────────────────────────── */

static enum err_code read_sequence(const char *text, const char *name, uint64_t *ret,
                                   struct err *err)
{
    if (u64_parse(bytes_of_text(text), ret, NULL) != ERR_OK || *ret > INT64_MAX) {
        return err_set(err, ERR_INVALID, "%s is the last sequence you have, 0 for none", name);
    }
    return ERR_OK;
}

enum err_code feed_subscription_from_query(const char *topics, const char *after, const char *views,
                                           const char *last_id, struct feed_subscription *ret,
                                           struct err *err)
{
    struct feed_subscription read = {0};
    enum err_code code = ERR_OK;
    const char *at = topics == NULL ? "all" : topics;
    do {
        size_t size = strcspn(at, ",");
        code = add_topic(bytes_of(at, size), &read, err);
        at += size;
    } while (code == ERR_OK && *at++ == ',');
    if (code == ERR_OK && views != NULL) {
        read.views = strcmp(views, "true") == 0;
        if (!read.views && strcmp(views, "false") != 0) {
            code = err_set(err, ERR_INVALID, "views is true or false");
        }
    }
    if (code == ERR_OK && after != NULL) {
        code = read_sequence(after, "after", &read.after, err);
    }
    if (code == ERR_OK && last_id != NULL && *last_id != '\0') {
        code = read_sequence(last_id, "Last-Event-ID", &read.after, err);
    }
    if (code == ERR_OK) {
        *ret = read;
    }
    return code;
}
