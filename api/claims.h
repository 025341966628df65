/* api/claims.h: workers that wait for a job: long polls, answered as soon as a job can be theirs.
 *
 * Life:    a waiting call is in the list until it is answered, its time is up, its machine asks anew, or its peer has gone.
 * Cost:    of all claims of a machine one waits, and the writer is asked for it only when its provider's stream has grown since: what others do
 *          costs a claim that cannot be served nothing, nor it them. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_CLAIMS_H
#define API_CLAIMS_H

#include "api/api.h"

struct claims *claims_create(struct api *api);
void claims_destroy(struct claims *claims);
/* Wait until `deadline` (monotonic ns); try at once. `kinds`, `network`: as in struct command_job. Takes the call. */
void claims_wait(struct claims *claims, struct call *call, int64_t deadline, uint64_t kinds,
                 bool network);
/* The log has grown: perhaps there is a job now. */
void claims_retry(struct claims *claims);
/* Answer 204 to those whose time is up. */
void claims_expire(struct claims *claims);
/* Answer 204 to all: the server is stopping. */
void claims_release(struct claims *claims);
bool claims_has_host(const struct claims *claims, struct id16 host_id);

#endif
