/* worker/measure.h: what a running sandbox uses, sample by sample.
 *
 * Scope:   processor and memory. There are no GPU numbers yet.
 * Thread:  loop. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_MEASURE_H
#define WORKER_MEASURE_H

#include "worker/cgroup.h"
#include "worker/report.h"

#include <sys/types.h>

struct measure {
    uint64_t cpu_cores;
    uint64_t ram_total_mib;
    uint64_t last_cpu_ms;
    int64_t last_ns; /* 0: no sample yet */
};

/* The first call only sets the start and returns false, as does one for a sandbox that is gone. `ret->at_ms` is the
 * caller's. */
bool measure_take(struct measure *measure, pid_t root, const struct cgroup *group,
                  struct report_sample *ret);

#endif
