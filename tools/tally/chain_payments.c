// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/chain_payments.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_MS_I64 INT64_C(1000000)

void payments_deinit(struct payments *payments)
{
    free(payments->ledger);
    free(payments->chain);
    *payments = (struct payments){0};
}

struct gathering {
    const struct book *book;
    const struct book_account *provider;
    const struct book_escrow *escrow; /* whose list is read; NULL: the provider's own */
    struct key32 *known;              /* transactions of other providers' escrows, sorted */
    size_t known_count;
    struct payments *payments;
};

static enum err_code no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for the chain's transactions");
}

static enum err_code add(struct gathering *g, const struct qubic_archived_transaction *tx,
                         const struct book_escrow *escrow, struct err *err)
{
    struct payments *p = g->payments;
    if (p->chain_count == p->chain_room) {
        size_t room = p->chain_room == 0 ? 256 : p->chain_room * 2;
        struct chain_payment *rows = reallocarray(p->chain, room, sizeof *rows);
        if (rows == NULL) {
            return no_memory(err);
        }
        p->chain = rows;
        p->chain_room = room;
    }
    bool sane = tx->timestamp_ms >= 0 && tx->timestamp_ms < INT64_MAX / NS_PER_MS_I64;
    p->chain[p->chain_count++] = (struct chain_payment){
        .tx_id = tx->hash,
        .source = tx->transaction.source,
        .destination = tx->transaction.destination,
        .amount = tx->transaction.amount,
        .tick = tx->transaction.tick,
        .at = sane ? tx->timestamp_ms * NS_PER_MS_I64 : 0,
        .moved = tx->money_flew,
        .deposit = key_equal(tx->transaction.destination, escrow->identity),
        .job_id = escrow->job_id,
        .escrow_id = escrow->id,
    };
    return ERR_OK;
}

static int compare_key(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct key32));
}

static enum err_code each_cb(void *ctx, const struct qubic_archived_transaction *tx,
                             struct err *err)
{
    struct gathering *g = ctx;
    const struct book_escrow *escrow = g->escrow;
    if (escrow ==
        NULL) { /* to the provider; what else it does with its wallet is its own business */
        escrow = book_escrow_by_identity(g->book, &tx->transaction.source);
        if (escrow == NULL ||
            (g->known_count > 0 &&
             bsearch(&tx->hash, g->known, g->known_count, sizeof *g->known, compare_key) != NULL)) {
            return ERR_OK;
        }
    }
    return add(g, tx, escrow, err);
}

static bool is_of(const struct gathering *g, const struct ledger_payment *payment)
{
    const struct book_escrow *escrow = book_escrow(g->book, payment->escrow_id);
    return escrow != NULL &&
           (g->provider == NULL || key_equal(escrow->provider_identity, g->provider->identity)) &&
           (g->escrow == NULL || escrow == g->escrow);
}

/* The book's payments into those of the comparison and those of others. */
static enum err_code split(struct gathering *g, struct err *err)
{
    struct payments *p = g->payments;
    size_t count = g->book->payment_count;
    p->ledger = calloc(count + 1, sizeof *p->ledger);
    g->known = calloc(count + 1, sizeof *g->known);
    if (p->ledger == NULL || g->known == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        const struct ledger_payment *payment = &g->book->payments[i];
        if (is_of(g, payment)) {
            p->ledger[p->ledger_count++] = *payment;
        } else {
            g->known[g->known_count++] = payment->tx_id;
        }
    }
    qsort(g->known, g->known_count, sizeof *g->known, compare_key);
    return ERR_OK;
}

enum err_code payments_of_provider(const struct book *book, const struct book_account *provider,
                                   int64_t until, struct chain_reader *chain, struct payments *ret,
                                   struct err *err)
{
    struct gathering g = {.book = book, .provider = provider, .payments = ret};
    uint32_t processed = 0;
    enum err_code code = split(&g, err);
    if (code == ERR_OK) {
        code = chain_reader_processed(chain, &processed, err);
    }
    for (size_t i = 0; i < book->escrow_count && code == ERR_OK; i++) {
        g.escrow = &book->escrows[i];
        if (key_equal(g.escrow->provider_identity, provider->identity) && g.escrow->at < until) {
            code = chain_reader_identity(chain, &g.escrow->identity, processed, each_cb, &g, err);
        }
    }
    g.escrow = NULL;
    if (code == ERR_OK) {
        code = chain_reader_identity(chain, &provider->identity, processed, each_cb, &g, err);
    }
    free(g.known);
    return code;
}

enum err_code payments_of_escrow(const struct book *book, const struct book_escrow *escrow,
                                 uint32_t processed, struct chain_reader *chain,
                                 struct payments *ret, struct err *err)
{
    struct gathering g = {.book = book, .escrow = escrow, .payments = ret};
    enum err_code code = split(&g, err);
    if (code == ERR_OK) {
        code = chain_reader_identity(chain, &escrow->identity, processed, each_cb, &g, err);
    }
    free(g.known);
    return code;
}
