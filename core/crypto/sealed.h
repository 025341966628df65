/* core/crypto/sealed.h: a secret at rest, under a passphrase.
 *
 * Shape:   "TLYS" ‖ version 1 ‖ 3 zero bytes ‖ Argon2id operations u64 ‖ Argon2id memory in bytes u64 ‖ salt (16) ‖ nonce (24) ‖
 *          XSalsa20-Poly1305 box (16 + secret), integers big-endian.
 * Cost:    one opening takes 64 MiB and about 0.1 s by default; the file says its own cost, within limits.
 * Errors:  ERR_DENIED: wrong passphrase, or the file was changed (the two cannot be told apart). ERR_CORRUPT: not such a file.
 * Source:  libsodium crypto_pwhash (Argon2id), crypto_secretbox. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_CRYPTO_SEALED_H
#define CORE_CRYPTO_SEALED_H

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/err.h"

#define SEALED_SECRET_MAX 4096

MUST_CHECK enum err_code sealed_create(struct bytes secret, struct bytes passphrase,
                                       struct buf *ret, struct err *err);
/* Append the secret; wipe it after use (sealed_wipe). */
MUST_CHECK enum err_code sealed_open(struct bytes sealed, struct bytes passphrase, struct buf *ret,
                                     struct err *err);
#define SEALED_PASSPHRASE_MAX 1024

/* An empty buffer for a passphrase: never moved, so that sealed_wipe finds all of it. */
void sealed_passphrase_init(struct buf *ret);
/* First line of the file, without its newline; `ret` is set whatever happens, wipe it (sealed_wipe). ERR_DENIED if others may
 * read the file, ERR_INVALID if the line is empty. */
MUST_CHECK enum err_code sealed_passphrase_read(const char *path, struct buf *ret, struct err *err);
/* Zero the memory of a buffer that held a secret, and free it. */
void sealed_wipe(struct buf *buf);

#endif
