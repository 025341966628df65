/* api/resumable.h: of routes/resumable.c, for whatever else comes in pieces. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_RESUMABLE_H
#define API_RESUMABLE_H

#include "api/call.h"
#include "api/partials.h"

/* Reads a PATCH's body into `partial` and answers; takes the call. `of_running_job`: taken also while consumers are refused. */
void resumable_read_piece(struct call *call, struct partial *partial, bool of_running_job);
/* Whether the ledger takes writes at all. False: the problem was sent. */
bool resumable_is_writable(struct call *call);

#endif
