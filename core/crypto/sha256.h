/* core/crypto/sha256.h: SHA-256, one shot and incremental.
 *
 * Owner:   sha256_create/destroy; a context is reusable after final and has no thread.
 * Source:  FIPS 180-4, by OpenSSL. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_CRYPTO_SHA256_H
#define CORE_CRYPTO_SHA256_H

#include "core/base/bytes.h"
#include "core/base/id.h"

struct sha256;

struct sha256 *sha256_create(void); /* NULL when out of memory */
void sha256_destroy(struct sha256 *hash);
void sha256_reset(struct sha256 *hash);
void sha256_update(struct sha256 *hash, struct bytes bytes);
struct key32 sha256_final(struct sha256 *hash); /* resets */

struct key32 sha256_of(struct bytes bytes);
/* SHA-256(a ‖ b). */
struct key32 sha256_of_two(struct bytes a, struct bytes b);

#endif
