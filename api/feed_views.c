// SPDX-License-Identifier: Apache-2.0
#include "api/feed_views.h"

#include "core/base/checked.h"
#include "core/base/time.h"
#include "core/market/billing.h"
#include "projections/earnings.h"
#include "projections/jobs.h"

#include <stdlib.h>

#define ACTIVE_MAX 100

struct rendering {
    struct feed_snapshot *snapshot;
    struct buf *text;
    size_t *ends;
    size_t count;
};

static void add(struct rendering *r, const char *name, json_t *data)
{
    json_t *message = json_pack("{s:{s:s,s:I,s:o}}", "view", "name", name, "sequence",
                                (json_int_t)r->snapshot->head, "data", data);
    char *text = message == NULL ? NULL : json_dumps(message, JSON_COMPACT);
    json_decref(message);
    if (text != NULL && r->count < FEED_VIEWS_MAX) {
        buf_append_text(r->text, text);
        r->ends[r->count] = r->text->size;
        r->count += r->text->failed ? 0 : 1;
    }
    free(text);
}

static void add_earnings(struct rendering *r, struct id16 account_id, int64_t now)
{
    struct earnings earnings;
    struct earnings_active active[ACTIVE_MAX];
    struct store *store = r->snapshot->store;
    int64_t running = 0;
    earnings_get(store, account_id, now, &earnings);
    size_t count = earnings_active_jobs(store, account_id, (struct id16){0}, active, ACTIVE_MAX);
    json_t *jobs = json_array();
    for (size_t i = 0; i < count; i++) {
        if (!checked_add_i64(running, active[i].earned, &running)) {
            running = INT64_MAX; /* more than there is */
        }
        (void)json_array_append_new(
            jobs, json_pack("{s:o,s:I,s:I,s:I,s:o}", "job_id", json_of_id(active[i].job_id),
                            "earned", (json_int_t)active[i].earned, "used_ms",
                            (json_int_t)active[i].reported_ms, "rate", (json_int_t)active[i].rate,
                            "reported_at", json_of_time(active[i].reported_at)));
    }
    add(r, "earnings",
        json_pack("{s:I,s:I,s:I,s:I,s:o}", "total", (json_int_t)earnings.all.paid, "today",
                  (json_int_t)earnings.today, "pending", (json_int_t)earnings.all.pending,
                  "running", (json_int_t)running, "jobs", jobs));
}

/* As the bill would: the worker's time, at most the ledger's. */
static uint64_t used_so_far(const struct job_view *job, const struct job_progress_view *progress)
{
    int64_t by_ledger = progress->at > job->started_at ? progress->at - job->started_at : 0;
    uint64_t most = (uint64_t)(by_ledger / NS_PER_MS);
    return progress->used_ms < most ? progress->used_ms : most;
}

/* By what the worker says is done, never more than what is paid for; null while it has said nothing. */
static json_t *json_of_left(uint64_t paid, const struct job_progress_view *progress)
{
    uint64_t all;
    if (progress->permille == 0 || progress->permille > 1000 ||
        !checked_mul_u64(progress->used_ms, 1000 - progress->permille, &all)) {
        return json_null();
    }
    uint64_t left = all / progress->permille;
    return json_of_u64(left < paid ? left : paid);
}

/* `but_of`: a consumer whose jobs are there already, or zero. */
static void add_job(struct rendering *r, struct id16 job_id, struct id16 but_of)
{
    struct job_view job;
    struct job_progress_view progress;
    struct bill bill = {0};
    struct store *store = r->snapshot->store;
    if (!jobs_get(store, job_id, &job) || job.started_at == 0 || job.ended_at != 0 ||
        (!id_is_zero(but_of) && id_equal(job.account_id, but_of))) {
        return;
    }
    jobs_get_progress(store, job_id, &progress);
    uint64_t used = used_so_far(&job, &progress);
    if (!billing_compute(used, job.rate, job.cap, 0, true, &bill)) {
        bill.gross = job.cap;
    }
    uint64_t paid = job.limit_ms > used ? job.limit_ms - used : 0;
    add(r, "job",
        json_pack("{s:o,s:I,s:I,s:I,s:I,s:o,s:I,s:o}", "job_id", json_of_id(job_id), "permille",
                  (json_int_t)progress.permille, "used_ms", (json_int_t)used, "cost",
                  (json_int_t)bill.gross, "cap", (json_int_t)job.cap, "left_ms",
                  json_of_left(paid, &progress), "paid_left_ms", (json_int_t)paid, "reported_at",
                  json_of_time(progress.at)));
}

static void add_running_jobs(struct rendering *r, struct id16 account_id)
{
    struct jobs_entry entries[FEED_VIEWS_MAX];
    const struct jobs_filter filter = {
        .role = JOBS_OF_CONSUMER, .party = account_id, .status = JOB_VIEW_RUNNING};
    size_t count = jobs_list(r->snapshot->store, &filter, entries, FEED_VIEWS_MAX);
    for (size_t i = 0; i < count; i++) {
        add_job(r, entries[i].job_id, (struct id16){0});
    }
}

static bool is_own(const struct feed_view *view, const struct feed_source *source)
{
    return id_is_zero(view->principal.host_id) && !id_is_zero(view->principal.account_id) &&
           source->stream.kind == STREAM_ACCOUNT &&
           id_equal(source->stream.id, view->principal.account_id);
}

size_t feed_views_render(struct feed_snapshot *snapshot, const struct feed_view *view,
                         int64_t now_wall_ns, struct buf *text, size_t ret_ends[FEED_VIEWS_MAX])
{
    struct rendering r = {.snapshot = snapshot, .text = text, .ends = ret_ends};
    bool earnings = false;
    bool jobs = false;
    for (size_t i = 0; i < view->source_count; i++) {
        const struct feed_source *source = &view->sources[i];
        bool of_account = is_own(view, source) && source->topic != FEED_CHAIN;
        earnings = earnings || of_account;
        jobs = jobs || (of_account && source->topic != FEED_PROVIDER);
    }
    if (earnings && (view->principal.scopes & SCOPE_PROVIDER) != 0) {
        add_earnings(&r, view->principal.account_id, now_wall_ns);
    }
    if (jobs) {
        add_running_jobs(&r, view->principal.account_id);
    }
    for (size_t i = 0; i < view->source_count; i++) {
        if (view->sources[i].topic == FEED_JOB) {
            add_job(&r, view->sources[i].stream.id,
                    jobs ? view->principal.account_id : (struct id16){0});
        }
    }
    return r.count;
}
