/* core/settlement/settlement.h: the process manager between ledger and chain.
 *
 * One thread, straight-line code, its own event loop for the RPC. Each round: where is the chain → what arrived in the ticks since
 * the cursor → confirmations and expiries → one step for each escrow with a leg open, several at once (chain_ahead.c). It remembers nothing that the ledger does not:
 * every step starts from the write model, and what must not happen twice is refused there (core/market/decide_escrow.c).
 *
 *     due ─ derive key, sign, LEG_SIGN (durable) ─▶ signed ─ broadcast those bytes until the tick has passed
 *                                                     │ tick + 3 processed
 *                      found, money flew, something left ├─▶ LEG_CONFIRM
 *                     not found, not in the tick, count  ├─▶ LEG_LOSE ─▶ due, next attempt
 *                                     anything else      └─▶ wait
 *
 * Last in a round, if asked for: anchoring (anchor.c). Its trouble is told apart and holds up nothing.
 *
 * Keys:    new escrows are of the newest settlement key, each older escrow is signed for with its own. Where that one's seed is not loaded, or
 *          is not the one that the log published, its escrows wait, named in the status, and nothing else does. A key of which no escrow
 *          is open any more is retired.
 * Off:     a newest key that is missing or wrong keeps settlement off until it is started with the right one; a chain that does not know
 *          what the log calls confirmed, as long as that is so. The reason is in the status. A chain that does not answer is
 *          waited for.
 * Restore: after ledger.restored only observes, until every open escrow was read again from the chain and an operator resumed it
 *          (reread.c). What is found to have left is taken for the leg it paid, or nothing more leaves that escrow.
 * Thread:  start, stop, status and escrow identities from any thread. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_SETTLEMENT_SETTLEMENT_H
#define CORE_SETTLEMENT_SETTLEMENT_H

#include "core/ledger/ledger.h"
#include "core/settlement/escrow_key.h"

struct settlement;

/* When a checkpoint goes on the chain; 0: not by this. Both 0: never. Only if there was an event since that is no anchor itself. */
struct anchor_rule {
    uint64_t every_events;
    uint64_t every_min;
};

struct settlement_options {
    struct ledger *ledger;
    const struct operator_key *operator_keys; /* copied; of one log and network */
    size_t operator_key_count;                /* 1 to OPERATOR_KEYS_MAX */
    const char *live_url;
    const char *query_url;
    const char *
        second_live_url; /* NULL: none; else no lock, no payment and no loss counts unless this service's balance says the same */
    const char *ca_file; /* NULL: the system's */
    const char *cursor_path; /* file that remembers how far the chain was read; may be lost */
    unsigned poll_ms;        /* pause between rounds; 0: 500 */
    unsigned timeout_ms;     /* of one attempt to ask the chain; 0: 5,000 */
    unsigned requests_per_s; /* of the chain, at most 1,000; 0: no limit */
    struct anchor_rule anchor;
    int64_t (*mono_ns)(void); /* NULL: time_mono_ns; tests hand in their own */
    int64_t (*wall_ns)(void); /* NULL: time_wall_ns */
};

struct settlement_status {
    bool on;            /* newest key loaded and right, chain the right one */
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
    struct key32 anchor_identity; /* zero: there is no anchoring, or the seed is wrong */
    uint64_t anchored_size;       /* records under the newest anchor */
    char anchor_reason[ERR_MESSAGE_MAX]; /* what anchoring waits for; "" if nothing */
};

MUST_CHECK enum err_code settlement_start(const struct settlement_options *options,
                                          struct settlement **ret, struct err *err);
/* Ends the round in progress at its next step, a question to the chain at once. Before ledger_close. Accepts NULL. */
void settlement_stop(struct settlement *settlement);

void settlement_status(struct settlement *settlement, struct settlement_status *ret);
/* Whether the key's seed is loaded and gives what the log published. */
bool settlement_has_key(const struct settlement *settlement, uint64_t key_id);
/* What the last round said about an escrow that could not be paid from; false: nothing. At most SETTLEMENT_TROUBLES_MAX are remembered. */
#define SETTLEMENT_TROUBLES_MAX 64
bool settlement_trouble(struct settlement *settlement, struct id16 escrow_id,
                        char ret[ERR_MESSAGE_MAX]);

/* Money at an escrow's identity that no transaction brought, as from a contract: seen when a balance was asked for a payment, since the start. Never
 * spent; `tally sweep` finds all of it. */
struct settlement_surplus {
    struct id16 escrow_id;
    int64_t amount;
    uint32_t tick; /* of the balance */
};
#define SETTLEMENT_SURPLUS_MAX 64
/* The newest; returns how many. */
size_t settlement_surplus(struct settlement *settlement,
                          struct settlement_surplus ret[SETTLEMENT_SURPLUS_MAX]);

/* The identity of an escrow to be; derived again and compared before each signature. Zero, key id 0, while the newest seed is
 * wrong: no command takes these, and nothing must be locked to a key that nobody can check. */
struct key32 settlement_escrow_identity(struct settlement *settlement, struct id16 escrow_id,
                                        uint64_t *ret_key_id);

#endif
