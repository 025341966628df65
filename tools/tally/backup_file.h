/* tools/tally/backup_file.h: one file copied, so that its name stands for whole and synced content.
 *
 * Errors:  ERR_NOT_FOUND: there is no `from`. ERR_CORRUPT: its content is not what `digest` says; nothing is left. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_BACKUP_FILE_H
#define TOOLS_TALLY_BACKUP_FILE_H

#include "core/base/err.h"
#include "core/base/id.h"

/* `digest`: SHA-256 of the content, or NULL. `to` is replaced if it is there. */
MUST_CHECK enum err_code backup_copy_file(const char *from, const char *to,
                                          const struct key32 *digest, uint64_t *ret_size,
                                          struct err *err);

#endif
