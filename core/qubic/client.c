/* core/qubic/client.c: opening and closing, and the questions there are. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/rng.h"
#include "core/qubic/client_internal.h"

#include <stdlib.h>
#include <string.h>

#define REQUEST_MAX ((size_t)16 << 10)
#define TIMEOUT_MS_DEFAULT 10000
#define ATTEMPTS_DEFAULT 4
#define BACKOFF_FIRST_MS 200
#define BACKOFF_MAX_MS 5000
#define BREAKER_FAILURES 8
#define BREAKER_OPEN_MS 1000
#define BREAKER_OPEN_MAX_MS 15000
#define REQUESTS_PER_S_MAX 1000

static char *copy_url(const char *url)
{
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) {
        return NULL;
    }
    char *copy = strdup(url);
    for (size_t size = copy != NULL ? strlen(copy) : 0; size > 0 && copy[size - 1] == '/'; size--) {
        copy[size - 1] = '\0';
    }
    return copy;
}

static enum err_code set_up(struct qubic_client *client, const struct qubic_client_options *options,
                            struct err *err)
{
    if (options->requests_per_s > REQUESTS_PER_S_MAX) {
        return err_set(err, ERR_INVALID, "chain service: expected at most %d requests a second",
                       REQUESTS_PER_S_MAX);
    }
    client->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : TIMEOUT_MS_DEFAULT;
    client->deadline_ms = options->deadline_ms != 0 ? options->deadline_ms : 3 * client->timeout_ms;
    client->attempts_max = options->attempts_max != 0 ? options->attempts_max : ATTEMPTS_DEFAULT;
    client->rate.per_s = options->requests_per_s;
    client->rate.burst = options->burst != 0 ? options->burst : options->requests_per_s;
    client->backoff = (struct backoff){
        .first_ms = BACKOFF_FIRST_MS, .max_ms = BACKOFF_MAX_MS, .seed = options->jitter_seed};
    if (options->jitter_seed == 0) {
        rng_bytes(&client->backoff.seed, sizeof client->backoff.seed);
    }
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        client->breakers[i] = (struct breaker){.failures_max = BREAKER_FAILURES,
                                               .open_ms = BREAKER_OPEN_MS,
                                               .open_max_ms = BREAKER_OPEN_MAX_MS};
    }
    client->urls[SERVICE_LIVE] = copy_url(options->live_url);
    client->urls[SERVICE_QUERY] = copy_url(options->query_url);
    if (client->urls[SERVICE_LIVE] == NULL || client->urls[SERVICE_QUERY] == NULL) {
        return err_set(err, ERR_INVALID, "chain service: expected an http:// or https:// address");
    }
    if (options->ca_file != NULL && (client->ca_file = strdup(options->ca_file)) == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    return ERR_OK;
}

enum err_code qubic_client_create_on(const struct qubic_io *io,
                                     const struct qubic_client_options *options,
                                     struct qubic_client **ret, struct err *err)
{
    struct qubic_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    enum err_code const code = set_up(client, options, err);
    client->io = *io;
    if (code != ERR_OK) {
        client->io.release = NULL; /* the caller's, still */
        qubic_client_destroy(client);
        return code;
    }
    *ret = client;
    return ERR_OK;
}

enum err_code qubic_client_create(struct http_client *http,
                                  const struct qubic_client_options *options,
                                  struct qubic_client **ret, struct err *err)
{
    struct qubic_io io;
    enum err_code code = http_io_create(http, &io, err);
    if (code == ERR_OK) {
        code = qubic_client_create_on(&io, options, ret, err);
        if (code != ERR_OK) {
            io.release(io.ctx);
        }
    }
    return code;
}

void qubic_client_destroy(struct qubic_client *client)
{
    if (client == NULL) {
        return;
    }
    while (client->first != NULL) {
        qubic_call_cancel(client->first);
    }
    if (client->io.release != NULL) {
        client->io.release(client->io.ctx);
    }
    free(client->urls[SERVICE_LIVE]);
    free(client->urls[SERVICE_QUERY]);
    free(client->ca_file);
    free(client->balances);
    free(client);
}

enum err_code qubic_client_tick_info(struct qubic_client *client, struct qubic_listener listener,
                                     struct qubic_call **ret_call, struct err *err)
{
    struct qubic_call const call = {
        .service = SERVICE_LIVE, .listener = listener, .question = ASK_TICK_INFO};
    struct buf body = {0};
    return qubic_client_ask(client, &call, "tick-info", &body, ret_call, err);
}

static enum err_code ask_balance(struct qubic_client *client, const struct key32 *identity,
                                 bool may_be_known, struct qubic_listener listener,
                                 struct qubic_call **ret_call, struct err *err)
{
    struct qubic_call const call = {.service = SERVICE_LIVE,
                                    .listener = listener,
                                    .question = ASK_BALANCE,
                                    .key = *identity,
                                    .may_be_known = may_be_known};
    struct buf body = {0};
    char path[16 + QUBIC_IDENTITY_TEXT_SIZE] = "balances/";
    qubic_identity_format(identity, path + strlen(path));
    return qubic_client_ask(client, &call, path, &body, ret_call, err);
}

enum err_code qubic_client_balance(struct qubic_client *client, const struct key32 *identity,
                                   struct qubic_listener listener, struct qubic_call **ret_call,
                                   struct err *err)
{
    return ask_balance(client, identity, false, listener, ret_call, err);
}

enum err_code qubic_client_balance_known(struct qubic_client *client, const struct key32 *identity,
                                         struct qubic_listener listener,
                                         struct qubic_call **ret_call, struct err *err)
{
    return ask_balance(client, identity, true, listener, ret_call, err);
}

enum err_code qubic_client_broadcast(struct qubic_client *client,
                                     const struct qubic_transaction *tx,
                                     struct qubic_listener listener, struct qubic_call **ret_call,
                                     struct err *err)
{
    struct qubic_call const call = {.service = SERVICE_LIVE,
                                    .listener = listener,
                                    .question = ASK_BROADCAST,
                                    .key = qubic_transaction_hash(tx)};
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    struct buf body;
    buf_init(&body, REQUEST_MAX);
    qubic_rpc_build_broadcast_request(&body, bytes_of(wire, qubic_transaction_encode(tx, wire)));
    return qubic_client_ask(client, &call, "broadcast-transaction", &body, ret_call, err);
}

enum err_code qubic_client_processed_tick(struct qubic_client *client,
                                          struct qubic_listener listener,
                                          struct qubic_call **ret_call, struct err *err)
{
    struct qubic_call const call = {
        .service = SERVICE_QUERY, .listener = listener, .question = ASK_PROCESSED_TICK};
    struct buf body = {0};
    return qubic_client_ask(client, &call, "getLastProcessedTick", &body, ret_call, err);
}

enum err_code qubic_client_transaction(struct qubic_client *client, const struct key32 *hash,
                                       struct qubic_listener listener, struct qubic_call **ret_call,
                                       struct err *err)
{
    struct qubic_call const call = {
        .service = SERVICE_QUERY, .listener = listener, .question = ASK_TRANSACTION, .key = *hash};
    struct buf body;
    buf_init(&body, REQUEST_MAX);
    qubic_rpc_build_hash_request(&body, hash);
    return qubic_client_ask(client, &call, "getTransactionByHash", &body, ret_call, err);
}

static enum err_code ask_tick(struct qubic_client *client, uint32_t tick, enum question question,
                              const char *path, struct qubic_listener listener,
                              struct qubic_call **ret_call, struct err *err)
{
    struct qubic_call const call = {
        .service = SERVICE_QUERY, .listener = listener, .question = question, .tick = tick};
    struct buf body;
    buf_init(&body, REQUEST_MAX);
    qubic_rpc_build_tick_request(&body, tick);
    return qubic_client_ask(client, &call, path, &body, ret_call, err);
}

enum err_code qubic_client_transactions_for_tick(struct qubic_client *client, uint32_t tick,
                                                 struct qubic_listener listener,
                                                 struct qubic_call **ret_call, struct err *err)
{
    return ask_tick(client, tick, ASK_TRANSACTIONS_FOR_TICK, "getTransactionsForTick", listener,
                    ret_call, err);
}

enum err_code qubic_client_tick_data(struct qubic_client *client, uint32_t tick,
                                     struct qubic_listener listener, struct qubic_call **ret_call,
                                     struct err *err)
{
    return ask_tick(client, tick, ASK_TICK_DATA, "getTickData", listener, ret_call, err);
}

enum err_code qubic_client_identity_transactions(struct qubic_client *client,
                                                 const struct qubic_identity_query *query,
                                                 struct qubic_listener listener,
                                                 struct qubic_call **ret_call, struct err *err)
{
    struct qubic_call const call = {.service = SERVICE_QUERY,
                                    .listener = listener,
                                    .question = ASK_IDENTITY_TRANSACTIONS,
                                    .query = *query};
    struct buf body;
    buf_init(&body, REQUEST_MAX);
    qubic_rpc_build_identity_request(&body, query);
    return qubic_client_ask(client, &call, "getTransactionsForIdentity", &body, ret_call, err);
}
