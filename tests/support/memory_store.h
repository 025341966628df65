/* tests/support/memory_store.h: a `struct store` (core/base/store.h) in memory, ordered by key bytes, for tests.
 *
 * Owner:   memory_store_create gives it, memory_store_destroy frees it with all rows. A value is freed by the next put or delete of its
 *          key, so that a test under ASan sees who keeps a borrowed value past a write.
 * Thread:  one.
 * Cost:    a sorted array per table: lookups are logarithmic, inserts out of order move pointers. Good for 10⁵ rows a table. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_MEMORY_STORE_H
#define TESTS_SUPPORT_MEMORY_STORE_H

#include "core/base/store.h"

struct store *memory_store_create(void);
void memory_store_destroy(struct store *store); /* accepts NULL */

size_t memory_store_rows(const struct store *store, const struct store_table *table);
/* Bytes of keys and values, all tables. */
size_t memory_store_bytes(const struct store *store);
/* Puts and deletes so far: whether something wrote at all. */
size_t memory_store_writes(const struct store *store);
/* The same tables (by name) with the same rows. Otherwise `ret_where` names the first difference. */
bool memory_store_equal(const struct store *a, const struct store *b, char *ret_where,
                        size_t where_size);
/* The `operation`-th operation from now (1: the next) fails with ERR_IO; 0: none does. */
void memory_store_fail_at(struct store *store, size_t operation);

#endif
