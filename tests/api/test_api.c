/* The sweeper as the server runs it: it comes back after a failure, and a thousand deadlines at once do not wait for a thousand seconds.
 *
 * Method:  a market in memory is played into a real ledger, command by command and by the market's clock; the loop is turned by hand. */
// SPDX-License-Identifier: Apache-2.0
#include "api/api.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/crypto/sha256.h"
#include "core/market/terms.h"
#include "projections/all.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/market_scene.h"
#include "tests/support/net_peer.h"
#include "tests/support/temp_folder.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static struct {
    char folder[64];
    struct note_key key;
    uv_loop_t loop;
    struct api api;
    struct scene *scene;
    int64_t now;
} g;

static int64_t wall_ns(void)
{
    return g.now;
}

static void play(void *ctx, const struct command *command)
{
    g.now = ((struct market *)ctx)->now;
    (void)ledger_submit_wait(g.api.ledger, command, CLASS_CONSUMER);
}

static int setup(void **state)
{
    (void)state;
    memset(&g, 0, sizeof g);
    trace_level_set(TRACE_ERROR);
    note_key_generate(&g.key);
    (void)snprintf(g.folder, sizeof g.folder, "%s/tally-api-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"); /* no disk to wait for */
    assert_non_null(mkdtemp(g.folder));
    assert_int_equal(uv_loop_init(&g.loop), 0);
    assert_int_equal(api_prepare(&g.api, &g.loop), 0);
    const struct ledger_options options = {.data_dir = g.folder,
                                           .projections = PROJECTIONS,
                                           .projection_count = PROJECTION_COUNT,
                                           .checkpoint_key = &g.key,
                                           .map_size = UINT64_C(1) << 26,
                                           .wall_ns = wall_ns,
                                           .on_commit = api_post_commit,
                                           .on_commit_ctx = &g.api};
    assert_int_equal(ledger_open(&options, &g.api.ledger, NULL), ERR_OK);
    g.scene =
        scene_open(&(struct scene_options){.on_command = play, .checkpoint_key = g.key.public_key});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ledger_close(g.api.ledger);
    uv_close((uv_handle_t *)&g.api.wake, NULL);
    (void)uv_run(&g.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&g.loop), 0);
    (void)pthread_mutex_destroy(&g.api.mutex);
    scene_close(g.scene);
    temp_folder_remove(g.folder);
    return 0;
}

/* The sweep was answered, and what it posted to the loop was done. */
static void turn(void)
{
    const struct command command = {.type = COMMAND_JOB_CANCEL,
                                    .command_id = id_new(time_wall_ns()),
                                    .actor_kind = ACTOR_ACCOUNT};
    struct ledger_answer answer = ledger_submit_wait(g.api.ledger, &command, CLASS_SETTLEMENT);
    assert_int_equal(answer.code, ERR_NOT_FOUND); /* it was behind the sweep in the same queue */
    (void)uv_run(&g.loop, UV_RUN_NOWAIT);
}

static size_t jobs_ended(void)
{
    struct views_snapshot *snapshot;
    struct job_row job;
    size_t ended = 0;
    assert_int_equal(views_snapshot_open(ledger_views(g.api.ledger), &snapshot, NULL), ERR_OK);
    for (size_t i = 0; i < g.scene->market.jobs.count; i++) {
        assert_true(state_job(views_snapshot_store(snapshot), g.scene->market.jobs.ids[i], &job));
        ended += job.status == JOB_ENDED ? 1 : 0;
    }
    views_snapshot_close(snapshot);
    return ended;
}

static void queue_until_overdue(size_t count)
{
    struct market *market = &g.scene->market;
    for (size_t i = 0; i < count; i++) {
        (void)market_queued_job(market, g.scene->consumer, g.scene->offer, 60000);
    }
    g.now = market->now + (int64_t)market->terms.queue_max_s * NS_PER_S;
    assert_int_equal(jobs_ended(), 0);
}

static void a_sweep_without_memory_is_not_the_last(void **state)
{
    (void)state;
    queue_until_overdue(1);
    faults_arm(FAULT_MEMORY, 1, 0);
    api_sweep(&g.api);
    (void)faults_disarm();
    turn();
    api_sweep(&g.api);
    turn();
    assert_int_equal(jobs_ended(), 1);
}

static void more_than_one_sweep_can_take_need_no_second_tick(void **state)
{
    (void)state;
    queue_until_overdue(40);
    api_sweep(&g.api); /* one tick of the timer */
    for (size_t i = 0; i < 4; i++) {
        turn();
    }
    assert_int_equal(jobs_ended(), 40);
    assert_false(g.api.sweep_again);
}

/* ── when the views cannot be read ─────────────────────────────────────────────────────────────── */

#define TOKEN "a token of the consumer's"

static void issue_token(const char *token)
{
    struct command command = {.type = COMMAND_TOKEN_ISSUE,
                              .command_id = id_new(time_wall_ns()),
                              .actor_kind = ACTOR_OPERATOR};
    command.u.token.account_id = g.scene->consumer;
    command.u.token.token = (struct ev_token_issued){.token_id = id_new(time_wall_ns()),
                                                     .token_hash = sha256_of(bytes_of_text(token)),
                                                     .scopes = SCOPE_CONSUMER,
                                                     .label = bytes_of_text("test")};
    assert_int_equal(ledger_submit_wait(g.api.ledger, &command, CLASS_CONSUMER).code, ERR_OK);
}

static int setup_serving(void **state)
{
    struct err err = {0};
    (void)setup(state);
    issue_token(TOKEN);
    g.api.options = (struct api_options){.data_dir = g.folder,
                                         .qubic_live_url = "http://127.0.0.1:9",
                                         .qubic_query_url = "http://127.0.0.1:9"};
    if (api_start(&g.api, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    (void)uv_timer_stop(&g.api.tick); /* the only reads are the request's */
    return 0;
}

static int teardown_serving(void **state)
{
    (void)state;
    (void)faults_disarm();
    api_stop(&g.api);
    (void)uv_run(&g.loop, UV_RUN_DEFAULT);
    api_finish(&g.api);
    ledger_close(g.api.ledger);
    assert_int_equal(uv_loop_close(&g.loop), 0);
    (void)pthread_mutex_destroy(&g.api.mutex);
    scene_close(g.scene);
    temp_folder_remove(g.folder);
    return 0;
}

/* GET with the token and the n-th read of LMDB failing; 0: none. True if one did. */
static bool get(const char *path, uint64_t n, int *ret_status)
{
    static unsigned written;
    char other[40];
    char text[300];
    struct buf got;
    (void)snprintf(other, sizeof other, "another token, %u", ++written);
    issue_token(other); /* or what was read before would be given again, without a read */
    buf_init(&got, 1 << 20);
    (void)snprintf(text, sizeof text,
                   "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                   "Authorization: Bearer " TOKEN "\r\n\r\n",
                   path);
    int fd = peer_connect(http_server_port(g.api.server));
    faults_arm(FAULT_MDB_READ, n, EIO);
    assert_true(peer_send_text(&g.loop, fd, text));
    assert_true(peer_receive(&g.loop, fd, &got, NULL, 0));
    bool failed = faults_disarm();
    assert_int_equal(sscanf(buf_text(&got), "HTTP/1.1 %d", ret_status), 1); /* NOLINT */
    if (failed && *ret_status == 503) {
        assert_non_null(strstr(buf_text(&got), "\"unreadable\""));
    }
    (void)close(fd);
    buf_deinit(&got);
    return failed;
}

/* Which rows and tokens there are is not known then: nothing is said to be missing. */
static void what_cannot_be_read_is_not_called_unknown(void **state)
{
    (void)state;
    char job[80] = "/v1/jobs/";
    (void)market_queued_job(&g.scene->market, g.scene->consumer, g.scene->offer, 60000);
    id_format(g.scene->market.jobs.ids[0], job + strlen(job));
    const char *const PATHS[] = {"/v1/jobs", job, "/v1/offers"};
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        int status = 0;
        uint64_t n = 1;
        uint64_t unreadable = 0;
        assert_false(get(PATHS[i], 0, &status));
        assert_int_equal(status, 200);
        while (get(PATHS[i], n, &status)) {
            if (status != 200 && status != 500 && status != 503) {
                fail_msg("%s with read %d failing is %d", PATHS[i], (int)n, status);
            }
            unreadable += status == 503 ? 1 : 0;
            n++;
        }
        assert_in_range(unreadable, 5, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sweep_without_memory_is_not_the_last, setup, teardown),
        cmocka_unit_test_setup_teardown(more_than_one_sweep_can_take_need_no_second_tick, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_not_called_unknown, setup_serving,
                                        teardown_serving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
