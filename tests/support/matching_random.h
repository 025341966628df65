/* tests/support/matching_random.h: jobs and machines for matching, often on a threshold, often alike. The seed is the case. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_MATCHING_RANDOM_H
#define TESTS_SUPPORT_MATCHING_RANDOM_H

#include "core/base/time.h"
#include "core/market/matching.h"

#define RANDOM_NOW (INT64_C(1800000000) * NS_PER_S)

struct random {
    uint64_t state;
};

/* splitmix64 */
static inline uint64_t next(struct random *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint64_t below(struct random *r, uint64_t limit)
{
    return next(r) % limit;
}

static inline struct requirements random_needs(struct random *r)
{
    bool gpu = below(r, 3) > 0;
    return (struct requirements){
        .device = gpu ? DEVICE_GPU : DEVICE_CPU,
        .gpus = gpu ? 1 + below(r, 8) / 7 : 0,
        .vram_mib = gpu ? (below(r, 25)) * 1000 : 0,
        .tflops_milli = gpu ? below(r, 30) * 1000 : 0,
        .ram_mib = 10 + below(r, 32) * 1000,
        .storage_mib = 10 + below(r, 100) * 1000,
        .compute_capability = gpu && below(r, 2) == 0 ? 50 + below(r, 5) * 10 : 0,
        .driver = gpu && below(r, 3) == 0 ? 450080002 + below(r, 3) * 75000000 : 0,
        .reference_p50_ms = 1 + below(r, 36000000),
        .reference_p90_ms = 36000000 + below(r, 36000000),
        .network = below(r, 6) == 0,
        .packages = below(r, 4) == 0 ? next(r) & next(r) & next(r) : 0,
        .item_kind = below(r, 5) == 0 ? 1 + below(r, 2) : 0,
    };
}

/* Mostly enough: a machine that fails in everything says little. Sometimes exactly on, or one beside, a threshold. */
static inline uint64_t random_has(struct random *r, uint64_t needs)
{
    switch (below(r, 12)) {
    case 0:
        return needs;
    case 1:
        return needs * 11 / 10;
    case 2:
        return needs * 12 / 10;
    case 3:
        return needs * 12 / 10 - (needs > 0 ? 1 : 0);
    case 4:
        return needs * 11 / 10 - (needs > 0 ? 1 : 0);
    case 5:
        return below(r, needs + 1);
    default:
        return needs + needs / 4 + below(r, needs * 3 + 10);
    }
}

static inline struct id16 random_id(struct random *r)
{
    struct id16 id;
    put_be64(id.b, next(r));
    put_be64(id.b + 8, next(r));
    return id;
}

static inline struct candidate random_candidate(struct random *r, const struct requirements *needs)
{
    bool gpu = below(r, 8) > 0;
    bool tried = below(r, 3) == 0;
    struct candidate c = {
        .offer_id = random_id(r),
        .offer = {.rate = 1 + (int64_t)below(r, 4000000),
                  .device = gpu ? DEVICE_GPU : DEVICE_CPU,
                  .gpus = gpu ? 1 + below(r, 2) : 0,
                  .vram_mib = gpu ? random_has(r, needs->vram_mib) : 0,
                  .tflops_milli = gpu ? random_has(r, needs->tflops_milli) : 0,
                  .ram_mib = 1 + random_has(r, needs->ram_mib),
                  .storage_mib = 1 + random_has(r, needs->storage_mib),
                  .compute_capability = gpu && below(r, 6) > 0 ? 50 + below(r, 5) * 10 : 0,
                  .driver =
                      gpu && below(r, 6) > 0
                          ? (below(r, 2) == 0 ? needs->driver : 450080001 + below(r, 3) * 75000000)
                          : 0,
                  .cpu_cores = 8,
                  .network = below(r, 3) > 0,
                  .tells_packages = below(r, 4) > 0,
                  .packages = below(r, 3) > 0 ? needs->packages | next(r) : next(r),
                  .speed_permille = 1 + below(r, 4) * 250 + below(r, 3000)},
        .measured_at =
            below(r, 20) == 0 ? 0 : RANDOM_NOW - (int64_t)below(r, 100) * 86400 * NS_PER_S,
        .has_item = below(r, 4) > 0,
        .online = below(r, 12) > 0,
        .busy = below(r, 4) == 0,
        .queued = below(r, 6) == 0 ? below(r, 5) : 0,
        .done = tried ? below(r, 30) : 0,
        .lost = tried ? below(r, 8) : 0,
    };
    return c;
}

#endif
