/* api/restore.h: `tallyd restore`: says on standard output what was lost and what is open, and if it may, goes on as a new generation.
 * Here and not in `tally`, because a generation begins with a checkpoint that only the server's key signs. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_RESTORE_H
#define API_RESTORE_H

#include "core/ledger/ledger.h"

/* `ledger` was opened without a writer. `write`: do it. ERR_CONFLICT: there is nothing to restore. */
MUST_CHECK enum err_code restore_ledger(struct ledger *ledger, bool write, struct err *err);

#endif
