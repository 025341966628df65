/* A provider's statement: what is taken, and what each bad line is told. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/qubic/identity.h"
#include "core/reconcile/statement.h"
#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <string.h>

static char tx_text[QUBIC_IDENTITY_TEXT_SIZE]; /* of the hash 1, 2, 3 … */
static struct key32 tx_id;
#define JOB "0190d5a4-1111-7222-8333-444455556666"

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tx_id.b; i++) {
        tx_id.b[i] = (uint8_t)(i + 1);
    }
    qubic_hash_format(&tx_id, tx_text);
    return 0;
}

/* `%` in the text stands for the transaction id. */
static enum err_code parse(const char *text, struct statement *ret, struct err *err)
{
    char whole[4096] = "";
    size_t size = 0;
    for (; *text != '\0'; text++) {
        int more = *text == '%' ? snprintf(whole + size, sizeof whole - size, "%s", tx_text)
                                : snprintf(whole + size, sizeof whole - size, "%c", *text);
        size += (size_t)more;
        assert_true(size < sizeof whole);
    }
    return statement_parse(bytes_of(whole, size), ret, err);
}

static void assert_refused(const char *text, uint64_t line, const char *part)
{
    struct statement s;
    struct err err = {0};
    assert_int_equal(parse(text, &s, &err), ERR_INVALID);
    if (line > 0) {
        assert_int_equal(s.problem_count, 1);
        assert_int_equal(s.problems[0].line, line);
        if (strstr(s.problems[0].message, part) == NULL) {
            fail_msg("'%s' does not say '%s'", s.problems[0].message, part);
        }
    }
    if (strstr(err.message, part) == NULL) {
        fail_msg("'%s' does not say '%s'", err.message, part);
    }
    statement_deinit(&s);
}

static void assert_one(const char *text, const char *from, int64_t length, int64_t amount)
{
    struct statement s;
    struct err err = {0};
    int64_t at;
    if (parse(text, &s, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(s.count, 1);
    assert_int_equal(time_parse(bytes_of_text(from), &at, NULL), ERR_OK);
    assert_true(s.lines[0].from == at);
    assert_true(s.lines[0].until == at + length);
    assert_true(s.lines[0].amount == amount);
    assert_true(key_equal(s.lines[0].tx_id, tx_id));
    statement_deinit(&s);
}

static void a_line_is_a_day_or_a_time_an_amount_and_a_transaction(void **state)
{
    (void)state;
    const int64_t day = INT64_C(86400) * 1000000000 - 1;
    assert_one("date,amount,transaction_id,job_id\n2026-11-24,1500,%," JOB "\n",
               "2026-11-24T00:00:00Z", day, 1500);
    assert_one("date,amount,transaction_id\n2026-11-24T14:03:07.5Z,1,%", "2026-11-24T14:03:07.5Z",
               0, 1);
    assert_one("\xEF\xBB\xBF"
               "job_id,transaction_id,amount,date\r\n,%,1000000000000000,2024-02-29\r\n",
               "2024-02-29T00:00:00Z", day, INT64_C(1000000000000000));
    assert_one("\"date\",\"amount\",transaction_id\n\"2026-01-01\",\"7\",\"%\"\n",
               "2026-01-01T00:00:00Z", day, 7);
}

static void a_header_alone_is_an_empty_statement(void **state)
{
    struct statement s;
    (void)state;
    assert_int_equal(parse("date,amount,transaction_id\n", &s, NULL), ERR_OK);
    assert_int_equal(s.count, 0);
    statement_deinit(&s);
}

static void the_job_is_taken_when_it_is_said(void **state)
{
    struct statement s;
    char job[ID_TEXT_SIZE];
    (void)state;
    assert_int_equal(parse("date,amount,transaction_id,job_id\n2026-11-24,1,%," JOB
                           "\n2026-11-24,1,%,\n",
                           &s, NULL),
                     ERR_OK);
    id_format(s.lines[0].job_id, job);
    assert_string_equal(job, JOB);
    assert_true(id_is_zero(s.lines[1].job_id));
    assert_int_equal(s.lines[0].line, 2);
    assert_int_equal(s.lines[1].line, 3);
    statement_deinit(&s);
}

#define HEAD "date,amount,transaction_id,job_id\n"

static void a_bad_value_is_told_with_its_line_and_what_would_do(void **state)
{
    (void)state;
    static const char *const AMOUNTS[] = {"0",
                                          "-5",
                                          "+5",
                                          "1.0",
                                          "1e3",
                                          "1,5",
                                          " 5",
                                          "0x10",
                                          "05",
                                          "",
                                          "1000000000000001",
                                          "99999999999999999999",
                                          "=1+1"};
    for (size_t i = 0; i < sizeof AMOUNTS / sizeof *AMOUNTS; i++) {
        char text[200];
        (void)snprintf(text, sizeof text, HEAD "2026-11-24,\"%s\",%%,\n", AMOUNTS[i]);
        assert_refused(text, 2, "whole QUBIC from 1 to 1000000000000000, digits only");
    }
    static const char *const DATES[] = {"",
                                        "24.11.2026",
                                        "2026-11-31",
                                        "2026-13-01",
                                        "2026-11-2",
                                        "2026-11-24T14:03:07+01:00",
                                        "2026-11-24 ",
                                        "9999-01-01"};
    for (size_t i = 0; i < sizeof DATES / sizeof *DATES; i++) {
        char text[200];
        (void)snprintf(text, sizeof text, HEAD "2026-11-24,1,%%,\n%s,5,%%,\n", DATES[i]);
        assert_refused(text, 3, "a day is like 2026-11-24");
    }
    assert_refused(HEAD "2026-11-24,5,abc,\n", 2, "60 small letters");
    assert_refused(HEAD "2026-11-24,5,%x,\n", 2, "60 small letters");
    assert_refused(HEAD "2026-11-24,5,%,job-7\n", 2, "a UUID of 36 characters, or nothing");
}

static void a_wrong_checksum_is_no_transaction_id(void **state)
{
    char text[200];
    char wrong[QUBIC_IDENTITY_TEXT_SIZE];
    (void)state;
    memcpy(wrong, tx_text, sizeof wrong);
    wrong[59] = wrong[59] == 'a' ? 'b' : 'a';
    (void)snprintf(text, sizeof text, HEAD "2026-11-24,5,%s,\n", wrong);
    assert_refused(text, 2, "the last four their checksum");
}

static void a_bad_header_names_the_columns(void **state)
{
    (void)state;
    assert_refused("", 0, "the statement is empty");
    assert_refused("Date,amount,transaction_id\n", 1, "column 'Date'");
    assert_refused("date,amount,transaction_id,note\n", 1, "column 'note'");
    assert_refused("date,amount\n", 1, "column transaction_id is missing");
    assert_refused("date,date,amount,transaction_id\n", 1, "column date comes twice");
    assert_refused("2026-11-24,5,%\n", 1, "the first line names the columns");
    assert_refused("date;amount;transaction_id\n", 1, "the first line names the columns");
}

static void a_bad_line_does_not_swallow_the_next(void **state)
{
    (void)state;
    assert_refused(HEAD "\"2026-11-24,5,%,\n2026-11-24,1,%,\n", 2, "close it with \"");
    assert_refused(HEAD "\"2026-11-24\"x,5,%,\n", 2, "behind a closing quote");
    assert_refused(HEAD "2026\"-11-24,5,%,\n", 2, "a quote inside an unquoted field");
    assert_refused(HEAD "2026-11-24,5,%\n", 2, "3 fields where the first line names 4 columns");
    assert_refused(HEAD "2026-11-24,5,%,,\n", 2, "more than 4 fields");
    assert_refused(HEAD "2026-11-24,5,%,\n\n2026-11-24,5,%,\n", 3, "0 fields");
    assert_refused(HEAD "2026-11-24,5,%,\xFF\n", 2, "not UTF-8");
    assert_refused(HEAD "2026-11-24,5,%,\r\r\n", 2, "UUID");
}

static void a_zero_byte_is_no_text(void **state)
{
    struct statement s;
    static const char TEXT[] = HEAD "2026-11-24\0,5,x,\n";
    (void)state;
    assert_int_equal(statement_parse(bytes_of(TEXT, sizeof TEXT - 1), &s, NULL), ERR_INVALID);
    assert_string_equal(s.problems[0].message, "the line is not UTF-8 text");
    statement_deinit(&s);
}

static void every_bad_line_is_counted_and_the_first_twenty_are_told(void **state)
{
    struct statement s;
    char text[4096] = HEAD;
    (void)state;
    for (int i = 0; i < 30; i++) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "bad\n");
    }
    assert_int_equal(statement_parse(bytes_of_text(text), &s, NULL), ERR_INVALID);
    assert_int_equal(s.problem_count, 30);
    assert_int_equal(s.problems[STATEMENT_PROBLEMS_MAX - 1].line, STATEMENT_PROBLEMS_MAX + 1);
    statement_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_day_or_a_time_an_amount_and_a_transaction),
        cmocka_unit_test(a_header_alone_is_an_empty_statement),
        cmocka_unit_test(the_job_is_taken_when_it_is_said),
        cmocka_unit_test(a_bad_value_is_told_with_its_line_and_what_would_do),
        cmocka_unit_test(a_wrong_checksum_is_no_transaction_id),
        cmocka_unit_test(a_bad_header_names_the_columns),
        cmocka_unit_test(a_bad_line_does_not_swallow_the_next),
        cmocka_unit_test(a_zero_byte_is_no_text),
        cmocka_unit_test(every_bad_line_is_counted_and_the_first_twenty_are_told),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
