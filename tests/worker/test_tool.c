/* Programs that end, and programs that do not: whoever waits for one waits no longer than was said. R11.5 */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cmocka_all.h"
#include "worker/tool.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define HANG_S 120 /* that a test which fails takes */

struct ran {
    struct buf text;
    int status;
};

static void run(const char *script, int64_t timeout_ms, struct ran *ret)
{
    const char *const arguments[] = {"-c", script, NULL};
    buf_init(&ret->text, 1U << 20);
    (void)alarm(HANG_S); /* instead of waiting for what never ends */
    assert_int_equal(tool_run("/bin/sh", arguments, timeout_ms, &ret->text, &ret->status, NULL),
                     ERR_OK);
    (void)alarm(0);
}

static void its_output_and_its_status_are_told(void **state)
{
    (void)state;
    struct ran ran;
    run("echo one; echo two >&2; exit 7", 60000, &ran);
    assert_string_equal(buf_text(&ran.text), "one\n");
    assert_int_equal(ran.status, 7);
    buf_deinit(&ran.text);
}

static void all_that_it_wrote_is_taken_however_it_ends(void **state)
{
    (void)state;
    struct ran ran;
    run("head -c 300000 /dev/zero | tr '\\0' x; exit 3", 60000, &ran);
    assert_int_equal(ran.text.size, 300000);
    assert_int_equal(ran.status, 3);
    buf_deinit(&ran.text);
}

static void one_that_hangs_is_ended(void **state)
{
    (void)state;
    struct ran ran;
    run("echo up; exec sleep 3600", 300, &ran);
    assert_string_equal(buf_text(&ran.text), "up\n");
    assert_int_equal(ran.status, -1);
    buf_deinit(&ran.text);
}

static void one_that_closes_its_output_and_hangs_is_ended_too(void **state)
{
    (void)state;
    struct ran ran;
    run("echo up; exec sleep 3600 >&-", 300, &ran);
    assert_string_equal(buf_text(&ran.text), "up\n");
    assert_int_equal(ran.status, -1);
    buf_deinit(&ran.text);
}

static void one_that_ends_is_not_waited_for_because_of_what_it_started(void **state)
{
    (void)state;
    struct ran ran;
    run("sleep 3600 & echo $!", 7200000, &ran);
    int const started = (int)strtol(buf_text(&ran.text), NULL, 10);
    assert_int_equal(ran.status, 0);
    assert_true(started > 1);
    assert_int_equal(kill(started, SIGKILL), 0);
    buf_deinit(&ran.text);
}

static void one_that_is_not_there_is_said(void **state)
{
    (void)state;
    const char *const arguments[] = {NULL};
    struct buf text;
    int status = 5;
    buf_init(&text, 100);
    assert_int_equal(tool_run("/nowhere/tool", arguments, 1000, &text, &status, NULL),
                     ERR_NOT_FOUND);
    assert_int_equal(status, 5);
    buf_deinit(&text);
}

static void another_may_have_its_output(void **state)
{
    (void)state;
    const char *const arguments[] = {"-c", "echo for another; exit 5", NULL};
    struct tool tool;
    char text[64] = "";
    assert_int_equal(tool_start("/bin/sh", arguments, &tool, NULL), ERR_OK);
    (void)alarm(HANG_S);
    assert_int_equal(read(tool.fd, text, sizeof text - 1), 12);
    assert_string_equal(text, "for another\n");
    assert_int_equal(tool_end(&tool, 60000), 5);
    (void)alarm(0);
}

static void one_whose_output_nobody_takes_is_ended(void **state)
{
    (void)state;
    const char *const arguments[] = {"-c", "exec cat /dev/zero", NULL};
    struct tool tool;
    assert_int_equal(tool_start("/bin/sh", arguments, &tool, NULL), ERR_OK);
    pid_t const pid = tool.pid;
    (void)alarm(HANG_S);
    assert_int_equal(tool_end(&tool, 100), -1);
    (void)alarm(0);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(tool_start("/nowhere/tool", arguments, &tool, NULL), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_output_and_its_status_are_told),
        cmocka_unit_test(all_that_it_wrote_is_taken_however_it_ends),
        cmocka_unit_test(one_that_hangs_is_ended),
        cmocka_unit_test(one_that_closes_its_output_and_hangs_is_ended_too),
        cmocka_unit_test(one_that_ends_is_not_waited_for_because_of_what_it_started),
        cmocka_unit_test(one_that_is_not_there_is_said),
        cmocka_unit_test(another_may_have_its_output),
        cmocka_unit_test(one_whose_output_nobody_takes_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
