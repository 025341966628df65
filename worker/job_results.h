/* worker/job_results.h: what a job left, on its way to the server.
 *
 *     listing (pool) ─▶ output.log ─▶ result 1 ─▶ result 2 ─▶ … ─▶ on_done
 *
 * Rules:   one file at a time, each until it is taken or `patience_ms` is over without progress (result_upload.h). A file the server refuses is left
 *          out and counted.
 * Owner:   frees itself after on_done, or later after job_results_cancel.
 * Thread:  loop. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_JOB_RESULTS_H
#define WORKER_JOB_RESULTS_H

#include "worker/job_kept.h"
#include "worker/scratch.h"
#include "worker/server.h"

struct job_results;

struct job_results_summary {
    enum server_outcome
        outcome;     /* SERVER_OK: went through all; GONE, DENIED, or RETRY: patience over */
    size_t stored;   /* without output.log */
    size_t left_out; /* refused, too many, too large, or no regular files */
};

struct job_results_options {
    uv_loop_t *loop;
    struct server *server;
    const char *job_id;            /* copied */
    const struct scratch *scratch; /* copied */
    struct job_kept *kept;         /* borrowed: so many are stored already, and are counted there */
    bool only_output;
    uint64_t patience_ms; /* for each file */
    void (*on_done)(void *ctx, const struct job_results_summary *summary);
    void *ctx;
};

MUST_CHECK enum err_code job_results_start(const struct job_results_options *options,
                                           struct job_results **ret_results, struct err *err);
void job_results_cancel(struct job_results *results); /* accepts NULL */

/* "/v1/workers/jobs/<id>/results/<name>", every byte of the name that is no letter, digit or one of "-._~/" escaped. */
MUST_CHECK enum err_code job_results_path(const char *job_id, const char *name, char *ret,
                                          size_t ret_size, struct err *err);

#endif
