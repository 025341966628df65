/* Rate, backoff and breaker, with time given. */
// SPDX-License-Identifier: Apache-2.0
#include "core/qubic/pace.h"
#include "tests/support/cmocka_all.h"

static void a_rate_lets_a_burst_go_and_then_spreads(void **state)
{
    (void)state;
    struct rate rate = {.per_s = 10, .burst = 3};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rate_peek(&rate, 5000), 5000);
        assert_int_equal(rate_reserve(&rate, 5000), 5000);
    }
    assert_int_equal(rate_reserve(&rate, 5000), 5100); /* places, in order */
    assert_int_equal(rate_reserve(&rate, 5000), 5200);
    assert_int_equal(rate_peek(&rate, 5250), 5300);
    assert_int_equal(rate_reserve(&rate, 5250), 5300);
    assert_int_equal(rate_reserve(&rate, 5400), 5400);
    /* after a rest the burst is there again, and no more than that */
    int at_once = 0;
    while (rate_peek(&rate, 99000) == 99000) {
        (void)rate_reserve(&rate, 99000);
        at_once++;
    }
    assert_int_equal(at_once, 3);
}

static void over_a_long_time_a_rate_is_kept(void **state)
{
    (void)state;
    static const uint32_t rates[] = {1, 3, 7, 50, 333, 1000};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct rate rate = {.per_s = rates[i], .burst = 1};
        int64_t left = 0;
        int64_t now = 0;
        while ((now = rate_reserve(&rate, now)) < 60000) {
            left++;
        }
        int64_t const expected = 60 * (int64_t)rates[i];
        assert_true(left >= expected && left <= expected + expected / 500 + 1);
    }
}

static void without_a_rate_nothing_waits(void **state)
{
    (void)state;
    struct rate rate = {0};
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(rate_reserve(&rate, 7), 7);
    }
}

static void backoff_doubles_with_jitter_up_to_its_limit(void **state)
{
    (void)state;
    struct backoff backoff = {.first_ms = 100, .max_ms = 1000, .seed = 1};
    static const int64_t widths[] = {100, 200, 400, 800, 1000, 1000};
    for (uint32_t n = 1; n <= 6; n++) {
        int64_t low = INT64_MAX;
        int64_t high = 0;
        for (int i = 0; i < 1000; i++) {
            int64_t const wait = backoff_wait_ms(&backoff, n);
            low = wait < low ? wait : low;
            high = wait > high ? wait : high;
        }
        int64_t const width = widths[n - 1];
        assert_true(low >= width / 2 && low < width * 6 / 10);
        assert_true(high <= width && high > width * 9 / 10);
    }
    assert_true(backoff_wait_ms(&backoff, UINT32_MAX) <= 1000);
    struct backoff a = {.first_ms = 100, .max_ms = 1000, .seed = 7};
    struct backoff b = a;
    for (uint32_t n = 1; n < 20; n++) {
        assert_int_equal(backoff_wait_ms(&a, n), backoff_wait_ms(&b, n));
    }
}

static struct breaker new_breaker(void)
{
    return (struct breaker){.failures_max = 3, .open_ms = 100, .open_max_ms = 350};
}

static void a_breaker_opens_after_failures_in_a_row(void **state)
{
    (void)state;
    struct breaker b = new_breaker();
    bool probe;
    for (int i = 0; i < 10; i++) { /* never three in a row */
        breaker_bad(&b, false, 1000);
        breaker_bad(&b, false, 1000);
        assert_true(breaker_allows(&b, 1000, &probe));
        assert_false(probe);
        breaker_good(&b);
    }
    breaker_bad(&b, false, 1000);
    breaker_bad(&b, false, 1000);
    breaker_bad(&b, false, 1000);
    assert_false(breaker_allows(&b, 1000, &probe));
    assert_false(breaker_allows(&b, 1099, &probe));
}

static void one_probe_decides(void **state)
{
    (void)state;
    struct breaker b = new_breaker();
    bool probe;
    for (int i = 0; i < 3; i++) {
        breaker_bad(&b, false, 1000);
    }
    static const int64_t spans[] = {100, 200, 350, 350};
    int64_t now = 1000;
    for (size_t i = 0; i < 4; i++) {
        assert_false(breaker_allows(&b, now + spans[i] - 1, &probe));
        now += spans[i];
        assert_true(breaker_allows(&b, now, &probe));
        assert_true(probe);
        assert_false(breaker_allows(&b, now + 1000, &probe)); /* one, however long it takes */
        breaker_bad(&b, false, now + 5); /* an answer from before changes nothing */
        assert_false(breaker_allows(&b, now + 1000, &probe));
        breaker_bad(&b, true, now);
    }
    now += 350;
    assert_true(breaker_allows(&b, now, &probe));
    breaker_forget(&b); /* cancelled: the next is the probe */
    assert_true(breaker_allows(&b, now, &probe));
    assert_true(probe);
    breaker_good(&b);
    for (int i = 0; i < 2; i++) { /* closed, and counting from zero */
        assert_true(breaker_allows(&b, now, &probe));
        assert_false(probe);
        breaker_bad(&b, false, now);
    }
    breaker_bad(&b, false, now);
    assert_false(breaker_allows(&b, now + 99, &probe));
    assert_true(breaker_allows(&b, now + 100, &probe)); /* short again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_lets_a_burst_go_and_then_spreads),
        cmocka_unit_test(over_a_long_time_a_rate_is_kept),
        cmocka_unit_test(without_a_rate_nothing_waits),
        cmocka_unit_test(backoff_doubles_with_jitter_up_to_its_limit),
        cmocka_unit_test(a_breaker_opens_after_failures_in_a_row),
        cmocka_unit_test(one_probe_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
