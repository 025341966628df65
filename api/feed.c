/* One idle handle pumps everybody who has something to read, a chunk each a turn, on one snapshot a turn. */
// SPDX-License-Identifier: Apache-2.0
#include "api/feed.h"

#include "api/feed_follower.h"
#include "api/feed_views.h"
#include "core/base/invariant.h"
#include "core/base/time.h"
#include "core/base/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLLOWER_MAGIC 0xFEEDFEEDU
#define TURN_NS (20 * NS_PER_MS) /* a snapshot is not held longer */
/* After a pass over all that took t, the next begins 3 t later: a quarter of the loop's time at most is spent on small writes, the rest of the
 * events wait and go out together. With a few followers t is microseconds. A pass may take several turns; what is committed meanwhile waits for the
 * next, or a busy server would go on for ever with who was served first, an event at a time. */
#define REST_FACTOR 3
#define REST_MAX_NS (20 * NS_PER_MS)
#define LOOK_MS 1000
#define CHECK_LOOKS 5 /* tokens and derived views, every 5 s */
#define PING_LOOKS 15
#define SUBSCRIBE_WITHIN_NS (10 * NS_PER_S)
#define CLOSE_TIMEOUT_MS 10000 /* for one that was stuck: it hears why if it goes on reading */
#define VIEWS_TEXT_MAX ((size_t)256 << 10)

struct feeds {
    struct api *api;
    struct follower *first; /* who waits longest */
    struct follower *last;
    size_t count;
    bool released;
    uv_idle_t turn;
    uv_timer_t rest;   /* runs while the next turn is put off */
    int64_t rest_till; /* monotonic */
    int64_t pass_at;   /* when the pass began that is not finished; 0: none */
    bool news;         /* committed since */
    uv_timer_t look;
    uint64_t looks;
    struct feed_frames *frames;
    struct buf text;
    uint64_t sent;
    uint64_t stuck;
};

static struct follower *follower_of(void *ctx)
{
    struct follower *follower = ctx;
    INVARIANT(follower->magic == FOLLOWER_MAGIC);
    return follower;
}

/* ── sending ───────────────────────────────────────────────────────────────────────────────────── */

static enum err_code send_event(struct follower *follower, struct feed_snapshot *snapshot,
                                uint64_t sequence)
{
    struct feeds *feeds = follower->feeds;
    const struct websocket_frame *frame =
        feed_frames_get(feeds->frames, snapshot, &follower->view, sequence);
    enum err_code code =
        frame == NULL ? ERR_INTERNAL : follower_send_event(follower, sequence, frame);
    feeds->sent += code == ERR_OK ? 1 : 0;
    return code;
}

static enum err_code send_live(struct follower *follower)
{
    char text[48];
    int size = snprintf(text, sizeof text, "{\"live\":%" PRIu64 "}", follower->cursor);
    return follower_send_text(follower, follower->cursor, bytes_of(text, (size_t)size));
}

/* A view that finds no room is not worth waiting for: the next says more. */
static void send_views(struct follower *follower, struct feed_snapshot *snapshot)
{
    struct buf *text = &follower->feeds->text;
    size_t ends[FEED_VIEWS_MAX];
    size_t from = 0;
    follower->views_due = false;
    buf_clear(text);
    size_t count = feed_views_render(snapshot, &follower->view, time_wall_ns(), text, ends);
    for (size_t i = 0; i < count; i++) {
        struct bytes message = bytes_of(text->data + from, ends[i] - from);
        if (follower_send_text(follower, 0, message) != ERR_OK) {
            return;
        }
        from = ends[i];
    }
}

/* What a refused send means. */
static void not_sent(struct follower *follower, enum err_code code)
{
    follower->blocked = code == ERR_BUSY;
    if (code != ERR_BUSY) {
        follower->pending = false;
        if (code != ERR_UNAVAILABLE) { /* a hole would be a lie: end it, it may resume */
            follower_close(follower, WEBSOCKET_INTERNAL, "an event could not be read");
        }
    }
}

/* One chunk for one follower. */
static void pump(struct follower *follower, struct feed_snapshot *snapshot)
{
    uint64_t sequences[FEED_CHUNK];
    uint64_t cursor;
    size_t count =
        feed_view_next(&follower->view, snapshot, follower->cursor, sequences, FEED_CHUNK, &cursor);
    for (size_t i = 0; i < count; i++) {
        enum err_code code = send_event(follower, snapshot, sequences[i]);
        if (code != ERR_OK) {
            not_sent(follower, code);
            return;
        }
        follower->cursor = sequences[i];
    }
    follower->cursor = cursor > follower->cursor ? cursor : follower->cursor;
    if (follower->cursor < snapshot->head) {
        return; /* the next turn goes on */
    }
    if (!follower->live) {
        enum err_code code = send_live(follower);
        if (code != ERR_OK) {
            not_sent(follower, code);
            return;
        }
        follower->live = true;
    }
    if (follower->views && follower->views_due) {
        send_views(follower, snapshot);
    }
    follower->pending = false;
}

/* ── the list ──────────────────────────────────────────────────────────────────────────────────── */

static void link_last(struct feeds *feeds, struct follower *follower)
{
    follower->next = NULL;
    follower->previous = feeds->last;
    if (feeds->last == NULL) {
        feeds->first = follower;
    } else {
        feeds->last->next = follower;
    }
    feeds->last = follower;
    feeds->count++;
}

static void unlink_follower(struct feeds *feeds, struct follower *follower)
{
    if (follower->previous == NULL) {
        feeds->first = follower->next;
    } else {
        follower->previous->next = follower->next;
    }
    if (follower->next == NULL) {
        feeds->last = follower->previous;
    } else {
        follower->next->previous = follower->previous;
    }
    feeds->count--;
}

/* ── turns ─────────────────────────────────────────────────────────────────────────────────────── */

static bool wants_turn(const struct follower *follower)
{
    return follower->subscribed && follower->pending && !follower->blocked && !follower->closing;
}

/* Everybody once, unless it takes too long: who had a turn goes to the back. true: somebody wants another. `ret_all`: nobody was left out. */
static bool pump_all(struct feeds *feeds, struct feed_snapshot *snapshot, int64_t end,
                     bool *ret_all)
{
    bool more = false;
    *ret_all = false;
    size_t left = feeds->count;
    for (struct follower *follower = feeds->first; follower != NULL && left > 0; left--) {
        struct follower *next = follower->next;
        if (wants_turn(follower)) {
            follower_cork(follower, true);
            pump(follower, snapshot);
            follower_cork(follower, false);
            more = more || wants_turn(follower);
            unlink_follower(feeds, follower);
            link_last(feeds, follower);
            if (left > 1 && time_mono_ns() >= end) {
                return true;
            }
        }
        follower = next;
    }
    *ret_all = true;
    return more;
}

static void end_pass(struct feeds *feeds)
{
    int64_t now = time_mono_ns();
    int64_t rest = (now - feeds->pass_at) * REST_FACTOR;
    int64_t till = now + (rest < REST_MAX_NS ? rest : REST_MAX_NS);
    feeds->rest_till = till > feeds->rest_till
                           ? till
                           : feeds->rest_till; /* one who came new cuts nobody's short */
    feeds->pass_at = 0;
    if (feeds->news) {
        feeds->news = false;
        feeds_commit(feeds);
    }
}

static void turn_cb(uv_idle_t *handle)
{
    struct feeds *feeds = handle->data;
    struct feed_snapshot snapshot;
    struct err err = {0};
    if (feed_snapshot_open(feeds->api, &snapshot, &err) != ERR_OK) {
        trace_err(TRACE_WARN, "feed.no_snapshot", &err);
        (void)uv_idle_stop(handle); /* the next commit tries again */
        feeds->pass_at = 0;
        return;
    }
    bool all;
    int64_t begin = time_mono_ns();
    feeds->pass_at = feeds->pass_at == 0 ? begin : feeds->pass_at;
    bool more = pump_all(feeds, &snapshot, begin + TURN_NS, &all);
    feed_snapshot_close(&snapshot);
    if (!more) {
        (void)uv_idle_stop(handle);
    }
    if (all) {
        end_pass(feeds); /* may start the next */
    }
}

static void start_turns(struct feeds *feeds)
{
    if (!feeds->released) {
        (void)uv_idle_start(&feeds->turn, turn_cb);
    }
}

static void wake_all(struct feeds *feeds)
{
    for (struct follower *follower = feeds->first; follower != NULL; follower = follower->next) {
        follower->pending = true;
    }
    if (feeds->first != NULL) {
        start_turns(feeds);
    }
}

static void rested_cb(uv_timer_t *timer)
{
    wake_all(timer->data);
}

void feeds_commit(struct feeds *feeds)
{
    if (feeds->released || uv_is_active((uv_handle_t *)&feeds->rest)) {
        return;
    }
    if (feeds->pass_at != 0) {
        feeds->news = true;
        return;
    }
    int64_t left = feeds->rest_till - time_mono_ns();
    if (left >= NS_PER_MS) {
        uv_update_time(feeds->api->loop); /* it stands still while a turn takes its time */
        (void)uv_timer_start(&feeds->rest, rested_cb, (uint64_t)(left / NS_PER_MS), 0);
    } else {
        wake_all(feeds);
    }
}

/* ── subscribing ───────────────────────────────────────────────────────────────────────────────── */

/* ERR_UNAVAILABLE: the log cannot be read now. */
static enum err_code prepare(struct feeds *feeds, struct follower *follower,
                             const struct feed_subscription *subscription, struct err *err)
{
    struct feed_snapshot snapshot;
    if (feed_snapshot_open(feeds->api, &snapshot, err) != ERR_OK) {
        return err_set(err, ERR_UNAVAILABLE, "unreadable: the log cannot be read now; try again");
    }
    enum err_code code =
        feed_view_make(&snapshot, &follower->principal, subscription, &follower->view, err);
    if (code == ERR_OK && subscription->after > snapshot.head) {
        code = err_set(err, ERR_INVALID, "after_beyond_head: after is beyond the head, %" PRIu64,
                       snapshot.head);
    }
    feed_snapshot_close(&snapshot);
    return code;
}

static void begin(struct follower *follower, const struct feed_subscription *subscription)
{
    follower->subscribed = true;
    follower->live = false;
    follower->pending = true;
    follower->views = subscription->views;
    follower->views_due = subscription->views;
    follower->cursor = subscription->after;
    start_turns(follower->feeds);
}

/* A close reason has no code word in front. */
static const char *without_word(const char *message)
{
    size_t size = strspn(message, "abcdefghijklmnopqrstuvwxyz_");
    return size > 0 && strncmp(message + size, ": ", 2) == 0 ? message + size + 2 : message;
}

static void text_cb(void *ctx, struct websocket *websocket, struct bytes text)
{
    struct follower *follower = follower_of(ctx);
    struct feed_subscription subscription;
    struct err err = {0};
    (void)websocket;
    enum err_code code = feed_subscription_parse(text, &subscription, &err);
    if (code == ERR_OK) {
        code = prepare(follower->feeds, follower, &subscription, &err);
    }
    if (code == ERR_OK) {
        begin(follower, &subscription);
    } else {
        follower_close(follower, code == ERR_UNAVAILABLE ? WEBSOCKET_TRY_LATER : WEBSOCKET_POLICY,
                       without_word(err.message));
    }
}

/* ── a connection ──────────────────────────────────────────────────────────────────────────────── */

static void writable(void *ctx)
{
    struct follower *follower = follower_of(ctx);
    follower->blocked = false;
    if (wants_turn(follower)) {
        start_turns(follower->feeds);
    }
}

static void writable_cb(void *ctx, struct websocket *websocket)
{
    (void)websocket;
    writable(ctx);
}

static void closed(void *ctx)
{
    struct follower *follower = follower_of(ctx);
    unlink_follower(follower->feeds, follower);
    follower->magic = 0;
    free(follower);
}

static void close_cb(void *ctx, struct websocket *websocket, int status, struct bytes reason)
{
    (void)websocket;
    (void)status;
    (void)reason;
    closed(ctx);
}

static void accept_websocket(struct follower *follower, struct call *call)
{
    static const char *const PROTOCOLS[] = {"tally.v1"};
    struct websocket_accept_options options = {
        .limits = {.message_size_max = FEED_MESSAGE_MAX,
                   .buffered_max = FEED_BUFFERED_MAX,
                   .close_timeout_ms = CLOSE_TIMEOUT_MS},
        .protocols = PROTOCOLS,
        .protocol_count = 1,
    };
    struct websocket_callbacks callbacks = {
        .ctx = follower, .on_text = text_cb, .on_writable = writable_cb, .on_close = close_cb};
    struct http_request *request = call_take_request(call); /* either way it is consumed */
    if (websocket_accept(request, &options, &callbacks, &follower->websocket, NULL, NULL) !=
        ERR_OK) {
        free(follower);
        return;
    }
    link_last(follower->feeds, follower);
}

static void accept_events(struct follower *follower, struct call *call)
{
    const struct http_head *head = http_request_head(call->request);
    struct feed_subscription subscription;
    struct err err = {0};
    enum err_code code =
        feed_subscription_from_query(http_head_param(head, "topics"),
                                     http_head_param(head, "after"), http_head_param(head, "views"),
                                     http_head_header(head, "last-event-id"), &subscription, &err);
    if (code == ERR_OK) {
        code = prepare(follower->feeds, follower, &subscription, &err);
    }
    if (code == ERR_OK && head->method != HTTP_GET) {
        code = err_set(&err, ERR_INVALID, "an event stream has no end, so it has no HEAD");
    }
    if (code != ERR_OK) {
        free(follower);
        call_refuse(call, &err);
        return;
    }
    const struct event_stream_options options = {.buffered_max = FEED_BUFFERED_MAX};
    const struct event_stream_callbacks callbacks = {
        .ctx = follower, .on_writable = writable, .on_close = closed};
    struct http_request *request = call_take_request(call);
    if (event_stream_accept(request, &options, &callbacks, &follower->events, NULL) != ERR_OK) {
        free(follower);
        return;
    }
    link_last(follower->feeds, follower);
    begin(follower, &subscription);
}

void feeds_accept(struct feeds *feeds, struct call *call)
{
    const char *accept = http_head_header(http_request_head(call->request), "accept");
    struct follower *follower = feeds->released ? NULL : calloc(1, sizeof *follower);
    if (follower == NULL) {
        call_problem(call, 503, "unavailable", "the feed cannot be followed now; try again");
        return;
    }
    *follower = (struct follower){.magic = FOLLOWER_MAGIC,
                                  .feeds = feeds,
                                  .principal = call->principal,
                                  .opened_at = time_mono_ns()};
    if (accept != NULL && strcasestr(accept, "text/event-stream") != NULL) {
        accept_events(follower, call);
    } else {
        accept_websocket(follower, call);
    }
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

static void close_stuck(struct follower *follower)
{
    char reason[96];
    follower->feeds->stuck++;
    (void)snprintf(reason, sizeof reason,
                   "nothing was taken for a while; come again with after=%" PRIu64 " or less",
                   follower->cursor);
    follower_close(follower, WEBSOCKET_TRY_LATER, reason);
}

static void check_tokens_and_views(struct feeds *feeds)
{
    struct feed_snapshot snapshot;
    if (feed_snapshot_open(feeds->api, &snapshot, NULL) != ERR_OK) {
        return;
    }
    for (struct follower *follower = feeds->first; follower != NULL; follower = follower->next) {
        if (!token_holds(snapshot.store, follower->principal.token_id)) {
            follower_close(follower, WEBSOCKET_POLICY, "the token was revoked or has expired");
        } else if (follower->views) {
            follower->views_due = true;
            follower->pending = true;
            start_turns(feeds);
        }
    }
    feed_snapshot_close(&snapshot);
}

static void look_cb(uv_timer_t *timer)
{
    struct feeds *feeds = timer->data;
    int64_t now = time_mono_ns();
    int64_t limit = (int64_t)feeds->api->options.feed_stuck_s * NS_PER_S;
    feeds->looks++;
    for (struct follower *follower = feeds->first; follower != NULL; follower = follower->next) {
        if (follower_is_stuck(follower, now, limit)) {
            if (follower->closing && follower->events != NULL) {
                event_stream_cut(follower->events); /* a WebSocket has its own deadline */
            } else if (!follower->closing) {
                close_stuck(follower);
            }
        } else if (!follower->subscribed && now - follower->opened_at > SUBSCRIBE_WITHIN_NS) {
            follower_close(follower, WEBSOCKET_POLICY, "nothing was subscribed in 10 s");
        } else if (feeds->looks % PING_LOOKS == 0) {
            follower_ping(follower);
        }
    }
    if (feeds->looks % CHECK_LOOKS == 0 && feeds->first != NULL) {
        check_tokens_and_views(feeds);
    }
}

struct feeds *feeds_create(struct api *api)
{
    struct feeds *feeds = calloc(1, sizeof *feeds);
    if (feeds == NULL) {
        return NULL;
    }
    feeds->frames = feed_frames_create(api);
    if (feeds->frames == NULL) {
        free(feeds);
        return NULL;
    }
    feeds->api = api;
    feeds->turn.data = feeds;
    feeds->rest.data = feeds;
    feeds->look.data = feeds;
    buf_init(&feeds->text, VIEWS_TEXT_MAX);
    int rc = uv_idle_init(api->loop, &feeds->turn);
    INVARIANT(rc == 0);
    rc = uv_timer_init(api->loop, &feeds->rest);
    INVARIANT(rc == 0);
    rc = uv_timer_init(api->loop, &feeds->look);
    INVARIANT(rc == 0);
    rc = uv_timer_start(&feeds->look, look_cb, LOOK_MS, LOOK_MS);
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
    uv_close((uv_handle_t *)&feeds->rest, NULL);
    uv_close((uv_handle_t *)&feeds->look, NULL);
    for (struct follower *follower = feeds->first; follower != NULL; follower = follower->next) {
        follower_close(follower, WEBSOCKET_GOING_AWAY, "the server is stopping");
    }
}

void feeds_destroy(struct feeds *feeds)
{
    if (feeds == NULL) {
        return;
    }
    INVARIANT(feeds->first == NULL);
    feed_frames_destroy(feeds->frames);
    buf_deinit(&feeds->text);
    free(feeds);
}

struct feeds_stats feeds_stats(const struct feeds *feeds)
{
    struct feeds_stats stats = {.followers = feeds->count,
                                .rendered = feed_frames_made(feeds->frames),
                                .sent = feeds->sent,
                                .stuck = feeds->stuck};
    for (const struct follower *follower = feeds->first; follower != NULL;
         follower = follower->next) {
        stats.blocked += follower->blocked ? 1 : 0;
    }
    return stats;
}
