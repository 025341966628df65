/* The ledger whole. Method: real environments in a temporary folder; commands by several threads; then closed, reopened, views
 * thrown away and rebuilt, and compared byte for byte. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/arena.h"
#include "core/base/rng.h"
#include "core/base/time.h"
#include "core/crypto/sha256.h"
#include "core/ledger/ledger.h"
#include "core/log/log_reader.h"
#include "core/log/log_verify.h"
#include "core/market/terms.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    char folder[64];
    char copy[96];
    struct note_key key;
    struct ledger *ledger;
    uint64_t map_size;   /* 0: enough */
    uint64_t copy_every; /* 0: not in a test's life */
    uint64_t commits;    /* writer thread */
    bool counts_applied;
    sem_t *held; /* not NULL: the writer waits for it behind a commit, and says so */
    sem_t *waits;
};

static void commit_cb(void *ctx, uint64_t head)
{
    struct fixture *f = ctx;
    f->commits = head;
    if (f->held != NULL) {
        (void)sem_post(f->waits);
        (void)sem_wait(f->held);
    }
}

static uint64_t events_applied; /* writer thread */

static void count_applied(struct store *store, uint64_t sequence, const struct event *event)
{
    (void)store;
    (void)sequence;
    (void)event;
    events_applied++;
}

static const struct projection COUNTING = {.name = "counting", .apply = count_applied};
static const struct projection *const COUNTING_ALONE[] = {&COUNTING};

static void open_ledger(struct fixture *f)
{
    struct ledger_options options = {
        .data_dir = f->folder,
        .checkpoint_key = &f->key,
        .checkpoint_copy = f->copy,
        .map_size = f->map_size != 0 ? f->map_size : UINT64_C(1) << 28,
        .copy_every = f->copy_every,
        .on_commit = commit_cb,
        .on_commit_ctx = f,
        .projections = COUNTING_ALONE,
        .projection_count = f->counts_applied ? 1 : 0,
    };
    struct err err = {0};
    if (ledger_open(&options, &f->ledger, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

static struct command command_of(enum command_type type, enum actor_kind actor)
{
    return (struct command){
        .type = type, .actor_kind = actor, .command_id = id_new(time_wall_ns())};
}

static struct ledger_answer submit(struct fixture *f, const struct command *command)
{
    return ledger_submit_wait(f->ledger, command, CLASS_CONSUMER);
}

static void init_ledger(struct fixture *f)
{
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct command c = command_of(COMMAND_LEDGER_OPEN, ACTOR_OPERATOR);
    c.u.open = (struct ev_ledger_opened){.log_id = id_new(1),
                                         .generation = 1,
                                         .network = NETWORK_LOCAL,
                                         .record_format = 1,
                                         .checkpoint_key = f->key.public_key,
                                         .name = bytes_of_text("tally.test")};
    struct ledger_answer answer = submit(f, &c);
    if (answer.code != ERR_OK) {
        fail_msg("%s", answer.err.message);
    }
    c = command_of(COMMAND_TERMS_SET, ACTOR_OPERATOR);
    assert_int_equal(terms_default(NETWORK_LOCAL, &arena, &c.u.terms, NULL), ERR_OK);
    assert_int_equal(submit(f, &c).code, ERR_OK);
    c = command_of(COMMAND_LEDGER_START, ACTOR_LEDGER);
    c.u.start.software = bytes_of_text("test");
    assert_int_equal(submit(f, &c).code, ERR_OK);
    arena_deinit(&arena);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_folder_create(f->folder);
    (void)snprintf(f->copy, sizeof f->copy, "%s.checkpoint", f->folder);
    note_key_generate(&f->key);
    open_ledger(f);
    init_ledger(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ledger_close(f->ledger);
    (void)unlink(f->copy);
    temp_folder_remove(f->folder);
    free(f);
    return 0;
}

static struct command session(void)
{
    struct command c = command_of(COMMAND_SESSION_OPEN, ACTOR_ACCOUNT);
    c.u.session.account_id = id_new(time_wall_ns());
    rng_bytes(&c.u.session.identity, 32);
    c.u.session.token.token_id = id_new(time_wall_ns());
    rng_bytes(&c.u.session.token.token_hash, 32);
    c.u.session.token.scopes = SCOPE_CONSUMER;
    c.u.session.token.label = bytes_of_text("a laptop");
    return c;
}

static struct key32 views_now(struct fixture *f)
{
    struct key32 digest;
    assert_int_equal(views_digest(ledger_views(f->ledger), &digest, NULL), ERR_OK);
    return digest;
}

static void a_repeated_command_gives_the_first_answer(void **state)
{
    struct fixture *f = *state;
    struct command c = session();
    rng_bytes(&c.fingerprint, 32);
    struct ledger_answer first = submit(f, &c);
    assert_int_equal(first.code, ERR_OK);
    assert_int_equal(first.last, first.first + 1);
    assert_int_equal(f->commits, first.last);
    struct ledger_answer again = submit(f, &c);
    assert_int_equal(again.code, ERR_OK);
    assert_true(again.replayed);
    assert_int_equal(again.first, first.first);
    assert_int_equal(again.last, first.last);
    ledger_close(f->ledger); /* also after a restart */
    open_ledger(f);
    again = submit(f, &c);
    assert_true(again.replayed);
    c.fingerprint.b[0] ^= 1;
    again = submit(f, &c);
    assert_int_equal(again.code, ERR_CONFLICT);
    assert_non_null(strstr(again.err.message, "idempotency_mismatch"));
    struct ledger_stats stats;
    ledger_stats(f->ledger, &stats);
    assert_int_equal(stats.head, first.last);
}

static void a_refusal_writes_nothing(void **state)
{
    struct fixture *f = *state;
    struct ledger_stats before;
    struct ledger_stats after;
    struct key32 digest = views_now(f);
    ledger_stats(f->ledger, &before);
    struct command c = command_of(COMMAND_JOB_CANCEL, ACTOR_ACCOUNT);
    assert_int_equal(submit(f, &c).code, ERR_NOT_FOUND);
    c = command_of(COMMAND_TERMS_SET, ACTOR_ACCOUNT);
    assert_int_equal(submit(f, &c).code, ERR_DENIED);
    ledger_stats(f->ledger, &after);
    assert_int_equal(before.head, after.head);
    assert_true(key_equal(digest, views_now(f)));
}

/* A text that is not UTF-8 passes decide, which does not look at it, and fails in the encoder, in the middle of a batch. */
static void a_command_that_cannot_be_encoded_does_not_take_others_with_it(void **state)
{
    struct fixture *f = *state;
    struct command bad = session();
    bad.u.session.token.label = bytes_of_text("\xFF");
    struct command good = session();
    assert_int_not_equal(submit(f, &bad).code, ERR_OK);
    assert_int_equal(submit(f, &good).code, ERR_OK);
    struct log_verify_options options = {0};
    struct log_verify_result result;
    assert_int_equal(log_verify(ledger_log(f->ledger), &options, &result, NULL), ERR_OK);
}

static void one_answered(void *ctx, const struct ledger_answer *answer)
{
    (void)answer;
    (void)sem_post(ctx);
}

/* Else everybody whose command is in the batch waits once more for each of them, and anybody can send many. */
static void nor_does_it_make_them_run_again(void **state)
{
    struct fixture *f = *state;
    struct command commands[4] = {session(), session(), session(), session()};
    sem_t held;
    sem_t waits;
    sem_t answered;
    (void)sem_init(&held, 0, 0);
    (void)sem_init(&waits, 0, 0);
    (void)sem_init(&answered, 0, 0);
    ledger_close(f->ledger);
    f->counts_applied = true;
    f->held = &held;
    f->waits = &waits;
    events_applied = 0;
    open_ledger(f);
    commands[2].u.session.token.label = bytes_of_text("\xFF"); /* of its second event */
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            ledger_submit(f->ledger, &commands[i], CLASS_CONSUMER, one_answered, &answered, NULL),
            ERR_OK);
        if (i == 0) { /* the others are one batch */
            (void)sem_wait(&waits);
        }
    }
    (void)sem_post(&held);
    (void)sem_post(&held);
    for (size_t i = 0; i < 4; i++) {
        (void)sem_wait(&answered);
    }
    ledger_close(f->ledger);
    uint64_t const applied = events_applied;
    f->held = NULL;
    open_ledger(f);
    (void)sem_destroy(&held);
    (void)sem_destroy(&waits);
    (void)sem_destroy(&answered);
    assert_int_equal(applied, 6);
}

#define THREADS 8
#define PER_THREAD 100

static void *submit_many(void *arg)
{
    struct fixture *f = arg;
    for (int i = 0; i < PER_THREAD; i++) {
        struct command c = session();
        if (i % 10 == 9) {
            c.u.session.token.label = bytes_of_text("\xFF");
            assert_int_not_equal(submit(f, &c).code, ERR_OK);
        } else {
            assert_int_equal(submit(f, &c).code, ERR_OK);
        }
    }
    return NULL;
}

static void many_threads_make_one_gapless_log(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, f), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    struct log_verify_options options = {0};
    struct log_verify_result result;
    struct err err = {0};
    if (log_verify(ledger_log(f->ledger), &options, &result, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(result.size, 3 + THREADS * PER_THREAD / 10 * 9 * 2);
}

static void write_file(const struct fixture *f, const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", f->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Dirty, and another boot's. */
static void close_as_by_a_power_failure(struct fixture *f)
{
    ledger_close(f->ledger);
    write_file(f, "views.state", "00000000-0000-0000-0000-000000000000 dirty\n");
}

static void views_rebuilt_from_the_log_are_the_same_bytes(void **state)
{
    struct fixture *f = *state;
    char path[128];
    (void)submit_many(f);
    struct key32 digest = views_now(f);
    ledger_close(f->ledger);
    (void)snprintf(path, sizeof path, "%s/views/data.mdb", f->folder);
    assert_int_equal(unlink(path), 0);
    open_ledger(f);
    assert_true(key_equal(digest, views_now(f)));
    close_as_by_a_power_failure(f);
    open_ledger(f);
    assert_true(key_equal(digest, views_now(f)));
    char left[64] = "";
    (void)snprintf(path, sizeof path, "%s/views.state", f->folder);
    FILE *file =
        fopen(path, "r"); /* they are this boot's now: another crash in it costs no rebuilding */
    assert_non_null(file);
    assert_non_null(fgets(left, sizeof left, file));
    assert_int_equal(fclose(file), 0);
    assert_non_null(strstr(left, " dirty\n"));
    assert_null(strstr(left, "00000000-0000-0000"));
}

static uint64_t views_from(struct fixture *f)
{
    struct ledger_stats stats;
    ledger_stats(f->ledger, &stats);
    return stats.views_from;
}

/* The writer looks five times a second; a test that hangs here is stopped. */
static void wait_for_copy(struct fixture *f)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/views.copy", f->folder);
    while (access(path, F_OK) != 0) {
        (void)usleep(10000);
    }
}

static void run_in_folder(const struct fixture *f, const char *command)
{
    assert_int_equal(chdir(f->folder), 0);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    assert_int_equal(chdir("/"), 0);
}

static void after_a_power_failure_views_begin_with_their_copy(void **state)
{
    struct fixture *f = *state;
    ledger_close(f->ledger);
    f->copy_every = 100;
    open_ledger(f);
    (void)submit_many(f);
    wait_for_copy(f);
    ledger_close(f->ledger);
    f->copy_every = 0;
    open_ledger(f);
    (void)submit_many(f);
    struct key32 digest = views_now(f);
    close_as_by_a_power_failure(f);
    open_ledger(f);
    assert_in_range(views_from(f), 100, 3 + PER_THREAD / 10 * 9 * 2);
    assert_true(key_equal(digest, views_now(f)));

    ledger_close(
        f->ledger); /* as after damage was found, with a copy that was just being finished */
    run_in_folder(f, "rm views.state");
    open_ledger(f);
    assert_int_equal(views_from(f), 0);
    assert_true(key_equal(digest, views_now(f)));

    close_as_by_a_power_failure(f);
    write_file(f, "views.copy", "not what it should be");
    open_ledger(f);
    assert_int_equal(views_from(f), 0);
    assert_true(key_equal(digest, views_now(f)));
}

/* The folder belongs to another log now; the copy says which it was made from. */
static void a_copy_of_another_log_is_not_taken(void **state)
{
    struct fixture *f = *state;
    ledger_close(f->ledger);
    f->copy_every = 2;
    open_ledger(f);
    wait_for_copy(f);
    ledger_close(f->ledger);
    run_in_folder(f, "mv views.copy of-another-log && rm -r log");
    (void)unlink(f->copy);
    f->copy_every = 0;
    open_ledger(f);
    init_ledger(f);
    (void)submit_many(f);
    struct key32 digest = views_now(f);
    close_as_by_a_power_failure(f);
    run_in_folder(f, "mv of-another-log views.copy");
    open_ledger(f);
    assert_int_equal(views_from(f), 0);
    assert_true(key_equal(digest, views_now(f)));
}

/* Views may always be thrown away, so nothing that happened to their file keeps the ledger from opening. */
static void damaged_views_are_thrown_away_and_rebuilt(void **state)
{
    struct fixture *f = *state;
    char path[128];
    (void)submit_many(f);
    struct key32 digest = views_now(f);
    (void)snprintf(path, sizeof path, "%s/views/data.mdb", f->folder);
    for (int damage = 0; damage < 3; damage++) {
        ledger_close(f->ledger);
        FILE *file = fopen(path, "r+b");
        assert_non_null(file);
        if (damage == 0) { /* no LMDB file any more */
            for (int i = 0; i < 8192; i++) {
                assert_int_equal(fputc('x', file), 'x');
            }
        }
        assert_int_equal(fclose(file), 0);
        if (damage > 0) { /* its head is good, but the pages it counts are gone */
            assert_int_equal(truncate(path, damage == 1 ? 8192 : 20000), 0);
        }
        open_ledger(f);
        assert_true(key_equal(digest, views_now(f)));
    }
}

/* Consumers are refused before either map is full; what ends and settles jobs is taken on the rest. */
static void the_fuller_map_is_the_quota(void **state)
{
    struct fixture *f = *state;
    struct ledger_stats stats;
    struct ledger_answer answer = {0};
    ledger_close(f->ledger);
    f->map_size = 1 << 20;
    open_ledger(f);
    for (int i = 0; i < 20000 && answer.code == ERR_OK; i++) {
        struct command c = session();
        answer = submit(f, &c);
    }
    assert_int_equal(answer.code, ERR_FULL);
    assert_memory_equal(answer.err.message, "log_full", 8);
    ledger_stats(f->ledger, &stats);
    assert_true(stats.log_fill_permille >= QUOTA_PERMILLE ||
                stats.views_fill_permille >= QUOTA_PERMILLE);
    assert_true(stats.log_fill_permille < 1000 && stats.views_fill_permille < 1000);
    assert_false(stats.waiting_for_room);
    struct command c = session();
    answer = ledger_submit_wait(f->ledger, &c, CLASS_SETTLEMENT);
    assert_int_equal(answer.code, ERR_OK);
}

static void a_log_older_than_its_checkpoint_is_read_only(void **state)
{
    struct fixture *f = *state;
    char command[300];
    ledger_close(f->ledger);
    (void)snprintf(command, sizeof command, "cp -r '%s' '%s.old'", f->folder, f->folder);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    open_ledger(f);
    struct command c = session();
    assert_int_equal(submit(f, &c).code, ERR_OK);
    ledger_close(f->ledger);
    (void)snprintf(command, sizeof command, "rm -r '%s' && mv '%s.old' '%s'", f->folder, f->folder,
                   f->folder);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    open_ledger(f);
    assert_non_null(ledger_read_only_reason(f->ledger));
    struct ledger_answer answer = submit(f, &c);
    assert_int_equal(answer.code, ERR_UNAVAILABLE);
}

/* Two copies of one log that both went on: the same size, other records. */
static void a_log_that_is_not_what_was_signed_is_read_only(void **state)
{
    struct fixture *f = *state;
    char command[800];
    ledger_close(f->ledger);
    (void)snprintf(command, sizeof command, "cp -r '%s' '%s.old' && cp '%s' '%s.old/copy'",
                   f->folder, f->folder, f->copy, f->folder);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    open_ledger(f);
    struct command c = session();
    assert_int_equal(submit(f, &c).code, ERR_OK);
    ledger_close(f->ledger);
    (void)snprintf(command, sizeof command,
                   "mv '%s' '%s.signed' && rm -r '%s' && mv '%s.old' '%s' && mv '%s/copy' '%s'",
                   f->copy, f->copy, f->folder, f->folder, f->folder, f->folder, f->copy);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    open_ledger(f);
    c = session();
    assert_int_equal(submit(f, &c).code, ERR_OK);
    ledger_close(f->ledger);
    (void)snprintf(command, sizeof command, "mv '%s.signed' '%s'", f->copy, f->copy);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    open_ledger(f);
    assert_non_null(ledger_read_only_reason(f->ledger));
    c = session();
    assert_int_equal(submit(f, &c).code, ERR_UNAVAILABLE);
}

static void write_copy(const struct fixture *f, const char *text, size_t size)
{
    FILE *file = fopen(f->copy, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* It may be all that shows that the log is an old one: it is neither passed over nor written over. */
static void a_checkpoint_copy_that_says_nothing_is_read_only(void **state)
{
    struct fixture *f = *state;
    char good[4096];
    static const char large[8192] = "more than any checkpoint";
    ledger_close(f->ledger);
    FILE *file = fopen(f->copy, "r");
    assert_non_null(file);
    size_t const size = fread(good, 1, sizeof good, file);
    assert_int_equal(fclose(file), 0);
    assert_in_range(size, 100, sizeof good - 1);
    for (int damage = 0; damage < 5; damage++) {
        char bad[4096];
        memcpy(bad, good, size);
        bad[size - 10] ^= 1; /* in the signature */
        (void)unlink(f->copy);
        if (damage == 0) {
            write_copy(f, "", 0);
        } else if (damage == 1) {
            write_copy(f, good, size / 2);
        } else if (damage == 2) {
            write_copy(f, bad, size);
        } else if (damage == 3) {
            write_copy(f, large, sizeof large);
        } else {
            assert_int_equal(mkdir(f->copy, 0700), 0); /* cannot be read at all */
        }
        open_ledger(f);
        const char *reason = ledger_read_only_reason(f->ledger);
        assert_non_null(reason);
        assert_non_null(strstr(reason, "copy of the checkpoint"));
        assert_non_null(strstr(reason, "delete it and start again"));
        const struct command c = session();
        assert_int_equal(submit(f, &c).code, ERR_UNAVAILABLE);
        ledger_close(f->ledger);
        assert_int_equal(access(f->copy, F_OK), 0);
    }
    assert_int_equal(rmdir(f->copy), 0);
    write_copy(f, good, size);
    open_ledger(f);
    assert_null(ledger_read_only_reason(f->ledger));
    ledger_close(f->ledger);
    assert_int_equal(unlink(f->copy), 0); /* on purpose */
    open_ledger(f);
    assert_null(ledger_read_only_reason(f->ledger));
}

/* A process that reads beside the writer, as tally verify and tally replay do. */
static pid_t begin_reading(struct fixture *f)
{
    int ends[2];
    char byte = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t const child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct ledger_options options = {
            .data_dir = f->folder, .map_size = UINT64_C(1) << 28, .read_only = true};
        struct ledger *ledger = NULL;
        struct log_reader *reader = NULL;
        struct views_snapshot *snapshot = NULL;
        if (ledger_open(&options, &ledger, NULL) == ERR_OK &&
            views_snapshot_open(ledger_views(ledger), &snapshot, NULL) == ERR_OK &&
            log_reader_open(ledger_log(ledger), &reader, NULL) == ERR_OK &&
            write(ends[1], "x", 1) == 1) {
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

/* The writer looks every other second; a test that hangs here is stopped. */
static void the_writer_gives_free_what_a_killed_reader_held(void **state)
{
    struct fixture *f = *state;
    struct ledger_stats stats;
    pid_t const child = begin_reading(f);
    struct command c = session();
    assert_int_equal(submit(f, &c).code, ERR_OK);
    do {
        (void)usleep(10000);
        ledger_stats(f->ledger, &stats);
    } while (stats.log_readers != 1 || stats.views_readers != 1 || stats.log_reader_lag == 0 ||
             stats.views_reader_lag == 0);
    assert_int_equal(stats.readers_cleared, 0);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    do {
        (void)usleep(10000);
        ledger_stats(f->ledger, &stats);
    } while (stats.log_readers != 0 || stats.views_readers != 0);
    assert_int_equal(stats.readers_cleared, 2);
    assert_int_equal(stats.log_reader_lag, 0);
    assert_int_equal(stats.views_reader_lag, 0);
}

static void one_writer_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct ledger_options options = {
        .data_dir = f->folder, .checkpoint_key = &f->key, .map_size = UINT64_C(1) << 28};
    struct ledger *second = NULL;
    assert_int_equal(ledger_open(&options, &second, NULL), ERR_BUSY);
    assert_null(second);
    struct command c = session();
    assert_int_equal(submit(f, &c).code, ERR_OK); /* the first goes on */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_repeated_command_gives_the_first_answer),
        TEST(a_refusal_writes_nothing),
        TEST(a_command_that_cannot_be_encoded_does_not_take_others_with_it),
        TEST(nor_does_it_make_them_run_again),
        TEST(many_threads_make_one_gapless_log),
        TEST(views_rebuilt_from_the_log_are_the_same_bytes),
        TEST(after_a_power_failure_views_begin_with_their_copy),
        TEST(a_copy_of_another_log_is_not_taken),
        TEST(damaged_views_are_thrown_away_and_rebuilt),
        TEST(the_fuller_map_is_the_quota),
        TEST(a_log_older_than_its_checkpoint_is_read_only),
        TEST(a_log_that_is_not_what_was_signed_is_read_only),
        TEST(a_checkpoint_copy_that_says_nothing_is_read_only),
        TEST(the_writer_gives_free_what_a_killed_reader_held),
        TEST(one_writer_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
