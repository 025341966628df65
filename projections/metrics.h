/* projections/metrics.h: a job's measurements, newest kept: enough for a day of one sample every two seconds.
 *
 * Shape:   job id ‖ number of the first sample (8) → the samples of one report, 56 bytes each; job id → how many there are.
 *          Samples of a job are numbered from 1 without gaps. Past METRICS_KEPT_MAX the oldest reports go, whole ones.
 * Range:   a value past 2³² − 1 reads as 2³² − 1, and likewise for 16 bits: a worker can send anything. */
// SPDX-License-Identifier: Apache-2.0
#ifndef PROJECTIONS_METRICS_H
#define PROJECTIONS_METRICS_H

#include "core/ledger/projection.h"

extern const struct projection PROJECTION_METRICS;

#define METRICS_KEPT_MAX 43200

struct metric_sample {
    uint64_t at_ms; /* as the worker said */
    uint32_t cpu_permille;
    uint32_t ram_mib;
    uint32_t ram_total_mib;
    uint32_t gpu_permille;
    uint32_t vram_mib;
    uint32_t vram_total_mib;
    uint32_t temperature_c;
    uint32_t power_mw;
    uint32_t
        throttle_reasons; /* what follows says nothing without its bit in `known` (SAMPLE_FAN …) */
    uint32_t xid;
    uint16_t sm_clock_mhz;
    uint16_t memory_clock_mhz;
    uint16_t fan_percent;
    uint16_t known;
};

struct metrics_range {
    uint64_t first; /* number of the oldest sample kept; last + 1 when there is none */
    uint64_t last;  /* number of the newest; 0: none yet */
};

void metrics_kept(struct store *store, struct id16 job_id, struct metrics_range *ret);
/* Up to `max` samples with numbers above `after`, ascending; `ret_first` is the number of the first. */
size_t metrics_after(struct store *store, struct id16 job_id, uint64_t after,
                     struct metric_sample *ret, size_t max, uint64_t *ret_first);
/* The newest `max` samples, ascending. */
size_t metrics_newest(struct store *store, struct id16 job_id, struct metric_sample *ret,
                      size_t max, uint64_t *ret_first);

#endif
