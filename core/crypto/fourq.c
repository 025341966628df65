/* core/crypto/fourq.c
 *
 * k * G: k is cut into 62 signed digits of four bits, e0 .. e61 in [-8, 8). The odd digits are added up from the
 * table, that sum is doubled four times, then the even digits are added: 62 additions, 4 doublings, and
 * every table row is read whole. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/fourq_point.h"
#include "core/crypto/wipe.h"

static const struct fp2 fp2_one = {1, 0};

#define DIGITS 62 /* of four bits: r has 246 bits, and the last digit absorbs the carry */

/* x with x^2 = u / v, if there is one; v is not 0. Two powers do for the quotient and both roots: with a = u * conj(v),
 * N = norm(v) and s = root(norm(a)), the equations are x.re^2 = (a.re + s) / 2N and x.re * x.im = a.im / 2N. */
static bool quotient_root_public(struct fp2 u, struct fp2 v, struct fp2 *ret)
{
    struct fp2 const a = fp2_mul(u, fp2_conjugate(v));
    u128 const scale = fp2_norm(v);
    u128 const s = fp_square_times(fp2_norm(a),
                                   125); /* p = 3 mod 4: a square's root is its power (p + 1) / 4 */
    u128 half = fp_add(a.re, s);
    if (fp_is_zero(half)) { /* the other root of the norm then; 0 once more only if a is 0 */
        half = fp_sub(a.re, s);
    }
    u128 const twice = fp_add(half, half);
    u128 const product = fp_mul(twice, scale);
    u128 const inverse_root = fp_inverse_root(product);
    struct fp2 x = {.re = fp_mul(half, inverse_root), .im = fp_mul(a.im, inverse_root)};
    if (!fp_is_zero(fp_sub(fp_mul(fp_square(inverse_root), product), 1))) {
        /* a.re + s had no root; a.re - s has, and it comes to the same numbers in each other's place */
        x = (struct fp2){.re = x.im, .im = fp_neg(x.re)};
    }
    *ret = x;
    return fp2_equal(fp2_mul(fp2_square(x), v), u); /* s was no root: u / v is no square */
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
    wipe(&z_inverse, sizeof z_inverse);
    wipe(&x, sizeof x);
    wipe(&y, sizeof y);
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
    struct fp2 const divisor = fp2_add(fp2_mul(fourq_d, y2), fp2_one);
    struct fp2 x;
    if (!quotient_root_public(fp2_sub(y2, fp2_one), divisor, &x)) {
        return false;
    }
    if (sign_of(x) != (unsigned)(top >> 63)) {
        x = fp2_neg(x);
    }
    *ret = (struct fourq_point){.x = x, .y = y, .z = fp2_one, .t = fp2_mul(x, y)};
    return true;
}

static inline void fp2_take(struct fp2 *a, const struct fp2 *b, u128 mask)
{
    a->re ^= mask & (a->re ^ b->re);
    a->im ^= mask & (a->im ^ b->im);
}

/* Two words that the compiler may put into a vector register; a loop over plain words stays in memory. */
typedef uint64_t word_pair __attribute__((vector_size(16)));
#define ENTRY_PAIRS (sizeof(struct fourq_entry) / sizeof(word_pair))

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 6")
#endif

union selected {
    struct fourq_entry entry;
    word_pair pairs[ENTRY_PAIRS];
};

/* digit * 256^row * G for a digit in [-8, 8], reading the whole row. */
static void entry_select(union selected *ret, size_t row, int digit)
{
    unsigned const negative = (unsigned)digit >> 31;
    unsigned const magnitude = ((unsigned)digit ^ (0 - negative)) + negative;
    word_pair taken[ENTRY_PAIRS] = {{0}};
    for (unsigned i = 0; i < FOURQ_TABLE_COLUMNS; i++) {
        const word_pair *candidate = (const word_pair *)&fourq_table[row][i];
        uint64_t const mask = 0 - (uint64_t)(((magnitude ^ (i + 1)) - 1) >> 31);
        word_pair const masks = {mask, mask};
        UNROLL
        for (size_t pair = 0; pair < ENTRY_PAIRS; pair++) {
            taken[pair] |= candidate[pair] & masks;
        }
    }
    UNROLL
    for (size_t pair = 0; pair < ENTRY_PAIRS; pair++) {
        ret->pairs[pair] = taken[pair];
    }
    struct fourq_entry *entry = &ret->entry;
    u128 const nothing =
        (magnitude - 1) >> 31; /* 1 if the digit is 0: the neutral point, (1, 1, 0) */
    entry->sum.re |= nothing;
    entry->difference.re |= nothing;
    u128 const flip = 0 - (u128)negative;
    struct fp2 const sum = entry->sum;
    fp2_take(&entry->sum, &entry->difference, flip);
    fp2_take(&entry->difference, &sum, flip);
    entry->dt2.re ^= flip & FP_P; /* p - x is the complement of its 127 bits */
    entry->dt2.im ^= flip & FP_P;
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
    struct fourq_scalar reduced;
    int8_t digits[DIGITS];
    union selected selected;
    struct fourq_point sum = fourq_neutral;
    fourq_scalar_reduce(k, &reduced);
    signed_digits(&reduced, digits);
    for (size_t row = 0; row < FOURQ_TABLE_ROWS; row++) {
        entry_select(&selected, row, digits[2 * row + 1]);
        point_add_entry(&sum, &selected.entry, false, true);
    }
    for (int i = 0; i < 4; i++) {
        point_double(&sum, true);
    }
    for (size_t row = 0; row < FOURQ_TABLE_ROWS; row++) {
        entry_select(&selected, row, digits[2 * row]);
        point_add_entry(&sum, &selected.entry, false, true);
    }
    *ret = sum;
    wipe(&reduced, sizeof reduced);
    wipe(digits, sizeof digits);
    wipe(&selected, sizeof selected);
    wipe(&sum, sizeof sum);
}
