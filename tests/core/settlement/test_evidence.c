/* An archive that calls every transaction paid, also what moved nothing: no job runs on its word, and no leg is over by it (R6.1, R6.4). */
// SPDX-License-Identifier: Apache-2.0
#include "core/settlement/payload.h"
#include "tests/core/settlement/virtual_market.h"
#include "tests/support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#define LONG 40 /* steps, in which an honest archive's lock or leg is over many times */

static uint64_t number;

static struct virtual_market *begin_with(bool second)
{
    const struct virtual_options options = {
        .seed = 1, .faults = fault_plan_none(), .honest = true, .second = second};
    struct virtual_market *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->orderly = true;
    m->rest = true;
    m->jobs = calloc(1, sizeof *m->jobs);
    assert_non_null(m->jobs);
    number = 0;
    virtual_open(&m->world, &options);
    virtual_market_open(m);
    virtual_create_job(m);
    assert_int_equal(m->job_count, 1);
    return m;
}

static struct virtual_market *begin(void)
{
    return begin_with(false);
}

static void finish(struct virtual_market *m)
{
    virtual_close(&m->world);
    free(m->jobs);
    free(m);
}

static void steps(struct virtual_market *m, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        virtual_market_step(m, ++number);
    }
}

static void nothing_moves(struct virtual_market *m, bool yes)
{
    struct fault_plan faults = fault_plan_none();
    faults.settings[FAULT_NO_MONEY] = yes ? 1000 : 0;
    network_set_plan(m->world.network, &faults);
    m->world.lies.all_flew = yes;
}

static struct escrow_row escrow_of(struct virtual_market *m)
{
    struct views_snapshot *snapshot;
    struct escrow_row escrow;
    assert_int_equal(views_snapshot_open(ledger_views(m->world.ledger), &snapshot, NULL), ERR_OK);
    assert_true(state_escrow(views_snapshot_store(snapshot), m->jobs[0].escrow_id, &escrow));
    views_snapshot_close(snapshot);
    return escrow;
}

static void told(struct virtual_market *m, const char *what)
{
    char message[ERR_MESSAGE_MAX];
    assert_true(settlement_trouble(m->world.settlement, m->jobs[0].escrow_id, message));
    assert_non_null(strstr(message, what));
}

static void a_lock_does_not_count_before_its_money_is_there(void **state)
{
    (void)state;
    struct virtual_market *m = begin();
    steps(m, 1); /* the consumer has money, and the network hears them */
    nothing_moves(m, true);
    steps(m, 1);
    assert_true(m->jobs[0].payments[0].sent);
    m->jobs[0].payments[0].over =
        true; /* or they would see that it did not arrive, and pay again */
    steps(m, LONG);
    struct escrow_row escrow = escrow_of(m);
    assert_int_equal(escrow.status, ESCROW_OBSERVED);
    assert_int_equal(escrow.confirmations, 2); /* of three */
    assert_int_equal(m->world.events[EVENT_ESCROW_LOCKED], 0);
    told(m, "does not count yet");
    virtual_fund(m, m->jobs[0].identity, m->jobs[0].cap - 1);
    steps(m, 5);
    assert_int_equal(escrow_of(m).status, ESCROW_OBSERVED);
    virtual_fund(m, m->jobs[0].identity, 1);
    steps(m, 5);
    assert_int_equal(escrow_of(m).status, ESCROW_LOCKED);
    finish(m);
}

/* Dust that is on its way back, and dust that is still to go, take nothing from a lock and hold it up for no longer than it is read. */
static void dust_does_not_keep_a_lock_from_counting(void **state)
{
    (void)state;
    struct virtual_market *m = begin();
    m->jobs[0].payments[0].from_tick = virtual_now_tick(&m->world) + 15; /* some are gone by then */
    steps(m, 1);
    for (int i = 0; i < LONG && escrow_of(m).status != ESCROW_LOCKED; i++) {
        virtual_dust(m, m->jobs[0].identity, virtual_now_tick(&m->world) + 4, 3);
        steps(m, 1);
    }
    struct escrow_row const escrow = escrow_of(m);
    assert_int_equal(escrow.status, ESCROW_LOCKED);
    assert_true(virtual_now_tick(&m->world) <= escrow.lock_tick + 5);
    assert_true(m->world.events[EVENT_REFUND_SIGNED] > 1);
    finish(m);
}

static void cancel_locked_job(struct virtual_market *m)
{
    while (escrow_of(m).status != ESCROW_LOCKED) {
        steps(m, 1);
    }
    struct command c = virtual_command(&m->world, COMMAND_JOB_CANCEL, ACTOR_ACCOUNT,
                                       m->jobs[0].consumer->account_id);
    c.u.job.job_id = m->jobs[0].job_id;
    virtual_must(&m->world, &c);
}

static void a_leg_is_not_over_before_its_money_has_left(void **state)
{
    (void)state;
    struct virtual_market *m = begin();
    cancel_locked_job(m);
    nothing_moves(m, true);
    steps(m, LONG);
    assert_int_equal(m->world.events[EVENT_REFUND_SIGNED], 1);
    assert_int_equal(m->world.events[EVENT_REFUND_CONFIRMED], 0);
    told(m, "nothing left since");
    nothing_moves(m,
                  false); /* and the archive says what is so: lost, and paid by the next attempt */
    steps(m, LONG);
    assert_int_equal(m->world.events[EVENT_REFUND_LOST], 1);
    assert_int_equal(m->world.events[EVENT_REFUND_CONFIRMED], 1);
    assert_int_equal(virtual_chain_balance(m, m->jobs[0].identity), 0);
    finish(m);
}

/* Live service and archive are often one operator's: what they say together, wrongly, is asked of a second live service. */
static void a_lock_that_both_call_paid(bool second)
{
    struct virtual_market *m = begin_with(second);
    steps(m, 1);
    nothing_moves(m, true);
    m->world.lies.all_moved = true;
    steps(m, 1);
    m->jobs[0].payments[0].over = true;
    steps(m, LONG);
    assert_int_equal(escrow_of(m).status, second ? ESCROW_OBSERVED : ESCROW_LOCKED);
    if (second) {
        told(m, "second live service");
        virtual_fund(m, m->jobs[0].identity, m->jobs[0].cap);
        steps(m, 5);
        assert_int_equal(escrow_of(m).status, ESCROW_LOCKED);
    }
    finish(m);
}

static void a_leg_that_both_call_paid(bool second)
{
    struct virtual_market *m = begin_with(second);
    cancel_locked_job(m);
    while (m->world.events[EVENT_REFUND_SIGNED] == 0) {
        steps(m, 1);
    }
    nothing_moves(m, true);
    m->world.lies.all_moved = true;
    steps(m, LONG);
    assert_int_equal(m->world.events[EVENT_REFUND_CONFIRMED], second ? 0 : 1);
    if (second) {
        told(m, "second live service");
        nothing_moves(m, false);
        m->world.lies.all_moved = false;
        steps(m, LONG);
        assert_int_equal(m->world.events[EVENT_REFUND_LOST], 1);
        assert_int_equal(m->world.events[EVENT_REFUND_CONFIRMED], 1);
        assert_int_equal(virtual_chain_balance(m, m->jobs[0].identity), 0);
    }
    finish(m);
}

static void what_archive_and_live_service_call_paid_the_second_one_must_see(void **state)
{
    (void)state;
    a_lock_that_both_call_paid(true);
    a_lock_that_both_call_paid(false); /* the lie is good enough for one */
    a_leg_that_both_call_paid(true);
    a_leg_that_both_call_paid(false);
}

/* Once, when it is signed: a payment that ran would then look as if it had not, as soon as the archive hides it. */
static void nothing_is_signed_on_a_count_that_only_one_balance_has(void **state)
{
    (void)state;
    struct virtual_market *m = begin();
    cancel_locked_job(m);
    m->world.lies.all_moved = true;
    steps(m, LONG);
    assert_int_equal(m->world.events[EVENT_REFUND_SIGNED], 0);
    told(m, ", the archive lists 0");
    m->world.lies.all_moved = false;
    steps(m, LONG);
    assert_int_equal(m->world.events[EVENT_REFUND_CONFIRMED], 1);
    finish(m);
}

/* By the escrow's own key, and as much comes back without a transaction. */
static void pay_from_escrow(struct virtual_market *m, bool as_leg)
{
    struct qubic_keys keys;
    const struct payload payload = {.kind = PAYLOAD_REFUND,
                                    .log_id = m->world.operator_keys[0].log_id,
                                    .job_id = m->jobs[0].job_id,
                                    .escrow_id = m->jobs[0].escrow_id};
    struct qubic_transaction tx = {.destination = m->stranger.keys.public_key,
                                   .amount = 1,
                                   .tick = virtual_now_tick(&m->world) + 4,
                                   .input_type = as_leg ? PAYLOAD_INPUT_TYPE : 0,
                                   .input_size = as_leg ? PAYLOAD_SIZE : 0};
    if (as_leg) {
        payload_encode(&payload, tx.input);
    }
    escrow_keys_derive(&m->world.operator_keys[0], m->jobs[0].escrow_id, &keys);
    virtual_pay(m, &keys, &tx);
    virtual_fund(m, m->jobs[0].identity, 1);
}

static void a_leg_paid_on(bool as_leg)
{
    struct virtual_market *m = begin();
    while (escrow_of(m).status != ESCROW_LOCKED) {
        steps(m, 1);
    }
    pay_from_escrow(m, as_leg);
    steps(m, 10);
    cancel_locked_job(m);
    steps(m, LONG);
    assert_int_equal(m->world.events[EVENT_REFUND_SIGNED], as_leg ? 0 : 1);
    if (as_leg) {
        told(m, "does another server run on a copy of it?");
    }
    finish(m);
}

/* Two servers on one log, or one on a copy that nobody called restored; a sweep is in no log, and is no such thing. */
static void nothing_more_is_paid_where_a_leg_left_that_the_log_does_not_know(void **state)
{
    (void)state;
    a_leg_paid_on(true);
    a_leg_paid_on(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_does_not_count_before_its_money_is_there),
        cmocka_unit_test(dust_does_not_keep_a_lock_from_counting),
        cmocka_unit_test(a_leg_is_not_over_before_its_money_has_left),
        cmocka_unit_test(nothing_more_is_paid_where_a_leg_left_that_the_log_does_not_know),
        cmocka_unit_test(nothing_is_signed_on_a_count_that_only_one_balance_has),
        cmocka_unit_test(what_archive_and_live_service_call_paid_the_second_one_must_see),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
