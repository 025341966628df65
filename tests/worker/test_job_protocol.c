// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cmocka_all.h"
#include "worker/job_protocol.h"

#include <string.h>

static bool parse(const char *text, struct job_protocol_line *ret)
{
    *ret = (struct job_protocol_line){0};
    return job_protocol_parse(bytes_of_text(text), ret);
}

static void lines_of_the_protocol_are_read(void **state)
{
    struct job_protocol_line line;
    (void)state;
    assert_true(parse("::tally progress=0.42 operation=\"epoch 3 of 5\"", &line));
    assert_int_equal(line.permille, 420);
    assert_int_equal(line.operation.size, 12);
    assert_memory_equal(line.operation.data, "epoch 3 of 5", 12);
    assert_true(parse("::tally operation=\"\" progress=1", &line));
    assert_int_equal(line.permille, 1000);
    assert_int_equal(line.operation.size, 0);
    assert_true(parse("::tally progress=0.9999999999999999999999", &line));
    assert_int_equal(line.permille, 999);
    assert_false(line.has_operation);
    assert_true(parse("::tally progress=1.000", &line));
    assert_int_equal(line.permille, 1000);
    assert_true(parse("::tally progress=0", &line));
    assert_int_equal(line.permille, 0);
    assert_true(parse("::tally operation=\"größer = 日本\"", &line));
    assert_false(line.has_progress);
}

static void everything_else_is_output(void **state)
{
    static const char *const texts[] = {
        "",
        "::tally",
        "::tally ",
        " ::tally progress=0.5",
        "::tally  ",
        "::tally progress=",
        "::tally progress=1.01",
        "::tally progress=2",
        "::tally progress=-0.5",
        "::tally progress=.5",
        "::tally progress=0.",
        "::tally progress=00.5",
        "::tally progress=0.5e1",
        "::tally progress=0,5",
        "::tally progress=nan",
        "::tally progress=0.5 progress=0.6",
        "::tally progress=0.5operation=\"x\"",
        "::tally operation=x",
        "::tally operation=\"x",
        "::tally operation=\"a\" operation=\"b\"",
        "::tally operation=\"a\tb\"",
        "::tally operation=\"\xff\"",
        "::tally progress=0.5 speed=3",
    };
    struct job_protocol_line line;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (parse(texts[i], &line)) {
            fail_msg("was taken: %s", texts[i]);
        }
    }
}

static void an_operation_has_at_most_200_bytes(void **state)
{
    struct job_protocol_line line;
    char text[256] = "::tally operation=\"";
    (void)state;
    size_t const head = strlen(text);
    memset(text + head, 'x', 200);
    strcpy(text + head + 200, "\""); // NOLINT: fits
    assert_true(parse(text, &line));
    assert_int_equal(line.operation.size, 200);
    memset(text + head, 'x', 201);
    strcpy(text + head + 201, "\""); // NOLINT: fits
    assert_false(parse(text, &line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_the_protocol_are_read),
        cmocka_unit_test(everything_else_is_output),
        cmocka_unit_test(an_operation_has_at_most_200_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
