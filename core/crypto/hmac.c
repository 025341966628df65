// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/hmac.h"

#include "core/crypto/sha256.h"

#include <string.h>

#define BLOCK_SIZE 64

static struct key32 keyed(struct sha256 *hash, const uint8_t key[BLOCK_SIZE], uint8_t pad,
                          const struct bytes *parts, size_t count)
{
    uint8_t block[BLOCK_SIZE];
    for (size_t i = 0; i < BLOCK_SIZE; i++) {
        block[i] = key[i] ^ pad;
    }
    sha256_update(hash, bytes_of(block, sizeof block));
    explicit_bzero(block, sizeof block);
    for (size_t i = 0; i < count; i++) {
        sha256_update(hash, parts[i]);
    }
    return sha256_final(hash);
}

enum err_code hmac_sha256(struct bytes key, const struct bytes *parts, size_t count,
                          struct key32 *ret, struct err *err)
{
    uint8_t block[BLOCK_SIZE] = {0};
    struct sha256 *hash = sha256_create();
    if (hash == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a hash");
    }
    if (key.size > BLOCK_SIZE) {
        struct key32 digest = sha256_of(key);
        memcpy(block, digest.b, sizeof digest.b);
    } else if (key.size > 0) {
        memcpy(block, key.data, key.size);
    }
    struct key32 inner = keyed(hash, block, 0x36, parts, count);
    struct bytes inner_bytes = bytes_of(inner.b, sizeof inner.b);
    *ret = keyed(hash, block, 0x5c, &inner_bytes, 1);
    explicit_bzero(block, sizeof block);
    sha256_destroy(hash);
    return ERR_OK;
}
