/* Versions of drivers compare as NVIDIA's numbers do, and come back as they were written. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/driver_version.h"
#include "tests/support/cmocka_all.h"

static uint64_t parsed(const char *text)
{
    uint64_t version = 0;
    return driver_version_parse(bytes_of_text(text), &version) ? version : 0;
}

static void what_nvidia_writes_is_read_and_written_again(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"535.183.01", "450.80.02", "384.81",
                                        "525.60.13",  "580.65.06", "999.999.999"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        char again[DRIVER_VERSION_TEXT_SIZE];
        assert_int_not_equal(parsed(TEXTS[i]), 0);
        driver_version_format(parsed(TEXTS[i]), again);
        assert_string_equal(again, TEXTS[i]);
    }
    assert_int_equal(parsed("535"), parsed("535.00.00"));
}

static void newer_is_larger(void **state)
{
    (void)state;
    static const char *const ASCENDING[] = {"7.5",       "384.81",    "450.80.02",  "450.80.03",
                                            "450.119.3", "525.60.13", "525.125.06", "1.0"};
    for (size_t i = 1; i + 1 < sizeof ASCENDING / sizeof *ASCENDING; i++) {
        assert_true(parsed(ASCENDING[i]) > parsed(ASCENDING[i - 1]));
    }
    assert_true(parsed("1.0") < parsed("7.5"));
}

static void anything_else_is_no_version(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",       ".",        "535.",           ".183", "535..1", "535.183.01.2",
        "1000.1", "535.1834", "535.183-server", "0.1",  " 535",   "v535"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        assert_int_equal(parsed(BAD[i]), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nvidia_writes_is_read_and_written_again),
        cmocka_unit_test(newer_is_larger),
        cmocka_unit_test(anything_else_is_no_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
