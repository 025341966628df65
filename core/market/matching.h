/* core/market/matching.h: offers against requirements: does it fit, how long, what does it cost, and why not.
 *
 * Reference: a CPU job's estimate is for one core of a machine of speed 1000; a GPU job's for an RTX 3090. A machine of speed
 *          s permille takes estimate × 1000 ÷ s.
 * Pure:    no clock, no store; the same inputs give the same ranking (ties by offer id). */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_MATCHING_H
#define CORE_MARKET_MATCHING_H

#include "core/market/state.h"

#define MATCHING_VERSION 1
#define MATCH_WHY_MAX 120

struct match {
    struct id16 offer_id;
    enum fit fit;
    uint64_t score; /* 0 … 1000: cost-benefit against the best of the ranking; set by match_rank */
    uint64_t p50_ms;
    uint64_t p90_ms;
    int64_t cost; /* of the p50 at the offer's rate, rounded up; what it is likely to be */
    char why[MATCH_WHY_MAX]; /* "needs 24 GiB of GPU memory, has 12"; "" for recommended */
};

/* One offer; offer_id and score are left zero. An offline machine is insufficient. */
void match_offer(const struct requirements *needs, const struct offer_row *offer, bool online,
                 struct match *ret);
/* Order by fit class and cost-benefit (cost × time, smaller is better), best first, and fill in scores. */
void match_rank(struct match *matches, size_t count);

#endif
