/* core/crypto/k12.h: KangarooTwelve (KT128), the hash of the Qubic network.
 *
 * Shape:   any input length, any output length; a shorter output is a prefix of a longer one. Qubic always
 *          uses the empty customization string; `k12_finish` takes another one only for the RFC's vectors.
 * Memory:  constant, about 450 bytes, however long the input; nothing is allocated.
 * Thread:  any; one state belongs to one thread at a time.
 * Secrets: `k12_final` and `k12_hash` wipe the state; after `k12_squeeze` call `k12_wipe` yourself.
 * Source:  RFC 9861 (KT128); Keccak-p[1600, 12] of FIPS 202. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_CRYPTO_K12_H
#define CORE_CRYPTO_K12_H

#include "core/base/bytes.h"
#include "core/base/id.h"

struct k12_sponge {
    uint64_t lanes[25];
    size_t fill; /* bytes absorbed into, or squeezed from, the current block */
};

struct k12 {
    struct k12_sponge trunk; /* the first chunk, then one 32-byte value for each leaf */
    struct k12_sponge leaf;  /* the chunk being read, once the first is full */
    size_t chunk_size;       /* bytes of the current chunk so far */
    uint64_t leaf_count;     /* chunks after the first, the current one included */
    bool squeezing;
};

void k12_init(struct k12 *k12);
void k12_update(struct k12 *k12, struct bytes input);
/* End of input; no update after this. */
void k12_finish(struct k12 *k12, struct bytes customization);
/* The next `size` bytes of output; after k12_finish, as often as wanted. */
void k12_squeeze(struct k12 *k12, uint8_t *ret, size_t size);
/* k12_finish with the empty customization, `size` bytes of output, k12_wipe. */
void k12_final(struct k12 *k12, uint8_t *ret, size_t size);
void k12_wipe(struct k12 *k12);

/* Whole input at once. `ret` may overlap the input. */
void k12_hash(struct bytes input, uint8_t *ret, size_t size);
struct key32 k12_digest(struct bytes input);

#endif
