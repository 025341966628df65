/* What was measured while a job ran: sample by sample, the last seconds of it, or summed up in windows of time. */
// SPDX-License-Identifier: Apache-2.0
#include "projections/metrics.h"
#include "api/job_access.h"
#include "api/list.h"
#include "api/route.h"
#include "core/base/text.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#define SECONDS_MAX 3600
/* A page of windows ends when it has looked at so many samples; `next` goes on from there. */
#define LOOKED_AT_MAX 20000

#define FIELD_OF(name)                                                                             \
#name, offsetof(struct metric_sample, name), sizeof(((struct metric_sample *)NULL)->name)

static const struct {
    const char *name;
    size_t offset;
    size_t size;
    uint64_t known; /* the bit without which it says nothing; 0: it is always said */
} GAUGES[] = {
    {FIELD_OF(cpu_permille), 0},
    {FIELD_OF(ram_mib), 0},
    {FIELD_OF(ram_total_mib), 0},
    {FIELD_OF(gpu_permille), 0},
    {FIELD_OF(vram_mib), 0},
    {FIELD_OF(vram_total_mib), 0},
    {FIELD_OF(temperature_c), 0},
    {FIELD_OF(power_mw), 0},
    {FIELD_OF(fan_percent), SAMPLE_FAN},
    {FIELD_OF(sm_clock_mhz), SAMPLE_SM_CLOCK},
    {FIELD_OF(memory_clock_mhz), SAMPLE_MEMORY_CLOCK},
};
#define GAUGE_COUNT (sizeof GAUGES / sizeof *GAUGES)

static bool is_known(const struct metric_sample *sample, uint64_t bit)
{
    return (sample->known & bit) == bit;
}

static uint32_t gauge(const struct metric_sample *sample, size_t i)
{
    const char *at = (const char *)sample + GAUGES[i].offset;
    uint16_t narrow;
    uint32_t value;
    if (GAUGES[i].size == sizeof narrow) {
        memcpy(&narrow, at, sizeof narrow);
        return narrow;
    }
    memcpy(&value, at, sizeof value);
    return value;
}

/* What the GPU tells of its troubles: of a sample, or of the known ones of a window together. */
static void add_troubles(json_t *json, uint64_t known, uint32_t throttle_reasons, uint32_t xid)
{
    json_t *reasons = (known & SAMPLE_THROTTLE) != 0 ? json_array() : json_null();
    for (uint32_t bit = 0; reasons != NULL && bit + 1 < throttle_reason_words.count; bit++) {
        if ((throttle_reasons >> bit & 1) != 0) {
            (void)json_array_append_new(reasons,
                                        json_string(enum_word(&throttle_reason_words, bit + 1)));
        }
    }
    (void)json_object_set_new(json, "throttle_reasons", reasons);
    (void)json_object_set_new(json, "xid",
                              (known & SAMPLE_XID) != 0 ? json_of_u64(xid) : json_null());
}

static json_t *json_of_sample(const struct metric_sample *sample, uint64_t number)
{
    json_t *json =
        json_pack("{s:I,s:I}", "number", (json_int_t)number, "at_ms", (json_int_t)sample->at_ms);
    for (size_t i = 0; i < GAUGE_COUNT; i++) {
        (void)json_object_set_new(json, GAUGES[i].name,
                                  is_known(sample, GAUGES[i].known) ? json_of_u64(gauge(sample, i))
                                                                    : json_null());
    }
    add_troubles(json, sample->known, sample->throttle_reasons, sample->xid);
    return json;
}

/* ── sample by sample ──────────────────────────────────────────────────────────────────────────── */

/* Of the newest, those of the last seconds before the newest. */
static size_t skip_older(const struct metric_sample *samples, size_t count, uint64_t last_s)
{
    size_t skip = 0;
    uint64_t span = last_s * 1000;
    while (last_s != 0 && skip + 1 < count && samples[count - 1].at_ms > span &&
           samples[skip].at_ms <= samples[count - 1].at_ms - span) {
        skip++;
    }
    return skip;
}

static json_t *samples_page(struct store *store, struct id16 job_id, bool newest, uint64_t after,
                            size_t limit, uint64_t last_s)
{
    struct metric_sample samples[LIST_MAX];
    uint64_t first = 0;
    size_t count = newest ? metrics_newest(store, job_id, samples, limit, &first)
                          : metrics_after(store, job_id, after, samples, limit, &first);
    json_t *items = json_array();
    for (size_t i = skip_older(samples, count, last_s); i < count; i++) {
        (void)json_array_append_new(items, json_of_sample(&samples[i], first + i));
    }
    json_t *next = !newest && count == limit ? json_of_u64(first + count - 1) : json_null();
    return json_pack("{s:o,s:o}", "items", items, "next", next);
}

/* ── windows ───────────────────────────────────────────────────────────────────────────────────── */

struct window {
    uint64_t index; /* at_ms by the window's length */
    uint64_t first; /* numbers */
    uint64_t last;
    uint64_t sums[GAUGE_COUNT];
    uint64_t counts[GAUGE_COUNT]; /* of the samples that say it */
    uint32_t most[GAUGE_COUNT];
    uint64_t known;
    uint32_t throttle_reasons;
    uint32_t xid;
};

static json_t *json_of_window(const struct window *window, uint64_t window_ms)
{
    uint64_t count = window->last - window->first + 1;
    uint64_t from_ms = window->index * window_ms;
    uint64_t until_ms = from_ms + window_ms;
    json_t *json = json_pack("{s:I,s:I,s:I,s:I,s:I}", "from_ms", (json_int_t)from_ms, "until_ms",
                             (json_int_t)until_ms, "first", (json_int_t)window->first, "last",
                             (json_int_t)window->last, "samples", (json_int_t)count);
    for (size_t i = 0; i < GAUGE_COUNT; i++) {
        uint64_t said = window->counts[i];
        (void)json_object_set_new(json, GAUGES[i].name,
                                  said == 0 ? json_null()
                                            : json_pack("{s:I,s:I}", "average",
                                                        (json_int_t)(window->sums[i] / said),
                                                        "most", (json_int_t)window->most[i]));
    }
    add_troubles(json, window->known, window->throttle_reasons, window->xid);
    return json;
}

static void add_sample(struct window *window, const struct metric_sample *sample, uint64_t number)
{
    window->last = number;
    for (size_t i = 0; i < GAUGE_COUNT; i++) {
        if (is_known(sample, GAUGES[i].known)) {
            uint32_t value = gauge(sample, i);
            window->sums[i] += value;
            window->counts[i]++;
            window->most[i] = value > window->most[i] ? value : window->most[i];
        }
    }
    window->known |= sample->known;
    if (is_known(sample, SAMPLE_THROTTLE)) {
        window->throttle_reasons |= sample->throttle_reasons;
    }
    if (is_known(sample, SAMPLE_XID) && sample->xid != 0) {
        window->xid = sample->xid;
    }
}

/* A window goes on while samples of its time follow; a worker may say any time, so one that begins again is another window. */
static json_t *windows_page(struct store *store, struct id16 job_id, uint64_t after, size_t limit,
                            uint64_t window_ms)
{
    struct metric_sample samples[LIST_MAX];
    struct window window = {0};
    json_t *items = json_array();
    uint64_t next = 0;
    size_t looked_at = 0;
    uint64_t first = 0;
    size_t count;
    while (next == 0 &&
           (count = metrics_after(store, job_id, after, samples, LIST_MAX, &first)) > 0) {
        for (size_t i = 0; i < count && next == 0; i++) {
            uint64_t index = samples[i].at_ms / window_ms;
            if (window.last != 0 && index != window.index) {
                (void)json_array_append_new(items, json_of_window(&window, window_ms));
                next = json_array_size(items) == limit ? window.last : 0;
                window.last = 0;
            }
            if (next == 0 && window.last == 0) {
                window = (struct window){.index = index, .first = first + i};
            }
            if (next == 0) {
                add_sample(&window, &samples[i], first + i);
                next = ++looked_at == LOOKED_AT_MAX ? window.last : 0;
            }
        }
        after = first + count - 1;
    }
    if (window.last != 0) {
        (void)json_array_append_new(items, json_of_window(&window, window_ms));
    }
    return json_pack("{s:o,s:o}", "items", items, "next",
                     next == 0 ? json_null() : json_of_u64(next));
}

/* ── the route ─────────────────────────────────────────────────────────────────────────────────── */

/* 0 without the parameter. */
static bool read_seconds(struct call *call, const char *name, uint64_t *ret)
{
    const char *text = http_head_param(http_request_head(call->request), name);
    *ret = 0;
    if (text != NULL &&
        (u64_parse(bytes_of_text(text), ret, NULL) != ERR_OK || *ret == 0 || *ret > SECONDS_MAX)) {
        call_problem(call, 422, "parameter_invalid", "%s is 1 to %d, in seconds", name,
                     SECONDS_MAX);
        return false;
    }
    return true;
}

static void get_metrics(struct call *call)
{
    struct reading reading;
    struct job_row job;
    uint64_t after = 0;
    uint64_t last_s;
    uint64_t window_s;
    size_t limit = list_limit(call);
    bool newest = http_head_param(http_request_head(call->request), "after") == NULL;
    if (limit == 0 || !list_cursor(call, "after", &after) ||
        !read_seconds(call, "last_s", &last_s) || !read_seconds(call, "window_s", &window_s)) {
        return;
    }
    if (last_s != 0 && (window_s != 0 || !newest)) {
        call_problem(call, 422, "parameter_invalid",
                     "last_s is of the newest samples: without after and window_s");
        return;
    }
    if (!reading_open(&reading, call)) {
        return;
    }
    if (!job_is_visible(call, &reading, &job)) {
        reading_close(&reading);
        job_is_missing(call);
        return;
    }
    json_t *json = window_s != 0
                       ? windows_page(reading.store, call->id, after, limit, window_s * 1000)
                       : samples_page(reading.store, call->id, newest, after,
                                      last_s != 0 ? LIST_MAX : limit, last_s);
    reading_close(&reading);
    call_reply(call, 200, json);
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/v1/jobs/{id}/metrics", JOB_READERS, BODY_NONE, get_metrics},
};
const struct route_table ROUTES_METRICS = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
