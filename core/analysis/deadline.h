/* core/analysis/deadline.h: how long an analysis has worked: the processor time of its thread, so that a busy machine refuses nothing that an
 * idle one answers. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_DEADLINE_H
#define CORE_ANALYSIS_DEADLINE_H

#include <stdint.h>
#include <time.h>

struct deadline {
    uint64_t end_ms;
};

static inline uint64_t deadline_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline struct deadline deadline_in(uint32_t ms)
{
    return (struct deadline){.end_ms = deadline_now_ms() + ms};
}

/* 0: it is over. */
static inline uint32_t deadline_left_ms(struct deadline deadline)
{
    uint64_t now = deadline_now_ms();
    return now >= deadline.end_ms ? 0 : (uint32_t)(deadline.end_ms - now);
}

#endif
