/* core/market/stock.h: what lies on a machine for jobs, a model or a container image, and whether it is the one that a job needs.
 *
 * Item:    16 bytes of SHA-256 over "model NAME" or "image NAME". An upload's need is told by it alone: who has not guessed a private name does not learn it from
 *          the log, and who offers it has said it.
 * Rows:    offer id ‖ item → nothing, of every offer that is not withdrawn.
 * Source:  names as core/base/software.h has them. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_STOCK_H
#define CORE_MARKET_STOCK_H

#include "core/market/state.h"

struct id16 stock_item(enum stock kind, struct bytes name);

/* Whether it may be worth a look: a bit of 64 for each item that an offer has, so that ranking ten thousand offers looks up few that do not have it. */
bool stock_may_have(const struct offer_row *offer, struct id16 item);
/* Whether the offer has it; of no item, true. */
bool stock_has(struct store *state, struct id16 offer_id, struct id16 item);
/* The same for what a job needs at all, packages and item, of a live offer of the host. */
bool stock_of_host(struct store *state, struct id16 host_id, const struct requirements *needs);

/* For evolve. The bits of what the offer has. */
uint64_t stock_publish(struct store *state, struct id16 offer_id, struct bytes models,
                       struct bytes images);
void stock_withdraw(struct store *state, struct id16 offer_id);

#endif
