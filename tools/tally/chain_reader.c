// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/chain_reader.h"

#include "core/base/invariant.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGE 500
#define OFFSET_MAX 10000 /* offset + size may not pass it */
#define TRIES 6
#define PAUSE_MS 200 /* after the first try, and twice as long after each other */

struct chain_reader {
    uv_loop_t loop;
    struct http_client *http;
    struct qubic_client *client;
    const char *live_url; /* the caller's */
    const char *query_url;
};

struct waiting {
    struct chain_reader *reader;
    bool answered;
    enum err_code code;
    struct err err;
    void (*take)(struct waiting *, const struct qubic_answer *);
    union {
        uint32_t *tick;
        struct qubic_balance *balance;
        struct qubic_archived_transaction *transaction;
        struct {
            chain_reader_each *each;
            void *ctx;
            uint32_t until;
            size_t count;
            uint32_t last_tick; /* of the page's oldest */
        } list;
    } u;
};

static void answer_cb(void *ctx, const struct qubic_answer *answer)
{
    struct waiting *waiting = ctx;
    waiting->answered = true;
    waiting->code = answer->code;
    waiting->err = answer->err;
    if (answer->code == ERR_OK) {
        waiting->take(waiting, answer);
    }
    uv_stop(&waiting->reader->loop);
}

/* What is asked, so that it can be asked again. */
struct question {
    enum err_code (*ask)(struct chain_reader *reader, const struct question *q,
                         struct qubic_listener listener, struct err *err);
    const struct key32 *key;
    const struct qubic_identity_query *query;
    const struct qubic_transaction *tx;
    bool once;
};

static enum err_code wait_for(const struct question *q, struct waiting *w, struct err *err)
{
    useconds_t pause = PAUSE_MS * 1000;
    enum err_code code = ERR_OK;
    for (int attempt = 1;; attempt++) {
        w->answered = false;
        code = q->ask(w->reader, q, (struct qubic_listener){.on_answer = answer_cb, .ctx = w}, err);
        if (code != ERR_OK) {
            return code;
        }
        while (!w->answered) {
            (void)uv_run(&w->reader->loop, UV_RUN_DEFAULT); /* until uv_stop */
        }
        bool passing = w->code == ERR_UNAVAILABLE || w->code == ERR_TIMEOUT || w->code == ERR_BUSY;
        if (!passing || q->once || attempt == TRIES) {
            break;
        }
        (void)usleep(pause);
        pause *= 2;
    }
    if (w->code != ERR_OK && err != NULL) {
        *err = w->err;
    }
    if (w->code == ERR_UNAVAILABLE || w->code == ERR_TIMEOUT) { /* or a mistyped URL */
        err_context(err, "%.60s, %.60s", w->reader->live_url, w->reader->query_url);
    }
    return w->code;
}

static void http_closed(void *ctx)
{
    (void)ctx;
}

enum err_code chain_reader_open(const char *live_url, const char *query_url,
                                struct chain_reader **ret, struct err *err)
{
    struct chain_reader *reader = calloc(1, sizeof *reader);
    struct qubic_client_options options = {.live_url = live_url, .query_url = query_url};
    if (reader == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    reader->live_url = live_url;
    reader->query_url = query_url;
    int rc = uv_loop_init(&reader->loop);
    if (rc != 0) {
        free(reader);
        return err_set_origin(err, ERR_IO, rc, "event loop: %s", uv_strerror(rc));
    }
    enum err_code code = http_client_create(&reader->loop, &reader->http, err);
    if (code == ERR_OK) {
        code = qubic_client_create(reader->http, &options, &reader->client, err);
    }
    if (code == ERR_OK) {
        *ret = reader;
    } else {
        chain_reader_close(reader);
    }
    return code;
}

void chain_reader_close(struct chain_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    qubic_client_destroy(reader->client);
    if (reader->http != NULL) {
        http_client_close(reader->http, http_closed, NULL);
    }
    (void)uv_run(&reader->loop, UV_RUN_DEFAULT);
    INVARIANT(uv_loop_close(&reader->loop) == 0);
    free(reader);
}

/* ── single answers ────────────────────────────────────────────────────────────────────────────── */

static enum err_code ask_tick(struct chain_reader *reader, const struct question *q,
                              struct qubic_listener listener, struct err *err)
{
    (void)q;
    return qubic_client_tick_info(reader->client, listener, NULL, err);
}

static void take_tick(struct waiting *w, const struct qubic_answer *answer)
{
    *w->u.tick = answer->tick_info.tick;
}

enum err_code chain_reader_tick(struct chain_reader *reader, uint32_t *ret, struct err *err)
{
    struct question q = {.ask = ask_tick};
    struct waiting w = {.reader = reader, .take = take_tick, .u.tick = ret};
    return wait_for(&q, &w, err);
}

static enum err_code ask_processed(struct chain_reader *reader, const struct question *q,
                                   struct qubic_listener listener, struct err *err)
{
    (void)q;
    return qubic_client_processed_tick(reader->client, listener, NULL, err);
}

static void take_processed(struct waiting *w, const struct qubic_answer *answer)
{
    *w->u.tick = answer->processed_tick.tick;
}

enum err_code chain_reader_processed(struct chain_reader *reader, uint32_t *ret, struct err *err)
{
    struct question q = {.ask = ask_processed};
    struct waiting w = {.reader = reader, .take = take_processed, .u.tick = ret};
    return wait_for(&q, &w, err);
}

static enum err_code ask_balance(struct chain_reader *reader, const struct question *q,
                                 struct qubic_listener listener, struct err *err)
{
    return qubic_client_balance(reader->client, q->key, listener, NULL, err);
}

static void take_balance(struct waiting *w, const struct qubic_answer *answer)
{
    *w->u.balance = answer->balance;
}

enum err_code chain_reader_balance(struct chain_reader *reader, const struct key32 *identity,
                                   struct qubic_balance *ret, struct err *err)
{
    struct question q = {.ask = ask_balance, .key = identity};
    struct waiting w = {.reader = reader, .take = take_balance, .u.balance = ret};
    return wait_for(&q, &w, err);
}

static enum err_code ask_transaction(struct chain_reader *reader, const struct question *q,
                                     struct qubic_listener listener, struct err *err)
{
    return qubic_client_transaction(reader->client, q->key, listener, NULL, err);
}

static void take_transaction(struct waiting *w, const struct qubic_answer *answer)
{
    *w->u.transaction = answer->transaction;
}

enum err_code chain_reader_transaction(struct chain_reader *reader, const struct key32 *hash,
                                       struct qubic_archived_transaction *ret, struct err *err)
{
    struct question q = {.ask = ask_transaction, .key = hash};
    struct waiting w = {.reader = reader, .take = take_transaction, .u.transaction = ret};
    return wait_for(&q, &w, err);
}

static enum err_code ask_broadcast(struct chain_reader *reader, const struct question *q,
                                   struct qubic_listener listener, struct err *err)
{
    return qubic_client_broadcast(reader->client, q->tx, listener, NULL, err);
}

static void take_nothing(struct waiting *w, const struct qubic_answer *answer)
{
    (void)w;
    (void)answer;
}

enum err_code chain_reader_broadcast(struct chain_reader *reader,
                                     const struct qubic_transaction *tx, struct err *err)
{
    struct question q = {.ask = ask_broadcast, .tx = tx, .once = true};
    struct waiting w = {.reader = reader, .take = take_nothing};
    return wait_for(&q, &w, err);
}

/* ── an identity's transactions ────────────────────────────────────────────────────────────────── */

static enum err_code ask_list(struct chain_reader *reader, const struct question *q,
                              struct qubic_listener listener, struct err *err)
{
    return qubic_client_identity_transactions(reader->client, q->query, listener, NULL, err);
}

/* Runs `each` inside the answer, while its transactions live. */
static void take_list(struct waiting *w, const struct qubic_answer *answer)
{
    const struct qubic_archived_list *list = &answer->identity_transactions.transactions;
    w->u.list.count = list->count;
    if (answer->identity_transactions.valid_for_tick < w->u.list.until) {
        w->code = err_set(&w->err, ERR_UNAVAILABLE,
                          "the archive's list ends at tick %" PRIu32 ", it says it has %" PRIu32,
                          answer->identity_transactions.valid_for_tick, w->u.list.until);
        return;
    }
    for (size_t i = 0; i < list->count && w->code == ERR_OK; i++) {
        const struct qubic_archived_transaction *tx = &list->items[i];
        w->u.list.last_tick = tx->transaction.tick;
        w->code = qubic_rpc_transaction_check(tx, &tx->hash, &w->err);
        if (w->code == ERR_OK) {
            w->code = w->u.list.each(w->u.list.ctx, tx, &w->err);
        }
    }
}

enum err_code chain_reader_identity(struct chain_reader *reader, const struct key32 *identity,
                                    uint32_t until, chain_reader_each *each, void *ctx,
                                    struct err *err)
{
    struct qubic_identity_query query = {.identity = *identity, .tick_to = until, .size = PAGE};
    struct question q = {.ask = ask_list, .query = &query};
    struct waiting w = {
        .reader = reader, .take = take_list, .u.list = {each, ctx, until, 0, until}};
    for (;;) {
        enum err_code code = wait_for(&q, &w, err);
        if (code != ERR_OK || w.u.list.count < query.size) {
            return code;
        }
        query.offset += query.size;
        if (query.offset + query.size > OFFSET_MAX) { /* on from the oldest tick: it comes twice */
            if (w.u.list.last_tick >= query.tick_to) {
                return err_set(
                    err, ERR_TOO_LARGE,
                    "one tick has more transactions of an identity than can be asked for");
            }
            query.tick_to = w.u.list.last_tick;
            query.offset = 0;
        }
    }
}
