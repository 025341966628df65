/* core/reconcile/reconcile.h: one provider's payments in a period: the ledger against the chain, and against the provider's own statement.
 *
 * Match:   by transaction id alone.
 * Period:  from ≤ time < until. A payment that the ledger has belongs to the period of the ledger's time; one that it does not have, to that of
 *          the witness who does. So every payment is in exactly one period, whichever side of midnight its tick was.
 * Chain:   a transaction that moved no money is none. One that the ledger has signed but not yet confirmed is pending. One that the ledger calls
 *          lost, and that moved money, is extra. One that it does not know is extra, too, unless it cannot know it yet: a deposit in a tick that it
 *          has not read (`ledger_tick`), or one out of an escrow in a tick that had not been processed when the log was read (`chain_tick`); for
 *          whatever the ledger sends is in it before it is sent.
 * Statement: holds payouts only. The first line with an id counts, every other with it is extra. A date differs if it is more than
 *          DATE_SLACK away from both the tick's and the ledger's time; a pair is then told for either's period.
 * Owner:   the input is borrowed; the result is the caller's (reconcile_result_deinit). Pure; any thread.
 * Errors:  ERR_OVERFLOW when a sum leaves int64, ERR_NOMEM. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_RECONCILE_RECONCILE_H
#define CORE_RECONCILE_RECONCILE_H

#include "core/base/err.h"
#include "core/reconcile/payment.h"

#define DATE_SLACK                                                                                 \
    (INT64_C(86400) * 1000000000) /* a day: time zones, and books closed the next morning */

enum finding {
    FINDING_MATCHED = 1,
    FINDING_PENDING = 2, /* explained, but not final: no difference */
    FINDING_MISSING = 3, /* the ledger has it, the other does not */
    FINDING_EXTRA = 4,   /* the other has it, the ledger does not */
    FINDING_DIFFERS = 5, /* both have it, and tell it differently */
};
const char *finding_word(enum finding finding);

enum witness { WITNESS_CHAIN = 1, WITNESS_STATEMENT = 2 };
const char *witness_word(enum witness witness);

/* Why; bits, because a pair may differ in several ways. */
#define REASON_AMOUNT 1u
#define REASON_PARTIES 2u     /* source or destination */
#define REASON_TICK 4u        /* executed in another tick than the ledger says */
#define REASON_JOB 8u         /* the statement gives it to another job */
#define REASON_DATE 16u       /* the statement dates it more than a day away */
#define REASON_NO_MONEY 32u   /* missing: included on the chain, but no money moved */
#define REASON_LOST 64u       /* extra: the ledger calls it lost */
#define REASON_TWICE 128u     /* extra: the second with this transaction id */
#define REASON_IN_FLIGHT 256u /* pending: signed, not confirmed yet */
#define REASON_NEWER 512u     /* pending: of a tick that the ledger has not read yet */
#define REASON_COUNT 10
/* The word of bit `index` below REASON_COUNT. */
const char *reason_word(unsigned index);

struct reconcile_item {
    enum witness witness;
    enum finding finding;
    unsigned reasons;
    enum payment_kind kind;
    uint64_t sequence; /* 0: the ledger does not have it */
    uint64_t line;     /* of the statement, 0: none */
    uint64_t tick;     /* 0: unknown */
    int64_t at;        /* the ledger's time, else the witness's */
    int64_t ledger_amount;
    int64_t other_amount;
    struct key32 tx_id;
    struct id16 job_id;    /* the ledger's, else the statement's; zero: unknown */
    struct id16 escrow_id; /* zero: unknown */
};

struct reconcile_totals { /* of one witness */
    uint64_t matched;
    uint64_t pending;
    uint64_t missing;
    uint64_t extra;
    uint64_t differing;
    int64_t ledger_amount; /* of everything but pending */
    int64_t other_amount;
};

struct reconcile_input {
    int64_t from;
    int64_t until;
    uint64_t ledger_tick; /* deposits up to this tick are in the ledger */
    uint64_t chain_tick;  /* the archive's last one before the log was read */
    const struct ledger_payment *ledger;
    size_t ledger_count;
    const struct chain_payment *chain; /* the same transaction may come several times */
    size_t chain_count;
    bool has_statement;
    const struct statement_line *statement;
    size_t statement_count;
};

struct reconcile_result {
    struct reconcile_item *items; /* by witness, time, sequence, transaction id, line */
    size_t count;
    struct reconcile_totals chain;
    struct reconcile_totals statement;
};

MUST_CHECK enum err_code reconcile(const struct reconcile_input *input,
                                   struct reconcile_result *ret, struct err *err);
void reconcile_result_deinit(struct reconcile_result *result);
/* Missing, extra and differing, of both witnesses. */
uint64_t reconcile_differences(const struct reconcile_result *result);

#endif
