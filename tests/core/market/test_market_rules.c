/* The rules people rely on, each told as a short story: what every ending pays, deadlines, locks on time and too late. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/market/stock.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_scene.h"

#include <string.h>

#define RATE 3600000 /* 1 QUBIC per millisecond */

static struct scene *open_scene(void)
{
    return scene_open(&(struct scene_options){.fee_bps = 1000, .rate = RATE});
}

static struct job_row job_of(struct scene *s, struct id16 job_id)
{
    struct job_row job = {0};
    assert_true(state_job(s->market.store, job_id, &job));
    return job;
}

static int64_t leg_amount(struct scene *s, struct id16 job_id, enum leg_kind kind)
{
    uint8_t key[LEG_KEY_SIZE];
    struct leg_row leg;
    leg_key(job_of(s, job_id).escrow_id, kind, (struct key32){{0}}, key);
    return state_leg(s->market.store, key, &leg) ? leg.amount : 0;
}

static void later(struct scene *s, int64_t seconds)
{
    s->market.now += seconds * NS_PER_S;
}

static void start_ledger(struct scene *s)
{
    struct command command =
        market_command(&s->market, COMMAND_LEDGER_START, ACTOR_LEDGER, (struct id16){{0}});
    assert_int_equal(market_submit(&s->market, &command), ERR_OK);
}

/* ── what an ending pays ───────────────────────────────────────────────────────────────────────── */

static void by_worker(struct scene *s, struct id16 job, enum ending ending)
{
    enum end_reason reason = ending == ENDING_COMPLETED        ? REASON_EXITED_ZERO
                             : ending == ENDING_CAP_REACHED    ? REASON_PAID_LIMIT
                             : ending == ENDING_PROGRAM_FAILED ? REASON_EXITED_NONZERO
                                                               : REASON_SANDBOX_FAILED;
    assert_int_equal(market_end(&s->market, s->host, job, ending, reason, 10000), ERR_OK);
}

static void by_consumer(struct scene *s, struct id16 job)
{
    assert_int_equal(market_cancel(&s->market, s->consumer, job), ERR_OK);
}

static void by_silence(struct scene *s)
{
    later(s, 30);
    assert_int_equal(market_sweep(&s->market), ERR_OK);
}

/* Ten seconds of work, reported; the table of design and terms says who is paid for them. */
static void every_ending_pays_what_the_terms_say(void **state)
{
    (void)state;
    static const struct {
        enum ending ending;
        enum fault fault;
        int64_t gross;
    } TABLE[] = {
        {ENDING_COMPLETED, FAULT_NONE, 10000},
        {ENDING_CAP_REACHED, FAULT_NONE, 10000},
        {ENDING_CANCELLED_RUNNING, FAULT_CONSUMER, 10000},
        {ENDING_PROGRAM_FAILED, FAULT_PROGRAM, 0},
        {ENDING_HOST_FAULT, FAULT_PROVIDER, 0},
        {ENDING_WORKER_LOST, FAULT_PROVIDER, 0},
    };
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
        struct scene *s = open_scene();
        struct id16 id = market_running_job(&s->market, s->consumer, s->host, s->offer, 20000);
        later(s, 10);
        assert_int_equal(market_progress(&s->market, s->host, id, 500, 10000), ERR_OK);
        if (TABLE[i].ending == ENDING_CANCELLED_RUNNING) {
            by_consumer(s, id);
        } else if (TABLE[i].ending == ENDING_WORKER_LOST) {
            by_silence(s);
        } else {
            by_worker(s, id, TABLE[i].ending);
        }
        struct job_row job = job_of(s, id);
        assert_int_equal(job.ending, TABLE[i].ending);
        assert_int_equal(leg_amount(s, id, LEG_FEE), TABLE[i].gross / 10);
        assert_int_equal(leg_amount(s, id, LEG_PAYOUT), TABLE[i].gross - TABLE[i].gross / 10);
        assert_int_equal(leg_amount(s, id, LEG_REFUND), job.cap - TABLE[i].gross);
        scene_close(s);
    }
}

/* Whoever saw the program's output and cancels pays for the time until then, also before the first report of progress. */
static void a_cancellation_before_the_first_progress_is_not_free(void **state)
{
    (void)state;
    struct scene *s = open_scene();
    struct id16 id = market_running_job(&s->market, s->consumer, s->host, s->offer, 20000);
    later(s, 4);
    struct command output = market_command(&s->market, COMMAND_JOB_OUTPUT, ACTOR_HOST, s->host);
    output.u.output.job_id = id;
    output.u.output.output = (struct ev_job_output){
        .source = OUTPUT_STDOUT, .first_line = 1, .text = bytes_of_text("the answer\n")};
    assert_int_equal(market_submit(&s->market, &output), ERR_OK);
    later(s, 1);
    by_consumer(s, id);
    assert_int_equal(leg_amount(s, id, LEG_FEE) + leg_amount(s, id, LEG_PAYOUT), 4000);
    scene_close(s);
}

static void ran_to(struct scene *s, struct id16 job, enum ending ending)
{
    assert_false(id_is_zero(job));
    struct command lock = market_lock_of(&s->market, job);
    assert_int_equal(market_submit(&s->market, &lock), ERR_OK);
    for (size_t i = 0; i < s->market.terms.confirmations; i++) {
        assert_int_equal(market_confirm(&s->market, job), ERR_OK);
    }
    assert_int_equal(market_claim(&s->market, s->host), ERR_OK);
    assert_int_equal(market_start(&s->market, s->host, job), ERR_OK);
    by_worker(s, job, ending);
}

static struct id16 asked_for(struct scene *s)
{
    struct id16 upload = market_upload(&s->market, s->consumer, 20000, 20000);
    struct id16 quote = market_quote(&s->market, s->consumer, upload, s->offer);
    return market_create_job(&s->market, s->consumer, quote);
}

/* A provider could report failures that were none: so there is a way out, and it needs no operator. */
static void who_is_refunded_again_and_again_gets_one_job_an_hour(void **state)
{
    (void)state;
    struct scene *s = open_scene();
    for (size_t i = 0; i < 20; i++) {
        ran_to(s, asked_for(s), ENDING_PROGRAM_FAILED);
    }
    for (size_t succeeded = 0; succeeded < 5; succeeded++) { /* 20 of 24 is too many, of 25 not */
        assert_true(id_is_zero(asked_for(s)));
        assert_string_equal(s->market.word, "too_many_refunds");
        s->market.now += 3600 * NS_PER_S - 1;
        assert_true(id_is_zero(asked_for(s)));
        s->market.now += 1;
        ran_to(s, asked_for(s), ENDING_COMPLETED);
    }
    assert_false(id_is_zero(asked_for(s)));
    assert_false(id_is_zero(asked_for(s)));
    scene_close(s);
}

/* A worker's end says one thing. */
static void an_end_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    static const struct {
        enum ending ending;
        enum end_reason reason;
        uint64_t exit_status;
        uint64_t signal;
    } TABLE[] = {
        {ENDING_COMPLETED, REASON_EXITED_ZERO, 1, 0},
        {ENDING_COMPLETED, REASON_EXITED_ZERO, 0, 9},
        {ENDING_COMPLETED, REASON_QUEUE_TIMEOUT, 0, 0},
        {ENDING_COMPLETED, REASON_PAID_LIMIT, 0, 0},
        {ENDING_CAP_REACHED, REASON_EXITED_ZERO, 0, 0},
        {ENDING_PROGRAM_FAILED, REASON_EXITED_ZERO, 0, 0},
        {ENDING_PROGRAM_FAILED, REASON_SANDBOX_FAILED, 1, 0},
        {ENDING_HOST_FAULT, REASON_EXITED_NONZERO, 1, 0},
        {ENDING_HOST_FAULT, REASON_CANCELLED, 0, 0},
        {ENDING_PROGRAM_FAILED, REASON_EXITED_NONZERO, 256, 0},
        {ENDING_PROGRAM_FAILED, REASON_KILLED_BY_SIGNAL, 0, 65},
    };
    struct scene *s = open_scene();
    struct id16 id = market_running_job(&s->market, s->consumer, s->host, s->offer, 20000);
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
        struct command end = market_command(&s->market, COMMAND_JOB_END, ACTOR_HOST, s->host);
        end.u.end.job_id = id;
        end.u.end.end = (struct ev_job_end){.ending = TABLE[i].ending,
                                            .reason = TABLE[i].reason,
                                            .worker_ms = 1,
                                            .exit_status = TABLE[i].exit_status,
                                            .signal = TABLE[i].signal};
        assert_int_equal(market_submit(&s->market, &end), ERR_INVALID);
        assert_string_equal(s->market.word, "reason_invalid");
    }
    by_worker(s, id, ENDING_COMPLETED);
    scene_close(s);
}

/* Used time is the smallest of what the worker says, what went by here, and what was paid for. */
static void used_time_is_the_smallest_of_three(void **state)
{
    (void)state;
    static const struct {
        int64_t elapsed_s;
        uint64_t worker_ms;
        int64_t gross;
    } TABLE[] = {
        {10, 4000, 4000},       /* the worker's */
        {10, 999999999, 10000}, /* ours: a liar gains nothing */
        {28, 28000, 25000},     /* the cap: 20 s and a quarter */
        {0, 0, 0},
    };
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
        struct scene *s = open_scene();
        struct id16 id = market_running_job(&s->market, s->consumer, s->host, s->offer, 20000);
        later(s, TABLE[i].elapsed_s);
        assert_int_equal(market_end(&s->market, s->host, id, ENDING_COMPLETED, REASON_EXITED_ZERO,
                                    TABLE[i].worker_ms),
                         ERR_OK);
        assert_int_equal(leg_amount(s, id, LEG_PAYOUT) + leg_amount(s, id, LEG_FEE),
                         TABLE[i].gross);
        scene_close(s);
    }
}

/* ── deadlines ─────────────────────────────────────────────────────────────────────────────────── */

static void our_downtime_costs_nobody_a_lease(void **state)
{
    (void)state;
    struct scene *s = open_scene();
    struct id16 id = market_running_job(&s->market, s->consumer, s->host, s->offer, 2000000);
    later(s, 600); /* we were down */
    start_ledger(s);
    assert_int_not_equal(market_sweep(&s->market), ERR_OK);
    assert_string_equal(s->market.word, "nothing_due");
    later(s, 29);
    assert_int_equal(market_progress(&s->market, s->host, id, 1, 1000), ERR_OK);
    later(s, 29);
    assert_int_not_equal(market_sweep(&s->market), ERR_OK);
    later(s, 1);
    assert_int_equal(market_sweep(&s->market), ERR_OK);
    assert_int_equal(job_of(s, id).ending, ENDING_WORKER_LOST);
    scene_close(s);
}

/* R11: a machine that lists what it can run gets nothing else. */
static void a_job_that_the_machine_cannot_run_is_not_for_it(void **state)
{
    (void)state;
    struct scene *s = open_scene();
    struct market *m = &s->market;
    (void)market_queued_job(m, s->consumer, s->offer, 20000);
    struct command command = market_command(m, COMMAND_JOB_CLAIM, ACTOR_HOST, s->host);
    command.u.job.kinds = UINT64_C(1) << UPLOAD_NOTEBOOK | UINT64_C(1) << UPLOAD_BUNDLE;
    assert_int_equal(market_submit(m, &command), ERR_NOT_FOUND);
    assert_string_equal(m->word, "no_job");
    command = market_command(m, COMMAND_JOB_CLAIM, ACTOR_HOST, s->host);
    command.u.job.kinds = UINT64_C(1) << UPLOAD_PYTHON;
    assert_int_equal(market_submit(m, &command), ERR_OK);
    scene_close(s);
}

/* R11.5: each reason goes with one ending, so that what is paid does not contradict what is said. */
/* R11: off unless the job asks and the provider allows, whoever is asked and whatever was quoted. */
static void a_job_with_a_network_is_for_an_offer_and_a_machine_that_give_one(void **state)
{
    (void)state;
    struct scene *s = open_scene();
    struct market *m = &s->market;
    struct id16 upload = market_upload(m, s->consumer, 20000, 20000);
    struct id16 quote = market_quote(m, s->consumer, upload, s->offer); /* without saying so */
    m->wants_network = true;
    assert_true(id_is_zero(market_create_job(m, s->consumer, quote)));
    assert_string_equal(m->word, "network_not_allowed");
    assert_true(id_is_zero(market_quote(m, s->consumer, upload, s->offer)));
    assert_string_equal(m->word, "network_not_allowed");
    m->network_allowed = true;
    struct id16 offer = market_publish(m, s->host, RATE, 1000);
    struct id16 id = market_queued_job(m, s->consumer, offer, 20000);
    assert_int_equal(job_of(s, id).network, 1);
    assert_int_not_equal(market_claim(m, s->host), ERR_OK); /* its worker was started without */
    m->gives_network = true;
    assert_int_equal(market_claim(m, s->host), ERR_OK);
    later(s, 60);
    assert_int_equal(market_sweep(m), ERR_OK);
    m->network_allowed = false;
    struct id16 second = market_enrol(m, s->provider);
    assert_int_equal(market_host_online(m, second), ERR_OK);
    assert_false(id_is_zero(market_publish(m, second, RATE, 1000)));
    assert_int_not_equal(market_claim(m, second), ERR_OK); /* not on offer with one */
    m->network_allowed = true;
    assert_false(id_is_zero(market_publish(m, second, RATE, 1000)));
    assert_int_equal(market_claim(m, second), ERR_OK);
    assert_int_equal(job_of(s, id).attempt, 2);
    scene_close(s);
}

/* R11: a machine without what a job needs is not sold for it, and is not given one that was sold before it changed. */
static void a_job_is_for_a_machine_that_has_what_it_needs(void **state)
{
    (void)state;
    struct scene *s = open_scene();
    struct market *m = &s->market;
    m->needs_packages = "torch diffusers";
    m->packages = "python=3.11 torch=1.13";
    struct id16 lacking = market_publish(m, s->host, RATE, 1000);
    struct id16 upload = market_upload(m, s->consumer, 20000, 20000);
    assert_true(id_is_zero(market_quote(m, s->consumer, upload, lacking)));
    assert_string_equal(m->word, "offer_insufficient");
    assert_non_null(strstr(m->err.message, "needs torch, diffusers: has no diffusers"));
    m->packages = "python=3.11 torch=1.13 diffusers=0.25";
    m->models = "x stabilityai/sd-turbo";
    struct id16 having = market_publish(m, s->host, RATE, 1000);
    m->item = stock_item(STOCK_MODEL, bytes_of_text("sd-turbo"));
    assert_true(id_is_zero(market_quote(m, s->consumer, upload, having)));
    assert_string_equal(m->word, "offer_insufficient");
    m->item = (struct id16){0};
    struct id16 quote = market_quote(m, s->consumer, upload, having);
    m->item = stock_item(STOCK_MODEL, bytes_of_text("sd-turbo")); /* only when it is started */
    assert_true(id_is_zero(market_create_job(m, s->consumer, quote)));
    assert_string_equal(m->word, "not_on_machine");
    m->item = stock_item(STOCK_MODEL, bytes_of_text("stabilityai/sd-turbo"));
    struct id16 id = market_queued_job(m, s->consumer, having, 20000);
    assert_true(id_equal(job_of(s, id).item, m->item));
    struct command command = market_command(m, COMMAND_OFFER_WITHDRAW, ACTOR_HOST, s->host);
    command.u.offer_withdraw.offer_id = having;
    assert_int_equal(market_submit(m, &command), ERR_OK);
    assert_int_not_equal(market_claim(m, s->host), ERR_OK); /* what is left on offer lacks it */
    m->models = "stabilityai/sd-turbo";
    assert_false(id_is_zero(market_publish(m, s->host, RATE, 1000)));
    assert_int_equal(market_claim(m, s->host), ERR_OK);
    scene_close(s);
}

/* R6: who takes all offers back, to sell no more, still gets what was sold: it is paid for, and would count against the provider. */
static void a_machine_that_sells_no_more_gets_the_jobs_it_sold(void **state)
{
    (void)state;
    struct scene *s = open_scene();
    struct market *m = &s->market;
    m->needs_packages = "torch";
    m->packages = "python=3.11 torch=1.13";
    m->models = "x";
    m->item = stock_item(STOCK_MODEL, bytes_of_text("x"));
    struct id16 const offers[] = {s->offer, market_publish(m, s->host, RATE, 1000)};
    struct id16 id = market_queued_job(m, s->consumer, offers[1], 20000);
    for (size_t i = 0; i < 2; i++) {
        struct command command = market_command(m, COMMAND_OFFER_WITHDRAW, ACTOR_HOST, s->host);
        command.u.offer_withdraw.offer_id = offers[i];
        assert_int_equal(market_submit(m, &command), ERR_OK);
    }
    assert_int_equal(market_claim(m, s->host), ERR_OK);
    assert_int_equal(job_of(s, id).status, JOB_ASSIGNED);
    scene_close(s);
}

/* R6: a job is for its machine as it was bought. Else a consumer could make it one that no machine takes, which would count against the provider. */
static void what_is_said_of_an_upload_after_its_quote_takes_no_job_from_its_machine(void **state)
{
    (void)state;
    struct scene *s = open_scene();
    struct market *m = &s->market;
    m->needs_packages = "torch";
    m->packages = "python=3.11 torch=1.13";
    struct id16 offer = market_publish(m, s->host, RATE, 1000);
    struct id16 id = market_queued_job(m, s->consumer, offer, 20000);
    struct id16 upload = job_of(s, id).upload_id;
    struct command command = market_command(m, COMMAND_OFFER_WITHDRAW, ACTOR_HOST, s->host);
    command.u.offer_withdraw.offer_id = s->offer; /* which tells no packages, and may have any */
    assert_int_equal(market_submit(m, &command), ERR_OK);
    command = market_command(m, COMMAND_ANALYSIS_OVERRIDE, ACTOR_ACCOUNT, s->consumer);
    command.u.override =
        (struct command_override){.upload_id = upload,
                                  .override = {.job_type = JOB_TYPE_MNIST,
                                               .device = DEVICE_CPU,
                                               .vram_mib = 256,
                                               .tflops_milli = 50,
                                               .ram_mib = 512,
                                               .storage_mib = 100,
                                               .reference_p50_ms = 20000,
                                               .reference_p90_ms = 20000,
                                               .packages = bytes_of_text("torch vllm")}};
    assert_int_equal(market_submit(m, &command), ERR_OK);
    assert_true(id_is_zero(market_quote(m, s->consumer, upload, offer)));
    assert_int_equal(market_claim(m, s->host), ERR_OK);
    assert_int_equal(job_of(s, id).status, JOB_ASSIGNED);
    scene_close(s);
}

/* R6: whose consumer pays for less time than it is estimated to take moves to a machine that is as fast, and to no slower one. */
static void a_job_of_a_short_limit_moves_to_a_machine_as_fast(void **state)
{
    (void)state;
    struct scene *s = open_scene();
    struct market *m = &s->market;
    m->limit_ms = 60000;
    struct id16 id = market_queued_job(m, s->consumer, s->offer, 3600000);
    assert_int_equal(market_claim(m, s->host), ERR_OK);
    later(s, 60);
    assert_int_equal(market_sweep(m), ERR_OK); /* it let the job lie */
    struct id16 second = market_enrol(m, s->provider);
    assert_int_equal(market_host_online(m, second), ERR_OK);
    assert_false(id_is_zero(market_publish(m, second, RATE, 999)));
    assert_int_not_equal(market_claim(m, second), ERR_OK);
    assert_false(id_is_zero(market_publish(m, second, RATE, 1000)));
    assert_int_equal(market_claim(m, second), ERR_OK);
    assert_int_equal(job_of(s, id).attempt, 2);
    scene_close(s);
}

static void a_reason_goes_with_its_ending_alone(void **state)
{
    (void)state;
    static const struct {
        enum end_reason reason;
        enum ending ending;
    } ROWS[] = {
        {REASON_MODULE_MISSING, ENDING_PROGRAM_FAILED},
        {REASON_GPU_OUT_OF_MEMORY, ENDING_PROGRAM_FAILED},
        {REASON_ENTRY_MISSING, ENDING_PROGRAM_FAILED},
        {REASON_PROCESS_LIMIT, ENDING_PROGRAM_FAILED},
        {REASON_DISK_LIMIT, ENDING_PROGRAM_FAILED},
        {REASON_GPU_LOST, ENDING_HOST_FAULT},
        {REASON_KIND_NOT_RUNNABLE, ENDING_HOST_FAULT},
    };
    static const enum ending ALL[] = {ENDING_COMPLETED, ENDING_CAP_REACHED, ENDING_PROGRAM_FAILED,
                                      ENDING_HOST_FAULT};
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct scene *s = open_scene();
        struct market *m = &s->market;
        struct id16 id = market_queued_job(m, s->consumer, s->offer, 20000);
        assert_int_equal(market_claim(m, s->host), ERR_OK);
        assert_int_equal(market_start(m, s->host, id), ERR_OK);
        for (size_t at = 0; at < sizeof ALL / sizeof ALL[0]; at++) {
            if (ALL[at] != ROWS[i].ending) {
                assert_int_equal(market_end(m, s->host, id, ALL[at], ROWS[i].reason, 0),
                                 ERR_INVALID);
            }
        }
        assert_int_equal(market_end(m, s->host, id, ROWS[i].ending, ROWS[i].reason, 0), ERR_OK);
        scene_close(s);
    }
}

static void our_downtime_takes_no_job_from_its_machine(void **state)
{
    (void)state;
    struct scene *s = open_scene();
    struct id16 id = market_queued_job(&s->market, s->consumer, s->offer, 20000);
    assert_int_equal(market_claim(&s->market, s->host), ERR_OK);
    later(s, 600);
    start_ledger(s);
    assert_int_not_equal(market_sweep(&s->market), ERR_OK);
    later(s, 29);
    assert_int_not_equal(market_sweep(&s->market), ERR_OK);
    later(s, 1);
    assert_int_equal(market_sweep(&s->market), ERR_OK);
    assert_int_equal(job_of(s, id).status, JOB_QUEUED);
    scene_close(s);
}

static void our_downtime_does_not_empty_the_queue(void **state)
{
    (void)state;
    struct scene *s = open_scene();
    struct id16 id = market_queued_job(&s->market, s->consumer, s->offer, 20000);
    later(s, 86400 + 600); /* the queue's day passed while we were down */
    start_ledger(s);
    later(s, 29);
    assert_int_not_equal(market_sweep(&s->market), ERR_OK);
    assert_string_equal(s->market.word, "nothing_due");
    later(s, 1);
    assert_int_equal(market_sweep(&s->market), ERR_OK);
    assert_int_equal(job_of(s, id).ending, ENDING_NO_WORKER);
    scene_close(s);
}

static void a_job_that_ran_to_its_limit_while_we_were_down_is_paid(void **state)
{
    (void)state;
    struct scene *s = open_scene();
    struct id16 id = market_running_job(&s->market, s->consumer, s->host, s->offer, 20000);
    later(s, 5);
    assert_int_equal(market_progress(&s->market, s->host, id, 200, 5000), ERR_OK);
    later(s, 7200); /* it reaches its 25 s and cannot say so */
    start_ledger(s);
    later(s, 1);
    assert_int_not_equal(market_sweep(&s->market), ERR_OK); /* would end it with 5 s */
    assert_int_equal(
        market_end(&s->market, s->host, id, ENDING_CAP_REACHED, REASON_PAID_LIMIT, 25000), ERR_OK);
    assert_int_equal(leg_amount(s, id, LEG_REFUND), 0);
    assert_int_equal(leg_amount(s, id, LEG_PAYOUT) + leg_amount(s, id, LEG_FEE), job_of(s, id).cap);
    scene_close(s);
}

static void a_lost_worker_is_not_paid_for_a_cancellation_before_the_sweep(void **state)
{
    (void)state;
    for (int64_t silence = 29; silence <= 30; silence++) {
        struct scene *s = open_scene();
        struct id16 id = market_running_job(&s->market, s->consumer, s->host, s->offer, 2000000);
        later(s, 20);
        assert_int_equal(market_progress(&s->market, s->host, id, 10, 20000), ERR_OK);
        later(s, silence);
        assert_int_equal(market_cancel(&s->market, s->consumer, id), ERR_OK);
        bool lost = silence == 30;
        assert_int_equal(job_of(s, id).ending,
                         lost ? ENDING_WORKER_LOST : ENDING_CANCELLED_RUNNING);
        assert_int_equal(leg_amount(s, id, LEG_PAYOUT) == 0, lost);
        scene_close(s);
    }
}

static void a_job_that_is_not_started_goes_to_another_machine_then_back(void **state)
{
    (void)state;
    struct scene *s = open_scene();
    struct market *m = &s->market;
    struct id16 id = market_queued_job(m, s->consumer, s->offer, 20000);
    struct id16 second = market_enrol(m, s->provider);
    struct id16 stranger = market_enrol(m, s->consumer);
    assert_int_not_equal(market_claim(m, second), ERR_OK); /* it was bought on the first */
    assert_int_equal(market_claim(m, s->host), ERR_OK);
    later(s, 59);
    assert_int_not_equal(market_sweep(m), ERR_OK);
    later(s, 1);
    assert_int_equal(market_sweep(m), ERR_OK);
    assert_int_equal(job_of(s, id).status, JOB_QUEUED);
    assert_int_not_equal(market_claim(m, stranger), ERR_OK); /* never another provider's */
    assert_int_not_equal(market_claim(m, second), ERR_OK);   /* it is not on offer */
    assert_false(id_is_zero(market_publish(m, second, RATE, 1000)));
    assert_int_equal(market_claim(m, second), ERR_OK);
    assert_int_equal(job_of(s, id).attempt, 2);
    later(s, 60);
    assert_int_equal(market_sweep(m), ERR_OK);
    assert_int_equal(market_claim(m, s->host), ERR_OK);
    assert_int_equal(job_of(s, id).attempt, 3);
    later(s, 60);
    assert_int_equal(market_sweep(m), ERR_OK); /* three times was enough */
    assert_int_equal(job_of(s, id).ending, ENDING_NO_WORKER);
    assert_int_equal(leg_amount(s, id, LEG_REFUND), job_of(s, id).cap);
    scene_close(s);
}

/* Otherwise it would be paid for at another rate than it is let for, or fail for want of memory and count against the consumer. */
static void a_job_moves_only_to_a_machine_that_is_let_like_its_own(void **state)
{
    (void)state;
    enum { FITS, NO_MEMORY, NO_DISK, DEARER, CHEAPER, FAST_ENOUGH, TOO_SLOW, WITHDRAWN };
    static const struct {
        int64_t rate;
        uint64_t ram_mib;
        uint64_t storage_mib;
        uint64_t speed_permille;
        bool may;
    } TABLE[] = {
        [FITS] = {RATE, 512, 100, 1000, true},
        [NO_MEMORY] = {RATE, 511, 100, 1000, false},
        [NO_DISK] = {RATE, 512, 99, 1000, false},
        [DEARER] = {RATE + 1, 512, 100, 1000, false},
        [CHEAPER] = {RATE - 1, 512, 100, 1000, false},
        [FAST_ENOUGH] = {RATE, 512, 100, 800, true}, /* the margin is a quarter */
        [TOO_SLOW] = {RATE, 512, 100, 799, false},
        [WITHDRAWN] = {RATE, 512, 100, 1000, false},
    };
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
        struct scene *s = open_scene();
        struct market *m = &s->market;
        struct id16 second = market_enrol(m, s->provider);
        struct command c = market_command(m, COMMAND_OFFER_PUBLISH, ACTOR_HOST, second);
        c.u.offer.offer_id = market_new_id(m);
        c.u.offer.offer = (struct ev_offer_published){.host_id = second,
                                                      .device = DEVICE_CPU,
                                                      .ram_mib = TABLE[i].ram_mib,
                                                      .storage_mib = TABLE[i].storage_mib,
                                                      .cpu_cores = 1,
                                                      .speed_permille = TABLE[i].speed_permille,
                                                      .rate = TABLE[i].rate};
        assert_int_equal(market_submit(m, &c), ERR_OK);
        if (i == WITHDRAWN) {
            struct id16 offer = c.u.offer.offer_id;
            c = market_command(m, COMMAND_OFFER_WITHDRAW, ACTOR_HOST, second);
            c.u.offer_withdraw.offer_id = offer;
            assert_int_equal(market_submit(m, &c), ERR_OK);
        }
        struct id16 id = market_queued_job(m, s->consumer, s->offer, 20000);
        assert_int_equal(market_claim(m, s->host), ERR_OK);
        later(s, 60);
        assert_int_equal(market_sweep(m), ERR_OK);
        bool took = market_claim(m, second) == ERR_OK;
        if (took != TABLE[i].may) {
            fail_msg("row %zu: %s", i, took ? "taken over" : m->word);
        }
        if (!took) { /* the wait has an end all the same */
            assert_int_equal(job_of(s, id).status, JOB_QUEUED);
            later(s, (int64_t)m->terms.queue_max_s);
            assert_int_equal(market_sweep(m), ERR_OK);
            assert_int_equal(job_of(s, id).ending, ENDING_NO_WORKER);
        }
        scene_close(s);
    }
}

static void a_worker_that_reports_for_ever_is_stopped_at_the_cap(void **state)
{
    (void)state;
    struct scene *s = open_scene();
    struct market *m = &s->market;
    struct id16 id = market_running_job(m, s->consumer, s->host, s->offer, 20000);
    for (int i = 0; i < 17 && job_of(s, id).status == JOB_RUNNING;
         i++) { /* 25 s paid, 60 s grace */
        later(s, 5);
        assert_int_equal(market_progress(m, s->host, id, 999, (uint64_t)(i + 1) * 5000), ERR_OK);
        (void)market_sweep(m);
    }
    assert_int_equal(job_of(s, id).ending, ENDING_CAP_REACHED);
    assert_int_equal(leg_amount(s, id, LEG_REFUND), 0);
    scene_close(s);
}

/* ── locks and legs ────────────────────────────────────────────────────────────────────────────── */

static void a_lock_counts_up_to_its_last_tick(void **state)
{
    (void)state;
    for (uint64_t late = 0; late < 2; late++) {
        struct scene *s = open_scene();
        struct market *m = &s->market;
        struct escrow_row escrow;
        struct deposit_row deposit;
        struct id16 upload = market_upload(m, s->consumer, 20000, 20000);
        struct id16 id =
            market_create_job(m, s->consumer, market_quote(m, s->consumer, upload, s->offer));
        assert_true(state_escrow(m->store, job_of(s, id).escrow_id, &escrow));
        struct command command = market_lock_of(m, id);
        command.u.deposit.tick = escrow.last_tick + late;
        assert_int_equal(market_submit(m, &command), ERR_OK);
        assert_true(state_deposit(m->store, command.u.deposit.tx_id, &deposit));
        assert_int_equal(deposit.class, late == 0 ? DEPOSIT_LOCK : DEPOSIT_LATE);
        scene_close(s);
    }
}

static void only_the_signed_transaction_confirms_a_leg(void **state)
{
    (void)state;
    struct scene *s = open_scene();
    struct market *m = &s->market;
    struct id16 id = market_queued_job(m, s->consumer, s->offer, 20000);
    uint8_t key[LEG_KEY_SIZE];
    struct leg_row leg;
    by_consumer(s, id);
    struct id16 escrow = job_of(s, id).escrow_id;
    leg_key(escrow, LEG_REFUND, (struct key32){{0}}, key);
    assert_true(state_leg(m->store, key, &leg));
    struct command command = market_leg_command(m, COMMAND_LEG_SIGN, escrow, &leg);
    assert_int_equal(market_submit(m, &command), ERR_OK);
    assert_true(state_leg(m->store, key, &leg));
    for (int i = 0; i < 5; i++) {
        command = market_leg_command(m, COMMAND_LEG_CONFIRM, escrow, &leg);
        struct ev_leg_confirmed *confirmed = &command.u.leg.u.confirmed;
        confirmed->amount -= i == 0 ? 1 : 0;
        confirmed->tick += i == 1 ? 1 : 0;
        confirmed->attempt += i == 2 ? 1 : 0;
        confirmed->tx_id.b[0] ^= i == 3 ? 1 : 0;
        confirmed->destination.b[0] ^= i == 4 ? 1 : 0;
        assert_int_not_equal(market_submit(m, &command), ERR_OK);
        assert_string_equal(m->word, "not_in_flight");
    }
    command = market_leg_command(m, COMMAND_LEG_CONFIRM, escrow, &leg);
    assert_int_equal(market_submit(m, &command), ERR_OK);
    scene_close(s);
}

/* Quoted under a fee that is gone by the end: it goes where the quote's terms said, not to nobody. */
static void a_fee_goes_where_the_quote_said(void **state)
{
    (void)state;
    struct scene *s = open_scene();
    struct market *m = &s->market;
    uint8_t key[LEG_KEY_SIZE];
    struct leg_row leg;
    struct key32 ours = m->terms.fee_identity;
    struct id16 id = market_running_job(m, s->consumer, s->host, s->offer, 20000);
    struct command command =
        market_command(m, COMMAND_TERMS_SET, ACTOR_OPERATOR, (struct id16){{0}});
    m->terms.fee_bps = 0;
    m->terms.fee_identity = (struct key32){{0}};
    command.u.terms = m->terms;
    assert_int_equal(market_submit(m, &command), ERR_OK);
    later(s, 10);
    by_worker(s, id, ENDING_COMPLETED);
    leg_key(job_of(s, id).escrow_id, LEG_FEE, (struct key32){{0}}, key);
    assert_true(state_leg(m->store, key, &leg));
    assert_int_equal(leg.amount, 1000);
    assert_true(key_equal(leg.destination, ours));
    scene_close(s);
}

/* A hash can be ground until it sorts before everybody else's, and dust costs next to nothing: neither buys a place in front. */
static void returns_go_in_the_order_of_their_deposits_and_dust_last(void **state)
{
    (void)state;
    static const struct {
        uint8_t hash;
        bool dust;
    } DEPOSITS[] = {{9, true}, {8, false}, {1, true}, {7, false}, {2, false}};
    static const uint8_t ORDER[] = {8, 7, 2, 9, 1};
    struct scene *s = open_scene();
    struct market *m = &s->market;
    struct id16 id = market_queued_job(m, s->consumer, s->offer, 20000);
    struct id16 escrow = job_of(s, id).escrow_id;
    for (size_t i = 0; i < sizeof DEPOSITS / sizeof *DEPOSITS; i++) {
        struct command command = market_lock_of(m, id);
        memset(command.u.deposit.tx_id.b, DEPOSITS[i].hash, sizeof command.u.deposit.tx_id.b);
        command.u.deposit.amount = m->terms.lock_min - (DEPOSITS[i].dust ? 1 : 0);
        assert_int_equal(market_submit(m, &command), ERR_OK);
    }
    for (size_t next = 0; next < sizeof ORDER; next++) {
        for (uint8_t hash = 1; hash < 10; hash++) { /* every other is refused */
            uint8_t key[LEG_KEY_SIZE];
            struct leg_row leg;
            struct key32 deposit_tx;
            memset(deposit_tx.b, hash, sizeof deposit_tx.b);
            leg_key(escrow, LEG_RETURN, deposit_tx, key);
            if (!state_leg(m->store, key, &leg) || leg.status == LEG_CONFIRMED ||
                hash == ORDER[next]) {
                continue;
            }
            struct command command = market_leg_command(m, COMMAND_LEG_SIGN, escrow, &leg);
            assert_int_not_equal(market_submit(m, &command), ERR_OK);
            assert_string_equal(m->word, "not_next");
        }
        struct id16 of;
        struct leg_row leg;
        uint8_t at[LEG_ORDER_SIZE] = {0};
        memcpy(at, escrow.b, sizeof escrow.b);
        assert_true(state_next_open_leg(m->store, at, &of, &leg));
        assert_int_equal(leg.deposit_tx.b[0], ORDER[next]);
        struct command command = market_leg_command(m, COMMAND_LEG_SIGN, escrow, &leg);
        assert_int_equal(market_submit(m, &command), ERR_OK);
        assert_true(state_next_open_leg(m->store, (uint8_t[LEG_ORDER_SIZE]){0}, &of, &leg));
        command = market_leg_command(m, COMMAND_LEG_CONFIRM, escrow, &leg);
        assert_int_equal(market_submit(m, &command), ERR_OK);
    }
    scene_close(s);
}

/* R4.4: who sets a longest run locks what that costs, whatever is estimated, and the machine it was bought on takes it. */
static void a_longest_run_is_what_is_locked(void **state)
{
    (void)state;
    static const uint64_t LIMITS[] = {5000, 30000}; /* of an estimate of 20,000 */
    for (size_t i = 0; i < sizeof LIMITS / sizeof *LIMITS; i++) {
        struct scene *s = open_scene();
        s->market.limit_ms = LIMITS[i];
        struct id16 id = market_running_job(&s->market, s->consumer, s->host, s->offer, 20000);
        struct job_row job = job_of(s, id);
        assert_int_equal(job.cap, LIMITS[i]); /* a QUBIC a millisecond, no margin */
        assert_int_equal(job.limit_ms, LIMITS[i]);
        later(s, 10);
        by_worker(s, id, ENDING_CAP_REACHED);
        assert_int_equal(leg_amount(s, id, LEG_PAYOUT) + leg_amount(s, id, LEG_FEE),
                         LIMITS[i] < 10000 ? LIMITS[i] : 10000);
        scene_close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ending_pays_what_the_terms_say),
        cmocka_unit_test(used_time_is_the_smallest_of_three),
        cmocka_unit_test(a_cancellation_before_the_first_progress_is_not_free),
        cmocka_unit_test(who_is_refunded_again_and_again_gets_one_job_an_hour),
        cmocka_unit_test(an_end_that_contradicts_itself_is_refused),
        cmocka_unit_test(our_downtime_costs_nobody_a_lease),
        cmocka_unit_test(a_job_that_the_machine_cannot_run_is_not_for_it),
        cmocka_unit_test(a_job_with_a_network_is_for_an_offer_and_a_machine_that_give_one),
        cmocka_unit_test(a_job_is_for_a_machine_that_has_what_it_needs),
        cmocka_unit_test(a_machine_that_sells_no_more_gets_the_jobs_it_sold),
        cmocka_unit_test(what_is_said_of_an_upload_after_its_quote_takes_no_job_from_its_machine),
        cmocka_unit_test(a_job_of_a_short_limit_moves_to_a_machine_as_fast),
        cmocka_unit_test(a_reason_goes_with_its_ending_alone),
        cmocka_unit_test(our_downtime_takes_no_job_from_its_machine),
        cmocka_unit_test(our_downtime_does_not_empty_the_queue),
        cmocka_unit_test(a_job_that_ran_to_its_limit_while_we_were_down_is_paid),
        cmocka_unit_test(a_lost_worker_is_not_paid_for_a_cancellation_before_the_sweep),
        cmocka_unit_test(a_job_that_is_not_started_goes_to_another_machine_then_back),
        cmocka_unit_test(a_job_moves_only_to_a_machine_that_is_let_like_its_own),
        cmocka_unit_test(a_longest_run_is_what_is_locked),
        cmocka_unit_test(a_worker_that_reports_for_ever_is_stopped_at_the_cap),
        cmocka_unit_test(a_lock_counts_up_to_its_last_tick),
        cmocka_unit_test(only_the_signed_transaction_confirms_a_leg),
        cmocka_unit_test(a_fee_goes_where_the_quote_said),
        cmocka_unit_test(returns_go_in_the_order_of_their_deposits_and_dust_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
