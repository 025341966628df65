/* core/ledger/projection.h: what a read model is to the writer: tables, and a function from an event to rows.
 *
 * Rule:    apply is pure over its own tables: no clock, no randomness, no I/O, public fields only, no other projection's tables.
 *          It runs once per event in order, in the transaction that also stores the position, so its effect is exactly once;
 *          replaying the log gives the same bytes. Failures stay in the store.
 *          It runs after the write model's evolve and may read that (core/market/state.h), never write it.
 * Who:     the composition root (api/main.c, tools/tally) hands the writer the list; core/ledger knows none by name. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LEDGER_PROJECTION_H
#define CORE_LEDGER_PROJECTION_H

#include "core/base/store.h"
#include "core/event/codec.h"

struct projection {
    const char *name;
    const struct store_table *const *tables;
    size_t table_count;
    void (*apply)(struct store *store, uint64_t sequence, const struct event *event);
};

#endif
