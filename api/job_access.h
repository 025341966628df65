/* api/job_access.h: whose job it is, for the routes that show one. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_JOB_ACCESS_H
#define API_JOB_ACCESS_H

#include "api/call.h"

#define JOB_READERS (SCOPE_CONSUMER | SCOPE_PROVIDER | SCOPE_OPERATOR | SCOPE_AUDITOR)

/* The job of the path, if it concerns the caller: its consumer, its provider, the operator, an auditor. What is another's is 404. */
bool job_is_visible(struct call *call, struct reading *reading, struct job_row *ret);
/* The same of a row that was read before. */
bool job_concerns(const struct call *call, const struct job_row *job);
/* Private parts are for the consumer and the provider of a job. */
bool job_shows_private(const struct call *call, const struct job_row *job);
/* The 404. */
void job_is_missing(struct call *call);

#endif
