/* core/base/arena.h: memory of one request or one batch, freed whole.
 *
 * Owner:   the caller; arena_deinit accepts a zeroed object. Pointers live until clear or deinit.
 * Errors:  NULL when out of memory or past `size_max`. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_ARENA_H
#define CORE_BASE_ARENA_H

#include "core/base/bytes.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t size;                /* bytes handed out */
    size_t size_max;
};

void arena_init(struct arena *arena, size_t size_max);
void arena_deinit(struct arena *arena);
/* Free everything but the first block, so that a batch loop does not allocate anew each time. */
void arena_clear(struct arena *arena);
/* Zeroed, aligned for any object. `size` 0 gives a pointer that must not be read. */
void *arena_alloc(struct arena *arena, size_t size);
/* count × size with overflow check. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size);
/* A copy with a terminating zero behind it; {NULL, 0} when out of memory and size > 0. */
struct bytes arena_copy(struct arena *arena, struct bytes bytes);
char *arena_text(struct arena *arena, struct bytes bytes);

#endif
