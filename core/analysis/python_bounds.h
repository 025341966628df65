/* core/analysis/python_bounds.h: how much memory and time the parser of Python takes, and when it gives up.
 *
 * Memory: four MiB of open brackets make a tree of more than a GiB. So what the library allocates on this thread is counted, and past the limit the parser is
 *         told to give up, which it does within a hundred steps. It cannot be told by a failed allocation: it does not survive one.
 * Time:   the parser's own limit is of the wall clock, and is not asked for inside a token: two MiB of line ends that are continued are one. So time is
 *         looked at with what it allocates and with each piece that it reads.
 * Thread: one parse a thread at a time. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_PYTHON_BOUNDS_H
#define CORE_ANALYSIS_PYTHON_BOUNDS_H

#include "core/analysis/deadline.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct python_bounds {
    size_t live;
    size_t max;
    size_t give_up; /* the parser's cancellation flag */
    struct deadline deadline;
    uint32_t allocations; /* the clock is asked at every 256th: it is a system call */
    bool late;
};

/* Before the parser is made: nothing is allocated that is not counted. This thread's, until it begins again. */
struct python_bounds *python_bounds_begin(size_t memory_max, uint32_t time_max_ms);
struct python_bounds *python_bounds(void);
/* Past the time: late, and the parser gives up. */
void python_bounds_look(void);

#endif
