// SPDX-License-Identifier: Apache-2.0
#include "tests/support/memory_store.h"

#include "core/base/invariant.h"
#include "core/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLES_MAX 128

struct row {
    size_t key_size;
    size_t value_size;
    uint8_t *value; /* its own block, so that a stale borrower is caught */
    uint8_t key[];
};

struct table {
    const struct store_table *table;
    struct row **rows; /* ascending by key */
    size_t count;
    size_t capacity;
};

struct memory_store {
    struct store store; /* first: a struct store * is the memory store */
    struct table tables[TABLES_MAX];
    size_t table_count;
    size_t fail_in;
    size_t writes;
};

static int compare_keys(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.data, b.data, size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static struct bytes key_of(const struct row *row)
{
    return bytes_of(row->key, row->key_size);
}

static struct bytes value_of(const struct row *row)
{
    return bytes_of(row->value, row->value_size);
}

static struct table *find_table(struct memory_store *memory, const struct store_table *table)
{
    for (size_t i = 0; i < memory->table_count; i++) {
        if (memory->tables[i].table == table) {
            return &memory->tables[i];
        }
    }
    INVARIANT(memory->table_count < TABLES_MAX);
    struct table *added = &memory->tables[memory->table_count++];
    added->table = table;
    return added;
}

/* Index of the first key ≥ `key`. */
static size_t lower_bound(const struct table *table, struct bytes key)
{
    size_t low = 0;
    size_t high = table->count;
    /* Most writers append: look at the end first. */
    if (high > 0 && compare_keys(key_of(table->rows[high - 1]), key) < 0) {
        return high;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_keys(key_of(table->rows[middle]), key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct table *table, size_t index, struct bytes key)
{
    return index < table->count && compare_keys(key_of(table->rows[index]), key) == 0;
}

/* The table of an operation, unless this operation is the one that shall fail. */
static struct table *enter(struct store *store, const struct store_table *table, struct err *err)
{
    struct memory_store *memory = (struct memory_store *)store;
    if (memory->fail_in > 0 && --memory->fail_in == 0) {
        (void)err_set(err, ERR_IO, "%s: a failure was asked for", table->name);
        return NULL;
    }
    return find_table(memory, table);
}

static enum err_code get(struct store *store, const struct store_table *name, struct bytes key,
                         struct bytes *ret, struct err *err)
{
    const struct table *table = enter(store, name, err);
    if (table == NULL) {
        return ERR_IO;
    }
    size_t index = lower_bound(table, key);
    if (!is_at(table, index, key)) {
        return ERR_NOT_FOUND;
    }
    *ret = value_of(table->rows[index]);
    return ERR_OK;
}

static uint8_t *copy_value(struct bytes value)
{
    uint8_t *copy = malloc(value.size + 1); /* never NULL for an empty value */
    INVARIANT(copy != NULL);
    if (value.size > 0) {
        memcpy(copy, value.data, value.size);
    }
    return copy;
}

static void insert(struct table *table, size_t index, struct bytes key, struct bytes value)
{
    if (table->count == table->capacity) {
        table->capacity = table->capacity == 0 ? 16 : 2 * table->capacity;
        table->rows = realloc(table->rows, table->capacity * sizeof *table->rows);
        INVARIANT(table->rows != NULL);
    }
    struct row *row = malloc(sizeof *row + key.size);
    INVARIANT(row != NULL);
    row->key_size = key.size;
    row->value_size = value.size;
    row->value = copy_value(value);
    memcpy(row->key, key.data, key.size);
    memmove(table->rows + index + 1, table->rows + index,
            (table->count - index) * sizeof *table->rows);
    table->rows[index] = row;
    table->count++;
}

static enum err_code put(struct store *store, const struct store_table *name, struct bytes key,
                         struct bytes value, struct err *err)
{
    struct table *table = enter(store, name, err);
    if (table == NULL) {
        return ERR_IO;
    }
    /* As LMDB has it: an empty key is no key, and 511 bytes are the most. */
    INVARIANT(key.size > 0);
    INVARIANT(key.size <= 511);
    ((struct memory_store *)store)->writes++;
    size_t index = lower_bound(table, key);
    if (is_at(table, index, key)) {
        uint8_t *copy = copy_value(value);
        free(table->rows[index]->value);
        table->rows[index]->value = copy;
        table->rows[index]->value_size = value.size;
    } else {
        insert(table, index, key, value);
    }
    return ERR_OK;
}

static void free_row(struct row *row)
{
    free(row->value);
    free(row);
}

static enum err_code del(struct store *store, const struct store_table *name, struct bytes key,
                         struct err *err)
{
    struct table *table = enter(store, name, err);
    if (table == NULL) {
        return ERR_IO;
    }
    size_t index = lower_bound(table, key);
    if (!is_at(table, index, key)) {
        return ERR_NOT_FOUND;
    }
    ((struct memory_store *)store)->writes++;
    free_row(table->rows[index]);
    table->count--;
    memmove(table->rows + index, table->rows + index + 1,
            (table->count - index) * sizeof *table->rows);
    return ERR_OK;
}

static enum err_code seek(struct store *store, const struct store_table *name, struct bytes key,
                          bool after, struct bytes *ret_key, struct bytes *ret_value,
                          struct err *err)
{
    const struct table *table = enter(store, name, err);
    if (table == NULL) {
        return ERR_IO;
    }
    size_t index = lower_bound(table, key);
    index += after && is_at(table, index, key) ? 1 : 0;
    if (index >= table->count) {
        return ERR_NOT_FOUND;
    }
    *ret_key = key_of(table->rows[index]);
    *ret_value = value_of(table->rows[index]);
    return ERR_OK;
}

static enum err_code seek_before(struct store *store, const struct store_table *name,
                                 struct bytes key, struct bytes *ret_key, struct bytes *ret_value,
                                 struct err *err)
{
    const struct table *table = enter(store, name, err);
    if (table == NULL) {
        return ERR_IO;
    }
    size_t index = key.size == 0 ? table->count : lower_bound(table, key);
    if (index == 0) {
        return ERR_NOT_FOUND;
    }
    *ret_key = key_of(table->rows[index - 1]);
    *ret_value = value_of(table->rows[index - 1]);
    return ERR_OK;
}

static const struct store_ops OPS = {
    .get = get, .put = put, .del = del, .seek = seek, .seek_before = seek_before};

struct store *memory_store_create(void)
{
    struct memory_store *memory = calloc(1, sizeof *memory);
    INVARIANT(memory != NULL);
    memory->store.ops = &OPS;
    return &memory->store;
}

void memory_store_destroy(struct store *store)
{
    struct memory_store *memory = (struct memory_store *)store;
    if (memory == NULL) {
        return;
    }
    for (size_t t = 0; t < memory->table_count; t++) {
        for (size_t i = 0; i < memory->tables[t].count; i++) {
            free_row(memory->tables[t].rows[i]);
        }
        free(memory->tables[t].rows);
    }
    free(memory);
}

static const struct table *table_by_name(const struct memory_store *memory, const char *name)
{
    for (size_t i = 0; i < memory->table_count; i++) {
        if (strcmp(memory->tables[i].table->name, name) == 0) {
            return &memory->tables[i];
        }
    }
    return NULL;
}

size_t memory_store_rows(const struct store *store, const struct store_table *table)
{
    const struct table *found = table_by_name((const struct memory_store *)store, table->name);
    return found == NULL ? 0 : found->count;
}

size_t memory_store_bytes(const struct store *store)
{
    const struct memory_store *memory = (const struct memory_store *)store;
    size_t size = 0;
    for (size_t t = 0; t < memory->table_count; t++) {
        for (size_t i = 0; i < memory->tables[t].count; i++) {
            size += memory->tables[t].rows[i]->key_size + memory->tables[t].rows[i]->value_size;
        }
    }
    return size;
}

static bool report(const char *table, const struct row *row, const char *what, char *ret_where,
                   size_t where_size)
{
    char key[2 * 48 + 1] = "";
    if (row != NULL) {
        hex_encode(bytes_of(row->key, row->key_size < 48 ? row->key_size : 48), key);
    }
    (void)snprintf(ret_where, where_size, "table %s, key %s: %s", table, key, what);
    return false;
}

/* Every row of `a` is in `b`. */
static bool contains(const struct memory_store *a, const struct memory_store *b, char *ret_where,
                     size_t where_size)
{
    for (size_t t = 0; t < a->table_count; t++) {
        const struct table *table = &a->tables[t];
        const char *name = table->table->name;
        const struct table *other = table_by_name(b, name);
        for (size_t i = 0; i < table->count; i++) {
            const struct row *row = table->rows[i];
            size_t index = other == NULL ? 0 : lower_bound(other, key_of(row));
            if (other == NULL || !is_at(other, index, key_of(row))) {
                return report(name, row, "only in one of the two", ret_where, where_size);
            }
            if (!bytes_equal(value_of(row), value_of(other->rows[index]))) {
                return report(name, row, "the values differ", ret_where, where_size);
            }
        }
    }
    return true;
}

bool memory_store_equal(const struct store *a, const struct store *b, char *ret_where,
                        size_t where_size)
{
    return contains((const struct memory_store *)a, (const struct memory_store *)b, ret_where,
                    where_size) &&
           contains((const struct memory_store *)b, (const struct memory_store *)a, ret_where,
                    where_size);
}

size_t memory_store_writes(const struct store *store)
{
    return ((const struct memory_store *)store)->writes;
}

void memory_store_fail_at(struct store *store, size_t operation)
{
    ((struct memory_store *)store)->fail_in = operation;
}
