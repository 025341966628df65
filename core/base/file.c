// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum err_code file_read(const char *path, struct buf *ret, struct err *err)
{
    enum err_code code = ERR_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_set_errno(err, errno, "open %s", path);
    }
    for (;;) {
        uint8_t chunk[16384];
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            code = err_set_errno(err, errno, "read %s", path);
            break;
        }
        if (got == 0) {
            break;
        }
        buf_append(ret, chunk, (size_t)got);
        explicit_bzero(chunk, (size_t)got); /* it may be a passphrase */
        if (ret->failed) {
            code = (size_t)got > ret->size_max - ret->size
                       ? err_set(err, ERR_TOO_LARGE, "%s is larger than %zu bytes", path,
                                 ret->size_max)
                       : err_set(err, ERR_NOMEM, "no memory to read %s", path);
            break;
        }
    }
    (void)close(fd);
    return code;
}

static enum err_code write_all(int fd, struct bytes content, const char *path, struct err *err)
{
    size_t done = 0;
    while (done < content.size) {
        ssize_t put = write(fd, content.data + done, content.size - done);
        if (put < 0) {
            if (errno == EINTR) {
                continue;
            }
            return err_set_errno(err, errno, "write %s", path);
        }
        done += (size_t)put;
    }
    if (fsync(fd) != 0) {
        return err_set_errno(err, errno, "fsync %s", path);
    }
    return ERR_OK;
}

enum err_code file_write_atomic(const char *path, struct bytes content, mode_t mode,
                                struct err *err)
{
    char temporary[PATH_MAX];
    int size = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (size < 0 || (size_t)size >= sizeof temporary) {
        return err_set(err, ERR_TOO_LARGE, "path too long: %s", path);
    }
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        return err_set_errno(err, errno, "create %s", temporary);
    }
    enum err_code code = ERR_OK;
    if (fchmod(fd, mode) != 0) {
        code = err_set_errno(err, errno, "chmod %s", temporary);
    }
    if (code == ERR_OK) {
        code = write_all(fd, content, temporary, err);
    }
    if (close(fd) != 0 && code == ERR_OK) {
        code = err_set_errno(err, errno, "close %s", temporary);
    }
    if (code == ERR_OK && rename(temporary, path) != 0) {
        code = err_set_errno(err, errno, "rename to %s", path);
    }
    if (code != ERR_OK) {
        (void)unlink(temporary);
        return code;
    }
    return dir_sync_of(path, err);
}

enum err_code file_lock(const char *path, mode_t mode, const char *in_use, int *ret_fd,
                        struct err *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | (mode != 0 ? O_CREAT : 0), mode);
    if (fd < 0) {
        return err_set_errno(err, errno, "open %s", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        enum err_code code = errno == EWOULDBLOCK
                                 ? err_set(err, ERR_BUSY, "%s is locked: %s", path, in_use)
                                 : err_set_errno(err, errno, "lock %s", path);
        (void)close(fd);
        return code;
    }
    *ret_fd = fd;
    return ERR_OK;
}

enum err_code dir_create(const char *path, mode_t mode, struct err *err)
{
    char partial[PATH_MAX];
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof partial) {
        return err_set(err, ERR_INVALID, "not a usable folder path: '%s'", path);
    }
    memcpy(partial, path, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (partial[i] != '/' && partial[i] != '\0') {
            continue;
        }
        char kept = partial[i];
        partial[i] = '\0';
        if (mkdir(partial, mode) == 0) { /* its name must outlive a power failure as its files do */
            enum err_code code = dir_sync_of(partial, err);
            if (code != ERR_OK) {
                return code;
            }
        } else if (errno != EEXIST) {
            return err_set_errno(err, errno, "create folder %s", partial);
        }
        partial[i] = kept;
    }
    struct stat info;
    if (stat(path, &info) != 0) {
        return err_set_errno(err, errno, "look at %s", path);
    }
    if (!S_ISDIR(info.st_mode)) {
        return err_set(err, ERR_INVALID, "%s is not a folder", path);
    }
    return ERR_OK;
}

enum err_code dir_sync(const char *path, struct err *err)
{
    enum err_code code = ERR_OK;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_set_errno(err, errno, "open folder %s", path);
    }
    if (fsync(fd) != 0) {
        code = err_set_errno(err, errno, "fsync folder %s", path);
    }
    (void)close(fd);
    return code;
}

enum err_code dir_sync_of(const char *path, struct err *err)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return dir_sync(".", err);
    }
    size_t size = slash == path ? 1 : (size_t)(slash - path);
    if (size >= sizeof folder) {
        return err_set(err, ERR_TOO_LARGE, "path too long: %s", path);
    }
    memcpy(folder, path, size);
    folder[size] = '\0';
    return dir_sync(folder, err);
}

enum err_code path_join(char *ret, size_t ret_size, const char *folder, const char *name,
                        struct err *err)
{
    int size = snprintf(ret, ret_size, "%s/%s", folder, name);
    if (size < 0 || (size_t)size >= ret_size) {
        return err_set(err, ERR_TOO_LARGE, "path too long: %s/%s", folder, name);
    }
    return ERR_OK;
}
