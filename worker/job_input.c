// SPDX-License-Identifier: Apache-2.0
#include "worker/job_input.h"

#include "core/crypto/sha256.h"

#include <errno.h>
#include <unistd.h>

enum err_code job_input_digest(int fd, uint64_t size, struct key32 *ret, struct err *err)
{
    uint8_t chunk[65536];
    uint64_t done = 0;
    ssize_t got;
    struct sha256 *hash = sha256_create();
    if (hash == NULL) {
        return err_set(err, ERR_NOMEM, "no memory to hash a file");
    }
    while ((got = pread(fd, chunk, sizeof chunk, (off_t)done)) > 0) {
        sha256_update(hash, bytes_of(chunk, (size_t)got));
        done += (uint64_t)got;
    }
    int const read_errno = errno;
    struct key32 const found = sha256_final(hash);
    sha256_destroy(hash);
    if (got < 0) {
        return err_set_errno(err, read_errno, "read a file to be hashed");
    }
    if (done != size) {
        return err_set(err, ERR_CORRUPT, "the file has %llu bytes, not %llu",
                       (unsigned long long)done, (unsigned long long)size);
    }
    *ret = found;
    return ERR_OK;
}

enum err_code job_input_check(int fd, uint64_t size, const struct key32 *digest, struct err *err)
{
    struct key32 found;
    enum err_code const code = job_input_digest(fd, size, &found, err);
    if (code != ERR_OK) {
        err_context(err, "the input");
        return code;
    }
    return key_equal(found, *digest)
               ? ERR_OK
               : err_set(err, ERR_CORRUPT, "the input's SHA-256 is not what the server said");
}
