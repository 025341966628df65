/* core/market/duration.h: times as people say them: "5 minutes 30 seconds", and "5–8 minutes" when it is uncertain.
 *
 * Rounding: to the smaller unit shown, halves up. A range's ends go outward, so that it never claims more than it knows. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_DURATION_H
#define CORE_MARKET_DURATION_H

#include <stdint.h>

#define DURATION_TEXT_MAX 64

/* The two largest units: seconds below a minute, minutes and seconds below an hour, hours and minutes, days and hours. Below half a second:
 * "less than a second". Returns `ret`. */
const char *duration_text(uint64_t ms, char ret[DURATION_TEXT_MAX]);
/* In the unit that the larger end is said in; one number if both round to it. */
const char *duration_range(uint64_t from_ms, uint64_t to_ms, char ret[DURATION_TEXT_MAX]);

#endif
