/* tools/devchain/api.c: routes, the Live service and the faucet. */
// SPDX-License-Identifier: Apache-2.0
#include "tools/devchain/api.h"

#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/base/trace.h"
#include "core/crypto/fourq.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX ((size_t)64 << 10)
#define ANSWER_MAX ((size_t)64 << 10)
#define PEERS 3 /* how many nodes the answer to a broadcast claims */

typedef void (*get_fn)(struct node *node, struct http_request *request);
typedef void (*post_fn)(struct node *node, struct http_request *request, struct bytes body);

/* A faucet request whose tick is still to come. */
struct waiter {
    struct waiter *next;
    struct http_request *request;
    uint32_t tick;
    struct key32 identity;
    int64_t amount;
};

struct api {
    struct node *node;
    struct waiter *waiters;
};

enum err_code api_create(struct api **ret, struct err *err)
{
    struct api *api = calloc(1, sizeof *api);
    if (api == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *ret = api;
    return ERR_OK;
}

void api_destroy(struct api *api)
{
    INVARIANT(api == NULL || api->waiters == NULL);
    free(api);
}

void api_set_node(struct api *api, struct node *node)
{
    api->node = node;
}

void api_answer(struct http_request *request, struct buf *body)
{
    if (buf_check(body, NULL) != ERR_OK) {
        buf_deinit(body);
        api_answer_error(request, QUBIC_RPC_INTERNAL, "answer too large");
        return;
    }
    http_respond_json(request, 200, buf_bytes(body));
    buf_deinit(body);
}

void api_answer_error(struct http_request *request, int status, const char *format, ...)
{
    char message[512];
    struct buf body;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    buf_init(&body, ANSWER_MAX);
    qubic_rpc_build_error(&body, status, message);
    http_respond_json(request, qubic_rpc_http_status(status), buf_bytes(&body));
    buf_deinit(&body);
}

/* ---- Live ---- */

static struct qubic_tick_info tick_info(struct node *node)
{
    const struct chain *chain = node_chain(node);
    return (struct qubic_tick_info){
        .tick = chain_current_tick(chain),
        .duration = node_tick_ms(node) / 1000,
        .epoch = chain_epoch(chain),
        .initial_tick = chain_first_tick(chain),
    };
}

static void live_tick_info(struct node *node, struct http_request *request)
{
    struct qubic_tick_info const info = tick_info(node);
    struct buf body;
    buf_init(&body, ANSWER_MAX);
    qubic_rpc_build_tick_info(&body, &info);
    api_answer(request, &body);
}

static void live_block_height(struct node *node, struct http_request *request)
{
    struct qubic_tick_info const info = tick_info(node);
    struct buf body;
    buf_init(&body, ANSWER_MAX);
    buf_printf(&body,
               "{\"blockHeight\":{\"tick\":%" PRIu32 ",\"duration\":%" PRIu32 ",\"epoch\":%" PRIu32
               ",\"initialTick\":%" PRIu32 "}}",
               info.tick, info.duration, info.epoch, info.initial_tick);
    api_answer(request, &body);
}

static void live_balance(struct node *node, struct http_request *request)
{
    const char *text = http_head_segment(http_request_head(request), 3);
    struct key32 key;
    struct err err = {0};
    if (qubic_identity_parse(bytes_of_text(text), &key, &err) != ERR_OK) {
        api_answer_error(request, QUBIC_RPC_INTERNAL, "decoding identity: %s", err.message);
        return;
    }
    struct qubic_balance const balance = chain_balance(node_chain(node), &key);
    struct buf body;
    buf_init(&body, ANSWER_MAX);
    qubic_rpc_build_balance(&body, &balance);
    api_answer(request, &body);
}

/* Why the network's service would refuse this signature. */
static const char *signature_complaint(const struct qubic_transaction *tx)
{
    struct fourq_scalar const s = fourq_scalar_load(tx->signature + 32);
    struct fourq_point key;
    if (!fourq_scalar_is_reduced_public(&s)) {
        return "Non-canonical signature scalar.";
    }
    if (!fourq_decode_public(&tx->source, &key) || !fourq_has_order_r_public(&key)) {
        return "Bad public key or signature.";
    }
    return "Signature does not verify!";
}

static void live_broadcast(struct node *node, struct http_request *request, struct bytes body)
{
    struct chain *chain = node_chain(node);
    struct qubic_transaction tx;
    struct err err = {0};
    enum chain_admission admission = CHAIN_WAITING;
    struct buf wire;
    buf_init(&wire, BODY_MAX);
    json_t *root = json_loadb(body.size > 0 ? (const char *)body.data : "", body.size, 0, NULL);
    const json_t *encoded = json_object_get(root, "encodedTransaction");
    if (!json_is_string(encoded) ||
        base64_decode(bytes_of(json_string_value(encoded), json_string_length(encoded)), &wire,
                      NULL) != ERR_OK) {
        api_answer_error(request, QUBIC_RPC_INVALID_ARGUMENT,
                         "illegal base64 data: expected {\"encodedTransaction\":\"<base64>\"}");
        goto out;
    }
    if (qubic_transaction_parse(buf_bytes(&wire), &tx, &err) != ERR_OK) {
        api_answer_error(request, QUBIC_RPC_INTERNAL, "unmarshalling transaction: %s", err.message);
        goto out;
    }
    if (!qubic_transaction_signature_is_valid(&tx)) {
        api_answer_error(request, QUBIC_RPC_INVALID_ARGUMENT, "%s", signature_complaint(&tx));
        goto out;
    }
    uint32_t const current = chain_current_tick(chain);
    if (tx.tick <= current) {
        api_answer_error(request, QUBIC_RPC_INVALID_ARGUMENT,
                         "Target tick: %" PRIu32
                         " for the transaction should be greater than max tick: %" PRIu32,
                         tx.tick, current);
        goto out;
    }
    if (chain_submit(chain, &tx, &admission, &err) != ERR_OK) {
        api_answer_error(request, QUBIC_RPC_INTERNAL, "%s", err.message);
        goto out;
    }
    struct key32 const hash = qubic_transaction_hash(&tx);
    if (admission != CHAIN_WAITING) { /* the network tells nobody; our trace does */
        static const char *const why[] = {
            [CHAIN_WAITING] = "",
            [CHAIN_DROPPED_TOO_SOON] = "too_soon",
            [CHAIN_DROPPED_TOO_FAR] = "too_far",
            [CHAIN_DROPPED_NO_BALANCE] = "no_balance",
            [CHAIN_DROPPED_DUPLICATE] = "duplicate",
            [CHAIN_DROPPED_TICK_FULL] = "tick_full",
        };
        trace(TRACE_DEBUG, "devchain.dropped", "why=%s tick=%" PRIu32 " current=%" PRIu32,
              why[admission], tx.tick, current);
    }
    struct buf answer;
    buf_init(&answer, ANSWER_MAX);
    qubic_rpc_build_broadcast(&answer, PEERS, buf_bytes(&wire), &hash);
    api_answer(request, &answer);
out:
    json_decref(root);
    buf_deinit(&wire);
}

static void not_here(struct node *node, struct http_request *request, struct bytes body)
{
    (void)node;
    (void)body;
    api_answer_error(request, QUBIC_RPC_UNIMPLEMENTED,
                     "the local network has no contracts and no event logs");
}

/* ---- Query, without a body ---- */

static void query_last_processed(struct node *node, struct http_request *request)
{
    const struct chain *chain = node_chain(node);
    struct qubic_processed_tick const tick = {
        .tick = node_archived_tick(node),
        .epoch = chain_epoch(chain),
        .interval_initial_tick = chain_first_tick(chain),
        .last_log_tick = node_archived_tick(node),
    };
    struct buf body;
    buf_init(&body, ANSWER_MAX);
    qubic_rpc_build_processed_tick(&body, &tick);
    api_answer(request, &body);
}

static void query_intervals(struct node *node, struct http_request *request)
{
    const struct chain *chain = node_chain(node);
    struct qubic_tick_interval const interval = {
        .epoch = chain_epoch(chain),
        .first_tick = chain_first_tick(chain),
        .last_tick = node_archived_tick(node),
    };
    struct qubic_tick_interval_list const list = {
        .items = &interval, .count = interval.last_tick >= interval.first_tick ? 1 : 0};
    struct buf body;
    buf_init(&body, ANSWER_MAX);
    qubic_rpc_build_tick_intervals(&body, &list);
    api_answer(request, &body);
}

/* ---- the faucet ---- */

static void waiter_gone(void *ctx, struct http_request *request, enum err_code why)
{
    struct api *api = ctx;
    (void)why;
    for (struct waiter **at = &api->waiters; *at != NULL; at = &(*at)->next) {
        if ((*at)->request == request) {
            struct waiter *gone = *at;
            *at = gone->next;
            free(gone);
            return;
        }
    }
}

static void faucet(void *ctx, struct http_request *request, struct bytes body)
{
    struct api *api = ctx;
    struct err err = {0};
    struct waiter *waiter = calloc(1, sizeof *waiter);
    json_t *root = json_loadb(body.size > 0 ? (const char *)body.data : "", body.size, 0, NULL);
    const json_t *identity = json_object_get(root, "identity");
    const json_t *amount = json_object_get(root, "amount");
    if (waiter == NULL) {
        api_answer_error(request, QUBIC_RPC_INTERNAL, "out of memory");
        goto out;
    }
    if (!json_is_string(identity) ||
        qubic_identity_parse(bytes_of_text(json_string_value(identity)), &waiter->identity, &err) !=
            ERR_OK) {
        api_answer_error(request, QUBIC_RPC_INVALID_ARGUMENT,
                         "identity: expected 60 capital letters with their checksum");
        goto out;
    }
    if (json_is_integer(amount)) {
        waiter->amount = json_integer_value(amount);
    } else if (!json_is_string(amount) || i64_parse(bytes_of_text(json_string_value(amount)),
                                                    &waiter->amount, NULL) != ERR_OK) {
        api_answer_error(request, QUBIC_RPC_INVALID_ARGUMENT,
                         "amount: expected a whole number of QUBIC");
        goto out;
    }
    enum err_code const code =
        chain_credit(node_chain(api->node), &waiter->identity, waiter->amount, &waiter->tick, &err);
    if (code != ERR_OK) {
        int const status = code == ERR_BUSY    ? QUBIC_RPC_EXHAUSTED
                           : code == ERR_NOMEM ? QUBIC_RPC_INTERNAL
                                               : QUBIC_RPC_INVALID_ARGUMENT;
        api_answer_error(request, status, "%s", err.message);
        goto out;
    }
    waiter->request = request;
    waiter->next = api->waiters;
    api->waiters = waiter;
    waiter = NULL;
out:
    json_decref(root);
    free(waiter);
}

void api_on_tick(void *ctx, uint32_t tick)
{
    struct api *api = ctx;
    for (struct waiter **at = &api->waiters; *at != NULL;) {
        struct waiter *waiter = *at;
        if (waiter->tick > tick) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        char text[QUBIC_IDENTITY_TEXT_SIZE];
        struct buf body;
        buf_init(&body, ANSWER_MAX);
        qubic_identity_format(&waiter->identity, text);
        buf_printf(&body, "{\"identity\":\"%s\",\"amount\":\"%" PRId64 "\",\"tick\":%" PRIu32 "}",
                   text, waiter->amount, waiter->tick);
        api_answer(waiter->request, &body);
        free(waiter);
    }
}

/* ---- routes ---- */

static const struct {
    const char *path;
    get_fn run;
} get_routes[] = {
    {"/live/v1/tick-info", live_tick_info},
    {"/live/v1/block-height", live_block_height},
    {"/query/v1/getLastProcessedTick", query_last_processed},
    {"/query/v1/getProcessedTickIntervals", query_intervals},
};

struct post_route {
    const char *path;
    post_fn run;
};

static const struct post_route post_routes[] = {
    {"/live/v1/broadcast-transaction", live_broadcast},
    {"/live/v1/querySmartContract", not_here},
    {"/query/v1/getTransactionByHash", query_transaction_by_hash},
    {"/query/v1/getTransactionsForTick", query_transactions_for_tick},
    {"/query/v1/getTickData", query_tick_data},
    {"/query/v1/getTransactionsForIdentity", query_transactions_for_identity},
    {"/query/v1/getEventLogs", not_here},
};

static void post_body(void *ctx, struct http_request *request, struct bytes body)
{
    struct api *api = ctx;
    const struct http_head *head = http_request_head(request);
    for (size_t i = 0; i < sizeof post_routes / sizeof *post_routes; i++) {
        if (strcmp(head->path, post_routes[i].path) == 0) {
            post_routes[i].run(api->node, request, body);
            return;
        }
    }
    IMPOSSIBLE("a route that was there before its body");
}

void api_on_request(void *ctx, struct http_request *request)
{
    struct api *api = ctx;
    const struct http_head *head = http_request_head(request);
    http_request_on_abort(request, waiter_gone, api);
    if (head->method == HTTP_GET) {
        for (size_t i = 0; i < sizeof get_routes / sizeof *get_routes; i++) {
            if (strcmp(head->path, get_routes[i].path) == 0) {
                get_routes[i].run(api->node, request);
                return;
            }
        }
        if (head->segment_count == 4 && strncmp(head->path, "/live/v1/balances/", 18) == 0) {
            live_balance(api->node, request);
            return;
        }
    }
    if (head->method == HTTP_POST) {
        for (size_t i = 0; i < sizeof post_routes / sizeof *post_routes; i++) {
            if (strcmp(head->path, post_routes[i].path) == 0) {
                http_request_read_body(request, BODY_MAX, post_body, api);
                return;
            }
        }
        if (strcmp(head->path, "/dev/v1/faucet") == 0) {
            http_request_read_body(request, BODY_MAX, faucet, api);
            return;
        }
    }
    api_answer_error(request, QUBIC_RPC_NOT_FOUND, "Not Found");
}
