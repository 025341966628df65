/* projections/view_rows.h: what the projections share: composite keys, walks over a prefix, and what an event says about jobs and legs.
 *
 * Keys:    fields one after another, numbers big-endian, so byte order is logical order. A table's keys are all of one size. */
// SPDX-License-Identifier: Apache-2.0
#ifndef PROJECTIONS_VIEW_ROWS_H
#define PROJECTIONS_VIEW_ROWS_H

#include "core/event/codec.h"
#include "core/ledger/projection.h"
#include "core/market/state.h"

#define VIEW_KEY_MAX 64

struct view_key {
    uint8_t b[VIEW_KEY_MAX];
    size_t size;
};

void view_key_u8(struct view_key *key, uint8_t value);
void view_key_u64(struct view_key *key, uint64_t value);
void view_key_id(struct view_key *key, struct id16 id);
void view_key_bytes(struct view_key *key, const void *data, size_t size);
/* The u64 that ends the key. */
uint64_t view_key_last_u64(const struct view_key *key);

void view_put(struct store *store, const struct store_table *table, const struct view_key *key,
              const void *row, size_t size);
bool view_get(struct store *store, const struct store_table *table, const struct view_key *key,
              void *ret, size_t size);
void view_delete(struct store *store, const struct store_table *table, const struct view_key *key);

/* Move `at` to the next (previous) key of its size that shares its first `prefix_size` bytes; false at the end. `at`
 * itself is skipped. `ret_value` is borrowed until the next write. */
bool view_next(struct store *store, const struct store_table *table, struct view_key *at,
               size_t prefix_size, struct bytes *ret_value);
bool view_previous(struct store *store, const struct store_table *table, struct view_key *at,
                   size_t prefix_size, struct bytes *ret_value);

/* The job an event is about: of its stream, or named by an escrow's event. False for events about no job. */
bool view_job_of(const struct event *event, struct id16 *ret);
/* The job's row in the write model; of it only what never changes is used, but for host_id. Fails the store if missing. */
bool view_job_row(struct store *store, struct id16 job_id, struct job_row *ret);

enum view_leg_step { VIEW_LEG_SIGNED = 1, VIEW_LEG_LOST = 2, VIEW_LEG_CONFIRMED = 3 };

struct view_leg { /* what an event says about a transaction of ours */
    enum leg_kind kind;
    enum view_leg_step step;
    struct key32 deposit_tx;
    struct key32 tx_id;
    struct key32 destination; /* zero when lost */
    int64_t amount;           /* zero when lost */
    uint64_t attempt;
    uint64_t tick;
};

/* False when the event is about no leg. */
bool view_leg_of(const struct event *event, struct view_leg *ret);

#endif
