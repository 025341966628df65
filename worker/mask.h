/* worker/mask.h: the values of a job's secret variables, replaced by *** in what it writes.
 *
 * Secret:  a variable whose name has KEY, TOKEN, SECRET, PASS, CREDENTIAL, AUTH or PRIVATE in it, in any case, or whose value is an address with
 *          a password ("://user:pass@"), or that came sealed; of at least MASK_VALUE_MIN bytes, since shorter ones are everywhere.
 * Method:  the leftmost place, and there the longest value. What may still become a value is held back until more comes, on each stream by
 *          itself; so a value that is written in pieces is found, and nothing else waits.
 * Limits:  the value as it is: not in base64, in capitals, or in the result files. It protects from a mistake, not from the program.
 * Thread:  loop; pure memory. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_MASK_H
#define WORKER_MASK_H

#include "core/base/buf.h"
#include "worker/sandbox.h"

#define MASK_VALUE_MIN 4
#define MASK_STREAMS 2
#define MASK_TEXT "***"

struct mask;

/* `*ret_mask` is NULL when no variable is secret. Values are copied. ERR_NOMEM. */
MUST_CHECK enum err_code mask_create(const struct sandbox_variable *variables, size_t count,
                                     struct mask **ret_mask, struct err *err);
void mask_destroy(struct mask *mask); /* accepts NULL; wipes the values */
/* `emit` gets what may be shown, in pieces, borrowed for the call. */
void mask_feed(struct mask *mask, unsigned stream, struct bytes bytes,
               void (*emit)(void *ctx, unsigned stream, struct bytes bytes), void *ctx);
/* The stream has ended: what was held back is no value's beginning any more. */
void mask_finish(struct mask *mask, unsigned stream,
                 void (*emit)(void *ctx, unsigned stream, struct bytes bytes), void *ctx);

#endif
