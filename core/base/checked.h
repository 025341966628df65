/* core/base/checked.h: arithmetic on amounts, sizes and sequences that never wraps.
 *
 * checked_*: true and `*ret` set, or false and `*ret` untouched when the result leaves the type.
 * Division names its rounding. Products of amounts go through 128 bits. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_CHECKED_H
#define CORE_BASE_CHECKED_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__extension__ typedef __int128 i128;
__extension__ typedef unsigned __int128 u128;

/* NOLINTBEGIN(bugprone-macro-parentheses): a type cannot stand in parentheses */
#define DEFINE_CHECKED(name, type)                                                                 \
    MUST_CHECK static inline bool checked_add_##name(type a, type b, type *ret)                    \
    {                                                                                              \
        type sum;                                                                                  \
        if (__builtin_add_overflow(a, b, &sum)) {                                                  \
            return false;                                                                          \
        }                                                                                          \
        *ret = sum;                                                                                \
        return true;                                                                               \
    }                                                                                              \
    MUST_CHECK static inline bool checked_sub_##name(type a, type b, type *ret)                    \
    {                                                                                              \
        type difference;                                                                           \
        if (__builtin_sub_overflow(a, b, &difference)) {                                           \
            return false;                                                                          \
        }                                                                                          \
        *ret = difference;                                                                         \
        return true;                                                                               \
    }                                                                                              \
    MUST_CHECK static inline bool checked_mul_##name(type a, type b, type *ret)                    \
    {                                                                                              \
        type product;                                                                              \
        if (__builtin_mul_overflow(a, b, &product)) {                                              \
            return false;                                                                          \
        }                                                                                          \
        *ret = product;                                                                            \
        return true;                                                                               \
    }

DEFINE_CHECKED(i64, int64_t)
DEFINE_CHECKED(u64, uint64_t)
DEFINE_CHECKED(size, size_t)
/* NOLINTEND(bugprone-macro-parentheses) */

/* floor(a × b ÷ c) and ceil(a × b ÷ c) for a, b ≥ 0 and c > 0; false if negative or past int64. */
MUST_CHECK static inline bool mul_div_floor(int64_t a, int64_t b, int64_t c, int64_t *ret)
{
    if (a < 0 || b < 0 || c <= 0) {
        return false;
    }
    i128 quotient = (i128)a * b / c;
    if (quotient > INT64_MAX) {
        return false;
    }
    *ret = (int64_t)quotient;
    return true;
}

MUST_CHECK static inline bool mul_div_ceil(int64_t a, int64_t b, int64_t c, int64_t *ret)
{
    if (a < 0 || b < 0 || c <= 0) {
        return false;
    }
    i128 quotient = ((i128)a * b + c - 1) / c;
    if (quotient > INT64_MAX) {
        return false;
    }
    *ret = (int64_t)quotient;
    return true;
}

#endif
