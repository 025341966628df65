// SPDX-License-Identifier: Apache-2.0
#include "api/keys.h"

#include "core/base/file.h"
#include "core/base/rng.h"
#include "core/crypto/sealed.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASSPHRASE_MAX 1024

void server_keys_generate(struct server_keys *ret)
{
    size_t letters = 0;
    rng_bytes(ret->checkpoint_seed, sizeof ret->checkpoint_seed);
    while (letters < QUBIC_SEED_SIZE) {
        uint8_t byte;
        rng_bytes(&byte, 1);
        if (byte < 234) { /* 9 × 26: below it, byte mod 26 favours no letter */
            ret->operator_seed[letters++] = (char)('a' + byte % 26);
        }
    }
}

void server_keys_wipe(struct server_keys *keys)
{
    explicit_bzero(keys, sizeof *keys);
}

enum err_code server_keys_save(const struct server_keys *keys, const char *path,
                               struct bytes passphrase, struct err *err)
{
    struct buf sealed;
    if (access(path, F_OK) == 0) {
        return err_set(err, ERR_CONFLICT, "%s exists: keys are never replaced", path);
    }
    buf_init(&sealed, 8192);
    enum err_code code = sealed_create(bytes_of(keys, sizeof *keys), passphrase, &sealed, err);
    if (code == ERR_OK) {
        code = file_write_atomic(path, buf_bytes(&sealed), 0600, err);
    }
    buf_deinit(&sealed);
    return code;
}

enum err_code server_keys_load(const char *path, struct bytes passphrase, struct server_keys *ret,
                               struct err *err)
{
    struct buf sealed;
    struct buf opened;
    buf_init(&sealed, 8192);
    buf_init(&opened, 8192);
    enum err_code code = file_read(path, &sealed, err);
    if (code == ERR_OK) {
        code = sealed_open(buf_bytes(&sealed), passphrase, &opened, err);
    }
    if (code == ERR_OK && opened.size != sizeof *ret) {
        code = err_set(err, ERR_CORRUPT, "%s does not hold a server's keys", path);
    }
    if (code == ERR_OK) {
        memcpy(ret, opened.data, sizeof *ret);
    }
    sealed_wipe(&opened);
    buf_deinit(&sealed);
    return code;
}

enum err_code passphrase_read(const char *path, struct buf *ret, struct err *err)
{
    struct stat info;
    buf_init(ret, PASSPHRASE_MAX); /* first: the caller wipes it whatever happens */
    if (stat(path, &info) == 0 && (info.st_mode & 077) != 0) {
        return err_set(err, ERR_DENIED, "%s can be read by others; chmod 600 it", path);
    }
    enum err_code code = file_read(path, ret, err);
    if (code == ERR_OK && ret->size > 0) {
        const uint8_t *end = memchr(ret->data, '\n', ret->size);
        ret->size = end == NULL ? ret->size : (size_t)(end - ret->data);
    }
    if (code == ERR_OK && ret->size == 0) {
        code = err_set(err, ERR_INVALID, "%s has no passphrase on its first line", path);
    }
    return code;
}
