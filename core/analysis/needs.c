// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/needs.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_MS ((uint64_t)1000)
#define ESTIMATE_MS_MAX ((double)30 * 24 * 3600 * 1000) /* 30 days: no job is longer here */
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

/* GPU memory of a language model of P billion parameters: weights in 16 bit and a context for inference, 2 bytes for
 * the frozen weights plus activations for an adapter, 16 bytes (weights, gradients, Adam in mixed precision) for all. */
static double llm_vram_gib(double billions, bool training, bool adapter)
{
    if (!training) {
        return billions * 2 * 1.1 + 1.5;
    }
    return adapter ? billions * 2 * 1.1 + 8 : billions * 16 * 1.05 + 4;
}

static void gpu_requirements(const struct jobtype *jobtype, const struct parameters *parameters,
                             const char *base_name, struct analysis_requirements *ret,
                             const char **ret_claim)
{
    bool training = trains(jobtype->mode);
    bool adapter = strstr(base_name, "lora") != NULL;
    double vram_gib = training ? 8 : 6;
    double ram_gib = 16;
    double storage_gib = 20;
    uint64_t tflops_milli = training ? 8000 : 5000;
    double billions = 0;
    const char *model = parameter_text(parameters, "model");
    if (model != NULL) {
        billions = needs_billions(model);
    }
    const char *claim = "requirements: default for this type, no model or batch size was decisive";

    switch (jobtype->job) {
    case ANALYSIS_JOB_MNIST:
        vram_gib = 2;
        ram_gib = 4;
        storage_gib = 5;
        tflops_milli = 2000;
        claim = "requirements: MNIST and its models are small";
        break;
    case ANALYSIS_JOB_STABLE_DIFFUSION:
        vram_gib = !training ? 8 : adapter ? 16 : 24;
        storage_gib = 40;
        claim =
            "requirements: published for Stable Diffusion (images 3–6 GB, LoRA 16, training 24)";
        break;
    case ANALYSIS_JOB_VIDEO_GENERATION:
        vram_gib = training ? 40 : 24;
        ram_gib = 32;
        storage_gib = 60;
        tflops_milli = 20000;
        break;
    case ANALYSIS_JOB_LLM_TRAINING:
    case ANALYSIS_JOB_LLM_INFERENCE:
    case ANALYSIS_JOB_MULTIMODAL:
        vram_gib = training ? 24 : 16;
        ram_gib = 32;
        storage_gib = 60;
        tflops_milli = training ? 20000 : 8000;
        if (billions > 0) {
            vram_gib = llm_vram_gib(billions, training, adapter);
            ram_gib = billions * 2 * 1.2 + 8;
            storage_gib = billions * 4 + 20;
            claim = "requirements: from the parameter count in the model's name";
        }
        break;
    case ANALYSIS_JOB_IMAGE_CLASSIFICATION: {
        double batch = 0;
        if (training && parameter_number(parameters, "batch_size", &batch)) {
            vram_gib =
                2 + batch * 0.0625; /* ResNet-50 in 16 bit: about 62 MB for each 224² image */
            vram_gib = vram_gib < 4 ? 4 : vram_gib > 24 ? 24 : vram_gib;
            claim = "requirements: 62 MB for each image of the batch, as ResNet-50 at 224²";
        }
        break;
    }
    case ANALYSIS_JOB_REINFORCEMENT_LEARNING:
    case ANALYSIS_JOB_TABULAR:
    case ANALYSIS_JOB_TIMESERIES:
    case ANALYSIS_JOB_GRAPH:
        vram_gib = 4;
        tflops_milli = 4000;
        break;
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
    *ret = (struct analysis_requirements){.device = ANALYSIS_DEVICE_GPU,
                                          .gpus = 1,
                                          .vram_mib = mib(vram_gib * GIB_MIB),
                                          .tflops_milli = tflops_milli,
                                          .ram_mib = mib(ram_gib * GIB_MIB),
                                          .storage_mib = mib(storage_gib * GIB_MIB)};
    *ret_claim = claim;
}

static uint64_t to_ms(double seconds)
{
    double ms = seconds * 1000;
    return ms < 1000 ? SECOND_MS : ms > ESTIMATE_MS_MAX ? (uint64_t)ESTIMATE_MS_MAX : (uint64_t)ms;
}

/* Seconds for kinds of work without a benchmark: half end within the first, nine of ten within the second. */
static struct analysis_estimate without_benchmark(const struct jobtype *jobtype)
{
    static const char basis[] = "no benchmark for this type of work yet: a wide default range on "
                                "an RTX 3090";
    double p50 = 300;
    double p90 = 3600;
    if (jobtype->job == ANALYSIS_JOB_LLM_TRAINING ||
        jobtype->job == ANALYSIS_JOB_VIDEO_GENERATION) {
        p50 = 7200;
        p90 = 86400;
    } else if (trains(jobtype->mode)) {
        p50 = 1800;
        p90 = 14400;
    } else if (jobtype->mode == ANALYSIS_MODE_INFERENCE) {
        p50 = 120;
        p90 = 900;
    }
    return (struct analysis_estimate){
        .p50_ms = to_ms(p50), .p90_ms = to_ms(p90), .basis = basis, .level = ANALYSIS_LOW};
}

static struct analysis_estimate gpu_estimate(const struct jobtype *jobtype,
                                             const struct parameters *parameters)
{
    if (jobtype->job == ANALYSIS_JOB_MNIST && trains(jobtype->mode)) {
        double epochs = 5;
        bool known = parameter_number(parameters, "epochs", &epochs);
        return (struct analysis_estimate){
            .p50_ms = to_ms(180 * epochs / 5),
            .p90_ms = to_ms(360 * epochs / 5),
            .basis =
                known ? "MNIST: 180 s for 5 epochs on an RTX 3090, scaled by the epochs in the file"
                      : "MNIST: 180 s for 5 epochs on an RTX 3090; the file names no epochs",
            .level = known ? ANALYSIS_MEDIUM : ANALYSIS_LOW};
    }
    if (jobtype->job == ANALYSIS_JOB_STABLE_DIFFUSION && jobtype->mode == ANALYSIS_MODE_INFERENCE) {
        double resolution = 512;
        double steps = 50;
        double images = 1;
        bool known = parameter_number(parameters, "resolution", &resolution);
        known = parameter_number(parameters, "inference_steps", &steps) || known;
        known = parameter_number(parameters, "images", &images) || known;
        double seconds = 4 * (resolution / 512) * (resolution / 512) * (steps / 50) * images;
        return (struct analysis_estimate){
            .p50_ms = to_ms(60 + seconds),
            .p90_ms = to_ms(300 + 3 * seconds),
            .basis =
                "Stable Diffusion: 2–4 s for a 512² image of 50 steps, measured on cards of the "
                "RTX 3090's class, scaled by resolution, steps and images; 1–5 min to load",
            .level = known ? ANALYSIS_MEDIUM : ANALYSIS_LOW};
    }
    return without_benchmark(jobtype);
}

static struct analysis_estimate cpu_estimate(const struct jobtype *jobtype)
{
    bool heavy =
        jobtype->job == ANALYSIS_JOB_SCIENTIFIC || jobtype->job == ANALYSIS_JOB_DATA_PROCESSING;
    return (struct analysis_estimate){
        .p50_ms = 60 * SECOND_MS,
        .p90_ms = (heavy ? 600 : 300) * SECOND_MS,
        .basis = "no benchmark for CPU work yet: a wide default range on one core",
        .level = ANALYSIS_LOW};
}

void needs_find(const struct frameworks *frameworks, const struct jobtype *jobtype,
                const struct parameters *parameters, uint32_t gpus, const char *base_name,
                struct analysis_requirements *ret_requirements,
                struct analysis_estimate *ret_estimate, const char **ret_claim)
{
    if (device_of(frameworks, jobtype, gpus) == ANALYSIS_DEVICE_GPU) {
        gpu_requirements(jobtype, parameters, base_name, ret_requirements, ret_claim);
        ret_requirements->gpus = gpus > 0 ? gpus : 1;
        *ret_estimate = gpu_estimate(jobtype, parameters);
        return;
    }
    bool heavy = jobtype->job == ANALYSIS_JOB_DATA_PROCESSING;
    *ret_requirements = (struct analysis_requirements){.device = ANALYSIS_DEVICE_CPU,
                                                       .gpus = 0,
                                                       .vram_mib = 256,
                                                       .tflops_milli = 50,
                                                       .ram_mib = heavy ? 2048 : 1024,
                                                       .storage_mib = heavy ? 4096 : 1024};
    *ret_estimate = cpu_estimate(jobtype);
    *ret_claim = "requirements: nothing in the file computes on a GPU";
}
