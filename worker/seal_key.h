/* worker/seal_key.h: the key to which consumers seal their secrets, in DIR/seal.key: 64 hex digits and a line's end, owner only.
 *
 * Shared:  by all machines of a provider that are to take over each other's jobs: the provider copies the file (enrol --seal-key FILE). The server
 *          knows the public part alone, from the enrolment.
 * Thread:  main. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_SEAL_KEY_H
#define WORKER_SEAL_KEY_H

#include "core/crypto/box.h"

/* ERR_NOT_FOUND: a machine that was enrolled before there were such keys; ERR_CORRUPT. */
MUST_CHECK enum err_code seal_key_load(const char *folder, struct box_key *ret, struct err *err);
/* The one there is, the one in the file `from`, or a new one. ERR_CONFLICT: `from` is another than the one there is. */
MUST_CHECK enum err_code seal_key_ensure(const char *folder, const char *from, struct box_key *ret,
                                         struct err *err);

#endif
