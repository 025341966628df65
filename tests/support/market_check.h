/* tests/support/market_check.h: what holds of a market's state whatever happened before: double entry, and that every index and every sum says what the rows
 * say. A failure prints the market's seed and sequence. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_MARKET_CHECK_H
#define TESTS_SUPPORT_MARKET_CHECK_H

#include "tests/support/market_driver.h"

/* After any event: what it moves sums to zero. */
void market_check_postings(struct market *m, const struct event *event);
/* After any event: all balances sum to zero, and none is negative that may not be. */
void market_check_balances(struct market *m);
/* After any command: balances, escrows against their legs, jobs, queue, deadlines, machines, the count of refunds. */
void market_check(struct market *m);
/* Everything is over: what came in went out or is ours. */
void market_check_rest(struct market *m);

#endif
