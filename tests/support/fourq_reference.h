/* tests/support/fourq_reference.h: FourQ and the verification of a signature once more, slow and plain, to hold the fast code
 * against. It shares nothing with core/crypto but K12: products go digit by digit, a multiple is double and
 * add over all 256 bits, a point of order r is one whose r-th multiple is neutral. Every key is multiplied in the
 * network's way, whether it has order r or not. */
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

/* The map that the endomorphisms begin with, and the one that they end with, on (X : Y : Z). */
static inline struct ref_point ref_tau(struct ref_point p)
{
    struct ref_fp2 const ct = {REF(0x1964DE2C3AFAD20C, 0x74DCD57CEBCE74C3), REF(0xC, 0x12)};
    struct ref_fp2 const x2 = ref_mul(p.x, p.x);
    struct ref_fp2 const y2 = ref_mul(p.y, p.y);
    struct ref_fp2 const z2 = ref_mul(p.z, p.z);
    struct ref_fp2 const s = ref_add(x2, y2);
    struct ref_fp2 const f = ref_sub(y2, x2);
    return (struct ref_point){.x = ref_mul(ct, ref_mul(ref_mul(p.x, p.y), f)),
                              .y = ref_mul(ref_sub(ref_add(z2, z2), f), s),
                              .z = ref_mul(f, s)};
}

static inline struct ref_point ref_tau_dual(struct ref_point p)
{
    struct ref_fp2 const ctd = {REF(0x4AA740EB23058652, 0x9ECAA6D9DECDF034),
                                REF(0x7FFFFFFFFFFFFFF4, 0x11)};
    struct ref_fp2 const x2 = ref_mul(p.x, p.x);
    struct ref_fp2 const y2 = ref_mul(p.y, p.y);
    struct ref_fp2 const z2 = ref_mul(p.z, p.z);
    struct ref_fp2 const s = ref_add(x2, y2);
    struct ref_fp2 const f = ref_sub(y2, x2);
    struct ref_fp2 const g = ref_sub(ref_add(z2, z2), f);
    return ref_affine((struct ref_point){
        .x = ref_mul(ctd, ref_mul(ref_mul(p.x, p.y), s)), .y = ref_mul(g, f), .z = ref_mul(g, s)});
}

static inline struct ref_fp2 ref_conjugate(struct ref_fp2 a)
{
    return (struct ref_fp2){a.re, ref_fp_neg(a.im)};
}

static inline struct ref_point ref_phi(struct ref_point p)
{
    static const struct ref_fp2 c[10] = {
        {REF(0x5, 0xFFFFFFFFFFFFFFF7), REF(0x2553A0759182C329, 0x4F65536CEF66F81A)},
        {REF(0x5, 0x7), REF(0x62C8CAA0C50C62CF, 0x334D90E9E28296F9)},
        {REF(0xF, 0x15), REF(0x78DF262B6C9B5C98, 0x2C2CB7154F1DF391)},
        {REF(0x2, 0x3), REF(0x5084C6491D76342A, 0x92440457A7962EA4)},
        {REF(0x3, 0x3), REF(0x12440457A7962EA4, 0xA1098C923AEC6855)},
        {REF(0xA, 0xF), REF(0x459195418A18C59E, 0x669B21D3C5052DF3)},
        {REF(0x12, 0x18), REF(0x0B232A8314318B3C, 0xCD3643A78A0A5BE7)},
        {REF(0x18, 0x23), REF(0x3963BC1C99E2EA1A, 0x66C183035F48781A)},
        {REF(0xAA, 0xF0), REF(0x1F529F860316CBE5, 0x44E251582B5D0EF0)},
        {REF(0x870, 0xBEF), REF(0x0FD52E9CFE00375B, 0x014D3E48976E2505)},
    };
    struct ref_point const m = ref_tau(p);
    struct ref_fp2 const y2 = ref_mul(m.y, m.y);
    struct ref_fp2 const z2 = ref_mul(m.z, m.z);
    struct ref_fp2 const y4 = ref_mul(y2, y2);
    struct ref_fp2 const z4 = ref_mul(z2, z2);
    struct ref_fp2 const y2z2 = ref_mul(y2, z2);
    struct ref_fp2 const yz = ref_mul(m.y, m.z);
    struct ref_fp2 const yz1 = ref_mul(c[1], yz);
    struct ref_fp2 const yz3 = ref_mul(c[3], yz);
    struct ref_fp2 const n4 = ref_add(y2, ref_mul(c[4], z2));
    struct ref_fp2 const n2 = ref_add(y2, ref_mul(c[2], z2));
    struct ref_fp2 const n = ref_mul(ref_sub(ref_mul(n4, n4), ref_mul(yz3, yz3)), m.z);
    struct ref_fp2 const u = ref_mul(c[0], ref_sub(ref_mul(yz1, yz1), ref_mul(n2, n2)));
    struct ref_fp2 const w =
        ref_mul(ref_add(ref_add(y4, ref_mul(c[8], y2z2)), ref_mul(c[9], z4)), m.y);
    struct ref_fp2 const v =
        ref_mul(c[5], ref_mul(ref_add(ref_add(y4, ref_mul(c[6], y2z2)), ref_mul(c[7], z4)), m.z));
    return ref_tau_dual((struct ref_point){.x = ref_conjugate(ref_mul(m.x, ref_mul(u, w))),
                                           .y = ref_conjugate(ref_mul(v, n)),
                                           .z = ref_conjugate(ref_mul(n, w))});
}

static inline struct ref_point ref_psi(struct ref_point p)
{
    static const struct ref_fp2 q1 = {REF(0x2AF99E9A83D54A02, 0xEDF07F4767E346EF),
                                      REF(0xDE, 0x13A)};
    static const struct ref_fp2 q2 = {REF(0xE4, 0x143),
                                      REF(0x21B8D07B99A81F03, 0x4C7DEB770E03F372)};
    static const struct ref_fp2 q3 = {REF(0x6, 0x9), REF(0x4CB26F161D7D6906, 0x3A6E6ABE75E73A61)};
    static const struct ref_fp2 q4 = {REF(0x7FFFFFFFFFFFFFF9, 0xFFFFFFFFFFFFFFF6),
                                      REF(0x334D90E9E28296F9, 0xC59195418A18C59E)};
    struct ref_point const m = ref_tau(p);
    struct ref_fp2 const x = ref_conjugate(m.x);
    struct ref_fp2 const x2 = ref_mul(x, x);
    struct ref_fp2 const z2 = ref_conjugate(ref_mul(m.z, m.z));
    struct ref_fp2 const a = ref_mul(ref_conjugate(m.y), ref_add(x2, ref_mul(q2, z2)));
    struct ref_fp2 const b = ref_neg(ref_add(x2, ref_mul(q4, z2)));
    return ref_tau_dual((struct ref_point){.x = ref_mul(ref_mul(q1, x), ref_mul(z2, b)),
                                           .y = ref_mul(ref_add(x2, ref_mul(q3, z2)), a),
                                           .z = ref_mul(a, b)});
}

/* The low word of a * b / 2^256, by digits of 32 bits as on paper. */
static inline uint64_t ref_high_word(const uint64_t a[4], const uint64_t b[4])
{
    uint32_t product[16] = {0};
    for (size_t i = 0; i < 8; i++) {
        uint64_t carry = 0;
        for (size_t j = 0; j < 8; j++) {
            uint64_t const part = (uint64_t)(uint32_t)(a[i / 2] >> (32 * (i % 2))) *
                                  (uint32_t)(b[j / 2] >> (32 * (j % 2)));
            carry += (uint64_t)product[i + j] + (uint32_t)part;
            product[i + j] = (uint32_t)carry;
            carry = (carry >> 32) + (part >> 32);
        }
        product[i + 8] = (uint32_t)carry;
    }
    return product[8] | ((uint64_t)product[9] << 32);
}

/* What the network takes for l * P: l is cut into l0 + l1 phi + l2 psi + l3 psi phi modulo r, l0 odd, which is l * P for a P
 * of order r and something else for a P with a low-order part. */
static inline struct ref_point ref_network_mul(const uint64_t l[4], struct ref_point p)
{
    static const uint64_t share[4][4] = {
        {0x259686E09D1A7D4F, 0xF75682ACE6A6BD66, 0xFC5BB5C5EA2BE5DF, 7},
        {0xD1BA1D84DD627AFB, 0x2BD235580F468D8D, 0x8FD4B04CAA6C0F8A, 3},
        {0x9B291A33678C203C, 0xC42BD6C965DCA902, 0xD038BF8D0BFFBAF6, 0},
        {0x12E5666B77E7FDC0, 0x81CBDC3714983D82, 0x1B073877A22D8410, 3},
    };
    static const uint64_t row[4][4] = {
        {0xF6F900D81F5F5E6A, 0x1363E862C22A2DA0, 0xF8BD9FCE1337FCF1, 0x084F739986B9E651},
        {0xE2B6A4157B033D2C, 0x0000000000000001, 0xFFFFFFFFFFFFFFFF, 0xDA243A43722E9830},
        {0xE85452E2DCE0FCFE, 0xFD3BDEE51C7725AF, 0x2E4D21C98927C49F, 0xF56190BB3FD13269},
        {0xEC91CBF56EF737C1, 0xCEDD20D23C1F00CE, 0x068A49F02AA8A9B5, 0x18D5087896DE0AEA},
    };
    static const uint64_t constant[4] = {0x72482C5251A4559C, 0x59F95B0ADD276F6C, 0x7DD2D17C4625FA78,
                                         0x6BC57DEF56CE8877};
    struct ref_point const phi = ref_phi(p);
    struct ref_point const image[4] = {p, phi, ref_psi(p), ref_psi(phi)};
    uint64_t number[4];
    for (size_t j = 0; j < 4; j++) {
        number[j] = constant[j] + (j == 0 ? l[0] : 0);
        for (size_t i = 0; i < 4; i++) {
            number[j] += ref_high_word(l, share[i]) * row[i][j];
        }
    }
    bool const even = number[0] % 2 == 0;
    struct ref_point sum = ref_neutral();
    for (size_t j = 0; j < 4; j++) {
        uint64_t const words[4] = {number[j] - (even ? row[3][j] : 0)};
        sum = ref_point_add(sum, ref_point_mul(words, image[j]));
    }
    return sum;
}

/* What the network accepts. */
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
    static const uint64_t cofactor[4] = {392};
    if (!below || (signature[15] & 0x80) != 0 || others == 0 || !ref_decode(public_key, &key) ||
        ref_is_neutral(ref_point_mul(cofactor, key))) {
        return false;
    }
    memcpy(hashed, signature, 32);
    memcpy(hashed + 32, public_key.b, 32);
    memcpy(hashed + 64, digest.b, 32);
    k12_hash(bytes_of(hashed, sizeof hashed), challenge, sizeof challenge);
    ref_words(challenge, h);
    struct key32 const r =
        ref_encode(ref_point_add(ref_point_mul(s, ref_generator()), ref_network_mul(h, key)));
    return memcmp(r.b, signature, 32) == 0;
}

#endif
