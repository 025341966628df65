/* A log put back from an older copy, and the way out.
 *
 * Goal:    whatever was signed once is never signed again under the same name, and no step is lost or done twice, wherever a restore ends.
 * Method:  real folders, copied and put back as an operator would. The linker puts the test between a restore and each thing that it writes: there it
 *          ends, before or after, and is begun again. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/arena.h"
#include "core/base/file.h"
#include "core/base/rng.h"
#include "core/base/time.h"
#include "core/event/codec.h"
#include "core/ledger/restore.h"
#include "core/log/log_reader.h"
#include "core/log/log_verify.h"
#include "core/market/terms.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"

#include <string.h>
#include <unistd.h>

struct fixture {
    char folder[64];
    char copy[96];
    struct note_key key;
    struct ledger *ledger;
};

/* ── where a restore ends ──────────────────────────────────────────────────────────────────────── */

static unsigned writes_left; /* until the end; 0: it does not end */
static bool after;           /* what was to be written is, and nobody heard of it */

static bool ends_here(void)
{
    return writes_left > 0 && --writes_left == 0;
}

#define END_BEFORE_OR_AFTER(call)                                                                  \
    bool const ends = ends_here();                                                                 \
    if (ends && !after) {                                                                          \
        return err_set(err, ERR_UNAVAILABLE, "it ends here");                                      \
    }                                                                                              \
    enum err_code code = (call);                                                                   \
    return ends ? err_set(err, ERR_UNAVAILABLE, "it ends here") : code

enum err_code __real_file_write_atomic(const char *path, struct bytes content, mode_t mode,
                                       struct err *err);
enum err_code __wrap_file_write_atomic(const char *path, struct bytes content, mode_t mode,
                                       struct err *err);
enum err_code __wrap_file_write_atomic(const char *path, struct bytes content, mode_t mode,
                                       struct err *err)
{
    if (strstr(path, ".checkpoint") == NULL) {
        return __real_file_write_atomic(path, content, mode, err); /* the views' own */
    }
    END_BEFORE_OR_AFTER(__real_file_write_atomic(path, content, mode, err));
}

enum err_code __real_event_log_append(struct event_log *log, const struct log_entry *entries,
                                      size_t count, uint64_t *ret_first, struct err *err);
enum err_code __wrap_event_log_append(struct event_log *log, const struct log_entry *entries,
                                      size_t count, uint64_t *ret_first, struct err *err);
enum err_code __wrap_event_log_append(struct event_log *log, const struct log_entry *entries,
                                      size_t count, uint64_t *ret_first, struct err *err)
{
    END_BEFORE_OR_AFTER(__real_event_log_append(log, entries, count, ret_first, err));
}

enum err_code __real_event_log_store_checkpoint(struct event_log *log, struct bytes note,
                                                struct err *err);
enum err_code __wrap_event_log_store_checkpoint(struct event_log *log, struct bytes note,
                                                struct err *err);
enum err_code __wrap_event_log_store_checkpoint(struct event_log *log, struct bytes note,
                                                struct err *err)
{
    END_BEFORE_OR_AFTER(__real_event_log_store_checkpoint(log, note, err));
}

/* ── a ledger and its backup ───────────────────────────────────────────────────────────────────── */

static void open_as(struct fixture *f, bool no_writer)
{
    struct ledger_options options = {.data_dir = f->folder,
                                     .checkpoint_key = &f->key,
                                     .checkpoint_copy = f->copy,
                                     .map_size = UINT64_C(1) << 26,
                                     .no_writer = no_writer};
    struct err err = {0};
    if (ledger_open(&options, &f->ledger, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

static void close_ledger(struct fixture *f)
{
    ledger_close(f->ledger);
    f->ledger = NULL;
}

static void submit(struct fixture *f, struct command command)
{
    command.command_id = id_new(time_wall_ns());
    struct ledger_answer answer = ledger_submit_wait(f->ledger, &command, CLASS_CONSUMER);
    if (answer.code != ERR_OK) {
        fail_msg("command %d: %s", (int)command.type, answer.err.message);
    }
}

static void people(struct fixture *f, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct command c = {.type = COMMAND_SESSION_OPEN, .actor_kind = ACTOR_ACCOUNT};
        c.u.session.account_id = id_new(time_wall_ns());
        rng_bytes(&c.u.session.identity, 32);
        c.u.session.token.token_id = id_new(time_wall_ns());
        rng_bytes(&c.u.session.token.token_hash, 32);
        c.u.session.token.scopes = SCOPE_CONSUMER;
        submit(f, c);
    }
}

/* With the names in $a and $b. */
static void in_shell(const char *script, const char *a, const char *b)
{
    char command[512];
    (void)snprintf(command, sizeof command, "a='%s' b='%s'; %s", a, b, script);
    assert_int_equal(system(command), 0); /* NOLINT: a fixed text and our own names */
}

/* The folder as it is, kept under a name; the ledger is closed. */
static void back_up(struct fixture *f, const char *name)
{
    char to[128];
    (void)snprintf(to, sizeof to, "%s.%s", f->folder, name);
    in_shell("rm -rf $b && cp -r $a $b", f->folder, to);
}

static void put_back(struct fixture *f, const char *name)
{
    char from[128];
    (void)snprintf(from, sizeof from, "%s.%s", f->folder, name);
    in_shell("rm -rf $a && cp -r $b $a", f->folder, from);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct arena arena;
    arena_init(&arena, 1 << 16);
    writes_left = 0;
    temp_folder_create(f->folder);
    (void)snprintf(f->copy, sizeof f->copy, "%s.checkpoint", f->folder);
    note_key_generate(&f->key);
    open_as(f, false);
    struct command c = {.type = COMMAND_LEDGER_OPEN, .actor_kind = ACTOR_OPERATOR};
    c.u.open = (struct ev_ledger_opened){.log_id = id_new(1),
                                         .generation = 1,
                                         .network = NETWORK_LOCAL,
                                         .record_format = 1,
                                         .checkpoint_key = f->key.public_key,
                                         .name = bytes_of_text("tally.test")};
    submit(f, c);
    c = (struct command){.type = COMMAND_TERMS_SET, .actor_kind = ACTOR_OPERATOR};
    assert_int_equal(terms_default(NETWORK_LOCAL, &arena, &c.u.terms, NULL), ERR_OK);
    submit(f, c);
    people(f, 3);
    close_ledger(f); /* 2 + 2 × 3 records, signed */
    back_up(f, "old");
    open_as(f, false);
    people(f, 5);
    close_ledger(f); /* 10 more */
    arena_deinit(&arena);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ledger_close(f->ledger);
    in_shell("rm -rf $a $a.* $b", f->folder, f->copy);
    free(f);
    return 0;
}

static void read_file(const char *path, struct buf *ret)
{
    buf_init(ret, 4096);
    assert_int_equal(file_read(path, ret, NULL), ERR_OK);
}

static void assert_same_file(const char *path, const struct buf *wanted)
{
    struct buf is;
    read_file(path, &is);
    assert_true(bytes_equal(buf_bytes(&is), buf_bytes(wanted)));
    buf_deinit(&is);
}

static struct restore_report look(struct fixture *f)
{
    struct restore_report report = {0};
    struct err err = {0};
    if (restore_look(f->ledger, &report, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    return report;
}

/* Restored, and closed. */
static struct restore_report restore(struct fixture *f)
{
    struct restore_report report = {0};
    struct err err = {0};
    open_as(f, true);
    if (restore_run(f->ledger, &report, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    close_ledger(f);
    return report;
}

static size_t restores_in_log(struct fixture *f, struct ev_ledger_restored *ret_last)
{
    struct log_reader *reader;
    struct arena arena;
    size_t count = 0;
    arena_init(&arena, 1 << 20);
    assert_int_equal(log_reader_open(ledger_log(f->ledger), &reader, NULL), ERR_OK);
    for (uint64_t at = 1; at <= log_reader_size(reader); at++) {
        struct bytes record;
        struct event event;
        arena_clear(&arena);
        assert_int_equal(log_reader_record(reader, at, &record, NULL), ERR_OK);
        assert_int_equal(record_decode(record, &arena, &event, NULL), ERR_OK);
        if (event.type->number == EVENT_LEDGER_RESTORED) {
            *ret_last = event.u.ledger_restored;
            assert_int_equal(event.actor_kind, ACTOR_OPERATOR);
            assert_int_equal(ret_last->parent_size, at - 1);
            count++;
        }
    }
    log_reader_close(reader);
    arena_deinit(&arena);
    return count;
}

static void assert_verifies(struct fixture *f, const char *generation)
{
    struct log_verify_options options = {.threads = 1};
    struct log_verify_result result = {0};
    struct err err = {0};
    if (log_verify(ledger_log(f->ledger), &options, &result, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    assert_true(result.has_checkpoint);
    assert_string_equal(strrchr(result.origin, '/'), generation);
    assert_string_equal(strrchr(ledger_origin(f->ledger), '/'), generation);
}

static void assert_takes_commands(struct fixture *f)
{
    open_as(f, false);
    assert_null(ledger_read_only_reason(f->ledger));
    people(f, 1);
    close_ledger(f);
}

/* ── the tests ─────────────────────────────────────────────────────────────────────────────────── */

static void a_log_that_is_behind_goes_on_as_another_generation(void **state)
{
    struct fixture *f = *state;
    struct buf signed_last;
    struct ev_ledger_restored last = {0};
    read_file(f->copy, &signed_last);
    put_back(f, "old");

    open_as(f, false);
    assert_non_null(strstr(ledger_read_only_reason(f->ledger), "18 were signed"));
    close_ledger(f);

    open_as(f, true);
    struct restore_report report = look(f);
    assert_int_equal(report.finding, RESTORE_BEHIND);
    assert_int_equal(report.size, 8);
    assert_int_equal(report.copy.size, 18);
    assert_int_equal(report.generation, 1);
    assert_int_equal(report.copy_generation, 1);
    assert_int_equal(report.next_generation, 2);
    close_ledger(f);
    assert_same_file(f->copy, &signed_last); /* looking changes nothing */
    assert_int_equal(access(report.kept, F_OK), -1);

    report = restore(f);
    assert_same_file(report.kept, &signed_last);
    assert_takes_commands(f);
    open_as(f, false);
    assert_int_equal(restores_in_log(f, &last), 1);
    assert_int_equal(last.generation, 2);
    assert_true(key_equal(last.parent_root, report.root));
    assert_verifies(f, "/2");
    buf_deinit(&signed_last);
}

static void what_is_not_behind_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct buf signed_last;
    struct restore_report report = {0};
    struct err err = {0};
    read_file(f->copy, &signed_last);
    open_as(f, true);
    assert_int_equal(look(f).finding, RESTORE_NOTHING);
    assert_int_equal(restore_run(f->ledger, &report, &err), ERR_CONFLICT);
    close_ledger(f);
    assert_same_file(f->copy, &signed_last);
    put_back(f, "old");
    (void)restore(f);
    open_as(f, true); /* a second time */
    assert_int_equal(restore_run(f->ledger, &report, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.message, "nothing to restore"));
    close_ledger(f);
    buf_deinit(&signed_last);
    assert_takes_commands(f);
}

static void without_a_readable_copy_nothing_is_known(void **state)
{
    struct fixture *f = *state;
    struct restore_report report = {0};
    struct err err = {0};
    put_back(f, "old");
    in_shell("echo nonsense > $b", f->folder, f->copy);
    open_as(f, true);
    assert_int_equal(restore_run(f->ledger, &report, &err), ERR_CORRUPT);
    (void)unlink(f->copy);
    assert_int_equal(restore_run(f->ledger, &report, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, f->copy));
}

static void what_was_kept_is_never_written_over(void **state)
{
    struct fixture *f = *state;
    struct restore_report report = {0};
    struct err err = {0};
    put_back(f, "old");
    open_as(f, true);
    report = look(f);
    assert_int_equal(
        __real_file_write_atomic(report.kept, bytes_of_text("older evidence"), 0644, NULL), ERR_OK);
    assert_int_equal(restore_run(f->ledger, &report, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.message, "is there already"));
    assert_int_equal(look(f).size, 8);
    close_ledger(f);
    open_as(f, false);
    assert_non_null(ledger_read_only_reason(f->ledger));
}

/* Each place where a restore can end, and then once more. */
static void a_restore_that_ended_anywhere_is_finished_by_the_next(void **state)
{
    struct fixture *f = *state;
    struct buf signed_last;
    unsigned ended = 0;
    read_file(f->copy, &signed_last);
    for (unsigned place = 0; place < 2 * 4; place++) {
        struct restore_report report = {0};
        struct ev_ledger_restored last = {0};
        struct err err = {0};
        put_back(f, "old");
        assert_int_equal(__real_file_write_atomic(f->copy, buf_bytes(&signed_last), 0644, NULL),
                         ERR_OK);
        open_as(f, true);
        char kept[PATH_MAX];
        (void)snprintf(kept, sizeof kept, "%s", look(f).kept);
        (void)unlink(kept);
        writes_left = place / 2 + 1;
        after = place % 2 == 1;
        ended += restore_run(f->ledger, &report, &err) == ERR_UNAVAILABLE ? 1 : 0;
        writes_left = 0;
        close_ledger(f);

        open_as(f, false); /* once the new generation has signed, it is done */
        bool const done = ledger_read_only_reason(f->ledger) == NULL;
        close_ledger(f);
        assert_int_equal(done, place >= 5);
        if (!done) {
            report = restore(f);
            assert_int_equal(report.finding, place >= 3 ? RESTORE_UNFINISHED : RESTORE_BEHIND);
        }
        assert_same_file(kept, &signed_last);
        assert_takes_commands(f);
        open_as(f, false);
        assert_int_equal(restores_in_log(f, &last), 1);
        assert_int_equal(last.generation, 2);
        assert_verifies(f, "/2");
        close_ledger(f);
    }
    assert_int_equal(ended, 2 * 4);
    buf_deinit(&signed_last);
}

/* The name of a generation that has signed something is not used again, though the log has not heard of it. */
static void a_log_from_before_the_last_restore_skips_its_generation(void **state)
{
    struct fixture *f = *state;
    struct ev_ledger_restored last = {0};
    put_back(f, "old");
    (void)restore(f);
    assert_takes_commands(f);
    put_back(f, "old");
    open_as(f, false);
    assert_non_null(strstr(ledger_read_only_reason(f->ledger), "generation 2"));
    close_ledger(f);
    struct restore_report report = restore(f);
    assert_int_equal(report.finding, RESTORE_BEHIND);
    assert_int_equal(report.next_generation, 3);
    assert_takes_commands(f);
    open_as(f, false);
    assert_int_equal(restores_in_log(f, &last), 1);
    assert_int_equal(last.generation, 3);
    assert_verifies(f, "/3");
}

/* Somebody went on with the old copy, and no one looked. */
static void another_history_than_the_signed_one_needs_a_generation_too(void **state)
{
    struct fixture *f = *state;
    struct buf signed_last;
    read_file(f->copy, &signed_last);
    put_back(f, "old");
    (void)unlink(f->copy);
    open_as(f, false);
    people(f, 7);
    close_ledger(f);
    assert_int_equal(__real_file_write_atomic(f->copy, buf_bytes(&signed_last), 0644, NULL),
                     ERR_OK);
    open_as(f, false);
    assert_non_null(strstr(ledger_read_only_reason(f->ledger), "not those that were signed"));
    close_ledger(f);
    assert_int_equal(restore(f).finding, RESTORE_OTHER);
    assert_takes_commands(f);
    buf_deinit(&signed_last);
}

/* A copy from before the restore, put back beside a log that went on since, cannot say what this generation has signed. */
static void a_copy_of_an_older_generation_proves_nothing_about_this_one(void **state)
{
    struct fixture *f = *state;
    struct buf first;
    read_file(f->copy, &first);
    put_back(f, "old");
    (void)restore(f);
    assert_takes_commands(f);
    assert_int_equal(__real_file_write_atomic(f->copy, buf_bytes(&first), 0644, NULL), ERR_OK);
    open_as(f, false);
    assert_non_null(strstr(ledger_read_only_reason(f->ledger), "was not finished"));
    close_ledger(f);
    struct restore_report report = restore(f);
    assert_int_equal(report.finding, RESTORE_OTHER);
    assert_int_equal(report.next_generation, 3);
    assert_takes_commands(f);
    buf_deinit(&first);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_log_that_is_behind_goes_on_as_another_generation),
        TEST(what_is_not_behind_is_left_alone),
        TEST(without_a_readable_copy_nothing_is_known),
        TEST(what_was_kept_is_never_written_over),
        TEST(a_restore_that_ended_anywhere_is_finished_by_the_next),
        TEST(a_log_from_before_the_last_restore_skips_its_generation),
        TEST(another_history_than_the_signed_one_needs_a_generation_too),
        TEST(a_copy_of_an_older_generation_proves_nothing_about_this_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
