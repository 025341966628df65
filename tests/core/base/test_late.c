/* Libraries that are opened when they are needed. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/late.h"

#include "tests/support/cmocka_all.h"

#include <string.h>

static double (*cosine)(double);
static double (*nothing)(double);

static void a_function_is_found_and_found_once(void **state)
{
    (void)state;
    struct late_library library = LATE_LIBRARY("libm.so.6", "libc6");
    const struct late_function functions[] = {{"cos", &cosine}};
    assert_int_equal(late_open(&library, functions, 1, NULL), ERR_OK);
    assert_true(cosine(0) == 1);
    cosine = NULL;
    assert_int_equal(late_open(&library, functions, 1, NULL), ERR_OK);
    assert_null(cosine); /* it was open: nothing is looked up again */
}

static void what_is_missing_is_named_and_can_come_later(void **state)
{
    (void)state;
    struct err err = {0};
    struct late_library library = LATE_LIBRARY("libnowhere.so.7", "libnowhere7");
    struct late_function functions[] = {{"cos", &cosine}, {"no_such_function", &nothing}};
    assert_int_equal(late_open(&library, functions, 2, &err), ERR_UNAVAILABLE);
    assert_non_null(strstr(err.message, "libnowhere.so.7"));
    assert_non_null(strstr(err.message, "libnowhere7"));
    library.file = "libm.so.6";
    assert_int_equal(late_open(&library, functions, 2, &err), ERR_UNAVAILABLE);
    assert_non_null(strstr(err.message, "no_such_function"));
    functions[1].name = "sin";
    assert_int_equal(late_open(&library, functions, 2, &err), ERR_OK);
    assert_true(nothing(0) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_is_found_and_found_once),
        cmocka_unit_test(what_is_missing_is_named_and_can_come_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
