/* core/qubic/client_flow.c: the life of a call, from question to answer. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/qubic/client_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MAX ((size_t)16 << 10)
#define RESPONSE_MAX ((size_t)32 << 20) /* a full tick with full inputs is about 8 MB */
#define ARENA_MAX ((size_t)64 << 20)
#define RETRY_AFTER_MAX_S 3600 /* a wait beyond the deadline ends the call anyway */

static void call_free(struct qubic_call *call)
{
    struct qubic_client *client = call->client;
    *(call->previous != NULL ? &call->previous->next : &client->first) = call->next;
    *(call->next != NULL ? &call->next->previous : &client->last) = call->previous;
    if (call->is_probe) {
        breaker_forget(&client->breakers[call->service]);
    }
    buf_deinit(&call->url);
    buf_deinit(&call->body);
    free(call);
}

static void append(struct qubic_client *client, struct qubic_call *call)
{
    call->client = client;
    call->previous = client->last;
    *(client->last != NULL ? &client->last->next : &client->first) = call;
    client->last = call;
}

/* Wake for whatever comes next. */
static void set_timer(struct qubic_client *client)
{
    int64_t const now_ms = client->io.now_ms(client->io.ctx);
    int64_t next_ms = INT64_MAX;
    for (const struct qubic_call *call = client->first; call != NULL; call = call->next) {
        if (call->state == CALL_DONE) {
            next_ms = now_ms;
        } else if (call->state == CALL_WAITING && call->due_ms < next_ms) {
            next_ms = call->due_ms;
        }
    }
    int64_t const after_ms = next_ms > now_ms ? next_ms - now_ms : 0;
    client->io.set_timer(client->io.ctx, client, next_ms == INT64_MAX ? -1 : after_ms);
}

void qubic_call_cancel(struct qubic_call *call)
{
    struct qubic_client *client = call->client;
    if (call->state == CALL_SENT) {
        client->io.cancel(client->io.ctx, call->sent);
    }
    call_free(call);
    set_timer(client);
}

/* ---- answers ---- */

static void remember(struct qubic_client *client, const struct qubic_balance *balance)
{
    if (client->balances == NULL) {
        client->balances = calloc(1, sizeof *client->balances);
    }
    if (client->balances != NULL) { /* without memory it is only not remembered */
        balance_cache_put(client->balances, balance, client->io.now_ms(client->io.ctx));
    }
}

/* The last that is known, in place of an answer that there is not. */
static void fall_back(const struct qubic_call *call, struct qubic_answer *answer)
{
    const struct qubic_client *client = call->client;
    int64_t heard_ms;
    if (call->may_be_known && (answer->code == ERR_UNAVAILABLE || answer->code == ERR_TIMEOUT) &&
        balance_cache_get(client->balances, &call->key, &answer->balance, &heard_ms)) {
        answer->code = ERR_OK;
        answer->is_stale = true;
        answer->age_ms = client->io.now_ms(client->io.ctx) - heard_ms;
    }
}

/* The end of a call. The listener comes last: it may ask and cancel. */
static void deliver(struct qubic_call *call, struct qubic_answer *answer)
{
    struct qubic_client *client = call->client;
    struct qubic_listener const listener = call->listener;
    fall_back(call, answer);
    call_free(call);
    set_timer(client);
    listener.on_answer(listener.ctx, answer);
}

/* ---- attempts ---- */

/* Seconds that the service asks us to stay away, 0 if it does not say. */
static int64_t retry_after_ms(const struct http_call_result *result)
{
    const char *text = http_call_header(result, "retry-after");
    uint64_t seconds;
    if (text == NULL || u64_parse(bytes_of_text(text), &seconds, NULL) != ERR_OK) {
        return 0;
    }
    return (int64_t)(seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * 1000;
}

/* The last answer stands for all attempts. `least_ms`: not sooner than in so long. */
static bool try_again(struct qubic_call *call, const struct qubic_answer *answer, int64_t least_ms)
{
    struct qubic_client *client = call->client;
    int64_t const now_ms = client->io.now_ms(client->io.ctx);
    bool const may_pass = answer->code == ERR_TIMEOUT ||
                          (answer->code == ERR_UNAVAILABLE &&
                           (answer->rpc.http_status == 0 || qubic_rpc_may_pass(&answer->rpc)));
    if (!may_pass || call->attempts >= client->attempts_max) {
        return false;
    }
    int64_t const wait_ms = backoff_wait_ms(&client->backoff, call->attempts);
    int64_t const due_ms = now_ms + (wait_ms > least_ms ? wait_ms : least_ms);
    if (rate_peek(&client->rate, due_ms) >= call->deadline_ms) {
        return false;
    }
    call->state = CALL_WAITING;
    call->due_ms = rate_reserve(&client->rate, due_ms);
    return true;
}

static void http_done(void *ctx, const struct http_call_result *result)
{
    struct qubic_call *call = ctx;
    struct qubic_client *client = call->client;
    struct arena arena;
    struct qubic_answer answer = {0};
    arena_init(&arena, ARENA_MAX);
    call->sent = NULL;
    if (result->code != ERR_OK) {
        answer.err = result->err;
        answer.code = result->code == ERR_TIMEOUT
                          ? ERR_TIMEOUT
                          : err_set(&answer.err, ERR_UNAVAILABLE, "chain service: %.200s",
                                    result->err.message);
    } else if (result->status != 200) {
        answer.code = qubic_answer_read_error(call, result, &answer);
    } else {
        answer.code = qubic_answer_read(call, result->body, &arena, &answer);
        if (answer.code != ERR_OK) { /* whatever is wrong with it, it is no answer */
            answer.code = ERR_UNAVAILABLE;
            answer.err.code = ERR_UNAVAILABLE;
        }
    }
    struct breaker *breaker = &client->breakers[call->service];
    if (answer.code == ERR_TIMEOUT || answer.code == ERR_UNAVAILABLE) {
        breaker_bad(breaker, call->is_probe, client->io.now_ms(client->io.ctx));
    } else {
        breaker_good(breaker);
    }
    call->is_probe = false;
    /* Also one that was asked for to decide on, where some are remembered: the newest is the best to show. */
    if (answer.code == ERR_OK &&
        (call->may_be_known || (call->question == ASK_BALANCE && client->balances != NULL))) {
        remember(client, &answer.balance);
    }
    if (try_again(call, &answer, result->code == ERR_OK ? retry_after_ms(result) : 0)) {
        set_timer(client);
    } else {
        deliver(call, &answer);
    }
    arena_deinit(&arena);
}

static enum err_code send_call(struct qubic_call *call, struct err *err)
{
    static const struct http_field headers[] = {{"accept", "application/json"},
                                                {"content-type", "application/json"}};
    struct qubic_client *client = call->client;
    int64_t const left_ms = call->deadline_ms - client->io.now_ms(client->io.ctx);
    uint32_t const timeout_ms =
        left_ms < client->timeout_ms ? (uint32_t)(left_ms > 1 ? left_ms : 1) : client->timeout_ms;
    bool const post = call->body.size > 0;
    struct http_call_options const options = {
        .method = post ? "POST" : "GET",
        .url = buf_text(&call->url),
        .headers = headers,
        .header_count = post ? 2 : 1,
        .body = post ? buf_bytes(&call->body) : bytes_of(NULL, 0),
        .connect_timeout_ms = timeout_ms,
        .total_timeout_ms = timeout_ms,
        .response_size_max = RESPONSE_MAX,
        .ca_file = client->ca_file,
    };
    enum err_code const code =
        client->io.send(client->io.ctx, &options, http_done, call, &call->sent, err);
    if (code == ERR_OK) {
        call->state = CALL_SENT;
        call->attempts++;
    }
    return code;
}

/* Its time has come: sent, or DONE. */
static void leave(struct qubic_call *call)
{
    struct qubic_client *client = call->client;
    struct breaker *breaker = &client->breakers[call->service];
    int64_t const now_ms = client->io.now_ms(client->io.ctx);
    struct qubic_answer *answer = &call->answer;
    if (!breaker_allows(breaker, now_ms, &call->is_probe)) {
        answer->code = err_set(
            &answer->err, ERR_UNAVAILABLE,
            "chain service: failed %" PRIu32 " times in a row, asked again in %" PRId64 " ms",
            breaker->failures,
            breaker->open_until_ms > now_ms ? breaker->open_until_ms - now_ms : 0);
        call->state = CALL_DONE;
        return;
    }
    answer->code = send_call(call, &answer->err);
    if (answer->code != ERR_OK) {
        call->state = CALL_DONE;
    }
}

void qubic_client_wake(struct qubic_client *client)
{
    int64_t const now_ms = client->io.now_ms(client->io.ctx);
    struct qubic_call *done = NULL;
    for (struct qubic_call *call = client->first; call != NULL; call = call->next) {
        if (call->state == CALL_WAITING && call->due_ms <= now_ms) {
            leave(call);
        }
        if (call->state == CALL_DONE && done == NULL) {
            done = call;
        }
    }
    if (done == NULL) {
        set_timer(client);
        return;
    }
    struct qubic_answer answer = done->answer; /* one a turn: its listener may end the others */
    deliver(done, &answer);
}

enum err_code qubic_client_ask(struct qubic_client *client, const struct qubic_call *question,
                               const char *path, struct buf *body, struct qubic_call **ret_call,
                               struct err *err)
{
    int64_t const now_ms = client->io.now_ms(client->io.ctx);
    int64_t heard_ms;
    struct qubic_call *call = calloc(1, sizeof *call);
    enum err_code code = buf_check(body, err);
    if (call == NULL) {
        buf_deinit(body);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *call = *question;
    call->body = *body;
    call->deadline_ms = now_ms + client->deadline_ms;
    append(client, call);
    buf_init(&call->url, REQUEST_MAX);
    buf_printf(&call->url, "%s/%s", client->urls[call->service], path);
    if (code == ERR_OK) {
        code = buf_check(&call->url, err);
    }
    if (code == ERR_OK && call->may_be_known &&
        balance_cache_get(client->balances, &call->key, &call->answer.balance, &heard_ms) &&
        now_ms - heard_ms < QUBIC_BALANCE_FRESH_MS) {
        call->answer.age_ms = now_ms - heard_ms;
        call->state = CALL_DONE;
    } else if (code == ERR_OK && rate_peek(&client->rate, now_ms) >= call->deadline_ms) {
        code = err_set(err, ERR_BUSY, "too many questions to the chain service at once");
    } else if (code == ERR_OK) {
        call->due_ms = rate_reserve(&client->rate, now_ms);
        if (call->due_ms <= now_ms) {
            leave(call);
        }
        if (call->state == CALL_DONE && call->answer.code != ERR_UNAVAILABLE) {
            code = call->answer.code; /* it cannot be sent at all: told here */
            if (err != NULL) {
                *err = call->answer.err;
            }
        }
    }
    if (code != ERR_OK) {
        call_free(call);
        return code;
    }
    if (ret_call != NULL) {
        *ret_call = call;
    }
    set_timer(client);
    return ERR_OK;
}
