// SPDX-License-Identifier: Apache-2.0
#include "worker/seal_key.h"

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/crypto/sealed.h"

#include <limits.h>
#include <string.h>

#define TEXT_MAX 128

static enum err_code read_key(const char *path, struct box_key *ret, struct err *err)
{
    struct buf text;
    uint8_t secret[BOX_SECRET_SIZE];
    buf_init(&text, TEXT_MAX);
    enum err_code code = file_read(path, &text, err);
    if (code == ERR_OK) {
        size_t const size = strcspn(buf_text(&text), " \r\n");
        code = hex_decode(bytes_of(text.data, size), secret, sizeof secret, NULL);
        code =
            code == ERR_OK ? ERR_OK : err_set(err, ERR_CORRUPT, "%s: expected 64 hex digits", path);
    }
    if (code == ERR_OK) {
        box_key_from_secret(secret, ret);
    }
    explicit_bzero(secret, sizeof secret);
    sealed_wipe(&text);
    return code;
}

static enum err_code write_key(const char *path, const struct box_key *key, struct err *err)
{
    char text[BOX_SECRET_SIZE * 2 + 2];
    hex_encode(bytes_of(key->secret, sizeof key->secret), text);
    text[BOX_SECRET_SIZE * 2] = '\n';
    text[BOX_SECRET_SIZE * 2 + 1] = 0;
    enum err_code const code = file_write_atomic(path, bytes_of_text(text), 0600, err);
    explicit_bzero(text, sizeof text);
    return code;
}

enum err_code seal_key_load(const char *folder, struct box_key *ret, struct err *err)
{
    char path[PATH_MAX];
    enum err_code const code = path_join(path, sizeof path, folder, "seal.key", err);
    return code == ERR_OK ? read_key(path, ret, err) : code;
}

enum err_code seal_key_ensure(const char *folder, const char *from, struct box_key *ret,
                              struct err *err)
{
    char path[PATH_MAX];
    struct box_key given = {0};
    enum err_code code = path_join(path, sizeof path, folder, "seal.key", err);
    if (code == ERR_OK && from != NULL) {
        code = read_key(from, &given, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    code = read_key(path, ret, err);
    if (code == ERR_OK && from != NULL && !key_equal(given.public_key, ret->public_key)) {
        code = err_set(err, ERR_CONFLICT, "%s holds another key than %s already", path, from);
    } else if (code == ERR_NOT_FOUND) {
        *ret = given;
        if (from == NULL) {
            box_key_create(ret);
        }
        code = write_key(path, ret, err);
    }
    box_key_wipe(&given);
    return code;
}
