/* worker/measure.h: what a running sandbox uses, sample by sample.
 *
 * Scope:   processor and memory of the sandbox; of its GPU what gpu_watch.h last saw, which is all of the GPU: nobody else has it.
 * Thread:  loop. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_MEASURE_H
#define WORKER_MEASURE_H

#include "worker/cgroup.h"
#include "worker/gpu_watch.h"

#include <stdbool.h>
#include <sys/types.h>

struct report_sample {
    uint64_t at_ms;        /* since the program's start */
    uint64_t cpu_permille; /* of all cores this machine offers: 1000 is all of them busy */
    uint64_t ram_mib;
    uint64_t ram_total_mib;
    bool has_gpu;
    struct gpu_sample gpu;
};

struct measure {
    uint64_t cpu_cores;
    uint64_t ram_total_mib;
    struct gpu_watch *gpu; /* NULL: none */
    uint64_t last_cpu_ms;
    int64_t last_ns; /* 0: not begun */
    bool is_told;    /* there was a sample */
};

#define MEASURE_MS 2000
#define MEASURE_FIRST_MS 500 /* so that a job of a second or two has one, too */

/* A sample after MEASURE_FIRST_MS and then every MEASURE_MS, however often it is called: false between them, and for a sandbox that is gone; the first call sets the start. `ret->at_ms` is the
 * caller's. */
bool measure_take(struct measure *measure, pid_t root, const struct cgroup *group,
                  struct report_sample *ret);

#endif
