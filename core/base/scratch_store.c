// SPDX-License-Identifier: Apache-2.0
#include "core/base/scratch_store.h"

#include "core/base/invariant.h"

#include <stdlib.h>
#include <string.h>

#define TABLES_MAX 48

struct row {
    bool is_deleted; /* of a shared table: it is not looked for underneath */
    size_t key_size;
    size_t value_size;
    uint8_t *value;
    uint8_t key[];
};

struct table {
    const struct store_table *table;
    struct row **rows; /* ascending by key */
    size_t count;
    size_t capacity;
};

struct scratch_store {
    struct store store; /* first: a store pointer is one of these */
    struct scratch_store_options options;
    struct store *under;
    size_t size;
    size_t table_count;
    struct table tables[TABLES_MAX];
};

static bool is_among(const struct store_table *const *list, size_t count,
                     const struct store_table *table)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == table) {
            return true;
        }
    }
    return false;
}

static bool is_shared(const struct scratch_store *scratch, const struct store_table *table)
{
    return is_among(scratch->options.shared, scratch->options.shared_count, table);
}

static struct table *table_of(struct scratch_store *scratch, const struct store_table *table)
{
    for (size_t i = 0; i < scratch->table_count; i++) {
        if (scratch->tables[i].table == table) {
            return &scratch->tables[i];
        }
    }
    INVARIANT(scratch->table_count < TABLES_MAX);
    struct table *added = &scratch->tables[scratch->table_count++];
    added->table = table;
    return added;
}

static int compare(const struct row *row, struct bytes key)
{
    size_t size = row->key_size < key.size ? row->key_size : key.size;
    int order = size == 0 ? 0 : memcmp(row->key, key.data, size);
    return order != 0 ? order : (row->key_size > key.size) - (row->key_size < key.size);
}

/* Index of the first row whose key is not before `key`. */
static size_t find(const struct table *table, struct bytes key)
{
    size_t low = 0;
    size_t high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(table->rows[middle], key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct table *table, size_t index, struct bytes key)
{
    return index < table->count && compare(table->rows[index], key) == 0;
}

static enum err_code get(struct store *store, const struct store_table *name, struct bytes key,
                         struct bytes *ret, struct err *err)
{
    struct scratch_store *scratch = (struct scratch_store *)store;
    const struct table *table = table_of(scratch, name);
    size_t index = find(table, key);
    if (is_at(table, index, key)) {
        const struct row *row = table->rows[index];
        *ret = bytes_of(row->value, row->value_size);
        return row->is_deleted ? ERR_NOT_FOUND : ERR_OK;
    }
    if (scratch->under == NULL || !is_shared(scratch, name)) {
        return ERR_NOT_FOUND;
    }
    if (store_get(scratch->under, name, key, ret)) {
        return ERR_OK;
    }
    enum err_code code = store_check(scratch->under, err);
    return code == ERR_OK ? ERR_NOT_FOUND : code;
}

static enum err_code insert(struct table *table, size_t index, struct bytes key, struct err *err)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity == 0 ? 8 : 2 * table->capacity;
        struct row **rows = realloc(table->rows, capacity * sizeof(struct row *));
        if (rows == NULL) {
            return err_set(err, ERR_NOMEM, "no memory for a row");
        }
        table->rows = rows;
        table->capacity = capacity;
    }
    struct row *row = calloc(1, sizeof *row + key.size);
    if (row == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a row");
    }
    row->key_size = key.size;
    if (key.size > 0) {
        memcpy(row->key, key.data, key.size);
    }
    memmove(table->rows + index + 1, table->rows + index,
            (table->count - index) * sizeof(struct row *));
    table->rows[index] = row;
    table->count++;
    return ERR_OK;
}

/* A row as it shall be. The old value stays until the new one is made: it may be what the new one is copied from. */
static enum err_code set(struct scratch_store *scratch, const struct store_table *name,
                         struct bytes key, bool is_deleted, struct bytes value, struct err *err)
{
    struct table *table = table_of(scratch, name);
    size_t index = find(table, key);
    bool is_new = !is_at(table, index, key);
    size_t others = scratch->size - (is_new ? 0 : table->rows[index]->value_size);
    size_t more = value.size + (is_new ? key.size : 0);
    if (more > scratch->options.size_max - others) {
        return err_set(err, ERR_TOO_LARGE, "more than %zu bytes of rows",
                       scratch->options.size_max);
    }
    uint8_t *copy = malloc(value.size + 1); /* never NULL for an empty one */
    if (copy == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a row");
    }
    if (value.size > 0) {
        memcpy(copy, value.data, value.size);
    }
    enum err_code code = is_new ? insert(table, index, key, err) : ERR_OK;
    if (code != ERR_OK) {
        free(copy);
        return code;
    }
    struct row *row = table->rows[index];
    scratch->size = others + more;
    free(row->value);
    row->value = copy;
    row->value_size = value.size;
    row->is_deleted = is_deleted;
    return ERR_OK;
}

static enum err_code put(struct store *store, const struct store_table *name, struct bytes key,
                         struct bytes value, struct err *err)
{
    struct scratch_store *scratch = (struct scratch_store *)store;
    bool drops = is_among(scratch->options.dropped, scratch->options.dropped_count, name);
    return drops ? ERR_OK : set(scratch, name, key, false, value, err);
}

static enum err_code del(struct store *store, const struct store_table *name, struct bytes key,
                         struct err *err)
{
    struct scratch_store *scratch = (struct scratch_store *)store;
    struct table *table = table_of(scratch, name);
    size_t index = find(table, key);
    if (is_shared(scratch, name)) {
        return set(scratch, name, key, true, (struct bytes){0}, err);
    }
    if (is_at(table, index, key)) {
        struct row *row = table->rows[index];
        scratch->size -= row->key_size + row->value_size;
        free(row->value);
        free(row);
        table->count--;
        memmove(table->rows + index, table->rows + index + 1,
                (table->count - index) * sizeof(struct row *));
    }
    return ERR_OK;
}

static enum err_code give(const struct table *table, size_t index, struct bytes *ret_key,
                          struct bytes *ret_value)
{
    if (index >= table->count) {
        return ERR_NOT_FOUND;
    }
    const struct row *row = table->rows[index];
    *ret_key = bytes_of(row->key, row->key_size);
    *ret_value = bytes_of(row->value, row->value_size);
    return ERR_OK;
}

static enum err_code seek(struct store *store, const struct store_table *name, struct bytes key,
                          bool after, struct bytes *ret_key, struct bytes *ret_value,
                          struct err *err)
{
    struct scratch_store *scratch = (struct scratch_store *)store;
    (void)err;
    INVARIANT(!is_shared(scratch, name));
    const struct table *table = table_of(scratch, name);
    size_t index = find(table, key);
    return give(table, after && is_at(table, index, key) ? index + 1 : index, ret_key, ret_value);
}

static enum err_code seek_before(struct store *store, const struct store_table *name,
                                 struct bytes key, struct bytes *ret_key, struct bytes *ret_value,
                                 struct err *err)
{
    struct scratch_store *scratch = (struct scratch_store *)store;
    (void)err;
    INVARIANT(!is_shared(scratch, name));
    const struct table *table = table_of(scratch, name);
    size_t index = key.size == 0 ? table->count : find(table, key);
    return index == 0 ? ERR_NOT_FOUND : give(table, index - 1, ret_key, ret_value);
}

static const struct store_ops OPS = {get, put, del, seek, seek_before};

struct store *scratch_store_create(const struct scratch_store_options *options)
{
    struct scratch_store *scratch = calloc(1, sizeof *scratch);
    if (scratch == NULL) {
        return NULL;
    }
    scratch->store.ops = &OPS;
    scratch->options = *options;
    return &scratch->store;
}

void scratch_store_destroy(struct store *store)
{
    struct scratch_store *scratch = (struct scratch_store *)store;
    if (scratch == NULL) {
        return;
    }
    for (size_t t = 0; t < scratch->table_count; t++) {
        for (size_t i = 0; i < scratch->tables[t].count; i++) {
            free(scratch->tables[t].rows[i]->value);
            free(scratch->tables[t].rows[i]);
        }
        free(scratch->tables[t].rows);
    }
    free(scratch);
}

void scratch_store_read_under(struct store *store, struct store *under)
{
    struct scratch_store *scratch = (struct scratch_store *)store;
    INVARIANT(scratch->store.ops == &OPS);
    scratch->under = under;
}
