// SPDX-License-Identifier: Apache-2.0
#include "worker/measure.h"

#include "core/base/time.h"
#include "worker/process_tree.h"

#define MIB (UINT64_C(1) << 20)

bool measure_take(struct measure *measure, pid_t root, const struct cgroup *group,
                  struct report_sample *ret)
{
    struct process_totals totals;
    uint64_t memory;
    int64_t const now = time_mono_ns();
    int64_t const pace_ms = measure->is_told ? MEASURE_MS : MEASURE_FIRST_MS;
    if (measure->last_ns != 0 && now - measure->last_ns < pace_ms * NS_PER_MS) {
        return false;
    }
    if (root == 0 || !process_tree_measure(root, &totals)) {
        return false;
    }
    int64_t const elapsed_ms = (now - measure->last_ns) / NS_PER_MS;
    uint64_t const before = measure->last_cpu_ms;
    bool const first = measure->last_ns == 0;
    measure->last_ns = now;
    measure->last_cpu_ms = totals.cpu_ms;
    if (first || elapsed_ms <= 0) {
        return false;
    }
    measure->is_told = true;
    /* A process caught between its end and its parent's wait is missing for a moment. */
    uint64_t const worked = totals.cpu_ms > before ? totals.cpu_ms - before : 0;
    uint64_t const permille = worked * 1000 / ((uint64_t)elapsed_ms * measure->cpu_cores);
    if (!cgroup_memory_used(group, &memory)) {
        memory = totals.resident_bytes;
    }
    *ret = (struct report_sample){.cpu_permille = permille < 1000 ? permille : 1000,
                                  .ram_mib = memory / MIB,
                                  .ram_total_mib = measure->ram_total_mib};
    ret->has_gpu = gpu_watch_take(measure->gpu, &ret->gpu);
    return true;
}
