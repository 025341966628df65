// SPDX-License-Identifier: Apache-2.0
#include "api/keys.h"

#include "core/base/file.h"
#include "core/base/rng.h"
#include "core/crypto/sealed.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#define SECRET_SIZE_MAX (32 + OPERATOR_KEYS_MAX * QUBIC_SEED_SIZE)
static_assert(SECRET_SIZE_MAX <= SEALED_SECRET_MAX, "all seeds fit into the sealed file");

static void generate_seed(char ret[QUBIC_SEED_SIZE])
{
    size_t letters = 0;
    while (letters < QUBIC_SEED_SIZE) {
        uint8_t byte;
        rng_bytes(&byte, 1);
        if (byte < 234) { /* 9 × 26: below it, byte mod 26 favours no letter */
            ret[letters++] = (char)('a' + byte % 26);
        }
    }
}

void server_keys_generate(struct server_keys *ret)
{
    memset(ret, 0, sizeof *ret);
    rng_bytes(ret->checkpoint_seed, sizeof ret->checkpoint_seed);
    generate_seed(ret->operator_seeds[0]);
    ret->seed_count = 1;
}

void server_keys_wipe(struct server_keys *keys)
{
    explicit_bzero(keys, sizeof *keys);
}

static enum err_code write_sealed(const struct server_keys *keys, const char *path,
                                  struct bytes passphrase, struct err *err)
{
    struct buf sealed;
    uint8_t secret[SECRET_SIZE_MAX];
    size_t seeds = keys->seed_count * QUBIC_SEED_SIZE;
    memcpy(secret, keys->checkpoint_seed, sizeof keys->checkpoint_seed);
    memcpy(secret + sizeof keys->checkpoint_seed, keys->operator_seeds, seeds);
    buf_init(&sealed, 8192);
    enum err_code code = sealed_create(bytes_of(secret, sizeof keys->checkpoint_seed + seeds),
                                       passphrase, &sealed, err);
    explicit_bzero(secret, sizeof secret);
    if (code == ERR_OK) {
        code = file_write_atomic(path, buf_bytes(&sealed), 0600, err);
    }
    buf_deinit(&sealed);
    return code;
}

enum err_code server_keys_save(const struct server_keys *keys, const char *path,
                               struct bytes passphrase, struct err *err)
{
    if (access(path, F_OK) == 0) {
        return err_set(err, ERR_CONFLICT, "%s exists: keys are never replaced", path);
    }
    return write_sealed(keys, path, passphrase, err);
}

enum err_code server_keys_add_seed(struct server_keys *keys, const char *path,
                                   struct bytes passphrase, struct err *err)
{
    struct server_keys more;
    enum err_code code = server_keys_load(path, passphrase, &more, err);
    if (code == ERR_OK && memcmp(&more, keys, sizeof more) != 0) {
        code = err_set(err, ERR_CONFLICT, "%s was changed meanwhile; try again", path);
    }
    if (code == ERR_OK && more.seed_count == OPERATOR_KEYS_MAX) {
        code = err_set(err, ERR_FULL, "%s holds %d operator seeds, which is the most it can", path,
                       OPERATOR_KEYS_MAX);
    }
    if (code == ERR_OK) {
        generate_seed(more.operator_seeds[more.seed_count++]);
        code = write_sealed(&more, path, passphrase, err);
    }
    if (code == ERR_OK) {
        *keys = more;
    }
    server_keys_wipe(&more);
    return code;
}

static bool parse(struct bytes secret, struct server_keys *ret)
{
    size_t seeds = secret.size - sizeof ret->checkpoint_seed;
    memset(ret, 0, sizeof *ret); /* compared whole */
    if (secret.size <= sizeof ret->checkpoint_seed || seeds % QUBIC_SEED_SIZE != 0 ||
        seeds > sizeof ret->operator_seeds) {
        return false;
    }
    for (size_t i = sizeof ret->checkpoint_seed; i < secret.size; i++) {
        if (secret.data[i] < 'a' || secret.data[i] > 'z') {
            return false;
        }
    }
    memcpy(ret->checkpoint_seed, secret.data, sizeof ret->checkpoint_seed);
    memcpy(ret->operator_seeds, secret.data + sizeof ret->checkpoint_seed, seeds);
    ret->seed_count = seeds / QUBIC_SEED_SIZE;
    return true;
}

enum err_code server_keys_load(const char *path, struct bytes passphrase, struct server_keys *ret,
                               struct err *err)
{
    struct buf sealed;
    struct buf opened;
    struct server_keys keys;
    buf_init(&sealed, 8192);
    buf_init(&opened, 8192);
    enum err_code code = file_read(path, &sealed, err);
    if (code == ERR_OK) {
        code = sealed_open(buf_bytes(&sealed), passphrase, &opened, err);
    }
    if (code == ERR_OK && !parse(buf_bytes(&opened), &keys)) {
        code = err_set(err, ERR_CORRUPT, "%s does not hold a server's keys", path);
    }
    if (code == ERR_OK) {
        *ret = keys;
    }
    server_keys_wipe(&keys);
    sealed_wipe(&opened);
    buf_deinit(&sealed);
    return code;
}
