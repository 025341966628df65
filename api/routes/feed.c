/* The log as it can be followed: pages of events, and the feed. */
// SPDX-License-Identifier: Apache-2.0
#include "api/feed.h"
#include "api/feed_read.h"
#include "api/list.h"
#include "api/route.h"
#include "core/base/text.h"

#include <inttypes.h>
#include <string.h>

#define EVENTS_DEFAULT 50
#define EVENTS_MAX 500
/* A page ends early when it is this large; `next` goes on from there. */
#define PAGE_SIZE_SOFT ((size_t)2 << 20)
#define PAGE_SIZE_MAX (PAGE_SIZE_SOFT + ((size_t)1 << 20))
/* Of one type: a page that would look at more events than this ends before. */
#define LOOKED_AT_MAX 10000

struct page {
    uint64_t after;
    uint64_t limit;
    bool has_stream;
    struct stream_name stream;
    uint16_t type; /* 0: any */
    int64_t from;  /* 0: from the first */
    int64_t until;
};

static bool read_number(struct call *call, const char *name, uint64_t max, uint64_t *ret)
{
    const char *text = http_head_param(http_request_head(call->request), name);
    if (text != NULL && (u64_parse(bytes_of_text(text), ret, NULL) != ERR_OK || *ret > max)) {
        call_problem(call, 422, "parameter_invalid", "%s is a number up to %" PRIu64, name, max);
        return false;
    }
    return true;
}

/* In any of its versions; 0: there is none of this name. */
static uint16_t type_named(const char *name)
{
    size_t count;
    const struct event_type *types = event_types(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(types[i].name, name) == 0) {
            return types[i].number;
        }
    }
    return 0;
}

static bool read_page(struct call *call, struct page *ret)
{
    const char *type = http_head_param(http_request_head(call->request), "type");
    const char *stream = http_head_param(http_request_head(call->request), "stream");
    struct err err = {0};
    *ret = (struct page){.limit = EVENTS_DEFAULT, .has_stream = stream != NULL};
    if (!read_number(call, "after", INT64_MAX, &ret->after) ||
        !read_number(call, "limit", EVENTS_MAX, &ret->limit)) {
        return false;
    }
    if (ret->limit == 0) {
        call_problem(call, 422, "parameter_invalid", "limit is 1 to %d", EVENTS_MAX);
        return false;
    }
    if (stream != NULL && stream_name_parse(bytes_of_text(stream), &ret->stream, &err) != ERR_OK) {
        call_problem(call, 422, "parameter_invalid", "%s", err.message);
        return false;
    }
    if (!list_time(call, "from", &ret->from) || !list_time(call, "until", &ret->until)) {
        return false;
    }
    ret->type = type == NULL ? 0 : type_named(type);
    if (type != NULL && ret->type == 0) {
        call_problem(call, 422, "filter_invalid",
                     "type is the name of an event, as job.completed; all of them are at /docs");
        return false;
    }
    return true;
}

/* The last event before a time; 0: none. Times do not fall from one record to the next (decision 0014), so twenty looks are enough for a million. */
static uint64_t last_before(struct feed_snapshot *snapshot, int64_t time)
{
    uint64_t low = 0;
    uint64_t high = snapshot->head;
    while (low < high) {
        struct bytes record;
        struct record_header header;
        uint64_t const middle = low + (high - low + 1) / 2;
        if (log_reader_record(snapshot->log, middle, &record, NULL) == ERR_OK &&
            record_header_decode(record, &header, NULL) == ERR_OK && header.time < time) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

static bool is_wanted(struct feed_snapshot *snapshot, const struct page *page, uint64_t sequence)
{
    struct bytes record;
    struct record_header header;
    /* One that cannot be read is wanted: rendering it tells of that. */
    return page->type == 0 || log_reader_record(snapshot->log, sequence, &record, NULL) != ERR_OK ||
           record_header_decode(record, &header, NULL) != ERR_OK || header.type == page->type;
}

/* The cursor up to which `text` shows everything. */
static uint64_t append_events(struct call *call, struct feed_snapshot *snapshot,
                              const struct feed_view *view, const struct page *page,
                              struct buf *text)
{
    uint64_t sequences[EVENTS_MAX];
    uint64_t cursor = page->after;
    size_t shown = 0;
    size_t looked_at = 0;
    do {
        size_t count =
            feed_view_next(view, snapshot, cursor, sequences, (size_t)page->limit, &cursor);
        for (size_t i = 0; i < count; i++) {
            if (!is_wanted(snapshot, page, sequences[i])) {
                continue;
            }
            buf_append_text(text, shown++ == 0 ? "" : ",");
            bool with_private = feed_view_has_private(view, snapshot, sequences[i]);
            if (!feed_render(call->api, snapshot, sequences[i], with_private, text)) {
                text->failed = true;
                return 0;
            }
            if (text->size >= PAGE_SIZE_SOFT || (page->type != 0 && shown == page->limit)) {
                return sequences[i];
            }
        }
        looked_at += count > 0 ? count : LOOKED_AT_MAX; /* it has looked at very many by itself */
    } while (page->type != 0 && looked_at < LOOKED_AT_MAX && cursor < snapshot->head);
    return cursor;
}

static void get_events(struct call *call)
{
    struct page page;
    struct feed_snapshot snapshot;
    struct feed_view view;
    struct buf text;
    struct err err = {0};
    if (!read_page(call, &page)) {
        return;
    }
    enum err_code code = feed_snapshot_open(call->api, &snapshot, &err);
    if (code != ERR_OK) {
        call_refuse(call, &err);
        return;
    }
    const struct feed_subscription all = {.topic_count = 1, .topics = {{.kind = FEED_ALL}}};
    code = page.has_stream
               ? feed_view_of_stream(&snapshot, &call->principal, page.stream, &view, &err)
               : feed_view_make(&snapshot, &call->principal, &all, &view, &err);
    if (code != ERR_OK) {
        feed_snapshot_close(&snapshot);
        call_refuse(call, &err);
        return;
    }
    uint64_t const head = snapshot.head;
    uint64_t const before = page.from == 0 ? 0 : last_before(&snapshot, page.from);
    page.after = page.after < before ? before : page.after;
    /* To a page the log ends there. */
    snapshot.head = page.until == 0 ? head : last_before(&snapshot, page.until);
    uint64_t const end = snapshot.head;
    buf_init(&text, PAGE_SIZE_MAX);
    buf_append_text(&text, "{\"items\":[");
    uint64_t cursor = append_events(call, &snapshot, &view, &page, &text);
    feed_snapshot_close(&snapshot);
    if (cursor < end) {
        buf_printf(&text, "],\"next\":%" PRIu64 ",\"head\":%" PRIu64 "}", cursor, head);
    } else {
        buf_printf(&text, "],\"next\":null,\"head\":%" PRIu64 "}", head);
    }
    if (text.failed) {
        call_problem(call, 500, "internal",
                     "an event could not be read; the operator has been told");
    } else {
        call_reply_text(call, 200, "application/json", buf_bytes(&text));
    }
    buf_deinit(&text);
}

static void get_feed(struct call *call)
{
    feeds_accept(call->api->feeds, call);
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/v1/events", ROUTE_ANY, BODY_NONE, get_events},
    {HTTP_GET, "/v1/feed", ROUTE_ANY, BODY_NONE, get_feed},
};
const struct route_table ROUTES_FEED = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
