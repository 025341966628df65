/* Every word of refusal of jobs, reports and money, provoked at least once: one row per word, each in a fresh
 * market. The table is compared with the words in the source, so that a new rule without a row here fails. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/market/billing.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_scene.h"

#include <string.h>

#define MINUTE_MS 60000

static struct command as(struct scene *s, enum command_type type, enum actor_kind kind,
                         struct id16 actor)
{
    return market_command(&s->market, type, kind, actor);
}

static void submit(struct scene *s, const struct command *command)
{
    (void)market_submit(&s->market, command);
}

static void accept(struct scene *s, const struct command *command)
{
    if (market_submit(&s->market, command) != ERR_OK) {
        fail_msg("refused: %s", s->market.err.message);
    }
}

static struct id16 quoted(struct scene *s)
{
    struct id16 upload = market_upload(&s->market, s->consumer, MINUTE_MS, MINUTE_MS);
    return market_quote(&s->market, s->consumer, upload, s->offer);
}

static struct id16 created(struct scene *s)
{
    return market_create_job(&s->market, s->consumer, quoted(s));
}

static struct id16 queued(struct scene *s)
{
    return market_queued_job(&s->market, s->consumer, s->offer, MINUTE_MS);
}

static struct id16 running(struct scene *s)
{
    return market_running_job(&s->market, s->consumer, s->host, s->offer, MINUTE_MS);
}

static void finish(struct scene *s, struct id16 job)
{
    assert_int_equal(market_end(&s->market, s->host, job, ENDING_COMPLETED, REASON_EXITED_ZERO, 1),
                     ERR_OK);
}

static struct id16 escrow_of(struct scene *s, struct id16 job_id)
{
    struct job_row job;
    assert_true(state_job(s->market.store, job_id, &job));
    return job.escrow_id;
}

/* The first open leg of the job's escrow. */
static struct command leg_of(struct scene *s, struct id16 job_id, enum command_type type)
{
    struct id16 escrow = escrow_of(s, job_id);
    struct leg_row leg;
    struct id16 of;
    uint8_t at[LEG_ORDER_SIZE] = {0};
    memcpy(at, escrow.b, sizeof escrow.b);
    assert_true(state_next_open_leg(s->market.store, at, &of, &leg));
    assert_true(id_equal(of, escrow));
    return market_leg_command(&s->market, type, escrow, &leg);
}

static struct command new_job_command(struct scene *s)
{
    struct command command = as(s, COMMAND_JOB_CREATE, ACTOR_ACCOUNT, s->consumer);
    command.u.job_create = (struct command_job_create){
        .job_id = market_new_id(&s->market),
        .escrow_id = market_new_id(&s->market),
        .quote_id = quoted(s),
        .escrow_identity = market_new_key(&s->market),
        .key_id = 1,
        .requested_tick = 100,
        .last_tick = 200,
    };
    return command;
}

static struct command output(struct scene *s, struct id16 job, const char *text)
{
    struct command command = as(s, COMMAND_JOB_OUTPUT, ACTOR_HOST, s->host);
    command.u.output.job_id = job;
    command.u.output.output = (struct ev_job_output){
        .source = OUTPUT_STDOUT, .first_line = 1, .text = bytes_of_text(text)};
    return command;
}

static struct command operator_command(struct scene *s, enum command_type type)
{
    return as(s, type, ACTOR_OPERATOR, (struct id16){0});
}

static struct command settlement_command(struct scene *s, enum command_type type)
{
    return as(s, type, ACTOR_SETTLEMENT, (struct id16){0});
}

static void later(struct scene *s, int64_t seconds)
{
    s->market.now += seconds * NS_PER_S;
}

/* ── jobs ──────────────────────────────────────────────────────────────────────────────────────── */

static void no_such_quote(struct scene *s)
{
    (void)market_create_job(&s->market, s->provider, quoted(s));
}

static void quote_used(struct scene *s)
{
    struct id16 quote = quoted(s);
    (void)market_create_job(&s->market, s->consumer, quote);
    (void)market_create_job(&s->market, s->consumer, quote);
}

static void quote_expired(struct scene *s)
{
    struct id16 quote = quoted(s);
    later(s, (int64_t)s->market.terms.quote_valid_s);
    (void)market_create_job(&s->market, s->consumer, quote);
}

static void offer_withdrawn(struct scene *s)
{
    struct id16 quote = quoted(s);
    struct command command = as(s, COMMAND_OFFER_WITHDRAW, ACTOR_HOST, s->host);
    command.u.offer_withdraw.offer_id = s->offer;
    accept(s, &command);
    (void)market_create_job(&s->market, s->consumer, quote);
}

static void settlement_off(struct scene *s)
{
    struct command command = new_job_command(s);
    command.u.job_create.key_id = 2;
    submit(s, &command);
}

static void chain_unknown(struct scene *s)
{
    struct command command = new_job_command(s);
    command.u.job_create.requested_tick = 0;
    submit(s, &command);
}

static void escrow_identity_used(struct scene *s)
{
    struct command first = new_job_command(s);
    struct command second = new_job_command(s);
    accept(s, &first);
    second.u.job_create.escrow_identity = first.u.job_create.escrow_identity;
    submit(s, &second);
}

static void job_exists(struct scene *s)
{
    struct command command = new_job_command(s);
    command.u.job_create.job_id = created(s);
    submit(s, &command);
    assert_string_equal(s->market.word, "job_exists");
    command.u.job_create.job_id = market_new_id(&s->market);
    command.u.job_create.escrow_id = escrow_of(s, s->market.jobs.ids[0]);
    submit(s, &command);
}

static void account_missing(struct scene *s)
{
    struct command command = new_job_command(s);
    store_delete(s->market.store, &STATE_ACCOUNTS, id_key(&s->provider));
    submit(s, &command);
}

static void too_many_refunds(struct scene *s)
{
    struct account_row account;
    struct id16 quote = quoted(s);
    assert_true(state_account(s->market.store, s->consumer, &account));
    account.jobs_started = 20;
    account.jobs_refunded = 20;
    account.job_created_at = s->market.now;
    store_put(s->market.store, &STATE_ACCOUNTS, id_key(&s->consumer),
              bytes_of(&account, sizeof account));
    (void)market_create_job(&s->market, s->consumer, quote);
}

/* So many wait for their lock; each that is paid or cancelled makes room for one. */
static void too_many_unpaid(struct scene *s)
{
    struct id16 jobs[64];
    for (size_t i = 0; i < 64; i++) {
        jobs[i] = market_create_job(&s->market, s->consumer, quoted(s));
        assert_int_equal(s->market.err.code, ERR_OK);
    }
    struct command lock = market_lock_of(&s->market, jobs[0]);
    submit(s, &lock);
    assert_int_equal(s->market.err.code, ERR_OK);
    (void)market_create_job(&s->market, s->consumer, quoted(s));
    assert_int_equal(s->market.err.code, ERR_OK);
    assert_int_equal(market_cancel(&s->market, s->consumer, jobs[1]), ERR_OK);
    (void)market_create_job(&s->market, s->consumer, quoted(s));
    assert_int_equal(s->market.err.code, ERR_OK);
    assert_int_equal(market_cancel(&s->market, s->consumer, jobs[0]), ERR_OK); /* it was paid */
    (void)market_create_job(&s->market, s->consumer, quoted(s));
}

static void no_such_job(struct scene *s)
{
    struct id16 job = running(s);
    (void)market_cancel(&s->market, s->provider, job);
    assert_string_equal(s->market.word, "no_such_job");
    struct command command = as(s, COMMAND_JOB_RATE, ACTOR_ACCOUNT, s->provider);
    command.u.rate.job_id = job;
    submit(s, &command);
    assert_string_equal(s->market.word, "no_such_job");
    struct id16 other = market_enrol(&s->market, s->provider);
    (void)market_start(&s->market, other, job);
    assert_string_equal(s->market.word, "no_such_job");
    (void)market_progress(&s->market, other, job, 1, 1);
}

static void job_ended(struct scene *s)
{
    struct id16 job = running(s);
    finish(s, job);
    (void)market_cancel(&s->market, s->consumer, job);
    assert_string_equal(s->market.word, "job_ended");
    (void)market_end(&s->market, s->host, job, ENDING_COMPLETED, REASON_EXITED_ZERO, 1);
}

static void rate(struct scene *s, struct id16 job, uint64_t stars)
{
    struct command command = as(s, COMMAND_JOB_RATE, ACTOR_ACCOUNT, s->consumer);
    command.u.rate = (struct command_rate){.job_id = job, .stars = stars};
    submit(s, &command);
}

static void not_ratable(struct scene *s)
{
    struct id16 job = created(s);
    assert_int_equal(market_cancel(&s->market, s->consumer, job), ERR_OK);
    rate(s, job, 5); /* ended, but never ran */
}

static void stars_invalid(struct scene *s)
{
    struct id16 job = running(s);
    finish(s, job);
    rate(s, job, 6);
}

static void already_rated(struct scene *s)
{
    struct id16 job = running(s);
    finish(s, job);
    rate(s, job, 5);
    rate(s, job, 1);
}

static void nothing_due(struct scene *s)
{
    (void)queued(s);
    (void)market_sweep(&s->market);
}

static void deadline_without_job(struct scene *s)
{
    uint8_t key[24] = {0, 0, 0, 0, 0, 0, 0, 1};
    store_put(s->market.store, &STATE_DEADLINES, bytes_of(key, sizeof key), bytes_of("", 0));
    (void)market_sweep(&s->market);
}

static void escrow_missing(struct scene *s)
{
    struct id16 job = created(s);
    struct id16 escrow = escrow_of(s, job);
    store_delete(s->market.store, &STATE_ESCROWS, id_key(&escrow));
    (void)market_cancel(&s->market, s->consumer, job);
}

static void billing(struct scene *s)
{
    struct id16 job_id = running(s);
    struct job_row job;
    struct quote_row quote;
    assert_true(state_job(s->market.store, job_id, &job));
    assert_true(state_quote(s->market.store, job.quote_id, &quote));
    quote.fee_bps = 10001;
    store_put(s->market.store, &STATE_QUOTES, id_key(&job.quote_id),
              bytes_of(&quote, sizeof quote));
    (void)market_cancel(&s->market, s->consumer, job_id);
}

/* ── reports ───────────────────────────────────────────────────────────────────────────────────── */

static void not_a_host(struct scene *s)
{
    struct command command = as(s, COMMAND_JOB_CLAIM, ACTOR_ACCOUNT, s->provider);
    submit(s, &command);
}

static void host_busy(struct scene *s)
{
    (void)running(s);
    (void)market_claim(&s->market, s->host);
}

static void no_job(struct scene *s)
{
    (void)queued(s);
    (void)market_claim(&s->market, market_enrol(&s->market, s->provider));
}

static void not_assigned(struct scene *s)
{
    (void)market_start(&s->market, s->host, running(s));
}

static void not_running(struct scene *s)
{
    struct id16 job = queued(s);
    assert_int_equal(market_claim(&s->market, s->host), ERR_OK);
    (void)market_progress(&s->market, s->host, job, 1, 1);
}

static void lease_expired(struct scene *s)
{
    struct id16 job = running(s);
    later(s, (int64_t)s->market.terms.lease_s);
    (void)market_progress(&s->market, s->host, job, 1, 1);
}

static void permille_invalid(struct scene *s)
{
    (void)market_progress(&s->market, s->host, running(s), 1001, 1);
}

static void output_size(struct scene *s)
{
    struct command command = output(s, running(s), "");
    submit(s, &command);
}

static void source_invalid(struct scene *s)
{
    struct command command = output(s, running(s), "a\n");
    command.u.output.output.source = (enum output_source)0;
    submit(s, &command);
}

static void output_gap(struct scene *s)
{
    struct command command = output(s, running(s), "a\n");
    command.u.output.output.first_line = 2;
    submit(s, &command);
    assert_non_null(strstr(s->market.err.message, "the next line is 1"));
}

static void output_quota(struct scene *s)
{
    char text[700];
    struct id16 job = running(s);
    struct command terms = operator_command(s, COMMAND_TERMS_SET);
    s->market.terms.output_max = 1024;
    terms.u.terms = s->market.terms;
    accept(s, &terms);
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    struct command command = output(s, job, text);
    accept(s, &command);
    command.u.output.output.first_line = 2;
    accept(s, &command); /* past the quota: its event says so, without text */
    submit(s, &command);
}

static void samples_invalid(struct scene *s)
{
    struct command command = as(s, COMMAND_JOB_METRICS, ACTOR_HOST, s->host);
    command.u.metrics.job_id = running(s);
    submit(s, &command);
}

static void reports_invalid(struct scene *s)
{
    struct command command = as(s, COMMAND_JOB_REPORTS, ACTOR_HOST, s->host);
    command.u.reports.job_id = running(s);
    submit(s, &command);
}

static void too_many_results(struct scene *s)
{
    struct job_row job;
    struct id16 job_id = running(s);
    assert_true(state_job(s->market.store, job_id, &job));
    job.results = 1000;
    store_put(s->market.store, &STATE_JOBS, id_key(&job_id), bytes_of(&job, sizeof job));
    struct command command = as(s, COMMAND_RESULT_STORE, ACTOR_HOST, s->host);
    command.u.result.job_id = job_id;
    submit(s, &command);
}

static void ending_invalid(struct scene *s)
{
    (void)market_end(&s->market, s->host, running(s), ENDING_WORKER_LOST, REASON_WORKER_STOPPED, 1);
}

static void reason_invalid(struct scene *s)
{
    (void)market_end(&s->market, s->host, running(s), ENDING_COMPLETED, (enum end_reason)0, 1);
}

/* ── the chain ─────────────────────────────────────────────────────────────────────────────────── */

static void not_settlement(struct scene *s)
{
    struct command command = market_lock_of(&s->market, created(s));
    command.actor_kind = ACTOR_ACCOUNT;
    submit(s, &command);
}

static void no_such_escrow(struct scene *s)
{
    struct command command = market_lock_of(&s->market, created(s));
    command.u.deposit.escrow_id = market_new_id(&s->market);
    submit(s, &command);
}

static void deposit_seen(struct scene *s)
{
    struct command command = market_lock_of(&s->market, created(s));
    accept(s, &command);
    submit(s, &command);
}

static void deposit_invalid(struct scene *s)
{
    struct command command = market_lock_of(&s->market, created(s));
    command.u.deposit.amount = AMOUNT_MAX + 1;
    submit(s, &command);
}

/* An archive's word for what its source did sign, twice all the money there is. */
static void deposit_impossible(struct scene *s)
{
    struct command command = market_lock_of(&s->market, created(s));
    command.u.deposit.amount = AMOUNT_MAX;
    accept(s, &command);
    command.u.deposit.tx_id = market_new_key(&s->market);
    command.u.deposit.amount = 1;
    command.command_id = market_new_id(&s->market);
    submit(s, &command);
}

static void too_early(struct scene *s)
{
    struct id16 job = created(s);
    struct command command = settlement_command(s, COMMAND_ESCROW_EXPIRE);
    command.u.confirm.escrow_id = escrow_of(s, job);
    command.u.confirm.processed_tick = s->market.tick;
    submit(s, &command);
    assert_string_equal(s->market.word, "too_early");
    struct command lock = market_lock_of(&s->market, job);
    accept(s, &lock);
    command = settlement_command(s, COMMAND_ESCROW_CONFIRM);
    command.u.confirm.escrow_id = escrow_of(s, job);
    command.u.confirm.confirmations = 1;
    command.u.confirm.processed_tick = lock.u.deposit.tick;
    submit(s, &command);
    assert_string_equal(s->market.word, "too_early");
    assert_int_equal(market_cancel(&s->market, s->consumer, job), ERR_OK);
    command = leg_of(s, job, COMMAND_LEG_SIGN);
    accept(s, &command);
    command = leg_of(s, job, COMMAND_LEG_CONFIRM);
    command.u.leg.u.confirmed.processed_tick--;
    submit(s, &command);
}

static void not_waiting(struct scene *s)
{
    struct id16 job = queued(s);
    struct command command = settlement_command(s, COMMAND_ESCROW_EXPIRE);
    command.u.confirm.escrow_id = escrow_of(s, job);
    command.u.confirm.processed_tick = UINT64_MAX;
    submit(s, &command);
}

static void escrow_without_job(struct scene *s)
{
    struct id16 job = created(s);
    struct command command = settlement_command(s, COMMAND_ESCROW_EXPIRE);
    command.u.confirm.escrow_id = escrow_of(s, job);
    command.u.confirm.processed_tick = UINT64_MAX;
    store_delete(s->market.store, &STATE_JOBS, id_key(&job));
    submit(s, &command);
}

static void shortfall_of(struct scene *s, struct id16 job, int64_t balance)
{
    struct command command = settlement_command(s, COMMAND_ESCROW_SHORTFALL);
    command.u.shortfall.escrow_id = escrow_of(s, job);
    command.u.shortfall.shortfall.expected = 10;
    command.u.shortfall.shortfall.balance = balance;
    submit(s, &command);
}

static void nothing_new(struct scene *s)
{
    struct id16 job = queued(s);
    shortfall_of(s, job, 9);
    assert_string_equal(s->market.word, "");
    shortfall_of(s, job, 8);
}

static void shortfall(struct scene *s)
{
    struct id16 job = running(s);
    finish(s, job);
    shortfall_of(s, job, 9);
    struct command command = leg_of(s, job, COMMAND_LEG_SIGN);
    submit(s, &command);
}

static void no_such_leg(struct scene *s)
{
    struct id16 job = running(s);
    finish(s, job);
    struct command command = leg_of(s, job, COMMAND_LEG_SIGN);
    command.u.leg.kind = LEG_FEE; /* no fee in these terms */
    submit(s, &command);
}

static void in_flight(struct scene *s)
{
    struct id16 job = running(s);
    finish(s, job);
    struct command command = leg_of(s, job, COMMAND_LEG_SIGN);
    accept(s, &command);
    command = leg_of(s, job, COMMAND_LEG_SIGN); /* the next attempt, while the first may arrive */
    submit(s, &command);
}

static void leg_paid(struct scene *s)
{
    struct id16 job = running(s);
    finish(s, job);
    struct command sign = leg_of(s, job, COMMAND_LEG_SIGN);
    accept(s, &sign);
    struct command command = leg_of(s, job, COMMAND_LEG_CONFIRM);
    accept(s, &command);
    sign.u.leg.u.signing.attempt++;
    submit(s, &sign); /* once more */
}

static void not_next(struct scene *s)
{
    struct id16 job_id = running(s);
    later(s, 20);
    assert_int_equal(
        market_end(&s->market, s->host, job_id, ENDING_COMPLETED, REASON_EXITED_ZERO, 20000),
        ERR_OK);
    struct id16 escrow = escrow_of(s, job_id);
    uint8_t key[LEG_KEY_SIZE];
    struct leg_row leg;
    leg_key(escrow, LEG_PAYOUT, (struct key32){{0}}, key);
    assert_true(state_leg(s->market.store, key, &leg));
    struct command command = market_leg_command(&s->market, COMMAND_LEG_SIGN, escrow, &leg);
    submit(s, &command); /* the refund comes first */
    assert_string_equal(s->market.word, "not_next");
    command = settlement_command(s, COMMAND_ESCROW_CONFIRM);
    command.u.confirm.escrow_id = escrow;
    command.u.confirm.confirmations = 1;
    submit(s, &command);
}

static void leg_differs(struct scene *s)
{
    struct id16 job = running(s);
    finish(s, job);
    struct command command = leg_of(s, job, COMMAND_LEG_SIGN);
    command.u.leg.u.signing.destination = market_new_key(&s->market);
    submit(s, &command);
}

static void not_in_flight(struct scene *s)
{
    struct id16 job = running(s);
    finish(s, job);
    struct command command = leg_of(s, job, COMMAND_LEG_LOSE);
    submit(s, &command);
    assert_string_equal(s->market.word, "not_in_flight");
    command = leg_of(s, job, COMMAND_LEG_CONFIRM);
    submit(s, &command);
}

static void no_evidence(struct scene *s)
{
    struct id16 job = running(s);
    finish(s, job);
    struct command command = leg_of(s, job, COMMAND_LEG_SIGN);
    accept(s, &command);
    command = leg_of(s, job, COMMAND_LEG_LOSE);
    command.u.leg.u.lost.outgoing_count++; /* something did leave the identity */
    submit(s, &command);
}

/* ── the table ── */

#define ROW(word, code)                                                                            \
    {                                                                                              \
#word, code, word                                                                          \
    }
static const struct refusal ROWS[] = {
    ROW(offer_withdrawn, ERR_CONFLICT),
    ROW(no_such_quote, ERR_NOT_FOUND),
    ROW(quote_used, ERR_CONFLICT),
    ROW(quote_expired, ERR_CONFLICT),
    ROW(settlement_off, ERR_UNAVAILABLE),
    ROW(chain_unknown, ERR_UNAVAILABLE),
    ROW(escrow_identity_used, ERR_INTERNAL),
    ROW(job_exists, ERR_CONFLICT),
    ROW(account_missing, ERR_INTERNAL),
    ROW(too_many_refunds, ERR_BUSY),
    ROW(too_many_unpaid, ERR_BUSY),
    ROW(no_such_job, ERR_NOT_FOUND),
    ROW(job_ended, ERR_CONFLICT),
    ROW(not_ratable, ERR_CONFLICT),
    ROW(stars_invalid, ERR_INVALID),
    ROW(already_rated, ERR_CONFLICT),
    ROW(nothing_due, ERR_NOT_FOUND),
    ROW(deadline_without_job, ERR_INTERNAL),
    ROW(escrow_missing, ERR_INTERNAL),
    ROW(billing, ERR_INTERNAL),
    ROW(not_a_host, ERR_DENIED),
    ROW(host_busy, ERR_CONFLICT),
    ROW(no_job, ERR_NOT_FOUND),
    ROW(not_assigned, ERR_CONFLICT),
    ROW(not_running, ERR_CONFLICT),
    ROW(lease_expired, ERR_CONFLICT),
    ROW(permille_invalid, ERR_INVALID),
    ROW(output_size, ERR_TOO_LARGE),
    ROW(source_invalid, ERR_INVALID),
    ROW(output_gap, ERR_CONFLICT),
    ROW(output_quota, ERR_CONFLICT),
    ROW(samples_invalid, ERR_INVALID),
    ROW(reports_invalid, ERR_INVALID),
    ROW(too_many_results, ERR_TOO_LARGE),
    ROW(ending_invalid, ERR_INVALID),
    ROW(reason_invalid, ERR_INVALID),
    ROW(not_settlement, ERR_DENIED),
    ROW(no_such_escrow, ERR_NOT_FOUND),
    ROW(deposit_seen, ERR_CONFLICT),
    ROW(deposit_invalid, ERR_INVALID),
    ROW(deposit_impossible, ERR_CONFLICT),
    ROW(too_early, ERR_CONFLICT),
    ROW(not_waiting, ERR_CONFLICT),
    ROW(escrow_without_job, ERR_INTERNAL),
    ROW(nothing_new, ERR_CONFLICT),
    ROW(shortfall, ERR_CONFLICT),
    ROW(no_such_leg, ERR_NOT_FOUND),
    ROW(leg_paid, ERR_CONFLICT),
    ROW(in_flight, ERR_CONFLICT),
    ROW(not_next, ERR_CONFLICT),
    ROW(leg_differs, ERR_INTERNAL),
    ROW(not_in_flight, ERR_CONFLICT),
    ROW(no_evidence, ERR_CONFLICT),
};

static void every_refusal_is_provoked(void **state)
{
    (void)state;
    refusals_provoke(ROWS, sizeof ROWS / sizeof *ROWS);
}

static void no_rule_lacks_its_row(void **state)
{
    (void)state;
    refusals_compare(ROWS, sizeof ROWS / sizeof *ROWS, "core/market/decide_job.c");
    refusals_compare(ROWS, sizeof ROWS / sizeof *ROWS, "core/market/decide_report.c");
    refusals_compare(ROWS, sizeof ROWS / sizeof *ROWS, "core/market/decide_escrow.c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal_is_provoked),
        cmocka_unit_test(no_rule_lacks_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
