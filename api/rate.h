/* api/rate.h: how often each of many may ask, in constant memory.
 *
 * Shape:   keys (a hash of an address, a token's id) each with an allowance of `per_s` a second, of which up to `per_s` may come at once.
 *          A table of fixed size: when it is full, who asked longest ago is forgotten, and begins with a full allowance.
 * Pure:    time is given. Thread: any, one at a time.
 * Source:  the generic cell rate algorithm (ATM Forum TM 4.0): one time for each key says it all. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_RATE_H
#define API_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rates;

struct rates *rates_create(uint32_t per_s); /* at least 1; NULL: out of memory */
void rates_destroy(struct rates *rates);
/* One request of `key` at `now_ns` (monotonic, > 0). false: too many; it does not count. */
bool rates_take(struct rates *rates, uint64_t key, int64_t now_ns);

#endif
