/* The edges of a comparison that the random test only meets by chance, and what a report looks like. */
// SPDX-License-Identifier: Apache-2.0
#include "core/reconcile/report.h"
#include "tests/support/cmocka_all.h"

#include <string.h>

#define FROM INT64_C(1000000000000000000)
#define UNTIL (FROM + 30 * DATE_SLACK)

static struct ledger_payment payout(int64_t at)
{
    return (struct ledger_payment){.sequence = 7,
                                   .at = at,
                                   .tx_id = {{1}},
                                   .source = {{2}},
                                   .destination = {{3}},
                                   .amount = 500,
                                   .tick = 40,
                                   .job_id = {{9}},
                                   .escrow_id = {{8}},
                                   .kind = PAYMENT_PAYOUT,
                                   .state = PAYMENT_FINAL};
}

static struct chain_payment on_chain(const struct ledger_payment *p)
{
    return (struct chain_payment){.tx_id = p->tx_id,
                                  .source = p->source,
                                  .destination = p->destination,
                                  .amount = p->amount,
                                  .tick = p->tick,
                                  .at = p->at,
                                  .moved = true};
}

static struct statement_line in_statement(const struct ledger_payment *p, int64_t away)
{
    return (struct statement_line){.line = 2,
                                   .from = p->at + away,
                                   .until = p->at + away,
                                   .amount = p->amount,
                                   .tx_id = p->tx_id};
}

/* One payout, on the chain, with one line. */
static struct reconcile_result compare(const struct ledger_payment *p,
                                       const struct statement_line *line)
{
    struct chain_payment chain = on_chain(p);
    struct reconcile_result result;
    struct reconcile_input input = {.from = FROM,
                                    .until = UNTIL,
                                    .ledger_tick = 100,
                                    .chain_tick = 100,
                                    .ledger = p,
                                    .ledger_count = 1,
                                    .chain = &chain,
                                    .chain_count = 1,
                                    .has_statement = line != NULL,
                                    .statement = line,
                                    .statement_count = 1};
    assert_int_equal(reconcile(&input, &result, NULL), ERR_OK);
    return result;
}

static void the_period_has_its_first_moment_and_not_its_last(void **state)
{
    (void)state;
    const struct {
        int64_t at;
        uint64_t matched;
    } cases[] = {{FROM - 1, 0}, {FROM, 1}, {UNTIL - 1, 1}, {UNTIL, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ledger_payment p = payout(cases[i].at);
        struct statement_line line = in_statement(&p, 0);
        struct reconcile_result result = compare(&p, &line);
        assert_int_equal(result.chain.matched, cases[i].matched);
        assert_int_equal(result.statement.matched, cases[i].matched);
        assert_int_equal(reconcile_differences(&result), 0);
        reconcile_result_deinit(&result);
    }
}

static void a_date_may_be_a_day_off_and_no_more(void **state)
{
    (void)state;
    const struct {
        int64_t away;
        uint64_t differing;
    } cases[] = {{DATE_SLACK, 0}, {DATE_SLACK + 1, 1}, {-DATE_SLACK, 0}, {-DATE_SLACK - 1, 1}};
    struct ledger_payment p = payout(FROM + 10 * DATE_SLACK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct statement_line line = in_statement(&p, cases[i].away);
        struct reconcile_result result = compare(&p, &line);
        assert_int_equal(result.statement.differing, cases[i].differing);
        reconcile_result_deinit(&result);
    }
}

static void a_pair_may_differ_in_everything_at_once(void **state)
{
    (void)state;
    struct ledger_payment p = payout(FROM);
    struct statement_line line = in_statement(&p, -9 * DATE_SLACK);
    line.amount++;
    line.job_id = (struct id16){{5}};
    struct reconcile_result result = compare(&p, &line);
    assert_int_equal(result.count, 2);
    assert_int_equal(result.items[1].reasons, REASON_AMOUNT | REASON_JOB | REASON_DATE);
    assert_true(result.statement.ledger_amount == 500 && result.statement.other_amount == 501);
    reconcile_result_deinit(&result);
}

static void dates_at_the_ends_of_time_do_not_wrap(void **state)
{
    (void)state;
    struct ledger_payment p = payout(FROM);
    struct statement_line line = in_statement(&p, 0);
    const int64_t ends[] = {INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < 2; i++) {
        line.from = line.until = ends[i];
        struct reconcile_result result = compare(&p, &line);
        assert_int_equal(result.statement.differing, 1);
        reconcile_result_deinit(&result);
    }
}

static void a_sum_past_int64_is_an_error(void **state)
{
    (void)state;
    struct ledger_payment two[2] = {payout(FROM), payout(FROM)};
    struct reconcile_result result;
    struct err err = {0};
    struct reconcile_input input = {.from = FROM, .until = UNTIL, .ledger = two, .ledger_count = 2};
    two[0].amount = INT64_MAX;
    two[1].tx_id.b[0] = 77;
    two[1].amount = 1;
    assert_int_equal(reconcile(&input, &result, &err), ERR_OVERFLOW);
    two[0].amount = INT64_MAX - 1;
    assert_int_equal(reconcile(&input, &result, &err), ERR_OK);
    assert_true(result.chain.ledger_amount == INT64_MAX);
    reconcile_result_deinit(&result);
}

static void nothing_against_nothing_is_no_difference(void **state)
{
    (void)state;
    struct reconcile_result result;
    struct reconcile_input input = {.from = FROM, .until = UNTIL, .has_statement = true};
    assert_int_equal(reconcile(&input, &result, NULL), ERR_OK);
    assert_int_equal(result.count, 0);
    assert_int_equal(reconcile_differences(&result), 0);
    reconcile_result_deinit(&result);
}

/* ── reports ── */

static void assert_field(const char *text, const char *field)
{
    struct buf buf;
    buf_init(&buf, 200);
    csv_append(&buf, text);
    assert_string_equal(buf_text(&buf), field);
    buf_deinit(&buf);
}

static void a_field_is_quoted_and_never_a_formula(void **state)
{
    (void)state;
    assert_field("plain text", "plain text");
    assert_field("", "");
    assert_field("a,b", "\"a,b\"");
    assert_field("say \"no\"", "\"say \"\"no\"\"\"");
    assert_field("two\r\nlines", "\"two\r\nlines\"");
    assert_field("=cmd|'/C calc'!A0", "\"'=cmd|'/C calc'!A0\"");
    assert_field("+1", "\"'+1\"");
    assert_field("-1", "\"'-1\"");
    assert_field("@SUM(A1)", "\"'@SUM(A1)\"");
    assert_field("\t=1", "\"'\t=1\"");
}

static void all_forms_tell_the_same(void **state)
{
    (void)state;
    struct ledger_payment p = payout(FROM);
    struct statement_line line = in_statement(&p, 0);
    struct report_head head = {.from = FROM, .until = UNTIL, .has_statement = true};
    struct buf buf;
    line.amount = 499;
    struct reconcile_result result = compare(&p, &line);
    buf_init(&buf, 1 << 16);
    report_csv(&buf, &result);
    assert_non_null(strstr(buf_text(&buf), "statement,differs,amount,payout,"));
    assert_non_null(strstr(buf_text(&buf), ",500,499,-1\r\n"));
    buf_clear(&buf);
    report_json(&buf, &head, &result);
    assert_non_null(strstr(buf_text(&buf), "\"finding\":\"differs\",\"reasons\":[\"amount\"]"));
    assert_non_null(strstr(buf_text(&buf), "\"ledger_amount\":500,\"other_amount\":499}\n"));
    assert_non_null(strstr(buf_text(&buf), ",\"differences\":1}\n"));
    buf_clear(&buf);
    report_table(&buf, &head, &result, false);
    assert_non_null(strstr(buf_text(&buf), "statement differs  amount"));
    assert_null(strstr(buf_text(&buf), "chain     matched"));
    assert_non_null(strstr(buf_text(&buf), "difference -1\n"));
    buf_clear(&buf);
    report_table(&buf, &head, &result, true);
    assert_non_null(strstr(buf_text(&buf), "chain     matched"));
    buf_deinit(&buf);
    reconcile_result_deinit(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_period_has_its_first_moment_and_not_its_last),
        cmocka_unit_test(a_date_may_be_a_day_off_and_no_more),
        cmocka_unit_test(a_pair_may_differ_in_everything_at_once),
        cmocka_unit_test(dates_at_the_ends_of_time_do_not_wrap),
        cmocka_unit_test(a_sum_past_int64_is_an_error),
        cmocka_unit_test(nothing_against_nothing_is_no_difference),
        cmocka_unit_test(a_field_is_quoted_and_never_a_formula),
        cmocka_unit_test(all_forms_tell_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
