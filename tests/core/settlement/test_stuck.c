// SPDX-License-Identifier: Apache-2.0
#include "core/settlement/stuck.h"

#include "core/base/time.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/memory_store.h"

#include <string.h>

#define NOW (INT64_C(1790000000) * NS_PER_S)
#define TICK 5000

static struct store *store;
static struct leg_look looks[8];
static size_t count;

static int setup(void **state)
{
    (void)state;
    store = memory_store_create();
    count = 0;
    return store == NULL;
}

static int teardown(void **state)
{
    (void)state;
    memory_store_destroy(store);
    return 0;
}

static void put_escrow(uint8_t id, const struct escrow_row *row)
{
    struct id16 key = {{id}};
    store_put(store, &STATE_ESCROWS, id_key(&key), bytes_of(row, sizeof *row));
}

static void put_leg(uint8_t escrow, struct leg_row leg)
{
    uint8_t key[LEG_KEY_SIZE];
    uint8_t order[LEG_ORDER_SIZE];
    leg_key((struct id16){{escrow}}, (enum leg_kind)leg.kind, leg.deposit_tx, key);
    store_put(store, &STATE_LEGS, bytes_of(key, sizeof key), bytes_of(&leg, sizeof leg));
    leg_order((struct id16){{escrow}}, &leg, order);
    store_put(store, &STATE_LEGS_OPEN, bytes_of(order, sizeof order), bytes_of(key, sizeof key));
}

static bool has_key(const void *ctx, uint64_t key_id)
{
    (void)ctx;
    return key_id == 2;
}

static void take(void *ctx, const struct leg_look *look)
{
    (void)ctx;
    assert_true(count < sizeof looks / sizeof *looks);
    looks[count++] = *look;
}

static void look(void)
{
    const struct leg_look_context context = {
        .now = NOW, .tick = TICK, .processed = TICK - 2, .has_key = has_key};
    legs_look(store, &context, take, NULL);
    assert_int_equal(store_check(store, NULL), ERR_OK);
}

/* One escrow with one leg; what the look says. */
static struct leg_look one(const struct escrow_row *escrow, struct leg_row leg)
{
    leg.kind = LEG_PAYOUT;
    leg.due_at = leg.due_at == 0 ? NOW : leg.due_at;
    put_escrow(1, escrow);
    put_leg(1, leg);
    count = 0;
    look();
    assert_int_equal(count, 1);
    return looks[0];
}

static const struct escrow_row GOOD = {.key_id = 2, .status = ESCROW_SETTLED, .legs_open = 1};

static void backoff_begins_after_the_third_loss_and_never_exceeds_ten_minutes_of_ticks(void **state)
{
    (void)state;
    static const uint64_t WAITS[] = {8, 16, 32, 64, 128, 256, 512, 600, 600};
    for (uint64_t attempt = 0; attempt < 3; attempt++) {
        assert_int_equal(leg_backoff_tick(attempt, TICK), 0);
    }
    for (uint64_t i = 0; i < sizeof WAITS / sizeof *WAITS; i++) {
        assert_int_equal(leg_backoff_tick(3 + i, TICK), TICK + EVIDENCE_TICKS + WAITS[i]);
    }
    assert_int_equal(leg_backoff_tick(UINT64_MAX, TICK), TICK + EVIDENCE_TICKS + 600);
}

static void each_leg_says_what_it_waits_for(void **state)
{
    (void)state;
    struct escrow_row escrow = GOOD;
    struct leg_look seen = one(&escrow, (struct leg_row){.status = LEG_DUE});
    assert_int_equal(seen.wait, LEG_WAITS_NEXT_ROUND);
    assert_false(seen.stuck);
    seen = one(&escrow, (struct leg_row){.status = LEG_DUE, .attempt = 3, .tick = TICK - 5});
    assert_int_equal(seen.wait, LEG_WAITS_BACKOFF);
    assert_int_equal(seen.next_tick, TICK - 5 + 3 + 8);
    seen = one(&escrow, (struct leg_row){.status = LEG_DUE, .attempt = 3, .tick = TICK - 11});
    assert_int_equal(seen.wait, LEG_WAITS_NEXT_ROUND);
    seen = one(&escrow, (struct leg_row){.status = LEG_SIGNED, .attempt = 1, .tick = TICK - 4});
    assert_int_equal(seen.wait, LEG_WAITS_TICK);
    assert_int_equal(seen.next_tick, TICK - 1);
    seen = one(&escrow, (struct leg_row){.status = LEG_SIGNED, .attempt = 1, .tick = TICK - 5});
    assert_int_equal(seen.wait, LEG_WAITS_EVIDENCE);
    escrow.shortfall = 1;
    assert_int_equal(one(&escrow, (struct leg_row){.status = LEG_DUE}).wait, LEG_WAITS_SHORTFALL);
    escrow.key_id = 1;
    seen = one(&escrow, (struct leg_row){.status = LEG_DUE});
    assert_int_equal(seen.wait, LEG_WAITS_KEY);
    assert_int_equal(seen.key_id, 1);
    escrow.found_open = 1;
    assert_int_equal(one(&escrow, (struct leg_row){.status = LEG_DUE}).wait, LEG_WAITS_OPERATOR);
    escrow.found_open = 0;
    const struct ledger_row restored = {.observing = 1};
    store_put(store, &STATE_LEDGER, bytes_of_text("l"), bytes_of(&restored, sizeof restored));
    assert_int_equal(one(&escrow, (struct leg_row){.status = LEG_DUE}).wait, LEG_WAITS_OPERATOR);
    /* What was signed needs no key any more, and nobody's word. */
    seen = one(&escrow, (struct leg_row){.status = LEG_SIGNED, .attempt = 1, .tick = TICK});
    assert_int_equal(seen.wait, LEG_WAITS_TICK);
}

static void three_lost_attempts_or_ten_minutes_make_a_leg_stuck(void **state)
{
    (void)state;
    const int64_t old = NOW - STUCK_AFTER_S * NS_PER_S;
    assert_false(one(&GOOD, (struct leg_row){.status = LEG_DUE, .attempt = 2}).stuck);
    assert_false(one(&GOOD, (struct leg_row){.status = LEG_SIGNED, .attempt = 3}).stuck);
    assert_true(one(&GOOD, (struct leg_row){.status = LEG_DUE, .attempt = 3}).stuck);
    assert_true(one(&GOOD, (struct leg_row){.status = LEG_SIGNED, .attempt = 4}).stuck);
    assert_false(one(&GOOD, (struct leg_row){.status = LEG_DUE, .due_at = old + 1}).stuck);
    assert_true(one(&GOOD, (struct leg_row){.status = LEG_DUE, .due_at = old}).stuck);
}

static void only_the_first_leg_of_an_escrow_is_next(void **state)
{
    (void)state;
    struct escrow_row escrow = GOOD;
    put_escrow(1, &escrow);
    put_escrow(2, &escrow);
    put_leg(1, (struct leg_row){.kind = LEG_REFUND, .status = LEG_DUE, .due_at = NOW});
    put_leg(1, (struct leg_row){.kind = LEG_PAYOUT, .status = LEG_DUE, .due_at = NOW});
    put_leg(2, (struct leg_row){.kind = LEG_PAYOUT, .status = LEG_DUE, .due_at = NOW});
    look();
    assert_int_equal(count, 3);
    assert_int_equal(looks[0].wait, LEG_WAITS_NEXT_ROUND);
    assert_int_equal(looks[1].wait, LEG_WAITS_OTHER_LEG);
    assert_int_equal(looks[2].wait, LEG_WAITS_NEXT_ROUND);
    /* A return that is signed holds the others, whatever comes before it. */
    escrow.in_flight = 1;
    put_escrow(1, &escrow);
    put_leg(
        1, (struct leg_row){.kind = LEG_RETURN, .status = LEG_SIGNED, .tick = TICK, .due_at = NOW});
    count = 0;
    look();
    assert_int_equal(looks[0].wait, LEG_WAITS_OTHER_LEG);
    assert_int_equal(looks[1].wait, LEG_WAITS_OTHER_LEG);
    assert_int_equal(looks[2].wait, LEG_WAITS_TICK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(backoff_begins_after_the_third_loss_and_never_exceeds_ten_minutes_of_ticks),
        TEST(each_leg_says_what_it_waits_for),
        TEST(three_lost_attempts_or_ten_minutes_make_a_leg_stuck),
        TEST(only_the_first_leg_of_an_escrow_is_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
