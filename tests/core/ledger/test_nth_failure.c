/* Every single failure of memory, LMDB and files that a ledger can meet.
 *
 * Goal:    whatever fails, once, anywhere: what was answered is in the log, what was refused is not, views equal a replay, nobody is told "not found"
 *          because a disk failed, and nothing leaks.
 * Method:  a scripted market (sign-in to a paid end, and refusals) is played into a ledger beside the market in memory, command by command; then closed, its
 *          views lost, reopened, closed. This is done in a child for n = 1, 2, 3, … with the n-th call of a kind failing, until none was left to fail. A command that
 *          the fault refused is given again and must be accepted. A child may end itself in one way only: the log could not be written or synced. Then another
 *          child opens what is left.
 * Figures: in memory (/dev/shm), so that nothing waits for a disk. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/ledger/ledger.h"
#include "core/ledger/replay.h"
#include "core/log/log_reader.h"
#include "core/log/log_verify.h"
#include "projections/all.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/market_scene.h"
#include "tests/support/temp_folder.h"

#include <errno.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMANDS_MAX 128
#define MAP_SIZE (UINT64_C(1) << 26)
#define PASSED_WITHOUT_FAULT 0
#define PASSED 10
#define FAILED 11
/* One call after the other up to here, from there on in growing steps; TALLY_EVERY_CALL=1 tries all. */
#ifdef TALLY_SLOW_CHECKS /* sanitizers */
#define CALLS_EACH 12
#define GROWTH 4
#else
#define CALLS_EACH 60
#define GROWTH 8
#endif

static struct {
    /* the market in memory, played once without a ledger */
    struct scene *scene;
    enum err_code codes[COMMANDS_MAX];
    uint64_t ends[COMMANDS_MAX]; /* the log's size after it */
    size_t count;
    /* of the child */
    struct ledger *ledger;
    char folder[64];
    char copy[80];
    _Atomic int64_t now;
    size_t index;
    struct note_key key;
    struct { /* shared with the parent */
        uint64_t acknowledged;
        char where[32];
    } * told;
} g;

/* In a child: cmocka's jump would go on in the copy of the parent. */
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: command %zu: " #condition "\n", __FILE__, __LINE__,      \
                          g.index);                                                                \
            _exit(FAILED);                                                                         \
        }                                                                                          \
    } while (0)

/* ── the play ──────────────────────────────────────────────────────────────────────────────────── */

static void play(const struct scene_options *options)
{
    struct scene *scene = scene_open(options);
    struct market *market = &scene->market;
    struct id16 unknown = market_new_id(market);
    struct id16 job = market_running_job(market, scene->consumer, scene->host, scene->offer, 60000);
    (void)market_progress(market, scene->host, job, 500, 1000);
    (void)market_cancel(market, scene->consumer, unknown); /* refused */
    market->now += 30 * NS_PER_S;
    (void)market_end(market, scene->host, job, ENDING_COMPLETED, REASON_EXITED_ZERO, 30000);
    (void)market_end(market, scene->host, job, ENDING_COMPLETED, REASON_EXITED_ZERO, 30000);
    (void)market_cancel(market, scene->consumer, job);
    (void)market_sign_in(market, market_new_key(market));
    if (g.scene == NULL) {
        g.scene = scene;
    } else {
        scene_close(scene);
    }
}

static void note_command(void *ctx, const struct command *command)
{
    struct market *market = ctx;
    (void)command;
    assert_true(g.count < COMMANDS_MAX);
    if (g.count > 0) { /* what became of the one before */
        g.ends[g.count - 1] = market->sequence;
    }
    g.count++;
}

/* The play once in memory, for what each command must lead to. */
static int play_in_memory(void **state)
{
    (void)state;
    trace_level_set(TRACE_ERROR);
    note_key_generate(&g.key);
    const struct scene_options options = {.on_command = note_command,
                                          .checkpoint_key = g.key.public_key};
    play(&options);
    g.ends[g.count - 1] = g.scene->market.sequence;
    for (size_t i = 0; i < g.count; i++) {
        bool const accepted = g.ends[i] > (i == 0 ? 0 : g.ends[i - 1]);
        g.codes[i] = accepted ? ERR_OK : ERR_CONFLICT; /* or another refusal */
    }
    g.told = mmap(NULL, sizeof *g.told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(g.told != MAP_FAILED);
    return 0;
}

static int forget(void **state)
{
    (void)state;
    scene_close(g.scene);
    (void)munmap(g.told, sizeof *g.told);
    return 0;
}

/* ── a ledger that plays along ─────────────────────────────────────────────────────────────────── */

static int64_t now_of_market(void)
{
    return g.now;
}

/* What a single failure may be told as. */
static bool is_failure(enum err_code code)
{
    return code == ERR_NOMEM || code == ERR_FULL || code == ERR_IO || code == ERR_TOO_LARGE;
}

static struct ledger *open_ledger(void)
{
    const struct ledger_options options = {
        .data_dir = g.folder,
        .projections = PROJECTIONS,
        .projection_count = PROJECTION_COUNT,
        .checkpoint_key = &g.key,
        .checkpoint_copy = g.copy,
        .map_size = MAP_SIZE,
        .wall_ns = now_of_market,
    };
    for (int attempt = 0; attempt < 2; attempt++) {
        struct ledger *ledger = NULL;
        struct err err = {0};
        faults_resume();
        enum err_code const code = ledger_open(&options, &ledger, &err);
        bool const fired = faults_disarm();
        if (code == ERR_OK) {
            REQUIRE(ledger_read_only_reason(ledger) == NULL);
            return ledger;
        }
        (void)fprintf(stderr, "open: %s: %s\n", faults_where(), err.message);
        REQUIRE(fired && attempt == 0);
        REQUIRE(ledger == NULL);
    }
    _exit(FAILED);
}

static void close_ledger(void)
{
    faults_resume();
    ledger_close(g.ledger);
    (void)faults_disarm();
    g.ledger = NULL;
}

static uint64_t head_now(void)
{
    struct ledger_stats stats;
    ledger_stats(g.ledger, &stats);
    return stats.head;
}

/* Readers see the last answer, whatever has failed. */
static void check_reading(void)
{
    struct views_snapshot *snapshot = NULL;
    struct log_reader *reader = NULL;
    REQUIRE(views_snapshot_open(ledger_views(g.ledger), &snapshot, NULL) == ERR_OK);
    REQUIRE(views_snapshot_position(snapshot)->sequence == head_now());
    views_snapshot_close(snapshot);
    REQUIRE(log_reader_open(ledger_log(g.ledger), &reader, NULL) == ERR_OK);
    REQUIRE(log_reader_size(reader) == head_now());
    log_reader_close(reader);
}

static void submit(void *ctx, const struct command *command)
{
    struct market *market = ctx;
    uint64_t const head = g.index == 0 ? 0 : g.ends[g.index - 1];
    g.now = market->now;
    for (int attempt = 0;; attempt++) {
        bool const fired_before = faults_disarm();
        faults_resume();
        struct ledger_answer const answer = ledger_submit_wait(g.ledger, command, CLASS_SETTLEMENT);
        bool const fired = faults_disarm();
        REQUIRE(!answer.replayed);
        if (answer.code == ERR_OK) {
            REQUIRE(g.codes[g.index] == ERR_OK);
            REQUIRE(answer.last == g.ends[g.index] && head_now() == answer.last);
            g.told->acknowledged = answer.last;
            break;
        }
        REQUIRE(head_now() == head); /* a refusal writes nothing */
        if (!is_failure(answer.code)) {
            if (g.codes[g.index] == ERR_OK) {
                (void)fprintf(stderr, "%s: %s\n", faults_where(), answer.err.message);
            }
            REQUIRE(g.codes[g.index] != ERR_OK);
            break;
        }
        REQUIRE(fired && !fired_before && attempt == 0);
        check_reading();
    }
    check_reading();
    g.index++;
}

/* The record in the log is the market's, but for the digest of its salted private part. */
static void check_records(uint64_t size)
{
    struct log_reader *reader = NULL;
    struct log_verify_result result;
    struct err err = {0};
    const struct log_verify_options none = {0};
    if (log_verify(ledger_log(g.ledger), &none, &result, &err) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        _exit(FAILED);
    }
    REQUIRE(result.size == size);
    REQUIRE(log_reader_open(ledger_log(g.ledger), &reader, NULL) == ERR_OK);
    for (uint64_t sequence = 1; sequence <= size; sequence++) {
        struct bytes record = {0};
        struct bytes const expected = market_record(&g.scene->market, sequence);
        REQUIRE(log_reader_record(reader, sequence, &record, NULL) == ERR_OK);
        REQUIRE(record.size == expected.size);
        REQUIRE(memcmp(record.data, expected.data, 72) == 0);
        REQUIRE(bytes_equal(bytes_from(record, RECORD_HEADER_SIZE),
                            bytes_from(expected, RECORD_HEADER_SIZE)));
    }
    log_reader_close(reader);
}

static void check_views(void)
{
    char folder[96];
    struct views *views = NULL;
    struct key32 ours;
    struct key32 replayed;
    (void)snprintf(folder, sizeof folder, "%s/again", g.folder);
    const struct views_options options = {.folder = folder, .map_size = MAP_SIZE};
    const struct projection_list projections = {PROJECTIONS, PROJECTION_COUNT};
    REQUIRE(replay_open_views(&options, &projections, &views, NULL) == ERR_OK);
    struct views_position position = {0};
    REQUIRE(views_read_position(views, &position, NULL) == ERR_OK);
    const struct replay replay = {
        .log = ledger_log(g.ledger), .views = views, .projections = projections, .to = head_now()};
    REQUIRE(replay_run(&replay, position.sequence, NULL) == ERR_OK);
    REQUIRE(views_digest(views, &replayed, NULL) == ERR_OK);
    REQUIRE(views_digest(ledger_views(g.ledger), &ours, NULL) == ERR_OK);
    REQUIRE(key_equal(ours, replayed));
    views_close(views);
}

/* The copy outside is of this log, and of all of it. */
static void check_copy(const char *origin, uint64_t size)
{
    struct buf note;
    struct checkpoint checkpoint;
    buf_init(&note, 4096);
    REQUIRE(file_read(g.copy, &note, NULL) == ERR_OK);
    REQUIRE(checkpoint_open(buf_bytes(&note), origin, g.key.public_key, &checkpoint, NULL) ==
            ERR_OK);
    REQUIRE(checkpoint.size == size);
    buf_deinit(&note);
}

/* ── children ──────────────────────────────────────────────────────────────────────────────────── */

static void lose_views(void)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/views.state", g.folder);
    FILE *file = fopen(path, "w"); /* as after a power cut: another boot, dirty */
    REQUIRE(file != NULL);
    (void)fputs("00000000-0000-0000-0000-000000000000 dirty\n", file);
    REQUIRE(fclose(file) == 0);
}

static int play_with_fault(enum fault_kind kind, uint64_t n, int error)
{
    const struct scene_options options = {.on_command = submit, .checkpoint_key = g.key.public_key};
    char origin[NOTE_NAME_MAX];
    faults_arm(kind, n, error);
    (void)faults_disarm();
    g.ledger = open_ledger();
    play(&options);
    REQUIRE(g.index == g.count);
    check_records(g.scene->market.sequence);
    check_views();
    close_ledger();
    lose_views();
    g.ledger = open_ledger();
    check_records(g.scene->market.sequence);
    check_views();
    close_ledger();
    bool const fired = faults_disarm();
    (void)snprintf(g.told->where, sizeof g.told->where, "%s", faults_where());
    faults_arm(kind, UINT64_MAX, error); /* nothing fails from here on */
    g.ledger = open_ledger();
    (void)snprintf(origin, sizeof origin, "%s", ledger_origin(g.ledger));
    close_ledger();
    check_copy(origin, g.scene->market.sequence);
    scene_close(g.scene);
    g.scene = NULL;
    return fired ? PASSED : PASSED_WITHOUT_FAULT;
}

/* After a process that ended itself: everything acknowledged, nothing by halves. */
static int open_what_is_left(void)
{
    bool is_an_end = false;
    faults_arm(FAULT_MEMORY, UINT64_MAX, 0);
    g.now = g.scene->market.now;
    g.ledger = open_ledger();
    uint64_t const size = head_now();
    REQUIRE(size >= g.told->acknowledged);
    for (size_t i = 0; i < g.count; i++) {
        is_an_end = is_an_end || g.ends[i] == size;
    }
    REQUIRE(size == 0 || is_an_end);
    if (size > 0) {
        check_records(size);
        check_views();
    }
    close_ledger();
    scene_close(g.scene);
    g.scene = NULL;
    return PASSED;
}

/* The status of a child that runs one of the two; what it wrote is in `ret_said`. */
static int in_child(bool survives, enum fault_kind kind, uint64_t n, int error, char *ret_said,
                    size_t said_size)
{
    int status = 0;
    int said = memfd_create("said", 0);
    assert_true(said >= 0);
    pid_t const child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(said, STDERR_FILENO);
        exit(survives ? open_what_is_left()
                      : play_with_fault(kind, n, error)); /* with the leak check */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    ssize_t const size = pread(said, ret_said, said_size - 1, 0);
    ret_said[size > 0 ? size : 0] = '\0';
    (void)close(said);
    return status;
}

static bool passed(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == PASSED;
}

struct counts {
    uint64_t calls;
    uint64_t tried;
    uint64_t ended; /* by the ledger itself */
};

/* False: nothing was left to fail. */
static bool try_one(enum fault_kind kind, uint64_t n, int error, struct counts *counts)
{
    static char said[65536];
    memset(g.told, 0, sizeof *g.told);
    (void)snprintf(g.folder, sizeof g.folder, "%s/tally-nth-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(g.folder));
    (void)snprintf(g.copy, sizeof g.copy, "%s.checkpoint", g.folder);
    int status = in_child(false, kind, n, error, said, sizeof said);
    bool const more = !(WIFEXITED(status) && WEXITSTATUS(status) == PASSED_WITHOUT_FAULT);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
        strstr(said, "the log could not be written or synced") != NULL) {
        counts->ended++;
        status = in_child(true, kind, n, error, said, sizeof said);
    }
    (void)unlink(g.copy);
    temp_folder_remove(g.folder);
    counts->tried++;
    if (more && !passed(status)) {
        fail_msg("call %llu (%s) failing with %d: status %x: %s", (unsigned long long)n,
                 g.told->where, error, (unsigned)status, said);
    }
    return more;
}

static void fail_each(const char *name, enum fault_kind kind, int error)
{
    struct counts counts = {0};
    uint64_t n = 1;
    bool const all = getenv("TALLY_EVERY_CALL") != NULL; /* NOLINT(concurrency-mt-unsafe) */
    while (try_one(kind, n, error, &counts)) {
        n += all || n < CALLS_EACH
                 ? 1
                 : n / GROWTH; /* the tail is the same few places again and again */
    }
    print_message("%s, %s: up to %llu calls, %llu failures tried, %llu ended the process\n", name,
                  error == 0 ? "none left" : mdb_strerror(error), (unsigned long long)n,
                  (unsigned long long)counts.tried, (unsigned long long)counts.ended);
    assert_true(counts.tried > 5);
}

static void memory_may_fail_anywhere(void **state)
{
    (void)state;
    fail_each("memory", FAULT_MEMORY, 0);
}

static void reads_of_the_environments_may_fail_anywhere(void **state)
{
    (void)state;
    fail_each("LMDB reads", FAULT_MDB_READ, ENOMEM);
    fail_each("LMDB reads", FAULT_MDB_READ, EIO);
}

static void writes_of_the_environments_may_fail_anywhere(void **state)
{
    (void)state;
    fail_each("LMDB writes", FAULT_MDB_WRITE, ENOMEM);
    fail_each("LMDB writes", FAULT_MDB_WRITE, ENOSPC);
    fail_each("LMDB writes", FAULT_MDB_WRITE, MDB_MAP_FULL);
    fail_each("LMDB writes", FAULT_MDB_WRITE, EIO);
}

static void files_may_fail_anywhere(void **state)
{
    (void)state;
    fail_each("files", FAULT_FILE, ENOSPC);
    fail_each("files", FAULT_FILE, EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_may_fail_anywhere),
        cmocka_unit_test(reads_of_the_environments_may_fail_anywhere),
        cmocka_unit_test(writes_of_the_environments_may_fail_anywhere),
        cmocka_unit_test(files_may_fail_anywhere),
    };
    return cmocka_run_group_tests(tests, play_in_memory, forget);
}
