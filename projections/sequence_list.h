/* projections/sequence_list.h: ascending lists of sequences, one a stream, many to a row.
 *
 * Shape:   stream kind (1) ‖ id (16) ‖ first sequence (8) → what each of the others of this row is above the first, u32 big-endian;
 *          at most SEQUENCE_ROW_MAX sequences a row. Beside it stream kind ‖ id → first sequence of the last row, last sequence.
 * Why:     every event is in three or four streams. A row each was most of what the views wrote. */
// SPDX-License-Identifier: Apache-2.0
#ifndef PROJECTIONS_SEQUENCE_LIST_H
#define PROJECTIONS_SEQUENCE_LIST_H

#include "core/ledger/projection.h"

#define SEQUENCE_ROW_MAX 128

extern const struct store_table SEQUENCE_ROWS;
extern const struct store_table SEQUENCE_TAILS;

/* `sequence` is behind the last one; the last one again is fine. */
void sequence_list_add(struct store *store, enum stream_kind kind, struct id16 id,
                       uint64_t sequence);
/* Up to `max` sequences after `after`, ascending. */
size_t sequence_list_after(struct store *store, enum stream_kind kind, struct id16 id,
                           uint64_t after, uint64_t *ret, size_t max);
/* 0: there is none. */
uint64_t sequence_list_last(struct store *store, enum stream_kind kind, struct id16 id);
bool sequence_list_has(struct store *store, enum stream_kind kind, struct id16 id,
                       uint64_t sequence);

#endif
