/* Whose turn it is. Everything happens in one timer's callback, or when a delivery ends. */
// SPDX-License-Identifier: Apache-2.0
#include "api/webhooks_internal.h"
#include "core/base/file.h"
#include "core/base/invariant.h"
#include "core/base/rng.h"
#include "core/base/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX ((size_t)1 << 20)
#define COMMIT_WAIT_NS (20 * NS_PER_MS) /* commits that come together are looked at together */
#define TURN_NS (10 * NS_PER_MS)        /* a snapshot is not held longer */
#define TURN_REST_NS (10 * NS_PER_MS)
#define RETRY_MAX_NS (3600 * NS_PER_S)
#define GIVE_UP_FAILURES                                                                           \
    3 /* however long ago the first was: the server itself may have been away */
#define PAUSE_AGAIN_NS (10 * NS_PER_S)

struct webhook *webhooks_find(const struct webhooks *webhooks, struct id16 webhook_id)
{
    struct webhook *webhook = webhooks->first;
    while (webhook != NULL && !id_equal(webhook->id, webhook_id)) {
        webhook = webhook->next;
    }
    return webhook;
}

/* ── pausing ───────────────────────────────────────────────────────────────────────────────────── */

struct pausing {
    struct command command;
    char detail[WEBHOOK_ERROR_MAX + 32];
};

/* Writer thread. What came of it is read from the state, at the next commit or later. */
static void paused_cb(void *ctx, const struct ledger_answer *answer)
{
    if (answer->code != ERR_OK && answer->code != ERR_CONFLICT && answer->code != ERR_NOT_FOUND) {
        trace_err(TRACE_WARN, "webhook.not_paused", &answer->err);
    }
    free(ctx);
}

static void ask_pause(struct webhooks *webhooks, struct webhook *webhook)
{
    const struct webhook_progress *progress = &webhook->progress;
    const struct webhook_attempt *last =
        &progress->attempts[(progress->attempt_count - 1) % WEBHOOK_ATTEMPTS_MAX];
    struct err err = {0};
    struct pausing *pausing = calloc(1, sizeof *pausing);
    webhook->pause_asked = time_mono_ns();
    if (pausing == NULL) {
        return;
    }
    (void)snprintf(pausing->detail, sizeof pausing->detail, "status %d: %s", last->status,
                   last->error);
    pausing->command = (struct command){.type = COMMAND_WEBHOOK_PAUSE,
                                        .command_id = id_new(time_wall_ns()),
                                        .actor_kind = ACTOR_LEDGER};
    pausing->command.u.webhook =
        (struct command_webhook){.account_id = webhook->row.account_id,
                                 .webhook_id = webhook->id,
                                 .paused = {.after = progress->cursor,
                                            .failures = progress->failures,
                                            .failing_since = progress->failing_since,
                                            .detail = bytes_of_text(pausing->detail)}};
    if (ledger_submit(webhooks->api->ledger, &pausing->command, CLASS_CONSUMER, paused_cb, pausing,
                      &err) != ERR_OK) {
        free(pausing);
    }
}

/* Half of it is chance, so that what failed together does not come back together. */
static int64_t backoff(const struct webhooks *webhooks, uint64_t failures)
{
    int64_t delay = (int64_t)webhooks->api->options.webhook_retry_ms * NS_PER_MS;
    uint32_t chance;
    for (uint64_t i = 1; i < failures && delay < RETRY_MAX_NS; i++) {
        delay *= 2;
    }
    delay = delay < RETRY_MAX_NS ? delay : RETRY_MAX_NS;
    rng_bytes(&chance, sizeof chance);
    return delay / 2 + (int64_t)(chance % 1000) * (delay / 2000);
}

static void failed(struct webhooks *webhooks, struct webhook *webhook, int status)
{
    struct webhook_progress *progress = &webhook->progress;
    int64_t give_up = (int64_t)webhooks->api->options.webhook_give_up_s * NS_PER_S;
    int64_t now = time_wall_ns();
    progress->failing_since = progress->failures == 0 ? now : progress->failing_since;
    progress->failures++;
    webhook->next_try = time_mono_ns() + backoff(webhooks, progress->failures);
    /* 410: whoever answers so wants no more. */
    if (status == 410 ||
        (progress->failures >= GIVE_UP_FAILURES && now - progress->failing_since >= give_up)) {
        ask_pause(webhooks, webhook);
    }
}

/* ── one webhook's turn ────────────────────────────────────────────────────────────────────────── */

/* No event of its can be told: the topics are somebody else's now, or there is no memory. It is tried again later. */
static void stuck(struct webhooks *webhooks, struct webhook *webhook, const struct err *err)
{
    trace_err(TRACE_WARN, "webhook.stuck", err);
    webhook->next_try = time_mono_ns() + backoff(webhooks, 4);
}

static void deliver(struct webhooks *webhooks, struct feed_snapshot *snapshot,
                    struct webhook *webhook)
{
    struct feed_view view;
    struct err err = {0};
    enum err_code code =
        feed_view_make(snapshot, &webhook->principal, &webhook->subscription, &view, &err);
    if (code == ERR_OK) {
        uint64_t sequence = webhook_next(webhooks, webhook, snapshot, &view);
        if (sequence != 0) {
            code = webhook_send(webhooks, snapshot, webhook, &view, ATTEMPT_DELIVERY, sequence,
                                NULL, &err);
        }
    }
    if (code != ERR_OK) {
        stuck(webhooks, webhook, &err);
    }
}

static bool may_go(const struct webhook *webhook)
{
    return webhook->main == NULL && webhook->row.paused == 0 && webhook->pause_asked == 0 &&
           webhook->pending;
}

/* ── everybody's ───────────────────────────────────────────────────────────────────────────────── */

static void sooner(int64_t *at, int64_t when)
{
    *at = when < *at ? when : *at;
}

/* One that may go. true: it had a turn. */
static bool serve(struct webhooks *webhooks, struct feed_snapshot *snapshot,
                  struct webhook *webhook, int64_t now, int64_t *wake_at)
{
    if (webhook->next_try > now) {
        sooner(wake_at, webhook->next_try);
        return false;
    }
    if (!webhook_has_place(webhooks, webhook->row.account_id, webhook->place)) {
        return false; /* whose end makes room will wake us */
    }
    deliver(webhooks, snapshot, webhook);
    if (may_go(webhook)) { /* much that is not for it, or stuck */
        sooner(wake_at, webhook->next_try > now ? webhook->next_try : now + TURN_REST_NS);
    }
    return true;
}

/* true: the time was over before everybody had a turn. Who had one goes to the end of the list. */
static bool deliver_all(struct webhooks *webhooks, struct feed_snapshot *snapshot, int64_t now,
                        int64_t *wake_at)
{
    struct webhook *waiting = webhooks->first;
    struct webhook *served = NULL;
    struct webhook **kept_end = &webhooks->first;
    struct webhook **served_end = &served;
    bool over = false;
    while (waiting != NULL) {
        struct webhook *webhook = waiting;
        waiting = webhook->next;
        webhook->next = NULL;
        if (!over && may_go(webhook) && serve(webhooks, snapshot, webhook, now, wake_at)) {
            *served_end = webhook;
            served_end = &webhook->next;
            over = time_mono_ns() - now > TURN_NS || webhooks->looks_left == 0;
        } else {
            *kept_end = webhook;
            kept_end = &webhook->next;
        }
    }
    *kept_end = served;
    return over;
}

/* A pause that was asked for and did not come is asked for again; meanwhile nothing goes out. */
static void check_pauses(struct webhooks *webhooks, struct feed_snapshot *snapshot, int64_t now,
                         int64_t *wake_at)
{
    for (struct webhook *webhook = webhooks->first; webhook != NULL; webhook = webhook->next) {
        struct webhook_row row;
        if (webhook->pause_asked == 0) {
            continue;
        }
        if (state_webhook(snapshot->store, webhook->id, &row) && row.paused != 0) {
            webhook->row = row;
            webhook->pause_asked = 0;
            continue;
        }
        if (now - webhook->pause_asked > PAUSE_AGAIN_NS) {
            ask_pause(webhooks, webhook);
        }
        sooner(wake_at, webhook->pause_asked + PAUSE_AGAIN_NS + NS_PER_MS);
    }
}

static void timer_cb(uv_timer_t *timer)
{
    struct webhooks *webhooks = timer->data;
    struct feed_snapshot snapshot;
    struct err err = {0};
    int64_t now = time_mono_ns();
    int64_t wake_at = INT64_MAX;
    webhooks->timer_at = 0;
    if (feed_snapshot_open(webhooks->api, &snapshot, &err) != ERR_OK) {
        trace_err(TRACE_WARN, "webhooks.no_snapshot", &err);
        webhooks_wake(webhooks, NS_PER_S);
        return;
    }
    webhook_turn(webhooks, &snapshot);
    check_pauses(webhooks, &snapshot, now, &wake_at);
    if (deliver_all(webhooks, &snapshot, now, &wake_at)) {
        sooner(&wake_at, now + TURN_REST_NS);
    }
    feed_snapshot_close(&snapshot);
    webhooks_save(webhooks, now, &wake_at);
    if (wake_at != INT64_MAX) {
        webhooks_wake(webhooks, wake_at > now ? wake_at - now : 0);
    }
}

void webhooks_wake(struct webhooks *webhooks, int64_t in_ns)
{
    int64_t at = time_mono_ns() + in_ns;
    if (!webhooks->released && (webhooks->timer_at == 0 || at < webhooks->timer_at)) {
        webhooks->timer_at = at;
        (void)uv_timer_start(&webhooks->timer, timer_cb,
                             (uint64_t)((in_ns + NS_PER_MS - 1) / NS_PER_MS), 0);
    }
}

void webhooks_commit(struct webhooks *webhooks)
{
    if (webhooks->released || webhooks->first == NULL) {
        return;
    }
    for (struct webhook *webhook = webhooks->first; webhook != NULL; webhook = webhook->next) {
        webhook->pending = true;
    }
    webhooks_wake(webhooks, COMMIT_WAIT_NS);
}

void webhooks_over(struct delivery *delivery)
{
    struct webhooks *webhooks = delivery->webhooks;
    struct webhook *webhook = delivery->webhook;
    const struct webhook_attempt *attempt = &delivery->attempt;
    struct call *call = delivery->call;
    webhooks->stats.attempts++;
    webhooks->stats.failures += attempt->good ? 0 : 1;
    webhook_progress_add(&webhook->progress, attempt);
    webhook->place = webhook_place_after(&webhook->progress);
    if (attempt->kind != ATTEMPT_DELIVERY) {
        webhook->side = NULL;
    } else {
        webhook->main = NULL;
        if (!attempt->good) {
            failed(webhooks, webhook, attempt->status);
        } else {
            webhook->progress.cursor = attempt->sequence;
            webhook->progress.failures = 0;
            webhook->progress.failing_since = 0;
        }
    }
    webhook_changed(webhook);
    if (call != NULL) {
        json_t *json = webhook_attempt_json(attempt);
        (void)json_object_set_new(json, "at", json_of_time(attempt->at));
        call->awaiting = false;
        call_reply(call, 200, json);
    }
    webhook_delivery_free(delivery);
    webhooks_wake(webhooks, 0);
}

/* ── what was decided ──────────────────────────────────────────────────────────────────────────── */

static void drop(struct webhooks *webhooks, struct webhook *webhook)
{
    char path[PATH_MAX];
    for (struct webhook **link = &webhooks->first; *link != NULL; link = &(*link)->next) {
        if (*link == webhook) {
            *link = webhook->next;
            break;
        }
    }
    webhook_cancel(webhook);
    if (webhook->moved != NULL) {
        webhook->moved->awaiting = false;
        call_problem(webhook->moved, 404, "no_such_webhook", "you have no such webhook");
    }
    if (webhook_path(webhooks, webhook->id, path, NULL) == ERR_OK) {
        (void)remove(
            path); /* what is being written now is removed when it is; after a crash at the next start */
    }
    free(webhook);
}

static void refresh(struct webhooks *webhooks, struct feed_snapshot *snapshot, struct id16 id)
{
    struct webhook *webhook = webhooks_find(webhooks, id);
    struct webhook_row row;
    struct err err = {0};
    bool live = state_webhook(snapshot->store, id, &row);
    if (webhook != NULL && !live) {
        drop(webhooks, webhook);
    } else if (webhook != NULL) {
        if (row.paused ==
            0) { /* what was asked for was done and undone; or it is asked for again */
            webhook->pause_asked = 0;
        }
        if (webhook->row.paused != 0 && row.paused == 0) { /* resumed: it begins anew */
            webhook->progress.failures = 0;
            webhook->progress.failing_since = 0;
            webhook->next_try = 0;
            webhook->pending = true;
            webhook_changed(webhook);
        }
        webhook->row = row;
    } else if (live) {
        enum err_code code = webhook_load(webhooks, snapshot, id, &webhook, &err);
        if (code != ERR_OK) {
            trace_err(TRACE_ERROR, "webhook.not_loaded", &err);
            return;
        }
        struct webhook **end = &webhooks->first; /* whoever waits already is before it */
        while (*end != NULL) {
            end = &(*end)->next;
        }
        *end = webhook;
    }
}

void webhooks_refresh(struct webhooks *webhooks, struct id16 webhook_id)
{
    struct feed_snapshot snapshot;
    if (webhooks == NULL || webhooks->released) {
        return;
    }
    if (feed_snapshot_open(webhooks->api, &snapshot, NULL) == ERR_OK) {
        refresh(webhooks, &snapshot, webhook_id);
        feed_snapshot_close(&snapshot);
    }
    webhooks_wake(webhooks, 0);
}

/* ── for the routes ────────────────────────────────────────────────────────────────────────────── */

bool webhooks_status(const struct webhooks *webhooks, struct id16 webhook_id,
                     struct webhook_status *ret)
{
    const struct webhook *webhook = webhooks_find(webhooks, webhook_id);
    if (webhook == NULL) {
        return false;
    }
    int64_t left = webhook->next_try - time_mono_ns();
    *ret = (struct webhook_status){
        .progress = &webhook->progress,
        .next_try_at = webhook->row.paused == 0 && webhook->progress.failures > 0 && left > 0
                           ? time_wall_ns() + left
                           : 0,
        .delivering = webhook->main != NULL,
    };
    return true;
}

enum err_code webhooks_secret(const struct webhooks *webhooks, struct id16 webhook_id,
                              uint64_t version, struct key32 *ret, struct err *err)
{
    return webhook_secret(&webhooks->key, webhook_id, version, ret, err);
}

/* Whether the webhook is shown this event; not whether it asked for its type. */
static bool shows(const struct feed_view *view, struct feed_snapshot *snapshot, uint64_t sequence)
{
    uint64_t next;
    uint64_t cursor;
    return sequence <= snapshot->head &&
           feed_view_next(view, snapshot, sequence - 1, &next, 1, &cursor) == 1 && next == sequence;
}

static struct webhook *free_webhook(struct webhooks *webhooks, struct call *call, struct id16 id)
{
    struct webhook *webhook = webhooks_find(webhooks, id);
    if (webhook == NULL || webhooks->released) {
        call_problem(call, 404, "no_such_webhook", "you have no such webhook");
        return NULL;
    }
    if (webhook->side != NULL || webhook->moved != NULL) {
        call_problem(call, 409, "webhook_busy",
                     "something was asked of this webhook and is not done yet; try again");
        return NULL;
    }
    return webhook;
}

void webhooks_try(struct webhooks *webhooks, struct call *call, struct id16 webhook_id,
                  uint64_t sequence)
{
    struct feed_snapshot snapshot;
    struct feed_view view;
    struct err err = {0};
    struct webhook *webhook = free_webhook(webhooks, call, webhook_id);
    if (webhook == NULL) {
        return;
    }
    if (!webhook_has_place(webhooks, webhook->row.account_id, PLACE_ASKED)) {
        call_problem(call, 503, "webhooks_busy",
                     "too many tests and resends are on their way; try again");
        return;
    }
    enum err_code code = feed_snapshot_open(webhooks->api, &snapshot, &err);
    if (code != ERR_OK) {
        call_refuse(call, &err);
        return;
    }
    code = feed_view_make(&snapshot, &webhook->principal, &webhook->subscription, &view, &err);
    if (code == ERR_OK && sequence != 0 && !shows(&view, &snapshot, sequence)) {
        code = err_set(&err, ERR_NOT_FOUND, "no_such_event: the webhook has no such event");
    }
    if (code == ERR_OK) {
        call->awaiting = true;
        code = webhook_send(webhooks, &snapshot, webhook, &view,
                            sequence == 0 ? ATTEMPT_TEST : ATTEMPT_RESEND, sequence, call, &err);
    }
    feed_snapshot_close(&snapshot);
    if (code != ERR_OK) {
        call->awaiting = false;
        call_refuse(call, &err);
    }
}

void webhooks_move(struct webhooks *webhooks, struct call *call, struct id16 webhook_id,
                   uint64_t after)
{
    struct webhook *webhook = free_webhook(webhooks, call, webhook_id);
    if (webhook == NULL) {
        return;
    }
    if (webhook->main != NULL) { /* its end would move the cursor */
        if (webhook->main->http != NULL) {
            http_call_cancel(webhook->main->http);
        }
        webhook_delivery_free(webhook->main);
        webhook->main = NULL;
    }
    webhook->progress.cursor = after;
    webhook->progress.failures = 0;
    webhook->progress.failing_since = 0;
    webhook->next_try = 0;
    webhook->pending = true;
    webhook_changed(webhook);
    call->awaiting = true;
    webhook->moved = call;
    webhook->moved_after = after;
    webhook->moved_changes = webhook->changes;
    webhooks_wake(webhooks, 0);
}

struct webhooks_stats webhooks_stats(const struct webhooks *webhooks)
{
    struct webhooks_stats stats = webhooks->stats;
    for (const struct webhook *webhook = webhooks->first; webhook != NULL;
         webhook = webhook->next) {
        stats.live++;
        stats.paused += webhook->row.paused != 0 ? 1 : 0;
        stats.failing += webhook->row.paused == 0 && webhook->progress.failures > 0 ? 1 : 0;
    }
    return stats;
}

/* ── start and stop ────────────────────────────────────────────────────────────────────────────── */

static void load_all(struct webhooks *webhooks, struct feed_snapshot *snapshot)
{
    uint8_t at[16] = {0};
    struct bytes key;
    struct bytes value;
    while (
        store_seek(snapshot->store, &STATE_WEBHOOKS, bytes_of(at, sizeof at), true, &key, &value)) {
        struct id16 id;
        memcpy(at, key.data, sizeof at);
        memcpy(id.b, at, sizeof id.b);
        refresh(webhooks, snapshot, id);
    }
}

static enum err_code open_all(struct webhooks *webhooks, struct err *err)
{
    char folder[PATH_MAX];
    struct feed_snapshot snapshot;
    struct ledger_row ledger;
    struct err why = {0};
    enum err_code code =
        path_join(folder, sizeof folder, webhooks->api->options.data_dir, "webhooks", err);
    if (code == ERR_OK && dir_create(folder, 0700, &why) != ERR_OK) {
        trace_err(TRACE_ERROR, "webhooks.no_folder",
                  &why); /* a full disk is no reason not to start */
    }
    if (code == ERR_OK) {
        code = feed_snapshot_open(webhooks->api, &snapshot, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (state_ledger(snapshot.store, &ledger)) {
        webhooks->is_local = ledger.network == NETWORK_LOCAL;
        webhooks->generation = ledger.generation;
        webhooks->key.log_id = ledger.log_id;
        webhooks->types.after = webhooks->types.upto = snapshot.head;
        load_all(webhooks, &snapshot);
        webhooks_clean(&snapshot, folder);
    }
    feed_snapshot_close(&snapshot);
    return ERR_OK;
}

enum err_code webhooks_create(struct api *api, struct webhooks **ret, struct err *err)
{
    struct webhooks *webhooks = calloc(1, sizeof *webhooks);
    if (webhooks == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for webhooks");
    }
    webhooks->api = api;
    webhooks->key.root = api->webhook_root;
    buf_init(&webhooks->body, BODY_MAX);
    buf_init(&webhooks->save_text, WEBHOOK_FILE_MAX);
    webhooks->timer.data = webhooks;
    int rc = uv_timer_init(api->loop, &webhooks->timer);
    INVARIANT(rc == 0);
    enum err_code code = http_client_create(api->loop, &webhooks->http, err);
    if (code == ERR_OK) {
        code = open_all(webhooks, err);
    }
    *ret = webhooks; /* after an error too: its timer is the loop's */
    if (code == ERR_OK) {
        webhooks_wake(webhooks, 0);
    }
    return code;
}

void webhooks_release(struct webhooks *webhooks)
{
    if (webhooks == NULL || webhooks->released) {
        return;
    }
    webhooks->released = true;
    for (struct webhook *webhook = webhooks->first; webhook != NULL; webhook = webhook->next) {
        webhook_cancel(webhook);
        if (webhook->moved != NULL) {
            webhook->moved->awaiting = false;
            call_problem(webhook->moved, 503, "unavailable", "the server stops; try again");
            webhook->moved = NULL;
        }
    }
    uv_close((uv_handle_t *)&webhooks->timer, NULL);
    http_client_close(webhooks->http, NULL, NULL);
}

void webhooks_destroy(struct webhooks *webhooks)
{
    if (webhooks == NULL) {
        return;
    }
    webhooks_save_all(webhooks);
    while (webhooks->first != NULL) {
        struct webhook *webhook = webhooks->first;
        webhooks->first = webhook->next;
        free(webhook);
    }
    buf_deinit(&webhooks->body);
    buf_deinit(&webhooks->save_text);
    explicit_bzero(&webhooks->key, sizeof webhooks->key);
    free(webhooks);
}
