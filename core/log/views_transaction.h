/* core/log/views_transaction.h: a `struct store` over one LMDB transaction on the views.
 *
 * Shape:   a write transaction keeps its rows in a row_buffer until they are flushed; a reading one has none. A seek flushes the rows of its
 *          table, so that it sees them.
 * Owner:   views.c, which begins and ends transactions. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LOG_VIEWS_TRANSACTION_H
#define CORE_LOG_VIEWS_TRANSACTION_H

#include "core/base/store.h"
#include "core/log/row_buffer.h"

#include <lmdb.h>
#include <stdatomic.h>

#define VIEWS_TABLES_MAX 96
#define TABLE_PLACES 256

/* The tables of an environment, told apart by address: this is asked at every access to a row. */
struct views_tables {
    const struct store_table *list[VIEWS_TABLES_MAX];
    size_t count;
    uint8_t places[TABLE_PLACES]; /* by address of the table: its index + 1 */
    MDB_dbi handles[VIEWS_TABLES_MAX];
    atomic_bool *damaged; /* set by whoever meets a page or row that is not what it must be */
};

/* At most VIEWS_TABLES_MAX; copied. */
void views_tables_init(struct views_tables *tables, const struct store_table *const *list,
                       size_t count);

struct transaction {
    struct store store; /* first: a store pointer is a transaction pointer */
    const struct views_tables *tables;
    MDB_txn *txn;
    MDB_cursor *cursors[VIEWS_TABLES_MAX]; /* opened at first use, closed with the transaction */
    struct row_buffer *rows; /* of a write transaction; NULL: rows are read from the trees */
    struct err flush_err;    /* of the row that could not be flushed */
};

/* `rows`: the buffer of a write transaction, empty; NULL begins a reading one. LMDB's code. */
int transaction_begin(struct transaction *t, MDB_env *env, const struct views_tables *tables,
                      struct row_buffer *rows);
/* LMDB's code, as err_from_mdb; what tells of damage is remembered. */
#define transaction_err(tables, err, rc, what)                                                     \
    transaction_err_at((tables), (err), (rc), (what), __FILE__, __LINE__)
enum err_code transaction_err_at(const struct views_tables *tables, struct err *err, int rc,
                                 const char *what, const char *file, int line);
/* All rows into the trees. */
MUST_CHECK enum err_code transaction_flush(struct transaction *t, struct err *err);
/* Before the commit: cursors closed, the buffer empty. */
void transaction_end(struct transaction *t);
/* Nothing happened. A transaction that has ended, or a zeroed one, is fine. */
void transaction_abort(struct transaction *t);
int transaction_cursor(struct transaction *t, size_t table, MDB_cursor **ret);

#endif
