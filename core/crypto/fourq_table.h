/* core/crypto/fourq_table.h: multiples of the generator for fourq_mul_base.
 *
 * Entry [j][m] is (m + 1) * 256^j * G as (y + x, y - x, 2dxy). Written by fourq_table.py with plain
 * integers; tests/core/crypto/test_fourq.c computes every entry again with the C code. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_CRYPTO_FOURQ_TABLE_H
#define CORE_CRYPTO_FOURQ_TABLE_H

#include "core/crypto/fourq_field.h"

#define FOURQ_TABLE_ROWS 31
#define FOURQ_TABLE_COLUMNS 8

struct fourq_entry {
    struct fp2 sum;        /* y + x */
    struct fp2 difference; /* y - x */
    struct fp2 dt2;        /* 2 * d * x * y */
};

extern const struct fourq_entry fourq_table[FOURQ_TABLE_ROWS][FOURQ_TABLE_COLUMNS];

#endif
