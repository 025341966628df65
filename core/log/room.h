/* core/log/room.h: disk space set aside before a commit needs it.
 *
 * LMDB writes its pages behind the end of the file as it goes. On a full disk such a write comes out short, which LMDB tells as EIO: it cannot be told from a
 * disk that fails. So the space is taken beforehand, some MiB ahead, and its lack is found before anything is written. What lies ahead is also what is left for
 * ends and settlement when others have filled the disk.
 *
 * A sync after which a file is longer, or has a block that was never written, writes the file's inode and its block map too, each with a wait of its own. So
 * the log's pages are written over zeros that are there already.
 * Thread:  the writer's.
 * Source:  Linux fallocate(2) with FALLOC_FL_KEEP_SIZE: the file does not look longer. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LOG_ROOM_H
#define CORE_LOG_ROOM_H

#include "core/base/err.h"

#include <lmdb.h>
#include <stdbool.h>
#include <stdint.h>

struct room {
    uint64_t
        kept; /* bytes of the file that have their place on the disk; UINT64_MAX: the file system cannot say */
    bool
        is_synced; /* of a file that is synced at every commit: what lies ahead is filled with zeros, a MiB at a time */
    uint64_t filled; /* bytes of the file that were written once; 0: not known yet */
};

/* After an EIO of LMDB: was it for want of room? Large transactions need more than was set aside. Only where nothing is synced: elsewhere EIO may be a sync that
 * failed. */
bool room_is_short(MDB_env *env);
/* `bytes` more than what is in use have their place. ERR_FULL: there is none. */
MUST_CHECK enum err_code room_keep(struct room *room, MDB_env *env, uint64_t bytes,
                                   struct err *err);

#endif
