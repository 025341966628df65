/* worker/claim.h: the worker's loop: claim, run, again.
 *
 *     claiming ──204, error──▶ (pause) ──▶ claiming         SIGTERM: no more claims; a running job is ended; then done
 *        │ └──job──▶ running ──cleaned──▶ claiming
 *        └──token refused──▶ done, with an error
 *
 * Left over: job folders of a run that ended without cleaning are removed first, their control groups too, and the server is
 *          told that those jobs are not run any more (host_fault, worker_stopped), so that nobody waits for the lease.
 * Thread:  loop, the main thread. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_CLAIM_H
#define WORKER_CLAIM_H

#include "core/base/err.h"
#include "worker/job_kind.h"
#include "worker/machine.h"
#include "worker/state.h"

#include <stdbool.h>

struct claim_options {
    const char *folder; /* DIR */
    const struct worker_identity *identity;
    const struct machine *machine;
    const struct job_kinds *kinds; /* what it says that it can run */
    uint64_t jobs_max;             /* stop after so many; 0: never */
};

/* Returns when the worker has stopped: ERR_OK after a signal or `jobs_max` jobs, ERR_DENIED when the server does not know
 * the token, ERR_IO when the loop could not be set up. */
MUST_CHECK enum err_code claim_run(const struct claim_options *options, struct err *err);

#endif
