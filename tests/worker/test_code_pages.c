// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/sha256.h"
#include "tests/support/cmocka_all.h"
#include "worker/code_pages.h"

#include <stdio.h>
#include <string.h>

/* Of all mappings that are run and not written, KiB. */
static unsigned long code_in_memory(void)
{
    char line[512];
    unsigned long sum = 0;
    unsigned long value = 0;
    bool is_code = false;
    FILE *file = fopen("/proc/self/smaps", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        char flags[8] = "";
        if (sscanf(line, "%*x-%*x %7s", flags) == 1) { /* NOLINT: kernel's own text */
            is_code = strncmp(flags, "r-xp", 4) == 0;
        } else if (is_code && sscanf(line, "Rss: %lu", &value) == 1) { /* NOLINT */
            sum += value;
        }
    }
    (void)fclose(file);
    return sum;
}

static void code_that_is_not_run_takes_no_memory_and_runs_when_it_is_wanted(void **state)
{
    (void)state;
    struct key32 const before = sha256_of(bytes_of_text("tally"));
    unsigned long const with = code_in_memory();
    code_pages_forget();
    assert_true(code_in_memory() < with);
    struct key32 const after = sha256_of(bytes_of_text("tally"));
    assert_memory_equal(before.b, after.b, sizeof before.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_that_is_not_run_takes_no_memory_and_runs_when_it_is_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
