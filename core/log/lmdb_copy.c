// SPDX-License-Identifier: Apache-2.0
#include "core/log/lmdb_copy.h"

#include "core/base/file.h"
#include "core/log/lmdb_err.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum err_code lmdb_copy_write(MDB_env *env, const char *path, struct err *err)
{
    char fresh[PATH_MAX];
    int size = snprintf(fresh, sizeof fresh, "%s.new", path);
    if (size < 0 || (size_t)size >= sizeof fresh) {
        return err_set(err, ERR_TOO_LARGE, "path too long: %s", path);
    }
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set_errno(err, errno, "create %s", fresh);
    }
    int rc = mdb_env_copyfd2(env, fd, MDB_CP_COMPACT);
    enum err_code code = err_from_mdb(err, rc, "copy");
    if (code != ERR_OK) {
        err_context(err, "%s", path);
    }
    if (code == ERR_OK && fsync(fd) != 0) {
        code = err_set_errno(err, errno, "fsync %s", fresh);
    }
    if (close(fd) != 0 && code == ERR_OK) {
        code = err_set_errno(err, errno, "close %s", fresh);
    }
    if (code == ERR_OK && rename(fresh, path) != 0) {
        code = err_set_errno(err, errno, "rename to %s", path);
    }
    if (code != ERR_OK) {
        (void)unlink(fresh);
        return code;
    }
    return dir_sync_of(path, err);
}
