/* projections/accounts.h: the books as an auditor reads them: balances, totals and statements, computed from the events alone.
 *
 * Shape:   account key (core/market/posting.h) → balance; account key ‖ sequence (8) → amount, balance after; kind (1) → sum of the accounts of this kind.
 * Check:   after each event the sums of all kinds add up to zero and only accounts that may be negative are; otherwise the store fails (ERR_CORRUPT), and
 *          with it the batch. This does not read the write model's balances: two computations that must agree. */
// SPDX-License-Identifier: Apache-2.0
#ifndef PROJECTIONS_ACCOUNTS_H
#define PROJECTIONS_ACCOUNTS_H

#include "core/ledger/projection.h"
#include "core/market/posting.h"

extern const struct projection PROJECTION_ACCOUNTS;

struct statement_line {
    uint64_t sequence;
    int64_t amount;  /* positive: into the account */
    int64_t balance; /* after it */
};

/* 0 for an account that never moved. */
int64_t accounts_balance(struct store *store, const uint8_t account[ACCOUNT_KEY_SIZE]);
/* Sum over all accounts of a kind. */
int64_t accounts_total(struct store *store, enum account_kind kind);

struct account_balance {
    uint8_t account[ACCOUNT_KEY_SIZE];
    int64_t balance;
};

/* Up to `max` accounts after `after` (NULL: from the first), by key. */
size_t accounts_list(struct store *store, const uint8_t *after, struct account_balance *ret,
                     size_t max);
/* Up to `max` lines after sequence `after`, ascending; or before `before` (0: from the newest), descending. */
size_t accounts_statement_after(struct store *store, const uint8_t account[ACCOUNT_KEY_SIZE],
                                uint64_t after, struct statement_line *ret, size_t max);
size_t accounts_statement_before(struct store *store, const uint8_t account[ACCOUNT_KEY_SIZE],
                                 uint64_t before, struct statement_line *ret, size_t max);

#endif
