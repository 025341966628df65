/* tools/devchain/service.c: routes, and what becomes of an answer that a fault strikes. */
// SPDX-License-Identifier: Apache-2.0
#include "tools/devchain/service.h"

#include "core/base/text.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)64 << 20)
#define BALANCES "/live/v1/balances/"
#define BROADCAST "/live/v1/broadcast-transaction"
#define BY_HASH "/query/v1/getTransactionByHash"
#define EXPLORER "/explorer/tx/" /* our own: the network has a site of its own for people */

static const char as_json[] = "application/json";
static const char page[] = "<html><head><title>Bad Gateway</title></head><body>nginx</body></html>";

static void not_here(struct devnet *network, struct bytes body, struct service_reply *reply)
{
    (void)network;
    (void)body;
    service_error(reply, QUBIC_RPC_UNIMPLEMENTED,
                  "the local network has no contracts and no event logs");
}

static const struct {
    bool post;
    const char *path;
    service_fn run;
} routes[] = {
    {false, "/live/v1/tick-info", live_tick_info},
    {false, "/live/v1/block-height", live_block_height},
    {false, "/query/v1/getLastProcessedTick", query_last_processed},
    {false, "/query/v1/getProcessedTickIntervals", query_intervals},
    {true, BROADCAST, live_broadcast},
    {true, "/live/v1/querySmartContract", not_here},
    {true, BY_HASH, query_transaction_by_hash},
    {true, "/query/v1/getTransactionsForTick", query_transactions_for_tick},
    {true, "/query/v1/getTickData", query_tick_data},
    {true, "/query/v1/getTransactionsForIdentity", query_transactions_for_identity},
    {true, "/query/v1/getEventLogs", not_here},
};

static service_fn route_of(bool post, const char *path)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (routes[i].post == post && strcmp(routes[i].path, path) == 0) {
            return routes[i].run;
        }
    }
    return NULL;
}

/* The identity of a question for a balance, NULL for another path. */
static const char *balance_of(bool post, const char *path)
{
    size_t const size = strlen(BALANCES);
    bool const fits = !post && strncmp(path, BALANCES, size) == 0;
    return fits && path[size] != '\0' && strchr(path + size, '/') == NULL ? path + size : NULL;
}

/* The transaction that somebody follows a link to, NULL for another path. */
static const char *looked_at(bool post, const char *path)
{
    size_t const size = strlen(EXPLORER);
    return !post && strncmp(path, EXPLORER, size) == 0 ? path + size : NULL;
}

static void explorer_transaction(struct devnet *network, const char *hash,
                                 struct service_reply *reply)
{
    json_t *question = json_pack("{s:s}", "hash", hash);
    char *text = question == NULL ? NULL : json_dumps(question, JSON_COMPACT);
    if (text == NULL) { /* not UTF-8 */
        service_error(reply, QUBIC_RPC_INVALID_ARGUMENT, "invalid id format");
    } else {
        query_transaction_by_hash(network, bytes_of_text(text), reply);
    }
    free(text);
    json_decref(question);
}

bool service_has(bool post, const char *path)
{
    return route_of(post, path) != NULL || balance_of(post, path) != NULL ||
           looked_at(post, path) != NULL;
}

void service_reply_deinit(struct service_reply *reply)
{
    buf_deinit(&reply->body);
}

static void reply_init(struct service_reply *reply)
{
    *reply = (struct service_reply){.status = 200, .content_type = as_json};
    buf_init(&reply->body, ANSWER_MAX);
}

void service_error(struct service_reply *reply, int status, const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    buf_clear(&reply->body);
    qubic_rpc_build_error(&reply->body, status, message);
    reply->status = qubic_rpc_http_status(status);
}

static void answer(struct devnet *network, bool post, const char *path, struct bytes body,
                   struct service_reply *reply)
{
    const char *identity = balance_of(post, path);
    const char *hash = looked_at(post, path);
    service_fn const run = route_of(post, path);
    reply_init(reply);
    if (identity != NULL) {
        live_balance(network, identity, reply);
    } else if (hash != NULL) {
        explorer_transaction(network, hash, reply);
    } else if (run != NULL) {
        run(network, body, reply);
    } else {
        service_error(reply, QUBIC_RPC_NOT_FOUND, "Not Found");
    }
    if (buf_check(&reply->body, NULL) != ERR_OK) {
        service_error(reply, QUBIC_RPC_INTERNAL, "answer too large");
    }
}

/* ---- faults ---- */

/* A question and its answer, on the way to become another. */
struct strike {
    const struct fault_plan *plan;
    uint64_t variant;
    bool broadcast;
    bool by_hash;
    bool acts; /* what is asked for is done; otherwise the reply is empty yet */
    struct service_reply *reply;
};

static void replace(struct service_reply *reply, int status, const char *type, const char *text)
{
    buf_clear(&reply->body);
    buf_append_text(&reply->body, text);
    reply->status = status;
    reply->content_type = type;
}

static void cut(const struct strike *strike)
{
    strike->reply->cut = true;
    strike->reply->cut_size = strike->variant % 2 == 0 ? 0 : strike->reply->body.size / 2;
}

static void be_busy(const struct strike *strike)
{
    if (strike->variant % 2 == 0) {
        service_error(strike->reply, QUBIC_RPC_EXHAUSTED, "too many requests");
    } else {
        replace(strike->reply, 429, "text/plain", "Too Many Requests\n");
    }
}

static void fail(const struct strike *strike)
{
    static const int codes[] = {QUBIC_RPC_INTERNAL, QUBIC_RPC_UNAVAILABLE, QUBIC_RPC_DEADLINE};
    if (strike->broadcast && !strike->acts) {
        service_error(strike->reply, QUBIC_RPC_INTERNAL,
                      "tx wasn't broadcast to any peers, please retry");
    } else {
        service_error(strike->reply, codes[strike->variant % 3], "a node failed");
    }
}

static void garble(const struct strike *strike)
{
    struct service_reply *reply = strike->reply;
    switch (strike->variant % 5) {
    case 0:
        replace(reply, 502, "text/html", page);
        break;
    case 1:
        replace(reply, 404, "text/html", page);
        break;
    case 2:
        replace(reply, 200, "text/html", page);
        break;
    case 3:
        replace(reply, 200, as_json, "");
        break;
    default: /* the first half of the right answer */
        reply->body.size /= 2;
        break;
    }
}

static void be_slow(const struct strike *strike)
{
    strike->reply->delay_ms = strike->plan->settings[FAULT_SLOW_MS];
}

static void deny(const struct strike *strike)
{
    service_error(strike->reply, QUBIC_RPC_NOT_FOUND, "transaction not found");
}

static const struct {
    enum fault_setting fault;
    bool may_refuse; /* a broadcast is sometimes not done */
    bool refuses;    /* nothing is ever done */
    void (*strike)(const struct strike *strike);
} strikes[] = {
    {FAULT_CUT, true, false, cut},           {FAULT_BUSY, false, true, be_busy},
    {FAULT_SERVER_ERROR, true, false, fail}, {FAULT_NOT_JSON, true, false, garble},
    {FAULT_SLOW, false, false, be_slow},     {FAULT_NOT_FOUND, false, false, deny},
};

void service_ask(struct devnet *network, bool post, const char *path, struct bytes body,
                 struct service_reply *ret)
{
    struct strike strike = {.plan = network_plan(network),
                            .broadcast = post && strcmp(path, BROADCAST) == 0,
                            .by_hash = post && strcmp(path, BY_HASH) == 0,
                            .acts = true,
                            .reply = ret};
    uint64_t const n = network_next_question(network);
    size_t const count = sizeof strikes / sizeof *strikes;
    size_t at = 0;
    while (at < count &&
           ((strikes[at].fault == FAULT_NOT_FOUND && !strike.by_hash) ||
            !fault_plan_strikes(strike.plan, strikes[at].fault, n, &strike.variant))) {
        at++;
    }
    if (at < count) {
        bool const unlucky = strike.broadcast && strike.variant / 60 % 2 == 0;
        strike.acts = !strikes[at].refuses && !(strikes[at].may_refuse && unlucky);
    }
    if (strike.acts) {
        answer(network, post, path, body, ret);
    } else {
        reply_init(ret);
    }
    if (at == count || (strikes[at].fault == FAULT_NOT_FOUND && ret->status != 200)) {
        return; /* not struck, or it is really not there */
    }
    strikes[at].strike(&strike);
    network_count(network, strikes[at].fault);
}
