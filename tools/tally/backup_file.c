// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/backup_file.h"

#include "core/base/file.h"
#include "core/crypto/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK ((size_t)1 << 20)

static enum err_code write_chunk(int fd, struct bytes chunk, const char *path, struct err *err)
{
    while (chunk.size > 0) {
        ssize_t written = write(fd, chunk.data, chunk.size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return err_set_errno(err, errno, "write %s", path);
        }
        chunk = bytes_from(chunk, (size_t)written);
    }
    return ERR_OK;
}

static enum err_code pour(int from, int to, struct sha256 *hash, uint8_t *chunk, const char *path,
                          uint64_t *ret_size, struct err *err)
{
    for (*ret_size = 0;;) {
        ssize_t got = read(from, chunk, CHUNK);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got == 0 ? ERR_OK : err_set_errno(err, errno, "read what becomes %s", path);
        }
        struct bytes bytes = bytes_of(chunk, (size_t)got);
        sha256_update(hash, bytes);
        *ret_size += bytes.size;
        enum err_code code = write_chunk(to, bytes, path, err);
        if (code != ERR_OK) {
            return code;
        }
    }
}

/* Everything of `from` into the new file `fresh`, synced. */
static enum err_code copy_whole(int from, const char *fresh, const struct key32 *digest,
                                uint64_t *ret_size, struct err *err)
{
    struct sha256 *hash = sha256_create();
    uint8_t *chunk = malloc(CHUNK);
    int fd = -1;
    enum err_code code = hash == NULL || chunk == NULL
                             ? err_set(err, ERR_NOMEM, "no memory to copy a file")
                             : ERR_OK;
    if (code == ERR_OK) {
        fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        code = fd < 0 ? err_set_errno(err, errno, "create %s", fresh)
                      : pour(from, fd, hash, chunk, fresh, ret_size, err);
    }
    if (code == ERR_OK && digest != NULL) {
        struct key32 is = sha256_final(hash);
        if (memcmp(is.b, digest->b, sizeof is.b) != 0) {
            code = err_set(err, ERR_CORRUPT, "its content is not the one it is named by");
        }
    }
    if (code == ERR_OK && fsync(fd) != 0) {
        code = err_set_errno(err, errno, "fsync %s", fresh);
    }
    if (fd >= 0 && close(fd) != 0 && code == ERR_OK) {
        code = err_set_errno(err, errno, "close %s", fresh);
    }
    free(chunk);
    sha256_destroy(hash);
    return code;
}

enum err_code backup_copy_file(const char *from, const char *to, const struct key32 *digest,
                               uint64_t *ret_size, struct err *err)
{
    char fresh[PATH_MAX];
    int size = snprintf(fresh, sizeof fresh, "%s.new", to);
    if (size < 0 || (size_t)size >= sizeof fresh) {
        return err_set(err, ERR_TOO_LARGE, "path too long: %s", to);
    }
    int fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return err_set_errno(err, errno, "open %s", from);
    }
    enum err_code code = copy_whole(fd, fresh, digest, ret_size, err);
    (void)close(fd);
    if (code == ERR_OK && rename(fresh, to) != 0) {
        code = err_set_errno(err, errno, "rename to %s", to);
    }
    if (code != ERR_OK) {
        (void)unlink(fresh);
        err_context(err, "%s", from);
        return code;
    }
    return dir_sync_of(to, err);
}
