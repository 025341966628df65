// SPDX-License-Identifier: Apache-2.0
#include "core/log/room.h"

#include "core/log/lmdb_err.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#define AHEAD ((uint64_t)4 << 20)
/* More than a transaction on the views writes: its rows are at most 48 MiB (core/log/views.c), replay's 20,000 events less. */
#define LARGE ((uint64_t)64 << 20)

/* Filled at a time. The commit after it syncs that much more: less often is more at once. */
#define FILL ((uint64_t)1 << 20)
#define ZEROS ((size_t)16 << 10)
#define PIECES (FILL / ZEROS)

/* 0, or an errno. */
static int allocate(int fd, uint64_t size)
{
    int rc;
    do {
        rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size);
    } while (rc != 0 && errno == EINTR);
    return rc == 0 ? 0 : errno;
}

/* Bytes in use, and the file; LMDB's code. */
static int used(MDB_env *env, uint64_t *ret_bytes, int *ret_fd)
{
    MDB_envinfo info;
    MDB_stat stat;
    int rc = mdb_env_info(env, &info);
    if (rc == 0) {
        rc = mdb_env_stat(env, &stat);
    }
    if (rc == 0) {
        rc = mdb_env_get_fd(env, ret_fd);
    }
    if (rc == 0) {
        *ret_bytes = (info.me_last_pgno + 1) * stat.ms_psize;
    }
    return rc;
}

bool room_is_short(MDB_env *env)
{
    struct statvfs disk;
    uint64_t bytes = 0;
    int fd = -1;
    if (used(env, &bytes, &fd) != 0) {
        return false;
    }
    int const error = allocate(fd, bytes + LARGE);
    if (error == 0 || error == ENOSPC || error == EDQUOT) {
        return error != 0;
    }
    return fstatvfs(fd, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize < LARGE;
}

/* The place on the disk. */
static enum err_code take(struct room *room, int fd, uint64_t needed, struct err *err)
{
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

/* Zeros up to `end`, from where nothing was ever written: behind the last page that LMDB has used, and behind the file's end. */
static enum err_code fill(struct room *room, int fd, uint64_t in_use, uint64_t end, struct err *err)
{
    static uint8_t zeros[ZEROS];
    struct iovec pieces[PIECES];
    struct stat file;
    if (room->filled == 0) {
        if (fstat(fd, &file) != 0) {
            return err_set_errno(err, errno, "look at the file's length");
        }
        room->filled = (uint64_t)file.st_size;
    }
    uint64_t from = room->filled > in_use ? room->filled : in_use;
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = (struct iovec){zeros, sizeof zeros};
    }
    while (from + ZEROS <= end) { /* what is short of that is not worth more */
        uint64_t const left = (end - from) / ZEROS;
        ssize_t const put = pwritev(fd, pieces, (int)(left < PIECES ? left : PIECES), (off_t)from);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return err_set_errno(err, errno, "fill the file ahead of use");
        }
        from += (uint64_t)put;
    }
    room->filled = from;
    return ERR_OK;
}

enum err_code room_keep(struct room *room, MDB_env *env, uint64_t bytes, struct err *err)
{
    uint64_t in_use = 0;
    int fd = -1;
    int rc = used(env, &in_use, &fd);
    if (rc != 0) {
        return err_from_mdb(err, rc, "look for room");
    }
    uint64_t const needed = in_use + bytes;
    if (needed > room->kept) {
        enum err_code code = take(room, fd, needed, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (!room->is_synced || needed <= room->filled || room->kept == UINT64_MAX) {
        return ERR_OK;
    }
    uint64_t const end = needed + FILL;
    return fill(room, fd, in_use, end < room->kept ? end : room->kept, err);
}
