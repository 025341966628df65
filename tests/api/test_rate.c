/* R16: limits hold, exactly, for as many as ask, and give back what time allows. */
// SPDX-License-Identifier: Apache-2.0
#include "api/in_flight.h"
#include "api/rate.h"
#include "core/base/time.h"
#include "tests/support/cmocka_all.h"

#include <stdlib.h>

static size_t take_many(struct rates *rates, uint64_t key, int64_t now, size_t count)
{
    size_t taken = 0;
    for (size_t i = 0; i < count; i++) {
        taken += rates_take(rates, key, now) ? 1 : 0;
    }
    return taken;
}

static void a_second_gives_exactly_so_many_and_keys_do_not_share(void **state)
{
    (void)state;
    struct rates *rates = rates_create(50);
    int64_t now = 1000 * NS_PER_S;
    assert_int_equal(take_many(rates, 7, now, 500), 50);
    assert_int_equal(take_many(rates, 8, now, 10), 10);
    assert_int_equal(take_many(rates, 7, now + NS_PER_S / 2, 500), 25);
    assert_int_equal(take_many(rates, 7, now + NS_PER_S / 2, 500), 0);
    assert_int_equal(take_many(rates, 7, now + 100 * NS_PER_S, 500), 50);
    rates_destroy(rates);
}

/* However the requests fall, in any window of t seconds at most (t + 1) × rate are taken. */
static void no_window_has_more_than_its_share(void **state)
{
    (void)state;
    enum { RATE = 20, TAKEN_MAX = 4000 };
    static int64_t taken[TAKEN_MAX];
    struct rates *rates = rates_create(RATE);
    size_t count = 0;
    int64_t now = NS_PER_S;
    uint64_t dice = 20;
    for (size_t i = 0; i < 60000 && count < TAKEN_MAX; i++) {
        dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407;
        now += (int64_t)((dice >> 33) % (30 * NS_PER_MS));
        if (rates_take(rates, 3, now)) {
            taken[count++] = now;
        }
    }
    assert_true(count > 1000);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i; j < count && j < i + 200; j++) {
            int64_t window = taken[j] - taken[i];
            assert_true((int64_t)(j - i + 1) <= RATE + window / (NS_PER_S / RATE) + 1);
        }
    }
    rates_destroy(rates);
}

/* Goal: an attacker with a million addresses does not make the table grow, nor free itself by them. */
static void who_asks_now_is_not_forgotten_for_those_who_asked_before(void **state)
{
    (void)state;
    struct rates *rates = rates_create(5);
    int64_t now = 50 * NS_PER_S;
    for (uint64_t key = 1; key <= 1000000; key++) {
        (void)rates_take(rates, key * 77, now);
    }
    now += 2 * NS_PER_S;
    assert_int_equal(take_many(rates, 123, now, 100), 5);
    for (uint64_t key = 1; key <= 5000; key++) { /* others once each: 123 has used more than any */
        (void)rates_take(rates, key * 1000003, now);
        assert_false(rates_take(rates, 123, now));
    }
    rates_destroy(rates);
}

static void an_id_is_in_flight_until_it_is_removed(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    struct in_flight *table = in_flight_create();
    struct in_flight_entry *entries = calloc(COUNT + 1, sizeof *entries);
    for (size_t i = 0; i < COUNT; i++) {
        struct id16 id = {.b = {[13] = (uint8_t)(i >> 8), [15] = (uint8_t)i}}; /* long chains */
        assert_true(in_flight_add(table, &entries[i], id));
        assert_false(in_flight_add(table, &entries[COUNT], id));
    }
    for (size_t i = 0; i < COUNT; i += 2) {
        struct id16 id = entries[i].id;
        in_flight_remove(&entries[i]);
        in_flight_remove(&entries[i]);
        assert_true(in_flight_add(table, &entries[COUNT], id));
        in_flight_remove(&entries[COUNT]);
        assert_false(in_flight_add(table, &entries[COUNT], entries[i + 1].id));
    }
    for (size_t i = 1; i < COUNT; i += 2) {
        in_flight_remove(&entries[i]);
    }
    in_flight_destroy(table);
    free(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_gives_exactly_so_many_and_keys_do_not_share),
        cmocka_unit_test(no_window_has_more_than_its_share),
        cmocka_unit_test(who_asks_now_is_not_forgotten_for_those_who_asked_before),
        cmocka_unit_test(an_id_is_in_flight_until_it_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
