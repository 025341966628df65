// SPDX-License-Identifier: Apache-2.0
#include "tools/devchain/fault_plan.h"

#include "core/base/invariant.h"
#include "core/base/text.h"

#include <stdio.h>
#include <string.h>

/* Below a thousand of ticks, so that the chain goes on at last. */
static const struct {
    const char *name;
    uint32_t min;
    uint32_t max;
    uint32_t normal;
} rows[FAULT_SETTING_COUNT] = {
    [FAULT_EMPTY_TICK] = {"empty_tick", 0, 900, 0},
    [FAULT_SKIPPED_TICK] = {"skipped_tick", 0, 900, 0},
    [FAULT_EPOCH_PAUSE] = {"epoch_pause", 0, 900, 0},
    [FAULT_ARCHIVE_LAG] = {"archive_lag", 0, 950, 0},
    [FAULT_NO_MONEY] = {"no_money", 0, 1000, 0},
    [FAULT_ZERO_BALANCE] = {"zero_balance", 0, 1000, 0},
    [FAULT_DUPLICATE] = {"duplicate", 0, 1000, 0},
    [FAULT_TOO_SOON] = {"too_soon", 0, 1000, 0},
    [FAULT_NOT_FOUND] = {"not_found", 0, 1000, 0},
    [FAULT_BUSY] = {"busy", 0, 1000, 0},
    [FAULT_SERVER_ERROR] = {"server_error", 0, 1000, 0},
    [FAULT_NOT_JSON] = {"not_json", 0, 1000, 0},
    [FAULT_SLOW] = {"slow", 0, 1000, 0},
    [FAULT_CUT] = {"cut", 0, 1000, 0},
    [FAULT_MIN_OFFSET] = {"min_offset", 1, 100, 3},
    [FAULT_ARCHIVE_LAG_TICKS] = {"archive_lag_ticks", 0, 1000, 0},
    [FAULT_SKIP_TICKS] = {"skip_ticks", 1, 1000, 5},
    [FAULT_PAUSE_TICKS] = {"pause_ticks", 1, 10000, 20},
    [FAULT_SLOW_MS] = {"slow_ms", 1, 60000, 2000},
};

struct fault_plan fault_plan_none(void)
{
    struct fault_plan plan = {.seed = 1};
    for (size_t i = 0; i < FAULT_SETTING_COUNT; i++) {
        plan.settings[i] = rows[i].normal;
    }
    return plan;
}

const char *fault_plan_name(enum fault_setting setting)
{
    INVARIANT(setting < FAULT_SETTING_COUNT);
    return rows[setting].name;
}

static enum err_code unknown_name(struct bytes name, struct err *err)
{
    char known[ERR_MESSAGE_MAX];
    size_t size = 0;
    for (size_t i = 0; i < FAULT_SETTING_COUNT; i++) {
        size += (size_t)snprintf(known + size, sizeof known - size, " %s", rows[i].name);
        INVARIANT(size < sizeof known);
    }
    return err_set(err, ERR_INVALID, "no setting '%.*s'; there are seed%s",
                   name.size < 20 ? (int)name.size : 20, (const char *)name.data, known);
}

enum err_code fault_plan_set(struct fault_plan *plan, struct bytes name, int64_t number,
                             struct err *err)
{
    if (bytes_equal(name, bytes_of_text("seed"))) {
        if (number < 0) {
            return err_set(err, ERR_INVALID, "seed: expected 0 or more");
        }
        plan->seed = (uint64_t)number;
        return ERR_OK;
    }
    for (size_t i = 0; i < FAULT_SETTING_COUNT; i++) {
        if (!bytes_equal(name, bytes_of_text(rows[i].name))) {
            continue;
        }
        if (number < rows[i].min || number > rows[i].max) {
            return err_set(err, ERR_INVALID, "%s: expected %u to %u%s, got %lld", rows[i].name,
                           rows[i].min, rows[i].max, i < FAULT_COUNT ? " (of a thousand)" : "",
                           (long long)number);
        }
        plan->settings[i] = (uint32_t)number;
        return ERR_OK;
    }
    return unknown_name(name, err);
}

enum err_code fault_plan_set_text(struct fault_plan *plan, const char *text, struct err *err)
{
    const char *equals = strchr(text, '=');
    int64_t number = 0;
    if (equals == NULL || i64_parse(bytes_of_text(equals + 1), &number, NULL) != ERR_OK) {
        return err_set(err, ERR_INVALID, "expected NAME=NUMBER, got '%s'", text);
    }
    return fault_plan_set(plan, bytes_of(text, (size_t)(equals - text)), number, err);
}

/* The mixing of SplitMix64 (Steele, Lea, Flood 2014): each bit of the input changes half of the output's. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

bool fault_plan_strikes(const struct fault_plan *plan, enum fault_setting fault, uint64_t n,
                        uint64_t *ret_variant)
{
    INVARIANT(fault < FAULT_COUNT);
    uint64_t const step = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t const drawn = mix(mix(mix(plan->seed + step) + (fault + 1) * step) + (n + 1) * step);
    if (ret_variant != NULL) {
        *ret_variant = drawn / 1000;
    }
    return drawn % 1000 < plan->settings[fault];
}
