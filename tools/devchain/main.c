/* tools/devchain/main.c: tally-devchain, a Qubic network in one process, for development and tests. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "core/base/trace.h"
#include "tools/devchain/api.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define CLOSE_GRACE_MS 2000

static const char usage_text[] =
    "usage: tally-devchain --data DIR [options]\n"
    "\n"
    "A local Qubic network: ticks, transactions and the Live and Query RPC on 127.0.0.1.\n"
    "\n"
    "  --data DIR        where the history is kept (made if missing)\n"
    "  --port N          0 to 65535; 0: any free port              [0]\n"
    "  --tick-ms N       1 to 60000, time between ticks            [1000]\n"
    "  --start-tick N    first tick of a new network               [1000]\n"
    "  --epoch N         epoch of a new network                    [200]\n"
    "  --min-offset N    1 to 100, ticks a transaction must be ahead [3]\n"
    "  --archive-lag N   0 to 1000, ticks the Query RPC is behind  [0]\n"
    "  --seed N          0 or more, what the faults are drawn from [1]\n"
    "  --fault NAME=N    as often as wanted; N of a thousand       [0]\n"
    "                    ticks: empty_tick skipped_tick epoch_pause archive_lag\n"
    "                    transactions: no_money zero_balance duplicate too_soon\n"
    "                    questions: not_found busy server_error not_json slow cut\n"
    "                    and how far they go: skip_ticks [5] pause_ticks [20] slow_ms [2000]\n"
    "                    min_offset [3] archive_lag_ticks [0]\n"
    "\n"
    "Prints `tally-devchain listening on http://127.0.0.1:PORT` when it is ready.\n"
    "SIGTERM and SIGINT stop it after the tick that is being written.\n";

struct program {
    struct node *node;
    struct api *api;
    struct http_server *server;
    uv_signal_t signals[2];
    bool stopping;
};

struct settings {
    struct node_options node;
    uint16_t port;
};

static bool number_option(const char *name, const char *text, uint64_t min, uint64_t max,
                          uint32_t *ret)
{
    uint64_t number;
    if (u64_parse(bytes_of_text(text), &number, NULL) != ERR_OK || number < min || number > max) {
        fprintf(stderr, "tally-devchain: --%s: expected %llu to %llu, got '%s'\n", name,
                (unsigned long long)min, (unsigned long long)max, text);
        return false;
    }
    *ret = (uint32_t)number;
    return true;
}

/* `setting` NULL: `text` says which, too. */
static bool plan_option(const char *name, const char *setting, const char *text,
                        struct fault_plan *plan)
{
    struct err err = {0};
    int64_t number = 0;
    enum err_code code = ERR_OK;
    if (setting == NULL) {
        code = fault_plan_set_text(plan, text, &err);
    } else {
        code = i64_parse(bytes_of_text(text), &number, &err);
        if (code == ERR_OK) {
            code = fault_plan_set(plan, bytes_of_text(setting), number, &err);
        }
    }
    if (code != ERR_OK) {
        fprintf(stderr, "tally-devchain: --%s: %s\n", name, err.message);
    }
    return code == ERR_OK;
}

/* 0: go on; otherwise the exit status + 1. */
static int read_settings(int argc, char **argv, struct settings *ret)
{
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'},
        {"port", required_argument, NULL, 'p'},
        {"tick-ms", required_argument, NULL, 't'},
        {"start-tick", required_argument, NULL, 's'},
        {"epoch", required_argument, NULL, 'e'},
        {"min-offset", required_argument, NULL, 'm'},
        {"archive-lag", required_argument, NULL, 'a'},
        {"seed", required_argument, NULL, 'S'},
        {"fault", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    uint32_t port = 0;
    bool good = true;
    int option;
    *ret = (struct settings){.node = {.chain = {.start_tick = 1000, .epoch = 200},
                                      .plan = fault_plan_none(),
                                      .tick_ms = 1000}};
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) { // NOLINT: one thread
        switch (option) {
        case 'd':
            ret->node.folder = optarg;
            break;
        case 'p':
            good = number_option("port", optarg, 0, 65535, &port) && good;
            break;
        case 't':
            good = number_option("tick-ms", optarg, 1, 60000, &ret->node.tick_ms) && good;
            break;
        case 's':
            good = number_option("start-tick", optarg, 1, UINT32_MAX / 2,
                                 &ret->node.chain.start_tick) &&
                   good;
            break;
        case 'e':
            good = number_option("epoch", optarg, 0, 65535, &ret->node.chain.epoch) && good;
            break;
        case 'm':
            good = plan_option("min-offset", "min_offset", optarg, &ret->node.plan) && good;
            break;
        case 'a':
            good = plan_option("archive-lag", "archive_lag_ticks", optarg, &ret->node.plan) && good;
            break;
        case 'S':
            good = plan_option("seed", "seed", optarg, &ret->node.plan) && good;
            break;
        case 'f':
            good = plan_option("fault", NULL, optarg, &ret->node.plan) && good;
            break;
        case 'h':
            fputs(usage_text, stdout);
            return 1;
        default:
            good = false;
        }
    }
    ret->port = (uint16_t)port;
    ret->node.chain.tick_seconds = ret->node.tick_ms / 1000;
    if (good && (ret->node.folder == NULL || optind != argc)) {
        fprintf(stderr, "tally-devchain: %s\n",
                ret->node.folder == NULL ? "--data DIR is needed" : "unexpected argument");
        good = false;
    }
    if (!good) {
        fprintf(stderr, "\n%s", usage_text);
        return 3;
    }
    return 0;
}

static void node_closed(void *ctx)
{
    (void)ctx;
}

static void server_closed(void *ctx)
{
    struct program *program = ctx;
    program->server = NULL;
    node_close(program->node, node_closed, program);
}

/* Ticks go on while requests are finished: some of them wait for a tick. */
static void stop(struct program *program)
{
    if (program->stopping) {
        return;
    }
    program->stopping = true;
    for (size_t i = 0; i < 2; i++) {
        uv_close((uv_handle_t *)&program->signals[i], NULL);
    }
    if (program->server != NULL) {
        http_server_close(program->server, CLOSE_GRACE_MS, server_closed, program);
    } else {
        server_closed(program);
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    trace(TRACE_INFO, "devchain.stopping", "signal=%d", number);
    stop(handle->data);
}

static enum err_code start(struct program *program, uv_loop_t *loop, struct settings *settings,
                           struct err *err)
{
    static const int numbers[2] = {SIGTERM, SIGINT};
    struct http_server_options const server = {.port = settings->port};
    enum err_code code = api_create(loop, &program->api, err);
    if (code != ERR_OK) {
        return code;
    }
    settings->node.on_tick = api_on_tick;
    settings->node.ctx = program->api;
    code = node_create(loop, &settings->node, &program->node, err);
    if (code != ERR_OK) {
        return code;
    }
    api_set_node(program->api, program->node);
    for (size_t i = 0; i < 2; i++) {
        uv_signal_init(loop, &program->signals[i]);
        program->signals[i].data = program;
        uv_signal_start(&program->signals[i], on_signal, numbers[i]);
    }
    code = node_start(program->node, err);
    if (code == ERR_OK) {
        code =
            http_server_create(loop, &server, api_on_request, program->api, &program->server, err);
    }
    return code;
}

int main(int argc, char **argv)
{
    struct settings settings;
    struct program program = {0};
    struct err err = {0};
    uv_loop_t loop;
    int const early = read_settings(argc, argv, &settings);
    if (early != 0) {
        return early - 1;
    }
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || uv_loop_init(&loop) != 0) {
        perror("tally-devchain");
        return 1;
    }
    enum err_code const code = start(&program, &loop, &settings, &err);
    if (code == ERR_OK) {
        printf("tally-devchain listening on http://127.0.0.1:%u\n",
               http_server_port(program.server));
        fflush(stdout);
        trace(TRACE_INFO, "devchain.ready", "tick=%u tick_ms=%u",
              chain_current_tick(network_chain(node_network(program.node))), settings.node.tick_ms);
    } else {
        fprintf(stderr, "tally-devchain: %s\n", err.message);
        if (program.node != NULL) {
            stop(&program);
        }
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    api_destroy(program.api);
    return code == ERR_OK ? 0 : 1;
}
