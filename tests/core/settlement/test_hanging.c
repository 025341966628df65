/* One escrow about which the chain never answers: it waits, and nobody else does.
 *
 * Method:  the one whose id comes first, so that every walk that begins at the front meets it before all others. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "tests/core/settlement/virtual_market.h"
#include "tests/support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#define JOBS 40 /* of more than one window */
#define ROUNDS_MAX                                                                                 \
    60 /* a question that hangs ends its part of a round: some of these are lost to it */

static uint64_t number;

static struct virtual_market *begin(void)
{
    const struct virtual_options options = {
        .seed = 1, .faults = fault_plan_none(), .honest = true, .latency_ms = 10};
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
    return m;
}

static void finish(struct virtual_market *m)
{
    virtual_close(&m->world);
    free(m->jobs);
    free(m);
}

static void round_of(struct virtual_market *m)
{
    virtual_market_act(m, ++number);
    virtual_round(&m->world);
    virtual_live_on(NS_PER_S / 2);
}

static struct job *first_of(struct virtual_market *m)
{
    struct job *first = &m->jobs[0];
    for (size_t i = 1; i < JOBS; i++) {
        bool const before = memcmp(m->jobs[i].escrow_id.b, first->escrow_id.b, 16) < 0;
        first = before ? &m->jobs[i] : first;
    }
    return first;
}

static bool is(struct virtual_market *m, const struct job *job, enum escrow_status status)
{
    struct views_snapshot *snapshot;
    struct escrow_row escrow;
    assert_int_equal(views_snapshot_open(ledger_views(m->world.ledger), &snapshot, NULL), ERR_OK);
    assert_true(state_escrow(views_snapshot_store(snapshot), job->escrow_id, &escrow));
    views_snapshot_close(snapshot);
    return escrow.status == status && escrow.legs_open == 0;
}

static size_t count_of(struct virtual_market *m, enum escrow_status status)
{
    size_t count = 0;
    for (size_t i = 0; i < JOBS; i++) {
        count += is(m, &m->jobs[i], status) ? 1 : 0;
    }
    return count;
}

static void until(struct virtual_market *m, enum escrow_status status, size_t count)
{
    for (int i = 0; i < ROUNDS_MAX && count_of(m, status) < count; i++) {
        round_of(m);
    }
}

/* All but the one that hangs; and that, too, when it does no more. */
static void check_others(struct virtual_market *m, const struct job *hanging,
                         enum escrow_status status)
{
    until(m, status, JOBS - 1);
    assert_int_equal(count_of(m, status), JOBS - 1);
    assert_false(is(m, hanging, status));
    m->world.lies.hangs[0] = '\0';
    until(m, status, JOBS);
    assert_int_equal(count_of(m, status), JOBS);
}

static void a_lock_that_cannot_be_looked_at_keeps_no_other_waiting(void **state)
{
    (void)state;
    struct virtual_market *m = begin();
    struct job *hanging = first_of(m);
    struct payment *lock = &hanging->payments[0];
    while (!lock->sent || virtual_chain_balance(m, hanging->identity) == 0) {
        round_of(m); /* the hash it has in the end */
    }
    struct key32 const hash = qubic_transaction_hash(&lock->tx);
    qubic_hash_format(&hash, m->world.lies.hangs);
    check_others(m, hanging, ESCROW_LOCKED);
    finish(m);
}

static void a_refund_whose_balance_is_not_told_keeps_no_other_waiting(void **state)
{
    (void)state;
    struct virtual_market *m = begin();
    struct job *hanging = first_of(m);
    until(m, ESCROW_LOCKED, JOBS);
    qubic_identity_format(&hanging->identity, m->world.lies.hangs);
    for (size_t i = 0; i < JOBS; i++) {
        struct command c = virtual_command(&m->world, COMMAND_JOB_CANCEL, ACTOR_ACCOUNT,
                                           m->jobs[i].consumer->account_id);
        c.u.job.job_id = m->jobs[i].job_id;
        virtual_must(&m->world, &c);
    }
    check_others(m, hanging, ESCROW_SETTLED);
    finish(m);
}

static void an_identity_that_is_not_listed_keeps_no_other_from_expiring(void **state)
{
    (void)state;
    struct virtual_market *m = begin();
    struct job *hanging = first_of(m);
    for (size_t i = 0; i < JOBS; i++) {
        m->jobs[i].payment_count = 0;
    }
    while (virtual_now_tick(&m->world) < hanging->last_tick) {
        round_of(m);
    }
    qubic_identity_format(&hanging->identity, m->world.lies.hangs);
    check_others(m, hanging, ESCROW_CLOSED);
    finish(m);
}

static void deposits_of_one_that_hangs_keep_no_others_from_going_back(void **state)
{
    (void)state;
    struct virtual_market *m = begin();
    struct job *hanging = first_of(m);
    until(m, ESCROW_LOCKED, JOBS);
    qubic_identity_format(&hanging->identity, m->world.lies.hangs);
    for (size_t i = 0; i < JOBS; i++) {
        virtual_dust(m, m->jobs[i].identity, virtual_now_tick(&m->world) + 4, 1);
    }
    for (int i = 0; i < ROUNDS_MAX && m->world.events[EVENT_DEPOSIT_OBSERVED] < 2 * JOBS; i++) {
        round_of(m);
    }
    check_others(m, hanging, ESCROW_LOCKED);
    finish(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_that_cannot_be_looked_at_keeps_no_other_waiting),
        cmocka_unit_test(a_refund_whose_balance_is_not_told_keeps_no_other_waiting),
        cmocka_unit_test(an_identity_that_is_not_listed_keeps_no_other_from_expiring),
        cmocka_unit_test(deposits_of_one_that_hangs_keep_no_others_from_going_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
