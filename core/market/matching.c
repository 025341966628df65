// SPDX-License-Identifier: Apache-2.0
#include "core/market/matching.h"

#include "core/base/checked.h"
#include "core/market/billing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A machine with less than this share above the need is a tight fit. */
#define HEADROOM_PERMILLE 1100

static uint64_t scaled(uint64_t reference_ms, uint64_t speed_permille)
{
    u128 ms = ((u128)reference_ms * 1000 + speed_permille - 1) / speed_permille;
    return ms > (u128)INT64_MAX ? (uint64_t)INT64_MAX : (uint64_t)ms;
}

static bool below(uint64_t has, uint64_t needs, const char *what, struct match *match)
{
    if (has >= needs) {
        return false;
    }
    (void)snprintf(match->why, sizeof match->why, "needs %llu MiB of %s, has %llu",
                   (unsigned long long)needs, what, (unsigned long long)has);
    return true;
}

static bool is_insufficient(const struct requirements *needs, const struct offer_row *offer,
                            bool online, struct match *match)
{
    if (!online) {
        (void)snprintf(match->why, sizeof match->why, "the machine is offline");
        return true;
    }
    if (needs->device == DEVICE_GPU) {
        if (offer->device != DEVICE_GPU || offer->gpus < needs->gpus) {
            (void)snprintf(match->why, sizeof match->why, "needs %llu GPU, has %llu",
                           (unsigned long long)needs->gpus, (unsigned long long)offer->gpus);
            return true;
        }
        if (offer->compute_capability < needs->compute_capability) {
            (void)snprintf(match->why, sizeof match->why,
                           "needs compute capability %llu.%llu, has %llu.%llu",
                           (unsigned long long)needs->compute_capability / 10,
                           (unsigned long long)needs->compute_capability % 10,
                           (unsigned long long)offer->compute_capability / 10,
                           (unsigned long long)offer->compute_capability % 10);
            return true;
        }
        if (below(offer->vram_mib, needs->vram_mib, "GPU memory", match)) {
            return true;
        }
    }
    return below(offer->ram_mib, needs->ram_mib, "memory", match) ||
           below(offer->storage_mib, needs->storage_mib, "disk", match);
}

static bool is_tight(uint64_t has, uint64_t needs)
{
    return (u128)has * 1000 < (u128)needs * HEADROOM_PERMILLE;
}

void match_offer(const struct requirements *needs, const struct offer_row *offer, bool online,
                 struct match *ret)
{
    struct match match = {.fit = FIT_RECOMMENDED};
    uint64_t speed = offer->speed_permille == 0 ? 1 : offer->speed_permille;
    match.p50_ms = scaled(needs->reference_p50_ms, speed);
    match.p90_ms = scaled(needs->reference_p90_ms, speed);
    if (!billing_cap(match.p50_ms, offer->rate, 0, 1, &match.cost)) {
        match.cost = INT64_MAX;
    }
    if (is_insufficient(needs, offer, online, &match)) {
        match.fit = FIT_INSUFFICIENT;
    } else if (needs->device == DEVICE_GPU && is_tight(offer->vram_mib, needs->vram_mib)) {
        match.fit = FIT_BORDERLINE;
        (void)snprintf(match.why, sizeof match.why, "GPU memory is tight: needs %llu MiB, has %llu",
                       (unsigned long long)needs->vram_mib, (unsigned long long)offer->vram_mib);
    } else if (is_tight(offer->ram_mib, needs->ram_mib)) {
        match.fit = FIT_BORDERLINE;
        (void)snprintf(match.why, sizeof match.why, "memory is tight: needs %llu MiB, has %llu",
                       (unsigned long long)needs->ram_mib, (unsigned long long)offer->ram_mib);
    } else if (needs->device == DEVICE_GPU && offer->tflops_milli < needs->tflops_milli) {
        match.fit = FIT_COMPATIBLE;
        (void)snprintf(match.why, sizeof match.why, "slower than asked: %llu of %llu GFLOPS",
                       (unsigned long long)offer->tflops_milli,
                       (unsigned long long)needs->tflops_milli);
    } else if (needs->device == DEVICE_CPU && offer->device == DEVICE_GPU) {
        match.fit = FIT_COMPATIBLE;
        (void)snprintf(match.why, sizeof match.why, "the job has no use for its GPU");
    }
    *ret = match;
}

/* cost × time: halving either is worth the same. */
static u128 burden(const struct match *match)
{
    return (u128)(uint64_t)match->cost * match->p50_ms;
}

static int compare(const void *a, const void *b)
{
    const struct match *x = a;
    const struct match *y = b;
    if (x->fit != y->fit) {
        return x->fit < y->fit ? -1 : 1;
    }
    if (burden(x) != burden(y)) {
        return burden(x) < burden(y) ? -1 : 1;
    }
    return memcmp(x->offer_id.b, y->offer_id.b, sizeof x->offer_id.b);
}

void match_rank(struct match *matches, size_t count)
{
    if (count == 0) {
        return;
    }
    qsort(matches, count, sizeof *matches, compare);
    u128 best = 0;
    for (size_t i = 0; i < count; i++) {
        u128 own = burden(&matches[i]);
        if (matches[i].fit != FIT_INSUFFICIENT && own > 0 && (best == 0 || own < best)) {
            best = own;
        }
    }
    for (size_t i = 0; i < count; i++) {
        u128 own = burden(&matches[i]);
        matches[i].score = 0;
        if (matches[i].fit != FIT_INSUFFICIENT && own > 0) {
            /* Both sides scaled down, so that × 1000 stays within 128 bits. */
            u128 scale = own >> 100 ? (u128)1 << 20 : 1;
            matches[i].score = (uint64_t)((best / scale * 1000) / (own / scale));
        }
    }
}
