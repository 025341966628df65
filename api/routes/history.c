/* How a job came to where it stands: its escrow with what the books hold for it, now or as of an event, and which events there are. */
// SPDX-License-Identifier: Apache-2.0
#include "api/as_of.h"
#include "api/job_access.h"
#include "api/job_json.h"
#include "api/list.h"
#include "api/route.h"
#include "projections/accounts.h"
#include "projections/jobs.h"
#include "projections/streams.h"

#include <string.h>

/* ── the escrow ────────────────────────────────────────────────────────────────────────────────── */

/* `as_of` 0: now. */
static int64_t balance(struct store *store, enum account_kind kind, struct id16 escrow_id,
                       enum leg_kind leg, uint64_t as_of)
{
    uint8_t account[ACCOUNT_KEY_SIZE];
    struct statement_line line = {0};
    account_key(kind, id_key(&escrow_id), leg, account);
    (void)accounts_statement_before(store, account, as_of == 0 ? 0 : as_of + 1, &line, 1);
    return line.balance;
}

static json_t *render_escrow(struct reading *then, struct reading *now, const struct job_row *job,
                             uint64_t as_of)
{
    struct job_view view;
    struct id16 id = job->escrow_id;
    json_t *escrow = json_of_escrow(then, id);
    int64_t payable = 0;
    if (json_is_null(escrow) || !jobs_get(then->store, then->call->id, &view)) {
        json_decref(escrow);
        return NULL;
    }
    for (enum leg_kind leg = LEG_REFUND; leg <= LEG_FEE; leg++) {
        payable += balance(now->store, ACCOUNT_PAYABLE, id, leg, as_of);
    }
    return json_pack("{s:o,s:o,s:o,s:{s:I,s:I,s:I},s:I}", "job_id", json_of_id(then->call->id),
                     "escrow", escrow, "legs", json_of_legs(then, then->call->id), "books", "held",
                     (json_int_t)balance(now->store, ACCOUNT_HELD, id, 0, as_of), "locked",
                     (json_int_t)balance(now->store, ACCOUNT_ESCROW, id, 0, as_of), "payable",
                     (json_int_t)payable, "sequence", (json_int_t)view.sequence);
}

static void get_escrow(struct call *call)
{
    as_of_answer_job(call, render_escrow);
}

/* ── the timeline ──────────────────────────────────────────────────────────────────────────────── */

/* A page that would look at more than this ends before, and `next` goes on from there. */
#define LOOKED_AT_MAX 5000

static bool is_report(uint16_t type)
{
    return type == EVENT_JOB_PROGRESSED || type == EVENT_JOB_OUTPUT || type == EVENT_METRIC_SAMPLED;
}

/* null: a report, and those are not wanted. */
static json_t *json_of_moment(struct reading *reading, uint64_t sequence, bool with_reports)
{
    struct bytes record;
    struct record_header header;
    struct err err;
    if (log_reader_record(reading->log, sequence, &record, &err) != ERR_OK ||
        record_header_decode(record, &header, &err) != ERR_OK) {
        reading->call->read_err = err;
        return NULL;
    }
    const struct event_type *type = event_type_find(header.type, header.version);
    if (type == NULL || (is_report(header.type) && !with_reports)) {
        return NULL;
    }
    return json_pack("{s:I,s:o,s:s}", "sequence", (json_int_t)sequence, "at",
                     json_of_time(header.time), "type", type->name);
}

/* Where to go on; 0: that was all. */
static uint64_t append_moments(struct reading *reading, uint64_t after, size_t limit,
                               bool with_reports, json_t *items)
{
    uint64_t sequences[LIST_MAX];
    size_t looked_at = 0;
    size_t count;
    while ((count = streams_after(reading->store, STREAM_JOB, reading->call->id, after, sequences,
                                  LIST_MAX)) > 0) {
        for (size_t i = 0; i < count; i++) {
            json_t *moment = json_of_moment(reading, sequences[i], with_reports);
            after = sequences[i];
            looked_at++;
            if (moment != NULL) {
                (void)json_array_append_new(items, moment);
            }
            if (json_array_size(items) == limit || looked_at == LOOKED_AT_MAX) {
                return after;
            }
        }
    }
    return 0;
}

static void get_timeline(struct call *call)
{
    struct reading reading;
    struct job_row job;
    uint64_t after = 0;
    const char *reports = http_head_param(http_request_head(call->request), "reports");
    size_t limit = list_limit(call);
    if (limit == 0 || !list_cursor(call, "after", &after)) {
        return;
    }
    if (reports != NULL && strcmp(reports, "true") != 0 && strcmp(reports, "false") != 0) {
        call_problem(call, 422, "parameter_invalid", "reports is true or false");
        return;
    }
    if (!reading_open(&reading, call)) {
        return;
    }
    if (!job_is_visible(call, &reading, &job)) {
        reading_close(&reading);
        job_is_missing(call);
        return;
    }
    json_t *items = json_array();
    uint64_t next = append_moments(&reading, after, limit,
                                   reports != NULL && strcmp(reports, "true") == 0, items);
    reading_close(&reading);
    call_reply(call, 200,
               json_pack("{s:o,s:o}", "items", items, "next",
                         next == 0 ? json_null() : json_of_u64(next)));
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/v1/jobs/{id}/escrow", JOB_READERS, BODY_NONE, get_escrow},
    {HTTP_GET, "/v1/jobs/{id}/timeline", JOB_READERS, BODY_NONE, get_timeline},
};
const struct route_table ROUTES_HISTORY = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
