/* GPU memory by row and formula, held against every row that was measured; and R1.6, P4 over generated jobs. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/needs.h"
#include "core/analysis/vram.h"
#include "core/base/text.h"
#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct parameters parameters;

static void add(const char *name, const char *value, bool is_number)
{
    parameters.items[parameters.count++] =
        (struct analysis_parameter){.name = name, .value = value, .is_number = is_number};
}

static bool find(enum analysis_job job, bool trains, const char *base_name, struct vram *ret)
{
    struct jobtype jobtype = {.job = job};
    return vram_find(&jobtype, trains, &parameters, base_name, ret);
}

/* The number behind `word` in a row's setting: "bf16 micro batch 2". NULL: there is none. */
static const char *behind(const char *setting, const char *word, char ret[8])
{
    const char *at = strstr(setting, word);
    if (at == NULL) {
        return NULL;
    }
    (void)snprintf(ret, 8, "%ld", strtol(at + strlen(word), NULL, 10));
    return ret;
}

/* Whoever rents what we say has room for what was measured (a fiftieth is within what GB and GiB differ by), and not much more. */
static void the_formulas_cover_what_was_measured(void **state)
{
    (void)state;
    size_t held = 0;
    for (size_t i = 0; i < VRAM_ROW_COUNT; i++) {
        const struct vram_row *row = &VRAM_ROWS[i];
        char batch[8];
        bool adapter = strstr(row->use, "LoRA fine-tune") != NULL;
        if (strncmp(row->status, "measured", 8) != 0 || needs_billions(row->model) <= 0 ||
            (!adapter && strcmp(row->use, "inference") != 0)) {
            continue;
        }
        char model[64];
        (void)snprintf(model, sizeof model, "%s%s", row->model,
                       strstr(row->setting, "nf4") != NULL ? "-nf4" : "");
        if (strstr(row->setting, "fp32") != NULL) {
            continue; /* no script is taken to keep weights in 32 bits */
        }
        parameters.count = 0;
        add("model", model, false);
        if (behind(row->setting, "mb ", batch) != NULL ||
            behind(row->setting, "micro batch ", batch) != NULL) {
            add("batch_size", batch, true);
        }
        struct vram vram;
        assert_true(find(adapter ? ANALYSIS_JOB_LLM_TRAINING : ANALYSIS_JOB_LLM_INFERENCE, adapter,
                         strncmp(row->use, "QLoRA", 5) == 0 ? "train_qlora.py"
                         : adapter                          ? "train_lora.py"
                                                            : "a.py",
                         &vram));
        double ratio = vram.gib * 1024 / row->mib;
        (void)printf("%-14s %-16s %-22s %6.2f GiB, we say %6.2f\n", row->model, row->use,
                     row->setting, row->mib / 1024.0, vram.gib);
        assert_true(ratio > 0.98 && ratio < 1.7);
        held++;
    }
    assert_true(held > 15);
}

/* By model and resolution: rows of Stable Diffusion at each batch that was measured. */
static void images_at_once_take_what_was_measured(void **state)
{
    (void)state;
    static const char *const BATCHES[] = {"1", "2", "4"};
    for (size_t i = 0; i < 3; i++) {
        char setting[32];
        (void)snprintf(setting, sizeof setting, "fp32 batch %s", BATCHES[i]);
        const struct vram_row *row = vram_row("stable-diffusion-1.5", "inference 512x512", setting);
        assert_non_null(row);
        struct vram vram;
        parameters.count = 0;
        add("images", BATCHES[i], true);
        assert_true(find(ANALYSIS_JOB_STABLE_DIFFUSION, false, "a.py", &vram));
        assert_true(vram.gib * 1024 >= row->mib);
        assert_true(vram.gib * 1024 <= row->mib * 1.25);
        assert_non_null(strstr(vram.claim, "lambda-diffusers"));
    }
    static const struct {
        const char *model;
        double least;
        double most;
    } MODELS[] = {{"stabilityai/stable-diffusion-xl-base-1.0", 7.4, 10},
                  {"black-forest-labs/FLUX.1-dev", 50, 60},
                  {"stabilityai/stable-diffusion-3-medium", 24, 28}};
    for (size_t i = 0; i < 3; i++) {
        struct vram vram;
        parameters.count = 0;
        add("model", MODELS[i].model, false);
        assert_true(find(ANALYSIS_JOB_STABLE_DIFFUSION, false, "a.py", &vram));
        assert_true(vram.gib >= MODELS[i].least && vram.gib <= MODELS[i].most);
    }
}

/* A batch that fits a card by its row needs no larger card, and a batch of twice the side four times as much. */
static void batches_of_images_grow_with_their_area(void **state)
{
    (void)state;
    struct vram one;
    struct vram four;
    parameters.count = 0;
    add("batch_size", "64", true);
    add("resolution", "224", true);
    assert_true(find(ANALYSIS_JOB_IMAGE_CLASSIFICATION, true, "a.py", &one));
    assert_true(one.gib < 16);
    parameters.count = 1;
    add("resolution", "448", true);
    assert_true(find(ANALYSIS_JOB_IMAGE_CLASSIFICATION, true, "a.py", &four));
    assert_true(four.gib / 1.125 - 2 > 3.99 * (one.gib / 1.125 - 2));
    parameters.count = 0;
    add("batch_size", "16", true);
    add("model", "yolov8x.pt", false);
    assert_true(find(ANALYSIS_JOB_OBJECT_DETECTION, true, "a.py", &four));
    assert_true(four.gib > 16);
    add("model", "yolo11n.pt", false);
    parameters.items[1] = parameters.items[2];
    parameters.count = 2;
    assert_true(find(ANALYSIS_JOB_OBJECT_DETECTION, true, "a.py", &one));
    assert_true(one.gib < 5);
    parameters.count = 0;
    assert_false(
        find(ANALYSIS_JOB_IMAGE_CLASSIFICATION, true, "a.py", &one)); /* nothing is known */
    add("model", "large-v3", false);
    assert_true(find(ANALYSIS_JOB_SPEECH, false, "a.py", &one));
    assert_true(one.gib > 10 && one.gib < 12);
}

/* R1.6, P4: whatever is named, every figure is above zero, and the claim is text that can be sent. */
static void p4_every_requirement_is_above_zero(void **state)
{
    (void)state;
    static const char *const MODELS[] = {"",        "x-7b",    "9999b", "stable-diffusion-xl",
                                         "FLUX.1",  "yolov8x", "large", "é½",
                                         "70b-awq", "wan2.1",  "yolo"};
    static const char *const NUMBERS[] = {"1", "0.5", "1e300", "512", "1000000", "999999999999"};
    uint64_t random = 99;
    for (int i = 0; i < 20000; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t bits = random >> 20;
        parameters.count = 0;
        add("model", MODELS[bits % 11], false);
        add("batch_size", NUMBERS[bits / 11 % 6], true);
        add("resolution", NUMBERS[bits / 66 % 6], true);
        add("images", NUMBERS[bits / 396 % 6], true);
        struct jobtype jobtype = {.job =
                                      (enum analysis_job)(1 + (bits >> 12) % ANALYSIS_JOB_CUSTOM),
                                  .mode = (enum analysis_mode)(1 + (bits >> 20) % ANALYSIS_MODE_NA),
                                  .asks_for_gpu = true};
        struct frameworks frameworks = {.primary = ANALYSIS_FRAMEWORK_PYTORCH};
        struct analysis_requirements needs;
        struct analysis_estimate estimate;
        char claim[VRAM_CLAIM_MAX];
        needs_find(&frameworks, &jobtype, &parameters, 0, "lora.py", &needs, &estimate, claim);
        assert_true(needs.vram_mib > 0 && needs.tflops_milli > 0 && needs.ram_mib > 0 &&
                    needs.storage_mib > 0 && needs.gpus > 0);
        assert_true(utf8_is_valid(bytes_of_text(claim)) && claim[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_formulas_cover_what_was_measured),
        cmocka_unit_test(images_at_once_take_what_was_measured),
        cmocka_unit_test(batches_of_images_grow_with_their_area),
        cmocka_unit_test(p4_every_requirement_is_above_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
