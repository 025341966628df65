/* What goes with a record of the type private.erased, and which blobs are named meanwhile (architecture, idea 4: erased without breaking a proof). */
// SPDX-License-Identifier: Apache-2.0
#include "core/log/log_blobs.h"
#include "core/log/log_verify.h"
#include "tests/support/log_events.h"
#include "tests/support/temp_folder.h"

#include <lmdb.h>

static const struct key32 SHARED = {{1, 2, 3}};
static const struct key32 ALONE = {{1, 2, 4}};

struct fixture {
    char folder[64];
    struct event_log *log;
};

static void open_log(struct fixture *f, bool read_only)
{
    struct event_log_options options = {
        .folder = f->folder, .create = !read_only, .read_only = read_only, .map_size = 1 << 28};
    struct err err = {0};
    if (event_log_open(&options, &f->log, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

static void reopen(struct fixture *f, bool read_only)
{
    event_log_close(f->log);
    f->log = NULL;
    open_log(f, read_only);
}

static uint64_t append_upload(struct fixture *f, struct key32 digest)
{
    return log_events_upload(f->log, digest);
}

static uint64_t append_result(struct fixture *f, struct key32 digest)
{
    struct event event = {.type = event_type_newest(EVENT_RESULT_STORED)};
    event.u.result_stored = (struct ev_result_stored){
        .size = 5, .file_name = bytes_of_text("out.bin"), .digest = digest};
    return log_events_append(f->log, &event);
}

static void erase(struct fixture *f, uint64_t first, uint64_t second)
{
    log_events_erase(f->log, first, second);
}

static bool has_part(struct log_reader *reader, uint64_t sequence)
{
    struct bytes part;
    return log_reader_private(reader, sequence, &part);
}

static bool is_named(struct fixture *f, struct key32 digest)
{
    bool named = false;
    assert_int_equal(log_is_named(f->log, digest, &named, NULL), ERR_OK);
    return named;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_folder_create(f->folder);
    open_log(f, false);
    log_events_open_ledger(f->log);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    event_log_close(f->log);
    temp_folder_remove(f->folder);
    free(f);
    return 0;
}

/* Goal: never one without the other. Method: what a snapshot of just before and one of just after have; verify counts what is gone and knows why. */
static void what_the_event_names_is_gone_with_its_append_and_the_log_is_whole(void **state)
{
    struct fixture *f = *state;
    struct log_reader *before;
    struct log_reader *after;
    struct log_verify_result result;
    struct err err = {0};
    uint64_t const gone = append_upload(f, SHARED);
    uint64_t const kept = append_upload(f, ALONE);
    assert_int_equal(log_reader_open(f->log, &before, NULL), ERR_OK);
    erase(f, gone, 0);
    erase(f, gone, 0); /* once more: nothing is left to go */
    assert_int_equal(log_reader_open(f->log, &after, NULL), ERR_OK);
    assert_true(has_part(before, gone));
    assert_false(has_part(after, gone));
    assert_true(has_part(after, kept));
    log_reader_close(before);
    log_reader_close(after);
    if (log_verify(f->log, &(struct log_verify_options){0}, &result, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(result.erased, 1);
    assert_int_equal(result.private_parts, 1);
}

static void a_blob_is_named_until_the_last_part_that_names_it_is_gone(void **state)
{
    struct fixture *f = *state;
    assert_false(is_named(f, SHARED));
    uint64_t const first = append_upload(f, SHARED);
    uint64_t const second = append_upload(f, SHARED);
    uint64_t const result = append_result(f, SHARED);
    (void)append_upload(f, ALONE);
    erase(f, first, result);
    reopen(f, false);
    assert_true(is_named(f, SHARED));
    erase(f, second, 0);
    assert_false(is_named(f, SHARED));
    assert_true(is_named(f, ALONE));
}

static void drop_names(const struct fixture *f)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_set_mapsize(env, 1 << 28), 0);
    assert_int_equal(mdb_env_open(env, f->folder, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "named", 0, &table), 0);
    assert_int_equal(mdb_drop(txn, table, 1), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

/* One that was begun before there was the table: whoever may write makes it, from the parts that are left. */
static void an_older_log_learns_its_names_when_it_is_opened(void **state)
{
    struct fixture *f = *state;
    bool named;
    uint64_t const gone = append_upload(f, ALONE);
    (void)append_result(f, SHARED);
    erase(f, gone, 0);
    event_log_close(f->log);
    drop_names(f);
    open_log(f, true);
    assert_int_equal(log_is_named(f->log, SHARED, &named, NULL), ERR_UNAVAILABLE);
    reopen(f, false);
    assert_true(is_named(f, SHARED));
    assert_false(is_named(f, ALONE));
    reopen(f, true);
    assert_true(is_named(f, SHARED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_the_event_names_is_gone_with_its_append_and_the_log_is_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_blob_is_named_until_the_last_part_that_names_it_is_gone,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(an_older_log_learns_its_names_when_it_is_opened, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
