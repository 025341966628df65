// SPDX-License-Identifier: Apache-2.0
#include "api/as_of.h"

#include "api/aside.h"
#include "api/job_access.h"
#include "core/base/text.h"
#include "projections/job_past.h"

#include <inttypes.h>

#define EVENTS_PER_SNAPSHOT 2048 /* some milliseconds */

struct as_of { /* call->state */
    struct job_past *past;
    uint64_t sequence;
    struct job_row job; /* as it is now */
    as_of_render *render;
    enum err_code code;
    struct err err;
};

bool as_of_read(struct call *call, uint64_t *ret)
{
    const char *text = http_head_param(http_request_head(call->request), "as_of");
    *ret = 0;
    if (text != NULL && (u64_parse(bytes_of_text(text), ret, NULL) != ERR_OK || *ret == 0)) {
        call_problem(call, 422, "parameter_invalid",
                     "as_of is the sequence of an event, 1 or more, as in ?as_of=42");
        return false;
    }
    return true;
}

bool as_of_check(struct reading *reading, uint64_t as_of, uint64_t since)
{
    struct call *call = reading->call;
    uint64_t head = views_snapshot_position(reading->snapshot)->sequence;
    if (as_of >= since && as_of <= head) {
        return true;
    }
    reading_close(reading);
    if (as_of > head) {
        call_problem(call, 422, "as_of_beyond_head",
                     "as_of is at most the newest event's sequence, which is %" PRIu64, head);
    } else {
        call_problem(call, 404, "as_of_too_early",
                     "this was not there yet after event %" PRIu64 "; it began with event %" PRIu64,
                     as_of, since);
    }
    return false;
}

/* ── on the pool ───────────────────────────────────────────────────────────────────────────────── */

static enum err_code read_record(void *ctx, uint64_t sequence, struct bytes *ret, struct err *err)
{
    return log_reader_record(ctx, sequence, ret, err);
}

/* Some events on one snapshot. */
static enum err_code advance(struct api *api, struct as_of *as_of, bool *ret_done)
{
    struct views_snapshot *snapshot = NULL;
    struct log_reader *log = NULL;
    enum err_code code = views_snapshot_open(ledger_views(api->ledger), &snapshot, &as_of->err);
    if (code == ERR_OK) {
        code = log_reader_open(ledger_log(api->ledger), &log, &as_of->err);
    }
    if (code == ERR_OK) {
        const struct job_past_records records = {read_record, log};
        code = job_past_advance(as_of->past, views_snapshot_store(snapshot), &records,
                                EVENTS_PER_SNAPSHOT, ret_done, &as_of->err);
    }
    log_reader_close(log);
    views_snapshot_close(snapshot);
    return code;
}

static void work(struct api *api, void *state)
{
    struct as_of *as_of = state;
    bool done = false;
    while (!done && as_of->code == ERR_OK) {
        as_of->code = advance(api, as_of, &done);
    }
}

/* ── on the loop ───────────────────────────────────────────────────────────────────────────────── */

static void free_cb(struct call *call)
{
    struct as_of *as_of = call->state;
    job_past_destroy(as_of->past);
}

static void reply(struct call *call, json_t *json)
{
    if (json == NULL) {
        call_problem(call, 404, "as_of_too_early", "this was not there yet after that event");
    } else {
        call_reply(call, 200, json);
    }
}

static void answer(struct call *call)
{
    struct as_of *as_of = call->state;
    struct reading now;
    struct err err;
    if (as_of->code == ERR_TOO_LARGE) {
        call_problem(call, 422, "as_of_too_long", "%s; those of the job are at %s/events",
                     as_of->err.message, http_request_head(call->request)->path);
        return;
    }
    if (as_of->code != ERR_OK) {
        call_refuse(call, &as_of->err);
        return;
    }
    if (!reading_open(&now, call)) {
        return;
    }
    struct reading then = now;
    then.store = job_past_store(as_of->past);
    then.is_past = true;
    json_t *json = as_of->render(&then, &now, &as_of->job, as_of->sequence);
    if (store_check(then.store, &err) != ERR_OK) {
        call->read_err = err;
    }
    reading_close(&now);
    reply(call, json);
}

static void answer_past(struct call *call, uint64_t sequence, const struct job_row *job,
                        as_of_render *render)
{
    struct as_of *as_of = arena_alloc(&call->arena, sizeof *as_of);
    struct job_past *past = job_past_create(call->id, sequence);
    if (as_of == NULL || past == NULL) {
        job_past_destroy(past);
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    *as_of = (struct as_of){.past = past, .sequence = sequence, .job = *job, .render = render};
    call->state = as_of;
    call->on_free = free_cb;
    aside_do(call, work, answer);
}

void as_of_answer_job(struct call *call, as_of_render *render)
{
    struct reading reading;
    struct job_row job;
    uint64_t sequence;
    json_t *json = NULL;
    if (!as_of_read(call, &sequence) || !reading_open(&reading, call)) {
        return;
    }
    if (!job_is_visible(call, &reading, &job)) {
        reading_close(&reading);
        job_is_missing(call);
        return;
    }
    if (sequence != 0) {
        if (as_of_check(&reading, sequence, job.created_sequence)) {
            reading_close(&reading);
            answer_past(call, sequence, &job, render);
        }
        return;
    }
    json = render(&reading, &reading, &job, 0);
    reading_close(&reading);
    reply(call, json);
}
