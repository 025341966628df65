/* core/qubic/client.c
 *
 *   ask ─▶ http_client_send ─▶ http_done: status 200 ─▶ parse ─▶ does it answer the question? ─▶ on_answer
 *                                         else ──────▶ qubic_rpc_parse_error ───────────────▶ on_answer */
// SPDX-License-Identifier: Apache-2.0
#include "core/qubic/client.h"

#include "core/base/invariant.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MAX ((size_t)16 << 10)
#define RESPONSE_MAX ((size_t)32 << 20) /* a full tick with full inputs is about 8 MB */
#define ARENA_MAX ((size_t)64 << 20)
#define TIMEOUT_MS_DEFAULT 10000

enum question {
    ASK_TICK_INFO,
    ASK_BALANCE,
    ASK_BROADCAST,
    ASK_PROCESSED_TICK,
    ASK_TRANSACTION,
    ASK_TRANSACTIONS_FOR_TICK,
    ASK_TICK_DATA,
    ASK_IDENTITY_TRANSACTIONS,
};

struct qubic_client {
    struct http_client *http;
    char *live_url;
    char *query_url;
    char *ca_file;
    uint32_t timeout_ms;
    struct qubic_call *calls;
};

struct qubic_call {
    struct qubic_client *client;
    struct qubic_call *previous;
    struct qubic_call *next;
    struct http_call *http;
    struct qubic_listener listener;
    enum question question;
    struct key32 key; /* the identity or hash that the answer must be about */
    struct qubic_identity_query query;
    uint32_t tick;
};

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

enum err_code qubic_client_create(struct http_client *http,
                                  const struct qubic_client_options *options,
                                  struct qubic_client **ret, struct err *err)
{
    struct qubic_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    client->http = http;
    client->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : TIMEOUT_MS_DEFAULT;
    client->live_url = copy_url(options->live_url);
    client->query_url = copy_url(options->query_url);
    if (client->live_url == NULL || client->query_url == NULL) {
        qubic_client_destroy(client);
        return err_set(err, ERR_INVALID, "chain service: expected an http:// or https:// address");
    }
    if (options->ca_file != NULL && (client->ca_file = strdup(options->ca_file)) == NULL) {
        qubic_client_destroy(client);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *ret = client;
    return ERR_OK;
}

void qubic_client_destroy(struct qubic_client *client)
{
    if (client == NULL) {
        return;
    }
    while (client->calls != NULL) {
        qubic_call_cancel(client->calls);
    }
    free(client->live_url);
    free(client->query_url);
    free(client->ca_file);
    free(client);
}

static void call_free(struct qubic_call *call)
{
    if (call->previous != NULL) {
        call->previous->next = call->next;
    } else {
        call->client->calls = call->next;
    }
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    free(call);
}

void qubic_call_cancel(struct qubic_call *call)
{
    http_call_cancel(call->http);
    call_free(call);
}

static enum err_code mismatch(struct err *err, const char *what)
{
    return err_set(err, ERR_UNAVAILABLE, "chain answer: %s than asked for", what);
}

static enum err_code check_ticks(const struct qubic_archived_list *list, uint32_t tick,
                                 struct err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].transaction.tick != tick) {
            return mismatch(err, "a transaction of another tick");
        }
    }
    return ERR_OK;
}

static enum err_code check_identity(const struct qubic_archived_list *list,
                                    const struct qubic_identity_query *query, struct err *err)
{
    if (list->count > query->size) {
        return mismatch(err, "more transactions");
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct qubic_transaction *tx = &list->items[i].transaction;
        if (!key_equal(tx->source, query->identity) &&
            !key_equal(tx->destination, query->identity)) {
            return mismatch(err, "a transaction of another identity");
        }
        if (tx->tick < query->tick_from || tx->tick > query->tick_to) {
            return mismatch(err, "a transaction of another tick");
        }
    }
    return ERR_OK;
}

/* ERR_INVALID if the body cannot be read, ERR_UNAVAILABLE if it answers something else. */
static enum err_code read_answer(const struct qubic_call *call, struct bytes body,
                                 struct arena *arena, struct qubic_answer *ret)
{
    struct err *err = &ret->err;
    enum err_code code = ERR_INTERNAL;
    switch (call->question) {
    case ASK_TICK_INFO:
        return qubic_rpc_parse_tick_info(body, &ret->tick_info, err);
    case ASK_PROCESSED_TICK:
        return qubic_rpc_parse_processed_tick(body, &ret->processed_tick, err);
    case ASK_BALANCE:
        code = qubic_rpc_parse_balance(body, &ret->balance, err);
        if (code == ERR_OK && !key_equal(ret->balance.identity, call->key)) {
            code = mismatch(err, "another identity");
        }
        return code;
    case ASK_BROADCAST:
        code = qubic_rpc_parse_broadcast(body, &ret->broadcast, err);
        if (code == ERR_OK && !key_equal(ret->broadcast.hash, call->key)) {
            code = mismatch(err, "another transaction");
        }
        return code;
    case ASK_TRANSACTION:
        code = qubic_rpc_parse_transaction(body, &ret->transaction, err);
        return code != ERR_OK ? code
                              : qubic_rpc_transaction_check(&ret->transaction, &call->key, err);
    case ASK_TRANSACTIONS_FOR_TICK:
        code = qubic_rpc_parse_transactions(body, arena, &ret->transactions, err);
        return code != ERR_OK ? code : check_ticks(&ret->transactions, call->tick, err);
    case ASK_TICK_DATA:
        code = qubic_rpc_parse_tick_data(body, arena, &ret->tick_data, err);
        if (code == ERR_OK && !ret->tick_data.empty && ret->tick_data.tick != call->tick) {
            code = mismatch(err, "another tick");
        }
        return code;
    case ASK_IDENTITY_TRANSACTIONS:
        code = qubic_rpc_parse_identity_transactions(body, arena, &ret->identity_transactions, err);
        return code != ERR_OK
                   ? code
                   : check_identity(&ret->identity_transactions.transactions, &call->query, err);
    }
    IMPOSSIBLE("a question that is not in the list");
}

static enum err_code read_error(const struct qubic_call *call,
                                const struct http_call_result *result, struct qubic_answer *ret)
{
    ret->rpc = qubic_rpc_parse_error(result->status, result->body);
    enum err_code const code = qubic_rpc_error_code(&ret->rpc, &ret->err);
    if (code != ERR_NOT_FOUND) {
        return code;
    }
    /* A wrong path is answered with code 5, too: only these words mean an unknown transaction. */
    if (call->question == ASK_TRANSACTION &&
        strstr(ret->rpc.message, "transaction not found") != NULL) {
        return ERR_NOT_FOUND;
    }
    return err_set_origin(&ret->err, ERR_UNAVAILABLE, result->status,
                          "chain service: no such path? it says: %s", ret->rpc.message);
}

static void http_done(void *ctx, const struct http_call_result *result)
{
    struct qubic_call *call = ctx;
    struct qubic_listener const listener = call->listener;
    struct arena arena;
    struct qubic_answer answer = {0};
    arena_init(&arena, ARENA_MAX);
    if (result->code != ERR_OK) {
        answer.err = result->err;
        answer.code = result->code == ERR_TIMEOUT
                          ? ERR_TIMEOUT
                          : err_set(&answer.err, ERR_UNAVAILABLE, "chain service: %.200s",
                                    result->err.message);
    } else if (result->status != 200) {
        answer.code = read_error(call, result, &answer);
    } else {
        answer.code = read_answer(call, result->body, &arena, &answer);
        if (answer.code != ERR_OK) { /* whatever is wrong with it, it is no answer */
            answer.code = ERR_UNAVAILABLE;
            answer.err.code = ERR_UNAVAILABLE;
        }
    }
    call_free(call);
    listener.on_answer(listener.ctx, &answer);
    arena_deinit(&arena);
}

/* Takes `body` (may be empty: GET). */
static enum err_code ask(struct qubic_client *client, const struct qubic_call *question,
                         const char *base, const char *path, struct buf *body,
                         struct qubic_call **ret_call, struct err *err)
{
    static const struct http_field headers[] = {{"accept", "application/json"},
                                                {"content-type", "application/json"}};
    struct buf url;
    buf_init(&url, REQUEST_MAX);
    buf_printf(&url, "%s/%s", base, path);
    enum err_code code = buf_check(&url, err);
    struct qubic_call *call = calloc(1, sizeof *call);
    if (call == NULL) {
        code = err_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    if (code == ERR_OK) {
        code = buf_check(body, err);
    }
    if (code == ERR_OK) {
        bool const post = body->size > 0;
        struct http_call_options const options = {
            .method = post ? "POST" : "GET",
            .url = buf_text(&url),
            .headers = headers,
            .header_count = post ? 2 : 1,
            .body = post ? buf_bytes(body) : bytes_of(NULL, 0),
            .connect_timeout_ms = client->timeout_ms,
            .total_timeout_ms = client->timeout_ms,
            .response_size_max = RESPONSE_MAX,
            .ca_file = client->ca_file,
        };
        *call = *question;
        call->client = client;
        code = http_client_send(client->http, &options, http_done, call, &call->http, err);
    }
    if (code == ERR_OK) {
        call->next = client->calls;
        if (client->calls != NULL) {
            client->calls->previous = call;
        }
        client->calls = call;
        if (ret_call != NULL) {
            *ret_call = call;
        }
    } else {
        free(call);
    }
out:
    buf_deinit(&url);
    buf_deinit(body);
    return code;
}

enum err_code qubic_client_tick_info(struct qubic_client *client, struct qubic_listener listener,
                                     struct qubic_call **ret_call, struct err *err)
{
    struct qubic_call const call = {.listener = listener, .question = ASK_TICK_INFO};
    struct buf body = {0};
    return ask(client, &call, client->live_url, "tick-info", &body, ret_call, err);
}

enum err_code qubic_client_balance(struct qubic_client *client, const struct key32 *identity,
                                   struct qubic_listener listener, struct qubic_call **ret_call,
                                   struct err *err)
{
    struct qubic_call const call = {
        .listener = listener, .question = ASK_BALANCE, .key = *identity};
    struct buf body = {0};
    char path[16 + QUBIC_IDENTITY_TEXT_SIZE] = "balances/";
    qubic_identity_format(identity, path + strlen(path));
    return ask(client, &call, client->live_url, path, &body, ret_call, err);
}

enum err_code qubic_client_broadcast(struct qubic_client *client,
                                     const struct qubic_transaction *tx,
                                     struct qubic_listener listener, struct qubic_call **ret_call,
                                     struct err *err)
{
    struct qubic_call const call = {
        .listener = listener, .question = ASK_BROADCAST, .key = qubic_transaction_hash(tx)};
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    struct buf body;
    buf_init(&body, REQUEST_MAX);
    qubic_rpc_build_broadcast_request(&body, bytes_of(wire, qubic_transaction_encode(tx, wire)));
    return ask(client, &call, client->live_url, "broadcast-transaction", &body, ret_call, err);
}

enum err_code qubic_client_processed_tick(struct qubic_client *client,
                                          struct qubic_listener listener,
                                          struct qubic_call **ret_call, struct err *err)
{
    struct qubic_call const call = {.listener = listener, .question = ASK_PROCESSED_TICK};
    struct buf body = {0};
    return ask(client, &call, client->query_url, "getLastProcessedTick", &body, ret_call, err);
}

enum err_code qubic_client_transaction(struct qubic_client *client, const struct key32 *hash,
                                       struct qubic_listener listener, struct qubic_call **ret_call,
                                       struct err *err)
{
    struct qubic_call const call = {
        .listener = listener, .question = ASK_TRANSACTION, .key = *hash};
    struct buf body;
    buf_init(&body, REQUEST_MAX);
    qubic_rpc_build_hash_request(&body, hash);
    return ask(client, &call, client->query_url, "getTransactionByHash", &body, ret_call, err);
}

static enum err_code ask_tick(struct qubic_client *client, uint32_t tick, enum question question,
                              const char *path, struct qubic_listener listener,
                              struct qubic_call **ret_call, struct err *err)
{
    struct qubic_call const call = {.listener = listener, .question = question, .tick = tick};
    struct buf body;
    buf_init(&body, REQUEST_MAX);
    qubic_rpc_build_tick_request(&body, tick);
    return ask(client, &call, client->query_url, path, &body, ret_call, err);
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
    struct qubic_call const call = {
        .listener = listener, .question = ASK_IDENTITY_TRANSACTIONS, .query = *query};
    struct buf body;
    buf_init(&body, REQUEST_MAX);
    qubic_rpc_build_identity_request(&body, query);
    return ask(client, &call, client->query_url, "getTransactionsForIdentity", &body, ret_call,
               err);
}
