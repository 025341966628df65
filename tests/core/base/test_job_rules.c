// SPDX-License-Identifier: Apache-2.0
#include "core/base/job_rules.h"
#include "tests/support/cmocka_all.h"

#include <string.h>

static void variable_names_are_those_every_system_takes(void **state)
{
    static const char *const good[] = {"A", "_", "a_1", "PATH", "_9"};
    static const char *const bad[] = {"", "A-B", "1A", "A B", "A=B", "A.B", "\xc3\xa4", "A\n"};
    char name[JOB_VARIABLE_NAME_MAX + 2];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(job_variable_name_is_good(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(job_variable_name_is_good(bad[i]));
    }
    memset(name, 'A', sizeof name);
    name[JOB_VARIABLE_NAME_MAX + 1] = '\0';
    assert_false(job_variable_name_is_good(name));
    name[JOB_VARIABLE_NAME_MAX] = '\0';
    assert_true(job_variable_name_is_good(name));
}

static void result_names_are_relative_paths_of_plain_names(void **state)
{
    static const char *const good[] = {"a", "a/b.c", "...", ".a", "a/..b", "\xc3\xa4 %?#"};
    static const char *const bad[] = {"",      "/a",   "a/",   "a//b",   ".",       "..",
                                      "a/..",  "./a",  "a\\b", "a\nb",   "a\x7f",   "\xff",
                                      "a/./b", "../a", "/",    "a/../b", "\xc0\xaf"};
    char name[JOB_RESULT_NAME_MAX + 2];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(job_result_name_is_good(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(job_result_name_is_good(bad[i]));
    }
    memset(name, 'a', sizeof name);
    name[JOB_RESULT_NAME_MAX + 1] = '\0';
    assert_false(job_result_name_is_good(name));
    name[JOB_RESULT_NAME_MAX] = '\0';
    assert_true(job_result_name_is_good(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variable_names_are_those_every_system_takes),
        cmocka_unit_test(result_names_are_relative_paths_of_plain_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
