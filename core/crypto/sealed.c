// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/sealed.h"

#include "core/base/file.h"

#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#define HEADER_SIZE (8 + 8 + 8)
#define SALT_AT HEADER_SIZE
#define NONCE_AT (SALT_AT + crypto_pwhash_SALTBYTES)
#define BOX_AT (NONCE_AT + crypto_secretbox_NONCEBYTES)
#define OPERATIONS_MAX 64
#define MEMORY_MAX ((uint64_t)1 << 30)

static const uint8_t MAGIC[8] = {'T', 'L', 'Y', 'S', 1, 0, 0, 0};

static enum err_code derive(struct bytes passphrase, const uint8_t *salt, uint64_t operations,
                            uint64_t memory, uint8_t ret_key[crypto_secretbox_KEYBYTES],
                            struct err *err)
{
    if (passphrase.size == 0) {
        return err_set(err, ERR_INVALID, "the passphrase is empty");
    }
    if (sodium_init() < 0 ||
        crypto_pwhash(ret_key, crypto_secretbox_KEYBYTES, (const char *)passphrase.data,
                      passphrase.size, salt, operations, (size_t)memory,
                      crypto_pwhash_ALG_ARGON2ID13) != 0) {
        return err_set(err, ERR_NOMEM, "no memory to derive a key from the passphrase");
    }
    return ERR_OK;
}

enum err_code sealed_create(struct bytes secret, struct bytes passphrase, struct buf *ret,
                            struct err *err)
{
    uint8_t key[crypto_secretbox_KEYBYTES];
    uint8_t file[BOX_AT + crypto_secretbox_MACBYTES + SEALED_SECRET_MAX];
    if (secret.size > SEALED_SECRET_MAX) {
        return err_set(err, ERR_TOO_LARGE, "a secret has at most %d bytes", SEALED_SECRET_MAX);
    }
    memcpy(file, MAGIC, sizeof MAGIC);
    put_be64(file + 8, crypto_pwhash_OPSLIMIT_INTERACTIVE);
    put_be64(file + 16, crypto_pwhash_MEMLIMIT_INTERACTIVE);
    randombytes_buf(file + SALT_AT, BOX_AT - SALT_AT);
    enum err_code code = derive(passphrase, file + SALT_AT, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                crypto_pwhash_MEMLIMIT_INTERACTIVE, key, err);
    if (code == ERR_OK) {
        (void)crypto_secretbox_easy(file + BOX_AT, secret.data, secret.size, file + NONCE_AT, key);
        buf_append(ret, file, BOX_AT + crypto_secretbox_MACBYTES + secret.size);
        code = buf_check(ret, err);
    }
    sodium_memzero(key, sizeof key);
    return code;
}

enum err_code sealed_open(struct bytes sealed, struct bytes passphrase, struct buf *ret,
                          struct err *err)
{
    uint8_t key[crypto_secretbox_KEYBYTES];
    uint8_t secret[SEALED_SECRET_MAX];
    if (sealed.size < BOX_AT + crypto_secretbox_MACBYTES ||
        sealed.size > BOX_AT + crypto_secretbox_MACBYTES + SEALED_SECRET_MAX ||
        memcmp(sealed.data, MAGIC, sizeof MAGIC) != 0) {
        return err_set(err, ERR_CORRUPT, "not a sealed file");
    }
    uint64_t operations = get_be64(sealed.data + 8);
    uint64_t memory = get_be64(sealed.data + 16);
    if (operations < crypto_pwhash_OPSLIMIT_MIN || operations > OPERATIONS_MAX ||
        memory < crypto_pwhash_MEMLIMIT_MIN || memory > MEMORY_MAX || memory % 1024 != 0) {
        return err_set(err, ERR_CORRUPT, "a sealed file that asks for too much work");
    }
    enum err_code code = derive(passphrase, sealed.data + SALT_AT, operations, memory, key, err);
    if (code == ERR_OK) {
        size_t box_size = sealed.size - BOX_AT;
        if (crypto_secretbox_open_easy(secret, sealed.data + BOX_AT, box_size,
                                       sealed.data + NONCE_AT, key) != 0) {
            code = err_set(err, ERR_DENIED, "wrong passphrase, or the file was changed");
        } else {
            buf_append(ret, secret, box_size - crypto_secretbox_MACBYTES);
            code = buf_check(ret, err);
        }
    }
    sodium_memzero(key, sizeof key);
    sodium_memzero(secret, sizeof secret);
    return code;
}

void sealed_passphrase_init(struct buf *ret)
{
    buf_init(ret, SEALED_PASSPHRASE_MAX);
    buf_reserve(ret, SEALED_PASSPHRASE_MAX);
}

enum err_code sealed_passphrase_read(const char *path, struct buf *ret, struct err *err)
{
    struct stat info;
    sealed_passphrase_init(ret);
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

void sealed_wipe(struct buf *buf)
{
    if (buf->data != NULL) {
        sodium_memzero(buf->data, buf->capacity);
    }
    buf_deinit(buf);
}
