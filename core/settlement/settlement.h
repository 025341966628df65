/* core/settlement/settlement.h: the process manager between ledger and chain.
 *
 * One thread, straight-line code, its own event loop for the RPC. Each round: where is the chain → what arrived in the ticks since
 * the cursor → confirmations and expiries → one step for each escrow with a leg open. It remembers nothing that the ledger does not:
 * every step starts from the write model, and what must not happen twice is refused there (core/market/decide_escrow.c).
 *
 *     due ─ derive key, sign, LEG_SIGN (durable) ─▶ signed ─ broadcast those bytes until the tick has passed
 *                                                     │ tick + 3 processed
 *                                     found, money flew ├─▶ LEG_CONFIRM
 *                     not found, not in the tick, count  ├─▶ LEG_LOSE ─▶ due, next attempt
 *                                     anything else      └─▶ wait
 *
 * Off:     a wrong operator seed keeps settlement off until it is started with the right one; a chain that does not know what
 *          the log calls confirmed, as long as that is so. The reason is in the status. A chain that does not answer is
 *          waited for.
 * Restore: after ledger.restored only observes, until every open escrow was read again from the chain and an operator resumed it
 *          (reread.c). What is found to have left is taken for the leg it paid, or nothing more leaves that escrow.
 * Missing: retired keys: only escrows of the loaded seed and key id are paid.
 * Thread:  start, stop, status and escrow identities from any thread. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_SETTLEMENT_SETTLEMENT_H
#define CORE_SETTLEMENT_SETTLEMENT_H

#include "core/ledger/ledger.h"
#include "core/settlement/escrow_key.h"

struct settlement;

struct settlement_options {
    struct ledger *ledger;
    const struct operator_key *operator_key; /* copied */
    const char *live_url;
    const char *query_url;
    const char *ca_file;      /* NULL: the system's */
    const char *cursor_path;  /* file that remembers how far the chain was read; may be lost */
    unsigned poll_ms;         /* pause between rounds; 0: 500 */
    unsigned timeout_ms;      /* of one attempt to ask the chain; 0: 5,000 */
    unsigned requests_per_s;  /* of the chain, at most 1,000; 0: no limit */
    int64_t (*mono_ns)(void); /* NULL: time_mono_ns; tests hand in their own */
};

struct settlement_status {
    bool on;            /* keys loaded and right, chain the right one */
    bool chain_answers; /* in the last round */
    uint32_t tick;      /* the network's, 0: unknown */
    uint32_t tick_ms;   /* length of a tick as measured, 0: unknown */
    uint32_t processed; /* last tick the archive has */
    uint32_t cursor;    /* last tick we have read */
    int64_t asked_at;   /* monotonic ns of the last answer */
    uint64_t legs_open;
    bool
        observing; /* the log was restored: deposits, confirmations and evidence are read, nothing is signed, sent or expired */
    bool reread;   /* … every open escrow was read again: an operator may let it resume */
    uint64_t unread;              /* … open escrows still to be read, as far as was counted */
    uint32_t unread_for;          /* … which waits until the archive has this tick */
    char reason[ERR_MESSAGE_MAX]; /* why it is off, or the last trouble; "" if none */
};

MUST_CHECK enum err_code settlement_start(const struct settlement_options *options,
                                          struct settlement **ret, struct err *err);
/* Ends the round in progress at its next step, a question to the chain at once. Before ledger_close. Accepts NULL. */
void settlement_stop(struct settlement *settlement);

void settlement_status(struct settlement *settlement, struct settlement_status *ret);
/* The identity of an escrow to be; derived again and compared before each signature. Zero, key id 0, while the seed is
 * wrong: no command takes these, and nothing must be locked to a key that nobody can check. */
struct key32 settlement_escrow_identity(struct settlement *settlement, struct id16 escrow_id,
                                        uint64_t *ret_key_id);

#endif
