/* core/log/event_log_internal.h: what the files of core/log share about the log's environment. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LOG_EVENT_LOG_INTERNAL_H
#define CORE_LOG_EVENT_LOG_INTERNAL_H

#include "core/log/damage.h"
#include "core/log/event_log.h"
#include "core/log/room.h"

#include <lmdb.h>

#define TILE_WIDTH 256
#define TILE_HEIGHT 8
#define TILE_LEVELS 8
#define TILE_KEY_SIZE 9

struct pending_tile { /* the right-most tile of a level, not full yet */
    size_t width;
    struct key32 hashes[TILE_WIDTH];
};

struct tree {
    struct merkle_frontier frontier;
    struct pending_tile pending[TILE_LEVELS];
};

struct event_log {
    MDB_env *env;
    struct damage_watch watch;
    MDB_dbi records;
    MDB_dbi private_parts;
    MDB_dbi tiles;
    MDB_dbi meta;
    MDB_dbi named;  /* log_named.c */
    bool has_named; /* not if it is read-only, and older than that table */
    uint64_t map_size;
    struct room room;
    struct tree tree; /* what is committed */
    struct tree next; /* what the append in progress would make of it */
};

/* false if the bytes are not a stored frontier. */
bool frontier_decode(struct bytes stored, struct merkle_frontier *ret);
/* The table of names, made and filled if there is none and the log may be written. */
MUST_CHECK enum err_code log_open_named(struct event_log *log, bool read_only, struct err *err);
/* What an entry that was put means for the private parts and the names beside it: in the same transaction. */
MUST_CHECK enum err_code log_follow_entry(const struct event_log *log, MDB_txn *txn,
                                          uint64_t sequence, const struct log_entry *entry,
                                          struct err *err);
void tile_key(unsigned level, uint64_t index, uint8_t ret[TILE_KEY_SIZE]);

#endif
