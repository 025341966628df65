/* core/reconcile/payment.h: one payment, as the ledger, the chain and the provider's statement each tell it.
 *
 * Units:   amounts are whole QUBIC; times are ns since 1970, UTC. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_RECONCILE_PAYMENT_H
#define CORE_RECONCILE_PAYMENT_H

#include "core/base/id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum payment_kind {
    PAYMENT_UNKNOWN = 0, /* only the chain or the statement has it */
    PAYMENT_DEPOSIT = 1, /* into an escrow identity; the others leave one */
    PAYMENT_REFUND = 2,
    PAYMENT_PAYOUT = 3,
    PAYMENT_FEE = 4,
    PAYMENT_RETURN = 5,
};
const char *payment_kind_word(enum payment_kind kind);

enum payment_state {
    PAYMENT_FINAL = 1,  /* observed, or confirmed */
    PAYMENT_SIGNED = 2, /* in flight: neither confirmed nor lost so far */
    PAYMENT_LOST = 3,   /* a failed attempt; its transaction must not have moved money */
};

const char *payment_state_word(enum payment_state state);

struct ledger_payment {
    uint64_t sequence; /* of the event that gave the state */
    int64_t at;        /* that event's time */
    struct key32 tx_id;
    struct key32 source;
    struct key32 destination;
    int64_t amount;
    uint64_t tick;
    uint64_t attempt; /* 0: a deposit */
    uint64_t
        processed_tick; /* evidence of a confirmation or a loss: the archive's last tick then, … */
    uint64_t balance_tick; /* … of a loss: a balance as new as this … */
    bool tick_was_empty;   /* … and a tick without any transaction; or, … */
    bool no_money;         /* … it was included and moved nothing */
    struct id16 job_id;
    struct id16 escrow_id;
    enum payment_kind kind;
    enum payment_state state;
};

struct chain_payment {
    struct key32 tx_id;
    struct key32 source;
    struct key32 destination;
    int64_t amount;
    uint64_t tick;
    int64_t at;         /* of its tick, the archive's word */
    bool moved;         /* false: included, but no money moved */
    bool deposit;       /* into the escrow's identity, and not out of it */
    struct id16 job_id; /* of the escrow whose identity it touched; zero: none of ours */
    struct id16 escrow_id;
};

struct statement_line {
    uint64_t line; /* in the file, the header is line 1 */
    int64_t from;  /* a day is its 24 hours in UTC; a time is itself, twice */
    int64_t until; /* inclusive */
    int64_t amount;
    struct key32 tx_id;
    struct id16 job_id; /* zero: not said */
};

#endif
