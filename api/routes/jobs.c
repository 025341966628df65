/* Jobs as consumers and providers have them. */
// SPDX-License-Identifier: Apache-2.0
#include "projections/jobs.h"
#include "api/as_of.h"
#include "api/asked_work.h"
#include "api/fields.h"
#include "api/job_access.h"
#include "api/job_answers.h"
#include "api/job_json.h"
#include "api/job_settings.h"
#include "api/list.h"
#include "api/route.h"
#include "api/storage_limit.h"
#include "core/base/job_rules.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "projections/streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS_MAX 8192

/* ── one, and lists ────────────────────────────────────────────────────────────────────────────── */

static void reply_job(struct call *call, int status)
{
    struct reading reading;
    struct job_row job;
    if (!reading_open(&reading, call)) {
        return;
    }
    json_t *json = job_is_visible(call, &reading, &job)
                       ? json_of_job(&reading, call->id, job_shows_private(call, &job))
                       : NULL;
    reading_close(&reading);
    if (json == NULL) {
        job_is_missing(call);
    } else {
        call_reply(call, status, json);
    }
}

/* After a write: as it is now. */
static void reply_changed(struct call *call)
{
    reply_job(call, 200);
}

static json_t *render(struct reading *then, struct reading *now, const struct job_row *job,
                      uint64_t as_of)
{
    (void)now;
    (void)as_of;
    return json_of_job(then, then->call->id, job_shows_private(then->call, job));
}

static void get_job(struct call *call)
{
    if (http_head_param(http_request_head(call->request), "as_of") == NULL) {
        job_answers_reply(call);
    } else {
        as_of_answer_job(call, render);
    }
}

/* What the index does not know: a page that would look at more than this ends before, and `next` goes on from there. */
#define LOOKED_AT_MAX 5000

struct wanted {
    struct jobs_filter filter;
    int64_t from;
    int64_t until;     /* 0: no end */
    uint32_t job_type; /* 0: any */
    size_t limit;
};

/* Later jobs have later times, so one that is too early ends the list. */
enum seen { SEEN_WANTED, SEEN_OTHER, SEEN_TOO_EARLY };

static enum seen look_at(struct reading *reading, const struct wanted *wanted, struct id16 job_id)
{
    struct job_view view;
    struct upload_row upload;
    if (wanted->from == 0 && wanted->until == 0 && wanted->job_type == 0) {
        return SEEN_WANTED;
    }
    if (!jobs_get(reading->store, job_id, &view) ||
        (wanted->until != 0 && view.created_at >= wanted->until)) {
        return SEEN_OTHER;
    }
    if (view.created_at < wanted->from) {
        return SEEN_TOO_EARLY;
    }
    bool fits = wanted->job_type == 0 || (state_upload(reading->store, view.upload_id, &upload) &&
                                          upload_job_type(&upload) == wanted->job_type);
    return fits ? SEEN_WANTED : SEEN_OTHER;
}

/* The cursor to go on from; 0: there is no more. */
static uint64_t append_jobs(struct reading *reading, struct wanted *wanted, json_t *items)
{
    struct jobs_entry entries[64];
    size_t looked_at = 0;
    size_t count;
    while ((count = jobs_list(reading->store, &wanted->filter, entries, 64)) > 0) {
        for (size_t i = 0; i < count; i++) {
            enum seen seen = look_at(reading, wanted, entries[i].job_id);
            if (seen == SEEN_TOO_EARLY) {
                return 0;
            }
            wanted->filter.before = entries[i].created_sequence;
            if (seen == SEEN_WANTED) {
                (void)json_array_append_new(items, json_of_job(reading, entries[i].job_id,
                                                               wanted->filter.role != JOBS_OF_ALL));
            }
            if (json_array_size(items) == wanted->limit || ++looked_at == LOOKED_AT_MAX) {
                return wanted->filter.before;
            }
        }
    }
    return 0;
}

static void list_jobs(struct call *call)
{
    struct reading reading;
    struct wanted wanted = {0};
    struct jobs_filter filter = {.role = JOBS_OF_CONSUMER, .party = call->principal.account_id};
    const struct http_head *head = http_request_head(call->request);
    const char *status = http_head_param(head, "status");
    const char *role = http_head_param(head, "role");
    wanted.limit = list_limit(call);
    if (wanted.limit == 0 || !list_cursor(call, "before", &filter.before) ||
        !list_time(call, "from", &wanted.from) || !list_time(call, "until", &wanted.until) ||
        !list_word(call, "job_type", &job_type_words, &wanted.job_type)) {
        return;
    }
    if (status != NULL) {
        filter.status =
            (enum job_view_status)enum_number(&job_view_status_words, status, strlen(status));
        if (filter.status == JOB_VIEW_ANY) {
            call_problem(call, 422, "status_invalid",
                         "status is awaiting_lock, queued, assigned, running, completed, failed or "
                         "cancelled");
            return;
        }
    }
    if (role != NULL && strcmp(role, "provider") == 0) {
        filter.role = JOBS_OF_PROVIDER;
    } else if ((call->principal.scopes & (SCOPE_OPERATOR | SCOPE_AUDITOR)) != 0) {
        filter.role = JOBS_OF_ALL;
    }
    if (!reading_open(&reading, call)) {
        return;
    }
    json_t *items = json_array();
    wanted.filter = filter;
    uint64_t next = append_jobs(&reading, &wanted, items);
    reading_close(&reading);
    call_reply(call, 200,
               json_pack("{s:o,s:o}", "items", items, "next",
                         next == 0 ? json_null() : json_of_u64(next)));
}

/* ── making and ending ─────────────────────────────────────────────────────────────────────────── */

static void job_created(struct call *call)
{
    if (call_made_id(call, &call->id)) {
        reply_job(call, 201);
    }
}

/* The upload's kind; its name and digest, from the private part of upload.received; and whether the settings ask for what was quoted. */
static bool read_input(struct call *call, struct reading *reading, json_t *settings,
                       struct command_job_create *ret, uint64_t *ret_kind)
{
    struct quote_row quote;
    struct upload_row upload;
    struct event event;
    struct event quoted;
    if (!state_quote(reading->store, ret->quote_id, &quote) ||
        !id_equal(quote.account_id, call->principal.account_id) ||
        !state_upload(reading->store, quote.upload_id, &upload) ||
        !reading_event(reading, upload.received_sequence, &event) ||
        !reading_event(reading, quote.issued_sequence, &quoted)) {
        return false;
    }
    ret->other_work = asked_is_other_work(reading, &quoted.u.quote_issued, settings);
    ret->item = asked_item(reading, &upload, settings);
    ret->file_name = arena_copy(&call->arena, event.u.upload_received.file_name);
    ret->input_digest = event.u.upload_received.digest;
    *ret_kind = upload.kind;
    return true;
}

/* Ticks that a lock may take: the terms' time, by the length of a tick as measured. */
static uint32_t lock_ticks(const struct ledger_row *ledger, const struct settlement_status *chain)
{
    uint64_t tick_ms = chain->tick_ms == 0 ? 1000 : chain->tick_ms;
    uint64_t ticks = ledger->lock_wait_s * 1000 / tick_ms;
    return ticks > 1000000 ? 1000000 : ticks < 20 ? 20 : (uint32_t)ticks;
}

static void create_job(struct call *call)
{
    struct reading reading;
    struct ledger_row ledger = {0};
    struct settlement_status chain;
    uint64_t kind = 0;
    struct fields fields = fields_of(call);
    struct command_job_create job = {
        .job_id = id_new(time_wall_ns()),
        .escrow_id = id_new(time_wall_ns()),
        .quote_id = fields_id(&fields, "quote_id"),
    };
    json_t *settings = fields_optional_object(&fields, "settings");
    char *text = settings == NULL ? NULL : json_dumps(settings, JSON_COMPACT | JSON_SORT_KEYS);
    if (settings != NULL) {
        job_settings_check(&fields, settings);
        job.network = job_settings_network(settings);
        if (text == NULL || strlen(text) > SETTINGS_MAX) {
            fields_error(&fields, "settings", "has at most %d bytes", SETTINGS_MAX);
        } else {
            job.settings = arena_copy(&call->arena, bytes_of_text(text));
        }
    }
    free(text);
    if (!fields_good(&fields) || !reading_open(&reading, call)) {
        return;
    }
    bool known =
        state_ledger(reading.store, &ledger) && read_input(call, &reading, settings, &job, &kind);
    reading_close(&reading);
    if (!known) {
        call_problem(call, 404, "no_such_quote", "you have no such quote");
        return;
    }
    if (!job_settings_suit(call, settings, kind)) {
        return;
    }
    settlement_status(call->api->settlement, &chain);
    if (!chain.on || !chain.chain_answers) {
        call_problem(call, 503, "chain_unavailable",
                     "the chain does not answer now, so nothing can be locked; try again soon");
        return;
    }
    job.escrow_identity =
        settlement_escrow_identity(call->api->settlement, job.escrow_id, &job.key_id);
    job.requested_tick = chain.tick;
    job.last_tick = chain.tick + lock_ticks(&ledger, &chain);
    call_command(call, COMMAND_JOB_CREATE);
    job.storage_max = storage_limit(call->api);
    call->command.u.job_create = job;
    call_submit(call, CLASS_CONSUMER, job_created);
}

static void cancel_job(struct call *call)
{
    struct fields fields = fields_of(call);
    if (!fields_good(&fields)) {
        return;
    }
    call_command(call, COMMAND_JOB_CANCEL);
    call->command.u.job.job_id = call->id;
    call_submit(call, CLASS_SETTLEMENT, reply_changed);
}

static void rate_job(struct call *call)
{
    struct fields fields = fields_of(call);
    struct command_rate rate = {
        .job_id = call->id,
        .stars = fields_u64(&fields, "stars", 1, 5),
        .comment = fields_optional_text(&fields, "comment", 1000),
    };
    if (!fields_good(&fields)) {
        return;
    }
    call_command(call, COMMAND_JOB_RATE);
    call->command.u.rate = rate;
    call_submit(call, CLASS_CONSUMER, reply_changed);
}

/* ── its events ────────────────────────────────────────────────────────────────────────────────────── */

static void get_events(struct call *call)
{
    struct reading reading;
    struct job_row job;
    uint64_t sequences[LIST_MAX];
    uint64_t after = 0;
    size_t limit = list_limit(call);
    if (limit == 0 || !list_cursor(call, "after", &after) || !reading_open(&reading, call)) {
        return;
    }
    if (!job_is_visible(call, &reading, &job)) {
        reading_close(&reading);
        job_is_missing(call);
        return;
    }
    size_t count = streams_after(reading.store, STREAM_JOB, call->id, after, sequences, limit);
    struct buf text;
    buf_init(&text, (size_t)64 << 20);
    buf_append_text(&text, "{\"items\":[");
    for (size_t i = 0; i < count; i++) {
        struct event event;
        if (reading_event(&reading, sequences[i], &event)) {
            buf_append_text(&text, i == 0 ? "" : ",");
            event_render(&text, &event, sequences[i], ledger_origin(call->api->ledger), &API_NAMES);
        }
    }
    reading_close(&reading);
    if (count == limit) {
        buf_printf(&text, "],\"next\":%llu}", (unsigned long long)sequences[count - 1]);
    } else {
        buf_append_text(&text, "],\"next\":null}");
    }
    call_reply_text(call, 200, "application/json", buf_bytes(&text));
    buf_deinit(&text);
}

static const struct route ROUTES[] = {
    {HTTP_POST, "/v1/jobs", SCOPE_CONSUMER, BODY_JSON, create_job},
    {HTTP_GET, "/v1/jobs", JOB_READERS, BODY_NONE, list_jobs},
    {HTTP_GET, "/v1/jobs/{id}", JOB_READERS, BODY_NONE, get_job},
    {HTTP_POST, "/v1/jobs/{id}/cancel", SCOPE_CONSUMER, BODY_JSON, cancel_job},
    {HTTP_POST, "/v1/jobs/{id}/rating", SCOPE_CONSUMER, BODY_JSON, rate_job},
    /* Events hold private parts: not for operators and auditors. */
    {HTTP_GET, "/v1/jobs/{id}/events", SCOPE_CONSUMER | SCOPE_PROVIDER, BODY_NONE, get_events},
};
const struct route_table ROUTES_JOBS = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
