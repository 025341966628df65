// SPDX-License-Identifier: Apache-2.0
#include "core/market/matching.h"

#include "core/base/invariant.h"
#include "core/base/time.h"
#include "core/market/billing.h"

#include <assert.h>

static_assert((int)MATCH_COST + 1 == MATCH_HARD, "hard checks come first");
static_assert((int)MATCH_IDLE_GPU + 1 == MATCH_CHECKS, "every check is counted");
static_assert(MATCH_HARD <= 16, "struct match has a bit for each");

/* Thresholds: what a change of any of them changes is MATCHING_VERSION. */
#define SPARE_RECOMMENDED 12 /* tenths of the need */
#define SPARE_COMPATIBLE 11
#define CPU_SPEED_RECOMMENDED 500 /* permille of the reference */
#define CPU_SPEED_COMPATIBLE 250
#define RELIABILITY_RECOMMENDED 850
#define RELIABILITY_COMPATIBLE 700
#define MEASURED_NS_MAX (INT64_C(90) * 24 * 3600 * NS_PER_S)
#define QUEUE_BORDERLINE 3

/* Ten years: billing refuses more. */
#define BILLED_MS_MAX (UINT64_C(10) * 366 * 24 * (uint64_t)MS_PER_HOUR)

/* What a class costs in the weighing of cost and time, in percent: a tight fit must be half as dear to come before one with room. */
static const uint64_t RISK_PERCENT[] = {[FIT_RECOMMENDED] = 100,
                                        [FIT_COMPATIBLE] = 125,
                                        [FIT_BORDERLINE] = 200,
                                        [FIT_INSUFFICIENT] = 200};

/* ── time and cost ─────────────────────────────────────────────────────────────────────────────── */

static uint64_t scaled(uint64_t reference_ms, uint64_t speed_permille)
{
    uint64_t product;
    if (checked_mul_u64(reference_ms, 1000, &product) && product < UINT64_MAX - speed_permille) {
        return (product + speed_permille - 1) / speed_permille; /* a division of 128 bits is slow */
    }
    u128 ms = ((u128)reference_ms * 1000 + speed_permille - 1) / speed_permille;
    return ms > (u128)INT64_MAX ? (uint64_t)INT64_MAX : (uint64_t)ms;
}

static void time_on_offer(const struct requirements *needs, const struct candidate *candidate,
                          uint64_t *ret_p50_ms, uint64_t *ret_p90_ms)
{
    uint64_t speed = candidate->offer.speed_permille == 0 ? 1 : candidate->offer.speed_permille;
    if (candidate->p50_ms != 0) {
        *ret_p50_ms = candidate->p50_ms;
        *ret_p90_ms = candidate->p90_ms;
        return;
    }
    *ret_p50_ms = scaled(needs->reference_p50_ms, speed);
    *ret_p90_ms = scaled(needs->reference_p90_ms, speed);
}

/* As billing has it: of a time at a rate, without margin, rounded up, at least 1; INT64_MAX when billing would refuse it. */
static int64_t cost_of(uint64_t ms, int64_t rate)
{
    uint64_t product;
    int64_t cost;
    if (ms > 0 && ms <= BILLED_MS_MAX && rate > 0 && rate <= AMOUNT_MAX &&
        checked_mul_u64(ms, (uint64_t)rate, &product) &&
        product / (uint64_t)MS_PER_HOUR < (uint64_t)AMOUNT_MAX) {
        return (int64_t)(product / (uint64_t)MS_PER_HOUR +
                         (product % (uint64_t)MS_PER_HOUR != 0 ? 1 : 0));
    }
    return billing_cap(ms, rate, 0, 1, &cost) ? cost : INT64_MAX;
}

/* ── checks ────────────────────────────────────────────────────────────────────────────────────── */

static enum fit spare(uint64_t has, uint64_t needs)
{
    if (has < needs) {
        return FIT_INSUFFICIENT;
    }
    if ((u128)has * 10 < (u128)needs * SPARE_COMPATIBLE) {
        return FIT_BORDERLINE;
    }
    return (u128)has * 10 < (u128)needs * SPARE_RECOMMENDED ? FIT_COMPATIBLE : FIT_RECOMMENDED;
}

static enum fit at_least(uint64_t has, uint64_t recommended, uint64_t compatible)
{
    return has >= recommended  ? FIT_RECOMMENDED
           : has >= compatible ? FIT_COMPATIBLE
                               : FIT_BORDERLINE;
}

static enum fit needed(bool fulfilled)
{
    return fulfilled ? FIT_RECOMMENDED : FIT_INSUFFICIENT;
}

static enum fit speed_fit(const struct requirements *needs, const struct offer_row *offer,
                          bool wants_gpu)
{
    if (!wants_gpu) {
        return at_least(offer->speed_permille, CPU_SPEED_RECOMMENDED, CPU_SPEED_COMPATIBLE);
    }
    if (needs->tflops_milli == 0) {
        return 0;
    }
    return offer->tflops_milli == 0
               ? FIT_COMPATIBLE
               : at_least(offer->tflops_milli, needs->tflops_milli, needs->tflops_milli / 2);
}

uint64_t match_reliability(const struct candidate *candidate)
{
    uint64_t permille = (candidate->done + 9) * 1000 /
                        (candidate->done + candidate->lost + 10); /* counted events */
    return permille == 0 ? 1 : permille;
}

static enum fit measured_fit(int64_t measured_at, int64_t now)
{
    return measured_at > 0 && now - measured_at <= MEASURED_NS_MAX ? FIT_RECOMMENDED
                                                                   : FIT_COMPATIBLE;
}

static uint64_t ahead_of(const struct candidate *candidate)
{
    return candidate->queued + (candidate->busy != 0 ? 1 : 0);
}

static enum fit queue_fit(uint64_t ahead)
{
    return ahead == 0                 ? FIT_RECOMMENDED
           : ahead < QUEUE_BORDERLINE ? FIT_COMPATIBLE
                                      : FIT_BORDERLINE;
}

static inline enum fit check_fit(const struct requirements *needs,
                                 const struct candidate *candidate, int64_t now, int64_t cost,
                                 uint64_t reliability, enum match_check check)
{
    const struct offer_row *offer = &candidate->offer;
    bool wants_gpu = needs->device == DEVICE_GPU;
    bool both_gpu = wants_gpu && offer->device == DEVICE_GPU;
    switch (check) {
    case MATCH_ONLINE:
        return needed(candidate->online != 0);
    case MATCH_DEVICE:
        return wants_gpu ? needed(both_gpu) : 0;
    case MATCH_GPUS: /* a machine without a GPU has failed already, and need not be told three times */
        return both_gpu ? needed(offer->gpus >= needs->gpus) : 0;
    case MATCH_VRAM:
        return !both_gpu || needs->vram_mib == 0 ? 0
               : offer->vram_mib == 0            ? FIT_BORDERLINE
                                                 : spare(offer->vram_mib, needs->vram_mib);
    case MATCH_COMPUTE_CAPABILITY:
        return !both_gpu || needs->compute_capability == 0 ? 0
               : offer->compute_capability == 0
                   ? FIT_BORDERLINE
                   : needed(offer->compute_capability >= needs->compute_capability);
    case MATCH_DRIVER:
        return !both_gpu || needs->driver == 0 ? 0
               : offer->driver == 0            ? FIT_BORDERLINE
                                               : needed(offer->driver >= needs->driver);
    case MATCH_RAM:
        return spare(offer->ram_mib, needs->ram_mib);
    case MATCH_DISK:
        return spare(offer->storage_mib, needs->storage_mib);
    case MATCH_NETWORK:
        return needs->network == 0 ? 0 : needed(offer->network != 0);
    case MATCH_PACKAGES:
        return needs->packages == 0         ? 0
               : offer->tells_packages == 0 ? FIT_BORDERLINE
                                            : needed((needs->packages & ~offer->packages) == 0);
    case MATCH_ITEM:
        return needs->item_kind == 0 ? 0 : needed(candidate->has_item != 0);
    case MATCH_COST:
        return needed(cost != INT64_MAX);
    case MATCH_SPEED:
        return wants_gpu && !both_gpu ? 0 : speed_fit(needs, offer, wants_gpu);
    case MATCH_RELIABILITY:
        return at_least(reliability, RELIABILITY_RECOMMENDED, RELIABILITY_COMPATIBLE);
    case MATCH_MEASURED:
        return measured_fit(candidate->measured_at, now);
    case MATCH_QUEUE:
        return queue_fit(ahead_of(candidate));
    case MATCH_IDLE_GPU:
        return !wants_gpu && offer->device == DEVICE_GPU ? FIT_COMPATIBLE : 0;
    }
    IMPOSSIBLE("not a check");
}

enum fit match_check(const struct requirements *needs, const struct candidate *candidate,
                     int64_t now, enum match_check check)
{
    int64_t cost = 0;
    if (check == MATCH_COST) {
        uint64_t p50_ms;
        uint64_t p90_ms;
        time_on_offer(needs, candidate, &p50_ms, &p90_ms);
        cost = cost_of(p50_ms, candidate->offer.rate);
    }
    return check_fit(needs, candidate, now, cost, match_reliability(candidate), check);
}

void match_candidate(const struct requirements *needs, const struct candidate *candidate,
                     int64_t now, struct match *ret)
{
    struct match match = {.fit = FIT_RECOMMENDED};
    uint64_t reliability = match_reliability(candidate);
    time_on_offer(needs, candidate, &match.p50_ms, &match.p90_ms);
    match.cost = cost_of(match.p50_ms, candidate->offer.rate);
    for (int check = 0; check < MATCH_CHECKS; check++) {
        enum fit fit =
            check_fit(needs, candidate, now, match.cost, reliability, (enum match_check)check);
        if (fit == FIT_INSUFFICIENT) {
            INVARIANT(check < MATCH_HARD);
            match.failed |= (uint16_t)(1U << (unsigned)check);
        }
        match.fit = (uint8_t)fit > match.fit ? (uint8_t)fit : match.fit;
    }
    if (match.fit != FIT_INSUFFICIENT) {
        /* A job that the machine loses is run again: so much longer it takes until there is a result. Bounded, for it can be bought:
         * 10^15 × 10 years in ms × 1000 × 200 < 2^107. */
        uint64_t p50_ms = match.p50_ms == 0 ? 1 : match.p50_ms;
        uint64_t result_ms = (p50_ms * 1000 + reliability - 1) / reliability;
        match.burden = (u128)(uint64_t)match.cost * result_ms * RISK_PERCENT[match.fit];
    }
    *ret = match;
}

uint64_t match_has(const struct offer_row *offer, enum match_check check)
{
    switch ((int)check) {
    case MATCH_GPUS:
        return offer->gpus;
    case MATCH_VRAM:
        return offer->vram_mib;
    case MATCH_COMPUTE_CAPABILITY:
        return offer->compute_capability;
    case MATCH_DRIVER:
        return offer->driver;
    case MATCH_RAM:
        return offer->ram_mib;
    case MATCH_DISK:
        return offer->storage_mib;
    default:
        return 0;
    }
}
