/* projections/calibration.h: how often estimates were right: of finished jobs, how many ended within the p50 and the p90 of their quote, by job type and
 * GPU model. Public.
 *
 * Counts:  jobs that ended by themselves (completed) or at their paid limit, which is above the p90. Failed, cancelled and lost ones say nothing of time,
 *          and those started with other settings than they were quoted for nothing of the quote's.
 * Shape:   job type (8) ‖ what it ran on (8) → counts. GPUs by their number in the estimates' tables; at most 20 × 82 rows. */
// SPDX-License-Identifier: Apache-2.0
#ifndef PROJECTIONS_CALIBRATION_H
#define PROJECTIONS_CALIBRATION_H

#include "core/ledger/projection.h"

extern const struct projection PROJECTION_CALIBRATION;

#define CALIBRATION_OTHER_GPU 0
#define CALIBRATION_CPU UINT64_C(0xffffffff)
#define CALIBRATION_ROWS_MAX 2048

struct calibration_entry {
    uint64_t job_type; /* enum job_type */
    uint64_t ran_on;   /* number of a GPU, or one of the above */
    uint64_t finished;
    uint64_t within_p50;
    uint64_t within_p90;
};

/* All of them, by type and GPU; returns how many. */
size_t calibration_list(struct store *store, struct calibration_entry *ret, size_t max);

#endif
