/* core/market/ranking.h: all offers against one job, in an order; what is under the digest of match.computed.
 *
 * Orders:  what cannot be had comes last in each, by how many hard checks it fails. Before that
 *            value         by burden: cost × time to a result × risk of its class (matching.h)
 *            price         by cost, then time
 *            performance   by time, then cost
 *            availability  by the jobs ahead of it, then how reliably it ends them, then time, then cost
 *          Equals stand by offer id, so that an order is a function of its inputs.
 * Score:   floor(100 × the least burden ÷ its own): 100 for the best value; 0 for what cannot be had.
 * Memory:  one block for a ranking, none for an offer.
 * Pure:    as matching.h. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_RANKING_H
#define CORE_MARKET_RANKING_H

#include "core/market/matching.h"

enum match_order {
    MATCH_BY_VALUE = 1,
    MATCH_BY_PRICE = 2,
    MATCH_BY_PERFORMANCE = 3,
    MATCH_BY_AVAILABILITY = 4,
};
extern const struct enum_words match_order_words;

/* The offers that failed this hard check and none before it, so that the counts of all checks sum to the insufficient ones. */
struct match_failures {
    uint64_t count;
    uint64_t has_min; /* of what they have (match_has) */
    uint64_t has_max;
};

/* One of the best three: no offer twice, so a title may pass to the best of those that have none. */
struct match_pick {
    uint32_t at; /* in ranking.matches as ranking_create left them */
    bool best_value;
    bool fastest;
    bool cheapest; /* of all that can be had, whatever it was picked as */
};
#define MATCH_PICKS 3 /* best value, fastest, cheapest, in this order */

struct ranking {
    struct match *matches;
    size_t count;
    const struct requirements *needs;   /* borrowed, like … */
    const struct candidate *candidates; /* … these: matches[i].index is into them */
    int64_t now;
    uint64_t classes[FIT_INSUFFICIENT + 1]; /* how many of each fit */
    struct match_failures failures[MATCH_HARD];
    struct match_pick picks[MATCH_PICKS];
    size_t pick_count;
    void *memory;
};

/* Every candidate once, by value. count < 2^32. ERR_NOMEM. */
MUST_CHECK enum err_code ranking_create(const struct requirements *needs,
                                        const struct candidate *candidates, size_t count,
                                        int64_t now, struct ranking *ret, struct err *err);
/* Zeroed is fine. */
void ranking_destroy(struct ranking *ranking);
/* Put the matches in another order; picks and scores stay what they are, but `at` only means something by value. */
void ranking_sort(struct ranking *ranking, enum match_order order);

/* A match as it is hashed: offer id (16) ‖ fit (1) ‖ score, p50, p90, cost (8 each, big-endian). The digest in match.computed is SHA-256 over
 * all rows by value, the best first. */
#define RANKING_ROW_SIZE (16 + 1 + 4 * 8)
void ranking_row(const struct ranking *ranking, size_t at, uint8_t ret[RANKING_ROW_SIZE]);

#endif
