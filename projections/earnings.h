/* projections/earnings.h: what a provider earned: paid, pending, by day, and on the jobs that run now.
 *
 * Shape:   provider account → totals; account ‖ day (8) → amount; account ‖ job id → a job that runs.
 * Days:    UTC days, by the time of payout.confirmed: money counts on the day its payout is final on the chain. A day's number is days since
 *          1970-01-01. Week and month are the 7 and 30 days that end with today, so the month is the sum of the 30-day chart.
 * Hours:   worked is the billed-for time (used_ms) of every job whose escrow was settled, also of those whose ending paid nothing; the average hourly
 *          rate is (paid + pending) ÷ worked, so that both sides speak of the same jobs, rounded down. */
// SPDX-License-Identifier: Apache-2.0
#ifndef PROJECTIONS_EARNINGS_H
#define PROJECTIONS_EARNINGS_H

#include "core/ledger/projection.h"

extern const struct projection PROJECTION_EARNINGS;

#define EARNINGS_WEEK_DAYS 7
#define EARNINGS_MONTH_DAYS 30

struct earnings_row {
    int64_t paid;    /* confirmed on the chain */
    int64_t pending; /* settled, not yet confirmed */
    uint64_t jobs_completed;
    uint64_t jobs_ended; /* that had started, however they ended */
    uint64_t worked_ms;
    uint64_t ratings;
    uint64_t stars; /* sum over ratings */
    uint64_t sequence;
};

struct earnings_day {
    int64_t day;
    int64_t amount;
};

struct earnings {
    struct earnings_row all;
    int64_t today;
    int64_t week;
    int64_t month;
    int64_t average_rate; /* QUBIC per hour; 0 before any work */
    struct earnings_day
        by_day[EARNINGS_MONTH_DAYS]; /* oldest first, ends with today; also days without money */
};

/* All zero for an account that never earned. `now` in ns UTC. */
void earnings_get(struct store *store, struct id16 account_id, int64_t now, struct earnings *ret);

struct earnings_active {
    struct id16 job_id;
    int64_t started_at;
    int64_t reported_at; /* last report */
    int64_t rate;
    int64_t cap;
    uint64_t limit_ms;
    uint64_t reported_ms; /* used time as the worker said */
    uint64_t fee_bps;
    int64_t earned; /* what the payout would be, had the job ended well with its last report */
};

/* Up to `max` running jobs after job id `after` (zero: from the first). */
size_t earnings_active_jobs(struct store *store, struct id16 account_id, struct id16 after,
                            struct earnings_active *ret, size_t max);

#endif
