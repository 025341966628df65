// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/python_bounds.h"

#include "core/base/invariant.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <tree_sitter/api.h>

static _Thread_local struct python_bounds bounds;

void python_bounds_look(void)
{
    if (deadline_left_ms(bounds.deadline) == 0) {
        bounds.late = true;
        bounds.give_up = 1;
    }
}

static void *counted(void *block, size_t size)
{
    INVARIANT(block != NULL || size == 0);
    bounds.live += malloc_usable_size(block);
    if (bounds.live > bounds.max) {
        bounds.give_up = 1;
    }
    if (++bounds.allocations % 256 == 0) {
        python_bounds_look();
    }
    return block;
}

static void *counted_malloc(size_t size)
{
    return counted(malloc(size), size);
}

static void *counted_calloc(size_t count, size_t size)
{
    return counted(calloc(count, size), count == 0 ? 0 : size);
}

static void counted_free(void *block)
{
    bounds.live -= malloc_usable_size(block);
    free(block);
}

static void *counted_realloc(void *block, size_t size)
{
    bounds.live -= malloc_usable_size(block);
    return counted(realloc(block, size), size);
}

static void count_memory(void)
{
    ts_set_allocator(counted_malloc, counted_calloc, counted_realloc, counted_free);
}

struct python_bounds *python_bounds_begin(size_t memory_max, uint32_t time_max_ms)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, count_memory);
    bounds.live = 0;
    bounds.max = memory_max;
    bounds.give_up = 0;
    bounds.late = false;
    bounds.deadline = deadline_in(time_max_ms);
    return &bounds;
}

struct python_bounds *python_bounds(void)
{
    return &bounds;
}
