/* One idle handle pumps everybody who has something to read, a chunk each a turn, on one snapshot a turn. An event without a
 * private part, or for somebody who may not see it, is the same bytes for all: those frames are made once and kept
 * for a while. */
// SPDX-License-Identifier: Apache-2.0
#include "api/feed.h"

#include "api/feed_read.h"
#include "core/base/invariant.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/net/websocket.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FEED_MAGIC 0xFEEDFEEDU
#define MESSAGE_MAX ((size_t)1 << 20)
#define FRAMES_KEPT 128
#define TURN_NS (20 * NS_PER_MS) /* a snapshot is not held longer */
#define CHECK_MS 5000
#define SUBSCRIBE_WITHIN_NS (10 * NS_PER_S)

struct feed {
    uint32_t magic;
    struct feeds *feeds;
    struct websocket *websocket;
    struct principal principal;
    int64_t opened_at; /* monotonic */
    bool subscribed;
    bool live;    /* the marker was sent */
    bool blocked; /* its socket is full: on_writable comes */
    bool pending; /* there may be something to read */
    struct feed_view view;
    uint64_t cursor; /* everything up to here was sent */
    struct feed *next;
    struct feed *previous;
};

struct feeds {
    struct api *api;
    struct feed *first;
    struct feed *last;
    size_t count;
    bool released;
    uv_idle_t turn;
    uv_timer_t check;
    struct buf text;
    struct {
        uint64_t sequence;
        struct websocket_frame *frame;
    } frames[FRAMES_KEPT]; /* public renderings, by sequence modulo FRAMES_KEPT */
};

static struct feed *feed_of(void *ctx)
{
    struct feed *feed = ctx;
    INVARIANT(feed->magic == FEED_MAGIC);
    return feed;
}

/* ── sending ───────────────────────────────────────────────────────────────────────────────────── */

/* {"event":…} in feeds->text. */
static bool render(struct feeds *feeds, struct feed_snapshot *snapshot, uint64_t sequence,
                   bool with_private)
{
    buf_clear(&feeds->text);
    buf_append_text(&feeds->text, "{\"event\":");
    bool good = feed_render(feeds->api, snapshot, sequence, with_private, &feeds->text);
    buf_append_byte(&feeds->text, '}');
    return good && !feeds->text.failed;
}

/* The public rendering; borrowed. NULL: unreadable or out of memory. */
static const struct websocket_frame *public_frame(struct feeds *feeds,
                                                  struct feed_snapshot *snapshot, uint64_t sequence)
{
    size_t slot = sequence % FRAMES_KEPT;
    if (feeds->frames[slot].sequence == sequence) {
        return feeds->frames[slot].frame;
    }
    if (!render(feeds, snapshot, sequence, false)) {
        return NULL;
    }
    struct websocket_frame *frame = websocket_frame_create(buf_bytes(&feeds->text));
    if (frame != NULL) {
        websocket_frame_unref(feeds->frames[slot].frame);
        feeds->frames[slot].frame = frame;
        feeds->frames[slot].sequence = sequence;
    }
    return frame;
}

static enum err_code send_event(struct feed *feed, struct feed_snapshot *snapshot,
                                uint64_t sequence)
{
    struct feeds *feeds = feed->feeds;
    if (feed_view_has_private(&feed->view, snapshot, sequence)) {
        if (!render(feeds, snapshot, sequence, true)) {
            return ERR_INTERNAL;
        }
        return websocket_send(feed->websocket, buf_bytes(&feeds->text), NULL);
    }
    const struct websocket_frame *frame = public_frame(feeds, snapshot, sequence);
    return frame == NULL ? ERR_INTERNAL : websocket_send_frame(feed->websocket, frame, NULL);
}

static enum err_code send_live(struct feed *feed)
{
    char text[48];
    int size = snprintf(text, sizeof text, "{\"live\":%" PRIu64 "}", feed->cursor);
    return websocket_send(feed->websocket, bytes_of(text, (size_t)size), NULL);
}

/* What a refused send means. */
static void not_sent(struct feed *feed, enum err_code code)
{
    feed->blocked = code == ERR_BUSY;
    if (code != ERR_BUSY) {
        feed->pending = false;
        if (code != ERR_UNAVAILABLE) { /* a hole would be a lie: end it, it may resume */
            websocket_close(feed->websocket, WEBSOCKET_INTERNAL, "an event could not be read");
        }
    }
}

/* One chunk for one client. */
static void pump(struct feed *feed, struct feed_snapshot *snapshot)
{
    uint64_t sequences[FEED_CHUNK];
    uint64_t cursor;
    size_t count =
        feed_view_next(&feed->view, snapshot, feed->cursor, sequences, FEED_CHUNK, &cursor);
    for (size_t i = 0; i < count; i++) {
        enum err_code code = send_event(feed, snapshot, sequences[i]);
        if (code != ERR_OK) {
            not_sent(feed, code);
            return;
        }
        feed->cursor = sequences[i];
    }
    feed->cursor = cursor > feed->cursor ? cursor : feed->cursor;
    if (feed->cursor < snapshot->head) {
        return; /* the next turn goes on */
    }
    if (!feed->live) {
        enum err_code code = send_live(feed);
        if (code != ERR_OK) {
            not_sent(feed, code);
            return;
        }
        feed->live = true;
    }
    feed->pending = false;
}

/* ── the list: who waits longest is first ──────────────────────────────────────────────────────── */

static void link_last(struct feeds *feeds, struct feed *feed)
{
    feed->next = NULL;
    feed->previous = feeds->last;
    if (feeds->last == NULL) {
        feeds->first = feed;
    } else {
        feeds->last->next = feed;
    }
    feeds->last = feed;
    feeds->count++;
}

static void unlink_feed(struct feeds *feeds, struct feed *feed)
{
    if (feed->previous == NULL) {
        feeds->first = feed->next;
    } else {
        feed->previous->next = feed->next;
    }
    if (feed->next == NULL) {
        feeds->last = feed->previous;
    } else {
        feed->next->previous = feed->previous;
    }
    feeds->count--;
}

/* ── turns ─────────────────────────────────────────────────────────────────────────────────────── */

static bool wants_turn(const struct feed *feed)
{
    return feed->subscribed && feed->pending && !feed->blocked;
}

static void turn_cb(uv_idle_t *handle)
{
    struct feeds *feeds = handle->data;
    struct feed_snapshot snapshot;
    struct err err = {0};
    if (feed_snapshot_open(feeds->api, &snapshot, &err) != ERR_OK) {
        trace_err(TRACE_WARN, "feed.no_snapshot", &err);
        (void)uv_idle_stop(handle); /* the next commit tries again */
        return;
    }
    int64_t end = time_mono_ns() + TURN_NS;
    bool more = false;
    size_t left = feeds->count; /* everybody once: who had a turn goes to the back */
    for (struct feed *feed = feeds->first; feed != NULL && left > 0; left--) {
        struct feed *next = feed->next;
        if (wants_turn(feed)) {
            pump(feed, &snapshot);
            more = more || wants_turn(feed);
            unlink_feed(feeds, feed);
            link_last(feeds, feed);
            if (time_mono_ns() >= end) {
                more = true;
                break;
            }
        }
        feed = next;
    }
    feed_snapshot_close(&snapshot);
    if (!more) {
        (void)uv_idle_stop(handle);
    }
}

static void start_turns(struct feeds *feeds)
{
    if (!feeds->released) {
        (void)uv_idle_start(&feeds->turn, turn_cb);
    }
}

void feeds_commit(struct feeds *feeds)
{
    for (struct feed *feed = feeds->first; feed != NULL; feed = feed->next) {
        feed->pending = true;
    }
    if (feeds->first != NULL) {
        start_turns(feeds);
    }
}

/* ── a client ──────────────────────────────────────────────────────────────────────────────────── */

static void subscribe(struct feed *feed, struct bytes text)
{
    struct feeds *feeds = feed->feeds;
    struct feed_subscription subscription;
    struct feed_snapshot snapshot;
    struct err err = {0};
    if (feed_subscription_parse(text, &subscription, &err) != ERR_OK) {
        websocket_close(feed->websocket, WEBSOCKET_POLICY, err.message);
        return;
    }
    enum err_code code = feed_snapshot_open(feeds->api, &snapshot, &err);
    if (code != ERR_OK) {
        websocket_close(feed->websocket, WEBSOCKET_TRY_LATER, "the log cannot be read now");
        return;
    }
    code = feed_view_make(&snapshot, &feed->principal, &subscription, &feed->view, &err);
    uint64_t head = snapshot.head;
    feed_snapshot_close(&snapshot);
    if (code == ERR_OK && subscription.after > head) {
        code = err_set(&err, ERR_INVALID, "after is beyond the head, %" PRIu64, head);
    }
    if (code != ERR_OK) {
        websocket_close(feed->websocket, WEBSOCKET_POLICY, err.message);
        return;
    }
    feed->subscribed = true;
    feed->live = false;
    feed->pending = true;
    feed->cursor = subscription.after;
    start_turns(feeds);
}

static void text_cb(void *ctx, struct websocket *websocket, struct bytes text)
{
    (void)websocket;
    subscribe(feed_of(ctx), text);
}

static void writable_cb(void *ctx, struct websocket *websocket)
{
    struct feed *feed = feed_of(ctx);
    (void)websocket;
    feed->blocked = false;
    if (wants_turn(feed)) {
        start_turns(feed->feeds);
    }
}

static void close_cb(void *ctx, struct websocket *websocket, int status, struct bytes reason)
{
    struct feed *feed = feed_of(ctx);
    (void)websocket;
    (void)status;
    (void)reason;
    unlink_feed(feed->feeds, feed);
    feed->magic = 0;
    free(feed);
}

void feeds_accept(struct feeds *feeds, struct call *call)
{
    static const char *const PROTOCOLS[] = {"tally.v1"};
    struct feed *feed = feeds->released ? NULL : calloc(1, sizeof *feed);
    if (feed == NULL) {
        call_problem(call, 503, "unavailable", "the feed cannot be followed now; try again");
        return;
    }
    *feed = (struct feed){.magic = FEED_MAGIC,
                          .feeds = feeds,
                          .principal = call->principal,
                          .opened_at = time_mono_ns()};
    struct websocket_accept_options options = {
        .limits = {.message_size_max = FEED_MESSAGE_MAX},
        .protocols = PROTOCOLS,
        .protocol_count = 1,
    };
    struct websocket_callbacks callbacks = {
        .ctx = feed, .on_text = text_cb, .on_writable = writable_cb, .on_close = close_cb};
    struct http_request *request = call->request;
    call->request = NULL;
    call_free(call); /* either way the request is consumed */
    if (websocket_accept(request, &options, &callbacks, &feed->websocket, NULL, NULL) != ERR_OK) {
        free(feed);
        return;
    }
    link_last(feeds, feed);
}

/* ── all of them ───────────────────────────────────────────────────────────────────────────────── */

static bool token_holds(struct store *store, struct id16 token_id)
{
    struct key32 hash;
    struct token_row token;
    return store_get_row(store, &STATE_TOKEN_IDS, id_key(&token_id), &hash, sizeof hash) &&
           state_token(store, hash, &token) && token.revoked == 0 &&
           (token.expires_at == 0 || token.expires_at > time_wall_ns());
}

static void check_cb(uv_timer_t *timer)
{
    struct feeds *feeds = timer->data;
    struct feed_snapshot snapshot;
    if (feeds->first == NULL || feed_snapshot_open(feeds->api, &snapshot, NULL) != ERR_OK) {
        return;
    }
    int64_t now = time_mono_ns();
    for (struct feed *feed = feeds->first; feed != NULL; feed = feed->next) {
        if (!token_holds(snapshot.store, feed->principal.token_id)) {
            websocket_close(feed->websocket, WEBSOCKET_POLICY,
                            "the token was revoked or has expired");
        } else if (!feed->subscribed && now - feed->opened_at > SUBSCRIBE_WITHIN_NS) {
            websocket_close(feed->websocket, WEBSOCKET_POLICY, "nothing was subscribed in 10 s");
        }
    }
    feed_snapshot_close(&snapshot);
}

struct feeds *feeds_create(struct api *api)
{
    struct feeds *feeds = calloc(1, sizeof *feeds);
    if (feeds == NULL) {
        return NULL;
    }
    feeds->api = api;
    feeds->turn.data = feeds;
    feeds->check.data = feeds;
    buf_init(&feeds->text, MESSAGE_MAX);
    int rc = uv_idle_init(api->loop, &feeds->turn);
    INVARIANT(rc == 0);
    rc = uv_timer_init(api->loop, &feeds->check);
    INVARIANT(rc == 0);
    rc = uv_timer_start(&feeds->check, check_cb, CHECK_MS, CHECK_MS);
    INVARIANT(rc == 0);
    return feeds;
}

void feeds_release(struct feeds *feeds)
{
    if (feeds->released) {
        return;
    }
    feeds->released = true;
    uv_close((uv_handle_t *)&feeds->turn, NULL);
    uv_close((uv_handle_t *)&feeds->check, NULL);
    for (struct feed *feed = feeds->first; feed != NULL; feed = feed->next) {
        websocket_close(feed->websocket, WEBSOCKET_GOING_AWAY, "the server is stopping");
    }
}

void feeds_destroy(struct feeds *feeds)
{
    if (feeds == NULL) {
        return;
    }
    INVARIANT(feeds->first == NULL);
    for (size_t i = 0; i < FRAMES_KEPT; i++) {
        websocket_frame_unref(feeds->frames[i].frame);
    }
    buf_deinit(&feeds->text);
    free(feeds);
}
