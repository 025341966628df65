/* The in-memory store keeps the promises of core/base/store.h, so that what is tested on it is tested. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cmocka_all.h"
#include "tests/support/memory_store.h"

#include <string.h>

static const struct store_table FRUIT = {"fruit"};
static const struct store_table STONES = {"stones"};

static void put(struct store *store, const char *key, const char *value)
{
    store_put(store, &FRUIT, bytes_of_text(key), bytes_of_text(value));
}

static void assert_text(struct bytes bytes, const char *text)
{
    assert_true(bytes_equal(bytes, bytes_of_text(text)));
}

static void rows_are_ordered_and_found_in_both_directions(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    struct bytes key;
    struct bytes value;
    put(store, "pear", "3");
    put(store, "apple", "1");
    put(store, "fig", "2");
    put(store, "figs", "2b"); /* a longer key comes after its prefix */
    put(store, "fig", "two");
    assert_true(store_get(store, &FRUIT, bytes_of_text("fig"), &value));
    assert_text(value, "two");
    assert_false(store_has(store, &STONES, bytes_of_text("fig")));

    assert_true(store_seek(store, &FRUIT, bytes_of_text("b"), false, &key, &value));
    assert_text(key, "fig");
    assert_true(store_seek(store, &FRUIT, bytes_of_text("fig"), false, &key, &value));
    assert_text(key, "fig");
    assert_true(store_seek(store, &FRUIT, bytes_of_text("fig"), true, &key, &value));
    assert_text(key, "figs");
    assert_false(store_seek(store, &FRUIT, bytes_of_text("pear"), true, &key, &value));

    assert_true(store_seek_before(store, &FRUIT, (struct bytes){0}, &key, &value));
    assert_text(key, "pear");
    assert_true(store_seek_before(store, &FRUIT, bytes_of_text("pear"), &key, &value));
    assert_text(key, "figs");
    assert_false(store_seek_before(store, &FRUIT, bytes_of_text("apple"), &key, &value));

    store_delete(store, &FRUIT, bytes_of_text("figs"));
    store_delete(store, &FRUIT, bytes_of_text("none such"));
    assert_int_equal(memory_store_rows(store, &FRUIT), 3);
    assert_int_equal(memory_store_writes(store),
                     6); /* 5 puts and a delete; what is not there is not deleted */
    assert_int_equal(store_check(store, NULL), ERR_OK);
    memory_store_destroy(store);
}

static void equality_names_the_first_difference(void **state)
{
    (void)state;
    char where[200] = "";
    struct store *a = memory_store_create();
    struct store *b = memory_store_create();
    put(a, "fig", "1");
    put(b, "fig", "1");
    store_put(b, &STONES, bytes_of_text("k"), bytes_of("", 0));
    assert_false(memory_store_equal(a, b, where, sizeof where));
    assert_non_null(strstr(where, "stones"));
    store_delete(b, &STONES, bytes_of_text("k"));
    assert_true(memory_store_equal(a, b, where, sizeof where));
    put(b, "fig", "2");
    assert_false(memory_store_equal(a, b, where, sizeof where));
    assert_non_null(strstr(where, "fruit, key 666967: the values differ"));
    memory_store_destroy(a);
    memory_store_destroy(b);
}

static void the_first_failure_stays(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    struct err err = {0};
    memory_store_fail_at(store, 2);
    put(store, "apple", "1");
    put(store, "fig", "2");
    put(store, "pear", "3");
    assert_int_equal(store_check(store, &err), ERR_IO);
    assert_string_equal(err.message, "fruit: a failure was asked for");
    assert_int_equal(memory_store_rows(store, &FRUIT), 1);
    memory_store_destroy(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_ordered_and_found_in_both_directions),
        cmocka_unit_test(equality_names_the_first_difference),
        cmocka_unit_test(the_first_failure_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
