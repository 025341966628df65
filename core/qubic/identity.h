/* core/qubic/identity.h: Qubic seeds, identities and transaction ids as text.
 *
 *   seed (55 letters a..z) ── K12 ──▶ subseed ── K12 ──▶ private key ── times G ──▶ public key (32 bytes)
 *   public key ──▶ identity: 4 × 14 capital letters (each 8 bytes in base 26) and 4 letters of checksum
 *
 * A transaction id is the same encoding of a 32-byte hash in lower case; one is never read as the other.
 * Errors:  ERR_INVALID says what a right text looks like; the message never holds the seed.
 * Thread:  any. Secrets: wipe `struct qubic_keys` after use.
 * Source:  Qubic core (key derivation, identity), Qubic integration guide (transaction ids). */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_QUBIC_IDENTITY_H
#define CORE_QUBIC_IDENTITY_H

#include "core/base/err.h"
#include "core/base/id.h"
#include "core/crypto/schnorrq.h"

#define QUBIC_SEED_SIZE 55
#define QUBIC_IDENTITY_SIZE 60
#define QUBIC_IDENTITY_TEXT_SIZE 61 /* with the zero; transaction ids too */

struct qubic_keys {
    struct schnorrq_subseed subseed; /* secret */
    struct key32 public_key;
};

/* Exactly 55 letters a..z. */
MUST_CHECK enum err_code qubic_keys_from_seed(struct bytes seed, struct qubic_keys *ret,
                                              struct err *err);
void qubic_keys_wipe(struct qubic_keys *keys);

void qubic_identity_format(const struct key32 *public_key, char ret_text[QUBIC_IDENTITY_TEXT_SIZE]);
/* Exactly the 60 capital letters that qubic_identity_format gives for some key: a wrong checksum and a group
 * of letters at or above 2^64 (an alias of a smaller one) are refused. Any 32 bytes may come out; whether
 * they are a key that can sign is not asked. */
MUST_CHECK enum err_code qubic_identity_parse(struct bytes text, struct key32 *ret_public_key,
                                              struct err *err);

void qubic_hash_format(const struct key32 *hash, char ret_text[QUBIC_IDENTITY_TEXT_SIZE]);
MUST_CHECK enum err_code qubic_hash_parse(struct bytes text, struct key32 *ret_hash,
                                          struct err *err);

#endif
