/* api/stuck.h: in a few numbers, what settlement cannot do at the moment; for /readyz and /metrics, which anybody may ask for at any time.
 *
 * Thread:  loop. Counted at most once a second: it walks every open leg. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_STUCK_H
#define API_STUCK_H

#include "core/settlement/settlement.h"
#include "core/settlement/stuck.h"

struct api;

#define STUCK_KEYS_MAX 16

struct stuck_summary {
    int64_t counted_at; /* monotonic; 0: never */
    uint64_t legs;
    int64_t oldest_since; /* ledger time since when the oldest of them is due; 0: none is stuck */
    uint64_t
        keys_missing; /* settlement keys with escrows open, or the newest, without their right seed */
    uint64_t missing[STUCK_KEYS_MAX]; /* the first of these */
};

/* What `legs_look` asks for, of this moment. `chain` must outlive it. */
struct leg_look_context stuck_context(const struct api *api, const struct settlement_status *chain);
const struct stuck_summary *stuck_summary(struct api *api);

#endif
