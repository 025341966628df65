/* Readers of other processes. Method: a child that opens the log, takes a snapshot and is killed with it. */
// SPDX-License-Identifier: Apache-2.0
#include "core/log/readers.h"

#include "core/log/event_log.h"
#include "core/log/log_reader.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAP_SIZE (UINT64_C(1) << 22)
#define CHECKPOINTS 400

struct fixture {
    char folder[64];
    struct event_log *log;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    temp_folder_create(f->folder);
    const struct event_log_options options = {
        .folder = f->folder, .map_size = MAP_SIZE, .create = true};
    assert_int_equal(event_log_open(&options, &f->log, NULL), ERR_OK);
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

/* The only row that is written over: each commit frees some pages. */
static void write_checkpoints(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        assert_int_equal(event_log_store_checkpoint(f->log, bytes_of_text("not a note"), NULL),
                         ERR_OK);
    }
}

static struct readers readers_now(struct fixture *f)
{
    struct readers readers = {0};
    assert_int_equal(event_log_readers(f->log, &readers, NULL), ERR_OK);
    return readers;
}

/* A process that has a snapshot open. */
static pid_t begin_reading(struct fixture *f)
{
    int ends[2];
    char byte = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t const child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct event_log_options options = {
            .folder = f->folder, .map_size = MAP_SIZE, .read_only = true};
        struct event_log *log = NULL;
        struct log_reader *reader = NULL;
        if (event_log_open(&options, &log, NULL) == ERR_OK &&
            log_reader_open(log, &reader, NULL) == ERR_OK && write(ends[1], "x", 1) == 1) {
            for (;;) {
                (void)pause();
            }
        }
        _exit(1);
    }
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    (void)close(ends[0]);
    return child;
}

static void snapshots_are_counted_with_their_age(void **state)
{
    struct fixture *f = *state;
    struct log_reader *first = NULL;
    struct log_reader *second = NULL;
    assert_int_equal(readers_now(f).count, 0);
    assert_int_equal(log_reader_open(f->log, &first, NULL), ERR_OK);
    assert_int_equal(readers_now(f).count, 1);
    assert_int_equal(readers_now(f).lag, 0);
    write_checkpoints(f, 7);
    assert_int_equal(log_reader_open(f->log, &second, NULL), ERR_OK);
    write_checkpoints(f, 2);
    assert_int_equal(readers_now(f).count, 2);
    assert_int_equal(readers_now(f).lag, 9);
    log_reader_close(first);
    assert_int_equal(readers_now(f).count, 1);
    assert_int_equal(readers_now(f).lag, 2);
    log_reader_close(second);
    assert_int_equal(readers_now(f).count, 0);
    assert_int_equal(readers_now(f).lag, 0);
}

static void a_killed_reader_is_cleared_and_pages_are_used_again(void **state)
{
    struct fixture *f = *state;
    pid_t const child = begin_reading(f);
    assert_int_equal(readers_now(f).count, 1); /* it lives: nobody takes its snapshot away */
    assert_int_equal(readers_now(f).cleared, 0);
    write_checkpoints(f, 10);
    assert_int_equal(readers_now(f).lag, 10);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    struct readers const readers = readers_now(f);
    assert_int_equal(readers.cleared, 1);
    assert_int_equal(readers.count, 0);
    write_checkpoints(f, 10); /* used again from here on */
    unsigned const fill = event_log_fill_permille(f->log);
    write_checkpoints(f, CHECKPOINTS);
    assert_int_equal(event_log_fill_permille(f->log), fill);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(snapshots_are_counted_with_their_age),
        TEST(a_killed_reader_is_cleared_and_pages_are_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
