// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/needs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIB_MIB 1024.0

static bool trains(enum analysis_mode mode)
{
    return mode == ANALYSIS_MODE_TRAIN || mode == ANALYSIS_MODE_PRETRAIN ||
           mode == ANALYSIS_MODE_FINETUNE;
}

/* `gpus`: what the file reserves by number; 0: nothing said. */
static enum analysis_device device_of(const struct frameworks *frameworks,
                                      const struct jobtype *jobtype, uint32_t gpus)
{
    if (gpus > 0 || (jobtype->asks_for_gpu && frameworks->primary != ANALYSIS_FRAMEWORK_NONE)) {
        return ANALYSIS_DEVICE_GPU;
    }
    if (jobtype->job == ANALYSIS_JOB_DATA_PROCESSING || jobtype->mode == ANALYSIS_MODE_PREP) {
        return ANALYSIS_DEVICE_CPU;
    }
    if (jobtype->job == ANALYSIS_JOB_STABLE_DIFFUSION ||
        jobtype->job == ANALYSIS_JOB_VIDEO_GENERATION || framework_uses_gpu(frameworks->primary)) {
        return ANALYSIS_DEVICE_GPU;
    }
    return ANALYSIS_DEVICE_CPU;
}

double needs_billions(const char *model)
{
    for (const char *at = model; *at != '\0'; at++) {
        bool starts = *at >= '0' && *at <= '9' &&
                      (at == model || !((at[-1] >= '0' && at[-1] <= '9') || at[-1] == '.'));
        if (!starts) {
            continue;
        }
        char *end = NULL;
        double value = strtod(at, &end);
        bool ends =
            (*end == 'b' || *end == 'B') && !((end[1] | 0x20) >= 'a' && (end[1] | 0x20) <= 'z');
        if (ends && value > 0 && value < 10000) {
            return value;
        }
    }
    return 0;
}

static uint64_t mib(double value)
{
    return value < 1 ? 1 : value > 1e9 ? (uint64_t)1000000000 : (uint64_t)value;
}

static void gpu_requirements(const struct jobtype *jobtype, const struct parameters *parameters,
                             const char *base_name, struct analysis_requirements *ret,
                             char ret_claim[VRAM_CLAIM_MAX])
{
    bool training = trains(jobtype->mode);
    struct vram vram = {.gib = training ? 8 : 6};
    double ram_gib = 16;
    double storage_gib = 20;
    uint64_t tflops_milli = training ? 8000 : 5000;
    const char *model = parameter_text(parameters, "model");
    double billions = model == NULL ? 0 : needs_billions(model);
    (void)snprintf(vram.claim, sizeof vram.claim,
                   "requirements: default for this type, no model or batch size was decisive");

    switch (jobtype->job) {
    case ANALYSIS_JOB_MNIST:
        vram.gib = 2;
        ram_gib = 4;
        storage_gib = 5;
        tflops_milli = 2000;
        (void)snprintf(vram.claim, sizeof vram.claim,
                       "requirements: MNIST and its models are small");
        break;
    case ANALYSIS_JOB_STABLE_DIFFUSION:
        storage_gib = 40;
        break;
    case ANALYSIS_JOB_VIDEO_GENERATION:
        vram.gib = training ? 40 : 24;
        ram_gib = 32;
        storage_gib = 60;
        tflops_milli = 20000;
        break;
    case ANALYSIS_JOB_LLM_TRAINING:
    case ANALYSIS_JOB_LLM_INFERENCE:
    case ANALYSIS_JOB_MULTIMODAL:
        vram.gib = training ? 24 : 16;
        ram_gib = billions > 0 ? billions * 2 * 1.2 + 8 : 32;
        storage_gib = billions > 0 ? billions * 4 + 20 : 60;
        tflops_milli = training ? 20000 : 8000;
        break;
    case ANALYSIS_JOB_REINFORCEMENT_LEARNING:
    case ANALYSIS_JOB_TABULAR:
    case ANALYSIS_JOB_TIMESERIES:
    case ANALYSIS_JOB_GRAPH:
        vram.gib = 4;
        tflops_milli = 4000;
        break;
    case ANALYSIS_JOB_IMAGE_CLASSIFICATION:
    case ANALYSIS_JOB_IMAGE_GENERATION:
    case ANALYSIS_JOB_OBJECT_DETECTION:
    case ANALYSIS_JOB_SEGMENTATION:
    case ANALYSIS_JOB_SPEECH:
    case ANALYSIS_JOB_NLP:
    case ANALYSIS_JOB_RECOMMENDATION:
    case ANALYSIS_JOB_SCIENTIFIC:
    case ANALYSIS_JOB_DATA_PROCESSING:
    case ANALYSIS_JOB_CUSTOM:
        break;
    }
    (void)vram_find(jobtype, training, parameters, base_name, &vram);
    *ret = (struct analysis_requirements){.device = ANALYSIS_DEVICE_GPU,
                                          .gpus = 1,
                                          .vram_mib = mib(vram.gib * GIB_MIB),
                                          .tflops_milli = tflops_milli,
                                          .ram_mib = mib(ram_gib * GIB_MIB),
                                          .storage_mib = mib(storage_gib * GIB_MIB)};
    (void)snprintf(ret_claim, VRAM_CLAIM_MAX, "%s", vram.claim);
}

/* Of the kind of work alone. */
static struct analysis_estimate default_estimate(const struct jobtype *jobtype,
                                                 enum analysis_device device)
{
    struct work work = analysis_work(jobtype->job, jobtype->mode, device, "", NULL, 0);
    return (struct analysis_estimate){
        .p50_ms = work.default_p50_ms,
        .p90_ms = work.default_p90_ms,
        .basis = device == ANALYSIS_DEVICE_GPU
                     ? "no benchmark is like this job: a wide default range on an RTX 3090"
                     : "no benchmark for CPU work yet: a wide default range on one core",
        .level = ANALYSIS_LOW};
}

void needs_find(const struct frameworks *frameworks, const struct jobtype *jobtype,
                const struct parameters *parameters, uint32_t gpus, const char *base_name,
                struct analysis_requirements *ret_requirements,
                struct analysis_estimate *ret_estimate, char ret_claim[VRAM_CLAIM_MAX])
{
    if (device_of(frameworks, jobtype, gpus) == ANALYSIS_DEVICE_GPU) {
        gpu_requirements(jobtype, parameters, base_name, ret_requirements, ret_claim);
        ret_requirements->gpus = gpus > 0 ? gpus : 1;
        *ret_estimate = default_estimate(jobtype, ANALYSIS_DEVICE_GPU);
        return;
    }
    bool heavy = jobtype->job == ANALYSIS_JOB_DATA_PROCESSING;
    *ret_requirements = (struct analysis_requirements){.device = ANALYSIS_DEVICE_CPU,
                                                       .gpus = 0,
                                                       .vram_mib = 256,
                                                       .tflops_milli = 50,
                                                       .ram_mib = heavy ? 2048 : 1024,
                                                       .storage_mib = heavy ? 4096 : 1024};
    *ret_estimate = default_estimate(jobtype, ANALYSIS_DEVICE_CPU);
    (void)snprintf(ret_claim, VRAM_CLAIM_MAX,
                   "requirements: nothing in the file computes on a GPU");
}
