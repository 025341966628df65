/* core/crypto/fourq.c
 *
 * k * G: k is cut into 62 signed digits of four bits, e0 .. e61 in [-8, 8). The odd digits are added up from the
 * table, that sum is doubled four times, then the even digits are added: 62 additions, 4 doublings, and
 * every table row is read whole. l * P uses a sliding window of odd multiples; P and l are public.
 *
 * NEEDSWORK: verification gets about twice as fast with the curve's endomorphisms. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/fourq.h"

#include "core/base/invariant.h"
#include "core/crypto/fourq_table.h"

#include <sodium.h>

static const struct fp2 curve_d = {FP(0x00000000000000E4, 0x0000000000000142),
                                   FP(0x5E472F846657E0FC, 0xB3821488F1FC0C8D)};
static const struct fp2 fp2_one = {1, 0};
static const struct fourq_point neutral = {{0, 0}, {1, 0}, {1, 0}, {0, 0}};
static const struct fourq_scalar order = {
    {0x2FB2540EC7768CE7, 0xDFBD004DFE0F7999, 0xF05397829CBC14E5, 0x0029CBC14E5E0A72}};

#define DIGITS 62 /* of four bits: r has 246 bits, and the last digit absorbs the carry */
#define WINDOW 8  /* odd multiples 1P .. 15P */
#define NAF_MAX 257

/* (y + x, y - x, 2z, 2dt): what an addition wants of its second point. */
struct cached_point {
    struct fp2 sum;
    struct fp2 difference;
    struct fp2 z2;
    struct fp2 dt2;
};

bool fp2_sqrt_public(struct fp2 a, struct fp2 *ret)
{
    /* p = 3 mod 4: the root of a square in GF(p) is its power (p + 1) / 4 = 2^125. */
    u128 const norm = fp_add(fp_square(a.re), fp_square(a.im));
    u128 const norm_root = fp_square_times(norm, 125);
    u128 half = fp_half(fp_add(a.re, norm_root));
    u128 re = fp_square_times(half, 125);
    if (!fp_is_zero(fp_sub(fp_square(re), half))) {
        half = fp_half(fp_sub(a.re, norm_root));
        re = fp_square_times(half, 125);
    }
    u128 const im = fp_is_zero(re) ? fp_square_times(fp_neg(a.re), 125)
                                   : fp_mul(a.im, fp_inverse(fp_add(re, re)));
    struct fp2 const root = {.re = re, .im = im};
    if (!fp2_equal(fp2_square(root), a)) {
        return false;
    }
    *ret = root;
    return true;
}

/* 1 if x counts as negative: bit 126 of its real part, or of the imaginary part when the real one is 0. */
static unsigned sign_of(struct fp2 x)
{
    u128 const re = fp_canonical(x.re);
    u128 const im = fp_canonical(x.im);
    u128 const re_is_zero = (re - 1) >> 127; /* re < 2^127: the borrow of 0 - 1 shows */
    return (unsigned)(((re >> 126) | (re_is_zero & (im >> 126))) & 1);
}

static void put_le128(uint8_t *at, u128 value)
{
    put_le64(at, (uint64_t)value);
    put_le64(at + 8, (uint64_t)(value >> 64));
}

void fourq_encode(const struct fourq_point *point, struct key32 *ret)
{
    struct fp2 z_inverse = fp2_inverse(point->z);
    struct fp2 x = fp2_mul(point->x, z_inverse);
    struct fp2 y = fp2_mul(point->y, z_inverse);
    put_le128(ret->b, fp_canonical(y.re));
    put_le128(ret->b + 16, fp_canonical(y.im));
    ret->b[31] |= (uint8_t)(sign_of(x) << 7);
    /* z of a secret multiple tells about the secret (projective coordinates leak) */
    sodium_memzero(&z_inverse, sizeof z_inverse);
    sodium_memzero(&x, sizeof x);
    sodium_memzero(&y, sizeof y);
}

bool fourq_decode_public(const struct key32 *encoded, struct fourq_point *ret)
{
    const uint8_t *b = encoded->b;
    if ((b[15] & 0x80) != 0) {
        return false;
    }
    uint64_t const top = get_le64(b + 24);
    struct fp2 const y = {
        .re = ((u128)get_le64(b + 8) << 64) | get_le64(b),
        .im = ((u128)(top & UINT64_C(0x7FFFFFFFFFFFFFFF)) << 64) | get_le64(b + 16),
    };
    /* x^2 = (y^2 - 1) / (d y^2 + 1); the divisor is never 0, as -1/d is no square */
    struct fp2 const y2 = fp2_square(y);
    struct fp2 const divisor = fp2_add(fp2_mul(curve_d, y2), fp2_one);
    struct fp2 x;
    if (!fp2_sqrt_public(fp2_mul(fp2_sub(y2, fp2_one), fp2_inverse(divisor)), &x)) {
        return false;
    }
    if (sign_of(x) != (unsigned)(top >> 63)) {
        x = fp2_neg(x);
    }
    *ret = (struct fourq_point){.x = x, .y = y, .z = fp2_one, .t = fp2_mul(x, y)};
    return true;
}

/* The last step of every formula: four products of E, F, H, K. */
static inline void complete(struct fourq_point *p, struct fp2 e, struct fp2 f, struct fp2 h,
                            struct fp2 k)
{
    p->x = fp2_mul(e, f);
    p->y = fp2_mul(h, k);
    p->z = fp2_mul(f, h);
    p->t = fp2_mul(e, k);
}

static void point_double(struct fourq_point *p)
{
    struct fp2 const a = fp2_square(p->x);
    struct fp2 const b = fp2_square(p->y);
    struct fp2 const z2 = fp2_square(p->z);
    struct fp2 const sum = fp2_add(a, b);
    struct fp2 const e = fp2_sub(fp2_square(fp2_add(p->x, p->y)), sum);
    struct fp2 const h = fp2_sub(b, a);
    struct fp2 const f = fp2_sub(h, fp2_add(z2, z2));
    /* D = -A turns the K of the general formula into -(A + B), F into H - C */
    complete(p, e, f, h, fp2_neg(sum));
}

static inline void point_add_entry(struct fourq_point *p, const struct fourq_entry *q)
{
    struct fp2 const a = fp2_mul(fp2_sub(p->y, p->x), q->difference);
    struct fp2 const b = fp2_mul(fp2_add(p->y, p->x), q->sum);
    struct fp2 const c = fp2_mul(p->t, q->dt2);
    struct fp2 const d = fp2_add(p->z, p->z);
    complete(p, fp2_sub(b, a), fp2_sub(d, c), fp2_add(d, c), fp2_add(b, a));
}

static void point_add_cached(struct fourq_point *p, const struct cached_point *q)
{
    struct fp2 const a = fp2_mul(fp2_sub(p->y, p->x), q->difference);
    struct fp2 const b = fp2_mul(fp2_add(p->y, p->x), q->sum);
    struct fp2 const c = fp2_mul(p->t, q->dt2);
    struct fp2 const d = fp2_mul(p->z, q->z2);
    complete(p, fp2_sub(b, a), fp2_sub(d, c), fp2_add(d, c), fp2_add(b, a));
}

static struct cached_point cached_from(const struct fourq_point *p)
{
    struct fp2 const dt = fp2_mul(curve_d, p->t);
    return (struct cached_point){
        .sum = fp2_add(p->y, p->x),
        .difference = fp2_sub(p->y, p->x),
        .z2 = fp2_add(p->z, p->z),
        .dt2 = fp2_add(dt, dt),
    };
}

static struct cached_point cached_negated(const struct cached_point *q)
{
    return (struct cached_point){
        .sum = q->difference, .difference = q->sum, .z2 = q->z2, .dt2 = fp2_neg(q->dt2)};
}

static inline void fp2_take(struct fp2 *a, const struct fp2 *b, u128 mask)
{
    a->re ^= mask & (a->re ^ b->re);
    a->im ^= mask & (a->im ^ b->im);
}

/* digit * 256^row * G for a digit in [-8, 8], reading the whole row. */
static void entry_select(struct fourq_entry *ret, size_t row, int digit)
{
    unsigned const negative = (unsigned)digit >> 31;
    unsigned const magnitude = ((unsigned)digit ^ (0 - negative)) + negative;
    struct fourq_entry entry = {.sum = {1, 0}, .difference = {1, 0}, .dt2 = {0, 0}};
    for (unsigned i = 0; i < FOURQ_TABLE_COLUMNS; i++) {
        const struct fourq_entry *candidate = &fourq_table[row][i];
        unsigned const differs = magnitude ^ (i + 1);
        u128 const mask = 0 - (u128)(((differs - 1) >> 31) & 1);
        fp2_take(&entry.sum, &candidate->sum, mask);
        fp2_take(&entry.difference, &candidate->difference, mask);
        fp2_take(&entry.dt2, &candidate->dt2, mask);
    }
    u128 const flip = 0 - (u128)negative;
    struct fp2 const sum = entry.sum;
    fp2_take(&entry.sum, &entry.difference, flip);
    fp2_take(&entry.difference, &sum, flip);
    struct fp2 const negated = fp2_neg(entry.dt2);
    fp2_take(&entry.dt2, &negated, flip);
    *ret = entry;
}

/* sum of digits[i] * 16^i = k, each in [-8, 8) but the last, which is at most 3. */
static void signed_digits(const struct fourq_scalar *k, int8_t digits[DIGITS])
{
    int carry = 0;
    for (unsigned i = 0; i < DIGITS; i++) {
        int const digit = (int)((k->words[i / 16] >> (4 * (i % 16))) & 15) + carry;
        carry = (digit + 8) >> 4;
        digits[i] = (int8_t)(digit - carry * 16);
    }
}

void fourq_mul_base(const struct fourq_scalar *k, struct fourq_point *ret)
{
    struct fourq_scalar reduced = fourq_scalar_reduce(k);
    int8_t digits[DIGITS];
    struct fourq_entry entry;
    struct fourq_point sum = neutral;
    signed_digits(&reduced, digits);
    for (size_t row = 0; row < FOURQ_TABLE_ROWS; row++) {
        entry_select(&entry, row, digits[2 * row + 1]);
        point_add_entry(&sum, &entry);
    }
    for (int i = 0; i < 4; i++) {
        point_double(&sum);
    }
    for (size_t row = 0; row < FOURQ_TABLE_ROWS; row++) {
        entry_select(&entry, row, digits[2 * row]);
        point_add_entry(&sum, &entry);
    }
    *ret = sum;
    sodium_memzero(&reduced, sizeof reduced);
    sodium_memzero(digits, sizeof digits);
    sodium_memzero(&entry, sizeof entry);
    sodium_memzero(&sum, sizeof sum);
}

/* Non-adjacent form of width 5: odd digits up to 15 in magnitude, at most one in any five. Returns the count. */
static int naf_digits(struct fourq_scalar k, int8_t digits[NAF_MAX])
{
    int count = 0;
    while ((k.words[0] | k.words[1] | k.words[2] | k.words[3]) != 0) {
        INVARIANT(count < NAF_MAX);
        int digit = 0;
        if ((k.words[0] & 1) != 0) {
            digit = (int)(k.words[0] & 31);
            digit = digit > 16 ? digit - 32 : digit;
            /* k -= digit; k stays far below 2^256 */
            u128 carry = (u128)k.words[0] - (u128)(i128)digit;
            k.words[0] = (uint64_t)carry;
            for (size_t i = 1; i < 4; i++) {
                carry = (u128)k.words[i] + (u128)((i128)carry >> 64);
                k.words[i] = (uint64_t)carry;
            }
        }
        digits[count++] = (int8_t)digit;
        for (size_t i = 0; i < 3; i++) {
            k.words[i] = (k.words[i] >> 1) | (k.words[i + 1] << 63);
        }
        k.words[3] >>= 1;
    }
    return count;
}

/* k * P for k below 2^255. */
static void mul_public(const struct fourq_scalar *k, const struct fourq_point *point,
                       struct fourq_point *ret)
{
    struct cached_point odd[WINDOW];
    struct fourq_point multiple = *point;
    odd[0] = cached_from(&multiple);
    point_double(&multiple);
    struct cached_point const twice = cached_from(&multiple);
    multiple = *point;
    for (size_t i = 1; i < WINDOW; i++) {
        point_add_cached(&multiple, &twice);
        odd[i] = cached_from(&multiple);
    }
    int8_t digits[NAF_MAX];
    struct fourq_point sum = neutral;
    for (int i = naf_digits(*k, digits) - 1; i >= 0; i--) {
        point_double(&sum);
        if (digits[i] > 0) {
            point_add_cached(&sum, &odd[digits[i] / 2]);
        } else if (digits[i] < 0) {
            struct cached_point const negated = cached_negated(&odd[-digits[i] / 2]);
            point_add_cached(&sum, &negated);
        }
    }
    *ret = sum;
}

void fourq_mul_double_public(const struct fourq_scalar *k, const struct fourq_scalar *l,
                             const struct fourq_point *point, struct fourq_point *ret)
{
    struct fourq_point base;
    struct fourq_point sum;
    struct fourq_scalar const l_reduced = fourq_scalar_reduce(l);
    fourq_mul_base(k, &base);
    mul_public(&l_reduced, point, &sum);
    struct cached_point const cached = cached_from(&base);
    point_add_cached(&sum, &cached);
    *ret = sum;
}

bool fourq_is_neutral_public(const struct fourq_point *point)
{
    return fp2_is_zero(point->x) && fp2_equal(point->y, point->z);
}

bool fourq_has_order_r_public(const struct fourq_point *point)
{
    struct fourq_point multiple;
    if (fourq_is_neutral_public(point)) {
        return false;
    }
    mul_public(&order, point, &multiple);
    return fourq_is_neutral_public(&multiple);
}
