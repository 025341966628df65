/* core/base/store.h: ordered key-value tables as the state machine and the projections see them.
 *
 * The writer hands in a store over its LMDB transaction, a reader one over a snapshot, a test one in memory; who
 * reads and writes rows knows none of them.
 *
 * Owner:   values are borrowed until the next write to the store or the end of its transaction: copy first.
 * Order:   keys by bytes; composite keys are big-endian, so byte order is logical order.
 * Errors:  sticky. A failed operation is remembered in the store and later ones do nothing, so that evolve and projections read
 *          as plain code; who owns the transaction checks store_check before it commits. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_STORE_H
#define CORE_BASE_STORE_H

#include "core/base/bytes.h"
#include "core/base/err.h"

struct store_table {
    const char *name; /* unique; tables are told apart by address within a program */
};

struct store;

struct store_ops {
    enum err_code (*get)(struct store *, const struct store_table *, struct bytes key,
                         struct bytes *ret, struct err *);
    enum err_code (*put)(struct store *, const struct store_table *, struct bytes key,
                         struct bytes value, struct err *);
    enum err_code (*del)(struct store *, const struct store_table *, struct bytes key,
                         struct err *);
    /* First key ≥ `key` (or > if `after`); ERR_NOT_FOUND at the end. */
    enum err_code (*seek)(struct store *, const struct store_table *, struct bytes key, bool after,
                          struct bytes *ret_key, struct bytes *ret_value, struct err *);
    /* Last key < `key`; an empty `key` means past the end. ERR_NOT_FOUND at the start. */
    enum err_code (*seek_before)(struct store *, const struct store_table *, struct bytes key,
                                 struct bytes *ret_key, struct bytes *ret_value, struct err *);
};

struct store {
    const struct store_ops *ops;
    struct err err; /* the first failure; code ERR_OK while there is none */
};

/* false when there is no such row, or the store has failed. */
bool store_get(struct store *store, const struct store_table *table, struct bytes key,
               struct bytes *ret);
/* Copy a row of exactly `size` bytes into `ret`; another size is ERR_CORRUPT. */
bool store_get_row(struct store *store, const struct store_table *table, struct bytes key,
                   void *ret, size_t size);
bool store_has(struct store *store, const struct store_table *table, struct bytes key);
void store_put(struct store *store, const struct store_table *table, struct bytes key,
               struct bytes value);
void store_delete(struct store *store, const struct store_table *table, struct bytes key);
bool store_seek(struct store *store, const struct store_table *table, struct bytes key, bool after,
                struct bytes *ret_key, struct bytes *ret_value);
bool store_seek_before(struct store *store, const struct store_table *table, struct bytes key,
                       struct bytes *ret_key, struct bytes *ret_value);
void store_fail(struct store *store, enum err_code code, const char *message);
MUST_CHECK enum err_code store_check(const struct store *store, struct err *err);

#endif
