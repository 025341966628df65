/* The ledger's time. Method: clocks that say what the test wants, alone and under a ledger. */
// SPDX-License-Identifier: Apache-2.0
#include "core/ledger/ledger_clock.h"

#include "core/base/rng.h"
#include "core/event/codec.h"
#include "core/ledger/ledger.h"
#include "core/log/log_reader.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"

#include <stdatomic.h>
#include <unistd.h>

#define HOUR (3600 * NS_PER_S)
#define BEGIN (INT64_C(1790000000) * NS_PER_S)

static void both_clocks_together_are_followed_to_the_nanosecond(void **state)
{
    (void)state;
    struct ledger_clock clock;
    ledger_clock_start(&clock, 7, BEGIN, 0);
    for (int64_t at = 1; at < HOUR; at = at * 3 + 1) {
        assert_int_equal(ledger_clock_read(&clock, BEGIN + at, at), 0);
        assert_int_equal(clock.now, BEGIN + at);
    }
    assert_int_equal(ledger_clock_read(&clock, BEGIN + HOUR + NS_PER_S / 2, HOUR), 0);
    assert_int_equal(clock.now, BEGIN + HOUR + NS_PER_S / 2); /* small differences at once */
}

static void a_clock_set_back_does_not_stop_time(void **state)
{
    (void)state;
    struct ledger_clock clock;
    ledger_clock_start(&clock, 0, BEGIN, 0);
    assert_int_equal(ledger_clock_read(&clock, BEGIN - HOUR, 0), -HOUR);
    assert_int_equal(clock.now, BEGIN);
    assert_int_equal(ledger_clock_read(&clock, BEGIN - HOUR + 1000 * NS_PER_S, 1000 * NS_PER_S), 0);
    assert_int_equal(clock.now, BEGIN + 999 * NS_PER_S);
    int64_t at = 1000 * NS_PER_S;
    while (clock.now > BEGIN - HOUR + at) {
        int64_t const before = clock.now;
        at += 100 * NS_PER_S;
        assert_int_equal(ledger_clock_read(&clock, BEGIN - HOUR + at, at), 0);
        assert_in_range(clock.now - before, 999 * NS_PER_S / 10, 100 * NS_PER_S);
        assert_true(at < 1001 * HOUR);
    }
    assert_int_equal(clock.now, BEGIN - HOUR + at); /* and is not behind then */
}

static void a_clock_set_forward_does_not_make_time_jump(void **state)
{
    (void)state;
    struct ledger_clock clock;
    ledger_clock_start(&clock, 0, BEGIN, 0);
    assert_int_equal(ledger_clock_read(&clock, BEGIN + HOUR + NS_PER_S, NS_PER_S), HOUR);
    assert_int_equal(clock.now, BEGIN + NS_PER_S + NS_PER_S / 1000);
    for (int64_t at = 2; at <= 1001 * 3600; at++) {
        int64_t const before = clock.now;
        assert_int_equal(ledger_clock_read(&clock, BEGIN + HOUR + at * NS_PER_S, at * NS_PER_S), 0);
        assert_in_range(clock.now - before, NS_PER_S, 2 * NS_PER_S + NS_PER_S / 1000);
    }
    assert_int_equal(clock.now, BEGIN + HOUR + 1001 * HOUR);
}

static void a_start_takes_the_later_of_clock_and_newest_record(void **state)
{
    (void)state;
    struct ledger_clock clock;
    ledger_clock_start(&clock, BEGIN, BEGIN + HOUR, 5);
    assert_int_equal(clock.now, BEGIN + HOUR);
    ledger_clock_start(&clock, BEGIN, BEGIN - HOUR, 5);
    assert_int_equal(clock.now, BEGIN);
    assert_int_equal(ledger_clock_read(&clock, BEGIN - HOUR + NS_PER_S, 5 + NS_PER_S), 0);
    assert_int_equal(clock.now, BEGIN + NS_PER_S - NS_PER_S / 1000); /* it does not stand still */
}

/* ── under a ledger ────────────────────────────────────────────────────────────────────────────── */

static _Atomic int64_t wall;
static _Atomic int64_t mono;

static int64_t wall_ns(void)
{
    return atomic_load(&wall);
}

static int64_t mono_ns(void)
{
    return atomic_load(&mono);
}

/* The time of the record a command leaves. */
static int64_t time_of_one(struct ledger *ledger, const struct note_key *key)
{
    struct log_reader *reader = NULL;
    struct bytes record = {0};
    struct record_header header = {0};
    struct command c = {.type = COMMAND_LEDGER_START, .actor_kind = ACTOR_LEDGER};
    if (ledger_origin(ledger)[0] == '\0') {
        c.type = COMMAND_LEDGER_OPEN;
        c.actor_kind = ACTOR_OPERATOR;
        c.u.open = (struct ev_ledger_opened){.log_id = id_new(1),
                                             .generation = 1,
                                             .network = NETWORK_LOCAL,
                                             .record_format = 1,
                                             .checkpoint_key = key->public_key,
                                             .name = bytes_of_text("tally.test")};
    } else {
        c.u.start.software = bytes_of_text("test");
    }
    rng_bytes(&c.command_id, sizeof c.command_id);
    const struct ledger_answer answer = ledger_submit_wait(ledger, &c, CLASS_SETTLEMENT);
    if (answer.code != ERR_OK) {
        fail_msg("%s", answer.err.message);
    }
    assert_int_equal(log_reader_open(ledger_log(ledger), &reader, NULL), ERR_OK);
    assert_int_equal(log_reader_record(reader, answer.last, &record, NULL), ERR_OK);
    assert_int_equal(record_header_decode(record, &header, NULL), ERR_OK);
    log_reader_close(reader);
    return header.time;
}

static void records_are_stamped_with_steady_time(void **state)
{
    (void)state;
    char folder[64];
    struct note_key key;
    struct ledger *ledger = NULL;
    struct ledger_stats stats;
    temp_folder_create(folder);
    note_key_generate(&key);
    const struct ledger_options options = {.data_dir = folder,
                                           .checkpoint_key = &key,
                                           .map_size = UINT64_C(1) << 24,
                                           .wall_ns = wall_ns,
                                           .mono_ns = mono_ns};
    atomic_store(&wall, BEGIN);
    assert_int_equal(ledger_open(&options, &ledger, NULL), ERR_OK);
    assert_int_equal(time_of_one(ledger, &key), BEGIN);
    atomic_store(&wall, BEGIN - HOUR);
    assert_int_equal(time_of_one(ledger, &key), BEGIN);
    atomic_fetch_add(&mono, 10 * NS_PER_S);
    int64_t const after = time_of_one(ledger, &key);
    assert_in_range(after, BEGIN + 10 * NS_PER_S - NS_PER_S / 100, BEGIN + 10 * NS_PER_S);
    atomic_store(&wall, BEGIN + HOUR);
    assert_int_equal(time_of_one(ledger, &key), after);
    ledger_stats(ledger, &stats);
    assert_in_range(stats.clock_steps, 2,
                    3); /* three if the writer looked while only one was set */
    assert_in_range(stats.clock_behind_ms, 3580000, 3600000);
    ledger_close(ledger);
    assert_int_equal(ledger_open(&options, &ledger, NULL), ERR_OK);
    assert_int_equal(time_of_one(ledger, &key), BEGIN + HOUR); /* what was not ours to know */
    ledger_close(ledger);
    temp_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_clocks_together_are_followed_to_the_nanosecond),
        cmocka_unit_test(a_clock_set_back_does_not_stop_time),
        cmocka_unit_test(a_clock_set_forward_does_not_make_time_jump),
        cmocka_unit_test(a_start_takes_the_later_of_clock_and_newest_record),
        cmocka_unit_test(records_are_stamped_with_steady_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
