/* tests/support/fourq_reference.h: FourQ and the verification of a signature once more, slow and plain, to hold the fast code
 * against. It shares nothing with core/crypto but K12: products go digit by digit, a multiple is double and
 * add over all 256 bits, a point of order r is one whose r-th multiple is neutral. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_FOURQ_REFERENCE_H
#define TESTS_SUPPORT_FOURQ_REFERENCE_H

#include "core/crypto/k12.h"

#include <string.h>

__extension__ typedef unsigned __int128 ref_u128;

#define REF(high, low) (((ref_u128)UINT64_C(high) << 64) | UINT64_C(low))
#define REF_P REF(0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)

struct ref_fp2 {
    ref_u128 re;
    ref_u128 im;
};

struct ref_point {
    struct ref_fp2 x, y, z, t;
};

static const struct ref_fp2 ref_zero = {0, 0};
static const struct ref_fp2 ref_one = {1, 0};
static const struct ref_fp2 ref_d = {REF(0xE4, 0x142), REF(0x5E472F846657E0FC, 0xB3821488F1FC0C8D)};
static const uint64_t ref_order[4] = {0x2FB2540EC7768CE7, 0xDFBD004DFE0F7999, 0xF05397829CBC14E5,
                                      0x0029CBC14E5E0A72};

/* All numbers of GF(p) here are below p. */
static inline ref_u128 ref_fp_add(ref_u128 a, ref_u128 b)
{
    return (a + b) % REF_P;
}

static inline ref_u128 ref_fp_neg(ref_u128 a)
{
    return (REF_P - a) % REF_P;
}

/* By digits of 32 bits; a power of two is a rotation of 127 bits. */
static inline ref_u128 ref_fp_mul(ref_u128 a, ref_u128 b)
{
    ref_u128 product = 0;
    for (unsigned i = 0; i < 128; i += 32) {
        for (unsigned j = 0; j < 128; j += 32) {
            ref_u128 const part = (ref_u128)(uint32_t)(a >> i) * (uint32_t)(b >> j);
            unsigned const by = (i + j) % 127;
            ref_u128 const turned = ((part << by) | (by == 0 ? 0 : part >> (127 - by))) & REF_P;
            product = product + turned;
            product = product >= REF_P ? product - REF_P : product;
        }
    }
    return product;
}

static inline ref_u128 ref_fp_power(ref_u128 a, ref_u128 exponent)
{
    ref_u128 power = 1;
    for (int bit = 126; bit >= 0; bit--) {
        power = ref_fp_mul(power, power);
        power = (exponent >> bit) & 1 ? ref_fp_mul(power, a) : power;
    }
    return power;
}

static inline struct ref_fp2 ref_add(struct ref_fp2 a, struct ref_fp2 b)
{
    return (struct ref_fp2){ref_fp_add(a.re, b.re), ref_fp_add(a.im, b.im)};
}

static inline struct ref_fp2 ref_neg(struct ref_fp2 a)
{
    return (struct ref_fp2){ref_fp_neg(a.re), ref_fp_neg(a.im)};
}

static inline struct ref_fp2 ref_sub(struct ref_fp2 a, struct ref_fp2 b)
{
    return ref_add(a, ref_neg(b));
}

static inline struct ref_fp2 ref_mul(struct ref_fp2 a, struct ref_fp2 b)
{
    return (struct ref_fp2){
        ref_fp_add(ref_fp_mul(a.re, b.re), ref_fp_neg(ref_fp_mul(a.im, b.im))),
        ref_fp_add(ref_fp_mul(a.re, b.im), ref_fp_mul(a.im, b.re)),
    };
}

static inline struct ref_fp2 ref_inverse(struct ref_fp2 a)
{
    ref_u128 const norm = ref_fp_add(ref_fp_mul(a.re, a.re), ref_fp_mul(a.im, a.im));
    ref_u128 const scale = ref_fp_power(norm, REF_P - 2);
    return (struct ref_fp2){ref_fp_mul(a.re, scale), ref_fp_mul(ref_fp_neg(a.im), scale)};
}

static inline bool ref_equal(struct ref_fp2 a, struct ref_fp2 b)
{
    return a.re == b.re && a.im == b.im;
}

/* The square roots of GF(p) tried for both signs of the norm's root. */
static inline bool ref_root(struct ref_fp2 a, struct ref_fp2 *ret)
{
    ref_u128 const quarter = (REF_P + 1) / 4;
    ref_u128 const norm = ref_fp_add(ref_fp_mul(a.re, a.re), ref_fp_mul(a.im, a.im));
    ref_u128 const norm_root = ref_fp_power(norm, quarter);
    for (int sign = 0; sign < 2; sign++) {
        ref_u128 const twice = ref_fp_add(a.re, sign == 0 ? norm_root : ref_fp_neg(norm_root));
        ref_u128 const re = ref_fp_power(ref_fp_mul(twice, REF(0x4000000000000000, 0)), quarter);
        struct ref_fp2 x = {re, ref_fp_mul(a.im, ref_fp_power(ref_fp_add(re, re), REF_P - 2))};
        if (re == 0) {
            x.im = ref_fp_power(ref_fp_neg(a.re), quarter);
        }
        if (ref_equal(ref_mul(x, x), a)) {
            *ret = x;
            return true;
        }
    }
    return false;
}

static inline struct ref_point ref_point_of(struct ref_fp2 x, struct ref_fp2 y)
{
    return (struct ref_point){x, y, ref_one, ref_mul(x, y)};
}

static inline struct ref_point ref_neutral(void)
{
    return ref_point_of(ref_zero, ref_one);
}

static inline struct ref_point ref_generator(void)
{
    return ref_point_of((struct ref_fp2){REF(0x1A3472237C2FB305, 0x286592AD7B3833AA),
                                         REF(0x1E1F553F2878AA9C, 0x96869FB360AC77F6)},
                        (struct ref_fp2){REF(0x0E3FEE9BA120785A, 0xB924A2462BCBB287),
                                         REF(0x6E1C4AF8630E0242, 0x49A7C344844C8B5C)});
}

static inline struct ref_point ref_point_add(struct ref_point p, struct ref_point q)
{
    struct ref_fp2 const a = ref_mul(ref_sub(p.y, p.x), ref_sub(q.y, q.x));
    struct ref_fp2 const b = ref_mul(ref_add(p.y, p.x), ref_add(q.y, q.x));
    struct ref_fp2 const dt = ref_mul(ref_d, ref_mul(p.t, q.t));
    struct ref_fp2 const zz = ref_mul(p.z, q.z);
    struct ref_fp2 const c = ref_add(dt, dt);
    struct ref_fp2 const d = ref_add(zz, zz);
    struct ref_fp2 const e = ref_sub(b, a);
    struct ref_fp2 const f = ref_sub(d, c);
    struct ref_fp2 const h = ref_add(d, c);
    struct ref_fp2 const k = ref_add(b, a);
    return (struct ref_point){ref_mul(e, f), ref_mul(h, k), ref_mul(f, h), ref_mul(e, k)};
}

/* k * p for the number of 256 bits, least significant word first. */
static inline struct ref_point ref_point_mul(const uint64_t k[4], struct ref_point p)
{
    struct ref_point sum = ref_neutral();
    for (int bit = 255; bit >= 0; bit--) {
        sum = ref_point_add(sum, sum);
        if ((k[bit / 64] >> (bit % 64)) & 1) {
            sum = ref_point_add(sum, p);
        }
    }
    return sum;
}

static inline bool ref_is_neutral(struct ref_point p)
{
    return ref_equal(p.x, ref_zero) && ref_equal(p.y, p.z);
}

static inline struct ref_point ref_affine(struct ref_point p)
{
    struct ref_fp2 const inverse = ref_inverse(p.z);
    return ref_point_of(ref_mul(p.x, inverse), ref_mul(p.y, inverse));
}

static inline unsigned ref_sign(struct ref_fp2 x)
{
    return (unsigned)((x.re != 0 ? x.re : x.im) >> 126) & 1;
}

static inline struct key32 ref_encode(struct ref_point p)
{
    struct ref_point const affine = ref_affine(p);
    struct key32 key;
    put_le64(key.b, (uint64_t)affine.y.re);
    put_le64(key.b + 8, (uint64_t)(affine.y.re >> 64));
    put_le64(key.b + 16, (uint64_t)affine.y.im);
    put_le64(key.b + 24, (uint64_t)(affine.y.im >> 64));
    key.b[31] |= (uint8_t)(ref_sign(affine.x) << 7);
    return key;
}

static inline bool ref_decode(struct key32 key, struct ref_point *ret)
{
    struct ref_fp2 y = {((ref_u128)get_le64(key.b + 8) << 64) | get_le64(key.b),
                        ((ref_u128)get_le64(key.b + 24) << 64) | get_le64(key.b + 16)};
    unsigned const sign = (unsigned)(y.im >> 127);
    if ((y.re >> 127) != 0) {
        return false;
    }
    y.re %= REF_P;
    y.im = (y.im & REF_P) % REF_P;
    struct ref_fp2 const y2 = ref_mul(y, y);
    struct ref_fp2 x;
    if (!ref_root(ref_mul(ref_sub(y2, ref_one), ref_inverse(ref_add(ref_mul(ref_d, y2), ref_one))),
                  &x)) {
        return false;
    }
    *ret = ref_point_of(ref_sign(x) == sign ? x : ref_neg(x), y);
    return true;
}

static inline void ref_words(const uint8_t bytes[32], uint64_t ret[4])
{
    for (size_t i = 0; i < 4; i++) {
        ret[i] = get_le64(bytes + 8 * i);
    }
}

/* What the network accepts, and keys of mixed order refused. */
static inline bool ref_verify(struct key32 public_key, struct key32 digest,
                              const uint8_t signature[64])
{
    uint64_t s[4];
    uint64_t h[4];
    uint8_t hashed[96];
    uint8_t challenge[64];
    struct ref_point key;
    uint8_t others = 0;
    for (size_t i = 8; i < 32; i++) {
        others |= (uint8_t)(public_key.b[i] & (i == 31 ? 0x7F : 0xFF));
    }
    ref_words(signature + 32, s);
    bool below = false;
    for (size_t i = 0; i < 4; i++) { /* the most significant difference decides, so it comes last */
        below = s[i] != ref_order[i] ? s[i] < ref_order[i] : below;
    }
    if (!below || (signature[15] & 0x80) != 0 || others == 0 || !ref_decode(public_key, &key) ||
        ref_is_neutral(key) || !ref_is_neutral(ref_point_mul(ref_order, key))) {
        return false;
    }
    memcpy(hashed, signature, 32);
    memcpy(hashed + 32, public_key.b, 32);
    memcpy(hashed + 64, digest.b, 32);
    k12_hash(bytes_of(hashed, sizeof hashed), challenge, sizeof challenge);
    ref_words(challenge, h);
    struct key32 const r =
        ref_encode(ref_point_add(ref_point_mul(s, ref_generator()), ref_point_mul(h, key)));
    return memcmp(r.b, signature, 32) == 0;
}

#endif
