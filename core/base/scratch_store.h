/* core/base/scratch_store.h: a store in memory, for computing rows that nobody keeps.
 *
 * Shape:   a sorted array a table. Tables that are `shared` are read from another store as long as they were not written here; `dropped` ones
 *          forget what is put. All others begin empty.
 * Seek:    never in a shared table: it would have to be two tables at once.
 * Owner:   whoever creates it; values are borrowed until their row is written again. `under` is the caller's.
 * Errors:  in the store, as everywhere: ERR_NOMEM, ERR_TOO_LARGE past `size_max`.
 * Thread:  one at a time, any.
 * Cost:    lookups are logarithmic, inserts out of order move pointers: for some ten thousand rows a table. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_SCRATCH_STORE_H
#define CORE_BASE_SCRATCH_STORE_H

#include "core/base/store.h"

struct scratch_store_options {
    const struct store_table *const *shared; /* borrowed until it is destroyed, like dropped */
    size_t shared_count;
    const struct store_table *const *dropped;
    size_t dropped_count;
    size_t size_max; /* bytes of keys and values */
};

/* NULL: out of memory. */
struct store *scratch_store_create(const struct scratch_store_options *options);
/* NULL is fine. */
void scratch_store_destroy(struct store *store);
/* Where shared tables are read; NULL: nowhere, they are as empty as the others. What went wrong there is this store's error. */
void scratch_store_read_under(struct store *store, struct store *under);

#endif
