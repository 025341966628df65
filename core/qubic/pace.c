// SPDX-License-Identifier: Apache-2.0
#include "core/qubic/pace.h"

#include "core/base/invariant.h"

#define US_PER_MS 1000
#define US_PER_S 1000000

/* ---- rate ---- */

/* Each question fills the bucket by one interval; it holds `burst` of them. */
static int64_t leave_us(const struct rate *rate, int64_t now_us, int64_t *ret_full_us)
{
    INVARIANT(rate->per_s <= 1000);
    INVARIANT(rate->burst > 0);
    int64_t const interval_us = US_PER_S / rate->per_s;
    int64_t const full_us = rate->full_us > now_us ? rate->full_us : now_us;
    int64_t const at_us = full_us + interval_us - interval_us * rate->burst;
    *ret_full_us = full_us + interval_us;
    return at_us > now_us ? at_us : now_us;
}

int64_t rate_peek(const struct rate *rate, int64_t now_ms)
{
    int64_t full_us;
    if (rate->per_s == 0) {
        return now_ms;
    }
    int64_t const at_us = leave_us(rate, now_ms * US_PER_MS, &full_us);
    return (at_us + US_PER_MS - 1) / US_PER_MS;
}

int64_t rate_reserve(struct rate *rate, int64_t now_ms)
{
    int64_t const at_ms = rate_peek(rate, now_ms);
    if (rate->per_s != 0) {
        (void)leave_us(rate, now_ms * US_PER_MS, &rate->full_us);
    }
    return at_ms;
}

/* ---- backoff ---- */

static uint64_t next_random(uint64_t *seed)
{
    *seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int64_t backoff_wait_ms(struct backoff *backoff, uint32_t failures)
{
    INVARIANT(failures > 0);
    int64_t wait = backoff->first_ms;
    for (uint32_t i = 1; i < failures && wait < backoff->max_ms; i++) {
        wait *= 2;
    }
    wait = wait < backoff->max_ms ? wait : backoff->max_ms;
    return wait - (int64_t)(next_random(&backoff->seed) % ((uint64_t)wait / 2 + 1));
}

/* ---- breaker ---- */

bool breaker_allows(struct breaker *breaker, int64_t now_ms, bool *ret_probe)
{
    *ret_probe = false;
    if (breaker->span_ms == 0) {
        return true;
    }
    if (breaker->probing || now_ms < breaker->open_until_ms) {
        return false;
    }
    *ret_probe = breaker->probing = true;
    return true;
}

void breaker_good(struct breaker *breaker)
{
    breaker->failures = 0;
    breaker->span_ms = 0;
    breaker->probing = false;
}

void breaker_bad(struct breaker *breaker, bool probe, int64_t now_ms)
{
    if (breaker->span_ms != 0 && !probe) {
        return;
    }
    breaker->failures++;
    if (probe) {
        breaker->probing = false;
        breaker->span_ms = breaker->span_ms < breaker->open_max_ms / 2 ? breaker->span_ms * 2
                                                                       : breaker->open_max_ms;
        breaker->open_until_ms = now_ms + breaker->span_ms;
    } else if (breaker->failures >= breaker->failures_max) {
        breaker->span_ms = breaker->open_ms;
        breaker->open_until_ms = now_ms + breaker->span_ms;
    }
}

void breaker_forget(struct breaker *breaker)
{
    breaker->probing = false; /* the next question is the probe */
}
