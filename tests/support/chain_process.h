/* A real tally-devchain of a test's own, asked and paid into over its RPC. Any trouble fails the test.
 *
 * Owner:   chain_process_start fills caller's storage; chain_process_end kills the program and removes its folder.
 * Thread:  one. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_CHAIN_PROCESS_H
#define TESTS_SUPPORT_CHAIN_PROCESS_H

#include "core/base/time.h"
#include "core/qubic/client.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

struct chain_process {
    char folder[64];
    char live_url[64];
    char query_url[64];
    char faucet_url[64];
    unsigned port; /* the same after a restart */
    unsigned min_offset;
    unsigned start_tick;
    pid_t pid; /* 0: not running */
    uv_loop_t loop;
    struct http_client *http;
    struct qubic_client *client;
};

#define CHAIN_TICK_MS "20"

static inline void chain_process_run(struct chain_process *c)
{
    int out[2];
    char port[16];
    char min_offset[16];
    char start_tick[16];
    char line[128] = "";
    (void)snprintf(port, sizeof port, "%u", c->port);
    (void)snprintf(min_offset, sizeof min_offset, "%u", c->min_offset);
    (void)snprintf(start_tick, sizeof start_tick, "%u", c->start_tick);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    c->pid = fork();
    assert_true(c->pid >= 0);
    if (c->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (dup2(out[1], STDOUT_FILENO) < 0 ||
            (getenv("TALLY_TEST_TRACE") == NULL && dup2(quiet, STDERR_FILENO) < 0)) {
            _exit(126);
        }
        (void)execl(TALLY_BIN_DIR "/tally-devchain", "tally-devchain", "--data", c->folder,
                    "--port", port, "--tick-ms", CHAIN_TICK_MS, "--min-offset", min_offset,
                    "--start-tick", start_tick, (char *)NULL);
        _exit(127);
    }
    (void)close(out[1]);
    FILE *output = fdopen(out[0], "r");
    assert_non_null(output);
    if (fgets(line, sizeof line, output) == NULL) {
        fail_msg("tally-devchain did not start");
    }
    (void)fclose(output);
    const char *colon = strrchr(line, ':');
    assert_non_null(colon);
    c->port = (unsigned)strtoul(colon + 1, NULL, 10);
    (void)snprintf(c->live_url, sizeof c->live_url, "http://127.0.0.1:%u/live/v1", c->port);
    (void)snprintf(c->query_url, sizeof c->query_url, "http://127.0.0.1:%u/query/v1", c->port);
    (void)snprintf(c->faucet_url, sizeof c->faucet_url, "http://127.0.0.1:%u/dev/v1/faucet",
                   c->port);
}

static inline void chain_process_start(struct chain_process *c, unsigned start_tick,
                                       unsigned min_offset)
{
    *c = (struct chain_process){.min_offset = min_offset, .start_tick = start_tick};
    (void)temp_folder_create(c->folder);
    chain_process_run(c);
    struct qubic_client_options options = {
        .live_url = c->live_url, .query_url = c->query_url, .timeout_ms = 10000};
    assert_int_equal(uv_loop_init(&c->loop), 0);
    assert_int_equal(http_client_create(&c->loop, &c->http, NULL), ERR_OK);
    assert_int_equal(qubic_client_create(c->http, &options, &c->client, NULL), ERR_OK);
}

/* SIGKILL loses what only waited; SIGTERM does, too. */
static inline void chain_process_stop(struct chain_process *c, int signal_number)
{
    int status;
    if (c->pid != 0) {
        assert_int_equal(kill(c->pid, signal_number), 0);
        assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
        c->pid = 0;
    }
}

static inline void chain_process_end(struct chain_process *c)
{
    if (c->client == NULL) {
        return;
    }
    chain_process_stop(c, SIGKILL);
    qubic_client_destroy(c->client);
    http_client_close(c->http, NULL, NULL);
    while (uv_run(&c->loop, UV_RUN_DEFAULT) != 0) {
    }
    assert_int_equal(uv_loop_close(&c->loop), 0);
    temp_folder_remove(c->folder);
    *c = (struct chain_process){0};
}

/* ── questions ── */

struct chain_answer {
    bool done;
    struct qubic_answer answer; /* without its slices */
};

static inline void chain_answered_cb(void *ctx, const struct qubic_answer *answer)
{
    struct chain_answer *a = ctx;
    a->answer = *answer;
    a->done = true;
}

/* Asks until the service answers: a new connection may meet a program that was just killed. */
#define CHAIN_ASK(c, a, question)                                                                  \
    do {                                                                                           \
        int64_t give_up = time_mono_ns() + 10 * NS_PER_S;                                          \
        do {                                                                                       \
            struct qubic_listener l = {.on_answer = chain_answered_cb, .ctx = &(a)};               \
            (a) = (struct chain_answer){0};                                                        \
            assert_int_equal(question, ERR_OK);                                                    \
            while (!(a).done) {                                                                    \
                (void)uv_run(&(c)->loop, UV_RUN_ONCE);                                             \
            }                                                                                      \
        } while ((a).answer.code == ERR_UNAVAILABLE && time_mono_ns() < give_up);                  \
    } while (0)

static inline uint32_t chain_now(struct chain_process *c)
{
    struct chain_answer a;
    CHAIN_ASK(c, a, qubic_client_tick_info(c->client, l, NULL, NULL));
    assert_int_equal(a.answer.code, ERR_OK);
    return a.answer.tick_info.tick;
}

static inline void chain_wait_processed(struct chain_process *c, uint32_t tick)
{
    int64_t until = time_mono_ns() + 120 * NS_PER_S;
    struct chain_answer a;
    do {
        CHAIN_ASK(c, a, qubic_client_processed_tick(c->client, l, NULL, NULL));
        assert_int_equal(a.answer.code, ERR_OK);
        assert_true(time_mono_ns() < until);
        (void)usleep(2000);
    } while (a.answer.processed_tick.tick < tick);
}

static inline struct qubic_balance chain_balance_of(struct chain_process *c,
                                                    const struct key32 *identity)
{
    struct chain_answer a;
    CHAIN_ASK(c, a, qubic_client_balance(c->client, identity, l, NULL, NULL));
    assert_int_equal(a.answer.code, ERR_OK);
    return a.answer.balance;
}

static inline bool chain_has(struct chain_process *c, const struct key32 *hash)
{
    struct chain_answer a;
    CHAIN_ASK(c, a, qubic_client_transaction(c->client, hash, l, NULL, NULL));
    assert_true(a.answer.code == ERR_OK || a.answer.code == ERR_NOT_FOUND);
    return a.answer.code == ERR_OK && a.answer.transaction.money_flew;
}

/* Money out of nothing, in no transaction. */
static inline void chain_faucet(struct chain_process *c, const struct key32 *identity,
                                int64_t amount)
{
    static const struct http_field headers[] = {{"content-type", "application/json"}};
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    char body[160];
    int status = 0;
    qubic_identity_format(identity, text);
    (void)snprintf(body, sizeof body, "{\"identity\":\"%s\",\"amount\":\"%" PRId64 "\"}", text,
                   amount);
    struct http_call_options options = {.method = "POST",
                                        .url = c->faucet_url,
                                        .headers = headers,
                                        .header_count = 1,
                                        .body = bytes_of_text(body)};
    assert_int_equal(http_fetch(&options, NULL, &status, NULL, NULL), ERR_OK);
    assert_int_equal(status, 200);
}

/* Sign for a tick `offset` ahead and broadcast. Where `tx->tick` is set, it stays. */
static inline struct key32 chain_send(struct chain_process *c, struct qubic_transaction *tx,
                                      const struct qubic_keys *keys, uint32_t offset)
{
    struct chain_answer a;
    if (tx->tick == 0) {
        tx->tick = chain_now(c) + offset;
    }
    assert_int_equal(qubic_transaction_sign(tx, keys, NULL), ERR_OK);
    CHAIN_ASK(c, a, qubic_client_broadcast(c->client, tx, l, NULL, NULL));
    return qubic_transaction_hash(tx);
}

/* Send until it is in a tick and money moved. */
static inline struct key32 chain_pay(struct chain_process *c, struct qubic_transaction *tx,
                                     const struct qubic_keys *keys)
{
    struct key32 hash;
    do {
        tx->tick = 0;
        hash = chain_send(c, tx, keys, c->min_offset + 4);
        chain_wait_processed(c, tx->tick);
    } while (!chain_has(c, &hash));
    return hash;
}

#endif
