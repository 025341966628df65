/* core/crypto/box.h: messages that only the owner of a key can read, from a sender who needs no key.
 *
 * Shape:   a libsodium sealed box: an ephemeral X25519 public key (32 bytes) ‖ XSalsa20-Poly1305 box (16 + message).
 * Errors:  ERR_DENIED: sealed to another key, or changed (the two cannot be told apart).
 * Thread:  any.
 * Source:  libsodium crypto_box_seal. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_CRYPTO_BOX_H
#define CORE_CRYPTO_BOX_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/id.h"

#define BOX_SECRET_SIZE 32
#define BOX_OVERHEAD 48

struct box_key {
    uint8_t secret[BOX_SECRET_SIZE]; /* wipe with box_key_wipe */
    struct key32 public_key;
};

void box_key_create(struct box_key *ret);
void box_key_from_secret(const uint8_t secret[BOX_SECRET_SIZE], struct box_key *ret);
void box_key_wipe(struct box_key *key);
/* Appends message.size + BOX_OVERHEAD bytes. ERR_INVALID: not a key that anything can be sealed to. */
MUST_CHECK enum err_code box_seal(struct key32 public_key, struct bytes message, struct buf *ret,
                                  struct err *err);
/* Appends the message; wipe it after use. */
MUST_CHECK enum err_code box_open(const struct box_key *key, struct bytes sealed, struct buf *ret,
                                  struct err *err);

#endif
