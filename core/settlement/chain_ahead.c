/* Several questions at once, for code that still reads from top to bottom: what a step will ask is asked ahead for all steps of a window, and the
 * step finds the answer; what is only sent is not waited for before the window's end.
 *
 *     chain_ahead_*(…) × window ─▶ step: chain_balance(…) takes, or waits for, its own ─▶ chain_send(…) ─▶ chain_ahead_end: all are in
 *
 * An answer asked ahead is some answers older than one asked in its step, never older than its window. */
// SPDX-License-Identifier: Apache-2.0
#include "core/settlement/chain_internal.h"

#include <string.h>

struct ahead *chain_ahead_find(struct settlement *s, enum ahead_kind kind, const struct key32 *key)
{
    for (size_t i = 0; i < AHEAD_MAX; i++) {
        struct ahead *ahead = &s->ahead[i];
        if (ahead->kind == kind && key_equal(ahead->key, *key)) {
            return ahead;
        }
    }
    return NULL;
}

/* A place, or NULL: then it is asked when it is wanted. */
static struct ahead *take_place(struct settlement *s, enum ahead_kind kind, const struct key32 *key)
{
    for (size_t i = 0; i < AHEAD_MAX; i++) {
        struct ahead *ahead = &s->ahead[i];
        if (ahead->kind == AHEAD_FREE) {
            *ahead = (struct ahead){.kind = kind, .key = *key, .waiting = {.loop = &s->loop}};
            return ahead;
        }
    }
    return NULL;
}

/* What could not be asked (the rate leaves no room) is asked again when it is wanted, and then told. */
static void asked(struct settlement *s, struct ahead *ahead, enum err_code code)
{
    s->questions++;
    if (code != ERR_OK) {
        ahead->kind = AHEAD_FREE;
    }
}

static void take_balance(struct waiting *w, const struct qubic_answer *answer)
{
    *w->u.balance = answer->balance;
}

static void take_transaction(struct waiting *w, const struct qubic_answer *answer)
{
    *w->u.transaction = answer->transaction;
}

void chain_ahead_balance(struct settlement *s, const struct key32 *identity)
{
    struct ahead *ahead = take_place(s, AHEAD_BALANCE, identity);
    struct err err;
    if (ahead != NULL) {
        ahead->waiting.take = take_balance;
        ahead->waiting.u.balance = &ahead->answer.balance;
        asked(s, ahead,
              qubic_client_balance(s->client, identity, LISTENER(ahead->waiting), &ahead->call,
                                   &err));
    }
}

void chain_ahead_transaction(struct settlement *s, const struct key32 *hash)
{
    struct ahead *ahead = take_place(s, AHEAD_TRANSACTION, hash);
    struct err err;
    if (ahead != NULL) {
        ahead->waiting.take = take_transaction;
        ahead->waiting.u.transaction = &ahead->answer.transaction;
        asked(s, ahead,
              qubic_client_transaction(s->client, hash, LISTENER(ahead->waiting), &ahead->call,
                                       &err));
    }
}

void chain_ahead_identity(struct settlement *s, const struct key32 *identity, uint32_t tick_from,
                          uint32_t tick_to, chain_transaction_cb *each, void *ctx)
{
    struct ahead *ahead = take_place(s, AHEAD_IDENTITY, identity);
    struct err err;
    if (ahead != NULL) {
        const struct qubic_identity_query query = chain_first_page(identity, tick_from, tick_to);
        chain_list_begin(&ahead->waiting, &query, each, ctx);
        asked(s, ahead,
              qubic_client_identity_transactions(s->client, &query, LISTENER(ahead->waiting),
                                                 &ahead->call, &err));
    }
}

/* Of what was sent, the first there is; false: none. */
static bool wait_for_sent(struct settlement *s)
{
    for (size_t i = 0; i < AHEAD_MAX; i++) {
        struct ahead *ahead = &s->ahead[i];
        struct err err = {0};
        if (ahead->kind != AHEAD_SENT) {
            continue;
        }
        enum err_code code = chain_wait(s, &ahead->waiting, ahead->call, ERR_OK, &err);
        ahead->kind = AHEAD_FREE;
        if (code != ERR_OK && code != ERR_INVALID) { /* too late is seen later, by the evidence */
            trouble_note(s, ahead->escrow_id, &err);
            s->sent_err = err;
        }
        return true;
    }
    return false;
}

enum err_code chain_send(struct settlement *s, struct id16 escrow_id,
                         const struct qubic_transaction *tx, struct err *err)
{
    const struct key32 hash = qubic_transaction_hash(tx);
    struct ahead *ahead = take_place(s, AHEAD_SENT, &hash);
    while (ahead == NULL && wait_for_sent(s)) {
        ahead = take_place(s, AHEAD_SENT, &hash);
    }
    if (ahead == NULL) {
        enum err_code code = chain_broadcast(s, tx, err);
        return code == ERR_INVALID ? ERR_OK : code;
    }
    ahead->escrow_id = escrow_id;
    enum err_code code =
        qubic_client_broadcast(s->client, tx, LISTENER(ahead->waiting), &ahead->call, err);
    asked(s, ahead, code);
    return code;
}

enum err_code chain_ahead_end(struct settlement *s, struct err *err)
{
    while (wait_for_sent(s)) {
    }
    for (size_t i = 0; i < AHEAD_MAX; i++) { /* which no step wanted in the end */
        struct ahead *ahead = &s->ahead[i];
        if (ahead->kind != AHEAD_FREE && !ahead->waiting.answered) {
            qubic_call_cancel(ahead->call);
        }
        ahead->kind = AHEAD_FREE;
    }
    enum err_code code = s->sent_err.code;
    if (code != ERR_OK) {
        *err = s->sent_err;
        s->sent_err = (struct err){0};
    }
    return code;
}

/* ── a walk ────────────────────────────────────────────────────────────────────────────────────── */

/* Beyond what was asked ahead: two a step are ordinary. A step may have hundreds, one for every 200 deposits of an escrow, which anybody can send. */
#define WINDOW_QUESTIONS_MAX (2 * (uint64_t)WALK_WINDOW)

enum err_code settlement_walk(struct settlement *s, const struct walk *walk, size_t *from,
                              struct err *err)
{
    enum err_code code = ERR_OK;
    size_t const begin = walk->count == 0 ? 0 : *from % walk->count;
    int64_t const until = s->options.mono_ns() + WALK_NS;
    uint64_t const questions = s->questions;
    *from = 0;
    for (size_t at = 0; at < walk->count && !settlement_stopping(s);) {
        size_t const end = walk->count - at < WALK_WINDOW ? walk->count : at + WALK_WINDOW;
        enum err_code last = ERR_OK;
        for (size_t i = at; i < end; i++) {
            walk->ahead(s, walk->ctx, (begin + i) % walk->count);
        }
        uint64_t const asked_ahead = s->questions;
        /* Who waits in vain ends the walk: a round waits for none of the others, and the next begins after it. */
        while (at < end && last != ERR_TIMEOUT &&
               s->questions - asked_ahead < WINDOW_QUESTIONS_MAX && !settlement_stopping(s)) {
            struct err own = {0};
            last = walk->step(s, walk->ctx, (begin + at++) % walk->count, &own);
            if (last != ERR_OK) { /* one's trouble is not the others' */
                code = last;
                *err = own;
            }
        }
        struct err own = {0};
        enum err_code sent = chain_ahead_end(s, &own);
        if (sent != ERR_OK) {
            code = sent;
            *err = own;
        }
        if (last == ERR_TIMEOUT || sent == ERR_TIMEOUT || s->options.mono_ns() >= until ||
            (walk->questions_max != 0 && s->questions - questions >= walk->questions_max)) {
            *from = (begin + at) % walk->count;
            break;
        }
    }
    return code;
}
