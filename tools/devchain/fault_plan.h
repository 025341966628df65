/* tools/devchain/fault_plan.h: which faults the local network makes, how often, drawn from a seed.
 *
 * Shape:   plain data. A fault's setting is how many of a thousand ticks, transactions or questions it strikes; the numbers
 *          behind the faults say how far. Whether the n-th tick (or transaction, or question) is struck is a function of seed,
 *          fault and n alone: no clock, no order of calls. So a run can be had again, and a tick's fate
 *          is the same after a restart.
 * Names:   those of --fault NAME=N and of POST /dev/v1/faults.
 * Thread:  any. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_DEVCHAIN_FAULT_PLAN_H
#define TOOLS_DEVCHAIN_FAULT_PLAN_H

#include "core/base/bytes.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum fault_setting {
    /* faults, in permille: of ticks */
    FAULT_EMPTY_TICK,   /* runs without its transactions */
    FAULT_SKIPPED_TICK, /* never is; the number after is up to `skip_ticks` further */
    FAULT_EPOCH_PAUSE, /* no ticks for `pause_ticks`; then another epoch, a skip, all that waited forgotten */
    FAULT_ARCHIVE_LAG, /* the archive does not follow this tick */
    /* of transactions */
    FAULT_NO_MONEY,     /* included, and nothing moves */
    FAULT_ZERO_BALANCE, /* dropped as if its source had nothing */
    FAULT_DUPLICATE,    /* arrives twice */
    FAULT_TOO_SOON,     /* dropped as if it had come too late for its tick */
    /* of questions to the RPC */
    FAULT_NOT_FOUND,    /* "transaction not found" for one that is there */
    FAULT_BUSY,         /* 429 */
    FAULT_SERVER_ERROR, /* 500, 503, 504; a broadcast may have been done */
    FAULT_NOT_JSON,     /* a proxy's page, a cut or empty body, with 200, 404 or 502; likewise */
    FAULT_SLOW,         /* the right answer after `slow_ms` */
    FAULT_CUT,          /* the connection ends before the answer or within it; likewise */
    FAULT_COUNT,
    /* numbers */
    FAULT_MIN_OFFSET = FAULT_COUNT, /* ticks a transaction must be ahead */
    FAULT_ARCHIVE_LAG_TICKS,        /* the archive is always so far behind */
    FAULT_SKIP_TICKS,
    FAULT_PAUSE_TICKS,
    FAULT_SLOW_MS,
    FAULT_SETTING_COUNT,
};

struct fault_plan {
    uint64_t seed; /* at most INT64_MAX */
    uint32_t settings[FAULT_SETTING_COUNT];
};

/* No faults; the network's numbers. */
struct fault_plan fault_plan_none(void);
const char *fault_plan_name(enum fault_setting setting);
/* ERR_INVALID: no such name, or a number out of its range; the message says which there are. */
MUST_CHECK enum err_code fault_plan_set(struct fault_plan *plan, struct bytes name, int64_t number,
                                        struct err *err);
/* The same from "name=number". */
MUST_CHECK enum err_code fault_plan_set_text(struct fault_plan *plan, const char *text,
                                             struct err *err);

/* Whether the n-th is struck. `ret_variant` (may be NULL): a number to choose among the fault's forms by. */
bool fault_plan_strikes(const struct fault_plan *plan, enum fault_setting fault, uint64_t n,
                        uint64_t *ret_variant);

#endif
