// SPDX-License-Identifier: Apache-2.0
#include "api/token_uses.h"

#include "tests/support/cmocka_all.h"

#include <string.h>

static struct id16 token(uint32_t number, uint32_t random)
{
    struct id16 id = {{1}};
    memcpy(id.b + 4, &number, sizeof number);
    memcpy(id.b + 12, &random, sizeof random);
    return id;
}

static void the_last_use_of_each_token_is_known(void **state)
{
    (void)state;
    struct token_uses *uses = token_uses_create();
    assert_non_null(uses);
    assert_int_equal(token_uses_last(uses, token(1, 1)), 0);
    token_uses_note(uses, token(1, 1), 10);
    token_uses_note(uses, token(2, 1), 11);
    token_uses_note(uses, token(1, 1), 12);
    assert_int_equal(token_uses_last(uses, token(1, 1)), 12);
    assert_int_equal(token_uses_last(uses, token(2, 1)), 11);
    assert_int_equal(token_uses_last(uses, token(3, 1)), 0);
    token_uses_destroy(uses);
}

static void of_too_many_the_one_not_used_for_longest_is_forgotten(void **state)
{
    (void)state;
    struct token_uses *uses = token_uses_create();
    for (uint32_t i = 0; i < 8; i++) {
        token_uses_note(uses, token(i, 7), 100 + i);
    }
    token_uses_note(uses, token(0, 7), 200);
    token_uses_note(uses, token(8, 7), 201);
    assert_int_equal(token_uses_last(uses, token(1, 7)), 0);
    assert_int_equal(token_uses_last(uses, token(0, 7)), 200);
    assert_int_equal(token_uses_last(uses, token(8, 7)), 201);
    token_uses_destroy(uses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_use_of_each_token_is_known),
        cmocka_unit_test(of_too_many_the_one_not_used_for_longest_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
