/* core/log/lmdb_copy.h: an environment's file as it is now, compacted, in another place.
 *
 * Shape:   one snapshot; written as <path>.new, synced, renamed, so `path` is the old copy or the new one. Writers go on meanwhile, and free no page.
 * Thread:  any, but never two for one path.
 * Errors:  ERR_FULL: no room, the copy before it stays. ERR_CORRUPT, ERR_IO. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LOG_LMDB_COPY_H
#define CORE_LOG_LMDB_COPY_H

#include "core/base/err.h"

#include <lmdb.h>

MUST_CHECK enum err_code lmdb_copy_write(MDB_env *env, const char *path, struct err *err);

#endif
