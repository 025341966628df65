/* core/crypto/fourq_table.h: the numbers that fourq.c and fourq_verify.c work with: multiples of the generator, the
 * lattice that cuts a scalar in four, and the lines that tell whether a point has order r.
 *
 * Written by fourq_table.py with plain integers; tests/core/crypto/test_fourq.c computes every multiple again with
 * the C code, and checks what the rest must do. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_CRYPTO_FOURQ_TABLE_H
#define CORE_CRYPTO_FOURQ_TABLE_H

#include "core/crypto/fourq_field.h"

#define FOURQ_TABLE_ROWS 31
#define FOURQ_TABLE_COLUMNS 8
#define FOURQ_ODD_ROWS 4
#define FOURQ_ODD_COLUMNS 64
#define FOURQ_ODD_ROW_BITS 62

struct fourq_entry {
    struct fp2 sum;        /* y + x */
    struct fp2 difference; /* y - x */
    struct fp2 dt2;        /* 2 * d * x * y */
};

/* [j][m] is (m + 1) * 256^j * G. */
extern const struct fourq_entry fourq_table[FOURQ_TABLE_ROWS][FOURQ_TABLE_COLUMNS];
/* [j][m] is (2m + 1) * 2^(62j) * G. */
extern const struct fourq_entry fourq_odd_multiples[FOURQ_ODD_ROWS][FOURQ_ODD_COLUMNS];

/* Four short relations of the endomorphisms' eigenvalues modulo r, one a row; (1, 0, 0, 0) is the sum of
 * share[i] / 2^256 * row[i], up to rounding. */
struct fourq_lattice {
    uint64_t share[4][4]; /* least significant word first */
    int64_t row[4][4];
};
extern const struct fourq_lattice fourq_lattice;

/* v = slope * u + offset on the curve's Montgomery form, u = (1 + y) / (1 - y), v = u / x. */
struct fourq_line {
    struct fp2 slope;
    struct fp2 offset;
};
/* For a point T of order 7: the lines touching at T, through 2T and T, touching at 3T; u of 2T and of 3T. */
struct fourq_order_7 {
    struct fourq_line line[3];
    struct fp2 vertical[2];
};
/* The tangent at a point T of order 8 with 2T = (-i, 0). */
extern const struct fourq_line fourq_tangent_8;
/* Two points that generate all of the 49. */
extern const struct fourq_order_7 fourq_order_7[2];

#endif
