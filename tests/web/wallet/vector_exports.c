/* What the vectors ask of the parts inside the wallet's module, and what the module itself must not offer: a digest signed, the secret
 * keys of a seed, the curve's multiplications. Linked with the module's own sources and flags into vectors.wasm. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/fourq.h"
#include "core/crypto/k12.h"
#include "core/crypto/schnorrq.h"
#include "core/qubic/identity.h"

#include <string.h>

#define EXPORT(name) __attribute__((export_name(#name))) void name

static uint8_t area[131072]; /* what goes in, then what comes out */
static struct k12 state;

__attribute__((export_name("vector_area"))) uint8_t *vector_area(void);
uint8_t *vector_area(void)
{
    return area;
}

EXPORT(vector_k12_begin)(void);
void vector_k12_begin(void)
{
    k12_init(&state);
}

EXPORT(vector_k12_update)(uint32_t size);
void vector_k12_update(uint32_t size)
{
    k12_update(&state, bytes_of(area, size));
}

/* The area has the customization; the output comes after `skip` bytes of it. */
EXPORT(vector_k12_end)(uint32_t customization_size, uint32_t skip, uint32_t size);
void vector_k12_end(uint32_t customization_size, uint32_t skip, uint32_t size)
{
    k12_finish(&state, bytes_of(area, customization_size));
    for (; skip > 0; skip--) {
        k12_squeeze(&state, area, 1);
    }
    k12_squeeze(&state, area, size);
    k12_wipe(&state);
}

/* seed 55 → subseed 32, private key 32 */
EXPORT(vector_secrets)(void);
void vector_secrets(void)
{
    struct qubic_keys keys;
    if (qubic_keys_from_seed(bytes_of(area, QUBIC_SEED_SIZE), &keys, NULL) != ERR_OK) {
        __builtin_trap();
    }
    struct key32 const private_key = schnorrq_private_key(&keys.subseed);
    memcpy(area, keys.subseed.b, 32);
    memcpy(area + 32, private_key.b, 32);
}

/* subseed 32, public key 32, digest 32 → signature 64 */
EXPORT(vector_sign)(void);
void vector_sign(void)
{
    struct schnorrq_subseed subseed;
    struct key32 public_key;
    struct key32 digest;
    memcpy(subseed.b, area, 32);
    memcpy(public_key.b, area + 32, 32);
    memcpy(digest.b, area + 64, 32);
    schnorrq_sign(&subseed, &public_key, &digest, area);
}

static void ret_point(const struct fourq_point *point)
{
    struct key32 encoded;
    fourq_encode(point, &encoded);
    memcpy(area, encoded.b, 32);
}

/* k 32 → k * G 32 */
EXPORT(vector_mul_base)(void);
void vector_mul_base(void)
{
    struct fourq_scalar k;
    struct fourq_point point;
    fourq_scalar_load(area, &k);
    fourq_mul_base(&k, &point);
    ret_point(&point);
}

/* k 32, l 32, P 32 → k * G + l * P 32 */
EXPORT(vector_mul_double)(void);
void vector_mul_double(void)
{
    struct fourq_scalar k;
    struct fourq_scalar l;
    struct key32 encoded;
    struct fourq_point point;
    struct fourq_point result;
    fourq_scalar_load(area, &k);
    fourq_scalar_load(area + 32, &l);
    memcpy(encoded.b, area + 64, 32);
    if (!fourq_decode_public(&encoded, &point)) {
        __builtin_trap();
    }
    fourq_mul_double_public(&k, &l, &point, &result);
    ret_point(&result);
}

static void put_element(uint8_t *at, u128 value)
{
    put_le64(at, (uint64_t)value);
    put_le64(at + 8, (uint64_t)(value >> 64));
}

/* encoded 32 → on the curve 1, x 32, y 32, encoded again 32 */
EXPORT(vector_decode)(void);
void vector_decode(void)
{
    struct key32 encoded;
    struct fourq_point point;
    memcpy(encoded.b, area, 32);
    area[0] = fourq_decode_public(&encoded, &point) ? 1 : 0;
    if (area[0] == 0) {
        return;
    }
    fourq_encode(&point, &encoded);
    put_element(area + 1, fp_canonical(point.x.re));
    put_element(area + 17, fp_canonical(point.x.im));
    put_element(area + 33, fp_canonical(point.y.re));
    put_element(area + 49, fp_canonical(point.y.im));
    memcpy(area + 65, encoded.b, 32);
}
