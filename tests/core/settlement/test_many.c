/* Many escrows at once: what settlement costs in questions, and what each has to wait for the others.
 *
 * Time:    virtual. Each answer of the chain takes 50 ms, a tick is a second, and both go on while settlement works; rounds are half a second apart
 *          and ask at most so often as tallyd does. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "tests/core/settlement/virtual_market.h"
#include "tests/support/cmocka_all.h"

#include <inttypes.h>
#include <stdlib.h>

#define JOBS_MAX 1600
#define DUSTED 404 /* escrows: so many that the next job is of somebody who is there already */
#define FLOODED 4
#define FLOOD_TICKS 8 /* of a thousand deposits, for each */
#define LATENCY_MS 50
#define REQUESTS_PER_S 20
#define ROUNDS_MAX 3000

static uint64_t number;

static struct virtual_market *begin(void)
{
    const struct virtual_options options = {.seed = 1,
                                            .faults = fault_plan_none(),
                                            .honest = true,
                                            .latency_ms = LATENCY_MS,
                                            .requests_per_s = REQUESTS_PER_S};
    struct virtual_market *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->orderly = true;
    m->rest = true;
    m->jobs = calloc(JOBS_MAX, sizeof *m->jobs);
    assert_non_null(m->jobs);
    number = 0;
    virtual_open(&m->world, &options);
    virtual_market_open(m);
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

static struct escrow_row escrow_of(struct virtual_market *m, const struct job *job)
{
    struct views_snapshot *snapshot;
    struct escrow_row escrow;
    assert_int_equal(views_snapshot_open(ledger_views(m->world.ledger), &snapshot, NULL), ERR_OK);
    assert_true(state_escrow(views_snapshot_store(snapshot), job->escrow_id, &escrow));
    views_snapshot_close(snapshot);
    return escrow;
}

static bool all_are(struct virtual_market *m, enum escrow_status status)
{
    bool all = true;
    for (size_t i = 0; i < m->job_count && all; i++) {
        struct escrow_row const escrow = escrow_of(m, &m->jobs[i]);
        all = escrow.status == status && escrow.legs_open == 0;
    }
    return all;
}

static uint64_t questions(const struct virtual_market *m)
{
    uint64_t sum = 0;
    for (int step = 0; step < CRASH_STEPS; step++) {
        sum += m->world.asked[step];
    }
    return sum;
}

/* Seconds from the tick of the newest job's lock until its escrow is locked. */
static uint32_t lock_takes(struct virtual_market *m)
{
    const struct job *job = &m->jobs[m->job_count - 1];
    for (int i = 0; i < ROUNDS_MAX && escrow_of(m, job).status != ESCROW_LOCKED; i++) {
        round_of(m);
    }
    struct escrow_row const escrow = escrow_of(m, job);
    assert_int_equal(escrow.status, ESCROW_LOCKED);
    return virtual_now_tick(&m->world) - (uint32_t)escrow.lock_tick;
}

static void dust_on_many_escrows_holds_up_no_lock(void **state)
{
    (void)state;
    struct virtual_market *m = begin();
    virtual_create_job(m);
    uint32_t const alone = lock_takes(m);
    while (m->job_count < DUSTED) {
        virtual_create_job(m);
    }
    for (int i = 0; i < ROUNDS_MAX && !all_are(m, ESCROW_LOCKED); i++) {
        round_of(m);
    }
    assert_true(all_are(m, ESCROW_LOCKED));
    uint64_t const asked = questions(m);
    uint64_t const ticks_asked = m->world.asked[CRASH_TICK_INFO];
    uint64_t const rounds = m->world.rounds;
    uint32_t const tick = virtual_now_tick(&m->world);
    for (size_t i = 0; i < DUSTED; i++) {
        virtual_dust(m, m->jobs[i].identity, tick + 3, 1);
    }
    virtual_create_job(m); /* its lock comes with the dust, or just after it */
    uint32_t const crowded = lock_takes(m);
    for (int i = 0; i < ROUNDS_MAX && !all_are(m, ESCROW_LOCKED); i++) {
        round_of(m);
    }
    print_message("a lock takes %u s alone, %u s beside %d deposits of dust; these are back "
                  "after %u s, %" PRIu64 " rounds and %" PRIu64 " questions, %" PRIu64
                  " of them for the tick\n",
                  alone, crowded, DUSTED, virtual_now_tick(&m->world) - tick,
                  m->world.rounds - rounds, questions(m) - asked,
                  m->world.asked[CRASH_TICK_INFO] - ticks_asked);
    assert_true(all_are(m, ESCROW_LOCKED));
    assert_true(crowded <= alone + 3);
    assert_true(questions(m) - asked <= 5 * DUSTED);
    assert_true(m->world.asked[CRASH_TICK_INFO] - ticks_asked <= m->world.rounds - rounds);
    finish(m);
}

static void many_unpaid_jobs_hold_up_no_lock(void **state)
{
    (void)state;
    struct virtual_market *m = begin();
    for (size_t i = 0; i < 1500; i++) {
        virtual_create_job(m);
        m->jobs[m->job_count - 1].payment_count = 0;
    }
    assert_int_equal(m->job_count, 1500);
    uint64_t const asked = questions(m);
    while (virtual_now_tick(&m->world) < m->jobs[0].last_tick - 1) {
        round_of(m);
    }
    uint32_t const tick = virtual_now_tick(&m->world);
    virtual_create_job(m);
    uint32_t const crowded = lock_takes(m);
    m->job_count--;
    for (int i = 0; i < ROUNDS_MAX && !all_are(m, ESCROW_CLOSED); i++) {
        round_of(m);
    }
    print_message("a lock takes %u s while 1,500 unpaid jobs expire; these are closed after %u s "
                  "and %" PRIu64 " questions\n",
                  crowded, virtual_now_tick(&m->world) - tick, questions(m) - asked);
    assert_true(all_are(m, ESCROW_CLOSED));
    assert_true(crowded <= 8);
    finish(m);
}

/* Before an escrow expires all that came to it is asked for, 200 a question; of several such escrows one after the other. */
static void dust_on_unpaid_jobs_holds_up_no_lock(void **state)
{
    (void)state;
    struct virtual_market *m = begin();
    while (m->job_count < FLOODED) {
        virtual_create_job(m);
        m->jobs[m->job_count - 1].payment_count = 0;
    }
    virtual_live_on(NS_PER_S); /* the stranger has money */
    for (size_t i = 0; i < FLOOD_TICKS * FLOODED; i++) {
        virtual_dust(m, m->jobs[i / FLOOD_TICKS].identity, virtual_now_tick(&m->world) + 4, 1000);
        virtual_live_on(NS_PER_S);
    }
    while (virtual_now_tick(&m->world) < m->jobs[0].last_tick - 1) {
        round_of(m);
    }
    assert_int_equal(m->world.events[EVENT_DEPOSIT_OBSERVED], 1000 * FLOOD_TICKS * FLOODED);
    virtual_create_job(m);
    uint32_t const crowded = lock_takes(m);
    print_message("a lock takes %u s while %d unpaid jobs with %d,000 deposits each expire\n",
                  crowded, FLOODED, FLOOD_TICKS);
    assert_true(m->world.events[EVENT_ESCROW_EXPIRED] > 0);
    assert_true(crowded <= 9);
    finish(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dust_on_many_escrows_holds_up_no_lock),
        cmocka_unit_test(many_unpaid_jobs_hold_up_no_lock),
        cmocka_unit_test(dust_on_unpaid_jobs_holds_up_no_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
