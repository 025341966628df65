/* Lists of sequences, many to a row. Method: random lists against plain arrays, and the edges of a row. */
// SPDX-License-Identifier: Apache-2.0
#include "projections/sequence_list.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/memory_store.h"

#include <stdlib.h>
#include <string.h>

#define SEEDS 100
#define COUNT_MAX 600

static uint64_t state_of_random;

static uint64_t any(uint64_t below)
{
    uint64_t z = (state_of_random += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (z ^ z >> 31) % below;
}

static struct id16 id_of(uint8_t number)
{
    struct id16 id = {{0}};
    id.b[0] = number;
    return id;
}

static void compare(struct store *store, enum stream_kind kind, struct id16 id,
                    const uint64_t *list, size_t count, uint64_t bound, size_t max)
{
    uint64_t found[COUNT_MAX];
    size_t from = 0;
    while (from < count && list[from] <= bound) {
        from++;
    }
    size_t expected = count - from < max ? count - from : max;
    assert_int_equal(sequence_list_after(store, kind, id, bound, found, max), expected);
    assert_memory_equal(found, list + from, expected * sizeof *list);
    size_t below = from;
    while (below > 0 && list[below - 1] >= bound) {
        below--;
    }
    assert_int_equal(sequence_list_has(store, kind, id, bound), from > below);
}

static void lists_are_what_was_added(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        static uint64_t lists[3][COUNT_MAX];
        size_t counts[3] = {0};
        uint64_t sequence = any(5);
        state_of_random = seed;
        struct store *store = memory_store_create();
        size_t steps = 1 + any(COUNT_MAX - 1);
        for (size_t i = 0; i < steps; i++) {
            sequence += 1 + (any(50) == 0 ? any(UINT64_C(1) << 34) : any(3));
            size_t which = any(3);
            sequence_list_add(store, STREAM_JOB, id_of((uint8_t)which), sequence);
            sequence_list_add(store, STREAM_JOB, id_of((uint8_t)which), sequence); /* again */
            lists[which][counts[which]++] = sequence;
        }
        assert_int_equal(store_check(store, NULL), ERR_OK);
        for (size_t w = 0; w < 3; w++) {
            struct id16 id = id_of((uint8_t)w);
            uint64_t last = counts[w] == 0 ? 0 : lists[w][counts[w] - 1];
            assert_true(sequence_list_last(store, STREAM_JOB, id) == last);
            assert_true(sequence_list_last(store, STREAM_ACCOUNT, id) == 0);
            for (size_t i = 0; i < 40; i++) {
                uint64_t bound =
                    counts[w] == 0 || any(4) == 0 ? any(sequence + 3) : lists[w][any(counts[w])];
                compare(store, STREAM_JOB, id, lists[w], counts[w], bound, 1 + any(COUNT_MAX));
            }
            compare(store, STREAM_JOB, id, lists[w], counts[w], 0, COUNT_MAX);
            compare(store, STREAM_JOB, id, lists[w], counts[w], UINT64_MAX, COUNT_MAX);
        }
        memory_store_destroy(store);
    }
}

static size_t rows_of(struct store *store)
{
    struct bytes key;
    struct bytes value;
    uint8_t at[32] = {0};
    size_t size = 1;
    size_t count = 0;
    while (store_seek(store, &SEQUENCE_ROWS, bytes_of(at, size), count > 0, &key, &value)) {
        memcpy(at, key.data, key.size);
        size = key.size;
        count++;
    }
    return count;
}

static void a_row_holds_so_many_and_no_more(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    for (uint64_t i = 1; i <= SEQUENCE_ROW_MAX; i++) {
        sequence_list_add(store, STREAM_HOST, id_of(1), i);
    }
    assert_int_equal(rows_of(store), 1);
    sequence_list_add(store, STREAM_HOST, id_of(1), SEQUENCE_ROW_MAX + 1);
    assert_int_equal(rows_of(store), 2);
    /* Too far for 32 bits: a row of its own. */
    sequence_list_add(store, STREAM_HOST, id_of(1), SEQUENCE_ROW_MAX + 2 + (uint64_t)UINT32_MAX);
    assert_int_equal(rows_of(store), 3);
    memory_store_destroy(store);
}

static void a_sequence_from_before_is_a_corrupt_log(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    sequence_list_add(store, STREAM_JOB, id_of(1), 7);
    sequence_list_add(store, STREAM_JOB, id_of(1), 6);
    assert_int_equal(store_check(store, NULL), ERR_CORRUPT);
    memory_store_destroy(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_what_was_added),
        cmocka_unit_test(a_row_holds_so_many_and_no_more),
        cmocka_unit_test(a_sequence_from_before_is_a_corrupt_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
