/* api/job_answers.h: GET /v1/jobs/{id}, without making the same answer again.
 *
 * Kept:    of JOB_ANSWERS_MAX jobs at most, the answer for those who may see its private parts and the one for those who may not, each of less than
 *          ENCODING_GZIP_MIN bytes, beside every row that it was made of.
 * Fresh:   an answer is given while nothing was committed to the views since it was known to be right (views_changes), or when the job's rows, read in a
 *          snapshot of now, are byte for byte those that it was made of. What depends on more than rows is never kept: while a transaction is on
 *          its way, its answer tells how long that takes by the chain's clock. Private parts are of records, which never change; who
 *          erases them says so (job_answers_forget).
 * Who:     looked at for each caller, before anything is taken from here.
 * Thread:  the loop's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_JOB_ANSWERS_H
#define API_JOB_ANSWERS_H

#include "api/call.h"

#define JOB_ANSWERS_MAX 1024

struct job_answers;

struct job_answers *job_answers_create(void);
void job_answers_destroy(struct job_answers *answers);

/* What is kept of this job, if anything is. */
void job_answers_forget(struct job_answers *answers, struct id16 job_id);

/* Answer the call with the job of its path as it is now; 404 if it does not concern the caller. */
void job_answers_reply(struct call *call);

#endif
