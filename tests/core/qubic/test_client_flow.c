/* The client in a time and over a network of the test's own: when it asks again, when it does not, and what it remembers. */
// SPDX-License-Identifier: Apache-2.0
#include "core/qubic/client.h"
#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLIGHTS_MAX 64
#define SENT_MAX 256
#define TICK_INFO "{\"tickInfo\":{\"tick\":77}}"
#define NODE_FAILED "{\"code\":13,\"message\":\"a node failed\",\"details\":[]}"

struct flight {
    bool is_used;
    http_call_cb on_done;
    void *ctx;
    int64_t timeout_ms;
};

struct fixture {
    struct qubic_client *client;
    int64_t now_ms;
    int64_t timer_ms; /* −1: not set */
    bool released;
    /* what was sent, and is on its way */
    struct flight flights[FLIGHTS_MAX];
    size_t sent;
    int64_t sent_ms[SENT_MAX];
    char path[128];
    /* what came back */
    int answers;
    struct qubic_answer answer;
    struct qubic_call *to_cancel; /* by the next answer */
};

static int64_t now_ms(void *ctx)
{
    return ((struct fixture *)ctx)->now_ms;
}

static enum err_code send_it(void *ctx, const struct http_call_options *options,
                             http_call_cb on_done, void *done_ctx, void **ret_call, struct err *err)
{
    struct fixture *f = ctx;
    (void)err;
    for (size_t i = 0; i < FLIGHTS_MAX; i++) {
        if (!f->flights[i].is_used) {
            f->flights[i] = (struct flight){.is_used = true,
                                            .on_done = on_done,
                                            .ctx = done_ctx,
                                            .timeout_ms = (int64_t)options->total_timeout_ms};
            assert_true(f->sent < SENT_MAX);
            f->sent_ms[f->sent++] = f->now_ms;
            (void)snprintf(f->path, sizeof f->path, "%s", strstr(options->url, "/v1/") + 4);
            *ret_call = &f->flights[i];
            return ERR_OK;
        }
    }
    fail_msg("too many in flight");
    return ERR_INTERNAL;
}

static void cancel_it(void *ctx, void *call)
{
    (void)ctx;
    assert_true(((struct flight *)call)->is_used);
    ((struct flight *)call)->is_used = false;
}

static void set_timer(void *ctx, struct qubic_client *client, int64_t after_ms)
{
    struct fixture *f = ctx;
    assert_true(f->client == NULL || client == f->client);
    f->timer_ms = after_ms < 0 ? -1 : f->now_ms + after_ms;
}

static void release(void *ctx)
{
    ((struct fixture *)ctx)->released = true;
}

static void open_client(struct fixture *f, struct qubic_client_options options)
{
    struct qubic_io const io = {.ctx = f,
                                .now_ms = now_ms,
                                .send = send_it,
                                .cancel = cancel_it,
                                .set_timer = set_timer,
                                .release = release};
    qubic_client_destroy(f->client);
    f->client = NULL;
    options.live_url = "http://chain/live/v1";
    options.query_url = "http://chain/query/v1";
    options.jitter_seed = 5;
    assert_int_equal(qubic_client_create_on(&io, &options, &f->client, NULL), ERR_OK);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->now_ms = 1000000;
    f->timer_ms = -1;
    open_client(f, (struct qubic_client_options){.timeout_ms = 10000});
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    f->released = false;
    qubic_client_destroy(f->client);
    assert_true(f->released);
    free(f);
    return 0;
}

static void on_answer(void *ctx, const struct qubic_answer *answer)
{
    struct fixture *f = ctx;
    f->answers++;
    f->answer = *answer;
    if (f->to_cancel != NULL) {
        qubic_call_cancel(f->to_cancel);
        f->to_cancel = NULL;
    }
}

static struct qubic_listener listener(struct fixture *f)
{
    return (struct qubic_listener){.on_answer = on_answer, .ctx = f};
}

static void ask(struct fixture *f)
{
    assert_int_equal(qubic_client_tick_info(f->client, listener(f), NULL, NULL), ERR_OK);
}

static size_t in_flight(const struct fixture *f)
{
    size_t count = 0;
    for (size_t i = 0; i < FLIGHTS_MAX; i++) {
        count += f->flights[i].is_used ? 1 : 0;
    }
    return count;
}

/* The first on its way is answered. */
static void give(struct fixture *f, const struct http_call_result *result)
{
    for (size_t i = 0; i < FLIGHTS_MAX; i++) {
        if (f->flights[i].is_used) {
            f->flights[i].is_used = false;
            f->flights[i].on_done(f->flights[i].ctx, result);
            return;
        }
    }
    fail_msg("nothing is on its way");
}

static void reply(struct fixture *f, int status, const char *body)
{
    struct http_call_result const result = {.status = status, .body = bytes_of_text(body)};
    give(f, &result);
}

static void break_off(struct fixture *f, enum err_code code)
{
    struct http_call_result result = {.code = code};
    (void)err_set(&result.err, code, "it broke");
    give(f, &result);
}

/* To the timer; how long that was. */
static int64_t wake(struct fixture *f)
{
    assert_true(f->timer_ms >= f->now_ms);
    int64_t const waited = f->timer_ms - f->now_ms;
    f->now_ms = f->timer_ms;
    f->timer_ms = -1;
    qubic_client_wake(f->client);
    return waited;
}

static void what_may_pass_is_asked_again_after_longer_waits(void **state)
{
    struct fixture *f = *state;
    ask(f);
    reply(f, 500, NODE_FAILED);
    int64_t const first = wake(f);
    assert_true(first >= 100 && first <= 200);
    break_off(f, ERR_UNAVAILABLE);
    int64_t const second = wake(f);
    assert_true(second >= 200 && second <= 400);
    reply(f, 200, "half of it");
    int64_t const third = wake(f);
    assert_true(third >= 400 && third <= 800);
    assert_int_equal(f->answers, 0);
    reply(f, 200, TICK_INFO);
    assert_int_equal(f->answers, 1);
    assert_int_equal(f->answer.code, ERR_OK);
    assert_int_equal(f->answer.tick_info.tick, 77);
    assert_int_equal(f->sent, 4);
    assert_int_equal(f->timer_ms, -1); /* nothing is left */
}

static void the_last_attempts_error_is_told(void **state)
{
    struct fixture *f = *state;
    ask(f);
    for (int i = 0; i < 3; i++) {
        reply(f, 502, "<html>");
        (void)wake(f);
    }
    reply(f, 503, "{\"code\":14,\"message\":\"away\"}");
    assert_int_equal(f->answers, 1);
    assert_int_equal(f->answer.code, ERR_UNAVAILABLE);
    assert_int_equal(f->answer.rpc.reason, QUBIC_REASON_UNAVAILABLE);
    assert_int_equal(f->sent, 4);
    ask(f);
    for (int i = 0; i < 3; i++) {
        break_off(f, ERR_TIMEOUT);
        (void)wake(f);
    }
    break_off(f, ERR_TIMEOUT);
    assert_int_equal(f->answer.code, ERR_TIMEOUT);
}

static void a_refusal_is_final(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int status;
        const char *body;
        enum err_code code;
    } refusals[] = {
        {400, "{\"code\":3,\"message\":\"Signature does not verify!\"}", ERR_INVALID},
        {400, "{\"code\":9,\"message\":\"no\"}", ERR_INVALID},
        {404, "{\"code\":5,\"message\":\"Not Found\"}", ERR_UNAVAILABLE},
        {501, "{\"code\":12,\"message\":\"no\"}", ERR_UNAVAILABLE},
        {500, "{\"code\":13,\"message\":\"cannot unmarshal\"}", ERR_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        ask(f);
        reply(f, refusals[i].status, refusals[i].body);
        assert_int_equal(f->answers, (int)i + 1);
        assert_int_equal(f->answer.code, refusals[i].code);
    }
    assert_int_equal(f->sent, 5);
}

static void a_question_ends_by_its_deadline(void **state)
{
    struct fixture *f = *state;
    open_client(f, (struct qubic_client_options){
                       .timeout_ms = 10000, .deadline_ms = 1000, .attempts_max = 100});
    int64_t const began = f->now_ms;
    ask(f);
    while (f->answers == 0) {
        /* no attempt may outlive the question */
        assert_true(f->flights[0].timeout_ms <= began + 1000 - f->now_ms);
        f->now_ms += 50;
        break_off(f, ERR_TIMEOUT);
        if (f->answers == 0) {
            (void)wake(f);
        }
    }
    assert_true(f->now_ms < began + 1000);
    assert_true(f->sent >= 3 && f->sent <= 6);
}

static void a_service_that_names_a_time_is_left_alone_till_then(void **state)
{
    struct fixture *f = *state;
    struct http_field const header = {"retry-after", "7"};
    struct http_call_result result = {
        .status = 429, .headers = &header, .header_count = 1, .body = bytes_of_text("slow down")};
    ask(f);
    give(f, &result);
    assert_int_equal(wake(f), 7000);
    struct http_field const far = {"retry-after", "99999999999999999999"};
    struct http_field const late = {"retry-after", "600"};
    result.headers = &far; /* no number: our own wait */
    give(f, &result);
    assert_true(wake(f) < 1000);
    result.headers = &late; /* beyond the deadline: told at once */
    give(f, &result);
    assert_int_equal(f->answers, 1);
    assert_int_equal(f->answer.rpc.reason, QUBIC_REASON_BUSY);
}

static void no_more_leave_than_the_rate_allows(void **state)
{
    struct fixture *f = *state;
    open_client(f, (struct qubic_client_options){
                       .timeout_ms = 10000, .requests_per_s = 10, .burst = 4, .deadline_ms = 3000});
    for (int i = 0; i < 20; i++) {
        ask(f);
    }
    assert_int_equal(in_flight(f), 4);
    while (f->timer_ms >= 0) {
        (void)wake(f);
    }
    assert_int_equal(f->sent, 20);
    for (size_t i = 4; i < 20; i++) { /* in order, a tenth of a second apart */
        assert_int_equal(f->sent_ms[i] - f->sent_ms[i - 1], 100);
    }
    /* attempts after the first take places, too */
    for (int i = 0; i < 5; i++) {
        reply(f, 500, NODE_FAILED);
    }
    while (f->timer_ms >= 0) {
        (void)wake(f);
    }
    assert_int_equal(f->sent, 25);
    for (size_t i = 20; i < 25; i++) {
        assert_true(f->sent_ms[i] - f->sent_ms[i - 4] >= 100);
    }
    /* what would come too late is refused, not left waiting */
    struct err err = {0};
    enum err_code code = ERR_OK;
    int asked = 0;
    while ((code = qubic_client_tick_info(f->client, listener(f), NULL, &err)) == ERR_OK) {
        asked++;
    }
    assert_int_equal(code, ERR_BUSY);
    assert_true(asked >= 28 && asked <= 34); /* three seconds and the burst */
}

/* Eight failures in a row, each of a question of its own. */
static void open_the_breaker(struct fixture *f)
{
    for (int i = 0; i < 8; i++) {
        ask(f);
        reply(f, 500, NODE_FAILED);
    }
}

static void a_service_that_keeps_failing_is_left_alone(void **state)
{
    struct fixture *f = *state;
    open_client(f, (struct qubic_client_options){.timeout_ms = 10000, .attempts_max = 1});
    open_the_breaker(f);
    size_t const sent = f->sent;
    int const answers = f->answers;
    ask(f);
    assert_int_equal(f->answers, answers); /* not from within */
    assert_int_equal(wake(f), 0);
    assert_int_equal(f->answers, answers + 1);
    assert_int_equal(f->answer.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(f->answer.err.message, "failed 8 times in a row"));
    assert_int_equal(f->sent, sent);
    /* the other service has its own */
    assert_int_equal(qubic_client_processed_tick(f->client, listener(f), NULL, NULL), ERR_OK);
    assert_int_equal(f->sent, sent + 1);
    reply(f, 200, "{\"tickNumber\":5}");
    assert_int_equal(f->answer.code, ERR_OK);
    /* one probe, and the others after it was good */
    f->now_ms += 1000;
    ask(f);
    ask(f);
    assert_int_equal(in_flight(f), 1);
    (void)wake(f);
    assert_int_equal(f->answer.code, ERR_UNAVAILABLE);
    reply(f, 200, TICK_INFO);
    assert_int_equal(f->answer.code, ERR_OK);
    ask(f);
    ask(f);
    assert_int_equal(in_flight(f), 2);
}

static void a_probe_that_fails_or_is_cancelled_keeps_it_shut_or_passes_on(void **state)
{
    struct fixture *f = *state;
    struct qubic_call *call;
    open_client(f, (struct qubic_client_options){.timeout_ms = 10000, .attempts_max = 1});
    open_the_breaker(f);
    f->now_ms += 1000;
    ask(f);
    break_off(f, ERR_TIMEOUT);
    f->now_ms += 1999;
    ask(f);
    assert_int_equal(in_flight(f), 0); /* twice as long */
    (void)wake(f);
    f->now_ms += 1;
    assert_int_equal(qubic_client_tick_info(f->client, listener(f), &call, NULL), ERR_OK);
    assert_int_equal(in_flight(f), 1);
    qubic_call_cancel(call);
    ask(f);
    assert_int_equal(in_flight(f), 1); /* the next is the probe */
    /* what it is answered does not matter, only that it is */
    reply(f, 400, "{\"code\":3,\"message\":\"no\"}");
    assert_int_equal(f->answer.code, ERR_INVALID);
    ask(f);
    ask(f);
    assert_int_equal(in_flight(f), 2);
}

static void a_cancelled_call_is_neither_asked_again_nor_answered(void **state)
{
    struct fixture *f = *state;
    struct qubic_call *waiting;
    struct qubic_call *sent;
    assert_int_equal(qubic_client_tick_info(f->client, listener(f), &waiting, NULL), ERR_OK);
    reply(f, 500, NODE_FAILED);
    assert_true(f->timer_ms > 0);
    qubic_call_cancel(waiting);
    assert_int_equal(f->timer_ms, -1);
    /* by another's answer */
    ask(f);
    assert_int_equal(qubic_client_tick_info(f->client, listener(f), &sent, NULL), ERR_OK);
    f->to_cancel = sent;
    reply(f, 200, TICK_INFO);
    assert_int_equal(f->answers, 1);
    assert_int_equal(in_flight(f), 0);
}

/* ---- balances ---- */

static void give_balance(struct fixture *f, const struct key32 *identity, int64_t amount)
{
    struct qubic_balance const balance = {
        .identity = *identity, .balance = amount, .valid_for_tick = 9};
    struct buf body;
    buf_init(&body, 1 << 16);
    qubic_rpc_build_balance(&body, &balance);
    reply(f, 200, buf_text(&body));
    buf_deinit(&body);
}

static void ask_known(struct fixture *f, const struct key32 *identity)
{
    assert_int_equal(qubic_client_balance_known(f->client, identity, listener(f), NULL, NULL),
                     ERR_OK);
}

static void a_balance_is_remembered_for_half_a_minute(void **state)
{
    struct fixture *f = *state;
    struct key32 const alice = {{1}};
    struct key32 const bob = {{2}};
    ask_known(f, &alice);
    give_balance(f, &alice, 500);
    assert_int_equal(f->answer.balance.balance, 500);
    assert_int_equal(f->answer.age_ms, 0);
    f->now_ms += 29999;
    ask_known(f, &alice);
    assert_int_equal(f->answers, 1); /* not from within */
    assert_int_equal(wake(f), 0);
    assert_int_equal(f->sent, 1);
    assert_int_equal(f->answer.code, ERR_OK);
    assert_int_equal(f->answer.balance.balance, 500);
    assert_int_equal(f->answer.age_ms, 29999);
    assert_false(f->answer.is_stale);
    ask_known(f, &bob); /* another's is not alice's */
    assert_int_equal(f->sent, 2);
    give_balance(f, &bob, 7);
    f->now_ms += 1;
    ask_known(f, &alice);
    assert_int_equal(f->sent, 3);
    give_balance(f, &alice, 600);
    assert_int_equal(f->answer.balance.balance, 600);
    assert_int_equal(f->answer.age_ms, 0);
    /* who decides something by it is never told the old one */
    assert_int_equal(qubic_client_balance(f->client, &alice, listener(f), NULL, NULL), ERR_OK);
    assert_int_equal(f->sent, 4);
    give_balance(f, &alice, 601);
    ask_known(f, &alice); /* but what was heard then is the newest to show */
    assert_int_equal(wake(f), 0);
    assert_int_equal(f->sent, 4);
    assert_int_equal(f->answer.balance.balance, 601);
}

static void when_the_chain_is_down_the_last_balance_is_told_as_stale(void **state)
{
    struct fixture *f = *state;
    struct key32 const alice = {{1}};
    struct key32 const bob = {{2}};
    open_client(f, (struct qubic_client_options){.timeout_ms = 10000, .attempts_max = 2});
    ask_known(f, &alice);
    give_balance(f, &alice, 500);
    f->now_ms += 3600000;
    ask_known(f, &alice);
    break_off(f, ERR_UNAVAILABLE);
    int64_t const waited = wake(f);
    break_off(f, ERR_TIMEOUT);
    assert_int_equal(f->answer.code, ERR_OK);
    assert_true(f->answer.is_stale);
    assert_int_equal(f->answer.age_ms, 3600000 + waited);
    assert_int_equal(f->answer.balance.balance, 500);
    ask_known(f, &bob); /* nothing is known of bob */
    break_off(f, ERR_UNAVAILABLE);
    (void)wake(f);
    break_off(f, ERR_UNAVAILABLE);
    assert_int_equal(f->answer.code, ERR_UNAVAILABLE);
    /* a refusal is an answer: nothing old in place of it */
    ask_known(f, &alice);
    reply(f, 400, "{\"code\":3,\"message\":\"no\"}");
    assert_int_equal(f->answer.code, ERR_INVALID);
    /* and who decides by it is told that there is none */
    assert_int_equal(qubic_client_balance(f->client, &alice, listener(f), NULL, NULL), ERR_OK);
    break_off(f, ERR_UNAVAILABLE);
    (void)wake(f);
    break_off(f, ERR_UNAVAILABLE);
    assert_int_equal(f->answer.code, ERR_UNAVAILABLE);
}

static void options_out_of_range_are_refused(void **state)
{
    struct fixture *f = *state;
    struct qubic_io const io = {.ctx = f, .now_ms = now_ms, .set_timer = set_timer};
    struct qubic_client_options options = {
        .live_url = "http://a", .query_url = "http://b", .requests_per_s = 1001};
    struct qubic_client *client = NULL;
    struct err err = {0};
    assert_int_equal(qubic_client_create_on(&io, &options, &client, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "at most 1000 requests a second"));
    options.requests_per_s = 1000;
    options.live_url = "ftp://a";
    assert_int_equal(qubic_client_create_on(&io, &options, &client, NULL), ERR_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_may_pass_is_asked_again_after_longer_waits),
        TEST(the_last_attempts_error_is_told),
        TEST(a_refusal_is_final),
        TEST(a_question_ends_by_its_deadline),
        TEST(a_service_that_names_a_time_is_left_alone_till_then),
        TEST(no_more_leave_than_the_rate_allows),
        TEST(a_service_that_keeps_failing_is_left_alone),
        TEST(a_probe_that_fails_or_is_cancelled_keeps_it_shut_or_passes_on),
        TEST(a_cancelled_call_is_neither_asked_again_nor_answered),
        TEST(a_balance_is_remembered_for_half_a_minute),
        TEST(when_the_chain_is_down_the_last_balance_is_told_as_stale),
        TEST(options_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
