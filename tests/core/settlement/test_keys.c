/* Settlement keys on a real ledger and a real local chain: a new one, an old one that is not there, and the end of one. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "tests/core/settlement/world.h"
#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WINDOW 400

static int start(void **state, const struct world_options *options)
{
    struct world *w = calloc(1, sizeof *w);
    world_start(w, options);
    *state = w;
    return 0;
}

static int setup(void **state)
{
    return start(state, &(struct world_options){0});
}

/* A payment takes so long here that settlement can be stopped before the next one is signed, however busy the machine. */
static int setup_slow(void **state)
{
    return start(state, &(struct world_options){.tick_offset = 40});
}

static int teardown(void **state)
{
    world_end(*state);
    free(*state);
    return 0;
}

static void write_seed(struct world *w)
{
    w->operator_keys[1] = w->operator_keys[0];
    w->operator_keys[1].key_id = 2;
    memset(w->operator_keys[1].seed, 'n', QUBIC_SEED_SIZE);
    w->operator_key_count = 2;
}

static void add_key(struct world *w)
{
    struct command command = {.type = COMMAND_KEY_ADD,
                              .command_id = id_new(time_wall_ns()),
                              .actor_kind = ACTOR_OPERATOR};
    command.u.key.key_id = 2;
    command.u.key.check_identity = operator_check_identity(&w->operator_keys[1]);
    assert_int_equal(ledger_submit_wait(w->ledger, &command, CLASS_SETTLEMENT).code, ERR_OK);
}

static struct settlement_key_row key_row(struct world *w, uint64_t key_id)
{
    struct views_snapshot *snapshot;
    struct settlement_key_row row;
    assert_int_equal(views_snapshot_open(ledger_views(w->ledger), &snapshot, NULL), ERR_OK);
    assert_true(state_settlement_key(views_snapshot_store(snapshot), key_id, &row));
    views_snapshot_close(snapshot);
    return row;
}

static void queue(struct world *w, struct job *job)
{
    world_create_job(w, job, WINDOW);
    (void)world_lock(w, job);
    WORLD_UNTIL(world_job(w, job).status == JOB_QUEUED);
}

static void jobs_of_both_keys_are_paid_and_the_old_key_ends(void **state)
{
    struct world *w = *state;
    struct job before;
    struct job after;
    queue(w, &before);
    assert_int_equal(world_escrow(w, &before).key_id, 1);
    world_stop_settlement(w);
    write_seed(w);
    add_key(w);
    world_start_settlement(w);
    queue(w, &after);
    assert_int_equal(world_escrow(w, &after).key_id, 2);
    assert_int_equal(key_row(w, 1).escrows_open, 1);
    assert_int_equal(key_row(w, 1).retired_sequence, 0);
    assert_true(world_work(w, ENDING_COMPLETED));
    assert_true(world_work(w, ENDING_COMPLETED));
    WORLD_UNTIL(world_done(w, &before) && world_done(w, &after));
    WORLD_UNTIL(world_count(w, EVENT_SETTLEMENT_KEY_RETIRED) == 1);
    assert_int_not_equal(key_row(w, 1).retired_sequence, 0);
    assert_int_equal(key_row(w, 2).retired_sequence, 0);
    world_assert_empty(w, &before, 3);
    world_assert_empty(w, &after, 3);
    world_assert_gains(w, -2 * USED, 2 * PAYOUT, 2 * FEE);
    world_verify(w);
}

/* Goal: what comes late to an escrow of a retired key still goes back. */
static void a_retired_key_still_returns_what_comes_late(void **state)
{
    struct world *w = *state;
    struct job job;
    queue(w, &job);
    assert_true(world_work(w, ENDING_COMPLETED));
    WORLD_UNTIL(world_done(w, &job));
    world_stop_settlement(w);
    write_seed(w);
    add_key(w);
    world_start_settlement(w);
    WORLD_UNTIL(world_count(w, EVENT_SETTLEMENT_KEY_RETIRED) == 1);
    struct qubic_transaction again = world_lock_of(w, &job);
    struct key32 late = chain_pay(&w->chain, &again, &w->consumer);
    WORLD_UNTIL(world_deposit(w, &late).state == DEPOSIT_RETURNED);
    world_assert_empty(w, &job, 4);
    assert_int_equal(world_count(w, EVENT_SETTLEMENT_KEY_RETIRED), 1);
}

static bool names(const char *text, const struct job *job)
{
    char id[ID_TEXT_SIZE];
    id_format(job->escrow_id, id);
    return strstr(text, id) != NULL && strstr(text, "key 1") != NULL;
}

/* Goal: without the old key, or with another seed in its place, its escrows wait and are named; nothing else does. */
static void escrows_of_a_missing_key_wait_alone(void **state)
{
    struct world *w = *state;
    struct job old;
    struct job new;
    struct settlement_status status;
    char trouble[ERR_MESSAGE_MAX];
    struct operator_key right = w->operator_keys[0];
    queue(w, &old);
    assert_true(world_work(w, ENDING_COMPLETED));
    WORLD_UNTIL(world_count(w, EVENT_REFUND_SIGNED) == 1);
    world_stop_settlement(w); /* a leg of it is in flight: it is followed to its end all the same */
    assert_int_equal(world_count(w, EVENT_PAYOUT_SIGNED), 0);
    write_seed(w);
    add_key(w);
    w->operator_keys[0].seed[7] = 'x';
    world_start_settlement(w);
    assert_false(settlement_has_key(w->settlement, 1));
    assert_true(settlement_has_key(w->settlement, 2));
    WORLD_UNTIL(world_count(w, EVENT_REFUND_CONFIRMED) + world_count(w, EVENT_REFUND_LOST) == 1);
    WORLD_UNTIL(settlement_trouble(w->settlement, old.escrow_id, trouble));
    assert_true(names(trouble, &old));
    WORLD_UNTIL((settlement_status(w->settlement, &status), names(status.reason, &old)));
    assert_true(status.on);
    queue(w, &new);
    assert_true(world_work(w, ENDING_COMPLETED));
    WORLD_UNTIL(world_done(w, &new));
    assert_int_equal(world_count(w, EVENT_PAYOUT_SIGNED), 1); /* of the new one */
    assert_int_equal(world_count(w, EVENT_SETTLEMENT_KEY_RETIRED), 0);
    world_stop_settlement(w);
    w->operator_keys[0] = right;
    world_start_settlement(w);
    WORLD_UNTIL(world_done(w, &old));
    world_assert_gains(w, -2 * USED, 2 * PAYOUT, 2 * FEE);
    WORLD_UNTIL(world_count(w, EVENT_SETTLEMENT_KEY_RETIRED) == 1);
}

/* Goal: a rotation that died between the file and the log leaves the old key at work; one whose file is lost leaves settlement off. */
static void a_seed_without_its_event_is_harmless_and_the_other_way_round_is_not(void **state)
{
    struct world *w = *state;
    struct job job;
    struct settlement_status status;
    uint64_t key_id = 7;
    world_stop_settlement(w);
    write_seed(w);
    world_start_settlement(w);
    queue(w, &job);
    assert_int_equal(world_escrow(w, &job).key_id, 1);
    assert_true(world_work(w, ENDING_COMPLETED));
    WORLD_UNTIL(world_done(w, &job));
    world_stop_settlement(w);
    add_key(w);
    w->operator_key_count = 1;
    world_start_settlement(w);
    settlement_status(w->settlement, &status);
    assert_false(status.on);
    assert_non_null(strstr(status.reason, "key 2"));
    assert_non_null(strstr(status.reason, "not loaded"));
    assert_true(
        key_is_zero(settlement_escrow_identity(w->settlement, id_new(time_wall_ns()), &key_id)));
    assert_int_equal(key_id, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(jobs_of_both_keys_are_paid_and_the_old_key_ends, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_retired_key_still_returns_what_comes_late, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(escrows_of_a_missing_key_wait_alone, setup_slow, teardown),
        cmocka_unit_test_setup_teardown(
            a_seed_without_its_event_is_harmless_and_the_other_way_round_is_not, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
