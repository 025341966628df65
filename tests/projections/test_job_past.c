/* R16.1, R16.3: what a job looked like. In random markets the views of a random job, and a wallet's balance, are kept as they stand after a random event; at the
 * end, with the terms changed and the log restored meanwhile, the past job and the statement must say the same. */
// SPDX-License-Identifier: Apache-2.0
#include "projections/accounts.h"
#include "projections/all.h"
#include "projections/job_past.h"
#include "projections/jobs.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_driver.h"
#include "tests/support/memory_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 100
#define STEPS 250
#define MOMENTS_MAX 40 /* of a market */
#define LEGS_MAX 64

/* A job's views, as far as answers show them. */
struct look {
    struct job_view view;
    struct job_progress_view progress;
    struct job_escrow_view escrow_view;
    struct escrow_row escrow;
    uint64_t required;   /* by the terms */
    uint64_t has_escrow; /* no padding: looks are compared whole */
    size_t legs;
    struct job_leg_view leg[LEGS_MAX];
};

struct moment {
    uint64_t sequence;
    struct id16 job_id;
    struct look look;
    uint8_t wallet[ACCOUNT_KEY_SIZE];
    int64_t balance;
};

struct run {
    struct market *m;
    uint64_t random; /* not the market's */
    size_t count;
    struct moment moments[MOMENTS_MAX];
};

static void look_at(struct store *store, struct id16 job_id, struct look *ret)
{
    struct ledger_row ledger;
    memset(ret, 0, sizeof *ret);
    assert_true(jobs_get(store, job_id, &ret->view));
    jobs_get_progress(store, job_id, &ret->progress);
    ret->has_escrow = jobs_get_escrow(store, job_id, &ret->escrow_view) &&
                      state_escrow(store, ret->view.escrow_id, &ret->escrow);
    ret->escrow.generation = 0; /* of the ledger, not of the job: no answer shows it */
    ret->legs = jobs_get_legs(store, job_id, 0, ret->leg, LEGS_MAX);
    assert_true(state_ledger(store, &ledger));
    ret->required = ledger.confirmations;
    assert_int_equal(store_check(store, NULL), ERR_OK);
}

static uint64_t below(struct run *run, uint64_t limit)
{
    run->random = run->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (run->random >> 33) % limit;
}

static void keep(struct run *run, uint64_t sequence)
{
    struct market *m = run->m;
    struct account_row account;
    struct moment *moment = &run->moments[run->count];
    struct id16 account_id = m->accounts.ids[below(run, m->accounts.count)];
    struct job_view view;
    moment->job_id = m->jobs.ids[below(run, m->jobs.count)];
    moment->sequence = sequence;
    if (!jobs_get(m->store, moment->job_id, &view)) {
        return;
    }
    look_at(m->store, moment->job_id, &moment->look);
    assert_true(state_account(m->store, account_id, &account));
    account_key(ACCOUNT_WALLET, hash_key(&account.identity), 0, moment->wallet);
    moment->balance = accounts_balance(m->store, moment->wallet);
    run->count++;
}

static void on_event(void *context, uint64_t sequence, const struct event *event)
{
    struct run *run = context;
    projections_apply(run->m->store, sequence, event);
    if (run->m->jobs.count > 0 && run->count < MOMENTS_MAX && below(run, 12) == 0) {
        keep(run, sequence);
    }
}

static enum err_code read_record(void *ctx, uint64_t sequence, struct bytes *ret, struct err *err)
{
    (void)err;
    *ret = market_record(ctx, sequence);
    return ERR_OK;
}

static void check_moment(struct run *run, const struct moment *moment)
{
    static struct look then;
    struct market *m = run->m;
    const struct job_past_records records = {read_record, m};
    struct err err = {0};
    bool done = false;
    struct job_past *past = job_past_create(moment->job_id, moment->sequence);
    assert_non_null(past);
    while (!done) { /* in pieces, as the server does it */
        if (job_past_advance(past, m->store, &records, 7, &done, &err) != ERR_OK) {
            fail_msg("seed %llu: %s", (unsigned long long)m->seed, err.message);
        }
    }
    look_at(job_past_store(past), moment->job_id, &then);
    if (memcmp(&then, &moment->look, sizeof then) != 0) {
        fail_msg("seed %llu: a job as of %llu is not what it was", (unsigned long long)m->seed,
                 (unsigned long long)moment->sequence);
    }
    job_past_destroy(past);
    struct statement_line line = {0};
    size_t lines =
        accounts_statement_before(m->store, moment->wallet, moment->sequence + 1, &line, 1);
    assert_int_equal(lines == 0 ? 0 : line.balance, moment->balance);
}

static void a_job_as_of_any_event_is_what_its_views_were(void **state)
{
    (void)state;
    size_t moments = 0;
    size_t changed = 0;
    static struct run run;
    static struct look now;
    for (uint64_t seed = 7001; seed <= 7000 + SEEDS; seed++) {
        struct market *m = calloc(1, sizeof *m);
        assert_non_null(m);
        run = (struct run){.m = m, .random = seed};
        m->on_event = on_event;
        m->context = &run;
        market_open(m, seed, memory_store_create(), seed % 2 == 0 ? 0 : 300);
        for (size_t i = 0; i < STEPS; i++) {
            market_random_step(m);
        }
        for (size_t i = 0; i < run.count; i++) {
            check_moment(&run, &run.moments[i]);
            look_at(m->store, run.moments[i].job_id, &now);
            changed += memcmp(&now, &run.moments[i].look, sizeof now) != 0 ? 1 : 0;
        }
        moments += run.count;
        memory_store_destroy(m->store);
        market_close(m);
        free(m);
    }
    printf("%zu moments, of which %zu have passed\n", moments, changed);
    assert_true(changed > SEEDS); /* or nothing was tried */
}

/* ── what it costs at most ─────────────────────────────────────────────────────────────────────── */

static enum err_code read_same(void *ctx, uint64_t sequence, struct bytes *ret, struct err *err)
{
    (void)sequence;
    (void)err;
    *ret = *(const struct bytes *)ctx;
    return ERR_OK;
}

/* Its own list of events is made longer than is looked at; their records are all one that changes nothing that is kept. */
static void too_many_events_are_an_error_and_not_a_wait(void **state)
{
    (void)state;
    struct market *m = calloc(1, sizeof *m);
    assert_non_null(m);
    struct run run = {.m = m, .random = 1, .count = MOMENTS_MAX};
    m->on_event = on_event;
    m->context = &run;
    market_open(m, 7, memory_store_create(), 0);
    struct id16 consumer = market_sign_in(m, market_new_key(m));
    struct id16 provider = market_sign_in(m, market_new_key(m));
    struct id16 host = market_enrol(m, provider);
    assert_int_equal(market_host_online(m, host), ERR_OK);
    struct id16 offer = market_publish(m, host, 1000, 1000);
    struct id16 job = market_running_job(m, consumer, host, offer, 60000);
    assert_int_equal(market_progress(m, host, job, 10, 10), ERR_OK);
    struct bytes progress = market_record(m, m->sequence);
    struct event event;
    assert_int_equal(record_decode(progress, &m->arena, &event, NULL), ERR_OK);
    uint64_t last = m->sequence + JOB_PAST_EVENTS_MAX;
    for (uint64_t sequence = m->sequence + 1; sequence <= last; sequence++) {
        projections_apply(m->store, sequence, &event);
    }
    uint8_t output[RECORD_HEADER_SIZE + 1]; /* of the type alone, which is enough to pass it over */
    memcpy(output, progress.data, sizeof output);
    put_be16(output + 2, EVENT_METRIC_SAMPLED);
    struct bytes record = bytes_of(output, sizeof output);
    const struct job_past_records records = {read_same, &record};
    struct job_past *past = job_past_create(job, last);
    struct err err = {0};
    bool done = false;
    assert_non_null(past);
    enum err_code code = ERR_OK;
    while (code == ERR_OK && !done) {
        code = job_past_advance(past, m->store, &records, 4096, &done, &err);
    }
    assert_int_equal(code, ERR_TOO_LARGE);
    assert_string_equal(err.message, "there are more than 200000 events up to that one");
    job_past_destroy(past);
    memory_store_destroy(m->store);
    market_close(m);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_as_of_any_event_is_what_its_views_were),
        cmocka_unit_test(too_many_events_are_an_error_and_not_a_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
