/* What `tally` shows of other people's texts. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cmocka_all.h"
#include "tools/tally/cli.h"

#include <stdlib.h>
#include <string.h>

static void shown(const char *text, const char *expected)
{
    char *out = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&out, &size);
    assert_non_null(to);
    cli_put(bytes_of_text(text), to);
    assert_int_equal(fclose(to), 0);
    assert_string_equal(out, expected);
    free(out);
}

/* A program's output, a file's name, an operation: none of them may move the cursor, clear the screen or write a title. */
static void control_characters_do_not_reach_the_terminal(void **state)
{
    (void)state;
    shown("epoch 1\tloss 0.2\n", "epoch 1\tloss 0.2\n");
    shown("\x1b[2Jgone\x1b]0;title\x07", "?[2Jgone?]0;title?");
    shown("over\rwritten\b\x7f", "over?written??");
    shown("c1 \xc2\x9b"
          "31m",
          "c1 ?31m");
    shown("größe \xc2\xa0 ✓", "größe \xc2\xa0 ✓"); /* a no-break space is none of them */
    shown("cut \xc2", "cut \xc2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_characters_do_not_reach_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
