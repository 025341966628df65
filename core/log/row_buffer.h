/* core/log/row_buffer.h: rows that a transaction on the views has read or written, before they go into the B-trees.
 *
 * Why:     one event rewrites a dozen rows, and the events of a batch rewrite the same ones: the job's, the machine's, a balance. Kept here, a
 *          row is looked up by hash and goes down its tree once a flush, and all of them in the order of their keys, so that one
 *          page after the other is changed instead of one at random each time.
 * Shape:   (table, key) → value, "there is none", or "deleted". Rows that were only read are kept too; a flush passes them over.
 * Owner:   a value that was found stays as it is until the next put of its row, row_buffer_clear or deinit.
 * Errors:  false: out of memory, or `size_max` reached; flush, clear and try again.
 * Thread:  one. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LOG_ROW_BUFFER_H
#define CORE_LOG_ROW_BUFFER_H

#include "core/base/arena.h"
#include "core/base/err.h"

#define ROW_BUFFER_LISTS 64 /* more than there are tables, so that mostly each has one of its own */

struct row_buffer {
    struct arena arena;
    struct row_slot *slots; /* by hash, open addressing */
    size_t slot_count;      /* a power of two, or 0 */
    size_t count;
    struct buffered_row *newest; /* all of them, newest first */
    /* Those put since the last flush, of the tables with this remainder: a table is flushed whenever somebody walks through it, for each event perhaps. */
    struct buffered_row *dirty[ROW_BUFFER_LISTS];
};

enum row_state {
    ROW_UNKNOWN, /* nothing is known of this row here */
    ROW_PRESENT,
    ROW_ABSENT,
};

void row_buffer_init(struct row_buffer *buffer, size_t size_max);
void row_buffer_deinit(struct row_buffer *buffer);
/* Forget everything; memory for the next transaction is kept within reason. */
void row_buffer_clear(struct row_buffer *buffer);

enum row_state row_buffer_get(const struct row_buffer *buffer, size_t table, struct bytes key,
                              struct bytes *ret);
/* What the tree said about a row: its value, copied, or that there is none. */
MUST_CHECK bool row_buffer_note(struct row_buffer *buffer, size_t table, struct bytes key,
                                enum row_state state, struct bytes value, struct bytes *ret);
/* ROW_PRESENT with a value, or ROW_ABSENT: deleted. Both are copied. */
MUST_CHECK bool row_buffer_put(struct row_buffer *buffer, size_t table, struct bytes key,
                               enum row_state state, struct bytes value);

/* Call back for every row that was put since the last flush, by table and key; of `table` alone unless it is SIZE_MAX. A code other than ERR_OK
 * ends it. Afterwards the rows are known as they were. ERR_NOMEM: no memory to sort them, nothing was called. */
typedef enum err_code row_flush_cb(void *ctx, size_t table, struct bytes key, enum row_state state,
                                   struct bytes value);
MUST_CHECK enum err_code row_buffer_flush(struct row_buffer *buffer, size_t table,
                                          row_flush_cb *callback, void *ctx);

#endif
