/* core/base/invariant.h: assertions for our own mistakes, never for input.
 *
 * INVARIANT stays on in release: a ledger that is wrong must stop. INVARIANT_SLOW (whole-ledger sums)
 * runs in sanitizer builds, which define TALLY_SLOW_CHECKS. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_INVARIANT_H
#define CORE_BASE_INVARIANT_H

_Noreturn void invariant_failed(const char *what, const char *file, int line);

#define INVARIANT(condition)                                                                       \
    ((condition) ? (void)0 : invariant_failed(#condition, __FILE__, __LINE__))

#ifdef TALLY_SLOW_CHECKS
#define INVARIANT_SLOW(condition) INVARIANT(condition)
#else
#define INVARIANT_SLOW(condition) ((void)0)
#endif

#define IMPOSSIBLE(why) invariant_failed("impossible: " why, __FILE__, __LINE__)

#endif
