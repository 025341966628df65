/* The faucet of a local chain, for the page: a browser may only speak to its own server. There is none unless tallyd was started with
 * --faucet-url, which it refuses for a log of any other network than `local`. Nothing of it is in the log: to the ledger the money
 * is a balance like any other. */
// SPDX-License-Identifier: Apache-2.0
#include "api/fields.h"
#include "api/route.h"
#include "core/base/text.h"

#include <inttypes.h>
#include <stdio.h>

#define FAUCET_AMOUNT_MAX ((int64_t)1000000000000)
#define FAUCET_TIMEOUT_MS 20000 /* it answers when the money is there: a tick, or some */

struct faucet {
    int64_t amount;
    struct key32 identity;
};

static void reply_given(struct call *call)
{
    const struct faucet *asked = call->state;
    call->awaiting = false;
    call_reply(call, 200,
               json_pack("{s:o,s:I}", "identity", json_of_identity(asked->identity), "amount",
                         (json_int_t)asked->amount));
}

static void balance_cb(void *ctx, const struct qubic_answer *answer)
{
    (void)answer; /* the money is there, whether it can be seen now or not */
    reply_given(ctx);
}

static void faucet_cb(void *ctx, const struct http_call_result *result)
{
    struct call *call = ctx;
    const struct faucet *asked = call->state;
    if (result->code != ERR_OK || result->status != 200) {
        call->awaiting = false;
        call_problem(call, 503, "faucet_unavailable",
                     "the local chain's faucet gave nothing (%s); is tally-devchain running?",
                     result->code == ERR_OK ? "it refused" : result->err.message);
        return;
    }
    /* Asked afresh, so that what is remembered of the balance is not from before. */
    if (qubic_client_balance(call->api->qubic, &asked->identity,
                             (struct qubic_listener){.on_answer = balance_cb, .ctx = call}, NULL,
                             NULL) != ERR_OK) {
        reply_given(call);
    }
}

static void give(struct call *call)
{
    char body[160];
    struct err err = {0};
    const struct http_field headers[] = {{"Content-Type", "application/json"}};
    struct fields fields = fields_of(call);
    struct bytes identity = fields_text(&fields, "identity", 60, 60);
    struct faucet *asked = arena_alloc(&call->arena, sizeof *asked);
    int64_t amount = fields_amount(&fields, "amount", 1);
    if (amount > FAUCET_AMOUNT_MAX) {
        fields_error(&fields, "amount", "is at most %" PRId64, FAUCET_AMOUNT_MAX);
    }
    if (!fields_good(&fields)) {
        return;
    }
    if (call->api->options.faucet_url == NULL) {
        call_problem(call, 404, "no_faucet",
                     "there is no faucet here: it comes with a local chain and --faucet-url");
        return;
    }
    if (asked == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    if (qubic_identity_parse(identity, &asked->identity, &err) != ERR_OK) {
        call_problem(call, 422, "identity_invalid", "%s", err.message);
        return;
    }
    asked->amount = amount;
    call->state = asked;
    int size = snprintf(body, sizeof body, "{\"identity\":\"%.*s\",\"amount\":\"%" PRId64 "\"}",
                        (int)identity.size, (const char *)identity.data, amount);
    struct http_call_options options = {
        .method = "POST",
        .url = call->api->options.faucet_url,
        .headers = headers,
        .header_count = 1,
        .body = bytes_of(body, (size_t)size),
        .total_timeout_ms = FAUCET_TIMEOUT_MS,
    };
    call->awaiting = true;
    if (http_client_send(call->api->http, &options, faucet_cb, call, NULL, &err) != ERR_OK) {
        call->awaiting = false;
        call_refuse(call, &err);
    }
}

static const struct route ROUTES[] = {
    {HTTP_POST, "/v1/faucet", SCOPE_CONSUMER | SCOPE_PROVIDER, BODY_JSON, give},
};
const struct route_table ROUTES_FAUCET = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
