/* projections/job_past.h: a job as it stood after an event that is not the last one: its own events once more, through the code that made the views, into rows
 * that nobody keeps (docs/decisions/0020).
 *
 * Shape:   the store that comes out answers jobs.h, state_escrow, state_ledger and state_job of this job as the views did when the log ended at `as_of`.
 *          What else there is in it is of no use: of accounts, machines and quotes it has what is there now, with this job counted twice.
 * Not so:  of the write model's row of the job, what a report of output or measurements changes: no answer shows it, and there are many of them.
 * Use:     create, advance until it is done, on as many snapshots as one likes, none of them older than `as_of`; then the store.
 * Errors:  ERR_TOO_LARGE: more than JOB_PAST_EVENTS_MAX events, or strangers' deposits beyond measure. What reading or applying them failed with.
 * Thread:  one at a time, any. */
// SPDX-License-Identifier: Apache-2.0
#ifndef PROJECTIONS_JOB_PAST_H
#define PROJECTIONS_JOB_PAST_H

#include "core/base/id.h"
#include "core/base/store.h"

#include <stdint.h>

#define JOB_PAST_EVENTS_MAX 200000 /* looked at; some 0.3 s */

struct job_past;

/* The log's records, as of the snapshot that is read. */
struct job_past_records {
    enum err_code (*read)(void *ctx, uint64_t sequence, struct bytes *ret, struct err *err);
    void *ctx;
};

/* A job that there is, with `as_of` not before its job.created. NULL: out of memory. */
struct job_past *job_past_create(struct id16 job_id, uint64_t as_of);
/* NULL is fine. */
void job_past_destroy(struct job_past *past);
/* Look at up to `max` more events. `views`: the present ones, read until it returns. */
MUST_CHECK enum err_code job_past_advance(struct job_past *past, struct store *views,
                                          const struct job_past_records *records, size_t max,
                                          bool *ret_done, struct err *err);
/* Once it is done. Lives as long as `past`. */
struct store *job_past_store(struct job_past *past);

#endif
