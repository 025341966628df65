/* worker/report.h: what a running job tells the server: heartbeat and progress, metrics, output.
 *
 * Shape:   one report in flight at a time, in order; what cannot be sent is repeated until it can. Progress is the newest
 *          only; samples wait in a short list that drops its oldest; output waits in the job's spool. All of it is kept there (job_kept.h), and a
 *          report made from what was kept goes on where the last worker was: samples in flight go out once more with the same key, and the server
 *          says which lines it has.
 * Owner:   report_close frees it later, without a callback. Not from within a callback of another report.
 * Thread:  loop. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_REPORT_H
#define WORKER_REPORT_H

#include "worker/job_kept.h"

#define REPORT_FLUSH_MS 500 /* output is not held back longer */

struct report_options {
    uv_loop_t *loop;
    struct server *server;
    const char *job_id;    /* copied */
    struct job_kept *kept; /* borrowed until report_close, as is the output */
    struct output *output; /* flushed in time; NULL: all is in the spool already */
    uint64_t (*used_ms)(void *ctx);
    void (*on_sent)(void *ctx); /* after each report that was answered */
    /* The job is lost to this worker; called at most once, nothing is sent any more. */
    void (*on_gone)(void *ctx, const char *code, const char *detail);
    void *ctx;
};

struct report;

MUST_CHECK enum err_code report_create(const struct report_options *options,
                                       struct report **ret_report, struct err *err);
void report_close(struct report *report); /* accepts NULL */

/* `permille` up to 1000; `operation` is valid UTF-8, at most JOB_OPERATION_MAX bytes; NULL: as it was. Without `soon` it goes with the next
 * heartbeat. */
void report_progress(struct report *report, uint64_t permille, const struct bytes *operation,
                     bool soon);
void report_sample(struct report *report, const struct report_sample *sample);
/* There may be more output; with `last`, no more will come and nothing is held back. */
void report_output(struct report *report, bool last);
/* No output or progress is queued, nothing is in flight. */
bool report_is_drained(const struct report *report);
/* time_mono_ns of the last report the server took (at first, of creation). */
int64_t report_accepted_ns(const struct report *report);

#endif
