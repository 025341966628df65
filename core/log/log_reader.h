/* core/log/log_reader.h: one consistent snapshot of the log.
 *
 * Owner:   the caller closes it soon: an open snapshot keeps freed pages from being used again. Never across a turn of an event loop.
 *          Everything it hands out is borrowed until it is closed (zero copy from the map).
 * Thread:  one at a time, any.
 * Errors:  ERR_CORRUPT for a hole in the sequence. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LOG_LOG_READER_H
#define CORE_LOG_LOG_READER_H

#include "core/log/event_log.h"

struct log_reader;

MUST_CHECK enum err_code log_reader_open(struct event_log *log, struct log_reader **ret,
                                         struct err *err);
void log_reader_close(struct log_reader *reader);

/* Number of records in this snapshot. */
uint64_t log_reader_size(const struct log_reader *reader);
/* The record of 1 ≤ sequence ≤ size. Reading in ascending order is fastest. */
MUST_CHECK enum err_code log_reader_record(struct log_reader *reader, uint64_t sequence,
                                           struct bytes *ret, struct err *err);
/* What is told as not there below was not there: nothing failed in reading it. */
MUST_CHECK enum err_code log_reader_check(const struct log_reader *reader, struct err *err);
/* salt ‖ private part; false when there is none (never was, or erased). */
bool log_reader_private(struct log_reader *reader, uint64_t sequence, struct bytes *ret);
uint64_t log_reader_private_count(struct log_reader *reader);
/* LMDB's own list of the pages that are free: the next write begins there. */
MUST_CHECK enum err_code log_reader_check_free(struct log_reader *reader, struct err *err);
bool log_reader_meta(struct log_reader *reader, const char *key, struct bytes *ret);
/* The last signed checkpoint note; false before the first. */
bool log_reader_checkpoint(struct log_reader *reader, struct bytes *ret);

/* `width` (1 … 256) hashes of a tile that exists at this size: level 0 holds leaves. */
MUST_CHECK enum err_code log_reader_tile(struct log_reader *reader, unsigned level, uint64_t index,
                                         size_t width, struct key32 *ret_hashes, struct err *err);
/* Nodes for core/crypto/merkle.h proofs over this snapshot. */
struct merkle_source log_reader_nodes(struct log_reader *reader);

#endif
