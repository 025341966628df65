/* core/log/views_copy.h: <folder>.copy, from which the views are made again after a power failure, so that only what came after it is
 * replayed.
 *
 * Shape:   the environment's file, compacted; written as <folder>.copy.new, synced, renamed. Its position says where it stands, and
 *          whoever opens it holds that against the log, as with any views.
 * Errors:  ERR_FULL: no room, the copy before it stays. ERR_NOT_FOUND: there is none. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LOG_VIEWS_COPY_H
#define CORE_LOG_VIEWS_COPY_H

#include "core/base/err.h"
#include "core/log/damage.h"

#include <lmdb.h>

/* Any thread, one at a time. Holds a reader while it writes: pages freed meanwhile are not used again until it ends. */
MUST_CHECK enum err_code views_copy_write(MDB_env *env, const char *folder, struct err *err);
/* Into <folder>/data.mdb, which must not be there; after an error it is not. */
MUST_CHECK enum err_code views_copy_restore(const char *folder, struct err *err);

/* A copy that is not there is fine. */
void views_copy_remove(const char *folder);

/* The copy itself, for reading one row of it; mdb_env_close when done. `watch` lives until then. */
MUST_CHECK enum err_code views_copy_open(const char *folder, struct damage_watch *watch,
                                         MDB_env **ret, struct err *err);

/* MDB_CORRUPTED when a page that the newest transaction counts is not in the file: LMDB would be killed by reading it. */
int views_check_length(MDB_env *env);

#endif
