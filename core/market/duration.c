// SPDX-License-Identifier: Apache-2.0
#include "core/market/duration.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static const struct unit {
    uint64_t ms;
    uint64_t smaller_ms; /* what stands behind it */
    const char *word;
    const char *smaller;
} UNITS[] = {
    {DAY, HOUR, "day", "hour"},
    {HOUR, MINUTE, "hour", "minute"},
    {MINUTE, SECOND, "minute", "second"},
    {SECOND, SECOND, "second", ""},
};
#define SECONDS 3 /* the last of them */

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static uint64_t rounded(uint64_t ms, uint64_t unit)
{
    return ms / unit + (ms % unit >= unit - unit / 2 ? 1 : 0);
}

/* The largest unit that the time has at least one of, when rounded as the next smaller unit would have it: 59.6 s are a minute, 23 hours 50
 * minutes no day. */
static const struct unit *unit_of(uint64_t ms)
{
    size_t i = 0;
    while (i < SECONDS &&
           rounded(ms, UNITS[i + 1].smaller_ms) * UNITS[i + 1].smaller_ms < UNITS[i].ms) {
        i++;
    }
    return &UNITS[i];
}

const char *duration_text(uint64_t ms, char ret[DURATION_TEXT_MAX])
{
    const struct unit *unit = unit_of(ms);
    uint64_t smaller = rounded(ms, unit->smaller_ms);
    uint64_t per_unit = unit->ms / unit->smaller_ms;
    uint64_t count = smaller / per_unit;
    uint64_t rest = smaller % per_unit;
    if (count == 0) {
        (void)snprintf(ret, DURATION_TEXT_MAX, "less than a second");
    } else if (rest == 0) {
        (void)snprintf(ret, DURATION_TEXT_MAX, "%" PRIu64 " %s%s", count, unit->word,
                       plural(count));
    } else {
        (void)snprintf(ret, DURATION_TEXT_MAX, "%" PRIu64 " %s%s %" PRIu64 " %s%s", count,
                       unit->word, plural(count), rest, unit->smaller, plural(rest));
    }
    return ret;
}

const char *duration_range(uint64_t from_ms, uint64_t to_ms, char ret[DURATION_TEXT_MAX])
{
    const struct unit *unit = unit_of(to_ms);
    if (unit < &UNITS[SECONDS] && to_ms < 2 * unit->ms) {
        unit++; /* 40–90 minutes, not 0–2 hours */
    }
    uint64_t from = from_ms / unit->ms;
    uint64_t to = to_ms / unit->ms + (to_ms % unit->ms != 0 ? 1 : 0);
    if (to == 0) {
        (void)snprintf(ret, DURATION_TEXT_MAX, "less than a second");
    } else if (from == to) {
        (void)snprintf(ret, DURATION_TEXT_MAX, "%" PRIu64 " %s%s", to, unit->word, plural(to));
    } else if (from == 0) {
        (void)snprintf(ret, DURATION_TEXT_MAX, "up to %" PRIu64 " %s%s", to, unit->word,
                       plural(to));
    } else {
        (void)snprintf(ret, DURATION_TEXT_MAX, "%" PRIu64 "–%" PRIu64 " %ss", from, to, unit->word);
    }
    return ret;
}
