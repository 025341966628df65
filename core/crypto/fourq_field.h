/* core/crypto/fourq_field.h: GF(p) and GF(p^2) with p = 2^127 - 1, the field under FourQ.
 *
 * Shape:   an element of GF(p) is a u128 in [0, p]; p is an alias of 0 that only `fp_canonical` removes.
 *          GF(p^2) = GF(p)(i), i^2 = -1, element re + im * i.
 * Rule:    every function here runs the same instructions whatever the values are, except where its name
 *          says `_public`. Used by core/crypto/fourq*.c only.
 * Source:  Costello, Longa: FourQ (IACR eprint 2015/565). */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_CRYPTO_FOURQ_FIELD_H
#define CORE_CRYPTO_FOURQ_FIELD_H

#include "core/base/checked.h"

#define FP(high, low) (((u128)UINT64_C(high) << 64) | UINT64_C(low))
#define FP_P FP(0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)

struct fp2 {
    u128 re;
    u128 im;
};

static inline u128 fp_of(uint64_t high, uint64_t low)
{
    return ((u128)high << 64) | low;
}

/* Bring a value below 2^128 - 1 into [0, p]. By words: gcc adds a carry to a word in one instruction. */
static inline u128 fp_fold(u128 a)
{
    uint64_t high = (uint64_t)(a >> 64);
    uint64_t low = (uint64_t)a;
    uint64_t const top = high >> 63;
    high &= UINT64_MAX >> 1;
    low += top;
    high += low < top;
    return fp_of(high, low);
}

/* The one value in [0, p). */
static inline u128 fp_canonical(u128 a)
{
    return (a + ((a + 1) >> 127)) & FP_P;
}

static inline u128 fp_add(u128 a, u128 b)
{
    return fp_fold(a + b);
}

static inline u128 fp_neg(u128 a)
{
    return FP_P - a;
}

static inline u128 fp_sub(u128 a, u128 b)
{
    return fp_fold(a + (FP_P - b));
}

/* 2^127 = 1, so the product folds onto itself: (low 127 bits) + (the rest). */
static inline u128 fp_mul(u128 a, u128 b)
{
    uint64_t const a0 = (uint64_t)a;
    uint64_t const a1 = (uint64_t)(a >> 64);
    uint64_t const b0 = (uint64_t)b;
    uint64_t const b1 = (uint64_t)(b >> 64);
    u128 const low = (u128)a0 * b0;
    u128 const middle = (u128)a0 * b1 + (u128)a1 * b0; /* a1, b1 < 2^63: no overflow */
    u128 high = (u128)a1 * b1;
    uint64_t w1 = (uint64_t)(low >> 64);
    uint64_t m1 = (uint64_t)(middle >> 64);
    w1 += (uint64_t)middle;
    m1 += w1 < (uint64_t)middle;
    high += m1;
    u128 const rest = (high << 1) | (w1 >> 63);
    return fp_fold(rest + fp_of(w1 & (UINT64_MAX >> 1), (uint64_t)low));
}

/* a * b + c * d with one reduction for both. Carries go from word to word (x += y; carry = x < y) and products are used
 * up as they come: both are what gcc makes fewest instructions of, and it is instructions that this costs. The sum is
 * below 2^255 - 2^129. */
static inline u128 fp_dot(u128 a, u128 b, u128 c, u128 d)
{
    uint64_t const a0 = (uint64_t)a;
    uint64_t const a1 = (uint64_t)(a >> 64);
    uint64_t const b0 = (uint64_t)b;
    uint64_t const b1 = (uint64_t)(b >> 64);
    uint64_t const c0 = (uint64_t)c;
    uint64_t const c1 = (uint64_t)(c >> 64);
    uint64_t const d0 = (uint64_t)d;
    uint64_t const d1 = (uint64_t)(d >> 64);
    u128 p = (u128)a0 * b0;
    uint64_t low = (uint64_t)p;
    uint64_t mid = (uint64_t)(p >> 64);
    uint64_t mid_high = 0;
    u128 high = (u128)a1 * b1;
    high += (u128)c1 * d1;
    p = (u128)a0 * b1;
    p += (u128)a1 * b0;
    mid += (uint64_t)p;
    mid_high += mid < (uint64_t)p;
    uint64_t h0 = (uint64_t)high;
    uint64_t h1 = (uint64_t)(high >> 64);
    h0 += (uint64_t)(p >> 64);
    h1 += h0 < (uint64_t)(p >> 64);
    p = (u128)c0 * d1;
    p += (u128)c1 * d0;
    mid += (uint64_t)p;
    mid_high += mid < (uint64_t)p;
    h0 += (uint64_t)(p >> 64);
    h1 += h0 < (uint64_t)(p >> 64);
    p = (u128)c0 * d0;
    low += (uint64_t)p;
    p = (p >> 64) + (low < (uint64_t)p);
    mid += (uint64_t)p;
    mid_high += mid < (uint64_t)p;
    h0 += mid_high;
    h1 += h0 < mid_high;
    u128 const rest = (fp_of(h1, h0) << 1) | (mid >> 63); /* below 2^128 - 2 */
    return fp_fold(fp_fold(rest) + fp_of(mid & (UINT64_MAX >> 1), low));
}

static inline u128 fp_square(u128 a)
{
    return fp_mul(a, a);
}

/* a/2: an odd value becomes even by adding p. */
static inline u128 fp_half(u128 a)
{
    return (a + (FP_P & (0 - (a & 1)))) >> 1;
}

static inline u128 fp_square_times(u128 a, int times)
{
    for (int i = 0; i < times; i++) {
        a = fp_square(a);
    }
    return a;
}

/* a^((p - 3) / 4): 1 / root(a) or its negative if a is a square, and 0 for 0. */
static inline u128 fp_inverse_root(u128 a)
{
    u128 const x2 = fp_mul(fp_square(a), a); /* x<n> = a^(2^n - 1) */
    u128 const x4 = fp_mul(fp_square_times(x2, 2), x2);
    u128 const x5 = fp_mul(fp_square(x4), a);
    u128 const x10 = fp_mul(fp_square_times(x5, 5), x5);
    u128 const x20 = fp_mul(fp_square_times(x10, 10), x10);
    u128 const x25 = fp_mul(fp_square_times(x20, 5), x5);
    u128 const x50 = fp_mul(fp_square_times(x25, 25), x25);
    u128 const x100 = fp_mul(fp_square_times(x50, 50), x50);
    return fp_mul(fp_square_times(x100, 25), x25);
}

/* a^(p - 2): the inverse, and 0 for 0. */
static inline u128 fp_inverse(u128 a)
{
    return fp_mul(fp_square_times(fp_inverse_root(a), 2), a);
}

static inline struct fp2 fp2_add(struct fp2 a, struct fp2 b)
{
    return (struct fp2){.re = fp_add(a.re, b.re), .im = fp_add(a.im, b.im)};
}

static inline struct fp2 fp2_sub(struct fp2 a, struct fp2 b)
{
    return (struct fp2){.re = fp_sub(a.re, b.re), .im = fp_sub(a.im, b.im)};
}

static inline struct fp2 fp2_neg(struct fp2 a)
{
    return (struct fp2){.re = fp_neg(a.re), .im = fp_neg(a.im)};
}

__attribute__((always_inline)) static inline struct fp2 fp2_mul(struct fp2 a, struct fp2 b)
{
    return (struct fp2){.re = fp_dot(a.re, b.re, fp_neg(a.im), b.im),
                        .im = fp_dot(a.re, b.im, a.im, b.re)};
}

static inline struct fp2 fp2_square(struct fp2 a)
{
    return (struct fp2){
        .re = fp_mul(fp_add(a.re, a.im), fp_sub(a.re, a.im)),
        .im = fp_mul(fp_add(a.re, a.re), a.im),
    };
}

static inline struct fp2 fp2_conjugate(struct fp2 a)
{
    return (struct fp2){.re = a.re, .im = fp_neg(a.im)};
}

/* re^2 + im^2, a times its conjugate. */
static inline u128 fp2_norm(struct fp2 a)
{
    return fp_dot(a.re, a.re, a.im, a.im);
}

static inline struct fp2 fp2_scale(struct fp2 a, u128 b)
{
    return (struct fp2){.re = fp_mul(a.re, b), .im = fp_mul(a.im, b)};
}

/* 0 for 0. */
static inline struct fp2 fp2_inverse(struct fp2 a)
{
    return fp2_scale(fp2_conjugate(a), fp_inverse(fp2_norm(a)));
}

static inline bool fp_is_zero(u128 a)
{
    return fp_canonical(a) == 0;
}

static inline bool fp2_is_zero(struct fp2 a)
{
    return (fp_canonical(a.re) | fp_canonical(a.im)) == 0;
}

static inline bool fp2_equal(struct fp2 a, struct fp2 b)
{
    return fp2_is_zero(fp2_sub(a, b));
}

#endif
