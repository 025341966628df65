// SPDX-License-Identifier: Apache-2.0
#include "api/feed_read.h"

#include "core/base/invariant.h"
#include "core/base/trace.h"
#include "projections/marketplace.h"
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

/* What a quote is to be started with is its consumer's: its provider hears of that with the job, if there comes one. */
static bool is_of_other_consumer(const struct principal *principal, struct feed_snapshot *snapshot,
                                 uint64_t sequence)
{
    struct bytes record;
    struct record_header header;
    struct quote_row quote;
    if (log_reader_record(snapshot->log, sequence, &record, NULL) != ERR_OK ||
        record_header_decode(record, &header, NULL) != ERR_OK) {
        return true; /* whoever renders it will tell */
    }
    return header.type == EVENT_QUOTE_ISSUED &&
           !(state_quote(snapshot->store, header.stream_id, &quote) &&
             id_equal(quote.account_id, principal->account_id));
}

bool feed_view_has_private(const struct feed_view *view, struct feed_snapshot *snapshot,
                           uint64_t sequence)
{
    return concerns(&view->principal, snapshot->store, sequence) &&
           !is_of_other_consumer(&view->principal, snapshot, sequence);
}

/* A job's stream is the job's for all time, but a machine loses it with the job: then nothing more is shown by `concerns`. */
static bool may_follow_job(const struct principal *principal, struct store *store, struct id16 id)
{
    struct job_row job;
    return state_job(store, id, &job) &&
           (sees_all(principal) ||
            (is_host(principal) ? id_equal(job.host_id, principal->host_id)
                                : id_equal(job.account_id, principal->account_id) ||
                                      id_equal(job.provider_id, principal->account_id)));
}

static bool is_own_account(const struct principal *principal, struct id16 id)
{
    return !is_host(principal) && !id_is_zero(id) && id_equal(id, principal->account_id);
}

static bool may_read(const struct principal *principal, struct store *store,
                     const struct stream_name *stream)
{
    switch (stream->kind) {
    case STREAM_ACCOUNT:
        return sees_all(principal) || is_own_account(principal, stream->id);
    case STREAM_JOB:
        return may_follow_job(principal, store, stream->id);
    case STREAM_HOST:
        return sees_all(principal) || id_equal(stream->id, principal->host_id) ||
               streams_last(store, STREAM_HOST, stream->id) > 0;
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

static enum err_code not_yours(const char *kind, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "no_such_stream: you have no such %s", kind);
}

enum err_code feed_view_of_stream(struct feed_snapshot *snapshot, const struct principal *principal,
                                  struct stream_name stream, struct feed_view *ret, struct err *err)
{
    if (!may_read(principal, snapshot->store, &stream)) {
        return not_yours(enum_word(&stream_kind_words, stream.kind), err);
    }
    *ret = (struct feed_view){.principal = *principal,
                              .source_count = 1,
                              .sources = {{.topic = FEED_ALL, .stream = stream}}};
    return ERR_OK;
}

/* What concerns the caller: of an operator the whole log, of a machine its own stream, else the account's. */
static struct feed_source own_source(const struct principal *principal, enum feed_topic_kind topic)
{
    struct feed_source source = {
        .topic = topic, .whole_log = sees_all(principal), .concerns = !sees_all(principal)};
    source.stream = is_host(principal)
                        ? (struct stream_name){STREAM_HOST, principal->host_id}
                        : (struct stream_name){STREAM_ACCOUNT, principal->account_id};
    return source;
}

static bool is_provider(struct store *store, struct id16 account_id)
{
    struct market_entry entry;
    return marketplace_of_provider(store, account_id, 0, &entry, 1) > 0;
}

static enum err_code make_source(struct feed_snapshot *snapshot, const struct principal *principal,
                                 const struct feed_topic *topic, struct feed_source *ret,
                                 struct err *err)
{
    struct store *store = snapshot->store;
    switch (topic->kind) {
    case FEED_ALL:
    case FEED_CHAIN:
        *ret = own_source(principal, topic->kind);
        return ERR_OK;
    case FEED_MARKETPLACE:
        *ret = (struct feed_source){.topic = topic->kind, .whole_log = true};
        return ERR_OK;
    case FEED_JOB:
        if (!may_follow_job(principal, store, topic->id)) {
            return not_yours("job", err);
        }
        *ret = (struct feed_source){.topic = topic->kind,
                                    .concerns = !is_host(principal) && !sees_all(principal),
                                    .stream = {STREAM_JOB, topic->id}};
        return ERR_OK;
    case FEED_ACCOUNT:
        if (!sees_all(principal) && !is_own_account(principal, topic->id)) {
            return not_yours("account", err);
        }
        break;
    case FEED_PROVIDER:
        if (!sees_all(principal) && !is_own_account(principal, topic->id) &&
            !is_provider(store, topic->id)) {
            return not_yours("provider", err);
        }
        break;
    }
    *ret = (struct feed_source){.topic = topic->kind,
                                .concerns = is_own_account(principal, topic->id),
                                .stream = {STREAM_ACCOUNT, topic->id}};
    return ERR_OK;
}

enum err_code feed_view_make(struct feed_snapshot *snapshot, const struct principal *principal,
                             const struct feed_subscription *subscription, struct feed_view *ret,
                             struct err *err)
{
    struct feed_view view = {.principal = *principal};
    for (size_t i = 0; i < subscription->topic_count; i++) {
        struct feed_source source = {0};
        enum err_code code =
            make_source(snapshot, principal, &subscription->topics[i], &source, err);
        if (code != ERR_OK) {
            return code;
        }
        view.sources[view.source_count++] = source;
        if (source.whole_log && source.topic == FEED_ALL) { /* it holds the others */
            view.sources[0] = source;
            view.source_count = 1;
            break;
        }
    }
    *ret = view;
    return ERR_OK;
}

/* ── what a topic is about ─────────────────────────────────────────────────────────────────────── */

static bool is_of_market(uint16_t type)
{
    switch (type) {
    case EVENT_PROVIDER_ENROLLED:
    case EVENT_PROVIDER_ONLINE:
    case EVENT_PROVIDER_OFFLINE:
    case EVENT_HOST_BENCHMARKED:
    case EVENT_OFFER_PUBLISHED:
    case EVENT_OFFER_WITHDRAWN:
        return true;
    default:
        return false;
    }
}

/* Transactions and what was read from the chain. */
static bool is_of_chain(const struct record_header *header)
{
    switch (header->type) {
    case EVENT_ESCROW_REQUESTED:
    case EVENT_ESCROW_SETTLED: /* decided by us; the transactions follow */
        return false;
    case EVENT_CHECKPOINT_ANCHORED:
        return true;
    default:
        return header->stream_kind == STREAM_ESCROW;
    }
}

/* Whether the event is of `account_id` as a provider. The event is in the account's stream already. */
static bool is_of_provider(struct store *store, const struct record_header *header,
                           struct id16 account_id)
{
    struct job_row job;
    struct escrow_row escrow;
    struct quote_row quote;
    switch (header->stream_kind) {
    case STREAM_HOST:
    case STREAM_OFFER:
    case STREAM_LEDGER: /* an auditor's findings about it */
        return true;
    case STREAM_JOB:
        return state_job(store, header->stream_id, &job) && id_equal(job.provider_id, account_id);
    case STREAM_ESCROW:
        return state_escrow(store, header->stream_id, &escrow) &&
               id_equal(escrow.provider_id, account_id);
    case STREAM_QUOTE:
        return state_quote(store, header->stream_id, &quote) &&
               id_equal(quote.provider_id, account_id);
    default:
        return false;
    }
}

/* The header of a record, read when the first source wants it. */
struct looked_at {
    struct feed_snapshot *snapshot;
    uint64_t sequence;
    bool known;
    struct record_header header;
};

static const struct record_header *header_of(struct looked_at *look)
{
    struct bytes record;
    if (!look->known) {
        look->known = true;
        if (log_reader_record(look->snapshot->log, look->sequence, &record, NULL) != ERR_OK ||
            record_header_decode(record, &look->header, NULL) != ERR_OK) {
            look->header =
                (struct record_header){0}; /* of no topic; whoever renders it will tell */
        }
    }
    return &look->header;
}

/* Whether a source that has the event in its stream shows it. */
static bool source_shows(const struct feed_view *view, const struct feed_source *source,
                         struct looked_at *look)
{
    struct store *store = look->snapshot->store;
    bool for_all = false;
    switch (source->topic) {
    case FEED_ALL:
    case FEED_JOB:
    case FEED_ACCOUNT:
        break;
    case FEED_PROVIDER:
        if (!is_of_provider(store, header_of(look), source->stream.id)) {
            return false;
        }
        for_all = is_of_market(header_of(look)->type);
        break;
    case FEED_MARKETPLACE:
        return is_of_market(header_of(look)->type);
    case FEED_CHAIN:
        if (!is_of_chain(header_of(look))) {
            return false;
        }
        break;
    }
    return for_all || source->concerns || sees_all(&view->principal) ||
           concerns(&view->principal, store, look->sequence);
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

/* One stream of which everything is shown: the list is the answer. */
static size_t next_of_stream(const struct feed_source *source, struct feed_snapshot *snapshot,
                             uint64_t after, uint64_t *ret, size_t max, uint64_t *ret_cursor)
{
    size_t count =
        streams_after(snapshot->store, source->stream.kind, source->stream.id, after, ret, max);
    bool full = count == max;
    while (count > 0 && ret[count - 1] > snapshot->head) {
        count--;
        full = false;
    }
    *ret_cursor = full ? ret[count - 1] : snapshot->head > after ? snapshot->head : after;
    return count;
}

/* The sequence that follows `after` in a source; 0: none. */
static uint64_t next_of_source(const struct feed_source *source, struct feed_snapshot *snapshot,
                               uint64_t after)
{
    uint64_t next;
    if (source->whole_log) {
        return after < snapshot->head ? after + 1 : 0;
    }
    return streams_after(snapshot->store, source->stream.kind, source->stream.id, after, &next,
                         1) == 1 &&
                   next <= snapshot->head
               ? next
               : 0;
}

static bool is_plain(const struct feed_source *source, const struct feed_view *view)
{
    return (source->topic == FEED_ALL || source->topic == FEED_JOB ||
            source->topic == FEED_ACCOUNT) &&
           (source->concerns || sees_all(&view->principal));
}

size_t feed_view_next(const struct feed_view *view, struct feed_snapshot *snapshot, uint64_t after,
                      uint64_t *ret, size_t max, uint64_t *ret_cursor)
{
    uint64_t nexts[FEED_TOPICS_MAX];
    size_t count = 0;
    if (view->source_count == 1 && is_plain(&view->sources[0], view)) {
        return view->sources[0].whole_log
                   ? next_of_log(after, snapshot->head, ret, max, ret_cursor)
                   : next_of_stream(&view->sources[0], snapshot, after, ret, max, ret_cursor);
    }
    for (size_t i = 0; i < view->source_count; i++) {
        nexts[i] = next_of_source(&view->sources[i], snapshot, after);
    }
    for (size_t looks = 0; count < max && looks < LOOK_MAX; looks++) {
        struct looked_at look = {.snapshot = snapshot, .sequence = UINT64_MAX};
        bool shown = false;
        for (size_t i = 0; i < view->source_count; i++) {
            if (nexts[i] != 0 && nexts[i] < look.sequence) {
                look.sequence = nexts[i];
            }
        }
        if (look.sequence == UINT64_MAX) {
            *ret_cursor = snapshot->head > after ? snapshot->head : after;
            return count;
        }
        after = look.sequence;
        for (size_t i = 0; i < view->source_count; i++) {
            if (nexts[i] == after) {
                shown = shown || source_shows(view, &view->sources[i], &look);
                nexts[i] = next_of_source(&view->sources[i], snapshot, after);
            }
        }
        if (shown) {
            ret[count++] = after;
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
