/* Names that a machine tells of: in order, each once, and never more than an offer takes. R11 */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cmocka_all.h"
#include "worker/name_list.h"

#include <stdio.h>
#include <string.h>

static const char *text_of(struct name_list *list, struct buf *buf)
{
    buf_clear(buf);
    name_list_text(list, buf);
    return buf_text(buf);
}

static void add(struct name_list *list, const char *name)
{
    name_list_add(list, bytes_of_text(name));
}

static void names_are_sorted_and_each_is_there_once(void **state)
{
    struct name_list list = {0};
    struct buf buf;
    (void)state;
    buf_init(&buf, 1U << 16);
    assert_string_equal(text_of(&list, &buf), "");
    add(&list, "org/b");
    add(&list, "c");
    add(&list, "org/a");
    add(&list, "c");
    add(&list, "org/a");
    assert_string_equal(text_of(&list, &buf), "c org/a org/b");
    assert_int_equal(list.left_out, 0);
    buf_deinit(&buf);
}

static void of_too_many_the_last_are_left_out_in_whatever_order_they_came(void **state)
{
    struct buf expected;
    struct buf buf;
    (void)state;
    buf_init(&expected, 1U << 16);
    buf_init(&buf, 1U << 16);
    for (int i = 0; i < NAME_LIST_MAX; i++) {
        buf_printf(&expected, "%sn%03d", i > 0 ? " " : "", i);
    }
    for (int step = 1; step < 70; step += 34) { /* 1, 35, 69: each with nothing in common with 71 */
        struct name_list list = {0};
        for (int i = 0; i < 71; i++) {
            char name[16];
            (void)snprintf(name, sizeof name, "n%03d", i * step % 71);
            add(&list, name);
        }
        assert_string_equal(text_of(&list, &buf), buf_text(&expected));
        assert_int_equal(list.left_out, 7);
    }
    buf_deinit(&expected);
    buf_deinit(&buf);
}

static void a_text_is_no_longer_than_a_list_may_be(void **state)
{
    struct name_list list = {0};
    struct buf buf;
    char name[NAME_LIST_NAME_SIZE + 1];
    (void)state;
    buf_init(&buf, 1U << 16);
    for (int i = 0; i < 20; i++) { /* 249 bytes each, and a space: sixteen of them */
        memset(name, 'a' + i, 249);
        name[249] = 0;
        add(&list, name);
    }
    size_t const size = strlen(text_of(&list, &buf));
    assert_int_equal(size, 16 * 250 - 1);
    assert_int_equal(list.left_out, 4);
    list = (struct name_list){0};
    memset(name, 'x', NAME_LIST_NAME_SIZE);
    name[NAME_LIST_NAME_SIZE] = 0;
    add(&list, name);
    assert_string_equal(text_of(&list, &buf), "");
    assert_int_equal(list.left_out, 1);
    buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_sorted_and_each_is_there_once),
        cmocka_unit_test(of_too_many_the_last_are_left_out_in_whatever_order_they_came),
        cmocka_unit_test(a_text_is_no_longer_than_a_list_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
