// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/wallet.h"

#include "core/base/file.h"
#include "core/base/rng.h"
#include "core/base/text.h"
#include "core/crypto/sealed.h"
#include "tools/tally/passphrase.h"

#include <jansson.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#define FORMAT "tallystick wallet 1"
#define FILE_SIZE_MAX 16384

void wallet_new_seed(char ret_seed[QUBIC_SEED_SIZE])
{
    for (size_t i = 0; i < QUBIC_SEED_SIZE;) {
        uint8_t byte;
        rng_bytes(&byte, 1);
        if (byte < 26 * 9) { /* the largest multiple of 26 in a byte */
            ret_seed[i++] = (char)('a' + byte % 26);
        }
    }
}

enum err_code wallet_create(const char *path, struct bytes seed, struct bytes passphrase,
                            struct key32 *ret_identity, struct err *err)
{
    struct qubic_keys keys;
    struct buf sealed;
    struct buf text;
    char identity[QUBIC_IDENTITY_TEXT_SIZE];
    if (access(path, F_OK) == 0) {
        return err_set(err, ERR_CONFLICT, "%s is there already; a wallet is never written over",
                       path);
    }
    enum err_code code = qubic_keys_from_seed(seed, &keys, err);
    if (code != ERR_OK) {
        return code;
    }
    *ret_identity = keys.public_key;
    qubic_keys_wipe(&keys);
    qubic_identity_format(ret_identity, identity);
    buf_init(&sealed, FILE_SIZE_MAX);
    buf_init(&text, FILE_SIZE_MAX);
    code = sealed_create(seed, passphrase, &sealed, err);
    if (code == ERR_OK) {
        buf_printf(&text, "{\"format\":\"" FORMAT "\",\"identity\":\"%s\",\"sealed\":\"", identity);
        base64_append(&text, buf_bytes(&sealed));
        buf_append_text(&text, "\"}\n");
        code = buf_check(&text, err);
    }
    if (code == ERR_OK) {
        code = file_write_atomic(path, buf_bytes(&text), 0600, err);
    }
    buf_deinit(&text);
    buf_deinit(&sealed);
    return code;
}

/* `ret_sealed` may be NULL. */
static enum err_code read_wallet(const char *path, char ret_identity[QUBIC_IDENTITY_TEXT_SIZE],
                                 struct buf *ret_sealed, struct err *err)
{
    struct buf text;
    struct key32 key;
    const char *format = "";
    const char *identity = "";
    const char *sealed = "";
    buf_init(&text, FILE_SIZE_MAX);
    enum err_code code = file_read(path, &text, err);
    json_t *json = code == ERR_OK ? json_loadb((const char *)text.data, text.size, 0, NULL) : NULL;
    if (code == ERR_OK && (json_unpack(json, "{s:s,s:s,s:s}", "format", &format, "identity",
                                       &identity, "sealed", &sealed) != 0 ||
                           strcmp(format, FORMAT) != 0 ||
                           qubic_identity_parse(bytes_of_text(identity), &key, NULL) != ERR_OK)) {
        code = err_set(err, ERR_CORRUPT, "%s is not a wallet of format \"" FORMAT "\"", path);
    }
    if (code == ERR_OK) {
        memcpy(ret_identity, identity, QUBIC_IDENTITY_TEXT_SIZE);
    }
    if (code == ERR_OK && ret_sealed != NULL) {
        code = base64_decode(bytes_of_text(sealed), ret_sealed, err);
    }
    json_decref(json);
    buf_deinit(&text);
    return code;
}

enum err_code wallet_identity(const char *path, char ret_identity[QUBIC_IDENTITY_TEXT_SIZE],
                              struct err *err)
{
    return read_wallet(path, ret_identity, NULL, err);
}

enum err_code wallet_seed(const char *path, struct bytes passphrase, struct buf *ret,
                          struct err *err)
{
    char identity[QUBIC_IDENTITY_TEXT_SIZE];
    char found[QUBIC_IDENTITY_TEXT_SIZE];
    struct buf sealed;
    struct qubic_keys keys;
    buf_init(&sealed, FILE_SIZE_MAX);
    enum err_code code = read_wallet(path, identity, &sealed, err);
    if (code == ERR_OK) {
        code = sealed_open(buf_bytes(&sealed), passphrase, ret, err);
        if (code != ERR_OK) {
            err_context(err, "%s", path);
        }
    }
    if (code == ERR_OK) {
        code = qubic_keys_from_seed(buf_bytes(ret), &keys, err);
    }
    if (code == ERR_OK) {
        qubic_identity_format(&keys.public_key, found);
        qubic_keys_wipe(&keys);
        if (strcmp(found, identity) != 0) {
            code = err_set(err, ERR_CORRUPT, "%s says %s, but its seed is of %s", path, identity,
                           found);
        }
    }
    buf_deinit(&sealed);
    return code;
}

enum err_code wallet_open(const char *path, const char *passphrase_file, struct qubic_keys *ret,
                          struct err *err)
{
    struct buf passphrase;
    struct buf seed;
    buf_init(&seed, SEALED_SECRET_MAX);
    enum err_code code = passphrase_ask(passphrase_file, false, &passphrase, err);
    if (code == ERR_OK) {
        code = wallet_seed(path, buf_bytes(&passphrase), &seed, err);
    }
    if (code == ERR_OK) {
        code = qubic_keys_from_seed(buf_bytes(&seed), ret, err);
    }
    sealed_wipe(&seed);
    sealed_wipe(&passphrase);
    return code;
}
