// SPDX-License-Identifier: Apache-2.0
#include "api/feed_read.h"

#include "core/base/invariant.h"
#include "core/base/trace.h"
#include "projections/streams.h"

#include <inttypes.h>

#define EVENT_ARENA_MAX ((size_t)1 << 20)
/* Sequences of other people's that one call passes over, so that its time is bounded. */
#define LOOK_MAX 512

enum err_code feed_snapshot_open(struct api *api, struct feed_snapshot *ret, struct err *err)
{
    struct feed_snapshot snapshot = {0};
    /* Views first: everything they show is in the log by then. */
    enum err_code code = views_snapshot_open(ledger_views(api->ledger), &snapshot.views, err);
    if (code == ERR_OK) {
        code = log_reader_open(ledger_log(api->ledger), &snapshot.log, err);
    }
    if (code != ERR_OK) {
        feed_snapshot_close(&snapshot);
        return code;
    }
    snapshot.store = views_snapshot_store(snapshot.views);
    snapshot.head = views_snapshot_position(snapshot.views)->sequence;
    *ret = snapshot;
    return ERR_OK;
}

void feed_snapshot_close(struct feed_snapshot *snapshot)
{
    log_reader_close(snapshot->log);
    views_snapshot_close(snapshot->views);
    *snapshot = (struct feed_snapshot){0};
}

/* ── who may see what ──────────────────────────────────────────────────────────────────────────── */

static bool sees_all(const struct principal *principal)
{
    return (principal->scopes & (SCOPE_OPERATOR | SCOPE_AUDITOR)) != 0;
}

static bool is_host(const struct principal *principal)
{
    return !id_is_zero(principal->host_id);
}

static bool concerns(const struct principal *principal, struct store *store, uint64_t sequence)
{
    if (is_host(principal)) {
        return streams_has(store, STREAM_HOST, principal->host_id, sequence);
    }
    return !id_is_zero(principal->account_id) &&
           streams_concerns(store, principal->account_id, sequence);
}

bool feed_view_has_private(const struct feed_view *view, struct feed_snapshot *snapshot,
                           uint64_t sequence)
{
    return concerns(&view->principal, snapshot->store, sequence);
}

static bool may_follow(const struct principal *principal, struct store *store,
                       const struct feed_topic *topic)
{
    struct job_row job;
    switch (topic->kind) {
    case STREAM_ACCOUNT:
        return sees_all(principal) ||
               (!is_host(principal) && id_equal(topic->id, principal->account_id));
    case STREAM_JOB:
        return state_job(store, topic->id, &job) &&
               (sees_all(principal) ||
                (is_host(principal) ? id_equal(job.host_id, principal->host_id)
                                    : id_equal(job.account_id, principal->account_id) ||
                                          id_equal(job.provider_id, principal->account_id)));
    case STREAM_HOST:
        return sees_all(principal) || id_equal(topic->id, principal->host_id) ||
               streams_last(store, STREAM_HOST, topic->id) > 0;
    case STREAM_LEDGER:
    case STREAM_UPLOAD:
    case STREAM_OFFER:
    case STREAM_MATCH:
    case STREAM_QUOTE:
    case STREAM_ESCROW:
        return true; /* each of its events is asked for below */
    }
    return false;
}

enum err_code feed_view_of_stream(struct feed_snapshot *snapshot, const struct principal *principal,
                                  struct feed_topic stream, struct feed_view *ret, struct err *err)
{
    if (!may_follow(principal, snapshot->store, &stream)) {
        return err_set(err, ERR_NOT_FOUND, "no_such_stream: you have no such %s",
                       enum_word(&stream_kind_words, stream.kind));
    }
    *ret = (struct feed_view){.principal = *principal, .stream_count = 1, .streams = {stream}};
    return ERR_OK;
}

enum err_code feed_view_make(struct feed_snapshot *snapshot, const struct principal *principal,
                             const struct feed_subscription *subscription, struct feed_view *ret,
                             struct err *err)
{
    struct feed_view view = {.principal = *principal};
    for (size_t i = 0; i < subscription->topic_count; i++) {
        const struct feed_topic *topic = &subscription->topics[i];
        if (!may_follow(principal, snapshot->store, topic)) {
            return err_set(err, ERR_NOT_FOUND, "no_such_stream: you have no such %s",
                           enum_word(&stream_kind_words, topic->kind));
        }
        view.streams[view.stream_count++] = *topic;
    }
    if (subscription->all && sees_all(principal)) {
        view.whole_log = true;
    } else if (subscription->all) {
        view.streams[0] = is_host(principal)
                              ? (struct feed_topic){STREAM_HOST, principal->host_id}
                              : (struct feed_topic){STREAM_ACCOUNT, principal->account_id};
        view.stream_count = 1;
    }
    *ret = view;
    return ERR_OK;
}

/* ── the next events ───────────────────────────────────────────────────────────────────────────── */

static size_t next_of_log(uint64_t after, uint64_t head, uint64_t *ret, size_t max,
                          uint64_t *ret_cursor)
{
    size_t count = 0;
    while (count < max && after < head) {
        ret[count++] = ++after;
    }
    *ret_cursor = after;
    return count;
}

/* The smallest sequence of all streams behind `after`; 0: none. */
static uint64_t next_of_streams(const struct feed_view *view, struct store *store, uint64_t after)
{
    uint64_t next = 0;
    for (size_t i = 0; i < view->stream_count; i++) {
        uint64_t one;
        if (streams_after(store, view->streams[i].kind, view->streams[i].id, after, &one, 1) == 1 &&
            (next == 0 || one < next)) {
            next = one;
        }
    }
    return next;
}

size_t feed_view_next(const struct feed_view *view, struct feed_snapshot *snapshot, uint64_t after,
                      uint64_t *ret, size_t max, uint64_t *ret_cursor)
{
    size_t count = 0;
    if (view->whole_log) {
        return next_of_log(after, snapshot->head, ret, max, ret_cursor);
    }
    for (size_t looks = 0; count < max && looks < LOOK_MAX; looks++) {
        uint64_t sequence = next_of_streams(view, snapshot->store, after);
        if (sequence == 0 || sequence > snapshot->head) {
            *ret_cursor = snapshot->head > after ? snapshot->head : after;
            return count;
        }
        after = sequence;
        if (sees_all(&view->principal) || concerns(&view->principal, snapshot->store, sequence)) {
            ret[count++] = sequence;
        }
    }
    *ret_cursor = after;
    return count;
}

bool feed_render(struct api *api, struct feed_snapshot *snapshot, uint64_t sequence,
                 bool with_private, struct buf *ret)
{
    struct arena arena;
    struct bytes record;
    struct bytes part;
    struct event event;
    struct err err = {0};
    arena_init(&arena, EVENT_ARENA_MAX);
    enum err_code code = log_reader_record(snapshot->log, sequence, &record, &err);
    if (code == ERR_OK) {
        code = record_decode(record, &arena, &event, &err);
    }
    if (code == ERR_OK && with_private && log_reader_private(snapshot->log, sequence, &part) &&
        part.size > PRIVATE_SALT_SIZE) {
        code = private_decode(bytes_from(part, PRIVATE_SALT_SIZE), &arena, &event, &err);
    }
    if (code == ERR_OK) {
        event_render(ret, &event, sequence, ledger_origin(api->ledger), &API_NAMES);
        code = buf_check(ret, &err);
    }
    arena_deinit(&arena);
    if (code != ERR_OK) {
        err_context(&err, "record %" PRIu64, sequence);
        trace_err(TRACE_ERROR, "feed.unreadable", &err);
    }
    return code == ERR_OK;
}
