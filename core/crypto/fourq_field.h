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

/* Bring a value below 2^128 - 1 into [0, p]. */
static inline u128 fp_fold(u128 a)
{
    return (a & FP_P) + (a >> 127);
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
    u128 const high = (u128)a1 * b1;
    u128 const carry = (low >> 64) + (uint64_t)middle;
    u128 const bottom = (carry << 64) | (uint64_t)low;
    u128 const top = high + (middle >> 64) + (carry >> 64);
    return fp_fold((bottom & FP_P) + ((top << 1) | (bottom >> 127)));
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

/* a^(p - 2): the inverse, and 0 for 0. */
static inline u128 fp_inverse(u128 a)
{
    u128 const x2 = fp_mul(fp_square(a), a); /* x<n> = a^(2^n - 1) */
    u128 const x4 = fp_mul(fp_square_times(x2, 2), x2);
    u128 const x5 = fp_mul(fp_square(x4), a);
    u128 const x10 = fp_mul(fp_square_times(x5, 5), x5);
    u128 const x20 = fp_mul(fp_square_times(x10, 10), x10);
    u128 const x25 = fp_mul(fp_square_times(x20, 5), x5);
    u128 const x50 = fp_mul(fp_square_times(x25, 25), x25);
    u128 const x100 = fp_mul(fp_square_times(x50, 50), x50);
    u128 const x125 = fp_mul(fp_square_times(x100, 25), x25);
    return fp_mul(fp_square_times(x125, 2), a); /* 4 * (2^125 - 1) + 1 = p - 2 */
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

static inline struct fp2 fp2_mul(struct fp2 a, struct fp2 b)
{
    u128 const re = fp_mul(a.re, b.re);
    u128 const im = fp_mul(a.im, b.im);
    u128 const cross = fp_mul(fp_add(a.re, a.im), fp_add(b.re, b.im));
    return (struct fp2){.re = fp_sub(re, im), .im = fp_sub(fp_sub(cross, re), im)};
}

static inline struct fp2 fp2_square(struct fp2 a)
{
    return (struct fp2){
        .re = fp_mul(fp_add(a.re, a.im), fp_sub(a.re, a.im)),
        .im = fp_mul(fp_add(a.re, a.re), a.im),
    };
}

/* conj(a) / (re^2 + im^2); 0 for 0. */
static inline struct fp2 fp2_inverse(struct fp2 a)
{
    u128 const scale = fp_inverse(fp_add(fp_square(a.re), fp_square(a.im)));
    return (struct fp2){.re = fp_mul(a.re, scale), .im = fp_mul(fp_neg(a.im), scale)};
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

/* A square root of `a` if there is one. Branches on its values: for public points only. */
bool fp2_sqrt_public(struct fp2 a, struct fp2 *ret);

#endif
