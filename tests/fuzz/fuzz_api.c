/* The server's API: every route with its parameters, cursors, headers and JSON fields. A request as in fuzz_http.h, its first byte the token that is added to it: none,
 * a consumer's, a provider's, a machine's, the operator's. Behind it is a market of a few hundred events in a ledger that takes no commands, so that an input means the
 * same each time: what would be written is refused at the very end, with 503. No answer is the server's fault, and every JSON answer is JSON. */
// SPDX-License-Identifier: Apache-2.0
#include "api/nonces.h"
#include "api/presence.h"
#include "core/base/file.h"
#include "core/base/trace.h"
#include "core/crypto/sha256.h"
#include "projections/all.h"
#include "tests/fuzz/fuzz_file.h"
#include "tests/fuzz/fuzz_http.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/market_scene.h"

#include <signal.h>
#include <string.h>

#define STEPS 150 /* of the random market */

enum { NOBODY, CONSUMER, PROVIDER, MACHINE, OPERATOR, TOKENS };
static const char *const NAMES[TOKENS] = {"", "consumer", "provider", "machine", "operator"};

static struct {
    uv_loop_t loop;
    struct api api;
    char folder[64];
    bool is_up;
} up;

static void remove_folder(void)
{
    fuzz_folder_remove(up.folder);
}

static struct ev_token_issued token_of(struct market *market, int who, uint64_t scopes)
{
    return (struct ev_token_issued){.token_id = market_new_id(market),
                                    .token_hash = sha256_of(bytes_of_text(NAMES[who])),
                                    .scopes = scopes};
}

static void issue(struct market *market, int who, uint64_t scopes, struct id16 account_id)
{
    struct command command =
        market_command(market, COMMAND_TOKEN_ISSUE, ACTOR_OPERATOR, (struct id16){0});
    command.u.token.account_id = account_id;
    command.u.token.token = token_of(market, who, scopes);
    INVARIANT(market_submit(market, &command) == ERR_OK);
}

/* A scene with a running job of people whose tokens are known, then whatever the random market does. */
static struct scene *make_market(void)
{
    struct scene *scene = scene_open(NULL);
    struct market *market = &scene->market;
    issue(market, CONSUMER, SCOPE_CONSUMER, scene->consumer);
    issue(market, PROVIDER, SCOPE_CONSUMER | SCOPE_PROVIDER, scene->provider);
    issue(market, OPERATOR, SCOPE_OPERATOR | SCOPE_AUDITOR, (struct id16){0});
    struct command command =
        market_command(market, COMMAND_HOST_ENROL, ACTOR_ACCOUNT, scene->provider);
    command.u.host = (struct command_host){.host_id = market_new_id(market),
                                           .host_name = bytes_of_text("rack-2"),
                                           .sealing_key = market_new_key(market),
                                           .token = token_of(market, MACHINE, SCOPE_WORKER)};
    INVARIANT(market_submit(market, &command) == ERR_OK);
    INVARIANT(market_host_online(market, command.u.host.host_id) == ERR_OK);
    struct id16 const offer = market_publish(market, command.u.host.host_id, 50000, 1000);
    (void)market_running_job(market, scene->consumer, command.u.host.host_id, offer, 60000);
    (void)market_upload(market, scene->consumer, 1000, 2000);
    for (int i = 0; i < STEPS; i++) {
        market_random_step(market);
    }
    return scene;
}

static void write_log(const struct market *market)
{
    struct event_log *log = NULL;
    char path[96];
    uint64_t first = 0;
    (void)snprintf(path, sizeof path, "%s/log", up.folder);
    const struct event_log_options options = {.folder = path, .map_size = 1U << 28, .create = true};
    INVARIANT(event_log_open(&options, &log, NULL) == ERR_OK);
    for (uint64_t sequence = 1; sequence <= market->sequence; sequence++) {
        const struct log_entry entry = {.record = market_record(market, sequence)};
        INVARIANT(event_log_append(log, &entry, 1, &first, NULL) == ERR_OK);
    }
    event_log_close(log);
}

static void start(void)
{
    static char unused_url[] = "http://127.0.0.1:9"; /* nobody answers there */
    fuzz_folder_create(up.folder);
    (void)atexit(remove_folder);
    (void)signal(SIGPIPE, SIG_IGN);
    trace_level_set(TRACE_ERROR);
    struct scene *scene = make_market();
    write_log(&scene->market);
    scene_close(scene);
    const struct ledger_options options = {.data_dir = up.folder,
                                           .projections = PROJECTIONS,
                                           .projection_count = PROJECTION_COUNT,
                                           .map_size = 1U << 28};
    struct err err = {0};
    if (ledger_open(&options, &up.api.ledger, &err) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        abort();
    }
    up.api.options = (struct api_options){
        .data_dir = up.folder, .qubic_live_url = unused_url, .qubic_query_url = unused_url};
    char cursor[96];
    (void)snprintf(cursor, sizeof cursor, "%s/cursor", up.folder);
    const struct operator_key key = {.network = NETWORK_LOCAL, .key_id = 1};
    const struct settlement_options settlement = {.ledger = up.api.ledger,
                                                  .operator_keys = &key,
                                                  .operator_key_count = 1,
                                                  .live_url = unused_url,
                                                  .query_url = unused_url,
                                                  .cursor_path = cursor,
                                                  .poll_ms = 60000};
    INVARIANT(settlement_start(&settlement, &up.api.settlement, &err) == ERR_OK);
    INVARIANT(uv_loop_init(&up.loop) == 0 && api_prepare(&up.api, &up.loop) == 0);
    INVARIANT(api_start(&up.api, &err) == ERR_OK);
    up.is_up = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf request;
    struct buf answer;
    char token[64] = "";
    if (size < 2 || size > 65536) {
        return 0;
    }
    if (!up.is_up) {
        start();
    }
    int const who = data[0] % TOKENS;
    if (who != NOBODY) {
        (void)snprintf(token, sizeof token, "Authorization: Bearer %s\r\n", NAMES[who]);
    }
    buf_init(&request, 1U << 20);
    buf_init(&answer, 64U << 20);
    fuzz_http_write(bytes_from(bytes_of(data, size), 1), token, &request);
    fuzz_http_ask(&up.loop, http_server_port(up.api.server), buf_bytes(&request), &answer);
    int const status = fuzz_http_check(&answer);
    INVARIANT(status != 500);
    buf_deinit(&answer);
    buf_deinit(&request);
    return 0;
}
