/* R16.3, R16.6, P29, P31, P34, P36. The read models beside the write model in 100 random markets: they must agree after every command, with what the records themselves say at the end,
 * and with a second run over the public bytes alone. */
// SPDX-License-Identifier: Apache-2.0
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
#include "tests/support/market_driver.h"
#include "tests/support/memory_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 100
#define STEPS 400
#define LIST_MAX 1024

#define check(market, condition)                                                                   \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("seed %llu, sequence %llu: %s", (unsigned long long)(market)->seed,           \
                     (unsigned long long)(market)->sequence, #condition);                          \
        }                                                                                          \
    } while (0)

static void project(void *context, uint64_t sequence, const struct event *event)
{
    projections_apply(((struct market *)context)->store, sequence, event);
}

/* ── after every command ───────────────────────────────────────────────────────────────────────── */

static void check_accounts(struct market *m)
{
    static struct account_balance list[8192];
    size_t count = accounts_list(m->store, NULL, list, sizeof list / sizeof *list);
    int64_t sum = 0;
    check(m, count == memory_store_rows(m->store, &STATE_BALANCES));
    for (size_t i = 0; i < count; i++) {
        check(m, list[i].balance == state_balance(m->store, list[i].account));
        sum += list[i].balance;
    }
    check(m, sum == 0);
}

static enum job_view_status expected_status(const struct job_row *job)
{
    switch ((enum job_status)job->status) {
    case JOB_AWAITING_LOCK:
        return JOB_VIEW_AWAITING_LOCK;
    case JOB_QUEUED:
        return JOB_VIEW_QUEUED;
    case JOB_ASSIGNED:
        return JOB_VIEW_ASSIGNED;
    case JOB_RUNNING:
        return JOB_VIEW_RUNNING;
    case JOB_ENDED:
        break;
    }
    switch ((enum ending)job->ending) {
    case ENDING_COMPLETED:
    case ENDING_CAP_REACHED:
        return JOB_VIEW_COMPLETED;
    case ENDING_CANCELLED_RUNNING:
    case ENDING_CANCELLED_BEFORE_START:
    case ENDING_NEVER_FUNDED:
        return JOB_VIEW_CANCELLED;
    case ENDING_NO_WORKER:
    case ENDING_WORKER_LOST:
    case ENDING_HOST_FAULT:
    case ENDING_PROGRAM_FAILED:
    case ENDING_PLATFORM_FAULT:
        return JOB_VIEW_FAILED;
    }
    return JOB_VIEW_ANY;
}

static void check_legs(struct market *m, struct id16 job_id, const struct job_view *view,
                       const struct job_row *job)
{
    static struct job_leg_view legs[LIST_MAX];
    size_t count = jobs_get_legs(m->store, job_id, 0, legs, LIST_MAX);
    uint64_t open = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t key[LEG_KEY_SIZE];
        struct leg_row leg;
        leg_key(job->escrow_id, (enum leg_kind)legs[i].kind, legs[i].deposit_tx, key);
        check(m, state_leg(m->store, key, &leg));
        check(m, legs[i].amount == leg.amount && legs[i].attempt == leg.attempt);
        check(m, key_equal(legs[i].destination, leg.destination));
        check(m, key_equal(legs[i].tx_id, leg.tx_id) && legs[i].tick == leg.tick);
        check(m, (legs[i].status == JOB_LEG_CONFIRMED) == (leg.status == LEG_CONFIRMED));
        check(m, (legs[i].status == JOB_LEG_SIGNED) == (leg.status == LEG_SIGNED));
        check(m, (legs[i].status == JOB_LEG_LOST) == (leg.status == LEG_DUE && leg.attempt > 0));
        open += leg.status == LEG_CONFIRMED ? 0 : 1;
    }
    check(m, view->legs_open == open);
    if (count > 1) {
        struct job_leg_view second;
        check(m, jobs_get_legs(m->store, job_id, 1, &second, 1) == 1);
        check(m, memcmp(&second, &legs[1], sizeof second) == 0);
    }
}

static void check_job_escrow(struct market *m, struct id16 job_id, const struct job_view *view,
                             const struct job_row *job)
{
    struct job_escrow_view said = {0};
    struct escrow_row escrow = {0};
    check(m, state_escrow(m->store, job->escrow_id, &escrow));
    check(m, jobs_get_escrow(m->store, job_id, &said));
    check(m, said.status == escrow.status && said.amount == escrow.amount);
    check(m, said.confirmations == escrow.confirmations && said.shortfall == escrow.shortfall);
    check(m, key_equal(said.lock_tx, escrow.lock_tx));
    check(m, view->fee + view->payout == view->gross);
    check(m, escrow.status != ESCROW_SETTLED || view->gross + view->refund == escrow.amount);
    bool settled = job->status == JOB_ENDED && escrow.legs_open == 0;
    check(m, jobs_is_settled(view) == settled && (view->settled_at != 0) == settled);
}

static void check_job(struct market *m, struct id16 job_id)
{
    struct job_view view = {0};
    struct job_progress_view progress;
    struct job_row job = {0};
    check(m, state_job(m->store, job_id, &job) && jobs_get(m->store, job_id, &view));
    jobs_get_progress(m->store, job_id, &progress);
    check(m, view.status == expected_status(&job));
    check(m, view.ending == job.ending && view.attempt == job.attempt);
    check(m, id_equal(view.host_id, job.host_id) && id_equal(view.provider_id, job.provider_id));
    check(m, view.cap == job.cap && view.rate == job.rate && view.limit_ms == job.limit_ms);
    check(m, view.queued_at == job.queued_at && view.started_at == job.started_at);
    check(m, view.created_sequence == job.created_sequence);
    check(m, view.end_sequence == job.end_sequence && view.results == job.results);
    check(m, view.stars == job.rated && progress.permille == job.permille);
    check(m, progress.used_ms <= job.reported_ms);
    check_job_escrow(m, job_id, &view, &job);
    check_legs(m, job_id, &view, &job);
}

/* ── now and then ──────────────────────────────────────────────────────────────────────────────── */

static void check_market(struct market *m)
{
    static struct market_entry entries[LIST_MAX];
    size_t offered = 0;
    for (size_t i = 0; i < m->offers.count; i++) {
        struct offer_row offer;
        struct host_row host;
        struct market_entry entry;
        check(m, state_offer(m->store, m->offers.ids[i], &offer));
        check(m, marketplace_get(m->store, m->offers.ids[i], &entry) == (offer.withdrawn == 0));
        if (offer.withdrawn != 0) {
            continue;
        }
        offered++;
        check(m, state_host(m->store, offer.host_id, &host));
        check(m, entry.online == (host.online != 0) && entry.busy == !id_is_zero(host.job_id));
        check(m, entry.offer.rate == offer.rate && id_equal(entry.offer.host_id, offer.host_id));
    }
    check(m, marketplace_by_id(m->store, (struct id16){0}, entries, LIST_MAX) == offered);
    for (size_t i = 1; i < offered; i++) {
        check(m, memcmp(entries[i - 1].offer_id.b, entries[i].offer_id.b, 16) < 0);
    }
    /* By price, one page after the other. */
    size_t count = 0;
    while (marketplace_by_price(m->store, count == 0 ? NULL : &entries[count - 1], &entries[count],
                                1) == 1) {
        count++;
        check(m, count < 2 || entries[count - 2].offer.rate <= entries[count - 1].offer.rate);
    }
    check(m, count == offered);
}

static bool ended_by_itself(const struct job_row *job)
{
    return job->status == JOB_ENDED &&
           (job->ending == ENDING_COMPLETED || job->ending == ENDING_CAP_REACHED ||
            job->ending == ENDING_PROGRAM_FAILED);
}

/* What matching is told (R3.1) is what the write model's jobs say: who waits for a machine, what ended there, what was lost. */
static void check_candidates(struct market *m)
{
    struct candidate *candidates = NULL;
    size_t count = 0;
    size_t offered = 0;
    assert_int_equal(marketplace_candidates(m->store, &candidates, &count, NULL), ERR_OK);
    for (size_t i = 0; i < m->offers.count; i++) {
        struct offer_row offer;
        check(m, state_offer(m->store, m->offers.ids[i], &offer));
        offered += offer.withdrawn == 0 ? 1 : 0;
    }
    check(m, count == offered);
    for (size_t i = 0; i < count; i++) {
        const struct candidate *one = &candidates[i];
        struct offer_row offer;
        struct host_row host;
        uint64_t queued = 0;
        uint64_t done = 0;
        for (size_t j = 0; j < m->jobs.count; j++) {
            struct job_row job;
            struct offer_row bought;
            check(m, state_job(m->store, m->jobs.ids[j], &job));
            check(m, state_offer(m->store, job.offer_id, &bought));
            queued += job.status == JOB_QUEUED && id_equal(bought.host_id, one->offer.host_id);
            done += ended_by_itself(&job) && id_equal(job.host_id, one->offer.host_id);
        }
        check(m, state_offer(m->store, one->offer_id, &offer));
        check(m, memcmp(&offer, &one->offer, sizeof offer) == 0);
        check(m, state_host(m->store, offer.host_id, &host));
        check(m, one->online == host.online && one->busy == !id_is_zero(host.job_id));
        check(m, one->queued == queued && one->done == done && one->measured_at > 0);
        check(m, one->measured_at <= m->now);
    }
    free(candidates);
}

/* Jobs that machines let lie, lost or could not run, as the records have them. */
static void check_losses(struct market *m)
{
    struct arena arena;
    struct event event;
    uint64_t lost = 0;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < m->hosts.count; i++) {
        struct market_host host;
        check(m, marketplace_get_host(m->store, m->hosts.ids[i], &host));
        lost += host.lost;
    }
    for (uint64_t sequence = 1; sequence <= m->sequence; sequence++) {
        arena_clear(&arena);
        assert_int_equal(record_decode(market_record(m, sequence), &arena, &event, NULL), ERR_OK);
        const struct ev_job_end *end = &event.u.job_failed;
        bool failed = event.type->number == EVENT_JOB_FAILED;
        lost -=
            event.type->number == EVENT_JOB_RELEASED ||
            (failed && (end->ending == ENDING_WORKER_LOST || end->ending == ENDING_HOST_FAULT ||
                        (end->ending == ENDING_NO_WORKER && end->reason == REASON_START_TIMEOUT)));
    }
    check(m, lost == 0);
    arena_deinit(&arena);
}

/* What came in and went out is the wallet's balance in the books; fees are ours and not a wallet's. */
static void check_transactions(struct market *m, struct id16 account_id)
{
    static struct transaction_entry list[LIST_MAX * 2];
    struct account_row account;
    struct transactions_filter filter = {.account_id = account_id};
    uint64_t next = 0;
    int64_t sum = 0;
    size_t total = 0;
    do {
        size_t count = transactions_list(m->store, &filter, list, 50, &next);
        for (size_t i = 0; i < count; i++) {
            const struct transaction_row *row = &list[i].row;
            check(m, filter.before == 0 || list[i].first_sequence < filter.before);
            check(m, i == 0 || list[i].first_sequence < list[i - 1].first_sequence);
            check(m, state_account(m->store, account_id, &account));
            bool in = row->status == TRANSACTION_CONFIRMED && row->kind != TRANSACTION_FEE &&
                      row->kind != TRANSACTION_LOCK && row->kind != TRANSACTION_DEPOSIT;
            bool out = row->kind == TRANSACTION_LOCK || row->kind == TRANSACTION_DEPOSIT;
            check(m, key_equal(row->source, account.identity) ||
                         key_equal(row->destination, account.identity));
            sum += (in ? row->amount : 0) - (out ? row->amount : 0);
        }
        total += count;
        check(m, next == 0 || count == 50);
        filter.before = next;
    } while (next != 0);
    check(m, state_account(m->store, account_id, &account));
    uint8_t wallet[ACCOUNT_KEY_SIZE];
    account_key(ACCOUNT_WALLET, hash_key(&account.identity), 0, wallet);
    check(m, sum == accounts_balance(m->store, wallet));

    static struct statement_line lines[LIST_MAX * 2];
    size_t count = accounts_statement_after(m->store, wallet, 0, lines, LIST_MAX * 2);
    int64_t running = 0;
    for (size_t i = 0; i < count; i++) {
        running += lines[i].amount;
        check(m, lines[i].balance == running);
    }
    check(m, running == sum && count <= total);
}

static void check_lists(struct market *m)
{
    static struct jobs_entry list[LIST_MAX];
    size_t by_status = 0;
    struct jobs_filter filter = {.role = JOBS_OF_ALL};
    check(m, jobs_list(m->store, &filter, list, LIST_MAX) == m->jobs.count);
    for (size_t i = 0; i < m->jobs.count; i++) {
        check(m, id_equal(list[i].job_id, m->jobs.ids[m->jobs.count - 1 - i])); /* newest first */
    }
    for (uint32_t status = JOB_VIEW_AWAITING_LOCK; status <= JOB_VIEW_CANCELLED; status++) {
        filter.status = (enum job_view_status)status;
        by_status += jobs_list(m->store, &filter, list, LIST_MAX);
    }
    check(m, by_status == m->jobs.count);
    size_t of_consumers = 0;
    size_t of_providers = 0;
    for (size_t i = 0; i < m->accounts.count; i++) {
        struct jobs_filter mine = {.role = JOBS_OF_CONSUMER, .party = m->accounts.ids[i]};
        size_t count = jobs_list(m->store, &mine, list, 7);
        while (count > 0) { /* page by page */
            of_consumers += count;
            mine.before = list[count - 1].created_sequence;
            count = jobs_list(m->store, &mine, list, 7);
        }
        struct jobs_filter theirs = {.role = JOBS_OF_PROVIDER, .party = m->accounts.ids[i]};
        of_providers += jobs_list(m->store, &theirs, list, LIST_MAX);
    }
    check(m, of_consumers == m->jobs.count && of_providers == m->jobs.count);
}

/* ── against the records themselves ────────────────────────────────────────────────────────────── */

static bool names(const struct event *event, struct id16 id)
{
    if (id_equal(event->stream_id, id)) {
        return true;
    }
    for (size_t i = 0; i < event->type->shape->field_count; i++) {
        const struct event_field *field = &event->type->shape->fields[i];
        if (field->kind == FIELD_ID &&
            memcmp((const uint8_t *)&event->u + field->offset, id.b, sizeof id.b) == 0) {
            return true;
        }
    }
    return false;
}

static bool concerns_naively(struct market *m, const struct event *event, struct id16 account_id)
{
    struct id16 job_id = event->stream_id;
    struct job_row job;
    struct upload_row upload;
    if (event->type->stream_kind == STREAM_ESCROW) {
        job_id = event->u.payout_confirmed.job_id;
    }
    if (state_job(m->store, job_id, &job)) {
        return id_equal(job.account_id, account_id) || id_equal(job.provider_id, account_id);
    }
    if (state_upload(m->store, event->stream_id, &upload)) {
        return id_equal(upload.account_id, account_id);
    }
    return names(event, account_id);
}

struct tally { /* of one account, from the records */
    int64_t paid;
    int64_t pending;
    uint64_t completed;
    uint64_t worked_ms;
    uint64_t running;
};

static void count_for(struct market *m, const struct event *event, struct id16 account_id,
                      struct tally *tally)
{
    struct job_row job;
    struct id16 job_id = event->type->stream_kind == STREAM_ESCROW
                             ? event->u.payout_confirmed.job_id
                             : event->stream_id;
    if (!state_job(m->store, job_id, &job) || !id_equal(job.provider_id, account_id)) {
        return;
    }
    switch (event->type->number) {
    case EVENT_ESCROW_SETTLED:
        tally->pending += event->u.escrow_settled.payout;
        tally->worked_ms += event->u.escrow_settled.used_ms;
        break;
    case EVENT_PAYOUT_CONFIRMED:
        tally->pending -= event->u.payout_confirmed.amount;
        tally->paid += event->u.payout_confirmed.amount;
        break;
    case EVENT_JOB_STARTED:
        tally->running += job.status == JOB_RUNNING ? 1 : 0;
        break;
    case EVENT_JOB_COMPLETED:
        tally->completed++;
        break;
    default:
        break;
    }
}

static void check_account_story(struct market *m, struct id16 account_id)
{
    struct arena arena;
    struct event event;
    struct tally tally = {0};
    static struct earnings_active active[LIST_MAX];
    struct earnings earnings;
    uint64_t last = 0;
    uint64_t next;
    arena_init(&arena, 1 << 20);
    for (uint64_t sequence = 1; sequence <= m->sequence; sequence++) {
        arena_clear(&arena);
        assert_int_equal(record_decode(market_record(m, sequence), &arena, &event, NULL), ERR_OK);
        bool concerned = concerns_naively(m, &event, account_id);
        check(m, streams_concerns(m->store, account_id, sequence) == concerned);
        if (concerned) {
            check(m, streams_after(m->store, STREAM_ACCOUNT, account_id, last, &next, 1) == 1);
            check(m, next == sequence);
            last = sequence;
        }
        count_for(m, &event, account_id, &tally);
    }
    check(m, streams_after(m->store, STREAM_ACCOUNT, account_id, last, &next, 1) == 0);
    check(m, streams_last(m->store, STREAM_ACCOUNT, account_id) == last);
    earnings_get(m->store, account_id, m->now, &earnings);
    check(m, earnings.all.paid == tally.paid && earnings.all.pending == tally.pending);
    check(m, earnings.all.jobs_completed == tally.completed);
    check(m, earnings.all.worked_ms == tally.worked_ms);
    check(m, earnings.month <= earnings.all.paid && earnings.week <= earnings.month);
    check(m, earnings_active_jobs(m->store, account_id, (struct id16){0}, active, LIST_MAX) ==
                 tally.running);
    arena_deinit(&arena);
}

struct job_story { /* what the views say of a job, and how far the records have confirmed it */
    struct output_batch batches[LIST_MAX];
    struct result_entry results[LIST_MAX];
    struct metric_sample samples[LIST_MAX * 4];
    size_t batch_count;
    size_t result_count;
    size_t sample_count;
    size_t batch;
    size_t result;
    size_t sample;
};

static void compare_with_story(struct market *m, const struct event *event, uint64_t sequence,
                               struct job_story *story)
{
    if (event->type->number == EVENT_JOB_OUTPUT) {
        const struct output_batch *batch = &story->batches[story->batch++];
        check(m, batch->sequence == sequence);
        check(m, batch->first_line == event->u.job_output.first_line);
    } else if (event->type->number == EVENT_RESULT_STORED) {
        const struct result_entry *result = &story->results[story->result++];
        check(m, result->sequence == sequence && result->size == event->u.result_stored.size);
    } else if (event->type->number == EVENT_METRIC_SAMPLED) {
        const struct ev_sample *said = event->u.metric_sampled.samples.items;
        for (size_t i = 0; i < event->u.metric_sampled.samples.count; i++) {
            const struct metric_sample *sample = &story->samples[story->sample++];
            check(m, sample->at_ms == said[i].at_ms);
            check(m, sample->cpu_permille == said[i].cpu_permille);
        }
    }
}

/* Output, samples, results and the stream of a job, against its records. */
static void check_job_story(struct market *m, struct id16 job_id)
{
    static struct job_story story;
    struct arena arena;
    struct event event;
    struct job_row job = {0};
    uint64_t last = 0;
    uint64_t next = 0;
    check(m, state_job(m->store, job_id, &job));
    story.batch = story.result = story.sample = 0;
    story.batch_count = job_output_list(m->store, job_id, 0, story.batches, LIST_MAX);
    story.result_count = job_results_list(m->store, job_id, 0, story.results, LIST_MAX);
    story.sample_count = metrics_after(m->store, job_id, 0, story.samples, LIST_MAX * 4, &next);
    arena_init(&arena, 1 << 20);
    for (uint64_t sequence = job.created_sequence; sequence <= m->sequence; sequence++) {
        arena_clear(&arena);
        assert_int_equal(record_decode(market_record(m, sequence), &arena, &event, NULL), ERR_OK);
        if (!id_equal(event.stream_id, job.escrow_id) && !id_equal(event.stream_id, job_id)) {
            continue;
        }
        check(m, streams_after(m->store, STREAM_JOB, job_id, last, &next, 1) == 1);
        check(m, next == sequence);
        last = sequence;
        compare_with_story(m, &event, sequence, &story);
    }
    check(m, story.batch == story.batch_count && story.result == story.result_count);
    check(m, story.sample == story.sample_count);
    check(m, streams_last(m->store, STREAM_JOB, job_id) == last);
    arena_deinit(&arena);
}

/* The same records, public bytes only, into a fresh store: the same rows in every table. */
static void check_replay(struct market *m)
{
    char where[200];
    struct store *again = memory_store_create();
    struct arena arena;
    struct event event;
    arena_init(&arena, 1 << 20);
    for (uint64_t sequence = 1; sequence <= m->sequence; sequence++) {
        arena_clear(&arena);
        assert_int_equal(record_decode(market_record(m, sequence), &arena, &event, NULL), ERR_OK);
        market_evolve(again, sequence, &event);
        projections_apply(again, sequence, &event);
    }
    assert_int_equal(store_check(again, NULL), ERR_OK);
    if (!memory_store_equal(m->store, again, where, sizeof where)) {
        fail_msg("seed %llu: replay differs: %s", (unsigned long long)m->seed, where);
    }
    arena_deinit(&arena);
    memory_store_destroy(again);
}

/* ── the test ──────────────────────────────────────────────────────────────────────────────────── */

static void check_all(struct market *m)
{
    check_market(m);
    check_candidates(m);
    check_losses(m);
    check_lists(m);
    for (size_t i = 0; i < m->accounts.count; i++) {
        check_transactions(m, m->accounts.ids[i]);
        check_account_story(m, m->accounts.ids[i]);
    }
    for (size_t i = 0; i < m->jobs.count; i++) {
        check_job_story(m, m->jobs.ids[i]);
    }
    check_replay(m);
}

static void views_agree_with_write_model_and_records(void **state)
{
    (void)state;
    size_t events = 0;
    size_t bytes = 0;
    size_t writes = 0;
    for (uint64_t seed = 1001; seed <= 1000 + SEEDS; seed++) {
        struct market *m = calloc(1, sizeof *m);
        assert_non_null(m);
        m->on_event = project;
        m->context = m;
        market_open(m, seed, memory_store_create(), seed % 2 == 0 ? 0 : 300);
        for (size_t i = 0; i < STEPS; i++) {
            market_random_step(m);
            check_accounts(m);
            for (size_t j = 0; j < m->jobs.count; j++) {
                check_job(m, m->jobs.ids[j]);
            }
        }
        check_all(m);
        market_drain(m);
        check_all(m);
        for (size_t j = 0; j < m->jobs.count; j++) {
            struct job_view view;
            check_job(m, m->jobs.ids[j]);
            check(m, jobs_get(m->store, m->jobs.ids[j], &view) && jobs_is_settled(&view));
        }
        events += m->sequence;
        bytes += memory_store_bytes(m->store);
        writes += memory_store_writes(m->store);
        memory_store_destroy(m->store);
        market_close(m);
        free(m);
    }
    printf("%d markets, %zu events; each %zu bytes of rows kept and %zu.%zu writes\n", SEEDS,
           events, bytes / events, writes / events, writes * 10 / events % 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_agree_with_write_model_and_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
