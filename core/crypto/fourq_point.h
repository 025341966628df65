/* core/crypto/fourq_point.h: adding and doubling points of FourQ.
 *
 * Shape:   extended coordinates (X : Y : Z : T), T = XY / Z. The formulas are complete: they hold for any two
 *          points of the curve over GF(p^2). With `keep_t` false T is left out, which the next doubling does not
 *          need; a product less.
 * Rule:    no branch on a coordinate. `keep_t` and `negative` are public. Used by core/crypto/fourq*.c only.
 * Source:  Hisil, Wong, Carter, Dawson: Twisted Edwards curves revisited (IACR eprint 2008/522). */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_CRYPTO_FOURQ_POINT_H
#define CORE_CRYPTO_FOURQ_POINT_H

#include "core/crypto/fourq.h"
#include "core/crypto/fourq_table.h"

static const struct fp2 fourq_d = {FP(0x00000000000000E4, 0x0000000000000142),
                                   FP(0x5E472F846657E0FC, 0xB3821488F1FC0C8D)};
static const struct fourq_point fourq_neutral = {{0, 0}, {1, 0}, {1, 0}, {0, 0}};

/* (y + x, y - x, 2dt) over z, and 2z: what an addition wants of its second point. */
struct fourq_cached {
    struct fourq_entry entry;
    struct fp2 z2;
};

/* The last step of every formula: the products of E, F, H, K. */
static inline void point_complete(struct fourq_point *p, struct fp2 e, struct fp2 f, struct fp2 h,
                                  struct fp2 k, bool keep_t)
{
    p->x = fp2_mul(e, f);
    p->y = fp2_mul(h, k);
    p->z = fp2_mul(f, h);
    if (keep_t) {
        p->t = fp2_mul(e, k);
    }
}

static inline void point_double(struct fourq_point *p, bool keep_t)
{
    struct fp2 const a = fp2_square(p->x);
    struct fp2 const b = fp2_square(p->y);
    struct fp2 const z2 = fp2_square(p->z);
    struct fp2 const sum = fp2_add(a, b);
    struct fp2 const e = fp2_sub(fp2_square(fp2_add(p->x, p->y)), sum);
    struct fp2 const h = fp2_sub(b, a);
    struct fp2 const f = fp2_sub(h, fp2_add(z2, z2));
    /* D = -A turns the K of the general formula into -(A + B), F into H - C */
    point_complete(p, e, f, h, fp2_neg(sum), keep_t);
}

/* p + q, or p - q: the negative of a point has sum and difference swapped and dt2 negated; whether it is wanted is as
 * good as random, so there is no branch. `d` is 2 z z'. */
static inline void point_add_scaled(struct fourq_point *p, const struct fourq_entry *q,
                                    struct fp2 d, bool negative, bool keep_t)
{
    const struct fp2 *difference = negative ? &q->sum : &q->difference;
    const struct fp2 *sum = negative ? &q->difference : &q->sum;
    u128 const flip = FP_P & (0 - (u128)negative); /* p - x is the complement of its 127 bits */
    struct fp2 const dt2 = {.re = q->dt2.re ^ flip, .im = q->dt2.im ^ flip};
    struct fp2 const a = fp2_mul(fp2_sub(p->y, p->x), *difference);
    struct fp2 const b = fp2_mul(fp2_add(p->y, p->x), *sum);
    struct fp2 const c = fp2_mul(p->t, dt2);
    point_complete(p, fp2_sub(b, a), fp2_sub(d, c), fp2_add(d, c), fp2_add(b, a), keep_t);
}

static inline void point_add_entry(struct fourq_point *p, const struct fourq_entry *q,
                                   bool negative, bool keep_t)
{
    point_add_scaled(p, q, fp2_add(p->z, p->z), negative, keep_t);
}

static inline void point_add_cached(struct fourq_point *p, const struct fourq_cached *q,
                                    bool negative, bool keep_t)
{
    point_add_scaled(p, &q->entry, fp2_mul(p->z, q->z2), negative, keep_t);
}

static inline struct fourq_cached point_cache(const struct fourq_point *p)
{
    struct fp2 const dt = fp2_mul(fourq_d, p->t);
    return (struct fourq_cached){
        .entry = {.sum = fp2_add(p->y, p->x),
                  .difference = fp2_sub(p->y, p->x),
                  .dt2 = fp2_add(dt, dt)},
        .z2 = fp2_add(p->z, p->z),
    };
}

#endif
