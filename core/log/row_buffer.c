// SPDX-License-Identifier: Apache-2.0
#include "core/log/row_buffer.h"

#include "core/base/invariant.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 1024
#define SLOTS_KEPT_MAX 16384 /* more are given back when the buffer is cleared */

struct row_slot {
    uint64_t hash; /* beside the row, so that passing over another row does not fetch it */
    struct buffered_row *row;
};

struct buffered_row {
    struct buffered_row *older;
    struct buffered_row *next_dirty;
    uint64_t hash;
    size_t table;
    struct bytes key;
    struct bytes value;
    size_t value_room; /* bytes at value.data that are this row's */
    enum row_state state;
    bool dirty; /* put since the last flush: in the list of its table */
};

void row_buffer_init(struct row_buffer *buffer, size_t size_max)
{
    *buffer = (struct row_buffer){0};
    arena_init(&buffer->arena, size_max);
}

void row_buffer_deinit(struct row_buffer *buffer)
{
    arena_deinit(&buffer->arena);
    free(buffer->slots);
    *buffer = (struct row_buffer){0};
}

void row_buffer_clear(struct row_buffer *buffer)
{
    if (buffer->slot_count > SLOTS_KEPT_MAX) {
        free(buffer->slots);
        buffer->slots = NULL;
        buffer->slot_count = 0;
    } else if (buffer->count > 0) {
        memset(buffer->slots, 0, buffer->slot_count * sizeof *buffer->slots);
    }
    arena_clear(&buffer->arena);
    buffer->count = 0;
    buffer->newest = NULL;
    memset(buffer->dirty, 0, sizeof buffer->dirty);
}

/* ── finding ───────────────────────────────────────────────────────────────────────────────────── */

/* Multiply and fold, eight bytes at a time. Keys are ours or hashes: nobody outside can choose many that collide. */
static uint64_t fold(uint64_t hash, uint64_t word)
{
    __extension__ typedef unsigned __int128 u128;
    u128 product = (u128)(hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_of(size_t table, struct bytes key)
{
    uint64_t hash = fold(UINT64_C(0xD6E8FEB86659FD93), (uint64_t)table + key.size);
    size_t at = 0;
    for (; at + 8 <= key.size; at += 8) {
        uint64_t word;
        memcpy(&word, key.data + at, sizeof word);
        hash = fold(hash, word);
    }
    if (at < key.size) {
        uint64_t word = 0;
        memcpy(&word, key.data + at, key.size - at);
        hash = fold(hash, word);
    }
    return hash;
}

/* The row's slot, or the empty one where it would be. There is always an empty one. */
static size_t find(const struct row_buffer *buffer, uint64_t hash, size_t table, struct bytes key)
{
    size_t at = (size_t)hash & (buffer->slot_count - 1);
    for (;;) {
        const struct row_slot *slot = &buffer->slots[at];
        if (slot->row == NULL ||
            (slot->hash == hash && slot->row->table == table && bytes_equal(slot->row->key, key))) {
            return at;
        }
        at = (at + 1) & (buffer->slot_count - 1);
    }
}

static bool grow(struct row_buffer *buffer)
{
    if (buffer->count < buffer->slot_count / 2) {
        return true;
    }
    size_t count = buffer->slot_count == 0 ? SLOTS_MIN : buffer->slot_count * 2;
    struct row_slot *slots = calloc(count, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    free(buffer->slots);
    buffer->slots = slots;
    buffer->slot_count = count;
    for (struct buffered_row *row = buffer->newest; row != NULL; row = row->older) {
        slots[find(buffer, row->hash, row->table, row->key)] = (struct row_slot){row->hash, row};
    }
    return true;
}

/* NULL: out of memory. */
static struct buffered_row *row_of(struct row_buffer *buffer, size_t table, struct bytes key)
{
    if (!grow(buffer)) {
        return NULL;
    }
    uint64_t hash = hash_of(table, key);
    size_t at = find(buffer, hash, table, key);
    if (buffer->slots[at].row != NULL) {
        return buffer->slots[at].row;
    }
    struct buffered_row *row = arena_alloc(&buffer->arena, sizeof *row);
    struct bytes copy = arena_copy(&buffer->arena, key);
    if (row == NULL || copy.data == NULL) {
        return NULL;
    }
    *row = (struct buffered_row){
        .older = buffer->newest, .hash = hash, .table = table, .key = copy, .state = ROW_UNKNOWN};
    buffer->newest = row;
    buffer->slots[at] = (struct row_slot){hash, row};
    buffer->count++;
    return row;
}

static bool set_value(struct row_buffer *buffer, struct buffered_row *row, enum row_state state,
                      struct bytes value)
{
    if (value.size <= row->value_room) {
        if (value.size > 0) {
            memmove((uint8_t *)(uintptr_t)row->value.data, value.data, value.size);
        }
        row->value.size = value.size;
    } else {
        /* A row that grows will grow again. */
        size_t room = row->value_room == 0 ? value.size : 2 * value.size;
        uint8_t *data = arena_alloc(&buffer->arena, room);
        if (data == NULL) {
            return false;
        }
        memcpy(data, value.data, value.size);
        row->value = bytes_of(data, value.size);
        row->value_room = room;
    }
    row->state = state;
    return true;
}

/* ── reading and writing ───────────────────────────────────────────────────────────────────────── */

enum row_state row_buffer_get(const struct row_buffer *buffer, size_t table, struct bytes key,
                              struct bytes *ret)
{
    if (buffer->count == 0) {
        return ROW_UNKNOWN;
    }
    const struct buffered_row *row =
        buffer->slots[find(buffer, hash_of(table, key), table, key)].row;
    if (row == NULL || row->state == ROW_UNKNOWN) {
        return ROW_UNKNOWN;
    }
    if (row->state == ROW_PRESENT) {
        *ret = row->value;
    }
    return row->state;
}

bool row_buffer_note(struct row_buffer *buffer, size_t table, struct bytes key,
                     enum row_state state, struct bytes value, struct bytes *ret)
{
    struct buffered_row *row = row_of(buffer, table, key);
    if (row == NULL) {
        return false;
    }
    INVARIANT(row->state == ROW_UNKNOWN && !row->dirty);
    if (!set_value(buffer, row, state, value)) {
        return false;
    }
    *ret = row->value;
    return true;
}

static void mark(struct row_buffer *buffer, struct buffered_row *row)
{
    if (!row->dirty) {
        struct buffered_row **list = &buffer->dirty[row->table % ROW_BUFFER_LISTS];
        row->dirty = true;
        row->next_dirty = *list;
        *list = row;
    }
}

bool row_buffer_put(struct row_buffer *buffer, size_t table, struct bytes key, enum row_state state,
                    struct bytes value)
{
    struct buffered_row *row = row_of(buffer, table, key);
    if (row == NULL || !set_value(buffer, row, state, value)) {
        return false;
    }
    mark(buffer, row);
    return true;
}

/* ── flushing ──────────────────────────────────────────────────────────────────────────────────── */

static int by_table_and_key(const void *left, const void *right)
{
    const struct buffered_row *a = *(struct buffered_row *const *)left;
    const struct buffered_row *b = *(struct buffered_row *const *)right;
    if (a->table != b->table) {
        return a->table < b->table ? -1 : 1;
    }
    size_t size = a->key.size < b->key.size ? a->key.size : b->key.size;
    int order = memcmp(a->key.data, b->key.data, size);
    return order != 0 ? order : (a->key.size > b->key.size) - (a->key.size < b->key.size);
}

/* Takes the dirty rows of a list that are of `table`, or all of them, out of it: to `rows`, unless that is NULL. How many there are. */
static size_t take_dirty(struct row_buffer *buffer, size_t list, size_t table,
                         struct buffered_row **rows)
{
    size_t count = 0;
    struct buffered_row **link = &buffer->dirty[list];
    while (*link != NULL) {
        struct buffered_row *row = *link;
        bool const wanted = table == SIZE_MAX || row->table == table;
        count += wanted ? 1 : 0;
        if (wanted && rows != NULL) {
            rows[count - 1] = row;
            row->dirty = false;
            *link = row->next_dirty;
        } else {
            link = &row->next_dirty;
        }
    }
    return count;
}

enum err_code row_buffer_flush(struct row_buffer *buffer, size_t table, row_flush_cb *callback,
                               void *ctx)
{
    size_t const first = table == SIZE_MAX ? 0 : table % ROW_BUFFER_LISTS;
    size_t const last = table == SIZE_MAX ? ROW_BUFFER_LISTS - 1 : first;
    size_t count = 0;
    enum err_code code = ERR_OK;
    for (size_t list = first; list <= last; list++) {
        count += take_dirty(buffer, list, table, NULL);
    }
    if (count == 0) {
        return ERR_OK;
    }
    struct buffered_row **rows = malloc(count * sizeof *rows);
    if (rows == NULL) {
        return ERR_NOMEM;
    }
    size_t at = 0;
    for (size_t list = first; list <= last; list++) {
        at += take_dirty(buffer, list, table, rows + at);
    }
    qsort(rows, count, sizeof *rows, by_table_and_key);
    size_t done = 0;
    while (done < count && code == ERR_OK) {
        const struct buffered_row *row = rows[done++];
        code = callback(ctx, row->table, row->key, row->state, row->value);
    }
    while (done < count) { /* they are still to be flushed */
        mark(buffer, rows[done++]);
    }
    free(rows);
    return code;
}
