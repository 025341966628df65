// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/escrow_look.h"

#include "core/base/checked.h"

#include <inttypes.h>

void escrow_look_deinit(struct escrow_look *look)
{
    payments_deinit(&look->payments);
}

const struct ledger_payment *escrow_look_ledger(const struct escrow_look *look,
                                                const struct key32 *tx_id)
{
    for (size_t i = 0; i < look->payments.ledger_count; i++) {
        if (key_equal(look->payments.ledger[i].tx_id, *tx_id)) {
            return &look->payments.ledger[i];
        }
    }
    return NULL;
}

const struct chain_payment *escrow_look_chain(const struct escrow_look *look,
                                              const struct key32 *tx_id)
{
    for (size_t i = 0; i < look->payments.chain_count; i++) {
        if (key_equal(look->payments.chain[i].tx_id, *tx_id)) {
            return &look->payments.chain[i];
        }
    }
    return NULL;
}

/* Each transaction once; a page boundary may bring one twice. */
static bool came_before(const struct escrow_look *look, size_t index)
{
    return escrow_look_chain(look, &look->payments.chain[index].tx_id) !=
           &look->payments.chain[index];
}

static enum err_code add_up(const struct book_escrow *escrow, struct escrow_look *look,
                            struct err *err)
{
    bool fits = true;
    for (size_t i = 0; i < look->payments.chain_count; i++) {
        const struct chain_payment *tx = &look->payments.chain[i];
        if (!tx->moved || came_before(look, i) || escrow_look_ledger(look, &tx->tx_id) != NULL) {
            continue;
        }
        int64_t *sum = tx->deposit ? &look->unread : &look->unknown;
        fits = fits && checked_add_i64(*sum, tx->amount, sum);
    }
    fits = fits && checked_sub_i64(look->balance.balance, escrow->holds, &look->spare) &&
           checked_sub_i64(look->spare, look->unread, &look->spare);
    return fits ? ERR_OK
                : err_set(err, ERR_OVERFLOW, "an escrow's amounts leave the range of int64");
}

/* With a transaction missing nothing about the difference is known: a payment that the ledger took for done may be what lies there. */
static enum err_code find_missing(uint32_t until, struct escrow_look *look, struct err *err)
{
    for (size_t i = 0; i < look->payments.ledger_count; i++) {
        const struct ledger_payment *payment = &look->payments.ledger[i];
        if (payment->state != PAYMENT_FINAL) {
            continue;
        }
        if (payment->tick > until) {
            return err_set(err, ERR_UNAVAILABLE,
                           "record %" PRIu64 " has a %s of tick %" PRIu64
                           ", the chain is known up to tick %" PRIu32 " so far; ask again",
                           payment->sequence, payment_kind_word(payment->kind), payment->tick,
                           until);
        }
        const struct chain_payment *tx = escrow_look_chain(look, &payment->tx_id);
        if (tx == NULL || !tx->moved) {
            look->missing = look->missing_count++ == 0 ? payment : look->missing;
        }
    }
    return ERR_OK;
}

enum err_code escrow_look(const struct book *book, const struct book_escrow *escrow,
                          struct chain_reader *chain, struct escrow_look *ret, struct err *err)
{
    struct escrow_look look = {0};
    uint32_t processed = 0;
    /* The balance first: the list may only know more than it. */
    enum err_code code = chain_reader_balance(chain, &escrow->identity, &look.balance, err);
    if (code == ERR_OK) {
        code = chain_reader_processed(chain, &processed, err);
    }
    uint32_t moved = look.balance.latest_incoming_tick > look.balance.latest_outgoing_tick
                         ? look.balance.latest_incoming_tick
                         : look.balance.latest_outgoing_tick;
    if (code == ERR_OK && moved > processed) {
        code = err_set(err, ERR_UNAVAILABLE,
                       "the balance moved in tick %" PRIu32 ", the archive has only tick %" PRIu32
                       " so far; ask again",
                       moved, processed);
    }
    uint32_t const until =
        look.balance.valid_for_tick < processed ? look.balance.valid_for_tick : processed;
    if (code == ERR_OK) {
        code = payments_of_escrow(book, escrow, until, chain, &look.payments, err);
    }
    if (code == ERR_OK) {
        code = find_missing(until, &look, err);
    }
    if (code == ERR_OK) {
        code = add_up(escrow, &look, err);
    }
    if (code == ERR_OK) {
        *ret = look;
    } else {
        escrow_look_deinit(&look);
    }
    return code;
}
