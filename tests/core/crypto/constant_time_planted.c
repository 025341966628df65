/* core/crypto/fourq.c with a mistake in the signing path, linked before the honest one into a copy of constant_time.c:
 * TALLY_PLANT_BRANCH branches on a bit of the secret scalar, TALLY_PLANT_INDEX reads the table at a place that a digit of
 * it tells. The result stays right, so only memcheck can see them. */
// SPDX-License-Identifier: Apache-2.0
#define fourq_mul_base honest_mul_base
/* NOLINTNEXTLINE(bugprone-suspicious-include): its static functions are wanted too */
#include "core/crypto/fourq.c"
#undef fourq_mul_base

void fourq_mul_base(const struct fourq_scalar *k, struct fourq_point *ret);

volatile uint64_t planted;

void fourq_mul_base(const struct fourq_scalar *k, struct fourq_point *ret)
{
#if defined(TALLY_PLANT_BRANCH)
    if ((k->words[2] & 1) != 0) {
        planted++;
    }
#elif defined(TALLY_PLANT_INDEX)
    planted = (uint64_t)fourq_table[0][k->words[1] & 7].sum.re;
#else
#error "nothing is planted"
#endif
    honest_mul_base(k, ret);
}
