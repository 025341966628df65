// SPDX-License-Identifier: Apache-2.0
#include "core/log/views_transaction.h"

#include "core/base/invariant.h"
#include "core/log/lmdb_err.h"

#include <assert.h>
#include <string.h>

static MDB_val value_of(struct bytes bytes)
{
    return (MDB_val){.mv_size = bytes.size, .mv_data = (void *)(uintptr_t)bytes.data};
}

static struct bytes bytes_of_value(const MDB_val *value)
{
    return bytes_of(value->mv_data, value->mv_size);
}

static size_t place_of(const struct store_table *table)
{
    return (size_t)((uint64_t)(uintptr_t)table * UINT64_C(0x9E3779B97F4A7C15) >> 56);
}

void views_tables_init(struct views_tables *tables, const struct store_table *const *list,
                       size_t count)
{
    static_assert(VIEWS_TABLES_MAX < TABLE_PLACES / 2, "there are empty places");
    INVARIANT(count <= VIEWS_TABLES_MAX);
    memset(tables, 0, sizeof *tables);
    tables->count = count;
    for (size_t i = 0; i < count; i++) {
        size_t at = place_of(list[i]);
        while (tables->places[at] != 0) {
            at = (at + 1) % TABLE_PLACES;
        }
        tables->places[at] = (uint8_t)(i + 1);
        tables->list[i] = list[i];
    }
}

static size_t table_index(const struct views_tables *tables, const struct store_table *table)
{
    for (size_t at = place_of(table); tables->places[at] != 0; at = (at + 1) % TABLE_PLACES) {
        if (tables->list[tables->places[at] - 1] == table) {
            return tables->places[at] - 1U;
        }
    }
    IMPOSSIBLE("a table that was not registered");
}

enum err_code transaction_err_at(const struct views_tables *tables, struct err *err, int rc,
                                 const char *what, const char *file, int line)
{
    enum err_code code = err_from_mdb_at(err, rc, what, file, line);
    if (code == ERR_CORRUPT) {
        atomic_store(tables->damaged, true);
    }
    return code;
}

static struct transaction *transaction_of(struct store *store)
{
    return (struct transaction *)(void *)store;
}

int transaction_cursor(struct transaction *t, size_t table, MDB_cursor **ret)
{
    int rc = 0;
    if (t->cursors[table] == NULL) {
        rc = mdb_cursor_open(t->txn, t->tables->handles[table], &t->cursors[table]);
    }
    *ret = t->cursors[table];
    return rc;
}

/* Sorted, so that the cursor mostly stays on its page. */
static enum err_code flush_row(void *ctx, size_t table, struct bytes key, enum row_state state,
                               struct bytes value)
{
    struct transaction *t = ctx;
    MDB_cursor *cursor;
    MDB_val key_val = value_of(key);
    MDB_val value_val = value_of(value);
    int rc = transaction_cursor(t, table, &cursor);
    if (rc == 0 && state == ROW_PRESENT) {
        rc = mdb_cursor_put(cursor, &key_val, &value_val, 0);
    } else if (rc == 0) {
        rc = mdb_cursor_get(cursor, &key_val, &value_val, MDB_SET);
        rc = rc == 0 ? mdb_cursor_del(cursor, 0) : rc == MDB_NOTFOUND ? 0 : rc;
    }
    return transaction_err(t->tables, &t->flush_err, rc, t->tables->list[table]->name);
}

/* Rows of one table, or of all (SIZE_MAX), into the trees. */
static enum err_code flush(struct transaction *t, size_t table, struct err *err)
{
    if (t->rows == NULL) {
        return ERR_OK;
    }
    t->flush_err = (struct err){0};
    enum err_code code = row_buffer_flush(t->rows, table, flush_row, t);
    if (code == ERR_NOMEM && t->flush_err.code == ERR_OK) {
        return err_set(err, ERR_NOMEM, "no memory to sort the rows of the views");
    }
    if (code != ERR_OK && err != NULL) {
        *err = t->flush_err;
    }
    return code;
}

static enum err_code no_room(struct err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for a row of the views");
}

/* The buffer is full: everything into the trees, and begin anew. */
static enum err_code spill(struct transaction *t, struct err *err)
{
    enum err_code code = flush(t, SIZE_MAX, err);
    row_buffer_clear(t->rows);
    return code;
}

/* From the tree, into the buffer if there is one: flushing for a seek may change the tree under a value that was found. */
static enum err_code read_row(struct transaction *t, size_t table, struct bytes key,
                              struct bytes *ret, struct err *err)
{
    MDB_val key_val = value_of(key);
    MDB_val value = {0};
    int rc = mdb_get(t->txn, t->tables->handles[table], &key_val, &value);
    if (rc != 0 && rc != MDB_NOTFOUND) {
        return transaction_err(t->tables, err, rc, t->tables->list[table]->name);
    }
    struct bytes found = bytes_of_value(&value);
    if (t->rows == NULL) {
        *ret = found;
    } else if (!row_buffer_note(t->rows, table, key, rc == 0 ? ROW_PRESENT : ROW_ABSENT, found,
                                ret)) {
        return no_room(err);
    }
    return rc == 0 ? ERR_OK : ERR_NOT_FOUND;
}

static enum err_code get_op(struct store *store, const struct store_table *table, struct bytes key,
                            struct bytes *ret, struct err *err)
{
    struct transaction *t = transaction_of(store);
    size_t index = table_index(t->tables, table);
    enum row_state known = t->rows == NULL ? ROW_UNKNOWN : row_buffer_get(t->rows, index, key, ret);
    if (known != ROW_UNKNOWN) {
        return known == ROW_PRESENT ? ERR_OK : ERR_NOT_FOUND;
    }
    enum err_code code = read_row(t, index, key, ret, err);
    if (code == ERR_NOMEM && t->rows != NULL && spill(t, err) == ERR_OK) {
        code = read_row(t, index, key, ret, err);
    }
    return code;
}

static enum err_code write_row(struct store *store, const struct store_table *table,
                               struct bytes key, enum row_state state, struct bytes value,
                               struct err *err)
{
    struct transaction *t = transaction_of(store);
    size_t index = table_index(t->tables, table);
    enum err_code code = ERR_OK;
    INVARIANT(t->rows != NULL);
    if (!row_buffer_put(t->rows, index, key, state, value)) {
        code = spill(t, err);
        if (code == ERR_OK && !row_buffer_put(t->rows, index, key, state, value)) {
            code = no_room(err);
        }
    }
    return code;
}

static enum err_code put_op(struct store *store, const struct store_table *table, struct bytes key,
                            struct bytes value, struct err *err)
{
    return write_row(store, table, key, ROW_PRESENT, value, err);
}

static enum err_code del_op(struct store *store, const struct store_table *table, struct bytes key,
                            struct err *err)
{
    return write_row(store, table, key, ROW_ABSENT, (struct bytes){0}, err);
}

/* A cursor on the table, with its rows in the tree. */
static enum err_code seeking(struct store *store, const struct store_table *table, MDB_cursor **ret,
                             struct err *err)
{
    struct transaction *t = transaction_of(store);
    size_t index = table_index(t->tables, table);
    enum err_code code = flush(t, index, err);
    return code == ERR_OK
               ? transaction_err(t->tables, err, transaction_cursor(t, index, ret), table->name)
               : code;
}

/* A walk through a snapshot comes back with the key it was given: no descent from the root again. (In a transaction that
 * writes a deleted row may have moved the cursor.) */
static bool stands_at(const struct transaction *t, MDB_cursor *cursor, struct bytes key,
                      MDB_val *ret_found)
{
    MDB_val value = {0};
    return t->rows == NULL && key.size > 0 &&
           mdb_cursor_get(cursor, ret_found, &value, MDB_GET_CURRENT) == 0 &&
           bytes_equal(bytes_of_value(ret_found), key);
}

static enum err_code seek_op(struct store *store, const struct store_table *table, struct bytes key,
                             bool after, struct bytes *ret_key, struct bytes *ret_value,
                             struct err *err)
{
    MDB_cursor *cursor = NULL;
    MDB_val found = {0};
    MDB_val value = {0};
    enum err_code code = seeking(store, table, &cursor, err);
    if (code != ERR_OK) {
        return code;
    }
    int rc = 0;
    if (!after || !stands_at(transaction_of(store), cursor, key, &found)) {
        found = value_of(key);
        rc = mdb_cursor_get(cursor, &found, &value, key.size == 0 ? MDB_FIRST : MDB_SET_RANGE);
    }
    if (rc == 0 && after && key.size > 0 && bytes_equal(bytes_of_value(&found), key)) {
        rc = mdb_cursor_get(cursor, &found, &value, MDB_NEXT);
    }
    if (rc == 0) {
        *ret_key = bytes_of_value(&found);
        *ret_value = bytes_of_value(&value);
    }
    return transaction_err(transaction_of(store)->tables, err, rc, table->name);
}

static enum err_code seek_before_op(struct store *store, const struct store_table *table,
                                    struct bytes key, struct bytes *ret_key,
                                    struct bytes *ret_value, struct err *err)
{
    MDB_cursor *cursor = NULL;
    MDB_val found = value_of(key);
    MDB_val value = {0};
    enum err_code code = seeking(store, table, &cursor, err);
    if (code != ERR_OK) {
        return code;
    }
    int rc = key.size == 0 ? MDB_NOTFOUND : mdb_cursor_get(cursor, &found, &value, MDB_SET_RANGE);
    if (rc == 0) {
        rc = mdb_cursor_get(cursor, &found, &value, MDB_PREV);
    } else if (rc == MDB_NOTFOUND) {
        rc = mdb_cursor_get(cursor, &found, &value, MDB_LAST);
    }
    if (rc == 0) {
        *ret_key = bytes_of_value(&found);
        *ret_value = bytes_of_value(&value);
    }
    return transaction_err(transaction_of(store)->tables, err, rc, table->name);
}

static const struct store_ops STORE_OPS = {
    .get = get_op, .put = put_op, .del = del_op, .seek = seek_op, .seek_before = seek_before_op};

int transaction_begin(struct transaction *t, MDB_env *env, const struct views_tables *tables,
                      struct row_buffer *rows)
{
    *t = (struct transaction){.store.ops = &STORE_OPS, .tables = tables, .rows = rows};
    return mdb_txn_begin(env, NULL, rows != NULL ? 0 : MDB_RDONLY, &t->txn);
}

enum err_code transaction_flush(struct transaction *t, struct err *err)
{
    return flush(t, SIZE_MAX, err);
}

void transaction_end(struct transaction *t)
{
    if (t->store.err.code == ERR_CORRUPT) { /* a row that cannot be one */
        atomic_store(t->tables->damaged, true);
    }
    for (size_t i = 0; i < t->tables->count; i++) {
        if (t->cursors[i] != NULL) {
            mdb_cursor_close(t->cursors[i]);
            t->cursors[i] = NULL;
        }
    }
    if (t->rows != NULL) {
        row_buffer_clear(t->rows);
    }
}

void transaction_abort(struct transaction *t)
{
    if (t->txn != NULL) {
        transaction_end(t);
        mdb_txn_abort(t->txn);
        t->txn = NULL;
    }
}
