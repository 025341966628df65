/* core/crypto/schnorrq.h: SchnorrQ signatures over FourQ with KangarooTwelve, exactly as the Qubic network signs
 * and accepts them since June 2026.
 *
 * Shape:   the secret is a 32-byte subseed; a signature is R (32 bytes) and S (32 bytes, little-endian, below r)
 *          over a 32-byte digest. Signing is deterministic.
 * Thread:  any.
 * Secrets: everything derived from the subseed is wiped before return, the compiler's own copies on the stack too; no
 *          branch or address depends on it (proved on the compiled code: tests/core/crypto/constant_time.c).
 * Source:  FourQlib's SchnorrQ with KangarooTwelve in place of SHA-512, and the network's extra checks. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_CRYPTO_SCHNORRQ_H
#define CORE_CRYPTO_SCHNORRQ_H

#include "core/base/id.h"

#define SCHNORRQ_SIGNATURE_SIZE 64

struct schnorrq_subseed {
    uint8_t b[32];
};

/* K12(subseed): the scalar whose multiple of the generator is the public key. Wipe it after use. */
struct key32 schnorrq_private_key(const struct schnorrq_subseed *subseed);
struct key32 schnorrq_public_key(const struct schnorrq_subseed *subseed);

/* `public_key` must be the subseed's own. */
void schnorrq_sign(const struct schnorrq_subseed *subseed, const struct key32 *public_key,
                   const struct key32 *digest, uint8_t ret_signature[SCHNORRQ_SIGNATURE_SIZE]);

/* False also for: S not below r, a key of the form of a contract address, a key that is no point of the curve or
 * has low order. With a key that has a low-order part besides its part of order r, what the network accepts is not what
 * plain arithmetic would: it is followed in both directions (fourq_verify.c). */
bool schnorrq_verify(const struct key32 *public_key, const struct key32 *digest,
                     const uint8_t signature[SCHNORRQ_SIGNATURE_SIZE]);

#endif
