/* A blob whose last name is erased goes from the disk: now, with the last who holds it, or at the next start, wherever the server died. */
// SPDX-License-Identifier: Apache-2.0
#include "api/blob_holds.h"
#include "core/base/file.h"
#include "core/log/log_blobs.h"
#include "tests/support/log_events.h"
#include "tests/support/temp_folder.h"

#include <sys/wait.h>
#include <unistd.h>

static const struct key32 ERASED = {{0xab, 0xcd, 1}};
static const struct key32 KEPT = {{0xab, 0xcd, 2}};

struct fixture {
    char folder[64];
    struct event_log *log;
    struct blob_holds *holds;
    uint64_t erased_sequence;
};

static void open_all(struct fixture *f)
{
    char path[PATH_MAX];
    struct err err = {0};
    assert_int_equal(path_join(path, sizeof path, f->folder, "log", NULL), ERR_OK);
    struct event_log_options options = {.folder = path, .create = true, .map_size = 1 << 28};
    if (event_log_open(&options, &f->log, &err) != ERR_OK ||
        blob_holds_open(f->folder, &f->holds, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

static void close_all(struct fixture *f)
{
    event_log_close(f->log);
    blob_holds_close(f->holds);
    f->log = NULL;
    f->holds = NULL;
}

static void take(const struct fixture *f, struct key32 digest)
{
    char path[PATH_MAX];
    struct err err = {0};
    assert_int_equal(path_join(path, sizeof path, f->folder, "received", NULL), ERR_OK);
    assert_int_equal(file_write_atomic(path, bytes_of_text("content"), 0600, NULL), ERR_OK);
    if (blob_holds_take(f->holds, digest, event_log_size(f->log), path, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_folder_create(f->folder);
    open_all(f);
    log_events_open_ledger(f->log);
    take(f, ERASED);
    f->erased_sequence = log_events_upload(f->log, ERASED);
    blob_holds_release(f->holds, ERASED, BLOB_WANTED);
    take(f, KEPT);
    (void)log_events_upload(f->log, KEPT);
    blob_holds_release(f->holds, KEPT, BLOB_WANTED);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close_all(f);
    temp_folder_remove(f->folder);
    free(f);
    return 0;
}

static bool is_there(const struct fixture *f, struct key32 digest)
{
    char folder[PATH_MAX];
    char path[PATH_MAX];
    blob_place(f->folder, digest, folder, path);
    return access(path, F_OK) == 0;
}

static bool is_marked(const struct fixture *f)
{
    char path[PATH_MAX];
    assert_int_equal(path_join(path, sizeof path, f->folder, "new/erasing", NULL), ERR_OK);
    return access(path, F_OK) == 0;
}

static void begin(const struct fixture *f)
{
    assert_int_equal(blob_holds_begin_removal(f->holds, NULL), ERR_OK);
    assert_true(is_marked(f));
}

static void erase(const struct fixture *f)
{
    log_events_erase(f->log, f->erased_sequence, 0);
}

static void what_nobody_names_goes_and_what_somebody_names_stays(void **state)
{
    const struct fixture *f = *state;
    begin(f);
    begin(f);                                                 /* two at a time */
    assert_true(blob_holds_remove(f->holds, f->log, ERASED)); /* it is named: nothing to do */
    assert_true(is_there(f, ERASED));
    erase(f);
    assert_true(blob_holds_remove(f->holds, f->log, ERASED));
    assert_true(blob_holds_remove(f->holds, f->log, KEPT));
    assert_false(is_there(f, ERASED));
    assert_true(is_there(f, KEPT));
    blob_holds_end_removal(f->holds, true);
    assert_true(is_marked(f));
    blob_holds_end_removal(f->holds, true);
    assert_false(is_marked(f));
}

/* Somebody sends the same content just then: theirs, if they are taken; gone with them otherwise, or with the next start if nobody knows. */
static void one_that_is_held_goes_with_its_last_holder(void **state)
{
    static const struct {
        enum blob_fate fate;
        bool stays;
    } rows[] = {{BLOB_REFUSED, false}, {BLOB_WANTED, true}, {BLOB_UNKNOWN, true}};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        take(f, ERASED);
        begin(f);
        erase(f);
        assert_false(blob_holds_remove(f->holds, f->log, ERASED));
        blob_holds_end_removal(f->holds, false);
        assert_true(is_there(f, ERASED));
        if (rows[i].fate == BLOB_WANTED) {
            f->erased_sequence = log_events_upload(f->log, ERASED);
        }
        blob_holds_release(f->holds, ERASED, rows[i].fate);
        assert_int_equal(is_there(f, ERASED), rows[i].stays);
        assert_true(is_marked(f));
        close_all(f);
        open_all(f);
        assert_int_equal(blob_holds_recover(f->holds, f->log, NULL), ERR_OK);
        assert_int_equal(is_there(f, ERASED), rows[i].fate == BLOB_WANTED);
        assert_false(is_marked(f));
    }
}

/* Goal: kill -9 anywhere leaves the event without the deletion from the log never, and without the file's removal until the next start only. Method: a child
 * that ends itself at each point, and a start after it. */
static void whatever_a_killed_server_had_begun_is_done_by_the_next(void **state)
{
    enum { AFTER_BEGIN, AFTER_EVENT, AFTER_REMOVAL, POINTS };
    struct fixture *f = *state;
    close_all(f);
    for (int point = AFTER_BEGIN; point < POINTS; point++) {
        pid_t const child = fork();
        if (child == 0) {
            open_all(f);
            begin(f);
            if (point >= AFTER_EVENT) {
                erase(f);
            }
            _exit(point < AFTER_REMOVAL || blob_holds_remove(f->holds, f->log, ERASED) ? 0 : 1);
        }
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_true(is_marked(f));
        assert_int_equal(is_there(f, ERASED), point == AFTER_BEGIN || point == AFTER_EVENT);
        open_all(f);
        assert_int_equal(blob_holds_recover(f->holds, f->log, NULL), ERR_OK);
        assert_int_equal(is_there(f, ERASED), point == AFTER_BEGIN);
        assert_true(is_there(f, KEPT));
        assert_false(is_marked(f));
        if (point == AFTER_EVENT) { /* for the next */
            take(f, ERASED);
            f->erased_sequence = log_events_upload(f->log, ERASED);
            blob_holds_release(f->holds, ERASED, BLOB_WANTED);
        }
        close_all(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_nobody_names_goes_and_what_somebody_names_stays, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_that_is_held_goes_with_its_last_holder, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(whatever_a_killed_server_had_begun_is_done_by_the_next,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
