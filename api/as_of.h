/* api/as_of.h: a job and what belongs to it as they stood after an event: ?as_of=N on what is otherwise the present view (docs/decisions/0020).
 *
 *     as_of_answer_job ─┬─ aside.h: job_past, on short snapshots ─┬─ loop: render ─ reply
 *                       └─ without as_of ─────────────────────────┘
 *
 * Who:     the same as may see it now, decided by what is there now.
 * Cost:    JOB_PAST_EVENTS_MAX events each.
 * Thread:  the loop's. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_AS_OF_H
#define API_AS_OF_H

#include "api/call.h"

/* `as_of`; 0 without it. false: the problem was sent. */
MUST_CHECK bool as_of_read(struct call *call, uint64_t *ret);
/* Whether the snapshot goes as far, and the thing, which began with event `since`, was there by then. false: `reading` is closed, the problem was sent. */
MUST_CHECK bool as_of_check(struct reading *reading, uint64_t as_of, uint64_t since);

/* The answer. `then` has the job's rows as of then, and none but those of jobs.h, state_escrow, state_ledger and state_job; `now` has all, `job` among them.
 * `as_of` 0: both are the same. NULL: it was not there yet. */
typedef json_t *as_of_render(struct reading *then, struct reading *now, const struct job_row *job,
                             uint64_t as_of);
/* Takes the call: the job of its path as it is, or with ?as_of= as it was. */
void as_of_answer_job(struct call *call, as_of_render *render);

#endif
