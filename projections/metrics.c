// SPDX-License-Identifier: Apache-2.0
#include "projections/metrics.h"

#include "core/base/invariant.h"
#include "projections/view_rows.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(struct metric_sample) == 8 + 10 * 4 + 4 * 2, "no padding");
static_assert(sizeof(struct metrics_range) == 2 * 8, "no padding");

static const struct store_table SAMPLES = {"view_metrics"};
static const struct store_table RANGES = {"view_metric_ranges"};

#define JOB_PREFIX 16
#define REPORT_SAMPLES_MAX                                                                         \
    1024 /* a record of 64 KiB cannot hold more than a few thousand bytes each */

static struct view_key sample_key(struct id16 job_id, uint64_t number)
{
    struct view_key key = {0};
    view_key_id(&key, job_id);
    view_key_u64(&key, number);
    return key;
}

static uint32_t narrow(uint64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static uint16_t narrow16(uint64_t value)
{
    return value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
}

static void drop_oldest(struct store *store, struct id16 job_id, struct metrics_range *range)
{
    struct bytes value;
    struct view_key at = sample_key(job_id, 0);
    if (!view_next(store, &SAMPLES, &at, JOB_PREFIX, &value)) {
        store_fail(store, ERR_CORRUPT, "a job's samples are not where they are counted");
        return;
    }
    range->first += value.size / sizeof(struct metric_sample);
    view_delete(store, &SAMPLES, &at);
}

static void apply(struct store *store, uint64_t sequence, const struct event *event)
{
    (void)sequence;
    if (event->type->number != EVENT_METRIC_SAMPLED) {
        return;
    }
    const struct event_list *list = &event->u.metric_sampled.samples;
    const struct ev_sample *samples = list->items;
    struct metrics_range range;
    struct view_key key = sample_key(event->stream_id, 0);
    metrics_kept(store, event->stream_id, &range);
    for (size_t from = 0; from < list->count; from += REPORT_SAMPLES_MAX) {
        struct metric_sample row[REPORT_SAMPLES_MAX];
        size_t count = list->count - from;
        count = count > REPORT_SAMPLES_MAX ? REPORT_SAMPLES_MAX : count;
        for (size_t i = 0; i < count; i++) {
            const struct ev_sample *sample = &samples[from + i];
            row[i] = (struct metric_sample){
                .at_ms = sample->at_ms,
                .cpu_permille = narrow(sample->cpu_permille),
                .ram_mib = narrow(sample->ram_mib),
                .ram_total_mib = narrow(sample->ram_total_mib),
                .gpu_permille = narrow(sample->gpu_permille),
                .vram_mib = narrow(sample->vram_mib),
                .vram_total_mib = narrow(sample->vram_total_mib),
                .temperature_c = narrow(sample->temperature_c),
                .power_mw = narrow(sample->power_mw),
                .throttle_reasons = (uint32_t)sample->throttle_reasons,
                .xid = narrow(sample->xid),
                .sm_clock_mhz = narrow16(sample->sm_clock_mhz),
                .memory_clock_mhz = narrow16(sample->memory_clock_mhz),
                .fan_percent = narrow16(sample->fan_percent),
                .known = (uint16_t)(sample->known & SAMPLE_ALL),
            };
        }
        key = sample_key(event->stream_id, range.last + 1);
        view_put(store, &SAMPLES, &key, row, count * sizeof *row);
        range.last += count;
    }
    while (range.last - range.first + 1 > METRICS_KEPT_MAX && store_check(store, NULL) == ERR_OK) {
        drop_oldest(store, event->stream_id, &range);
    }
    struct view_key job = {0};
    view_key_id(&job, event->stream_id);
    view_put(store, &RANGES, &job, &range, sizeof range);
}

static const struct store_table *const TABLES[] = {&SAMPLES, &RANGES};
const struct projection PROJECTION_METRICS = {
    .name = "metrics", .tables = TABLES, .table_count = 2, .apply = apply};

void metrics_kept(struct store *store, struct id16 job_id, struct metrics_range *ret)
{
    struct view_key key = {0};
    view_key_id(&key, job_id);
    if (!view_get(store, &RANGES, &key, ret, sizeof *ret)) {
        *ret = (struct metrics_range){.first = 1, .last = 0};
    }
}

size_t metrics_after(struct store *store, struct id16 job_id, uint64_t after,
                     struct metric_sample *ret, size_t max, uint64_t *ret_first)
{
    struct metrics_range range;
    struct bytes value;
    size_t count = 0;
    metrics_kept(store, job_id, &range);
    uint64_t wanted = after + 1 > range.first ? after + 1 : range.first;
    *ret_first = wanted;
    if (after >= range.last || max == 0) {
        return 0;
    }
    /* The report that holds `wanted` is the last that begins at it or before. */
    struct view_key at = sample_key(job_id, wanted + 1);
    bool found = view_previous(store, &SAMPLES, &at, JOB_PREFIX, &value);
    while (found && count < max) {
        size_t size = value.size / sizeof *ret;
        size_t skip = (size_t)(wanted - view_key_last_u64(&at));
        INVARIANT(value.size % sizeof *ret == 0 && skip <= size);
        size_t take = size - skip < max - count ? size - skip : max - count;
        memcpy(ret + count, value.data + skip * sizeof *ret, take * sizeof *ret);
        count += take;
        wanted += take;
        found = view_next(store, &SAMPLES, &at, JOB_PREFIX, &value);
    }
    return count;
}

size_t metrics_newest(struct store *store, struct id16 job_id, struct metric_sample *ret,
                      size_t max, uint64_t *ret_first)
{
    struct metrics_range range;
    metrics_kept(store, job_id, &range);
    return metrics_after(store, job_id, range.last > max ? range.last - max : 0, ret, max,
                         ret_first);
}
