/* core/log/log_scan.h: every record of a snapshot read once, on several threads, handed over in order.
 *
 * Shape:   chunks of LOG_CHUNK records. A thread checks what a record says of itself (canonical form, private part against its digest, times that do
 *          not fall) and hashes it; what depends on the records before it (tree, tiles, who erased what) is left to the caller.
 * Thread:  the caller's own for every function; the others are inside.
 * Errors:  a chunk's own, in `code` and `err`: the first thing in it that does not hold. Chunks behind it still come. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LOG_LOG_SCAN_H
#define CORE_LOG_LOG_SCAN_H

#include "core/log/event_log.h"

#define LOG_CHUNK 1024

struct sequences { /* in the order of the log */
    uint64_t *list;
    size_t count;
    size_t capacity;
};

/* A ledger.restored, as it stands in the log. */
struct log_generation {
    uint64_t sequence;
    uint64_t number;
    uint64_t parent_size;
    struct key32 parent_root;
};
#define LOG_CHUNK_GENERATIONS_MAX 16 /* more restores within 1,024 records are no log of ours */

struct log_chunk {
    uint64_t first;
    size_t count;
    struct key32 leaves[LOG_CHUNK];
    int64_t first_time;
    int64_t last_time;
    uint64_t private_parts;   /* checked */
    struct sequences missing; /* records whose private part is not there */
    struct sequences erased;  /* sequences that private.erased names */
    struct sequences anchors; /* records that are checkpoint.anchored */
    struct log_generation generations[LOG_CHUNK_GENERATIONS_MAX];
    size_t generation_count;
    enum err_code code;
    struct err err;
};

struct log_scan;

/* Records 1 … `size`. `threads` 0: as many as the machine has processors. */
MUST_CHECK enum err_code log_scan_start(struct event_log *log, uint64_t size, unsigned threads,
                                        struct log_scan **ret, struct err *err);
/* The next chunk, waited for; borrowed until the next call. NULL: that was all. */
const struct log_chunk *log_scan_next(struct log_scan *scan);
/* Also before the end. NULL is fine. */
void log_scan_stop(struct log_scan *scan);

#endif
