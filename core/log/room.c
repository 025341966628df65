// SPDX-License-Identifier: Apache-2.0
#include "core/log/room.h"

#include "core/log/lmdb_err.h"

#include <errno.h>
#include <fcntl.h>

#define AHEAD ((uint64_t)4 << 20)

/* 0, or an errno. */
static int allocate(int fd, uint64_t size)
{
    int rc;
    do {
        rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size);
    } while (rc != 0 && errno == EINTR);
    return rc == 0 ? 0 : errno;
}

enum err_code room_keep(struct room *room, MDB_env *env, uint64_t bytes, struct err *err)
{
    MDB_envinfo info;
    MDB_stat stat;
    int fd = -1;
    int rc = mdb_env_info(env, &info);
    if (rc == 0) {
        rc = mdb_env_stat(env, &stat);
    }
    if (rc == 0) {
        rc = mdb_env_get_fd(env, &fd);
    }
    if (rc != 0) {
        return err_from_mdb(err, rc, "look for room");
    }
    uint64_t const needed = (info.me_last_pgno + 1) * stat.ms_psize + bytes;
    if (needed <= room->kept) {
        return ERR_OK;
    }
    uint64_t kept = needed + AHEAD;
    int error = allocate(fd, kept);
    if (error == ENOSPC || error == EDQUOT) {
        kept = needed;
        error = allocate(fd, kept);
    }
    if (error == ENOSPC || error == EDQUOT) {
        return err_set_origin(err, ERR_FULL, error,
                              "disk_full: there is no room on the disk; reads go on");
    }
    room->kept = error == 0 ? kept : UINT64_MAX; /* not supported there: as before */
    return ERR_OK;
}
