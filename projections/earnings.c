// SPDX-License-Identifier: Apache-2.0
#include "projections/earnings.h"

#include "core/base/checked.h"
#include "core/base/invariant.h"
#include "core/base/time.h"
#include "core/market/billing.h"
#include "projections/view_rows.h"

#include <assert.h>
#include <string.h>

struct active_row { /* account ‖ job id → */
    int64_t started_at;
    int64_t reported_at;
    int64_t rate;
    int64_t cap;
    uint64_t limit_ms;
    uint64_t reported_ms;
    uint64_t fee_bps;
};

static_assert(sizeof(struct earnings_row) == 8 * 8, "no padding");
static_assert(sizeof(struct active_row) == 7 * 8, "no padding");

static const struct store_table TOTALS = {"view_earnings"};
static const struct store_table DAYS = {"view_earnings_days"};
static const struct store_table ACTIVE = {"view_earnings_active"};

#define NS_PER_DAY (INT64_C(86400) * NS_PER_S)

static int64_t day_of(int64_t time)
{
    return time / NS_PER_DAY - (time % NS_PER_DAY < 0 ? 1 : 0);
}

static struct view_key account_view_key(struct id16 account_id)
{
    struct view_key key = {0};
    view_key_id(&key, account_id);
    return key;
}

/* Days before 1970 do not come up; were one to, it sorts after the others. */
static struct view_key day_key(struct id16 account_id, int64_t day)
{
    struct view_key key = account_view_key(account_id);
    view_key_u64(&key, (uint64_t)day);
    return key;
}

static struct view_key active_key(struct id16 account_id, struct id16 job_id)
{
    struct view_key key = account_view_key(account_id);
    view_key_id(&key, job_id);
    return key;
}

static void add_amount(struct store *store, int64_t *total, int64_t amount)
{
    if (!checked_add_i64(*total, amount, total) || *total < 0) {
        store_fail(store, ERR_CORRUPT, "earnings leave their range");
    }
}

static void get_totals(struct store *store, struct id16 account_id, struct earnings_row *ret)
{
    struct view_key key = account_view_key(account_id);
    if (!view_get(store, &TOTALS, &key, ret, sizeof *ret)) {
        memset(ret, 0, sizeof *ret);
    }
}

static void start(struct store *store, const struct event *event, struct id16 provider_id,
                  const struct job_row *job)
{
    struct quote_row quote;
    if (!state_quote(store, job->quote_id, &quote)) {
        store_fail(store, ERR_CORRUPT, "the log speaks of an unknown quote");
        return;
    }
    struct active_row row = {
        .started_at = event->time,
        .reported_at = event->time,
        .rate = job->rate,
        .cap = job->cap,
        .limit_ms = job->limit_ms,
        .fee_bps = quote.fee_bps,
    };
    struct view_key key = active_key(provider_id, event->stream_id);
    view_put(store, &ACTIVE, &key, &row, sizeof row);
}

static void progress(struct store *store, const struct event *event, struct id16 provider_id)
{
    struct active_row row;
    struct view_key key = active_key(provider_id, event->stream_id);
    if (!view_get(store, &ACTIVE, &key, &row, sizeof row)) {
        store_fail(store, ERR_CORRUPT, "progress of a job that does not run");
        return;
    }
    row.reported_at = event->time;
    if (event->u.job_progressed.used_ms > row.reported_ms) {
        row.reported_ms = event->u.job_progressed.used_ms;
    }
    view_put(store, &ACTIVE, &key, &row, sizeof row);
}

/* True if the job had started. */
static bool stop(struct store *store, const struct event *event, struct id16 provider_id)
{
    struct active_row row;
    struct view_key key = active_key(provider_id, event->stream_id);
    bool started = view_get(store, &ACTIVE, &key, &row, sizeof row);
    if (started) {
        view_delete(store, &ACTIVE, &key);
    }
    return started;
}

static void pay(struct store *store, const struct event *event, struct id16 provider_id,
                struct earnings_row *totals)
{
    int64_t amount = event->u.payout_confirmed.amount;
    int64_t day_total = 0;
    struct view_key key = day_key(provider_id, day_of(event->time));
    (void)view_get(store, &DAYS, &key, &day_total, sizeof day_total);
    add_amount(store, &totals->pending, -amount);
    add_amount(store, &totals->paid, amount);
    add_amount(store, &day_total, amount);
    view_put(store, &DAYS, &key, &day_total, sizeof day_total);
}

static void apply(struct store *store, uint64_t sequence, const struct event *event)
{
    struct id16 job_id;
    struct job_row job;
    switch (event->type->number) {
    case EVENT_JOB_STARTED:
    case EVENT_JOB_PROGRESSED:
    case EVENT_JOB_COMPLETED:
    case EVENT_JOB_FAILED:
    case EVENT_JOB_CANCELLED:
    case EVENT_JOB_RATED:
    case EVENT_ESCROW_SETTLED:
    case EVENT_PAYOUT_CONFIRMED:
        break;
    default:
        return;
    }
    if (!view_job_of(event, &job_id) || !view_job_row(store, job_id, &job)) {
        return;
    }
    struct earnings_row totals;
    get_totals(store, job.provider_id, &totals);
    switch (event->type->number) {
    case EVENT_JOB_STARTED:
        start(store, event, job.provider_id, &job);
        return;
    case EVENT_JOB_PROGRESSED:
        progress(store, event, job.provider_id);
        return;
    case EVENT_JOB_COMPLETED:
    case EVENT_JOB_FAILED:
    case EVENT_JOB_CANCELLED:
        if (!stop(store, event, job.provider_id)) {
            return;
        }
        totals.jobs_ended++;
        totals.jobs_completed += event->type->number == EVENT_JOB_COMPLETED ? 1 : 0;
        break;
    case EVENT_JOB_RATED:
        totals.ratings++;
        totals.stars += event->u.job_rated.stars;
        break;
    case EVENT_ESCROW_SETTLED:
        totals.worked_ms += event->u.escrow_settled.used_ms;
        add_amount(store, &totals.pending, event->u.escrow_settled.payout);
        break;
    default:
        pay(store, event, job.provider_id, &totals);
        break;
    }
    totals.sequence = sequence;
    struct view_key key = account_view_key(job.provider_id);
    view_put(store, &TOTALS, &key, &totals, sizeof totals);
}

static const struct store_table *const TABLES[] = {&TOTALS, &DAYS, &ACTIVE};
const struct projection PROJECTION_EARNINGS = {.name = "earnings",
                                               .tables = TABLES,
                                               .table_count = sizeof TABLES / sizeof *TABLES,
                                               .apply = apply};

/* ── queries ───────────────────────────────────────────────────────────────────────────────────── */

void earnings_get(struct store *store, struct id16 account_id, int64_t now, struct earnings *ret)
{
    int64_t today = day_of(now);
    memset(ret, 0, sizeof *ret);
    get_totals(store, account_id, &ret->all);
    for (int64_t back = EARNINGS_MONTH_DAYS - 1; back >= 0; back--) {
        struct earnings_day *day = &ret->by_day[EARNINGS_MONTH_DAYS - 1 - back];
        struct view_key key = day_key(account_id, today - back);
        day->day = today - back;
        (void)view_get(store, &DAYS, &key, &day->amount, sizeof day->amount);
        ret->today += back == 0 ? day->amount : 0;
        ret->week += back < EARNINGS_WEEK_DAYS ? day->amount : 0;
        ret->month += day->amount;
    }
    int64_t earned;
    if (ret->all.worked_ms > 0 && ret->all.worked_ms <= (uint64_t)INT64_MAX &&
        checked_add_i64(ret->all.paid, ret->all.pending, &earned) &&
        !mul_div_floor(earned, MS_PER_HOUR, (int64_t)ret->all.worked_ms, &ret->average_rate)) {
        ret->average_rate = INT64_MAX; /* more than can be said */
    }
}

static int64_t earned_so_far(const struct active_row *row)
{
    struct bill bill;
    uint64_t ledger_ms = (uint64_t)((row->reported_at - row->started_at) / NS_PER_MS);
    uint64_t used_ms = row->reported_ms < ledger_ms ? row->reported_ms : ledger_ms;
    if (used_ms > row->limit_ms) {
        used_ms = row->limit_ms;
    }
    return billing_compute(used_ms, row->rate, row->cap, row->fee_bps, true, &bill) ? bill.payout
                                                                                    : 0;
}

size_t earnings_active_jobs(struct store *store, struct id16 account_id, struct id16 after,
                            struct earnings_active *ret, size_t max)
{
    struct view_key at = active_key(account_id, after);
    struct bytes value;
    size_t count = 0;
    while (count < max && view_next(store, &ACTIVE, &at, sizeof account_id.b, &value)) {
        struct active_row row;
        struct earnings_active *active = &ret[count++];
        INVARIANT(value.size == sizeof row);
        memcpy(&row, value.data, sizeof row);
        *active = (struct earnings_active){
            .started_at = row.started_at,
            .reported_at = row.reported_at,
            .rate = row.rate,
            .cap = row.cap,
            .limit_ms = row.limit_ms,
            .reported_ms = row.reported_ms,
            .fee_bps = row.fee_bps,
            .earned = earned_so_far(&row),
        };
        memcpy(active->job_id.b, at.b + sizeof account_id.b, sizeof active->job_id.b);
    }
    return count;
}
