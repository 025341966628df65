/* worker/job_diagnosis.h: why a program failed, as far as what it wrote last says so, and what its owner can do about it.
 *
 * Method:  a table of the sentences that Python, PyTorch, CUDA and our own runner end with; the one that was written last counts. A program can
 *          write any of them without cause: it gains nothing, since a failed program is not paid for whatever the reason.
 * Thread:  any; pure. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_JOB_DIAGNOSIS_H
#define WORKER_JOB_DIAGNOSIS_H

#include "core/base/bytes.h"

#include <stdbool.h>

struct job_diagnosis {
    const char *reason; /* of the API; static */
    const char *advice; /* a clause without capital or full stop; static */
};

/* `tail`: the last lines of one stream. False: nothing known is in it. */
bool job_diagnose(struct bytes tail, struct job_diagnosis *ret);
/* The advice for a reason that was found otherwise; NULL if there is none. */
const char *job_advice(const char *reason);

#endif
