// SPDX-License-Identifier: Apache-2.0
#include "projections/sequence_list.h"

#include "projections/view_rows.h"

#include <assert.h>
#include <string.h>

const struct store_table SEQUENCE_ROWS = {"view_streams"};
const struct store_table SEQUENCE_TAILS = {"view_stream_tails"};

#define STREAM_PREFIX 17
#define STEP 4 /* bytes of one sequence */
#define ROW_SIZE_MAX ((SEQUENCE_ROW_MAX - 1) * STEP)

struct tail {
    uint64_t first; /* key of the last row */
    uint64_t last;  /* of all */
};
static_assert(sizeof(struct tail) == 2 * 8, "no padding");

static struct view_key stream_key(enum stream_kind kind, struct id16 id)
{
    struct view_key key = {0};
    view_key_u8(&key, (uint8_t)kind);
    view_key_id(&key, id);
    return key;
}

static struct view_key row_key(enum stream_kind kind, struct id16 id, uint64_t first)
{
    struct view_key key = stream_key(kind, id);
    view_key_u64(&key, first);
    return key;
}

/* ── adding ────────────────────────────────────────────────────────────────────────────────────── */

/* false: the last row is full, or the sequence is too far from its first. */
static bool extend(struct store *store, struct view_key *key, uint64_t first, uint64_t sequence)
{
    uint8_t row[ROW_SIZE_MAX];
    struct bytes value;
    if (sequence - first > UINT32_MAX ||
        !store_get(store, &SEQUENCE_ROWS, bytes_of(key->b, key->size), &value) ||
        value.size + STEP > sizeof row) {
        return false;
    }
    if (value.size > 0) {
        memcpy(row, value.data, value.size);
    }
    put_be32(row + value.size, (uint32_t)(sequence - first));
    view_put(store, &SEQUENCE_ROWS, key, row, value.size + STEP);
    return true;
}

void sequence_list_add(struct store *store, enum stream_kind kind, struct id16 id,
                       uint64_t sequence)
{
    struct tail tail = {0};
    struct view_key stream = stream_key(kind, id);
    bool known = view_get(store, &SEQUENCE_TAILS, &stream, &tail, sizeof tail);
    if (known && sequence <= tail.last) {
        if (sequence < tail.last) {
            store_fail(store, ERR_CORRUPT, SEQUENCE_ROWS.name);
        }
        return;
    }
    struct view_key key = row_key(kind, id, known ? tail.first : sequence);
    if (!known || !extend(store, &key, tail.first, sequence)) {
        key = row_key(kind, id, sequence);
        view_put(store, &SEQUENCE_ROWS, &key, "", 0);
        tail.first = sequence;
    }
    tail.last = sequence;
    view_put(store, &SEQUENCE_TAILS, &stream, &tail, sizeof tail);
}

/* ── reading ───────────────────────────────────────────────────────────────────────────────────── */

struct row {
    uint64_t first;
    struct bytes steps;
    size_t count;
};

static struct row row_of(const struct view_key *key, struct bytes value)
{
    return (struct row){
        .first = view_key_last_u64(key), .steps = value, .count = 1 + value.size / STEP};
}

static uint64_t sequence_at(const struct row *row, size_t index)
{
    return index == 0 ? row->first : row->first + get_be32(row->steps.data + (index - 1) * STEP);
}

/* How many of the row's sequences are at most `bound`. */
static size_t count_up_to(const struct row *row, uint64_t bound)
{
    size_t low = 0;
    size_t high = row->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sequence_at(row, middle) <= bound) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The last row that begins before `bound`. `ret_key` is where to walk on from: the row itself, or what is just before `bound`. */
static bool find_row(struct store *store, enum stream_kind kind, struct id16 id, uint64_t bound,
                     struct view_key *ret_key, struct row *ret)
{
    struct bytes value;
    *ret_key = row_key(kind, id, bound);
    if (!view_previous(store, &SEQUENCE_ROWS, ret_key, STREAM_PREFIX, &value)) {
        *ret_key = row_key(kind, id, bound - 1);
        return false;
    }
    *ret = row_of(ret_key, value);
    return true;
}

size_t sequence_list_after(struct store *store, enum stream_kind kind, struct id16 id,
                           uint64_t after, uint64_t *ret, size_t max)
{
    struct view_key at;
    struct row row;
    struct bytes value;
    size_t count = 0;
    if (after == UINT64_MAX) {
        return 0;
    }
    bool found = find_row(store, kind, id, after + 1, &at, &row);
    size_t from = found ? count_up_to(&row, after) : 0;
    while (count < max) {
        if (found) {
            for (size_t i = from; i < row.count && count < max; i++) {
                ret[count++] = sequence_at(&row, i);
            }
        }
        if (count == max || !view_next(store, &SEQUENCE_ROWS, &at, STREAM_PREFIX, &value)) {
            break;
        }
        row = row_of(&at, value);
        found = true;
        from = 0;
    }
    return count;
}

uint64_t sequence_list_last(struct store *store, enum stream_kind kind, struct id16 id)
{
    struct tail tail = {0};
    struct view_key stream = stream_key(kind, id);
    return view_get(store, &SEQUENCE_TAILS, &stream, &tail, sizeof tail) ? tail.last : 0;
}

bool sequence_list_has(struct store *store, enum stream_kind kind, struct id16 id,
                       uint64_t sequence)
{
    struct view_key at;
    struct row row;
    if (sequence == UINT64_MAX || !find_row(store, kind, id, sequence + 1, &at, &row)) {
        return false;
    }
    size_t count = count_up_to(&row, sequence);
    return count > 0 && sequence_at(&row, count - 1) == sequence;
}
