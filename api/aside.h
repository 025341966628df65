/* api/aside.h: what takes long to look up, away from the loop.
 *
 *     aside_do ─▶ [wait for a turn] ─▶ pool: work ─▶ loop: answer
 *
 * Cost:    ASIDE_RUNNING_MAX at a time on the thread pool, ASIDE_WAITING_MAX waiting, then 503 busy.
 * Thread:  the loop's, but for `work`. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_ASIDE_H
#define API_ASIDE_H

#include "api/call.h"

#define ASIDE_RUNNING_MAX 2
#define ASIDE_WAITING_MAX 64

/* On the pool. `state` is the call's; of `api` it uses what any thread may. */
typedef void aside_work(struct api *api, void *state);
/* On the loop, unless the request is gone by then: replies. */
typedef void aside_answer(struct call *call);

/* Takes the call: `work`, then `answer`. Whatever `work` wants is in call->state, and freed by call->on_free if by anything. */
void aside_do(struct call *call, aside_work *work, aside_answer *answer);

#endif
