/* core/market/billing.h: what a job costs, exactly. Version 1.
 *
 * Units:   rates are QUBIC per hour, times milliseconds, amounts whole QUBIC.
 * Rounding: the cap is rounded up (to the renter's disadvantage by less than 1 QUBIC, and returned if unused); the charge and the fee
 *          are rounded down. gross + refund = locked and fee + payout = gross, always.
 * Errors:  false when an amount would leave its range. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_BILLING_H
#define CORE_MARKET_BILLING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

#define BILLING_VERSION 1
#define MS_PER_HOUR INT64_C(3600000)
#define BPS_WHOLE INT64_C(10000)
#define AMOUNT_MAX INT64_C(1000000000000000) /* 10^15, the chain's limit for one transaction */

/* ceil(p90 × (1 + margin) × rate), at least `lock_min`. With a time that the consumer set: of that, without a margin. */
MUST_CHECK bool billing_cap(uint64_t p90_ms, int64_t rate, uint64_t margin_bps, int64_t lock_min,
                            int64_t *ret_cap);
#define LIMIT_MS_MAX                                                                               \
    INT64_C(3155760000000) /* a hundred years: in ns and added to a time still an int64 */
/* floor(cap ÷ rate), at most LIMIT_MS_MAX: the time the cap pays for. rate > 0. */
MUST_CHECK bool billing_limit_ms(int64_t cap, int64_t rate, uint64_t *ret_ms);

struct bill {
    int64_t gross;  /* min(floor(used × rate), cap) */
    int64_t fee;    /* floor(gross × bps ÷ 10,000), out of gross */
    int64_t payout; /* gross − fee */
    int64_t refund; /* locked − gross */
};

/* `paid`: whether this ending pays the provider at all. */
MUST_CHECK bool billing_compute(uint64_t used_ms, int64_t rate, int64_t cap, uint64_t fee_bps,
                                bool paid, struct bill *ret);

#endif
