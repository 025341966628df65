/* core/crypto/fourq.h: the elliptic curve FourQ, as far as Qubic's signatures need it.
 *
 *     E: -x^2 + y^2 = 1 + d x^2 y^2 over GF((2^127 - 1)^2),   #E = 392 * r,   r a prime of 246 bits
 *
 * Shape:   points in extended coordinates (X : Y : Z : T), T = XY / Z; 32-byte encodings hold y and the sign
 *          of x. Scalars are four little-endian words; `fourq_scalar_*` reduce modulo r.
 * Thread:  any; nothing is shared but constant tables.
 * Secrets: `fourq_mul_base`, `fourq_encode` and the scalar functions have no branch and no table index
 *          that depends on their input. `_public` functions do, and take public values only.
 * Source:  Costello, Longa (IACR eprint 2015/565), curve constants from there. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_CRYPTO_FOURQ_H
#define CORE_CRYPTO_FOURQ_H

#include "core/base/id.h"
#include "core/crypto/fourq_field.h"

struct fourq_point {
    struct fp2 x;
    struct fp2 y;
    struct fp2 z;
    struct fp2 t;
};

struct fourq_scalar {
    uint64_t words[4]; /* least significant first */
};

/* Results come by pointer, so that a secret one leaves no copy on the stack; it may be one of the arguments. */
/* 32 little-endian bytes, unchanged. */
void fourq_scalar_load(const uint8_t bytes[32], struct fourq_scalar *ret);
void fourq_scalar_store(const struct fourq_scalar *scalar, uint8_t ret[32]);
/* True if below r; variable time. */
bool fourq_scalar_is_reduced_public(const struct fourq_scalar *scalar);
void fourq_scalar_reduce(const struct fourq_scalar *a, struct fourq_scalar *ret);
/* a - b * c modulo r, in [0, r); any 256-bit inputs. */
void fourq_scalar_sub_mul(const struct fourq_scalar *a, const struct fourq_scalar *b,
                          const struct fourq_scalar *c, struct fourq_scalar *ret);

void fourq_encode(const struct fourq_point *point, struct key32 *ret);
/* False if no point of the curve has this encoding, or if bit 127, which must be 0, is set. The sign bit of
 * x = 0 is ignored and y = p is read as 0, as the network reads them. */
bool fourq_decode_public(const struct key32 *encoded, struct fourq_point *ret);

/* k * G for any k; k is reduced modulo r first. */
void fourq_mul_base(const struct fourq_scalar *k, struct fourq_point *ret);
/* k * G + l * P for a point P of order r (for others the result means nothing); k and l are reduced modulo r first. */
void fourq_mul_double_public(const struct fourq_scalar *k, const struct fourq_scalar *l,
                             const struct fourq_point *point, struct fourq_point *ret);

bool fourq_is_neutral_public(const struct fourq_point *point);
/* True if a point as fourq_decode_public gives it (z = 1) has order exactly r: not neutral, not of low order, no
 * low-order part. */
bool fourq_has_order_r_public(const struct fourq_point *point);
/* True if 392 * P is neutral. */
bool fourq_has_low_order_public(const struct fourq_point *point);
/* k * G + l * P as the network computes it for a P that has neither order r nor low order; l is not reduced. */
void fourq_mul_double_mixed_public(const struct fourq_scalar *k, const struct fourq_scalar *l,
                                   const struct fourq_point *point, struct fourq_point *ret);

/* The parts of fourq_mul_double_public, for the tests. P has order r. */
/* P, phi(P), psi(P) and (phi psi / 4)(P). */
void fourq_endomorphisms_public(const struct fourq_point *point, struct fourq_point ret[4]);
/* l = sum of ret[i] * (what the i-th of them multiplies by) modulo r, each below 2^62 in magnitude; l below r. */
void fourq_scalar_cut_public(const struct fourq_scalar *l, int64_t ret[4]);

#endif
