// SPDX-License-Identifier: Apache-2.0
#include "core/log/views_copy.h"

#include "core/base/file.h"
#include "core/log/lmdb_copy.h"
#include "core/log/lmdb_err.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err_code name(char ret[PATH_MAX], const char *folder, const char *ending,
                          struct err *err)
{
    int size = snprintf(ret, PATH_MAX, "%s%s", folder, ending);
    return size < 0 || size >= PATH_MAX
               ? err_set(err, ERR_TOO_LARGE, "path too long: %s%s", folder, ending)
               : ERR_OK;
}

enum err_code views_copy_write(MDB_env *env, const char *folder, struct err *err)
{
    char path[PATH_MAX];
    enum err_code code = name(path, folder, ".copy", err);
    return code == ERR_OK ? lmdb_copy_write(env, path, err) : code;
}

/* The kernel copies, sharing the blocks where the file system can. */
static enum err_code copy_file(int from, int to, const char *path, struct err *err)
{
    struct stat stat;
    if (fstat(from, &stat) != 0) {
        return err_set_errno(err, errno, "look at %s", path);
    }
    for (off_t left = stat.st_size; left > 0;) {
        ssize_t copied = copy_file_range(from, NULL, to, NULL, (size_t)left, 0);
        if (copied < 0 && errno == EINTR) {
            continue;
        }
        if (copied <= 0) {
            return copied < 0 ? err_set_errno(err, errno, "copy %s", path)
                              : err_set(err, ERR_CORRUPT, "%s is getting shorter", path);
        }
        left -= copied;
    }
    return ERR_OK;
}

enum err_code views_copy_restore(const char *folder, struct err *err)
{
    char path[PATH_MAX];
    char data[PATH_MAX];
    enum err_code code = name(path, folder, ".copy", err);
    if (code == ERR_OK) {
        code = path_join(data, sizeof data, folder, "data.mdb", err);
    }
    if (code != ERR_OK) {
        return code;
    }
    int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "there is no %s", path)
                               : err_set_errno(err, errno, "open %s", path);
    }
    int to = open(data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) {
        code = err_set_errno(err, errno, "create %s", data);
        (void)close(from);
        return code;
    }
    code = copy_file(from, to, path, err);
    if (close(to) != 0 && code == ERR_OK) {
        code = err_set_errno(err, errno, "close %s", data);
    }
    (void)close(from);
    if (code != ERR_OK) {
        (void)unlink(data);
    }
    return code;
}

void views_copy_remove(const char *folder)
{
    char path[PATH_MAX];
    if (name(path, folder, ".copy", NULL) == ERR_OK) {
        (void)unlink(path);
    }
}

int views_check_length(MDB_env *env)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct stat file;
    int fd = -1;
    int rc = mdb_env_info(env, &info);
    if (rc == 0) {
        rc = mdb_env_stat(env, &stat);
    }
    if (rc == 0) {
        rc = mdb_env_get_fd(env, &fd);
    }
    if (rc == 0 && fstat(fd, &file) != 0) {
        rc = errno;
    }
    return rc != 0 ? rc
           : (uint64_t)file.st_size < (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize
               ? MDB_CORRUPTED
               : 0;
}

enum err_code views_copy_open(const char *folder, struct damage_watch *watch, MDB_env **ret,
                              struct err *err)
{
    char path[PATH_MAX];
    MDB_env *env = NULL;
    enum err_code code = name(path, folder, ".copy", err);
    if (code != ERR_OK) {
        return code;
    }
    int rc = mdb_env_create(&env);
    if (rc == 0) {
        rc = damage_watch(env, watch);
    }
    if (rc == 0) {
        rc = mdb_env_set_maxdbs(env, 1);
    }
    if (rc == 0) { /* nobody writes to it */
        rc = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0600);
    }
    if (rc == 0) {
        rc = views_check_length(env);
    }
    if (rc != 0) {
        mdb_env_close(env);
        return err_from_mdb(err, rc, "open the copy of the views");
    }
    *ret = env;
    return ERR_OK;
}
