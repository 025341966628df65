// SPDX-License-Identifier: Apache-2.0
#include "core/settlement/stuck.h"

#include "core/base/invariant.h"
#include "core/base/time.h"

#include <string.h>

const char *leg_wait_word(enum leg_wait wait)
{
    switch (wait) {
    case LEG_WAITS_NEXT_ROUND:
        return "next_round";
    case LEG_WAITS_OTHER_LEG:
        return "other_leg";
    case LEG_WAITS_KEY:
        return "key";
    case LEG_WAITS_SHORTFALL:
        return "shortfall";
    case LEG_WAITS_BACKOFF:
        return "backoff";
    case LEG_WAITS_TICK:
        return "tick";
    case LEG_WAITS_EVIDENCE:
        return "evidence";
    case LEG_WAITS_OPERATOR:
        return "operator";
    }
    IMPOSSIBLE("leg wait");
}

uint64_t leg_backoff_tick(uint64_t attempt, uint64_t last_tick)
{
    if (attempt < STUCK_ATTEMPTS) {
        return 0;
    }
    uint64_t ticks = BACKOFF_TICKS_MIN;
    for (uint64_t i = STUCK_ATTEMPTS; i < attempt && ticks < BACKOFF_TICKS_MAX; i++) {
        ticks *= 2;
    }
    ticks = ticks < BACKOFF_TICKS_MAX ? ticks : BACKOFF_TICKS_MAX;
    return last_tick + EVIDENCE_TICKS + ticks;
}

/* `first`: no open leg of its escrow is before it. */
static void look_at(const struct leg_look_context *context, const struct escrow_row *escrow,
                    bool observing, bool first, struct leg_look *look)
{
    const struct leg_row *leg = &look->leg;
    uint64_t backoff = leg_backoff_tick(leg->attempt, leg->tick);
    if (leg->status == LEG_SIGNED) {
        look->next_tick = leg->tick + EVIDENCE_TICKS;
        look->wait = context->processed < look->next_tick ? LEG_WAITS_TICK : LEG_WAITS_EVIDENCE;
    } else if (escrow->in_flight != 0 || !first) {
        look->wait = LEG_WAITS_OTHER_LEG;
    } else if (observing || escrow->found_open != 0) {
        look->wait = LEG_WAITS_OPERATOR;
    } else if (!context->has_key(context->ctx, escrow->key_id)) {
        look->wait = LEG_WAITS_KEY;
    } else if (escrow->shortfall != 0) {
        look->wait = LEG_WAITS_SHORTFALL;
    } else if (context->tick < backoff) {
        look->wait = LEG_WAITS_BACKOFF;
        look->next_tick = backoff;
    } else {
        look->wait = LEG_WAITS_NEXT_ROUND;
    }
    look->stuck =
        leg->attempt > STUCK_ATTEMPTS ||
        (leg->attempt == STUCK_ATTEMPTS && leg->status == LEG_DUE) || /* all of them lost */
        context->now - leg->due_at >= STUCK_AFTER_S * NS_PER_S;
}

void legs_look(struct store *store, const struct leg_look_context *context, leg_look_cb *each,
               void *ctx)
{
    uint8_t at[LEG_ORDER_SIZE] = {0};
    struct id16 last = {0};
    struct ledger_row ledger;
    struct escrow_row escrow;
    struct leg_look look = {0};
    bool observing = state_ledger(store, &ledger) && ledger.observing != 0;
    while (state_next_open_leg(store, at, &look.escrow_id, &look.leg)) {
        bool first = !id_equal(look.escrow_id, last);
        if (!state_escrow(store, look.escrow_id, &escrow)) {
            store_fail(store, ERR_CORRUPT, "an open leg without its escrow");
            return;
        }
        last = look.escrow_id;
        look.key_id = escrow.key_id;
        look_at(context, &escrow, observing, first, &look);
        each(ctx, &look);
        look = (struct leg_look){0};
    }
}
