// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/schnorrq.h"

#include "core/crypto/fourq.h"
#include "core/crypto/k12.h"
#include "core/crypto/wipe.h"

#include <string.h>

struct key32 schnorrq_private_key(const struct schnorrq_subseed *subseed)
{
    return k12_digest(bytes_of(subseed->b, sizeof subseed->b));
}

struct key32 schnorrq_public_key(const struct schnorrq_subseed *subseed)
{
    struct key32 private_key = schnorrq_private_key(subseed);
    struct fourq_scalar scalar;
    struct fourq_point point;
    struct key32 public_key;
    fourq_scalar_load(private_key.b, &scalar);
    fourq_mul_base(&scalar, &point);
    fourq_encode(&point, &public_key);
    wipe(&private_key, sizeof private_key);
    wipe(&scalar, sizeof scalar);
    wipe(&point, sizeof point);
    wipe_stack();
    return public_key;
}

/* The low 32 of 64 bytes of K12(first || second || third). */
static void hash_to_scalar(struct bytes first, struct bytes second, struct bytes third,
                           struct fourq_scalar *ret)
{
    struct k12 k12;
    uint8_t hash[32]; /* a prefix of the 64 bytes */
    k12_init(&k12);
    k12_update(&k12, first);
    k12_update(&k12, second);
    k12_update(&k12, third);
    k12_final(&k12, hash, sizeof hash);
    fourq_scalar_load(hash, ret);
    wipe(hash, sizeof hash);
}

static struct bytes key_bytes(const struct key32 *key)
{
    return bytes_of(key->b, sizeof key->b);
}

void schnorrq_sign(const struct schnorrq_subseed *subseed, const struct key32 *public_key,
                   const struct key32 *digest, uint8_t ret_signature[SCHNORRQ_SIGNATURE_SIZE])
{
    uint8_t keys[64]; /* the private key, then the key of the nonce */
    k12_hash(bytes_of(subseed->b, sizeof subseed->b), keys, sizeof keys);
    struct fourq_scalar private_key;
    struct fourq_scalar nonce;
    struct fourq_scalar challenge;
    struct fourq_scalar s;
    struct fourq_point point;
    struct key32 r;
    fourq_scalar_load(keys, &private_key);
    hash_to_scalar(bytes_of(keys + 32, 32), key_bytes(digest), bytes_of(NULL, 0), &nonce);
    fourq_mul_base(&nonce, &point);
    fourq_encode(&point, &r);
    hash_to_scalar(key_bytes(&r), key_bytes(public_key), key_bytes(digest), &challenge);
    fourq_scalar_sub_mul(&nonce, &private_key, &challenge, &s);
    memcpy(ret_signature, r.b, sizeof r.b);
    fourq_scalar_store(&s, ret_signature + 32);
    wipe(keys, sizeof keys);
    wipe(&private_key, sizeof private_key);
    wipe(&nonce, sizeof nonce);
    wipe(&point, sizeof point);
    wipe_stack();
}

/* Contract addresses are {index, 0, 0, 0}; they never sign. The sign bit does not count. */
static bool is_contract_like(const struct key32 *key)
{
    return (get_le64(key->b + 8) | get_le64(key->b + 16) | (get_le64(key->b + 24) << 1)) == 0;
}

bool schnorrq_verify(const struct key32 *public_key, const struct key32 *digest,
                     const uint8_t signature[SCHNORRQ_SIGNATURE_SIZE])
{
    struct fourq_scalar s;
    struct fourq_point key;
    fourq_scalar_load(signature + 32, &s);
    if ((signature[15] & 0x80) != 0 || !fourq_scalar_is_reduced_public(&s) ||
        is_contract_like(public_key) || !fourq_decode_public(public_key, &key)) {
        return false;
    }
    bool const ordinary = fourq_has_order_r_public(&key);
    if (!ordinary && fourq_has_low_order_public(&key)) {
        return false;
    }
    struct fourq_scalar challenge;
    struct fourq_point point;
    struct key32 encoded;
    hash_to_scalar(bytes_of(signature, 32), key_bytes(public_key), key_bytes(digest), &challenge);
    if (ordinary) {
        fourq_mul_double_public(&s, &challenge, &key, &point);
    } else {
        fourq_mul_double_mixed_public(&s, &challenge, &key, &point);
    }
    fourq_encode(&point, &encoded);
    return memcmp(encoded.b, signature, sizeof encoded.b) == 0;
}
