// SPDX-License-Identifier: Apache-2.0
#include "core/settlement/escrow_key.h"

#include "core/base/invariant.h"
#include "core/crypto/k12.h"

#include <string.h>

#define STREAM_SIZE 512
#define LETTERS 26
#define BYTES_FAIR 234 /* 9 × 26: below it, byte mod 26 favours no letter */

static const char ESCROW_LABEL[] = "tallystick escrow v1";
static const char ANCHOR_LABEL[] = "tallystick anchor v1";

/* `tail`: what stands behind the key id. */
static void seed_derive(const struct operator_key *operator_key, const char *label,
                        struct bytes tail, char ret_seed[QUBIC_SEED_SIZE])
{
    struct k12 k12;
    uint8_t stream[STREAM_SIZE];
    uint8_t network = (uint8_t)operator_key->network;
    uint8_t key_id[8];
    put_be64(key_id, operator_key->key_id);
    k12_init(&k12);
    k12_update(&k12, bytes_of(operator_key->seed, sizeof operator_key->seed));
    k12_update(&k12, bytes_of_text(label));
    k12_update(&k12, bytes_of(&network, 1));
    k12_update(&k12, bytes_of(operator_key->log_id.b, sizeof operator_key->log_id.b));
    k12_update(&k12, bytes_of(key_id, sizeof key_id));
    k12_update(&k12, tail);
    k12_final(&k12, stream, sizeof stream);
    size_t letters = 0;
    for (size_t i = 0; i < sizeof stream && letters < QUBIC_SEED_SIZE; i++) {
        if (stream[i] < BYTES_FAIR) {
            ret_seed[letters++] = (char)('a' + stream[i] % LETTERS);
        }
    }
    /* 458 or more of 512 bytes over the limit: less likely than any accident (below 2^-400). */
    INVARIANT(letters == QUBIC_SEED_SIZE);
    explicit_bzero(stream, sizeof stream);
}

void escrow_seed_derive(const struct operator_key *operator_key, struct id16 escrow_id,
                        char ret_seed[QUBIC_SEED_SIZE])
{
    seed_derive(operator_key, ESCROW_LABEL, bytes_of(escrow_id.b, sizeof escrow_id.b), ret_seed);
}

void escrow_keys_derive(const struct operator_key *operator_key, struct id16 escrow_id,
                        struct qubic_keys *ret)
{
    char seed[QUBIC_SEED_SIZE];
    escrow_seed_derive(operator_key, escrow_id, seed);
    INVARIANT(qubic_keys_from_seed(bytes_of(seed, sizeof seed), ret, NULL) == ERR_OK);
    explicit_bzero(seed, sizeof seed);
}

void anchor_keys_derive(const struct operator_key *operator_key, struct qubic_keys *ret)
{
    char seed[QUBIC_SEED_SIZE];
    seed_derive(operator_key, ANCHOR_LABEL, (struct bytes){0}, seed);
    INVARIANT(qubic_keys_from_seed(bytes_of(seed, sizeof seed), ret, NULL) == ERR_OK);
    explicit_bzero(seed, sizeof seed);
}

struct key32 operator_check_identity(const struct operator_key *operator_key)
{
    struct qubic_keys keys;
    escrow_keys_derive(operator_key, (struct id16){0}, &keys);
    struct key32 identity = keys.public_key;
    qubic_keys_wipe(&keys);
    return identity;
}
