/* worker/trial.h: small programs in a sandbox, before a job is: what does this machine run?
 *
 * Thread:  main, before the loop; each waits for a sandbox, some seconds at most. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_TRIAL_H
#define WORKER_TRIAL_H

#include "worker/job_kind.h"
#include "worker/machine.h"

/* Better no worker than one that takes jobs it cannot run. ERR_UNAVAILABLE says what is missing. */
MUST_CHECK enum err_code trial_sandbox(const char *state, const struct machine *machine,
                                       struct err *err);
/* Which kinds of files can be run; a trace says why not. `engine`: of containers, borrowed by `ret`; NULL: none. */
void trial_kinds(const char *state, const struct machine *machine,
                 const struct container_engine *engine, struct job_kinds *ret);
/* Whether a job that asks for a network can have one here, with what is near closed to it: a program tries. ERR_UNAVAILABLE, ERR_NOT_FOUND: why not. */
MUST_CHECK enum err_code trial_network(const char *state, const struct machine *machine,
                                       struct err *err);
/* Run some lines of Python there; `ret` NULL: what they print is nobody's business. `models`: a folder to be shown as jobs are shown it, or NULL.
 * ERR_UNAVAILABLE, with the last words, when they end with another status than 0. */
MUST_CHECK enum err_code trial_ask(const char *state, const struct machine *machine,
                                   const char *models, const char *python, struct buf *ret,
                                   struct err *err);

#endif
