/* Questions to the chain: each runs the thread's own loop until its answer is there, unless it was asked ahead (chain_ahead.c). */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/settlement/chain_internal.h"

#include <inttypes.h>

void chain_answered(void *ctx, const struct qubic_answer *answer)
{
    struct waiting *waiting = ctx;
    waiting->answered = true;
    /* An answer that comes with a timer must not be followed by waiting for sockets. */
    uv_stop(waiting->loop);
    waiting->code = answer->code;
    waiting->err = answer->err;
    waiting->rpc = answer->rpc;
    if (answer->code == ERR_OK && waiting->take != NULL) {
        waiting->take(waiting, answer);
    }
}

enum err_code chain_wait(struct settlement *s, struct waiting *waiting, struct qubic_call *call,
                         enum err_code asked, struct err *err)
{
    if (asked != ERR_OK) {
        return asked;
    }
    while (!waiting->answered) {
        if (settlement_stopping(s)) {
            qubic_call_cancel(call);
            return err_set(err, ERR_UNAVAILABLE, "settlement is stopping");
        }
        (void)uv_run(&s->loop, UV_RUN_DEFAULT); /* until uv_stop */
    }
    if (waiting->code != ERR_OK && err != NULL) {
        *err = waiting->err;
    }
    return waiting->code;
}

static enum err_code ask(struct settlement *s, struct waiting *waiting, struct qubic_call *call,
                         enum err_code asked, struct err *err)
{
    s->questions++;
    return chain_wait(s, waiting, call, asked, err);
}

/* The end of a question that was asked ahead; its place is free. */
static enum err_code take_ahead(struct settlement *s, struct ahead *ahead, struct err *err)
{
    ahead->kind = AHEAD_FREE;
    return chain_wait(s, &ahead->waiting, ahead->call, ERR_OK, err);
}

static void take_tick_info(struct waiting *w, const struct qubic_answer *answer)
{
    *w->u.tick_info = answer->tick_info;
}

enum err_code chain_tick_info(struct settlement *s, struct qubic_tick_info *ret, struct err *err)
{
    struct waiting w = {.loop = &s->loop, .take = take_tick_info, .u.tick_info = ret};
    struct qubic_call *call = NULL;
    enum err_code asked = qubic_client_tick_info(s->client, LISTENER(w), &call, err);
    return ask(s, &w, call, asked, err);
}

static void take_processed(struct waiting *w, const struct qubic_answer *answer)
{
    *w->u.processed = answer->processed_tick;
}

enum err_code chain_processed_tick(struct settlement *s, struct qubic_processed_tick *ret,
                                   struct err *err)
{
    struct waiting w = {.loop = &s->loop, .take = take_processed, .u.processed = ret};
    struct qubic_call *call = NULL;
    enum err_code asked = qubic_client_processed_tick(s->client, LISTENER(w), &call, err);
    return ask(s, &w, call, asked, err);
}

static void take_balance(struct waiting *w, const struct qubic_answer *answer)
{
    *w->u.balance = answer->balance;
}

static enum err_code balance_by(struct settlement *s, struct qubic_client *client,
                                const struct key32 *identity, struct qubic_balance *ret,
                                struct err *err)
{
    struct waiting w = {.loop = &s->loop, .take = take_balance, .u.balance = ret};
    struct qubic_call *call = NULL;
    enum err_code asked = qubic_client_balance(client, identity, LISTENER(w), &call, err);
    return ask(s, &w, call, asked, err);
}

enum err_code chain_balance(struct settlement *s, const struct key32 *identity,
                            struct qubic_balance *ret, struct err *err)
{
    struct ahead *ahead = chain_ahead_find(s, AHEAD_BALANCE, identity);
    if (ahead != NULL) {
        enum err_code code = take_ahead(s, ahead, err);
        if (code == ERR_OK) {
            *ret = ahead->answer.balance;
        }
        return code;
    }
    return balance_by(s, s->client, identity, ret, err);
}

enum err_code chain_second_balance(struct settlement *s, const struct key32 *identity,
                                   struct qubic_balance *ret, struct err *err)
{
    INVARIANT(s->second != NULL);
    enum err_code code = balance_by(s, s->second, identity, ret, err);
    if (code != ERR_OK) {
        err_context(err, "the second live service");
    }
    return code;
}

enum err_code chain_balance_checked(struct settlement *s, const struct key32 *identity,
                                    balance_check *check, const void *ctx,
                                    struct qubic_balance *ret, struct err *err)
{
    struct qubic_balance second;
    enum err_code code = chain_balance(s, identity, ret, err);
    if (code == ERR_OK) {
        code = check(ctx, ret, err);
    }
    if (code == ERR_OK && s->second != NULL) {
        code = chain_second_balance(s, identity, &second, err);
        if (code == ERR_OK) {
            code = check(ctx, &second, err);
            if (code != ERR_OK) {
                err_context(err, "by the second live service");
            }
        }
    }
    return code;
}

enum err_code chain_broadcast(struct settlement *s, const struct qubic_transaction *tx,
                              struct err *err)
{
    struct waiting w = {.loop = &s->loop};
    struct qubic_call *call = NULL;
    enum err_code asked = qubic_client_broadcast(s->client, tx, LISTENER(w), &call, err);
    return ask(s, &w, call, asked, err);
}

static void take_transaction(struct waiting *w, const struct qubic_answer *answer)
{
    *w->u.transaction = answer->transaction;
}

enum err_code chain_transaction(struct settlement *s, const struct key32 *hash,
                                struct qubic_archived_transaction *ret, struct err *err)
{
    struct waiting w = {.loop = &s->loop, .take = take_transaction, .u.transaction = ret};
    struct ahead *ahead = chain_ahead_find(s, AHEAD_TRANSACTION, hash);
    if (ahead != NULL) {
        enum err_code code = take_ahead(s, ahead, err);
        if (code == ERR_OK) {
            *ret = ahead->answer.transaction;
        }
        return code;
    }
    struct qubic_call *call = NULL;
    enum err_code asked = qubic_client_transaction(s->client, hash, LISTENER(w), &call, err);
    return ask(s, &w, call, asked, err);
}

/* Runs `each` inside the answer, while its slices live. */
static void take_list(struct waiting *w, const struct qubic_answer *answer)
{
    for (size_t i = 0; i < answer->transactions.count && w->code == ERR_OK; i++) {
        w->code = w->u.list.each(w->u.list.ctx, &answer->transactions.items[i], &w->err);
    }
}

static void take_identity(struct waiting *w, const struct qubic_answer *answer)
{
    const struct qubic_archived_list *list = &answer->identity_transactions.transactions;
    w->u.list.valid_for_tick = answer->identity_transactions.valid_for_tick;
    w->u.list.count = list->count;
    for (size_t i = 0; i < list->count && w->code == ERR_OK; i++) {
        uint32_t const tick = list->items[i].transaction.tick;
        w->u.list.oldest = tick < w->u.list.oldest ? tick : w->u.list.oldest;
        w->code = w->u.list.each(w->u.list.ctx, &list->items[i], &w->err);
    }
}

#define PAGE_SIZE 200
#define PAGES_END 10000 /* no list goes further: what is behind is asked for by its ticks */

struct qubic_identity_query chain_first_page(const struct key32 *identity, uint32_t tick_from,
                                             uint32_t tick_to)
{
    return (struct qubic_identity_query){
        .identity = *identity, .tick_from = tick_from, .tick_to = tick_to, .size = PAGE_SIZE};
}

void chain_list_begin(struct waiting *w, const struct qubic_identity_query *query,
                      chain_transaction_cb *each, void *ctx)
{
    w->take = take_identity;
    w->u.list.each = each;
    w->u.list.ctx = ctx;
    w->u.list.oldest = query->tick_to;
}

static enum err_code ask_page(struct settlement *s, const struct qubic_identity_query *query,
                              struct waiting *w, struct err *err)
{
    struct qubic_call *call = NULL;
    w->u.list.count = 0;
    w->answered = false;
    enum err_code asked =
        qubic_client_identity_transactions(s->client, query, LISTENER(*w), &call, err);
    return ask(s, w, call, asked, err);
}

enum err_code chain_identity(struct settlement *s, const struct key32 *identity, uint32_t tick_from,
                             uint32_t tick_to, chain_transaction_cb *each, void *ctx,
                             struct err *err)
{
    struct waiting w = {.loop = &s->loop};
    struct qubic_identity_query query = chain_first_page(identity, tick_from, tick_to);
    struct ahead *ahead = chain_ahead_find(s, AHEAD_IDENTITY, identity);
    chain_list_begin(&w, &query, each, ctx);
    for (;;) {
        enum err_code code = ERR_OK;
        if (ahead != NULL) {
            code = take_ahead(s, ahead, err);
            w = ahead->waiting;
            ahead = NULL;
        } else {
            code = ask_page(s, &query, &w, err);
        }
        if (code == ERR_OK && w.u.list.valid_for_tick < tick_to) {
            code = err_set(err, ERR_UNAVAILABLE,
                           "the archive's list of an identity ends at tick %" PRIu32
                           ", before tick %" PRIu32,
                           w.u.list.valid_for_tick, tick_to);
        }
        if (code != ERR_OK || w.u.list.count < PAGE_SIZE) {
            return code;
        }
        query.offset += PAGE_SIZE;
        if (query.offset < PAGES_END) {
            continue;
        }
        if (w.u.list.oldest >= query.tick_to) {
            return err_set(err, ERR_UNAVAILABLE,
                           "the archive lists %d transactions of one identity in tick %" PRIu32
                           ", more than the network takes",
                           PAGES_END, query.tick_to);
        }
        query.tick_to = w.u.list.oldest;
        query.offset = 0;
    }
}

static void take_tick_data(struct waiting *w, const struct qubic_answer *answer)
{
    w->u.tick_data.empty = answer->tick_data.empty;
    for (size_t i = 0; i < answer->tick_data.hash_count; i++) {
        w->u.tick_data.has |= key_equal(answer->tick_data.hashes[i], *w->u.tick_data.hash);
    }
}

enum err_code chain_tick_has(struct settlement *s, uint32_t tick, const struct key32 *hash,
                             bool *ret_has, bool *ret_empty, struct err *err)
{
    struct waiting w = {.loop = &s->loop, .take = take_tick_data, .u.tick_data = {.hash = hash}};
    struct qubic_call *call = NULL;
    enum err_code asked = qubic_client_tick_data(s->client, tick, LISTENER(w), &call, err);
    enum err_code code = ask(s, &w, call, asked, err);
    if (code != ERR_OK && w.rpc.tick_is_skipped) {
        w.u.tick_data.empty = true;
        code = ERR_OK;
    }
    if (code == ERR_OK) {
        *ret_has = w.u.tick_data.has;
        *ret_empty = w.u.tick_data.empty;
    }
    return code;
}

/* What a skipped tick held would never be read again, so one wrong answer must not be enough: the tick's data says so, too. The nearer of
 * the two next ticks counts. */
static enum err_code confirm_skip(struct settlement *s, uint32_t tick, uint32_t next,
                                  uint32_t *ret_next, struct err *err)
{
    const struct key32 none = {0};
    struct waiting w = {.loop = &s->loop, .take = take_tick_data, .u.tick_data = {.hash = &none}};
    struct qubic_call *call = NULL;
    enum err_code asked = qubic_client_tick_data(s->client, tick, LISTENER(w), &call, err);
    enum err_code code = ask(s, &w, call, asked, err);
    if (code == ERR_OK || (w.rpc.tick_is_skipped && w.rpc.next_tick <= tick)) {
        return err_set(err, ERR_UNAVAILABLE,
                       "the archive has data of tick %" PRIu32 ", and says it was skipped", tick);
    }
    if (!w.rpc.tick_is_skipped) {
        return code;
    }
    *ret_next = next < w.rpc.next_tick ? next : w.rpc.next_tick;
    return ERR_OK;
}

enum err_code chain_tick(struct settlement *s, uint32_t tick, chain_transaction_cb *each, void *ctx,
                         uint32_t *ret_next, struct err *err)
{
    struct waiting w = {.loop = &s->loop, .take = take_list, .u.list = {.each = each, .ctx = ctx}};
    struct qubic_call *call = NULL;
    enum err_code asked =
        qubic_client_transactions_for_tick(s->client, tick, LISTENER(w), &call, err);
    enum err_code code = ask(s, &w, call, asked, err);
    if (code == ERR_OK) {
        *ret_next = tick + 1;
    } else if (w.rpc.tick_is_skipped && w.rpc.next_tick > tick) {
        code = confirm_skip(s, tick, w.rpc.next_tick, ret_next, err);
    }
    return code;
}
