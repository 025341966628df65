/* core/market/observed.h: what finished jobs teach: how much longer or shorter they took than was estimated, by job type and GPU.
 *
 * Shape:   for each (job type, GPU of the tables) and each job type as a whole, the last 16 ratios used ÷ estimated, as logarithms. So the table has at
 *          most 20 × 80 rows, whatever happens.
 * Counts:  jobs whose time is known (observed_time_is_known), of whose kind there is a benchmark, on one GPU of the tables, and not rented from
 *          oneself. A ratio counts as at most 8 times and at least an eighth, and medians are used: a few odd jobs move little.
 * Known limit: two accounts of one person are two people here. They pay for their jobs, and what they distort is an estimate, never a bill: that is of the
 *          time used. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_OBSERVED_H
#define CORE_MARKET_OBSERVED_H

#include "core/market/state.h"

#define OBSERVED_KEPT 16
#define OBSERVED_ALL_GPUS 0

extern const struct store_table STATE_OBSERVED; /* job type u64 ‖ GPU number u64 → */

struct observed_row {
    uint64_t count;              /* ever; the newest is logs[(count − 1) % 16] */
    int64_t logs[OBSERVED_KEPT]; /* 2^16 × log2(used ÷ estimated) */
};

/* What to add to logarithms of times. */
struct observed_shift {
    int64_t p50;    /* to that of the p50 */
    int64_t spread; /* from the new p50 to the new p90; ≥ 0 */
    uint64_t count; /* jobs seen of this type on this GPU */
};

/* Whether a job that ended so tells how long such jobs take: it ended by itself, or it was stopped where even the long estimate was over. Stopped
 * before, because its consumer wanted it no longer, it says nothing. */
bool observed_time_is_known(const struct job_row *job, const struct quote_row *quote,
                            enum ending ending);
/* A job of `type` that was estimated at `estimated_ms` took `used_ms`. Both above zero; gpu above zero. */
void observed_add(struct store *state, uint64_t type, uint64_t gpu, uint64_t estimated_ms,
                  uint64_t used_ms);
/* `spread`: what it is when no job was seen. The type's median counts as four jobs of a GPU, as no change counts as four of the type. */
struct observed_shift observed_shift(struct store *state, uint64_t type, uint64_t gpu,
                                     int64_t spread);

#endif
