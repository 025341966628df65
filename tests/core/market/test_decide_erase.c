/* What may be erased, by whom and when, and how much an account may hold. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_scene.h"
#include "tests/support/memory_store.h"

#include <string.h>

#define RESULT_SIZE 5000
#define UPLOAD_SIZE 1000 /* the driver's */

static void submit(struct scene *s, struct command *command)
{
    (void)market_submit(&s->market, command);
}

static void accept(struct scene *s, struct command *command)
{
    if (market_submit(&s->market, command) != ERR_OK) {
        fail_msg("%s", s->market.err.message);
    }
}

static uint64_t held_by(struct scene *s, struct id16 account_id)
{
    return state_storage(s->market.store, STREAM_ACCOUNT, account_id).bytes;
}

static struct id16 upload_of(struct scene *s)
{
    struct id16 id = market_upload(&s->market, s->consumer, 60000, 60000);
    assert_false(id_is_zero(id));
    return id;
}

/* With one result that takes RESULT_SIZE bytes; nothing of its money is open. */
static struct id16 settled_job(struct scene *s)
{
    struct market *m = &s->market;
    struct id16 job_id = market_running_job(m, s->consumer, s->host, s->offer, 60000);
    struct command command = market_command(m, COMMAND_RESULT_STORE, ACTOR_HOST, s->host);
    command.u.result.job_id = job_id;
    command.u.result.result = (struct ev_result_stored){
        .size = RESULT_SIZE, .file_name = bytes_of_text("out.bin"), .digest = market_new_key(m)};
    accept(s, &command);
    m->now += 10 * NS_PER_S;
    assert_int_equal(market_end(m, s->host, job_id, ENDING_COMPLETED, REASON_EXITED_ZERO, 10000),
                     ERR_OK);
    return job_id;
}

static void pay(struct scene *s)
{
    struct id16 escrow_id;
    struct leg_row leg;
    for (;;) {
        uint8_t at[LEG_ORDER_SIZE] = {0};
        if (!state_next_open_leg(s->market.store, at, &escrow_id, &leg)) {
            return;
        }
        struct command command = market_leg_command(
            &s->market, leg.status == LEG_DUE ? COMMAND_LEG_SIGN : COMMAND_LEG_CONFIRM, escrow_id,
            &leg);
        accept(s, &command);
    }
}

static struct command erase_of(struct scene *s, enum command_type type, struct id16 id)
{
    static struct ev_erased parts[ERASE_PARTS_MAX + 1];
    struct command command = market_command(&s->market, type, ACTOR_ACCOUNT, s->consumer);
    struct job_row job = {0};
    struct upload_row upload = {0};
    bool const of_job = type == COMMAND_JOB_ERASE;
    (void)state_job(s->market.store, id, &job);
    (void)state_upload(s->market.store, id, &upload);
    for (size_t i = 0; i <= ERASE_PARTS_MAX; i++) {
        parts[i].sequence = (of_job ? job.created_sequence : upload.received_sequence) + i;
    }
    command.u.erase = (struct command_erase){
        .id = id,
        .sequences = {.items = parts, .count = 2},
        .changes = state_storage(s->market.store, of_job ? STREAM_JOB : STREAM_UPLOAD, id).changes,
        .is_last = true};
    return command;
}

static void erase(struct scene *s, enum command_type type, struct id16 id)
{
    struct command command = erase_of(s, type, id);
    accept(s, &command);
}

/* ── refusals ── */

static void upload_erased(struct scene *s)
{
    struct id16 upload = upload_of(s);
    struct id16 quote = market_quote(&s->market, s->consumer, upload, s->offer);
    assert_false(id_is_zero(quote));
    erase(s, COMMAND_UPLOAD_ERASE, upload);
    assert_true(id_is_zero(market_create_job(&s->market, s->consumer, quote)));
    assert_string_equal(s->market.word, "upload_erased");
    assert_true(id_is_zero(market_quote(&s->market, s->consumer, upload, s->offer)));
    assert_string_equal(s->market.word, "upload_erased");
    struct command again = erase_of(s, COMMAND_UPLOAD_ERASE, upload);
    submit(s, &again);
}

static void job_erased(struct scene *s)
{
    struct id16 job = settled_job(s);
    pay(s);
    erase(s, COMMAND_JOB_ERASE, job);
    struct command again = erase_of(s, COMMAND_JOB_ERASE, job);
    submit(s, &again);
    assert_string_equal(s->market.word, "job_erased");
    struct command rate = market_command(&s->market, COMMAND_JOB_RATE, ACTOR_ACCOUNT, s->consumer);
    rate.u.rate = (struct command_rate){.job_id = job, .stars = 5};
    submit(s, &rate);
}

/* At the limit exactly an upload is taken; a job is not, for it will have results. */
static void storage_full(struct scene *s)
{
    struct command command =
        market_command(&s->market, COMMAND_UPLOAD_RECEIVE, ACTOR_ACCOUNT, s->consumer);
    struct id16 quote = market_quote(&s->market, s->consumer, upload_of(s), s->offer);
    command.u.upload.upload.size = UPLOAD_SIZE;
    command.u.upload.storage_max = 3 * UPLOAD_SIZE - 1;
    command.u.upload.upload_id = market_new_id(&s->market);
    accept(s, &command);
    command.command_id = market_new_id(&s->market);
    command.u.upload.upload_id = market_new_id(&s->market);
    submit(s, &command);
    assert_string_equal(s->market.word, "storage_full");
    assert_non_null(strstr(s->market.err.message, "hold 2000 of at most 2999 bytes"));
    command.u.upload.storage_max = 3 * UPLOAD_SIZE;
    accept(s, &command);
    struct command create =
        market_command(&s->market, COMMAND_JOB_CREATE, ACTOR_ACCOUNT, s->consumer);
    create.u.job_create = (struct command_job_create){.job_id = market_new_id(&s->market),
                                                      .escrow_id = market_new_id(&s->market),
                                                      .quote_id = quote,
                                                      .escrow_identity = market_new_key(&s->market),
                                                      .key_id = s->market.key_id,
                                                      .requested_tick = s->market.tick,
                                                      .last_tick = s->market.tick + 30,
                                                      .storage_max = 3 * UPLOAD_SIZE + 1};
    struct command refused = create;
    refused.u.job_create.storage_max = 3 * UPLOAD_SIZE;
    submit(s, &refused);
    assert_string_equal(s->market.word, "storage_full");
    accept(s, &create);
    submit(s, &refused); /* the quote has its job now; the word is of another rule */
    refused = command;
    refused.command_id = market_new_id(&s->market);
    refused.u.upload.upload_id = market_new_id(&s->market);
    submit(s, &refused);
}

static void erasure_invalid(struct scene *s)
{
    struct id16 upload = upload_of(s);
    struct ev_erased unordered[] = {{7}, {7}};
    struct ev_erased zero[] = {{0}, {7}};
    struct command commands[4];
    for (size_t i = 0; i < 4; i++) {
        commands[i] = erase_of(s, COMMAND_UPLOAD_ERASE, upload);
    }
    commands[0].u.erase.sequences.count = ERASE_PARTS_MAX + 1;
    commands[1].u.erase.sequences.items = unordered;
    commands[2].u.erase.sequences.items = zero;
    commands[3].u.erase.sequences.count = 0;
    commands[3].u.erase.is_last = false;
    for (size_t i = 0; i < 4; i++) {
        submit(s, &commands[i]);
        assert_string_equal(s->market.word, "erasure_invalid");
    }
}

static void changed_meanwhile(struct scene *s)
{
    struct id16 job = settled_job(s);
    pay(s);
    struct command rate = market_command(&s->market, COMMAND_JOB_RATE, ACTOR_ACCOUNT, s->consumer);
    rate.u.rate = (struct command_rate){.job_id = job, .stars = 5};
    struct command command = erase_of(s, COMMAND_JOB_ERASE, job);
    accept(s, &rate);
    submit(s, &command);
    assert_string_equal(s->market.word, "changed_meanwhile");
    struct id16 upload = upload_of(s);
    command = erase_of(s, COMMAND_UPLOAD_ERASE, upload);
    command.u.erase.changes--;
    submit(s, &command);
}

static void no_such_upload(struct scene *s)
{
    struct command command = erase_of(s, COMMAND_UPLOAD_ERASE, upload_of(s));
    command.actor_id = s->provider;
    submit(s, &command);
    assert_string_equal(s->market.word, "no_such_upload");
    command = erase_of(s, COMMAND_UPLOAD_ERASE, market_new_id(&s->market));
    submit(s, &command);
}

static void upload_in_use(struct scene *s)
{
    struct job_row job;
    struct id16 job_id = market_queued_job(&s->market, s->consumer, s->offer, 60000);
    assert_true(state_job(s->market.store, job_id, &job));
    struct command command = erase_of(s, COMMAND_UPLOAD_ERASE, job.upload_id);
    submit(s, &command);
}

static void no_such_job(struct scene *s)
{
    struct id16 job = settled_job(s);
    pay(s);
    struct command command = erase_of(s, COMMAND_JOB_ERASE, job);
    command.actor_id = s->provider; /* who ran it, and whose results they are not */
    submit(s, &command);
}

static void job_not_ended(struct scene *s)
{
    struct command command =
        erase_of(s, COMMAND_JOB_ERASE,
                 market_running_job(&s->market, s->consumer, s->host, s->offer, 60000));
    submit(s, &command);
}

static void job_not_settled(struct scene *s)
{
    struct command command = erase_of(s, COMMAND_JOB_ERASE, settled_job(s));
    submit(s, &command);
}

#define ROW(word, code)                                                                            \
    {                                                                                              \
#word, code, word                                                                          \
    }
static const struct refusal ROWS[] = {
    ROW(upload_erased, ERR_CONFLICT),     ROW(job_erased, ERR_CONFLICT),
    ROW(storage_full, ERR_CONFLICT),      ROW(erasure_invalid, ERR_INTERNAL),
    ROW(changed_meanwhile, ERR_CONFLICT), ROW(no_such_upload, ERR_NOT_FOUND),
    ROW(upload_in_use, ERR_CONFLICT),     ROW(no_such_job, ERR_NOT_FOUND),
    ROW(job_not_ended, ERR_CONFLICT),     ROW(job_not_settled, ERR_CONFLICT),
};

static void every_refusal_is_provoked(void **state)
{
    (void)state;
    refusals_provoke(ROWS, sizeof ROWS / sizeof *ROWS);
}

static void no_rule_lacks_its_row(void **state)
{
    (void)state;
    refusals_compare(ROWS, sizeof ROWS / sizeof *ROWS, "core/market/decide_erase.c");
}

/* ── what is erased is counted no more, and no money moves ── */

static void what_is_erased_is_counted_no_more(void **state)
{
    (void)state;
    struct scene *s = scene_open(NULL);
    struct job_row job;
    struct id16 job_id = settled_job(s);
    pay(s);
    assert_true(state_job(s->market.store, job_id, &job));
    assert_int_equal(held_by(s, s->consumer), UPLOAD_SIZE + RESULT_SIZE);
    assert_int_equal(held_by(s, s->provider), 0);
    size_t const balances = memory_store_rows(s->market.store, &STATE_BALANCES);
    struct command part = erase_of(s, COMMAND_JOB_ERASE, job_id);
    part.u.erase.is_last = false;
    accept(s, &part); /* the first of several commands: the job is erased with the last */
    assert_int_equal(held_by(s, s->consumer), UPLOAD_SIZE + RESULT_SIZE);
    erase(s, COMMAND_JOB_ERASE, job_id);
    assert_int_equal(held_by(s, s->consumer), UPLOAD_SIZE);
    erase(s, COMMAND_UPLOAD_ERASE, job.upload_id); /* whose job has ended */
    assert_int_equal(held_by(s, s->consumer), 0);
    assert_int_equal(memory_store_rows(s->market.store, &STATE_BALANCES), balances);
    scene_close(s);
}

static void the_operator_may_erase_for_an_account(void **state)
{
    (void)state;
    struct scene *s = scene_open(NULL);
    struct command command = erase_of(s, COMMAND_UPLOAD_ERASE, upload_of(s));
    command.actor_kind = ACTOR_OPERATOR;
    command.actor_id = (struct id16){0};
    accept(s, &command);
    scene_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal_is_provoked),
        cmocka_unit_test(no_rule_lacks_its_row),
        cmocka_unit_test(what_is_erased_is_counted_no_more),
        cmocka_unit_test(the_operator_may_erase_for_an_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
