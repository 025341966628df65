/* projections/transactions.h: every transaction on the chain that the ledger knows of, seen or sent.
 *
 * Shape:   first sequence (8) → row; account ‖ first sequence → nothing; transaction id → first sequence.
 * Who:     a row is an account's if its Qubic identity is the source or the destination. So the sum of what came in minus what went out is the
 *          balance of the account's `wallet:` in the books (lost and merely signed ones, and fees, aside). The row is the same for everyone; which way
 *          it goes says the direction.
 * State:   deposit: observed → confirmed (locked, or returned: it was real). leg: signed → confirmed | lost; the next attempt is a new row. */
// SPDX-License-Identifier: Apache-2.0
#ifndef PROJECTIONS_TRANSACTIONS_H
#define PROJECTIONS_TRANSACTIONS_H

#include "core/ledger/projection.h"

extern const struct projection PROJECTION_TRANSACTIONS;

enum transaction_kind {
    TRANSACTION_ANY = 0, /* in filters */
    TRANSACTION_LOCK = 1,
    TRANSACTION_PAYOUT = 2,
    TRANSACTION_REFUND = 3,
    TRANSACTION_FEE = 4,
    TRANSACTION_RETURN = 5,
    TRANSACTION_DEPOSIT = 6, /* came in and is no lock; goes back whole */
};
extern const struct enum_words transaction_kind_words;

enum transaction_status {
    TRANSACTION_OBSERVED = 1,
    TRANSACTION_SIGNED = 2,
    TRANSACTION_CONFIRMED = 3,
    TRANSACTION_LOST = 4,
};
extern const struct enum_words transaction_status_words;

struct transaction_row {
    struct id16 job_id;
    struct id16 escrow_id;
    struct key32 tx_id;
    struct key32 source; /* Qubic identities */
    struct key32 destination;
    struct key32 deposit_tx; /* of a return: what is returned */
    int64_t amount;
    int64_t at;         /* of the first event about it */
    int64_t changed_at; /* of the last */
    uint64_t tick;
    uint64_t kind;
    uint64_t status;
    uint64_t class;    /* enum deposit_class, of deposits */
    uint64_t attempt;  /* of legs */
    uint64_t sequence; /* of the last event about it */
};

struct transaction_entry {
    uint64_t first_sequence; /* its name in lists, and the cursor */
    struct transaction_row row;
};

bool transactions_get(struct store *store, uint64_t first_sequence, struct transaction_entry *ret);
bool transactions_by_tx(struct store *store, struct key32 tx_id, struct transaction_entry *ret);

struct transactions_filter {
    struct id16 account_id; /* zero: everybody's, for operator and auditor */
    uint64_t before;        /* first sequence to go on from; 0: from the newest */
    enum transaction_kind kind;
    enum transaction_status status; /* 0: any */
    int64_t from;                   /* ns UTC, `at` ≥ from; 0: any */
    int64_t until;                  /* `at` < until; 0: any */
};

/* At most this many rows are looked at in one call. */
#define TRANSACTIONS_LOOK_MAX 10000

/* Up to `max` matching rows, newest first. `ret_next` is the `before` to go on with, 0 when there is no more; it can be set although fewer than `max`
 * came, when the filter passes over very many. */
size_t transactions_list(struct store *store, const struct transactions_filter *filter,
                         struct transaction_entry *ret, size_t max, uint64_t *ret_next);

#endif
