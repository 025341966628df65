/* The read models one by one: the cases a random market seldom or never meets. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "projections/accounts.h"
#include "projections/all.h"
#include "projections/earnings.h"
#include "projections/job_output.h"
#include "projections/jobs.h"
#include "projections/marketplace.h"
#include "projections/metrics.h"
#include "projections/streams.h"
#include "projections/transactions.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_scene.h"
#include "tests/support/memory_store.h"

#include <string.h>

static struct id16 id_of(uint8_t n)
{
    struct id16 id = {{0}};
    id.b[15] = n;
    return id;
}

static struct event event_of(enum event_type_number type, struct id16 stream, int64_t time)
{
    struct event event;
    memset(&event, 0, sizeof event);
    event.type = event_type_newest(type);
    assert_non_null(event.type);
    event.stream_id = stream;
    event.time = time;
    return event;
}

static void assert_fine(struct store *store)
{
    struct err err = {0};
    if (store_check(store, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

/* ── metrics ───────────────────────────────────────────────────────────────────────────────────── */

static void sample(struct store *store, struct id16 job, uint64_t first, size_t count)
{
    static struct ev_sample samples[600];
    struct event event = event_of(EVENT_METRIC_SAMPLED, job, 0);
    memset(samples, 0, sizeof samples);
    for (size_t i = 0; i < count; i++) {
        samples[i].at_ms = first + i;
        samples[i].ram_mib = UINT64_MAX;
    }
    event.u.metric_sampled.samples = (struct event_list){samples, count};
    PROJECTION_METRICS.apply(store, 1, &event);
}

static void metrics_keep_the_newest_and_narrow_what_is_too_large(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    struct metrics_range range;
    struct metric_sample got[100];
    uint64_t first;
    struct id16 job = id_of(1);
    metrics_kept(store, job, &range);
    assert_int_equal(range.last, 0);
    assert_int_equal(metrics_newest(store, job, got, 100, &first), 0);
    uint64_t sent = 0;
    while (sent < METRICS_KEPT_MAX + 1000) {
        size_t count = sent % 3 == 0 ? 64 : 7;
        sample(store, job, sent + 1, count);
        sent += count;
        metrics_kept(store, job, &range);
        assert_true(range.last == sent && range.last - range.first + 1 <= METRICS_KEPT_MAX);
    }
    assert_true(range.last - range.first + 1 > METRICS_KEPT_MAX - 64);
    assert_int_equal(metrics_newest(store, job, got, 100, &first), 100);
    assert_int_equal(first, sent - 99);
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(got[i].at_ms, first + i); /* numbers are at_ms here */
        assert_int_equal(got[i].ram_mib, UINT32_MAX);
    }
    /* From the middle of a report, across several; and from before the oldest. */
    assert_int_equal(metrics_after(store, job, sent - 50, got, 20, &first), 20);
    assert_int_equal(first, sent - 49);
    assert_int_equal(got[19].at_ms, sent - 30);
    assert_int_equal(metrics_after(store, job, 0, got, 5, &first), 5);
    assert_int_equal(first, range.first);
    assert_int_equal(got[0].at_ms, range.first);
    assert_int_equal(metrics_after(store, job, sent, got, 5, &first), 0);
    assert_int_equal(metrics_after(store, id_of(2), 0, got, 5, &first), 0);
    sample(store, id_of(3), 1, 600); /* more than one row of a report */
    assert_int_equal(metrics_after(store, id_of(3), 250, got, 100, &first), 100);
    assert_int_equal(got[99].at_ms, 350);
    assert_fine(store);
    memory_store_destroy(store);
}

/* ── output ────────────────────────────────────────────────────────────────────────────────────── */

static void output(struct store *store, uint64_t sequence, uint64_t first_line, uint64_t lines)
{
    struct event event = event_of(EVENT_JOB_OUTPUT, id_of(1), 0);
    event.u.job_output = (struct ev_job_output){.source = OUTPUT_STDOUT,
                                                .first_line = first_line,
                                                .lines = lines,
                                                .quota_reached = lines == 0};
    PROJECTION_JOB_OUTPUT.apply(store, sequence, &event);
}

static void output_is_found_by_line(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    struct output_batch got[4];
    assert_int_equal(job_output_list(store, id_of(1), 0, got, 4), 0);
    output(store, 10, 1, 3);
    output(store, 12, 4, 1);
    output(store, 15, 5, 10);
    assert_int_equal(job_output_list(store, id_of(1), 0, got, 4), 3);
    assert_int_equal(job_output_list(store, id_of(1), 2, got, 4), 3); /* line 3 is in the first */
    assert_int_equal(got[0].sequence, 10);
    assert_int_equal(job_output_list(store, id_of(1), 3, got, 4), 2);
    assert_int_equal(got[0].sequence, 12);
    assert_int_equal(job_output_list(store, id_of(1), 9, got, 1), 1);
    assert_int_equal(got[0].first_line, 5);
    assert_int_equal(job_output_list(store, id_of(1), 14, got, 4), 0);
    assert_int_equal(job_output_list(store, id_of(1), UINT64_MAX, got, 4), 0);
    assert_int_equal(job_output_list(store, id_of(1), UINT64_MAX - 1, got, 4), 0);
    assert_int_equal(job_output_list(store, id_of(2), 0, got, 4), 0);
    assert_int_equal(job_output_before(store, id_of(1), UINT64_MAX, got, 2), 2); /* the newest */
    assert_int_equal(got[0].sequence, 12);
    assert_int_equal(got[1].sequence, 15);
    assert_int_equal(job_output_before(store, id_of(1), 6, got, 1), 1); /* line 5 is in it */
    assert_int_equal(got[0].first_line, 5);
    assert_int_equal(job_output_before(store, id_of(1), 5, got, 4), 2);
    assert_int_equal(got[1].first_line, 4);
    assert_int_equal(job_output_before(store, id_of(1), 1, got, 4), 0);
    assert_int_equal(job_output_before(store, id_of(2), UINT64_MAX, got, 4), 0);
    assert_int_equal(job_output_last_line(store, id_of(1)), 14);
    assert_int_equal(job_output_last_line(store, id_of(2)), 0);
    output(store, 20, 15, 0); /* the quota is reached */
    assert_int_equal(job_output_list(store, id_of(1), 14, got, 4), 1);
    assert_int_equal(got[0].quota_reached, 1);
    assert_int_equal(job_output_last_line(store, id_of(1)), 14);
    assert_fine(store);
    memory_store_destroy(store);
}

/* ── marketplace ───────────────────────────────────────────────────────────────────────────────── */

static void publish(struct store *store, uint64_t sequence, struct id16 offer, int64_t rate,
                    const char *model)
{
    struct event event = event_of(EVENT_OFFER_PUBLISHED, offer, 5);
    event.u.offer_published = (struct ev_offer_published){.account_id = id_of(90),
                                                          .host_id = id_of(80),
                                                          .device = DEVICE_GPU,
                                                          .model = bytes_of_text(model),
                                                          .rate = rate};
    market_evolve(store, sequence, &event); /* the projection reads the offer's row there */
    PROJECTION_MARKETPLACE.apply(store, sequence, &event);
}

static void offers_are_listed_by_price_and_go_when_withdrawn(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    struct market_entry got[4];
    publish(store, 1, id_of(3), 500, "dear");
    publish(store, 2, id_of(1), 20, "cheap");
    publish(store, 3, id_of(2), 20, "cheap too");
    assert_int_equal(marketplace_by_price(store, NULL, got, 4), 3);
    assert_true(id_equal(got[0].offer_id, id_of(1)) && id_equal(got[1].offer_id, id_of(2)));
    assert_memory_equal(got[2].offer.model, "dear", 5);
    assert_false(got[0].online); /* a host nobody enrolled */
    assert_int_equal(marketplace_of_provider(store, id_of(90), 1, got, 4), 2);
    assert_int_equal(marketplace_of_provider(store, id_of(91), 0, got, 4), 0);
    struct event event = event_of(EVENT_OFFER_WITHDRAWN, id_of(1), 9);
    PROJECTION_MARKETPLACE.apply(store, 4, &event);
    assert_int_equal(marketplace_by_price(store, NULL, got, 4), 2);
    assert_int_equal(marketplace_by_id(store, (struct id16){{0}}, got, 4), 2);
    assert_false(marketplace_get(store, id_of(1), &got[0]));
    assert_fine(store);
    PROJECTION_MARKETPLACE.apply(store, 5, &event); /* a log that is not ours */
    assert_int_equal(store_check(store, NULL), ERR_CORRUPT);
    memory_store_destroy(store);
}

static void a_long_model_is_cut_between_characters(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    struct market_entry got;
    char model[140];
    memset(model, 'x', sizeof model);
    memcpy(model + 119, "\xe2\x82\xac", 3); /* a euro sign across byte 120 */
    model[139] = '\0';
    publish(store, 1, id_of(1), 1, model);
    assert_true(marketplace_get(store, id_of(1), &got));
    assert_int_equal(got.offer.model_size, 119);
    assert_int_equal(got.offer.model[119], 0);
    memory_store_destroy(store);
}

/* ── accounts ──────────────────────────────────────────────────────────────────────────────────── */

static void books_refuse_money_that_is_not_there(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    struct err err = {0};
    struct event event = event_of(EVENT_PAYOUT_CONFIRMED, id_of(1), 1);
    event.u.payout_confirmed.amount = 5; /* nothing was settled */
    PROJECTION_ACCOUNTS.apply(store, 1, &event);
    assert_int_equal(store_check(store, &err), ERR_CORRUPT);
    assert_string_equal(err.message, "accounts: a balance that cannot be negative is");
    memory_store_destroy(store);
}

static void statements_read_both_ways(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    struct statement_line lines[3];
    uint8_t held[ACCOUNT_KEY_SIZE];
    struct id16 escrow = id_of(1);
    account_key(ACCOUNT_HELD, id_key(&escrow), 0, held);
    for (uint64_t i = 1; i <= 5; i++) {
        struct event event = event_of(EVENT_DEPOSIT_OBSERVED, escrow, 1);
        event.u.deposit_observed.amount = (int64_t)i;
        PROJECTION_ACCOUNTS.apply(store, i * 10, &event);
    }
    assert_int_equal(accounts_balance(store, held), 15);
    assert_int_equal(accounts_total(store, ACCOUNT_HELD), 15);
    assert_int_equal(accounts_total(store, ACCOUNT_WALLET), -15);
    assert_int_equal(accounts_statement_after(store, held, 20, lines, 3), 3);
    assert_int_equal(lines[0].sequence, 30);
    assert_int_equal(lines[0].balance, 6);
    assert_int_equal(accounts_statement_before(store, held, 0, lines, 3), 3);
    assert_int_equal(lines[0].sequence, 50);
    assert_int_equal(accounts_statement_before(store, held, 30, lines, 3), 2);
    assert_int_equal(lines[1].amount, 1);
    memory_store_destroy(store);
}

/* ── with a whole market: earnings, transactions, jobs ─────────────────────────────────────────── */

static void project(void *context, uint64_t sequence, const struct event *event)
{
    projections_apply(((struct market *)context)->store, sequence, event);
}

/* The offer costs 1 QUBIC per millisecond. */
static struct scene *open_views(uint64_t fee_bps)
{
    return scene_open(
        &(struct scene_options){.fee_bps = fee_bps, .rate = 3600000, .on_event = project});
}

/* A job that runs 10 s and is paid for them, on the chain by the end of it. */
static struct id16 paid_job(struct scene *s)
{
    struct market *m = &s->market;
    struct id16 job = market_running_job(m, s->consumer, s->host, s->offer, 20000);
    m->now += 10 * NS_PER_S;
    assert_int_equal(market_end(m, s->host, job, ENDING_COMPLETED, REASON_EXITED_ZERO, 10000),
                     ERR_OK);
    market_drain(m);
    return job;
}

/* R9.1, R9.3, R9.6, P29, P33 */
static void earnings_follow_utc_days(void **state)
{
    (void)state;
    struct scene *s = open_views(1000); /* a tenth */
    struct market *m = &s->market;
    struct earnings earnings;
    const int64_t day = 86400 * NS_PER_S;
    int64_t midnight = (m->now / day + 1) * day;
    m->now = midnight - 12 * NS_PER_S; /* ends 2 s before midnight */
    (void)paid_job(s);
    m->now = midnight;
    earnings_get(m->store, s->provider, m->now, &earnings);
    assert_int_equal(earnings.today, 0);
    assert_int_equal(earnings.by_day[EARNINGS_MONTH_DAYS - 2].amount, 9000);
    (void)paid_job(s);
    earnings_get(m->store, s->provider, m->now, &earnings);
    assert_int_equal(earnings.today, 9000);
    assert_int_equal(earnings.week, 18000);
    assert_int_equal(earnings.all.paid, 18000);
    assert_int_equal(earnings.all.pending, 0);
    assert_int_equal(earnings.all.jobs_completed, 2);
    assert_int_equal(earnings.all.worked_ms, 20000);
    assert_int_equal(earnings.average_rate, 3240000); /* 18,000 in 20 s */
    assert_int_equal(earnings.by_day[EARNINGS_MONTH_DAYS - 1].day, midnight / day);

    earnings_get(m->store, s->provider, midnight + 6 * day,
                 &earnings); /* the last day of its week */
    assert_int_equal(earnings.today, 0);
    assert_int_equal(earnings.week, 9000);
    assert_int_equal(earnings.month, 18000);
    earnings_get(m->store, s->provider, midnight + 29 * day, &earnings);
    assert_int_equal(earnings.week, 0);
    assert_int_equal(earnings.month, 9000);
    assert_int_equal(earnings.by_day[0].amount, 9000);
    earnings_get(m->store, s->provider, midnight + 30 * day, &earnings);
    assert_int_equal(earnings.month, 0);
    assert_int_equal(earnings.all.paid, 18000);
    earnings_get(m->store, s->consumer, m->now, &earnings); /* never earned */
    assert_int_equal(earnings.all.paid + earnings.average_rate, 0);
    scene_close(s);
}

/* R9.2, R9.4, P30, P31 */
static void a_running_job_earns_what_was_reported(void **state)
{
    (void)state;
    struct scene *s = open_views(1000);
    struct market *m = &s->market;
    struct earnings_active active[2];
    struct id16 none = {{0}};
    struct id16 job = market_running_job(m, s->consumer, s->host, s->offer, 20000);
    assert_int_equal(earnings_active_jobs(m->store, s->provider, none, active, 2), 1);
    assert_int_equal(active[0].earned, 0);
    m->now += 4 * NS_PER_S;
    assert_int_equal(market_progress(m, s->host, job, 100, 3000), ERR_OK);
    assert_int_equal(earnings_active_jobs(m->store, s->provider, none, active, 2), 1);
    assert_int_equal(active[0].earned, 2700);
    assert_int_equal(market_progress(m, s->host, job, 100, 999999999), ERR_OK); /* a liar */
    assert_int_equal(earnings_active_jobs(m->store, s->provider, none, active, 2), 1);
    assert_int_equal(active[0].earned, 3600); /* 4 s went by here */
    assert_int_equal(earnings_active_jobs(m->store, s->provider, job, active, 2), 0);
    m->now += 1 * NS_PER_S;
    assert_int_equal(market_cancel(m, s->consumer, job), ERR_OK);
    assert_int_equal(earnings_active_jobs(m->store, s->provider, none, active, 2), 0);
    struct earnings earnings;
    earnings_get(m->store, s->provider, m->now, &earnings);
    assert_int_equal(earnings.all.pending,
                     3600); /* what the last report said, not the silence after it */
    assert_int_equal(earnings.all.jobs_completed, 0);
    scene_close(s);
}

/* R10.1, R10.2, R10.6, P34 */
static void transactions_are_filtered_and_paged(void **state)
{
    (void)state;
    struct scene *s = open_views(1000);
    struct market *m = &s->market;
    struct transaction_entry got[10];
    uint64_t next;
    int64_t start = m->now;
    (void)paid_job(s);
    m->now += 3600 * NS_PER_S;
    assert_int_equal(market_host_online(m, s->host), ERR_OK);
    int64_t second = m->now;
    struct id16 job = paid_job(s);

    struct transactions_filter filter = {.account_id = s->consumer};
    assert_int_equal(transactions_list(m->store, &filter, got, 10, &next),
                     4); /* 2 locks, 2 refunds */
    assert_int_equal(next, 0);
    assert_int_equal(got[0].row.kind, TRANSACTION_REFUND);
    assert_int_equal(got[0].row.status, TRANSACTION_CONFIRMED);
    assert_true(id_equal(got[0].row.job_id, job));
    assert_int_equal(got[1].row.kind, TRANSACTION_LOCK);
    assert_int_equal(got[1].row.status, TRANSACTION_CONFIRMED);
    assert_int_equal(got[1].row.amount, got[0].row.amount + 10000);
    filter.kind = TRANSACTION_LOCK;
    assert_int_equal(transactions_list(m->store, &filter, got, 1, &next), 1);
    assert_int_not_equal(next, 0);
    filter.before = next;
    assert_int_equal(transactions_list(m->store, &filter, got, 10, &next), 1);
    assert_int_equal(next, 0);
    assert_true(got[0].row.at < second);

    filter = (struct transactions_filter){.account_id = s->provider, .from = second};
    assert_int_equal(transactions_list(m->store, &filter, got, 10, &next), 1);
    assert_int_equal(got[0].row.kind, TRANSACTION_PAYOUT);
    assert_int_equal(got[0].row.amount, 9000);
    filter = (struct transactions_filter){.until = second};
    assert_int_equal(transactions_list(m->store, &filter, got, 10, &next), 4); /* with the fee */
    filter = (struct transactions_filter){.from = start, .kind = TRANSACTION_FEE};
    assert_int_equal(transactions_list(m->store, &filter, got, 10, &next), 2);
    struct transaction_entry by_tx;
    assert_true(transactions_by_tx(m->store, got[0].row.tx_id, &by_tx));
    assert_int_equal(by_tx.first_sequence, got[0].first_sequence);
    scene_close(s);
}

/* R10.5, P36 */
static void a_lost_leg_is_a_row_and_its_next_attempt_another(void **state)
{
    (void)state;
    struct scene *s = open_views(0);
    struct market *m = &s->market;
    struct transaction_entry got[10];
    struct job_leg_view leg_view;
    struct job_row job;
    struct leg_row leg;
    uint64_t next;
    uint8_t key[LEG_KEY_SIZE];
    struct id16 job_id = market_queued_job(m, s->consumer, s->offer, 20000);
    assert_int_equal(market_cancel(m, s->consumer, job_id), ERR_OK);
    assert_true(state_job(m->store, job_id, &job));
    leg_key(job.escrow_id, LEG_REFUND, (struct key32){{0}}, key);
    for (int step = 0; step < 3; step++) {
        assert_true(state_leg(m->store, key, &leg));
        struct command command = market_leg_command(
            m, step == 1 ? COMMAND_LEG_LOSE : COMMAND_LEG_SIGN, job.escrow_id, &leg);
        assert_int_equal(market_submit(m, &command), ERR_OK);
        assert_int_equal(jobs_get_legs(m->store, job_id, 0, &leg_view, 1), 1);
        assert_int_equal(leg_view.status, step == 1 ? JOB_LEG_LOST : JOB_LEG_SIGNED);
    }
    struct transactions_filter filter = {.account_id = s->consumer, .kind = TRANSACTION_REFUND};
    assert_int_equal(transactions_list(m->store, &filter, got, 10, &next), 2);
    assert_int_equal(got[0].row.status, TRANSACTION_SIGNED);
    assert_int_equal(got[0].row.attempt, 2);
    assert_int_equal(got[1].row.status, TRANSACTION_LOST);
    struct job_view view;
    assert_true(jobs_get(m->store, job_id, &view));
    assert_false(jobs_is_settled(&view));
    market_drain(m);
    assert_true(jobs_get(m->store, job_id, &view));
    assert_true(jobs_is_settled(&view));
    scene_close(s);
}

/* Every fact of a job's page, from a job that ran and failed. */
static void a_job_tells_its_whole_story(void **state)
{
    (void)state;
    struct scene *s = open_views(0);
    struct market *m = &s->market;
    struct job_view view;
    struct job_escrow_view escrow;
    int64_t created = m->now;
    struct id16 upload = market_upload(m, s->consumer, 20000, 20000);
    struct id16 quote = market_quote(m, s->consumer, upload, s->offer);
    struct id16 job = market_create_job(m, s->consumer, quote);
    assert_true(jobs_get_escrow(m->store, job, &escrow));
    assert_int_equal(escrow.required, 3);
    assert_int_equal(escrow.last_tick, escrow.requested_tick + 30);
    m->terms.confirmations = 4; /* changed meanwhile: the next confirmation says so */
    struct command command =
        market_command(m, COMMAND_TERMS_SET, ACTOR_OPERATOR, (struct id16){{0}});
    command.u.terms = m->terms;
    assert_int_equal(market_submit(m, &command), ERR_OK);
    command = market_lock_of(m, job);
    assert_int_equal(market_submit(m, &command), ERR_OK);
    assert_int_equal(market_confirm(m, job), ERR_OK);
    assert_true(jobs_get_escrow(m->store, job, &escrow));
    assert_int_equal(escrow.confirmations, 1);
    assert_int_equal(escrow.required, 4);
    assert_int_equal(escrow.processed_tick, escrow.lock_tick + 1);
    assert_int_equal(escrow.status, ESCROW_OBSERVED);
    m->now += NS_PER_S;
    for (int i = 2; i <= 4; i++) {
        assert_int_equal(market_confirm(m, job), ERR_OK);
    }
    m->now += NS_PER_S;
    assert_int_equal(market_claim(m, s->host), ERR_OK);
    m->now += NS_PER_S;
    assert_int_equal(market_start(m, s->host, job), ERR_OK);
    m->now += 5 * NS_PER_S;
    assert_int_equal(
        market_end(m, s->host, job, ENDING_PROGRAM_FAILED, REASON_EXITED_NONZERO, 4000), ERR_OK);
    assert_true(jobs_get(m->store, job, &view));
    assert_int_equal(view.created_at, created);
    assert_int_equal(view.queued_at, created + NS_PER_S);
    assert_int_equal(view.assigned_at, created + 2 * NS_PER_S);
    assert_int_equal(view.started_at, created + 3 * NS_PER_S);
    assert_int_equal(view.ended_at, created + 8 * NS_PER_S);
    assert_int_equal(view.status, JOB_VIEW_FAILED);
    assert_string_equal(enum_word(&job_view_status_words, (uint32_t)view.status), "failed");
    assert_int_equal(view.ending, ENDING_PROGRAM_FAILED);
    assert_int_equal(view.reason, REASON_EXITED_NONZERO);
    assert_int_equal(view.fault, FAULT_PROGRAM);
    assert_int_equal(view.exit_status, 1);
    assert_int_equal(view.used_ms, 4000);
    assert_int_equal(view.payout, 0);
    assert_int_equal(view.refund, view.cap);
    assert_int_equal(view.settled_at, 0);
    m->now += NS_PER_S;
    market_drain(m);
    assert_true(jobs_get(m->store, job, &view));
    assert_int_equal(view.settled_at, m->now);

    command = market_command(m, COMMAND_JOB_RATE, ACTOR_ACCOUNT, s->consumer);
    command.u.rate = (struct command_rate){.job_id = job, .stars = 4};
    assert_int_equal(market_submit(m, &command), ERR_OK);
    struct earnings earnings;
    earnings_get(m->store, s->provider, m->now, &earnings);
    assert_int_equal(earnings.all.ratings, 1);
    assert_int_equal(earnings.all.stars, 4);
    assert_int_equal(earnings.all.jobs_ended, 1);
    assert_int_equal(earnings.all.jobs_completed, 0);
    assert_int_equal(earnings.all.worked_ms, 4000);
    assert_int_equal(earnings.average_rate, 0);
    scene_close(s);
}

static void a_returned_deposit_was_real(void **state)
{
    (void)state;
    struct scene *s = open_views(0);
    struct market *m = &s->market;
    struct transaction_entry entry;
    struct id16 upload = market_upload(m, s->consumer, 20000, 20000);
    struct id16 job =
        market_create_job(m, s->consumer, market_quote(m, s->consumer, upload, s->offer));
    struct command command = market_lock_of(m, job);
    command.u.deposit.amount -= 1;
    assert_int_equal(market_submit(m, &command), ERR_OK);
    assert_true(transactions_by_tx(m->store, command.u.deposit.tx_id, &entry));
    assert_int_equal(entry.row.kind, TRANSACTION_DEPOSIT);
    assert_int_equal(entry.row.class, DEPOSIT_SHORT);
    assert_int_equal(entry.row.status, TRANSACTION_OBSERVED);
    assert_int_equal(entry.row.tick, command.u.deposit.tick);
    market_drain(m);
    assert_true(transactions_by_tx(m->store, command.u.deposit.tx_id, &entry));
    assert_int_equal(entry.row.status, TRANSACTION_CONFIRMED);
    scene_close(s);
}

static void a_host_hears_of_the_end_of_a_job_it_has_not_started(void **state)
{
    (void)state;
    struct scene *s = open_views(0);
    struct market *m = &s->market;
    struct id16 job = market_queued_job(m, s->consumer, s->offer, 20000);
    struct id16 second = market_queued_job(m, s->consumer, s->offer, 20000);
    assert_int_equal(market_claim(m, s->host), ERR_OK);
    assert_int_equal(market_cancel(m, s->consumer, job), ERR_OK);
    assert_true(streams_has(m->store, STREAM_HOST, s->host, m->first));
    assert_int_equal(market_cancel(m, s->consumer, second), ERR_OK);
    assert_false(streams_has(m->store, STREAM_HOST, s->host, m->first)); /* it never had this one */
    scene_close(s);
}

/* A store that fails at any operation leaves a failed store, no crash and no endless loop. */
static void every_failure_of_the_store_is_kept(void **state)
{
    (void)state;
    struct scene *s = open_views(1000);
    struct market *m = &s->market;
    struct arena arena;
    struct event event;
    (void)paid_job(s);
    arena_init(&arena, 1 << 20);
    for (size_t operation = 1;; operation++) {
        struct store *store = memory_store_create();
        memory_store_fail_at(store, operation);
        for (uint64_t sequence = 1; sequence <= m->sequence; sequence++) {
            arena_clear(&arena);
            assert_int_equal(record_decode(market_record(m, sequence), &arena, &event, NULL),
                             ERR_OK);
            market_evolve(store, sequence, &event);
            projections_apply(store, sequence, &event);
        }
        enum err_code code = store_check(store, NULL);
        memory_store_destroy(store);
        if (code == ERR_OK) {
            assert_true(operation > 500);
            break; /* fewer operations than that */
        }
        assert_int_equal(code, ERR_IO);
    }
    arena_deinit(&arena);
    scene_close(s);
}

static void tables_have_names_of_their_own(void **state)
{
    (void)state;
    const char *names[128];
    size_t count = 0;
    for (size_t i = 0; i < STATE_TABLE_COUNT; i++) {
        names[count++] = STATE_TABLES[i]->name;
    }
    for (size_t i = 0; i < PROJECTION_COUNT; i++) {
        assert_true(PROJECTIONS[i]->table_count > 0);
        for (size_t t = 0; t < PROJECTIONS[i]->table_count; t++) {
            names[count++] = PROJECTIONS[i]->tables[t]->name;
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            assert_string_not_equal(names[i], names[j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_keep_the_newest_and_narrow_what_is_too_large),
        cmocka_unit_test(output_is_found_by_line),
        cmocka_unit_test(offers_are_listed_by_price_and_go_when_withdrawn),
        cmocka_unit_test(a_long_model_is_cut_between_characters),
        cmocka_unit_test(books_refuse_money_that_is_not_there),
        cmocka_unit_test(statements_read_both_ways),
        cmocka_unit_test(earnings_follow_utc_days),
        cmocka_unit_test(a_running_job_earns_what_was_reported),
        cmocka_unit_test(transactions_are_filtered_and_paged),
        cmocka_unit_test(a_lost_leg_is_a_row_and_its_next_attempt_another),
        cmocka_unit_test(a_job_tells_its_whole_story),
        cmocka_unit_test(a_returned_deposit_was_real),
        cmocka_unit_test(a_host_hears_of_the_end_of_a_job_it_has_not_started),
        cmocka_unit_test(every_failure_of_the_store_is_kept),
        cmocka_unit_test(tables_have_names_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
