/* core/base/file.h: whole small files, written so that a crash leaves the old or the new content.
 *
 * Errors:  ERR_NOT_FOUND, ERR_TOO_LARGE, ERR_FULL, ERR_IO; the path is in the message. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_FILE_H
#define CORE_BASE_FILE_H

#include "core/base/buf.h"
#include "core/base/err.h"

#include <sys/types.h>

/* Append the whole file to `ret` (its size_max is the limit). */
MUST_CHECK enum err_code file_read(const char *path, struct buf *ret, struct err *err);
/* Temporary file, fsync, rename, fsync of the folder. Owner-only modes (0600) for anything secret. */
MUST_CHECK enum err_code file_write_atomic(const char *path, struct bytes content, mode_t mode,
                                           struct err *err);
/* The file `path`, made with `mode` if there is none (0: it must be there), locked for this process alone until `ret_fd` is closed, however the process
 * ends. ERR_BUSY: another one has it; `in_use` says in the message what that means. */
MUST_CHECK enum err_code file_lock(const char *path, mode_t mode, const char *in_use, int *ret_fd,
                                   struct err *err);
/* The folder and its parents, each with a durable name when it is made; an existing folder is fine. */
MUST_CHECK enum err_code dir_create(const char *path, mode_t mode, struct err *err);
MUST_CHECK enum err_code dir_sync(const char *path, struct err *err);
/* fsync the folder that holds `path`, so that a created or renamed name survives power loss. */
MUST_CHECK enum err_code dir_sync_of(const char *path, struct err *err);
/* `folder/name` into `ret`; ERR_TOO_LARGE if it does not fit. */
MUST_CHECK enum err_code path_join(char *ret, size_t ret_size, const char *folder, const char *name,
                                   struct err *err);

#endif
