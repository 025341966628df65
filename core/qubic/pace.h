/* core/qubic/pace.h: how often, how soon again and whether at all a service is asked. Pure: time comes in.
 *
 *     rate      a question may leave at rate_reserve(now); places are given in the order they are asked for
 *     backoff   the wait before attempt n + 1 is drawn from [w/2, w], w = first × 2ⁿ, at most `max`
 *     breaker   closed ── `failures_max` in a row ──▶ open ── its time is over ──▶ one probe ── good ──▶ closed
 *                                                      ▲                              └ bad ─▶ open, twice as long
 *
 * Units:   milliseconds of any clock that does not go back. Thread: one.
 * Source:  generic cell rate algorithm (ITU-T I.371); SplitMix64 for the jitter. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_QUBIC_PACE_H
#define CORE_QUBIC_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
    uint32_t per_s;  /* at most 1,000; 0: no limit */
    uint32_t burst;  /* so many at once after a rest; at least 1 */
    int64_t full_us; /* when the bucket is full again */
};
/* When the next may leave, not before `now_ms`. Takes that place. */
int64_t rate_reserve(struct rate *rate, int64_t now_ms);
/* The same without taking it. */
int64_t rate_peek(const struct rate *rate, int64_t now_ms);

struct backoff {
    uint32_t first_ms;
    uint32_t max_ms;
    uint64_t seed; /* changes with each draw */
};
/* After `failures` attempts in a row, at least 1. */
int64_t backoff_wait_ms(struct backoff *backoff, uint32_t failures);

struct breaker {
    uint32_t failures_max;
    uint32_t open_ms; /* the first time; doubled each time a probe fails */
    uint32_t open_max_ms;
    /* state; zero: closed */
    uint32_t failures;
    uint32_t span_ms; /* 0 while closed */
    int64_t open_until_ms;
    bool probing;
};
/* Whether to ask. `ret_probe`: this one decides about the others; breaker_good, breaker_bad or breaker_forget must follow. */
bool breaker_allows(struct breaker *breaker, int64_t now_ms, bool *ret_probe);
/* The service answered and was understood, whatever it said. */
void breaker_good(struct breaker *breaker);
/* It did not, or was at its end. `probe`: as breaker_allows told. What was sent before it opened says no more. */
void breaker_bad(struct breaker *breaker, bool probe, int64_t now_ms);
/* The probe was given up without an answer. */
void breaker_forget(struct breaker *breaker);

#endif
