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
    uint64_t map_size;
    struct room room;
    struct tree tree; /* what is committed */
    struct tree next; /* what the append in progress would make of it */
};

/* false if the bytes are not a stored frontier. */
bool frontier_decode(struct bytes stored, struct merkle_frontier *ret);
void tile_key(unsigned level, uint64_t index, uint8_t ret[TILE_KEY_SIZE]);

#endif
