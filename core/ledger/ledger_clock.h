/* core/ledger/ledger_clock.h: the ledger's time, steady whatever is done to the machine's clock.
 *
 *     now = now before + what the monotonic clock counted since, drawn towards the wall clock
 *
 * Shape:   being at most CLOCK_STEP_NS behind the wall clock is made up at once. What is more is a step: somebody set the clock, and no
 *          deadline may pass and no job be billed by that. It is made up by one part in CLOCK_SLOW, as is being ahead.
 * Start:   the later of the wall clock and the newest record. How long nobody was here is known from nowhere else.
 * Thread:  the writer's.
 * Why:     docs/decisions/0014-steady-time.md. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LEDGER_LEDGER_CLOCK_H
#define CORE_LEDGER_LEDGER_CLOCK_H

#include "core/base/time.h"

#define CLOCK_STEP_NS NS_PER_S
#define CLOCK_SLOW 1000

struct ledger_clock {
    int64_t now;
    int64_t wall; /* both clocks as they were read last */
    int64_t mono;
};

void ledger_clock_start(struct ledger_clock *clock, int64_t newest_record, int64_t wall,
                        int64_t mono);
/* Go on to what the clocks say now; clock->now never falls. Gives back by how much the wall clock was set since the last look (below zero:
 * back), 0 for what is no step. */
int64_t ledger_clock_read(struct ledger_clock *clock, int64_t wall, int64_t mono);

#endif
