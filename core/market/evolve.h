/* core/market/evolve.h: what an event changes in the write model. Copies and adds, decides nothing.
 *
 * The same function runs when an event is made and when the log is replayed. Failures (a store that cannot write, a balance
 * that would go below zero) stay in the store: check it before committing. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_EVOLVE_H
#define CORE_MARKET_EVOLVE_H

#include "core/base/store.h"
#include "core/event/codec.h"

void market_evolve(struct store *state, uint64_t sequence, const struct event *event);

#endif
