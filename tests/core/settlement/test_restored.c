/* A log that was put back, and an archive that makes the reading of its escrows hard: none is kept from resuming for ever.
 *
 * Method:  jobs are queued and the folder copied; then more happens to their identities on the chain, and the copy is put back. */
// SPDX-License-Identifier: Apache-2.0
#include "core/settlement/payload.h"
#include "tests/core/settlement/virtual_market.h"
#include "tests/support/cmocka_all.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define JOBS 3
#define SOON 100 /* steps: an unhindered settlement reads three escrows in far fewer */

static uint64_t number;

static struct escrow_row escrow_of(struct virtual_market *m, size_t job)
{
    struct views_snapshot *snapshot;
    struct escrow_row escrow;
    assert_int_equal(views_snapshot_open(ledger_views(m->world.ledger), &snapshot, NULL), ERR_OK);
    assert_true(state_escrow(views_snapshot_store(snapshot), m->jobs[job].escrow_id, &escrow));
    views_snapshot_close(snapshot);
    return escrow;
}

static void steps(struct virtual_market *m, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        virtual_market_step(m, ++number);
    }
}

static bool all_settled(struct virtual_market *m, size_t from)
{
    bool settled = true;
    for (size_t i = from; i < m->job_count; i++) {
        struct escrow_row const escrow = escrow_of(m, i);
        settled = settled && escrow.status == ESCROW_SETTLED && escrow.legs_open == 0;
    }
    return settled;
}

/* Jobs whose lock is on its way, and the folder copied. Until it is put back no machine works: what the lost part pays is what the test says. */
static struct virtual_market *begin(void)
{
    const struct virtual_options options = {.seed = 1, .faults = fault_plan_none(), .honest = true};
    struct virtual_market *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->orderly = true;
    m->rest = true;
    m->jobs = calloc(JOBS, sizeof *m->jobs);
    assert_non_null(m->jobs);
    number = 0;
    virtual_open(&m->world, &options);
    virtual_market_open(m);
    for (size_t i = 0; i < JOBS; i++) {
        virtual_create_job(m);
    }
    assert_int_equal(m->job_count, JOBS);
    steps(m, 1); /* everybody has the money they begin with */
    virtual_back_up(&m->world);
    return m;
}

static void put_back(struct virtual_market *m)
{
    virtual_put_back(&m->world);
    m->rest = false;
}

static void finish(struct virtual_market *m)
{
    virtual_close(&m->world);
    free(m->jobs);
    free(m);
}

static void dust_in_one_tick_keeps_nobody_from_resuming(void **state)
{
    (void)state;
    struct virtual_market *m = begin();
    virtual_dust(m, m->jobs[0].identity, virtual_now_tick(&m->world) + 4, 700);
    steps(m, 10);
    put_back(m);
    for (int i = 0; i < SOON && m->world.events[EVENT_SETTLEMENT_RESUMED] == 0; i++) {
        steps(m, 1);
        virtual_resume(&m->world);
    }
    assert_int_equal(m->world.events[EVENT_SETTLEMENT_RESUMED], 1);
    assert_int_equal(m->world.events[EVENT_DEPOSIT_OBSERVED], JOBS + 700);
    finish(m);
}

/* As returns of deposits that the log never saw: signed by the escrow's own key in the lost part. */
static void pay_back_unknown(struct virtual_market *m, const struct job *job, size_t count)
{
    struct qubic_keys keys;
    struct payload payload = {.kind = PAYLOAD_RETURN,
                              .log_id = m->world.operator_keys[0].log_id,
                              .job_id = job->job_id,
                              .escrow_id = job->escrow_id};
    escrow_keys_derive(&m->world.operator_keys[0], job->escrow_id, &keys);
    for (size_t i = 0; i < count; i++) {
        struct qubic_transaction tx = {.destination = m->stranger.keys.public_key,
                                       .amount = 1,
                                       .tick = virtual_now_tick(&m->world) + 4,
                                       .input_type = PAYLOAD_INPUT_TYPE,
                                       .input_size = PAYLOAD_SIZE};
        put_be64(payload.subject.b, i + 1);
        payload_encode(&payload, tx.input);
        virtual_pay(m, &keys, &tx);
    }
    virtual_fund(m, job->identity, (int64_t)count); /* what they returned */
}

static void more_lost_payments_than_a_record_holds_are_read_and_hold_their_escrow(void **state)
{
    (void)state;
    struct virtual_market *m = begin();
    steps(m, 20); /* the lock is there: who has nothing is not heard by the network */
    pay_back_unknown(m, &m->jobs[0], 900);
    steps(m, 10);
    put_back(m);
    for (int i = 0; i < SOON && m->world.events[EVENT_SETTLEMENT_RESUMED] == 0; i++) {
        steps(m, 1);
        virtual_resume(&m->world);
    }
    assert_int_equal(m->world.events[EVENT_SETTLEMENT_RESUMED], 1);
    assert_true(escrow_of(m, 0).found_open >= 900);
    steps(m, 300);
    assert_true(escrow_of(m, 0).found_open >= 900);
    assert_true(all_settled(m, 1));
    finish(m);
}

static void what_cannot_be_read_holds_itself_and_nobody_else(void **state)
{
    (void)state;
    struct virtual_market *m = begin();
    steps(m, 20);
    pay_back_unknown(m, &m->jobs[0], 1);
    steps(m, 10);
    put_back(m);
    m->world.lies.short_of = m->jobs[0].identity; /* the network counts one more than that */
    steps(m, SOON);
    assert_false(m->world.settlement->status.reread);
    assert_int_equal(m->world.settlement->status.unread, 1);
    char message[ERR_MESSAGE_MAX];
    assert_true(settlement_trouble(m->world.settlement, m->jobs[0].escrow_id, message));
    assert_int_equal(virtual_resume_with(&m->world, 0), ERR_CONFLICT);
    assert_int_equal(virtual_resume_with(&m->world, 1), ERR_OK);
    steps(m, 300);
    assert_true(all_settled(m, 1));
    assert_int_equal(escrow_of(m, 0).generation, 1);
    assert_int_equal(m->world.settlement->status.unread, 1);
    assert_true(settlement_trouble(m->world.settlement, m->jobs[0].escrow_id, message));
    m->world.lies.short_of = (struct key32){0};
    steps(m, 100); /* it is still tried */
    assert_int_equal(escrow_of(m, 0).generation, 2);
    assert_int_equal(escrow_of(m, 0).found_open, 1);
    assert_int_equal(m->world.settlement->status.unread, 0);
    finish(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dust_in_one_tick_keeps_nobody_from_resuming),
        cmocka_unit_test(more_lost_payments_than_a_record_holds_are_read_and_hold_their_escrow),
        cmocka_unit_test(what_cannot_be_read_holds_itself_and_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
