/* core/base/time.h: wall-clock and monotonic time.
 *
 * Units:   wall time is nanoseconds since 1970-01-01 UTC in int64 (good until 2262); durations say their unit.
 * Rule:    decide and evolve never call these: time comes in with the command. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_TIME_H
#define CORE_BASE_TIME_H

#include "core/base/bytes.h"
#include "core/base/err.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

int64_t time_wall_ns(void);
int64_t time_mono_ns(void);

#define TIME_TEXT_SIZE 31 /* "2026-11-24T02:55:46.123456789Z" and its zero */
/* RFC 3339 in UTC with nanoseconds. Any int64 has a text. */
void time_format(int64_t wall_ns, char ret_text[TIME_TEXT_SIZE]);
/* The form above, with 0 to 9 digits after the point. ERR_INVALID otherwise. */
MUST_CHECK enum err_code time_parse(struct bytes text, int64_t *ret_wall_ns, struct err *err);

#endif
