/* No room: in the map, on the disk, for the views alone.
 *
 * Goal:    consumers are refused first and clearly, what ends and settles jobs goes on with what is kept for it, reads always go on, and with room again
 *          all goes on as if nothing had been. Nothing answered is lost.
 * Method:  maps of a few MiB filled with sign-ins; commits of the views that the linker's wrapper refuses with ENOSPC or EIO (tests/support/faults.h). */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/rng.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/ledger/ledger.h"
#include "core/ledger/replay.h"
#include "core/log/log_reader.h"
#include "core/log/log_verify.h"
#include "core/market/terms.h"
#include "projections/all.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/temp_folder.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#define SMALL_MAP (UINT64_C(16) << 20)
#define LARGE_MAP (UINT64_C(1) << 26)

struct fixture {
    char folder[64];
    struct note_key key;
    struct ledger *ledger;
};

static void open_ledger(struct fixture *f, uint64_t map_size)
{
    const struct ledger_options options = {.data_dir = f->folder,
                                           .projections = PROJECTIONS,
                                           .projection_count = PROJECTION_COUNT,
                                           .checkpoint_key = &f->key,
                                           .map_size = map_size};
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

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct arena arena;
    trace_level_set(TRACE_ERROR);
    assert_non_null(f);
    arena_init(&arena, 1 << 16);
    (void)snprintf(f->folder, sizeof f->folder, "%s/tally-room-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"); /* no disk to wait for */
    assert_non_null(mkdtemp(f->folder));
    note_key_generate(&f->key);
    open_ledger(f, SMALL_MAP);
    struct command c = command_of(COMMAND_LEDGER_OPEN, ACTOR_OPERATOR);
    c.u.open = (struct ev_ledger_opened){.log_id = id_new(1),
                                         .generation = 1,
                                         .network = NETWORK_LOCAL,
                                         .record_format = 1,
                                         .checkpoint_key = f->key.public_key,
                                         .name = bytes_of_text("tally.test")};
    assert_int_equal(ledger_submit_wait(f->ledger, &c, CLASS_SETTLEMENT).code, ERR_OK);
    c = command_of(COMMAND_TERMS_SET, ACTOR_OPERATOR);
    assert_int_equal(terms_default(NETWORK_LOCAL, &arena, &c.u.terms, NULL), ERR_OK);
    assert_int_equal(ledger_submit_wait(f->ledger, &c, CLASS_SETTLEMENT).code, ERR_OK);
    arena_deinit(&arena);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    faults_fill_views(0);
    ledger_close(f->ledger);
    temp_folder_remove(f->folder);
    free(f);
    return 0;
}

static uint64_t head_now(struct fixture *f)
{
    struct ledger_stats stats;
    ledger_stats(f->ledger, &stats);
    return stats.head;
}

/* Views at the log's head, equal to a replay; and the log holds. */
static void check_whole(struct fixture *f)
{
    char folder[96];
    struct views *views = NULL;
    struct key32 ours;
    struct key32 replayed;
    struct log_verify_result result;
    const struct log_verify_options none = {0};
    const struct views_options options = {.folder = folder, .map_size = LARGE_MAP};
    const struct projection_list projections = {PROJECTIONS, PROJECTION_COUNT};
    (void)snprintf(folder, sizeof folder, "%s/again", f->folder);
    assert_int_equal(log_verify(ledger_log(f->ledger), &none, &result, NULL), ERR_OK);
    assert_int_equal(result.size, head_now(f));
    assert_int_equal(replay_open_views(&options, &projections, &views, NULL), ERR_OK);
    const struct replay replay = {.log = ledger_log(f->ledger),
                                  .views = views,
                                  .projections = projections,
                                  .to = head_now(f)};
    struct views_position position = {0};
    assert_int_equal(views_read_position(views, &position, NULL), ERR_OK);
    assert_int_equal(replay_run(&replay, position.sequence, NULL), ERR_OK);
    assert_int_equal(views_digest(views, &replayed, NULL), ERR_OK);
    assert_int_equal(views_digest(ledger_views(f->ledger), &ours, NULL), ERR_OK);
    assert_true(key_equal(ours, replayed));
    views_close(views);
}

/* Sign-ins until one is refused; its answer. */
static struct ledger_answer fill(struct fixture *f, enum command_class class, struct bytes label,
                                 size_t *ret_count)
{
    for (*ret_count = 0; *ret_count < 100000; (*ret_count)++) {
        struct command c = session();
        c.u.session.token.label = label;
        const struct ledger_answer answer = ledger_submit_wait(f->ledger, &c, class);
        if (answer.code != ERR_OK) {
            return answer;
        }
    }
    fail_msg("a map of 16 MiB took 100,000 sign-ins");
    return (struct ledger_answer){0};
}

static void a_full_map_keeps_its_last_tenth_for_settlement(void **state)
{
    struct fixture *f = *state;
    struct ledger_stats stats;
    size_t count = 0;
    struct ledger_answer answer = fill(f, CLASS_CONSUMER, bytes_of_text("x"), &count);
    assert_int_equal(answer.code, ERR_FULL);
    assert_non_null(strstr(answer.err.message, "log_full: "));
    ledger_stats(f->ledger, &stats);
    assert_true(stats.log_fill_permille >= 900 || stats.views_fill_permille >= 900);
    assert_true(count > 100);
    struct command c = session();
    assert_int_equal(ledger_submit_wait(f->ledger, &c, CLASS_BULK).code, ERR_FULL);
    size_t kept = 0;
    uint64_t const before = head_now(f);
    answer = fill(f, CLASS_REPORT, bytes_of_text("x"), &kept);
    print_message("%zu sign-ins of consumers, then %zu on what is kept\n", count, kept);
    assert_int_equal(answer.code, ERR_FULL);
    assert_true(kept > 20);
    assert_int_equal(head_now(f), before + 2 * kept); /* what was refused is not there */
    check_whole(f);
}

static void a_larger_map_takes_all_again(void **state)
{
    struct fixture *f = *state;
    static char label[16384]; /* this time it is the log that is full */
    size_t count = 0;
    memset(label, 'x', sizeof label);
    (void)fill(f, CLASS_SETTLEMENT, bytes_of(label, sizeof label), &count);
    uint64_t const head = head_now(f);
    ledger_close(f->ledger);
    open_ledger(f, LARGE_MAP);
    assert_int_equal(head_now(f), head);
    check_whole(f);
    const struct command c = session();
    assert_int_equal(ledger_submit_wait(f->ledger, &c, CLASS_CONSUMER).code, ERR_OK);
    check_whole(f);
}

struct waiting {
    atomic_bool answered;
    struct ledger_answer answer;
};

static void answer_cb(void *ctx, const struct ledger_answer *answer)
{
    struct waiting *waiting = ctx;
    waiting->answer = *answer;
    atomic_store(&waiting->answered, true);
}

static bool answered_within(struct waiting *waiting, int64_t ms)
{
    int64_t const until = time_mono_ns() + ms * NS_PER_MS;
    while (!atomic_load(&waiting->answered) && time_mono_ns() < until) {
        (void)usleep(1000);
    }
    return atomic_load(&waiting->answered);
}

static uint64_t records_seen(struct fixture *f)
{
    struct log_reader *reader = NULL;
    assert_int_equal(log_reader_open(ledger_log(f->ledger), &reader, NULL), ERR_OK);
    uint64_t const size = log_reader_size(reader);
    log_reader_close(reader);
    return size;
}

static uint64_t position_seen(struct fixture *f)
{
    struct views_snapshot *snapshot = NULL;
    assert_int_equal(views_snapshot_open(ledger_views(f->ledger), &snapshot, NULL), ERR_OK);
    uint64_t const position = views_snapshot_position(snapshot)->sequence;
    views_snapshot_close(snapshot);
    return position;
}

static void wait_until_written(struct fixture *f, uint64_t size)
{
    int64_t const until = time_mono_ns() + 20 * NS_PER_S;
    while (records_seen(f) < size && time_mono_ns() < until) {
        (void)usleep(1000);
    }
    assert_int_equal(records_seen(f), size);
}

static void wait_without_room(struct fixture *f, int error)
{
    struct waiting first = {0};
    struct waiting second = {0};
    const struct command one = session();
    const struct command two = session();
    uint64_t const head = head_now(f);
    faults_fill_views(error);
    assert_int_equal(ledger_submit(f->ledger, &one, CLASS_CONSUMER, answer_cb, &first, NULL),
                     ERR_OK);
    wait_until_written(f, head + 2);          /* readers see the log's records … */
    assert_int_equal(position_seen(f), head); /* … and the views as they were */
    assert_int_equal(ledger_submit(f->ledger, &two, CLASS_SETTLEMENT, answer_cb, &second, NULL),
                     ERR_OK);
    assert_false(answered_within(&first, 300));
    assert_int_equal(records_seen(f),
                     head + 2); /* nothing goes past what the views could not follow */
    faults_fill_views(0);
    assert_true(answered_within(&first, 20000) && answered_within(&second, 20000));
    assert_int_equal(first.answer.code, ERR_OK);
    assert_int_equal(second.answer.code, ERR_OK);
    assert_int_equal(second.answer.last, head + 4);
    assert_int_equal(position_seen(f), head + 4);
    check_whole(f);
}

static void without_room_for_the_views_answers_wait_and_readers_do_not(void **state)
{
    wait_without_room(*state, ENOSPC);
}

static void a_short_write_of_the_views_is_want_of_room(void **state)
{
    wait_without_room(*state, EIO);
}

static void closing_without_room_for_the_views_answers_what_is_in_the_log(void **state)
{
    struct fixture *f = *state;
    struct waiting first = {0};
    struct waiting second = {0};
    const struct command one = session();
    const struct command two = session();
    uint64_t const head = head_now(f);
    faults_fill_views(ENOSPC);
    assert_int_equal(ledger_submit(f->ledger, &one, CLASS_CONSUMER, answer_cb, &first, NULL),
                     ERR_OK);
    wait_until_written(f, head + 2);
    assert_int_equal(ledger_submit(f->ledger, &two, CLASS_SETTLEMENT, answer_cb, &second, NULL),
                     ERR_OK);
    ledger_close(f->ledger);
    assert_true(answered_within(&first, 0) && answered_within(&second, 0));
    assert_int_equal(first.answer.code, ERR_OK);
    assert_int_equal(second.answer.code,
                     ERR_UNAVAILABLE); /* nothing is decided on views that are behind */
    faults_fill_views(0);
    open_ledger(f, SMALL_MAP);
    assert_int_equal(head_now(f), head + 2);
    check_whole(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_full_map_keeps_its_last_tenth_for_settlement),
        TEST(a_larger_map_takes_all_again),
        TEST(without_room_for_the_views_answers_wait_and_readers_do_not),
        TEST(a_short_write_of_the_views_is_want_of_room),
        TEST(closing_without_room_for_the_views_answers_what_is_in_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
