/* core/market/posting.h: double entry: which accounts an event moves money between.
 *
 * Shape:   an event's postings are a function of the event alone and sum to zero. Account key = kind (1) ‖ subject (32) ‖ leg (1).
 *          wallet:<Qubic key>       the outside world; may be negative
 *          held:<escrow>            arrived at the escrow identity, not the job's money (yet)
 *          escrow:<escrow>          locked for the job
 *          payable:<escrow>:<leg>   decided, not yet on the chain
 *          fees                     ours
 *          unexplained:<escrow>     arrived without a transaction; may be negative
 * Rule:    held, escrow, payable and fees never go below zero. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_POSTING_H
#define CORE_MARKET_POSTING_H

#include "core/event/codec.h"
#include "core/market/state.h"

enum account_kind {
    ACCOUNT_WALLET = 1,
    ACCOUNT_HELD = 2,
    ACCOUNT_ESCROW = 3,
    ACCOUNT_PAYABLE = 4,
    ACCOUNT_FEES = 5,
    ACCOUNT_UNEXPLAINED = 6,
};

#define ACCOUNT_KEY_SIZE 34
#define POSTINGS_MAX 4

struct posting {
    uint8_t account[ACCOUNT_KEY_SIZE];
    int64_t amount; /* QUBIC; positive: into the account */
};

/* Postings of an event; 0 for one that moves nothing. Zero amounts are left out. */
size_t postings_of(const struct event *event, struct posting ret[POSTINGS_MAX]);

void account_key(enum account_kind kind, struct bytes subject, enum leg_kind leg,
                 uint8_t ret[ACCOUNT_KEY_SIZE]);
bool account_may_be_negative(const uint8_t account[ACCOUNT_KEY_SIZE]);
/* Balance of an account, 0 if it never moved. */
int64_t state_balance(struct store *store, const uint8_t account[ACCOUNT_KEY_SIZE]);

#endif
