/* worker/job_reports.h: everything a job's program says, on its ways: masked, then to output.log, to whoever looks for progress and for the reason of an
 * end, and to the server.
 *
 *     feed ─▶ mask ─▶ lines ─┬─▶ output.log
 *                            ├─▶ progress, verdict
 *                            └─▶ spool (job_kept.h) ─▶ report ─▶ server
 *
 * Owner:   job_reports_close frees it; not from within on_sent or on_gone.
 * Thread:  loop. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_JOB_REPORTS_H
#define WORKER_JOB_REPORTS_H

#include "worker/job_kept.h"
#include "worker/job_order.h"

struct job_reports;

struct job_reports_options { /* all borrowed until job_reports_close */
    uv_loop_t *loop;
    struct server *server;
    const struct job_order *order;
    const char *
        output_log; /* path; it must not be there. NULL: an earlier worker wrote it, and nothing will be fed */
    struct job_kept *kept;
    struct job_verdict *verdict;
    uint64_t (*used_ms)(void *ctx);
    void (*on_sent)(void *ctx);
    void (*on_gone)(void *ctx, const char *code, const char *detail); /* as of report.h */
    void *ctx;
};

MUST_CHECK enum err_code job_reports_create(const struct job_reports_options *options,
                                            struct job_reports **ret_reports, struct err *err);
void job_reports_close(struct job_reports *reports); /* accepts NULL */

void job_reports_feed(struct job_reports *reports, enum worker_stream stream, struct bytes bytes);
/* The streams have ended. */
void job_reports_finish(struct job_reports *reports);
/* The program is over: nothing is held back. */
void job_reports_drain(struct job_reports *reports);
bool job_reports_are_drained(const struct job_reports *reports);
/* output.log is whole; `operation` is told if it is not NULL. */
void job_reports_stored_next(struct job_reports *reports, const char *operation);
void job_reports_discard(struct job_reports *reports);

void job_reports_sample(struct job_reports *reports, const struct report_sample *sample);
/* From time to time while the program runs. */
void job_reports_tick(struct job_reports *reports);
/* For how long the server has not taken anything. */
int64_t job_reports_silent_ms(const struct job_reports *reports);

#endif
