/* core/market/terms.h: the terms everything stands on, and their defaults. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_TERMS_H
#define CORE_MARKET_TERMS_H

#include "core/base/arena.h"
#include "core/event/catalogue.h"

/* An identity whose started jobs are refunded again and again costs providers time for nothing. From this many refunds on, while more than
 * this share of its started jobs were refunded, it gets one job in this time. Not none: a provider can report a failure that was none, and what succeeds
 * is the way out. */
#define REFUNDS_TOLERATED 20
#define REFUNDS_PERMILLE 800
#define REFUNDED_WAIT_S 3600

/* Jobs of one identity whose lock nobody has seen yet. A job costs its buyer nothing before it is paid, but its escrow is watched for as long as a lock may come, and the
 * chain is asked about it once more before it expires: some 20 questions a second are all there are for everybody. So many are three
 * seconds of them; who wants more at once pays some first. */
#define JOBS_UNPAID_MAX 64

/* Defaults for a network; the list of failure terms is in the arena. Change fields, then submit as terms.set. */
MUST_CHECK enum err_code terms_default(enum network network, struct arena *arena,
                                       struct ev_terms_set *ret, struct err *err);
/* Every field in its range. ERR_INVALID names the first that is not. */
MUST_CHECK enum err_code terms_check(const struct ev_terms_set *terms, struct err *err);

#endif
