// SPDX-License-Identifier: Apache-2.0
#include "core/base/scratch_store.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/memory_store.h"

#include <stdio.h>

static const struct store_table OWN = {"own"};
static const struct store_table SHARED = {"shared"};
static const struct store_table DROPPED = {"dropped"};
static const struct store_table *const SHARED_LIST[] = {&SHARED};
static const struct store_table *const DROPPED_LIST[] = {&DROPPED};

static struct store *create(size_t size_max)
{
    const struct scratch_store_options options = {.shared = SHARED_LIST,
                                                  .shared_count = 1,
                                                  .dropped = DROPPED_LIST,
                                                  .dropped_count = 1,
                                                  .size_max = size_max};
    struct store *store = scratch_store_create(&options);
    assert_non_null(store);
    return store;
}

static bool has(struct store *store, const struct store_table *table, const char *key,
                const char *value)
{
    struct bytes found;
    return store_get(store, table, bytes_of_text(key), &found) &&
           bytes_equal(found, bytes_of_text(value));
}

static void put(struct store *store, const struct store_table *table, const char *key,
                const char *value)
{
    store_put(store, table, bytes_of_text(key), bytes_of_text(value));
}

/* Its own tables against the store of the tests, which is tested by itself. */
static void own_rows_are_as_in_any_store(void **state)
{
    (void)state;
    struct store *scratch = create(1 << 20);
    struct store *model = memory_store_create();
    uint64_t random = 42;
    for (int i = 0; i < 4000; i++) {
        char key[16];
        char value[16];
        struct bytes at[2][2];
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        unsigned roll = (unsigned)(random >> 33);
        (void)snprintf(key, sizeof key, "%u", roll % 50);
        (void)snprintf(value, sizeof value, "%d", i);
        if (roll / 50 % 3 == 0) {
            store_delete(scratch, &OWN, bytes_of_text(key));
            store_delete(model, &OWN, bytes_of_text(key));
        } else {
            put(scratch, &OWN, key, value);
            put(model, &OWN, key, value);
        }
        bool after = roll / 150 % 2 == 0;
        bool found = store_seek(scratch, &OWN, bytes_of_text(key), after, &at[0][0], &at[0][1]);
        assert_int_equal(found,
                         store_seek(model, &OWN, bytes_of_text(key), after, &at[1][0], &at[1][1]));
        assert_true(!found || (bytes_equal(at[0][0], at[1][0]) && bytes_equal(at[0][1], at[1][1])));
        struct bytes from = roll % 7 == 0 ? (struct bytes){0} : bytes_of_text(key);
        found = store_seek_before(scratch, &OWN, from, &at[0][0], &at[0][1]);
        assert_int_equal(found, store_seek_before(model, &OWN, from, &at[1][0], &at[1][1]));
        assert_true(!found || (bytes_equal(at[0][0], at[1][0]) && bytes_equal(at[0][1], at[1][1])));
    }
    assert_int_equal(store_check(scratch, NULL), ERR_OK);
    scratch_store_destroy(scratch);
    memory_store_destroy(model);
}

static void shared_rows_are_read_underneath_and_never_written_there(void **state)
{
    (void)state;
    struct store *scratch = create(1000);
    struct store *under = memory_store_create();
    put(under, &SHARED, "a", "1");
    put(under, &SHARED, "b", "2");
    put(under, &OWN, "a", "not for you");
    assert_false(store_has(scratch, &SHARED, bytes_of_text("a")));
    scratch_store_read_under(scratch, under);
    assert_true(has(scratch, &SHARED, "a", "1"));
    assert_false(store_has(scratch, &OWN, bytes_of_text("a")));
    put(scratch, &SHARED, "a", "mine");
    store_delete(scratch, &SHARED, bytes_of_text("b"));
    put(scratch, &DROPPED, "a", "forgotten");
    assert_true(has(scratch, &SHARED, "a", "mine"));
    assert_false(store_has(scratch, &SHARED, bytes_of_text("b")));
    assert_false(store_has(scratch, &DROPPED, bytes_of_text("a")));
    assert_true(has(under, &SHARED, "a", "1") && has(under, &SHARED, "b", "2"));
    scratch_store_read_under(scratch, NULL);
    assert_true(has(scratch, &SHARED, "a", "mine"));
    assert_int_equal(store_check(scratch, NULL), ERR_OK);
    scratch_store_destroy(scratch);
    memory_store_destroy(under);
}

static void what_fails_underneath_and_what_is_too_much_are_its_errors(void **state)
{
    (void)state;
    struct store *scratch = create(10);
    struct store *under = memory_store_create();
    struct err err = {0};
    put(scratch, &OWN, "1", "1234");
    put(scratch, &OWN, "1", "123456789"); /* in the place of the first */
    assert_int_equal(store_check(scratch, NULL), ERR_OK);
    put(scratch, &OWN, "2", "");
    assert_int_equal(store_check(scratch, &err), ERR_TOO_LARGE);
    assert_string_equal(err.message, "more than 10 bytes of rows");
    scratch_store_destroy(scratch);

    scratch = create(10);
    scratch_store_read_under(scratch, under);
    memory_store_fail_at(under, 1);
    assert_false(store_has(scratch, &SHARED, bytes_of_text("a")));
    assert_int_equal(store_check(scratch, &err), ERR_IO);
    scratch_store_destroy(scratch);
    memory_store_destroy(under);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_rows_are_as_in_any_store),
        cmocka_unit_test(shared_rows_are_read_underneath_and_never_written_there),
        cmocka_unit_test(what_fails_underneath_and_what_is_too_much_are_its_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
