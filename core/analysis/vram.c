// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/vram.h"

#include "core/analysis/needs.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MIB_GIB 1024.0
#define HEADROOM 1.125
#define HEADROOM_TEXT "and an eighth to spare"
#define LEAST_GIB 2.0         /* a process of any framework */
#define SAMPLES_AT_ONCE_MAX 4 /* larger batches of a language model are accumulated */

/* GiB for each billion of parameters: of a sample of 512 tokens, and of one of 1,300, which is the least we count on. Measured of llama2-7b, whose
 * weights are 13.5: 19.8 with two of 512, 21.3 with one of 1,300 (litgpt). */
#define ACTIVATIONS 0.5
#define ACTIVATIONS_LEAST 1.3

enum adapter { NO_ADAPTER, LORA, QLORA };

struct known {
    const char *model; /* lower case, "" when none is named */
    double billions;   /* 0: not named */
    double batch;      /* 0: not named */
    double resolution;
    double images;
    enum adapter adapter;
    double bytes; /* of a weight at inference */
    bool trains;
};

const struct vram_row *vram_row(const char *model, const char *use, const char *setting)
{
    for (size_t i = 0; i < VRAM_ROW_COUNT; i++) {
        const struct vram_row *row = &VRAM_ROWS[i];
        if (strcmp(row->model, model) == 0 && strcmp(row->use, use) == 0 &&
            strncmp(row->setting, setting, strlen(setting)) == 0) {
            return row;
        }
    }
    return NULL;
}

static bool has(const char *text, const char *word)
{
    return strstr(text, word) != NULL;
}

/* ── what is said of a row ─────────────────────────────────────────────────────────────────────── */

static bool finish(struct vram *ret, double gib)
{
    ret->gib = gib * HEADROOM < LEAST_GIB ? LEAST_GIB : gib * HEADROOM;
    return true;
}

static bool from_row(const struct vram_row *row, struct vram *ret)
{
    if (row == NULL) {
        return false;
    }
    (void)snprintf(ret->claim, sizeof ret->claim,
                   "requirements: %s, %s%s%s takes %.2f GiB (%s, %s), " HEADROOM_TEXT, row->model,
                   row->use, row->setting[0] == '\0' ? "" : ", ", row->setting, row->mib / MIB_GIB,
                   row->status, row->source);
    return finish(ret, row->mib / MIB_GIB);
}

/* The row of this use whose model is nearest in size: what the formula was held against. */
static const struct vram_row *nearest(const char *use, double billions)
{
    const struct vram_row *best = NULL;
    double best_ratio = 0;
    for (size_t i = 0; i < VRAM_ROW_COUNT; i++) {
        const struct vram_row *row = &VRAM_ROWS[i];
        double size = needs_billions(row->model);
        if (strcmp(row->use, use) != 0 || strncmp(row->status, "measured", 8) != 0 || size <= 0) {
            continue;
        }
        double ratio = size < billions ? size / billions : billions / size;
        if (ratio > best_ratio) {
            best = row;
            best_ratio = ratio;
        }
    }
    return best;
}

/* Letters and digits alone: "meta-llama/Llama-2-7b-hf" has "llama2-7b" in it. */
static void squeeze(const char *text, char ret[FACT_TEXT_MAX + 1])
{
    size_t size = 0;
    for (size_t i = 0; text[i] != '\0' && size < FACT_TEXT_MAX; i++) {
        if (isalnum((unsigned char)text[i])) {
            ret[size++] = text[i];
        }
    }
    ret[size] = '\0';
}

/* Samples at once of a row: "seq 512 mb 2", "bf16 micro batch 1"; 1 when it does not say. */
static double samples_of(const char *setting)
{
    const char *at = strstr(setting, "mb ");
    const char *behind = at != NULL ? at + 3 : NULL;
    at = strstr(setting, "micro batch ");
    behind = at != NULL ? at + strlen("micro batch ") : behind;
    return behind == NULL ? 1 : strtod(behind, NULL);
}

/* The most that was measured of this very model with no more samples; NULL: it was not. A large vocabulary, say, is in no formula. */
static const struct vram_row *of_this_model(const char *use, const char *model, double samples)
{
    const struct vram_row *best = NULL;
    char asked[FACT_TEXT_MAX + 1];
    char own[FACT_TEXT_MAX + 1];
    squeeze(model, asked);
    for (size_t i = 0; i < VRAM_ROW_COUNT; i++) {
        const struct vram_row *row = &VRAM_ROWS[i];
        squeeze(row->model, own);
        if (strcmp(row->use, use) == 0 && strncmp(row->status, "measured", 8) == 0 &&
            strstr(asked, own) != NULL && samples_of(row->setting) <= samples &&
            !has(row->setting, "fp32") && (best == NULL || row->mib > best->mib)) {
            best = row;
        }
    }
    return best;
}

/* ── language models ───────────────────────────────────────────────────────────────────────────── */

static bool language_model(const struct known *known, struct vram *ret)
{
    if (known->billions <= 0) {
        return false;
    }
    double p = known->billions;
    double samples = known->batch < 1                     ? 1
                     : known->batch > SAMPLES_AT_ONCE_MAX ? SAMPLES_AT_ONCE_MAX
                                                          : known->batch;
    const char *use = "inference";
    char how[80];
    double gib;
    if (!known->trains) {
        gib = p * known->bytes + 1.5;
        (void)snprintf(how, sizeof how, "%.2f bytes a parameter and 1.5 GiB", known->bytes);
    } else {
        double per_parameter = known->adapter == QLORA ? 0.55 : known->adapter == LORA ? 2 : 16;
        use = known->adapter == QLORA  ? "QLoRA fine-tune"
              : known->adapter == LORA ? "LoRA fine-tune"
                                       : "full fine-tune";
        double activations =
            samples * ACTIVATIONS < ACTIVATIONS_LEAST ? ACTIVATIONS_LEAST : samples * ACTIVATIONS;
        gib = p * (per_parameter + activations);
        (void)snprintf(how, sizeof how, "%.2f bytes a parameter and %.1f for activations",
                       per_parameter, activations);
    }
    const struct vram_row *row =
        known->bytes < 2 ? NULL : of_this_model(use, known->model, samples);
    if (row != NULL && row->mib / MIB_GIB > gib) {
        return from_row(row, ret);
    }
    row = nearest(use, p);
    int used =
        snprintf(ret->claim, sizeof ret->claim,
                 "requirements: %s of %.2f billion parameters: %s, " HEADROOM_TEXT, use, p, how);
    if (row != NULL && used > 0 && (size_t)used < sizeof ret->claim) {
        (void)snprintf(ret->claim + used, sizeof ret->claim - (size_t)used,
                       "; %s took %.2f GiB (%s, %s)", row->model, row->mib / MIB_GIB, row->status,
                       row->source);
    }
    return finish(ret, gib);
}

/* ── images, video, sound ──────────────────────────────────────────────────────────────────────── */

/* A first image and each further one, of two rows of the same settings. Memory beside the weights grows with the area. */
static bool stable_diffusion(const struct known *known, struct vram *ret)
{
    if (has(known->model, "flux")) {
        return from_row(known->trains      ? vram_row("flux.1-dev", "LoRA train", "rank 16")
                        : known->bytes < 2 ? vram_row("flux.1-dev", "inference", "fp8")
                                           : vram_row("flux.1-dev", "inference", "bf16, all"),
                        ret);
    }
    if (has(known->model, "stable-diffusion-3") || has(known->model, "sd3")) {
        return from_row(known->trains ? vram_row("stable-diffusion-3-medium", "DreamBooth LoRA", "")
                                      : vram_row("stable-diffusion-3-medium", "inference", "fp16"),
                        ret);
    }
    if (known->trains) {
        return from_row(known->adapter != NO_ADAPTER
                            ? vram_row("stable-diffusion-1.4", "LoRA fine-tune", "")
                            : vram_row("stable-diffusion-1.4", "full fine-tune", ""),
                        ret);
    }
    bool is_xl = has(known->model, "xl");
    const struct vram_row *one =
        is_xl ? vram_row("stable-diffusion-xl", "inference 1024x1024", "")
              : vram_row("stable-diffusion-1.5", "inference 512x512", "fp32 batch 1");
    const struct vram_row *four =
        vram_row("stable-diffusion-1.5", "inference 512x512", "fp32 batch 4");
    if (one == NULL || four == NULL) {
        return false;
    }
    double side = known->resolution <= 0 ? 1 : known->resolution / (is_xl ? 1024 : 512);
    double images = known->images < 1 ? 1 : known->images > 16 ? 16 : known->images;
    double per_image = (four->mib - (is_xl ? 6.29 * MIB_GIB : one->mib)) / MIB_GIB / 3;
    per_image *= is_xl ? 4 : 1; /* four times the area */
    double gib = one->mib / MIB_GIB + per_image * (images * side * side - 1);
    if (gib < one->mib / MIB_GIB - per_image) {
        gib = one->mib / MIB_GIB - per_image;
    }
    (void)snprintf(
        ret->claim, sizeof ret->claim,
        "requirements: %s takes %.2f GiB for one image of %d² (%s, %s) and %.2f for each "
        "as large beside it; %.0f of %.0f² here, " HEADROOM_TEXT,
        one->model, one->mib / MIB_GIB, is_xl ? 1024 : 512, one->status, one->source, per_image,
        images, side * (is_xl ? 1024 : 512));
    return finish(ret, gib);
}

static bool video(const struct known *known, struct vram *ret)
{
    static const struct {
        const char *word;
        const char *model;
        const char *use;
    } MODELS[] = {
        {"cogvideox-2b", "cogvideox-2b", "inference"},
        {"cogvideox-5b", "cogvideox-5b", "inference"},
        {"hunyuan", "hunyuan-video", "inference"},
        {"wan2", "wan2.1-14b", "inference"},
        {"ltx", "ltx-video", "inference"},
    };
    for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS && !known->trains; i++) {
        if (has(known->model, MODELS[i].word)) {
            return from_row(vram_row(MODELS[i].model, MODELS[i].use, ""), ret);
        }
    }
    return known->trains && has(known->model, "cogvideox-5b") &&
           from_row(vram_row("cogvideox-5b", "LoRA train", ""), ret);
}

static bool speech(const struct known *known, struct vram *ret)
{
    static const char *const SIZES[] = {"turbo", "large", "medium", "small", "base", "tiny"};
    bool is_whisper = has(known->model, "whisper");
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES && !known->trains; i++) {
        char model[32];
        if (has(known->model, SIZES[i]) &&
            (is_whisper || strncmp(known->model, SIZES[i], strlen(SIZES[i])) == 0)) {
            (void)snprintf(model, sizeof model, "whisper-%s", SIZES[i]);
            return from_row(vram_row(model, "inference", ""), ret);
        }
    }
    return false;
}

/* `batch` samples filled a card of the row's size: so much each at most, weights and all. */
static bool filled(const struct known *known, const struct vram_row *row, double batch, double side,
                   const char *sample, struct vram *ret)
{
    if (!known->trains || known->batch <= 0 || row == NULL) {
        return false;
    }
    double each = row->mib / MIB_GIB / batch;
    double scale = side > 0 && known->resolution > 0 ? known->resolution / side : 1;
    double gib = 2 + each * known->batch * scale * scale;
    if (side > 0 && known->resolution <= 0 && gib > row->mib / MIB_GIB) {
        gib = row->mib / MIB_GIB; /* who trains in so large batches does not train at that size */
    }
    (void)snprintf(
        ret->claim, sizeof ret->claim,
        "requirements: %s, %s, %s (%s): at most %.3f GiB for each %s; %.0f at once here, "
        "and 2 GiB, " HEADROOM_TEXT,
        row->model, row->use, row->setting, row->source, each, sample, known->batch);
    return finish(ret, gib);
}

static bool detection(const struct known *known, struct vram *ret)
{
    static const struct {
        char letter;
        double batch;
    } SIZES[] = {{'n', 128}, {'m', 40}, {'l', 24}, {'x', 16}, {'s', 64}};
    size_t which = 4; /* the smallest but one, unless another is named: yolov8m.pt, yolo11x */
    const char *yolo = strstr(known->model, "yolo");
    for (size_t i = 0; yolo != NULL && i < 4; i++) {
        const char *digits = yolo + 4 + (yolo[4] == 'v' ? 1 : 0);
        size_t count = strspn(digits, "0123456789");
        which = count > 0 && digits[count] == SIZES[i].letter ? i : which;
    }
    char model[16];
    (void)snprintf(model, sizeof model, "yolov5%c", SIZES[which].letter);
    return filled(known, vram_row(model, "train 640", ""), SIZES[which].batch, 640, "image of 640²",
                  ret);
}

static bool encoder(const struct known *known, struct vram *ret)
{
    bool large = has(known->model, "large");
    return filled(known,
                  vram_row(large ? "bert-large" : "bert-base", "SQuAD train seq 384", "fp16 batch"),
                  large ? 16 : 48, 0, "sequence of 384", ret);
}

/* ── which of them ─────────────────────────────────────────────────────────────────────────────── */

static double number(const struct parameters *parameters, const char *name)
{
    double value = 0;
    return parameter_number(parameters, name, &value) && value < 1e6 ? value : 0;
}

static enum adapter adapter_of(const struct jobtype *jobtype, const char *base_name)
{
    enum adapter adapter = has(base_name, "qlora")  ? QLORA
                           : has(base_name, "lora") ? LORA
                                                    : NO_ADAPTER;
    for (size_t i = 0; i < jobtype->cue_count; i++) {
        struct bytes words = jobtype->cues[i].words;
        bool is_adapter = memmem(words.data, words.size, "lora", 4) != NULL ||
                          memmem(words.data, words.size, "peft", 4) != NULL;
        adapter = adapter == NO_ADAPTER && is_adapter ? LORA : adapter;
    }
    return adapter;
}

static double bytes_of_weight(const char *model)
{
    static const char *const FOUR[] = {"4bit", "4-bit", "int4", "awq",
                                       "gptq", "nf4",   "q4_",  "gguf"};
    for (size_t i = 0; i < sizeof FOUR / sizeof *FOUR; i++) {
        if (has(model, FOUR[i])) {
            return 0.55;
        }
    }
    return has(model, "int8") || has(model, "8bit") || has(model, "fp8") ? 1 : 2;
}

bool vram_find(const struct jobtype *jobtype, bool trains, const struct parameters *parameters,
               const char *base_name, struct vram *ret)
{
    char model[FACT_TEXT_MAX + 1] = "";
    const char *named = parameter_text(parameters, "model");
    for (size_t i = 0; named != NULL && named[i] != '\0' && i < FACT_TEXT_MAX; i++) {
        model[i] = (char)tolower((unsigned char)named[i]);
        model[i + 1] = '\0';
    }
    struct known known = {.model = model,
                          .billions = needs_billions(model),
                          .batch = number(parameters, "batch_size"),
                          .resolution = number(parameters, "resolution"),
                          .images = number(parameters, "images"),
                          .adapter = adapter_of(jobtype, base_name),
                          .bytes = bytes_of_weight(model),
                          .trains = trains};
    switch ((int)jobtype->job) {
    case ANALYSIS_JOB_LLM_TRAINING:
    case ANALYSIS_JOB_LLM_INFERENCE:
    case ANALYSIS_JOB_MULTIMODAL:
        return language_model(&known, ret);
    case ANALYSIS_JOB_STABLE_DIFFUSION:
        return stable_diffusion(&known, ret);
    case ANALYSIS_JOB_VIDEO_GENERATION:
        return video(&known, ret);
    case ANALYSIS_JOB_SPEECH:
        return speech(&known, ret);
    case ANALYSIS_JOB_IMAGE_CLASSIFICATION:
        return filled(&known, vram_row("resnet50", "train 224", "fp16 batch 256"), 256, 224,
                      "image of 224²", ret);
    case ANALYSIS_JOB_OBJECT_DETECTION:
        return detection(&known, ret);
    case ANALYSIS_JOB_NLP:
        return encoder(&known, ret);
    default:
        return false;
    }
}
