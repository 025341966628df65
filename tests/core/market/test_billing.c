/* Money to the last unit: every small case against plain 128-bit arithmetic, the edges, and random cases over the whole range. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/checked.h"
#include "core/market/billing.h"
#include "tests/support/cmocka_all.h"

#include <stdio.h>

static uint64_t random_state = 20260101;

static uint64_t random_u64(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t x = random_state;
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    return x ^ (x >> 33);
}

/* Of any magnitude, so that small and huge ones meet. */
static uint64_t random_any(uint64_t max)
{
    return (random_u64() >> (random_u64() % 64)) % (max + 1);
}

static void assert_cap(uint64_t p90_ms, int64_t rate, uint64_t margin_bps, int64_t lock_min)
{
    int64_t cap;
    u128 whole = (u128)3600000 * 10000;
    u128 price = (u128)p90_ms * (uint64_t)rate * (10000 + margin_bps);
    u128 up = price / whole + (price % whole != 0 ? 1 : 0);
    if (up < (uint64_t)lock_min) {
        up = (uint64_t)lock_min;
    }
    bool fits = up <= (uint64_t)AMOUNT_MAX;
    if (billing_cap(p90_ms, rate, margin_bps, lock_min, &cap) != fits) {
        fail_msg("cap of %llu ms at %lld: fits is %d", (unsigned long long)p90_ms, (long long)rate,
                 fits);
    }
    if (fits && (u128)cap != up) {
        fail_msg("cap of %llu ms at %lld is %lld", (unsigned long long)p90_ms, (long long)rate,
                 (long long)cap);
    }
    if (!fits) {
        return;
    }
    uint64_t limit;
    assert_true(billing_limit_ms(cap, rate, &limit));
    assert_true(limit <= (uint64_t)LIMIT_MS_MAX);
    /* The time the cap pays for is never less than the estimate, never costs more than the cap, and one more ms would. */
    assert_true(limit >= p90_ms);
    assert_true((u128)limit * (uint64_t)rate <= (u128)cap * 3600000);
    assert_true(limit == (uint64_t)LIMIT_MS_MAX ||
                (u128)(limit + 1) * (uint64_t)rate > (u128)cap * 3600000);
}

static void the_cap_is_the_price_rounded_up(void **state)
{
    (void)state;
    static const uint64_t margins[] = {0, 1, 2500, 9999, 10000, 100000};
    for (uint64_t p90 = 1; p90 < 60; p90++) {
        for (int64_t rate = 1; rate < 40; rate++) {
            for (size_t i = 0; i < sizeof margins / sizeof *margins; i++) {
                assert_cap(p90 * 997, rate * 1009, margins[i], 1);
                assert_cap(p90, rate, margins[i], 1 + rate);
            }
        }
    }
    for (int i = 0; i < 200000; i++) {
        assert_cap(1 + random_any(UINT64_C(10) * 366 * 24 * 3600000 - 1),
                   1 + (int64_t)random_any((uint64_t)AMOUNT_MAX - 1), random_any(100000),
                   1 + (int64_t)random_any(1000000));
    }
}

static void a_cap_out_of_range_is_refused(void **state)
{
    (void)state;
    int64_t cap = 77;
    uint64_t limit = 77;
    assert_false(billing_cap(UINT64_MAX, 1, 0, 1, &cap));
    assert_false(billing_cap(UINT64_C(10) * 366 * 24 * 3600000 + 1, 1, 0, 1, &cap));
    assert_false(billing_cap(1, 0, 0, 1, &cap));
    assert_false(billing_cap(1, -5, 0, 1, &cap));
    assert_false(billing_cap(1, AMOUNT_MAX + 1, 0, 1, &cap));
    assert_false(billing_cap(1, 1, 1000001, 1, &cap));
    assert_false(billing_cap(3600001, AMOUNT_MAX, 0, 1, &cap)); /* 1 ms too much */
    assert_int_equal(cap, 77);
    assert_true(billing_cap(3600000, AMOUNT_MAX, 0, 1, &cap));
    assert_int_equal(cap, AMOUNT_MAX);
    assert_false(billing_limit_ms(-1, 1, &limit));
    assert_false(billing_limit_ms(1, 0, &limit));
    assert_int_equal(limit, 77);
    /* A large minimum lock at a tiny rate would pay for longer than time can be told. */
    assert_true(billing_limit_ms(AMOUNT_MAX, 1, &limit));
    assert_int_equal(limit, LIMIT_MS_MAX);
    int64_t end_ns = 0;
    assert_true(checked_mul_i64((int64_t)limit, 1000000, &end_ns));
    assert_true(checked_add_i64(end_ns, INT64_C(4000000000) * 1000000000, &end_ns));
}

static void assert_bill(uint64_t used_ms, int64_t rate, int64_t cap, uint64_t fee_bps, bool paid)
{
    struct bill bill;
    assert_true(billing_compute(used_ms, rate, cap, fee_bps, paid, &bill));
    u128 charge = paid ? (u128)used_ms * (uint64_t)rate / 3600000 : 0;
    int64_t gross = charge > (uint64_t)cap ? cap : (int64_t)charge;
    int64_t fee = (int64_t)((u128)(uint64_t)gross * fee_bps / 10000);
    if (bill.gross != gross || bill.fee != fee || bill.payout != gross - fee ||
        bill.refund != cap - gross) {
        fail_msg("bill of %llu ms at %lld, cap %lld, fee %llu", (unsigned long long)used_ms,
                 (long long)rate, (long long)cap, (unsigned long long)fee_bps);
    }
    if (bill.fee + bill.payout + bill.refund != cap || bill.fee < 0 || bill.payout < 0 ||
        bill.refund < 0) {
        fail_msg("something is left over");
    }
}

static void a_bill_leaves_nothing_over(void **state)
{
    (void)state;
    size_t cases = 0;
    for (uint64_t used = 0; used < 40; used++) {
        for (int64_t rate = 0; rate < 40; rate++) {
            for (int64_t cap = 0; cap < 20; cap++) {
                for (uint64_t fee = 0; fee <= 10000; fee += 1250) {
                    assert_bill(used * 45000, rate, cap, fee, true);
                    assert_bill(used * 45000 + 44999, rate, cap, fee, cap % 2 == 0);
                    cases += 2;
                }
            }
        }
    }
    for (int i = 0; i < 500000; i++) {
        assert_bill(random_any(UINT64_MAX - 1), (int64_t)random_any((uint64_t)INT64_MAX),
                    (int64_t)random_any((uint64_t)AMOUNT_MAX), random_any(10000),
                    random_any(3) != 0);
        cases++;
    }
    assert_bill(UINT64_MAX, INT64_MAX, AMOUNT_MAX, 10000, true);
    printf("%zu bills\n", cases);
}

static void a_bill_out_of_range_is_refused(void **state)
{
    (void)state;
    struct bill bill = {.gross = 77};
    assert_false(billing_compute(1, -1, 1, 0, true, &bill));
    assert_false(billing_compute(1, 1, -1, 0, true, &bill));
    assert_false(billing_compute(1, 1, AMOUNT_MAX + 1, 0, true, &bill));
    assert_false(billing_compute(1, 1, 1, 10001, true, &bill));
    assert_int_equal(bill.gross, 77);
}

/* One QUBIC an hour is earned at the hour, not a millisecond before. */
static void charges_are_rounded_down(void **state)
{
    (void)state;
    struct bill bill;
    assert_true(billing_compute(3599999, 1, 10, 0, true, &bill));
    assert_int_equal(bill.gross, 0);
    assert_int_equal(bill.refund, 10);
    assert_true(billing_compute(3600000, 1, 10, 0, true, &bill));
    assert_int_equal(bill.payout, 1);
    assert_true(billing_compute(3600000, 3, 10, 5000, true, &bill)); /* half of 3 is a fee of 1 */
    assert_int_equal(bill.fee, 1);
    assert_int_equal(bill.payout, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cap_is_the_price_rounded_up),
        cmocka_unit_test(a_cap_out_of_range_is_refused),
        cmocka_unit_test(a_bill_leaves_nothing_over),
        cmocka_unit_test(a_bill_out_of_range_is_refused),
        cmocka_unit_test(charges_are_rounded_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
