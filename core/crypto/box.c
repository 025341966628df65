// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/box.h"

#include "core/base/invariant.h"

#include <sodium.h>
#include <string.h>

_Static_assert(crypto_box_SEALBYTES == BOX_OVERHEAD, "as the header says");
_Static_assert(crypto_box_SECRETKEYBYTES == BOX_SECRET_SIZE, "as the header says");
_Static_assert(crypto_box_PUBLICKEYBYTES == sizeof(struct key32), "a public key is a key32");

void box_key_create(struct box_key *ret)
{
    INVARIANT(sodium_init() >= 0);
    INVARIANT(crypto_box_keypair(ret->public_key.b, ret->secret) == 0);
}

void box_key_from_secret(const uint8_t secret[BOX_SECRET_SIZE], struct box_key *ret)
{
    INVARIANT(sodium_init() >= 0);
    memcpy(ret->secret, secret, BOX_SECRET_SIZE);
    INVARIANT(crypto_scalarmult_base(ret->public_key.b, ret->secret) == 0);
}

void box_key_wipe(struct box_key *key)
{
    sodium_memzero(key, sizeof *key);
}

enum err_code box_seal(struct key32 public_key, struct bytes message, struct buf *ret,
                       struct err *err)
{
    INVARIANT(sodium_init() >= 0);
    size_t const before = ret->size;
    for (size_t i = 0; i < message.size + BOX_OVERHEAD; i++) {
        buf_append_byte(ret, 0);
    }
    enum err_code const code = buf_check(ret, err);
    if (code == ERR_OK &&
        crypto_box_seal(ret->data + before, message.data, message.size, public_key.b) != 0) {
        return err_set(err, ERR_INVALID, "nothing can be sealed to this key");
    }
    return code;
}

enum err_code box_open(const struct box_key *key, struct bytes sealed, struct buf *ret,
                       struct err *err)
{
    INVARIANT(sodium_init() >= 0);
    size_t const before = ret->size;
    if (sealed.size < BOX_OVERHEAD) {
        return err_set(err, ERR_DENIED, "too short to be sealed");
    }
    for (size_t i = 0; i < sealed.size - BOX_OVERHEAD; i++) {
        buf_append_byte(ret, 0);
    }
    uint8_t nothing[1];
    enum err_code const code = buf_check(ret, err);
    uint8_t *to = sealed.size == BOX_OVERHEAD ? nothing : ret->data + before;
    if (code == ERR_OK &&
        crypto_box_seal_open(to, sealed.data, sealed.size, key->public_key.b, key->secret) != 0) {
        return err_set(err, ERR_DENIED, "sealed to another key, or changed");
    }
    return code;
}
