/* From parameters to amounts of work; and how wide the range is when there is no benchmark. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/analysis.h"
#include "core/analysis/needs.h"

#include <stdlib.h>
#include <string.h>

#define MINUTE_MS UINT64_C(60000)
#define AMOUNT_LIMIT 1e12 /* a number larger than this is no amount of work but a mistake */

static bool mode_trains(enum analysis_mode mode)
{
    return mode == ANALYSIS_MODE_TRAIN || mode == ANALYSIS_MODE_PRETRAIN ||
           mode == ANALYSIS_MODE_FINETUNE;
}

static void defaults(enum analysis_job job, enum analysis_mode mode, struct work *work)
{
    uint64_t p50 = 5;
    uint64_t p90 = 60;
    if (!work->on_gpu) {
        bool heavy = job == ANALYSIS_JOB_SCIENTIFIC || job == ANALYSIS_JOB_DATA_PROCESSING;
        p50 = 1;
        p90 = heavy ? 10 : 5;
    } else if (job == ANALYSIS_JOB_LLM_TRAINING || job == ANALYSIS_JOB_VIDEO_GENERATION) {
        p50 = 120;
        p90 = 1440;
    } else if (mode_trains(mode)) {
        p50 = 30;
        p90 = 240;
    } else if (mode == ANALYSIS_MODE_INFERENCE) {
        p50 = 2;
        p90 = 15;
    }
    work->default_p50_ms = p50 * MINUTE_MS;
    work->default_p90_ms = p90 * MINUTE_MS;
}

static const struct {
    const char *name;
    size_t offset; /* of a uint64_t in struct work */
    uint64_t scale;
} AMOUNTS[] = {
    {"epochs", offsetof(struct work, epochs_milli), 1000},
    {"rows", offsetof(struct work, items), 1},
    {"resolution", offsetof(struct work, resolution), 1},
    {"inference_steps", offsetof(struct work, steps), 1},
    {"images", offsetof(struct work, images), 1},
    {"max_steps", offsetof(struct work, iterations), 1},
    {"batch_size", offsetof(struct work, batch), 1},
    {"tokens", offsetof(struct work, tokens), 1},
};

static void take(const struct analysis_parameter *item, struct work *work)
{
    if (strcmp(item->name, "model") == 0) {
        double millions = needs_billions(item->value) * 1000;
        work->model_millions = millions > 0 && millions < 1e7 ? (uint64_t)(millions + 0.5) : 0;
        work->is_large = strstr(item->value, "large") != NULL;
    }
    for (size_t i = 0; i < sizeof AMOUNTS / sizeof *AMOUNTS && item->is_number; i++) {
        double value = strtod(item->value, NULL);
        if (strcmp(item->name, AMOUNTS[i].name) == 0 && value > 0 && value < AMOUNT_LIMIT) {
            uint64_t amount = (uint64_t)(value * (double)AMOUNTS[i].scale + 0.5);
            memcpy((char *)work + AMOUNTS[i].offset, &amount, sizeof amount);
        }
    }
}

void analysis_retime(struct analysis *analysis, uint64_t p50_ms, uint64_t p90_ms,
                     enum analysis_level level, struct bytes basis, struct arena *arena)
{
    const char *kept = arena_text(arena, basis);
    analysis->estimate = (struct analysis_estimate){
        .p50_ms = p50_ms, .p90_ms = p90_ms, .basis = kept == NULL ? "" : kept, .level = level};
}

struct work analysis_work(enum analysis_job job, enum analysis_mode mode,
                          enum analysis_device device, const char *base_name,
                          const struct analysis_parameter *parameters, size_t count)
{
    struct work work = {
        .job_type = (uint32_t)job,
        .on_gpu = device == ANALYSIS_DEVICE_GPU,
        .trains = mode_trains(mode),
        .infers = mode == ANALYSIS_MODE_INFERENCE,
        .quantised = strstr(base_name, "qlora") != NULL,
    };
    defaults(job, mode, &work);
    for (size_t i = 0; i < count; i++) {
        take(&parameters[i], &work);
    }
    return work;
}
