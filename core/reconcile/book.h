/* core/reconcile/book.h: what a log says about escrows and the transactions that moved their money.
 *
 * Shape:   records in order into `book_apply`; then escrows, payments and accounts, in the order of the log. Only public parts are needed; with the
 *          private ones a provider can be named by a machine's name.
 * Truth:   the record alone. What the ledger's rules would have refused is taken down as it stands: it is for the comparison to find.
 * Owner:   the caller (book_deinit). Pure; any thread.
 * Errors:  ERR_CORRUPT for an escrow's event without the escrow, ERR_OVERFLOW, ERR_NOMEM. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_RECONCILE_BOOK_H
#define CORE_RECONCILE_BOOK_H

#include "core/event/codec.h"
#include "core/reconcile/payment.h"

struct book_account {
    struct id16 id;
    struct key32 identity;
};

struct book_host {
    struct id16 account_id;
    char name[120]; /* "" without the private part */
};

struct book_key { /* of settlement */
    uint64_t id;
    struct key32 check_identity;
    bool retired;
};

enum book_status { /* of an escrow */
                   BOOK_REQUESTED = 1,
                   BOOK_OBSERVED = 2,
                   BOOK_LOCKED = 3,
                   BOOK_SETTLED = 4,
                   BOOK_CLOSED = 5,
};
const char *book_status_word(enum book_status status);

struct book_escrow {
    struct id16 id;
    struct id16 job_id;
    struct id16 quote_id;
    struct key32 identity;
    struct key32 consumer_identity;
    struct key32 provider_identity;
    struct key32 fee_identity; /* once settled */
    uint64_t key_id;
    uint64_t sequence; /* of escrow.requested */
    int64_t at;        /* its time */
    uint64_t last_tick;
    uint64_t confirmations;
    enum book_status status;
    int64_t amount; /* to be locked */
    int64_t
        holds; /* deposits observed less what was confirmed to have left: what the chain must show */
    int64_t refund; /* legs, once settled */
    int64_t payout;
    int64_t fee;
    int64_t short_by; /* the last escrow.shortfall; 0: none, or healed */
    uint64_t settled_sequence;
    int64_t settled_at; /* its time */
    size_t in_flight;   /* 1 + index of the payment that is signed and open; 0: none */
};

/* What was found on the chain after a restore: paid by a part of the log that was lost. */
struct book_found {
    struct id16 escrow_id;
    struct key32 tx_id;
    enum paid_as paid_as;
    int64_t amount;
    bool taken; /* for a leg of this log's */
};

struct book {
    struct id16 log_id;
    enum network network;
    uint64_t key_id; /* of the newest settlement key */
    uint64_t size;   /* records applied */
    uint64_t tick;   /* every deposit up to this tick is in the log, as far as it proves it */
    uint64_t tick_offset;
    struct book_key *keys; /* of settlement, in the order they were added */
    size_t key_count;
    struct book_account *accounts;
    size_t account_count;
    struct book_host *hosts;
    size_t host_count;
    struct book_escrow *escrows;
    size_t escrow_count;
    struct ledger_payment *payments;
    size_t payment_count;
    struct book_found *found;
    size_t found_count;
    bool observing; /* restored, and settlement not resumed since */
    /* room, and the escrows' places by id and by identity (open addressing, 1 + index) */
    size_t key_room;
    size_t account_room;
    size_t host_room;
    size_t escrow_room;
    size_t payment_room;
    size_t found_room;
    uint32_t *by_id;
    uint32_t *by_identity;
    size_t slots;
};

/* Record `sequence`, which is book->size + 1, with its private part if it was decoded. */
MUST_CHECK enum err_code book_apply(struct book *book, uint64_t sequence, const struct event *event,
                                    struct err *err);
void book_deinit(struct book *book);

/* NULL: the log has no such settlement key. */
const struct book_key *book_key(const struct book *book, uint64_t key_id);
const struct book_escrow *book_escrow(const struct book *book, struct id16 id);
const struct book_escrow *book_escrow_by_identity(const struct book *book,
                                                  const struct key32 *identity);
/* NULL: this is no payment that was found. */
const struct book_found *book_found(const struct book *book, const struct key32 *tx_id);
/* How many found payments of an escrow are no leg of it: nothing more is paid from it. */
size_t book_found_open(const struct book *book, struct id16 escrow_id);
/* By account id, Qubic identity or the name of one of its machines. ERR_NOT_FOUND; ERR_INVALID for a name that machines of several
 * accounts have. */
MUST_CHECK enum err_code book_provider(const struct book *book, const char *name,
                                       struct book_account *ret, struct err *err);
/* Nothing of this escrow is to be done any more: it ended, every leg and return is confirmed, nothing is in flight. */
bool book_escrow_is_done(const struct book_escrow *escrow);

#endif
