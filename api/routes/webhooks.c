/* One's own webhooks: made, looked at, tried, moved, rotated, ended. */
// SPDX-License-Identifier: Apache-2.0
#include "api/webhooks.h"
#include "api/feed_read.h"
#include "api/fields.h"
#include "api/if_match.h"
#include "api/new_token.h"
#include "api/route.h"
#include "api/webhook_secret.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWNERS (SCOPE_CONSUMER | SCOPE_PROVIDER | SCOPE_OPERATOR)
#define TOPICS_TEXT_MAX 1024
#define TYPES_TEXT_MAX 1024

/* ── showing ───────────────────────────────────────────────────────────────────────────────────── */

static json_t *json_of_list(struct bytes text)
{
    json_t *list = json_array();
    while (text.size > 0) {
        const uint8_t *comma = memchr(text.data, ',', text.size);
        size_t size = comma == NULL ? text.size : (size_t)(comma - text.data);
        (void)json_array_append_new(list, json_of_text(bytes_of(text.data, size)));
        text = bytes_from(text, comma == NULL ? size : size + 1);
    }
    return list;
}

static const char *status_of(const struct webhook_row *row, const struct webhook_progress *progress)
{
    return row->paused != 0 ? "paused" : progress->failures > 0 ? "failing" : "active";
}

/* NULL: not the caller's, or deleted. */
static json_t *json_of_webhook(struct reading *reading, struct id16 id)
{
    static const struct webhook_progress NOTHING = {0};
    const struct call *call = reading->call;
    struct webhook_status status = {.progress = &NOTHING};
    struct webhook_row row;
    struct event event = {0};
    struct event paused = {0};
    if (!state_webhook(reading->store, id, &row) ||
        !id_equal(row.account_id, call->principal.account_id) ||
        !reading_event(reading, row.created_sequence, &event)) {
        return NULL;
    }
    if (!webhooks_status(call->api->webhooks, id, &status)) {
        status.progress = &NOTHING;
    }
    bool is_paused = row.paused != 0 && reading_event(reading, row.paused, &paused);
    const struct ev_webhook_created *created = &event.u.webhook_created;
    const struct webhook_progress *progress = status.progress;
    return json_pack(
        "{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:s,s:o,s:I,s:o,s:o,s:o,s:o,s:I,s:o}", "id",
        json_of_id(id), "url", json_of_text(created->url), "topics", json_of_list(created->topics),
        "types", json_of_list(created->types), "label", json_of_text(created->label), "scopes",
        json_of_scopes(row.scopes), "created_at", json_of_time(event.time), "sequence",
        (json_int_t)row.created_sequence, "status", status_of(&row, progress), "cursor",
        json_of_u64(progress->generation == 0 ? row.after : progress->cursor), "failures",
        (json_int_t)progress->failures, "failing_since", json_of_time(progress->failing_since),
        "next_try_at", json_of_time(status.next_try_at), "paused_at",
        json_of_time(is_paused ? paused.time : 0), "paused_because",
        is_paused ? json_of_text(paused.u.webhook_paused.detail) : json_null(), "secret_version",
        (json_int_t)row.secret_version, "rotated_at", json_of_time(row.rotated_at));
}

static void is_missing(struct call *call)
{
    call_problem(call, 404, "no_such_webhook", "you have no such webhook");
}

/* In the arena, with its tag, whose version is the cursor. NULL: not the caller's. */
static const char *webhook_text(struct reading *reading, struct id16 id,
                                char ret_tag[ENCODING_TAG_SIZE])
{
    json_t *json = json_of_webhook(reading, id);
    uint64_t const cursor = (uint64_t)json_integer_value(json_object_get(json, "cursor"));
    char *text = call_json_text(json);
    const char *kept = text == NULL ? NULL : arena_text(&reading->call->arena, bytes_of_text(text));
    free(text);
    if (kept != NULL) {
        if_match_tag(cursor, bytes_of_text(kept), ret_tag);
    }
    return kept;
}

static void get_webhook(struct call *call)
{
    struct reading reading;
    char tag[ENCODING_TAG_SIZE] = "";
    if (!reading_open(&reading, call)) {
        return;
    }
    const char *text = webhook_text(&reading, call->id, tag);
    reading_close(&reading);
    if (text == NULL) {
        is_missing(call);
    } else {
        call_reply_tagged(call, bytes_of_text(text), tag);
    }
}

/* Whether what the caller has seen of it is what there is, if it says so. False: answered. Whose it is is asked later. */
static bool is_as_seen(struct call *call, uint64_t *ret_version)
{
    struct reading reading;
    struct webhook_row row = {0};
    char tag[ENCODING_TAG_SIZE] = "";
    *ret_version = 0;
    if (!if_match_is_said(call)) {
        return true;
    }
    if (!reading_open(&reading, call)) {
        return false;
    }
    if (webhook_text(&reading, call->id, tag) != NULL && !if_match_holds(&reading, tag, false)) {
        return false;
    }
    *ret_version = state_webhook(reading.store, call->id, &row) ? row.secret_version : 0;
    reading_close(&reading);
    return true;
}

static void list_webhooks(struct call *call)
{
    struct reading reading;
    struct id16 own[WEBHOOKS_PER_ACCOUNT_MAX];
    if (!reading_open(&reading, call)) {
        return;
    }
    size_t count = state_account_webhooks(reading.store, call->principal.account_id, own,
                                          WEBHOOKS_PER_ACCOUNT_MAX);
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *item = json_of_webhook(&reading, own[i]);
        if (item != NULL) {
            (void)json_array_append_new(items, item);
        }
    }
    reading_close(&reading);
    call_reply(call, 200, json_pack("{s:o}", "items", items));
}

/* Whether there is such a webhook of the caller's; false: answered. */
static bool is_own(struct call *call)
{
    struct reading reading;
    struct webhook_row row;
    if (!reading_open(&reading, call)) {
        return false;
    }
    bool own = state_webhook(reading.store, call->id, &row) &&
               id_equal(row.account_id, call->principal.account_id);
    reading_close(&reading);
    if (!own) {
        is_missing(call);
    }
    return own;
}

static void list_attempts(struct call *call)
{
    struct webhook_status status;
    json_t *items = json_array();
    if (!is_own(call)) {
        json_decref(items);
        return;
    }
    if (webhooks_status(call->api->webhooks, call->id, &status)) {
        uint64_t count = status.progress->attempt_count;
        for (uint64_t i = 0; i < WEBHOOK_ATTEMPTS_MAX && i < count; i++) {
            const struct webhook_attempt *attempt =
                &status.progress->attempts[(count - 1 - i) % WEBHOOK_ATTEMPTS_MAX];
            json_t *json = webhook_attempt_json(attempt);
            (void)json_object_set_new(json, "at", json_of_time(attempt->at));
            (void)json_array_append_new(items, json);
        }
    }
    call_reply(call, 200, json_pack("{s:o}", "items", items));
}

/* ── making ────────────────────────────────────────────────────────────────────────────────────── */

/* Whatever was decided, also when nobody waits for the answer any more. */
static void decided(struct call *call)
{
    webhooks_refresh(call->api->webhooks, call->command.u.webhook.webhook_id);
}

static void prepare(struct call *call, enum command_type type, struct id16 webhook_id)
{
    call_command(call, type);
    call->command.u.webhook = (struct command_webhook){.account_id = call->principal.account_id,
                                                       .webhook_id = webhook_id};
    call->on_free = decided;
}

/* Texts of a list with commas between, in the arena. */
static struct bytes join(struct fields *fields, const char *name, size_t max)
{
    json_t *list =
        json_object_get(fields->object, name) == NULL ? NULL : fields_array(fields, name);
    struct buf text;
    buf_init(&text, max);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *item = json_string_value(json_array_get(list, i));
        if (item == NULL || strchr(item, ',') != NULL || *item == '\0') {
            fields_error(fields, name, "is a list of texts");
            break;
        }
        buf_printf(&text, "%s%s", i == 0 ? "" : ",", item);
    }
    if (text.failed) {
        fields_error(fields, name, "is too long");
    }
    struct bytes copy = arena_copy(&fields->call->arena, buf_bytes(&text));
    buf_deinit(&text);
    return copy;
}

/* With its secret: now, and again only to whoever repeats the very request. */
static void created(struct call *call)
{
    struct reading reading;
    struct event event;
    struct key32 secret;
    char text[WEBHOOK_SECRET_TEXT_SIZE];
    json_t *json = NULL;
    if (!reading_open(&reading, call)) {
        return;
    }
    if (reading_event(&reading, call->answer.first, &event) &&
        webhooks_secret(call->api->webhooks, event.u.webhook_created.webhook_id, 1, &secret,
                        NULL) == ERR_OK) {
        webhooks_refresh(call->api->webhooks, event.u.webhook_created.webhook_id);
        json = json_of_webhook(&reading, event.u.webhook_created.webhook_id);
    }
    reading_close(&reading);
    if (json == NULL) { /* made by this request once, and deleted since */
        is_missing(call);
        return;
    }
    webhook_secret_format(&secret, text);
    json_t *answer = json_pack("{s:o,s:s}", "webhook", json, "secret", text);
    explicit_bzero(text, sizeof text);
    explicit_bzero(&secret, sizeof secret);
    call_reply(call, 201, answer);
}

/* The topics must be the caller's now. 0: answered. */
static bool check_topics(struct call *call, const char *topics, const char *after,
                         struct feed_subscription *ret)
{
    struct feed_snapshot snapshot;
    struct feed_view view;
    struct err err = {0};
    enum err_code code = feed_subscription_from_query(topics, after, NULL, NULL, ret, &err);
    if (code == ERR_OK) {
        code = feed_snapshot_open(call->api, &snapshot, &err);
    }
    if (code == ERR_OK) {
        code = feed_view_make(&snapshot, &call->principal, ret, &view, &err);
        if (code == ERR_OK && after == NULL) {
            ret->after = snapshot.head;
        } else if (code == ERR_OK && ret->after > snapshot.head) {
            code = err_set(&err, ERR_INVALID,
                           "after_beyond_head: after is beyond the head, %" PRIu64, snapshot.head);
        }
        feed_snapshot_close(&snapshot);
    }
    if (code != ERR_OK) {
        call_refuse(call, &err);
    }
    return code == ERR_OK;
}

static void create_webhook(struct call *call)
{
    struct fields fields = fields_of(call);
    struct feed_subscription subscription = {0};
    uint16_t types[WEBHOOK_TYPES_MAX];
    size_t type_count;
    char after[24];
    struct err err = {0};
    struct bytes url = fields_text(&fields, "url", 1, WEBHOOK_URL_MAX);
    struct bytes topics = join(&fields, "topics", TOPICS_TEXT_MAX);
    struct bytes type_names = join(&fields, "types", TYPES_TEXT_MAX);
    struct bytes label = fields_optional_text(&fields, "label", 100);
    uint64_t from = fields_optional_u64(&fields, "after", 0, INT64_MAX, UINT64_MAX);
    const char *url_text = arena_text(&call->arena, url);
    if (url.size > 0 && url_text != NULL &&
        webhooks_check_url(call->api->webhooks, url_text, &err) != ERR_OK) {
        fields_error(&fields, "url", "%s", err.message);
    }
    if (webhook_types_parse(type_names, types, &type_count, &err) != ERR_OK) {
        fields_error(&fields, "types", "%s", err.message);
    }
    topics = topics.size == 0 ? bytes_of_text("all") : topics;
    const char *topics_text = arena_text(&call->arena, topics);
    if (topics_text != NULL && feed_subscription_from_query(topics_text, NULL, NULL, NULL,
                                                            &subscription, &err) != ERR_OK) {
        fields_error(&fields, "topics", "%s", err.message);
    }
    if (!fields_good(&fields)) {
        return;
    }
    (void)snprintf(after, sizeof after, "%" PRIu64, from);
    if (url_text == NULL || topics_text == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    if (!check_topics(call, topics_text, from == UINT64_MAX ? NULL : after, &subscription)) {
        return;
    }
    prepare(call, COMMAND_WEBHOOK_CREATE, id_new(time_wall_ns()));
    call->command.u.webhook.created = (struct ev_webhook_created){
        .scopes = call->principal.scopes & (OWNERS | SCOPE_AUDITOR),
        .after = subscription.after,
        .url = url,
        .topics = topics,
        .types = type_names,
        .label = label,
    };
    call_submit(call, CLASS_CONSUMER, created);
}

/* ── changing ──────────────────────────────────────────────────────────────────────────────────── */

static void deleted(struct call *call)
{
    call_reply(call, 200, json_pack("{s:b}", "deleted", 1));
}

/* One's own; the operator ends anybody's, without seeing where it goes: its id is in its event and in each of its messages. */
static void delete_webhook(struct call *call)
{
    struct reading reading;
    struct webhook_row row;
    uint64_t version;
    if (!reading_open(&reading, call)) {
        return;
    }
    bool const is_others = (call->principal.scopes & SCOPE_OPERATOR) != 0 &&
                           state_webhook(reading.store, call->id, &row);
    reading_close(&reading);
    prepare(call, COMMAND_WEBHOOK_DELETE, call->id);
    if (!is_as_seen(call, &version)) {
        return;
    }
    if (is_others) {
        call->command.u.webhook.account_id = row.account_id;
    }
    call_submit(call, CLASS_CONSUMER, deleted);
}

static void rotated(struct call *call)
{
    struct reading reading;
    struct event event;
    struct key32 secret;
    char text[WEBHOOK_SECRET_TEXT_SIZE];
    json_t *json = NULL;
    if (!reading_open(&reading, call)) {
        return;
    }
    if (reading_event(&reading, call->answer.first, &event) &&
        webhooks_secret(call->api->webhooks, call->id, event.u.webhook_rotated.secret_version,
                        &secret, NULL) == ERR_OK) {
        webhook_secret_format(&secret, text);
        json = json_pack("{s:s,s:I,s:o}", "secret", text, "secret_version",
                         (json_int_t)event.u.webhook_rotated.secret_version, "old_until",
                         json_of_time(event.time + WEBHOOK_OVERLAP_NS));
        explicit_bzero(text, sizeof text);
        explicit_bzero(&secret, sizeof secret);
    }
    reading_close(&reading);
    call_reply(call, 200, json);
}

static void rotate_webhook(struct call *call)
{
    struct fields fields = fields_of(call);
    uint64_t version;
    if (!fields_good(&fields)) {
        return;
    }
    prepare(call, COMMAND_WEBHOOK_ROTATE, call->id);
    if (is_as_seen(call, &version)) {
        call->command.u.webhook.if_version = version;
        call_submit(call, CLASS_CONSUMER, rotated);
    }
}

static void resumed(struct call *call)
{
    webhooks_refresh(call->api->webhooks, call->id);
    get_webhook(call);
}

static void resume_webhook(struct call *call)
{
    struct fields fields = fields_of(call);
    if (fields_good(&fields)) {
        prepare(call, COMMAND_WEBHOOK_RESUME, call->id);
        call_submit(call, CLASS_CONSUMER, resumed);
    }
}

/* ── trying again ──────────────────────────────────────────────────────────────────────────────── */

static void test_webhook(struct call *call)
{
    struct fields fields = fields_of(call);
    if (fields_good(&fields) && is_own(call)) {
        webhooks_try(call->api->webhooks, call, call->id, 0);
    }
}

static void resend_event(struct call *call)
{
    struct fields fields = fields_of(call);
    uint64_t sequence = fields_u64(&fields, "sequence", 1, INT64_MAX);
    if (fields_good(&fields) && is_own(call)) {
        webhooks_try(call->api->webhooks, call, call->id, sequence);
    }
}

static void move_cursor(struct call *call)
{
    struct fields fields = fields_of(call);
    struct ledger_stats stats;
    uint64_t version;
    uint64_t after = fields_u64(&fields, "after", 0, INT64_MAX);
    if (!fields_good(&fields) || !is_own(call) || !is_as_seen(call, &version)) {
        return;
    }
    ledger_stats(call->api->ledger, &stats);
    if (after > stats.head) {
        call_problem(call, 422, "after_beyond_head", "after is beyond the head, %" PRIu64,
                     stats.head);
        return;
    }
    webhooks_move(call->api->webhooks, call, call->id, after);
}

static const struct route ROUTES[] = {
    {HTTP_POST, "/v1/webhooks", OWNERS, BODY_JSON, create_webhook},
    {HTTP_GET, "/v1/webhooks", OWNERS, BODY_NONE, list_webhooks},
    {HTTP_GET, "/v1/webhooks/{id}", OWNERS, BODY_NONE, get_webhook},
    {HTTP_DELETE, "/v1/webhooks/{id}", OWNERS, BODY_NONE, delete_webhook},
    {HTTP_GET, "/v1/webhooks/{id}/attempts", OWNERS, BODY_NONE, list_attempts},
    {HTTP_POST, "/v1/webhooks/{id}/cursor", OWNERS, BODY_JSON, move_cursor},
    {HTTP_POST, "/v1/webhooks/{id}/resend", OWNERS, BODY_JSON, resend_event},
    {HTTP_POST, "/v1/webhooks/{id}/resume", OWNERS, BODY_JSON, resume_webhook},
    {HTTP_POST, "/v1/webhooks/{id}/rotate", OWNERS, BODY_JSON, rotate_webhook},
    {HTTP_POST, "/v1/webhooks/{id}/test", OWNERS, BODY_JSON, test_webhook},
};
const struct route_table ROUTES_WEBHOOKS = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
