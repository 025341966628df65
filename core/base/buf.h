/* core/base/buf.h: a growing byte buffer with a limit.
 *
 * Owner:   the caller; buf_deinit accepts a zeroed object.
 * Errors:  appending past `size_max` or out of memory sets `failed` and keeps the content as it was before
 *          that append; later appends do nothing. So a run of appends is checked once, at its end. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_BUF_H
#define CORE_BASE_BUF_H

#include "core/base/bytes.h"
#include "core/base/err.h"

struct buf {
    uint8_t *data; /* always zero-terminated past `size` once anything was appended */
    size_t size;
    size_t capacity;
    size_t size_max;
    bool failed;
};

void buf_init(struct buf *buf, size_t size_max);
void buf_deinit(struct buf *buf);
/* Forget the content and `failed`, keep the memory. */
void buf_clear(struct buf *buf);
/* Room for `size` bytes in all, so that appends up to there leave no copy in memory given back. */
void buf_reserve(struct buf *buf, size_t size);
void buf_append(struct buf *buf, const void *data, size_t size);
void buf_append_bytes(struct buf *buf, struct bytes bytes);
void buf_append_text(struct buf *buf, const char *text);
void buf_append_byte(struct buf *buf, uint8_t byte);
/* In decimal; buf_printf takes ten times as long. */
void buf_append_u64(struct buf *buf, uint64_t value);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
/* Drop the first `size` bytes (≤ buf->size). */
void buf_consume(struct buf *buf, size_t size);
struct bytes buf_bytes(const struct buf *buf); /* borrowed until the next append */
const char *buf_text(const struct buf *buf);   /* zero-terminated, "" when empty */
/* ERR_OK, or ERR_TOO_LARGE if an append failed. */
MUST_CHECK enum err_code buf_check(const struct buf *buf, struct err *err);

#endif
