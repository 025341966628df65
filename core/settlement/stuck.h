/* core/settlement/stuck.h: payments that have not come to their end: since when, what they wait for, and when the next attempt is.
 *
 * Shape:   pure over the write model and what settlement knows of keys and ticks, so that it is the same after a restart, and is
 *          told while settlement is off or the chain away.
 * Backoff: the first attempts follow each other; from the third loss on there are 8 ticks between a loss's evidence and the next
 *          signature, then 16, 32, … up to 600, which is ten minutes of ticks of a second. It never ends.
 * Thread:  any, with its own snapshot. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_SETTLEMENT_STUCK_H
#define CORE_SETTLEMENT_STUCK_H

#include "core/market/state.h"

#define STUCK_ATTEMPTS 3  /* so many are made at once; a leg that needs more is stuck … */
#define STUCK_AFTER_S 600 /* … and so is one that is due for so long */
#define BACKOFF_TICKS_MIN 8
#define BACKOFF_TICKS_MAX 600

enum leg_wait {
    LEG_WAITS_NEXT_ROUND =
        1, /* nothing is in its way that the ledger knows of: settlement's next round, or the chain */
    LEG_WAITS_OTHER_LEG, /* another of its escrow comes first */
    LEG_WAITS_KEY,       /* its settlement key is not loaded */
    LEG_WAITS_SHORTFALL, /* the escrow has less on the chain than in the ledger */
    LEG_WAITS_BACKOFF,   /* for `next_tick`, after attempts that were lost */
    LEG_WAITS_TICK,      /* signed: for `next_tick` to be processed */
    LEG_WAITS_EVIDENCE,  /* signed, its tick is past, and what became of it is in doubt */
    LEG_WAITS_OPERATOR, /* the log was restored and only observes, or a lost part of it paid from this escrow */
};
const char *leg_wait_word(enum leg_wait wait);

struct leg_look {
    struct id16 escrow_id;
    struct leg_row leg;
    uint64_t key_id;
    enum leg_wait wait;
    uint64_t next_tick; /* 0: none */
    bool stuck;
};

struct leg_look_context {
    int64_t now; /* ns, as the ledger's time */
    uint32_t tick;
    uint32_t processed;
    bool (*has_key)(const void *ctx, uint64_t key_id);
    const void *ctx;
};

/* In which tick or later the next attempt may be signed; 0: at once. */
uint64_t leg_backoff_tick(uint64_t attempt, uint64_t last_tick);

typedef void leg_look_cb(void *ctx, const struct leg_look *look);
/* Every open leg, in the order in which they are paid. */
void legs_look(struct store *store, const struct leg_look_context *context, leg_look_cb *each,
               void *ctx);

#endif
