/* projections/uptime.h: for how long a provider's machines asked for work, of the time they could have.
 *
 * Shape:   account ‖ host → since when it is known and online; account ‖ host ‖ day (8) → time online of that UTC day, of what has ended.
 * Days:    the 30 UTC days that end with today. A machine counts from its enrolment on, and only if it was online in them at all: one that was given up
 *          is forgotten in a month.
 * End:     a machine that fell silent was online until it was last heard of, not until that was noticed. */
// SPDX-License-Identifier: Apache-2.0
#ifndef PROJECTIONS_UPTIME_H
#define PROJECTIONS_UPTIME_H

#include "core/ledger/projection.h"

extern const struct projection PROJECTION_UPTIME;

#define UPTIME_DAYS 30

struct uptime {
    uint64_t hosts; /* that count */
    uint64_t online_ms;
    uint64_t possible_ms; /* 0: no machine was online */
};

struct uptime_host {
    struct id16 host_id;
    int64_t enrolled_at;
    int64_t online_since; /* 0: offline */
    uint64_t online_ms;
    uint64_t possible_ms;
};

/* Up to `max` machines of an account after host id `after` (zero: from the first), also those that were not online. `now` in ns UTC. */
size_t uptime_hosts(struct store *store, struct id16 account_id, struct id16 after, int64_t now,
                    struct uptime_host *ret, size_t max);
/* All of them together. `now` in ns UTC. */
void uptime_get(struct store *store, struct id16 account_id, int64_t now, struct uptime *ret);

#endif
