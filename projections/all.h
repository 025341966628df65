/* projections/all.h: the list of projections that the composition root hands to the ledger. */
// SPDX-License-Identifier: Apache-2.0
#ifndef PROJECTIONS_ALL_H
#define PROJECTIONS_ALL_H

#include "core/ledger/projection.h"

extern const struct projection *const PROJECTIONS[];
extern const size_t PROJECTION_COUNT;

/* All of them, in order: what the ledger does for each event, for tools and tests. */
void projections_apply(struct store *store, uint64_t sequence, const struct event *event);

#endif
