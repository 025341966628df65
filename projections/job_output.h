/* projections/job_output.h: where a job's output lines and result files are in the log. The lines, names and digests themselves are private: the
 * records named here have them.
 *
 * Shape:   job id ‖ first line (8) → batch; job id ‖ sequence (8) → size of a result file. */
// SPDX-License-Identifier: Apache-2.0
#ifndef PROJECTIONS_JOB_OUTPUT_H
#define PROJECTIONS_JOB_OUTPUT_H

#include "core/ledger/projection.h"

extern const struct projection PROJECTION_JOB_OUTPUT;

struct output_batch {
    uint64_t sequence;
    uint64_t first_line; /* 1-based */
    uint64_t lines;      /* 0 only in the batch that says the quota is reached */
    uint64_t size;       /* bytes of text */
    uint64_t source;     /* enum output_source */
    uint64_t quota_reached;
};

/* Up to `max` batches with lines after line `after`, ascending; the first may begin before it. The batch that says
 * that the quota is reached comes again with every call at the end: it has no line to get past. */
size_t job_output_list(struct store *store, struct id16 job_id, uint64_t after,
                       struct output_batch *ret, size_t max);
/* The newest `max` batches that begin before line `before`, ascending; the last of them may end after it. */
size_t job_output_before(struct store *store, struct id16 job_id, uint64_t before,
                         struct output_batch *ret, size_t max);
/* Number of the job's last line so far; 0: none. */
uint64_t job_output_last_line(struct store *store, struct id16 job_id);

struct result_entry {
    uint64_t sequence;
    uint64_t size; /* bytes */
};

/* Up to `max` result files stored after sequence `after`, ascending. A name stored twice is there twice: the later counts. */
size_t job_results_list(struct store *store, struct id16 job_id, uint64_t after,
                        struct result_entry *ret, size_t max);

#endif
