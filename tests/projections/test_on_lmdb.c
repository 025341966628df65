/* The same events into the views environment and into the store in memory: the same rows, so what is tested on one holds on the other. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/log/views.h"
#include "projections/all.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_driver.h"
#include "tests/support/memory_store.h"
#include "tests/support/temp_folder.h"

#include <stdio.h>
#include <string.h>

#define STEPS 3000
#define BATCH 64
#define TABLES 128

static size_t all_tables(const struct store_table *ret[TABLES])
{
    size_t count = 0;
    for (size_t i = 0; i < STATE_TABLE_COUNT; i++) {
        ret[count++] = STATE_TABLES[i];
    }
    for (size_t i = 0; i < PROJECTION_COUNT; i++) {
        for (size_t t = 0; t < PROJECTIONS[i]->table_count; t++) {
            ret[count++] = PROJECTIONS[i]->tables[t];
        }
    }
    return count;
}

static void project(void *context, uint64_t sequence, const struct event *event)
{
    projections_apply(((struct market *)context)->store, sequence, event);
}

/* Walk both from the first key to the last. */
static size_t compare_table(struct store *a, struct store *b, const struct store_table *table)
{
    uint8_t at[512] = {0};
    size_t size = 1;
    size_t rows = 0;
    struct bytes key_a;
    struct bytes value_a;
    struct bytes key_b;
    struct bytes value_b;
    for (;;) {
        bool more = store_seek(a, table, bytes_of(at, size), rows > 0, &key_a, &value_a);
        if (more != store_seek(b, table, bytes_of(at, size), rows > 0, &key_b, &value_b)) {
            fail_msg("%s: one has more rows", table->name);
        }
        if (!more) {
            return rows;
        }
        if (!bytes_equal(key_a, key_b) || !bytes_equal(value_a, value_b)) {
            fail_msg("%s: row %zu differs", table->name, rows);
        }
        memcpy(at, key_a.data, key_a.size);
        size = key_a.size;
        rows++;
    }
}

static void apply_range(struct market *m, struct store *store, uint64_t from, uint64_t to)
{
    struct arena arena;
    struct event event;
    arena_init(&arena, 1 << 20);
    for (uint64_t sequence = from; sequence <= to; sequence++) {
        arena_clear(&arena);
        assert_int_equal(record_decode(market_record(m, sequence), &arena, &event, NULL), ERR_OK);
        market_evolve(store, sequence, &event);
        projections_apply(store, sequence, &event);
    }
    arena_deinit(&arena);
}

static void rows_on_lmdb_are_the_rows_in_memory(void **state)
{
    (void)state;
    static struct market market;
    const struct store_table *tables[TABLES];
    char folder[64];
    char path[80];
    struct views *views = NULL;
    struct views_snapshot *snapshot = NULL;
    struct store *store = NULL;
    struct err err = {0};
    market.on_event = project;
    market.context = &market;
    market_open(&market, 4242, memory_store_create(), 300);
    for (size_t i = 0; i < STEPS; i++) {
        market_random_step(&market);
    }
    market_drain(&market);

    (void)snprintf(path, sizeof path, "%s/views", temp_folder_create(folder));
    struct views_options options = {.folder = path, .map_size = 1 << 28, .tables = tables};
    options.table_count = all_tables(tables);
    if (views_open(&options, &views, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    int64_t started = time_mono_ns();
    for (uint64_t first = 1; first <= market.sequence; first += BATCH) {
        uint64_t last = first + BATCH - 1 < market.sequence ? first + BATCH - 1 : market.sequence;
        struct views_position position = {.sequence = last, .log_id = market.log_id, .version = 1};
        assert_int_equal(views_begin(views, &store, &err), ERR_OK);
        apply_range(&market, store, first, last);
        assert_int_equal(store_check(store, &err), ERR_OK);
        assert_int_equal(views_commit(views, &position, &err), ERR_OK);
    }
    int64_t took = time_mono_ns() - started;
    assert_int_equal(views_snapshot_open(views, &snapshot, &err), ERR_OK);
    size_t rows = 0;
    for (size_t i = 0; i < options.table_count; i++) {
        rows += compare_table(market.store, views_snapshot_store(snapshot), tables[i]);
    }
    printf("%llu events in batches of %d, %zu rows in %zu tables: %lld events/s\n",
           (unsigned long long)market.sequence, BATCH, rows, options.table_count,
           (long long)((int64_t)market.sequence * NS_PER_S / took));
    views_snapshot_close(snapshot);
    views_close(views);
    temp_folder_remove(folder);
    memory_store_destroy(market.store);
    market_close(&market);
}

/* P20: an operator who looks at the views of an older server is told what they are. */
static void views_with_fewer_tables_are_of_another_version_for_who_reads(void **state)
{
    (void)state;
    const struct store_table *tables[TABLES];
    char folder[64];
    char path[96];
    struct views *views = NULL;
    struct err err = {0};
    (void)snprintf(path, sizeof path, "%s/views", temp_folder_create(folder));
    struct views_options options = {.folder = path, .map_size = 1 << 28, .tables = tables};
    options.table_count = all_tables(tables) - 1;
    assert_int_equal(views_open(&options, &views, &err), ERR_OK);
    views_close(views);
    options.read_only = true;
    assert_int_equal(views_open(&options, &views, &err), ERR_OK);
    views_close(views);
    options.table_count++;
    assert_int_equal(views_open(&options, &views, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.message, "of another version"));
    temp_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_on_lmdb_are_the_rows_in_memory),
        cmocka_unit_test(views_with_fewer_tables_are_of_another_version_for_who_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
