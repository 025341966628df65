// SPDX-License-Identifier: Apache-2.0
#include "api/report_fields.h"

#include "core/base/job_rules.h"

#include <stddef.h>
#include <string.h>

struct ev_job_output report_output_of(struct fields *fields)
{
    return (struct ev_job_output){
        .source = (enum output_source)fields_word(fields, "source", &output_source_words),
        .first_line = fields_u64(fields, "first_line", 1, UINT64_C(1) << 50),
        .text = fields_text(fields, "text", 1, 65535),
    };
}

/* What a GPU may not tell, and a 0 of which is an answer. */
static const struct {
    const char *name;
    uint64_t max;
    uint64_t known;
    size_t offset;
} MAY_BE_UNKNOWN[] = {
    {"fan_percent", 1000, SAMPLE_FAN, offsetof(struct ev_sample, fan_percent)},
    {"sm_clock_mhz", UINT16_MAX, SAMPLE_SM_CLOCK, offsetof(struct ev_sample, sm_clock_mhz)},
    {"memory_clock_mhz", UINT16_MAX, SAMPLE_MEMORY_CLOCK,
     offsetof(struct ev_sample, memory_clock_mhz)},
    {"throttle_reasons", UINT32_MAX, SAMPLE_THROTTLE, offsetof(struct ev_sample, throttle_reasons)},
    {"xid", UINT32_MAX, SAMPLE_XID, offsetof(struct ev_sample, xid)},
};

static struct ev_sample read_sample(struct fields *whole, json_t *object, size_t index)
{
    const uint64_t big = UINT64_C(1) << 40;
    struct fields fields = fields_within(whole, object, "/samples", index);
    struct ev_sample sample = {
        .at_ms = fields_u64(&fields, "at_ms", 0, UINT64_C(1) << 50),
        .cpu_permille = fields_optional_u64(&fields, "cpu_permille", 0, 10000000, 0),
        .ram_mib = fields_optional_u64(&fields, "ram_mib", 0, big, 0),
        .ram_total_mib = fields_optional_u64(&fields, "ram_total_mib", 0, big, 0),
        .gpu_permille = fields_optional_u64(&fields, "gpu_permille", 0, 1000, 0),
        .vram_mib = fields_optional_u64(&fields, "vram_mib", 0, big, 0),
        .vram_total_mib = fields_optional_u64(&fields, "vram_total_mib", 0, big, 0),
        .temperature_c = fields_optional_u64(&fields, "temperature_c", 0, 1000, 0),
        .power_mw = fields_optional_u64(&fields, "power_mw", 0, 100000000, 0),
    };
    for (size_t i = 0; i < sizeof MAY_BE_UNKNOWN / sizeof *MAY_BE_UNKNOWN; i++) {
        const char *name = MAY_BE_UNKNOWN[i].name;
        uint64_t value = fields_optional_u64(&fields, name, 0, MAY_BE_UNKNOWN[i].max, 0);
        memcpy((char *)&sample + MAY_BE_UNKNOWN[i].offset, &value, sizeof value);
        sample.known |= json_object_get(object, name) != NULL ? MAY_BE_UNKNOWN[i].known : 0;
    }
    fields_only_known(&fields);
    whole->bad = whole->bad || fields.bad;
    return sample;
}

struct ev_metric_sampled report_metrics_of(struct fields *fields)
{
    json_t *list = fields_array(fields, "samples");
    size_t count = json_array_size(list);
    if (list != NULL && (count == 0 || count > JOB_SAMPLES_MAX)) {
        fields_error(fields, "samples", "holds 1 to %d samples", JOB_SAMPLES_MAX);
        count = 0;
    }
    struct ev_sample *samples = arena_alloc_array(&fields->call->arena, count, sizeof *samples);
    if (samples == NULL) {
        fields_error(fields, "samples", "found no memory; try again");
        count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        samples[i] = read_sample(fields, json_array_get(list, i), i);
    }
    return (struct ev_metric_sampled){.samples = {.items = samples, .count = count}};
}
