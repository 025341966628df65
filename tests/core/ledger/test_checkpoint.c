/* What the ledger does when a checkpoint cannot be signed. Method: the copy outside in a folder that comes and goes; a commit of the log that the
 * linker's wrapper fails with EIO, in a child (tests/support/faults.h). */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/rng.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/ledger/ledger.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/temp_folder.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    char folder[64];
    char outside[80];
    char copy[96];
    struct note_key key;
    struct ledger *ledger;
};

static void open_ledger(struct fixture *f)
{
    const struct ledger_options options = {.data_dir = f->folder,
                                           .checkpoint_key = &f->key,
                                           .checkpoint_copy = f->copy,
                                           .map_size = UINT64_C(1) << 24};
    struct err err = {0};
    if (ledger_open(&options, &f->ledger, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    assert_null(ledger_read_only_reason(f->ledger));
}

/* The first one opens the log. */
static void write_one(struct fixture *f)
{
    struct command c = {.type = COMMAND_LEDGER_START, .actor_kind = ACTOR_LEDGER};
    rng_bytes(&c.command_id, sizeof c.command_id);
    c.u.start.software = bytes_of_text("test");
    if (ledger_origin(f->ledger)[0] == '\0') {
        c.type = COMMAND_LEDGER_OPEN;
        c.actor_kind = ACTOR_OPERATOR;
        c.u.open = (struct ev_ledger_opened){.log_id = id_new(1),
                                             .generation = 1,
                                             .network = NETWORK_LOCAL,
                                             .record_format = 1,
                                             .checkpoint_key = f->key.public_key,
                                             .name = bytes_of_text("tally.test")};
    }
    const struct ledger_answer answer = ledger_submit_wait(f->ledger, &c, CLASS_SETTLEMENT);
    if (answer.code != ERR_OK) {
        fail_msg("%s", answer.err.message);
    }
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    trace_level_set(TRACE_ERROR);
    temp_folder_create(f->folder);
    (void)snprintf(f->outside, sizeof f->outside, "%s/outside", f->folder);
    (void)snprintf(f->copy, sizeof f->copy, "%s/copy", f->outside);
    note_key_generate(&f->key);
    assert_int_equal(mkdir(f->outside, 0700), 0);
    open_ledger(f);
    write_one(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ledger_close(f->ledger);
    temp_folder_remove(f->folder);
    free(f);
    return 0;
}

static struct ledger_stats stats_now(struct fixture *f)
{
    struct ledger_stats stats;
    ledger_stats(f->ledger, &stats);
    return stats;
}

/* The writer tries once a second; a test that hangs here is stopped. */
static void wait_until_failing_is(struct fixture *f, bool failing)
{
    while (stats_now(f).checkpoint_failing != failing) {
        (void)usleep(10000);
    }
}

static void a_copy_that_cannot_be_written_is_told_until_it_can(void **state)
{
    struct fixture *f = *state;
    while (stats_now(f).checkpoint_size < 1) {
        (void)usleep(10000);
    }
    assert_false(stats_now(f).checkpoint_failing);
    assert_int_equal(unlink(f->copy), 0);
    assert_int_equal(rmdir(f->outside), 0);
    write_one(f);
    wait_until_failing_is(f, true);
    assert_int_equal(stats_now(f).checkpoint_size, 1); /* nothing is signed that the copy has not */
    write_one(f);                                      /* writes go on */
    assert_int_equal(mkdir(f->outside, 0700), 0);
    wait_until_failing_is(f, false);
    assert_int_equal(stats_now(f).checkpoint_size, 3);
    assert_int_equal(access(f->copy, F_OK), 0);
}

#define NOT_HIT 3

/* A child that closes the ledger, which signs, with that commit of the log failing. */
static void close_failing(struct fixture *f, int error)
{
    open_ledger(f);
    write_one(f);
    faults_arm(FAULT_MDB_WRITE, 3, error); /* of begin, put, commit */
    ledger_close(f->ledger);
    _exit(faults_disarm() ? 0 : NOT_HIT);
}

/* What it says. The writer may have begun to sign before the fault was there: then once more. `ret_written`: how often. */
static int close_with_failing_commit(struct fixture *f, int error, uint64_t *ret_written)
{
    int status = 0;
    *ret_written = 0;
    ledger_close(f->ledger);
    f->ledger = NULL;
    do {
        pid_t const child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close_failing(f, error);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        ++*ret_written;
    } while (WIFEXITED(status) && WEXITSTATUS(status) == NOT_HIT);
    open_ledger(f);
    return status;
}

/* Else the writer would go on over pages of which nobody knows whether they are on the disk. */
static void a_failed_sync_of_a_checkpoint_ends_the_process(void **state)
{
    struct fixture *f = *state;
    uint64_t head = stats_now(f).head;
    uint64_t written;
    int const status = close_with_failing_commit(f, EIO, &written);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_int_equal(stats_now(f).head, head + written);
    head += written;
    int const without_room = close_with_failing_commit(f, ENOSPC, &written);
    assert_true(WIFEXITED(without_room) && WEXITSTATUS(without_room) == 0);
    assert_int_equal(stats_now(f).head, head + written);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_copy_that_cannot_be_written_is_told_until_it_can),
        TEST(a_failed_sync_of_a_checkpoint_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
