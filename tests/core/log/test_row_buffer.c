/* The rows of a transaction before they go into the trees. Method: random reads, writes and flushes against two plain arrays, one for what the
 * buffer should know, one for the tree behind it. */
// SPDX-License-Identifier: Apache-2.0
#include "core/log/row_buffer.h"
#include "tests/support/cmocka_all.h"

#include <string.h>

#define SEEDS 100
#define STEPS 2000
#define TABLES 3
#define KEYS 40
#define VALUE_MAX 60

struct plain_row {
    bool there;
    uint8_t value[VALUE_MAX];
    size_t size;
};

struct plain {
    struct plain_row rows[TABLES][KEYS];
};

struct fixture {
    struct row_buffer buffer;
    struct plain now;
    struct plain tree; /* what flushes have written */
    size_t last_table;
    uint8_t last_key[8];
    size_t last_size;
    size_t flushed;
    size_t fail_at; /* the n-th flushed row fails; 0: none */
};

static uint64_t state_of_random;

static uint64_t any(uint64_t below)
{
    uint64_t z = (state_of_random += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (z ^ z >> 31) % below;
}

/* Keys of different sizes, some the beginning of others. */
static struct bytes key_of(size_t number, uint8_t ret[8])
{
    memset(ret, (int)(number / 5), 8);
    return bytes_of(ret, 1 + number % 5);
}

static size_t number_of(struct bytes key)
{
    return (size_t)key.data[0] * 5 + key.size - 1;
}

static enum err_code flushed(void *ctx, size_t table, struct bytes key, enum row_state state,
                             struct bytes value)
{
    struct fixture *f = ctx;
    if (f->flushed > 0 && table == f->last_table) { /* ascending */
        size_t size = key.size < f->last_size ? key.size : f->last_size;
        int order = memcmp(f->last_key, key.data, size);
        assert_true(order < 0 || (order == 0 && f->last_size < key.size));
    }
    assert_true(f->flushed == 0 || table >= f->last_table);
    f->last_table = table;
    memcpy(f->last_key, key.data, key.size);
    f->last_size = key.size;
    f->flushed++;
    if (f->flushed == f->fail_at) {
        return ERR_FULL;
    }
    struct plain_row *row = &f->tree.rows[table][number_of(key)];
    memset(row, 0, sizeof *row);
    row->there = state == ROW_PRESENT;
    row->size = value.size;
    if (value.size > 0) {
        memcpy(row->value, value.data, value.size);
    }
    return ERR_OK;
}

static void flush(struct fixture *f, size_t table)
{
    f->flushed = 0;
    assert_int_equal(row_buffer_flush(&f->buffer, table, flushed, f), ERR_OK);
    for (size_t t = 0; t < TABLES; t++) {
        if (table == SIZE_MAX || table == t) {
            assert_memory_equal(f->tree.rows[t], f->now.rows[t], sizeof f->now.rows[t]);
        }
    }
}

static void check_row(struct fixture *f, size_t table, size_t number)
{
    uint8_t room[8];
    struct bytes key = key_of(number, room);
    struct bytes found = {0};
    const struct plain_row *row = &f->now.rows[table][number];
    enum row_state state = row_buffer_get(&f->buffer, table, key, &found);
    if (state == ROW_UNKNOWN) { /* then the tree knows it, and is noted */
        const struct plain_row *behind = &f->tree.rows[table][number];
        assert_memory_equal(behind, row, sizeof *row);
        state = behind->there ? ROW_PRESENT : ROW_ABSENT;
        assert_true(row_buffer_note(&f->buffer, table, key, state,
                                    bytes_of(behind->value, behind->size), &found));
        assert_int_equal(row_buffer_get(&f->buffer, table, key, &found), state);
    }
    assert_int_equal(state == ROW_PRESENT, row->there);
    if (row->there) {
        assert_true(bytes_equal(found, bytes_of(row->value, row->size)));
    }
}

static void write_row(struct fixture *f, size_t table, size_t number)
{
    uint8_t room[8];
    struct bytes key = key_of(number, room);
    struct plain_row *row = &f->now.rows[table][number];
    memset(row, 0, sizeof *row);
    row->there = any(3) > 0;
    row->size = row->there ? any(VALUE_MAX) : 0;
    for (size_t i = 0; i < row->size; i++) {
        row->value[i] = (uint8_t)any(256);
    }
    assert_true(row_buffer_put(&f->buffer, table, key, row->there ? ROW_PRESENT : ROW_ABSENT,
                               bytes_of(row->value, row->size)));
}

static void it_knows_what_was_written_and_the_tree_gets_it_in_order(void **state)
{
    static struct fixture f;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        state_of_random = seed;
        memset(&f, 0, sizeof f);
        row_buffer_init(&f.buffer, 8 << 20);
        for (size_t step = 0; step < STEPS; step++) {
            size_t table = any(TABLES);
            size_t number = any(KEYS);
            uint64_t roll = any(100);
            if (roll < 48) {
                write_row(&f, table, number);
            } else if (roll < 96) {
                check_row(&f, table, number);
            } else if (roll < 98) {
                flush(&f, table);
            } else {
                flush(&f, SIZE_MAX);
                if (any(2) == 0) {
                    row_buffer_clear(&f.buffer);
                }
            }
        }
        flush(&f, SIZE_MAX);
        assert_int_equal(f.buffer.count > 0, true);
        row_buffer_deinit(&f.buffer);
    }
}

static void many_rows_are_found_again(void **state)
{
    struct row_buffer buffer;
    struct bytes found;
    (void)state;
    row_buffer_init(&buffer, 64 << 20);
    for (uint64_t i = 0; i < 100000; i++) {
        assert_true(row_buffer_put(&buffer, i % 7, bytes_of(&i, sizeof i), ROW_PRESENT,
                                   bytes_of(&i, sizeof i)));
    }
    for (uint64_t i = 0; i < 100000; i++) {
        assert_int_equal(row_buffer_get(&buffer, i % 7, bytes_of(&i, sizeof i), &found),
                         ROW_PRESENT);
        assert_memory_equal(found.data, &i, sizeof i);
        assert_int_equal(row_buffer_get(&buffer, 7, bytes_of(&i, sizeof i), &found), ROW_UNKNOWN);
    }
    row_buffer_clear(&buffer);
    uint64_t none = 1;
    assert_int_equal(row_buffer_get(&buffer, 1, bytes_of(&none, sizeof none), &found), ROW_UNKNOWN);
    row_buffer_deinit(&buffer);
}

static void a_full_buffer_refuses_and_keeps_what_it_has(void **state)
{
    struct row_buffer buffer;
    struct bytes found;
    uint8_t value[100] = {7};
    uint64_t i = 0;
    (void)state;
    row_buffer_init(&buffer, 4096);
    while (row_buffer_put(&buffer, 0, bytes_of(&i, sizeof i), ROW_PRESENT,
                          bytes_of(value, sizeof value))) {
        i++;
    }
    assert_in_range(i, 5, 40);
    for (uint64_t at = 0; at < i; at++) {
        assert_int_equal(row_buffer_get(&buffer, 0, bytes_of(&at, sizeof at), &found), ROW_PRESENT);
    }
    assert_int_equal(row_buffer_get(&buffer, 0, bytes_of(&i, sizeof i), &found), ROW_UNKNOWN);
    row_buffer_deinit(&buffer);
}

static void a_flush_ends_at_the_first_failure(void **state)
{
    static struct fixture f;
    (void)state;
    memset(&f, 0, sizeof f);
    state_of_random = 1;
    row_buffer_init(&f.buffer, 8 << 20);
    for (size_t i = 0; i < 10; i++) {
        write_row(&f, 0, i);
    }
    f.fail_at = 4;
    assert_int_equal(row_buffer_flush(&f.buffer, SIZE_MAX, flushed, &f), ERR_FULL);
    assert_int_equal(f.flushed, 4);
    f.fail_at = 0;
    f.flushed = 0;
    assert_int_equal(row_buffer_flush(&f.buffer, SIZE_MAX, flushed, &f), ERR_OK);
    assert_int_equal(f.flushed, 6); /* those that it did not come to */
    row_buffer_deinit(&f.buffer);
}

static enum err_code counted(void *ctx, size_t table, struct bytes key, enum row_state state,
                             struct bytes value)
{
    size_t *of_tables = ctx;
    (void)key;
    (void)state;
    (void)value;
    of_tables[table]++;
    return ERR_OK;
}

static void a_table_is_flushed_without_another_that_has_its_list(void **state)
{
    struct row_buffer buffer;
    size_t of_tables[2 * ROW_BUFFER_LISTS] = {0};
    (void)state;
    row_buffer_init(&buffer, 1 << 20);
    for (uint64_t i = 0; i < 30; i++) {
        assert_true(row_buffer_put(&buffer, i % 3 == 0 ? 1 : ROW_BUFFER_LISTS + 1,
                                   bytes_of(&i, sizeof i), ROW_PRESENT, bytes_of(&i, sizeof i)));
    }
    for (int again = 0; again < 2; again++) {
        assert_int_equal(row_buffer_flush(&buffer, 1, counted, of_tables), ERR_OK);
        assert_int_equal(of_tables[1], 10);
        assert_int_equal(of_tables[ROW_BUFFER_LISTS + 1], 0);
    }
    assert_int_equal(row_buffer_flush(&buffer, SIZE_MAX, counted, of_tables), ERR_OK);
    assert_int_equal(of_tables[1], 10);
    assert_int_equal(of_tables[ROW_BUFFER_LISTS + 1], 20);
    row_buffer_deinit(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_knows_what_was_written_and_the_tree_gets_it_in_order),
        cmocka_unit_test(many_rows_are_found_again),
        cmocka_unit_test(a_full_buffer_refuses_and_keeps_what_it_has),
        cmocka_unit_test(a_flush_ends_at_the_first_failure),
        cmocka_unit_test(a_table_is_flushed_without_another_that_has_its_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
