// SPDX-License-Identifier: Apache-2.0
#include "core/market/billing.h"

#include "core/base/checked.h"
#include "core/base/invariant.h"

bool billing_cap(uint64_t p90_ms, int64_t rate, uint64_t margin_bps, int64_t lock_min,
                 int64_t *ret_cap)
{
    if (rate <= 0 || rate > AMOUNT_MAX || p90_ms > (uint64_t)INT64_MAX ||
        margin_bps > 100 * (uint64_t)BPS_WHOLE) {
        return false;
    }
    /* At most 2^63 × 10^15 × 10^6 < 2^134 would overflow: bound the time first (10 years). */
    if (p90_ms > UINT64_C(10) * 366 * 24 * (uint64_t)MS_PER_HOUR) {
        return false;
    }
    i128 numerator = (i128)p90_ms * rate * (BPS_WHOLE + (i128)margin_bps);
    i128 denominator = (i128)MS_PER_HOUR * BPS_WHOLE;
    i128 cap = (numerator + denominator - 1) / denominator;
    if (cap < lock_min) {
        cap = lock_min;
    }
    if (cap <= 0 || cap > AMOUNT_MAX) {
        return false;
    }
    *ret_cap = (int64_t)cap;
    return true;
}

bool billing_limit_ms(int64_t cap, int64_t rate, uint64_t *ret_ms)
{
    if (cap < 0 || rate <= 0) {
        return false;
    }
    i128 ms = (i128)cap * MS_PER_HOUR / rate;
    *ret_ms = ms > LIMIT_MS_MAX ? (uint64_t)LIMIT_MS_MAX : (uint64_t)ms;
    return true;
}

bool billing_compute(uint64_t used_ms, int64_t rate, int64_t cap, uint64_t fee_bps, bool paid,
                     struct bill *ret)
{
    if (rate < 0 || cap < 0 || cap > AMOUNT_MAX || fee_bps > (uint64_t)BPS_WHOLE) {
        return false;
    }
    i128 charge = paid ? (i128)used_ms * rate / MS_PER_HOUR : 0;
    struct bill bill = {.gross = charge > cap ? cap : (int64_t)charge};
    if (!mul_div_floor(bill.gross, (int64_t)fee_bps, BPS_WHOLE, &bill.fee)) {
        return false;
    }
    bill.payout = bill.gross - bill.fee;
    bill.refund = cap - bill.gross;
    INVARIANT(bill.fee >= 0 && bill.payout >= 0 && bill.refund >= 0);
    INVARIANT(bill.fee + bill.payout + bill.refund == cap);
    *ret = bill;
    return true;
}
