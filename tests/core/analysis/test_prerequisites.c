/* R1.6, R2.4: what a job cannot start without, by name: Python packages, a model, a container image; and only where that is certain. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/analysis.h"
#include "tests/support/cmocka_all.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct found {
    struct arena arena;
    struct analysis analysis;
};

static int setup(void **state)
{
    struct found *f = calloc(1, sizeof *f);
    arena_init(&f->arena, (size_t)16 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct found *f = *state;
    arena_deinit(&f->arena);
    free(f);
    return 0;
}

static const struct analysis_requirements *analyse(struct found *f, const char *name,
                                                   const char *text)
{
    struct err err = {0};
    arena_clear(&f->arena);
    if (analysis_run(bytes_of_text(text), name, &f->arena, &f->analysis, &err) != ERR_OK) {
        fail_msg("%s: %s", name, err.message);
    }
    return &f->analysis.requirements;
}

static const struct {
    const char *value;
    const char *model; /* NULL: none */
} MODELS[] = {
    {"stabilityai/sd-turbo", "stabilityai/sd-turbo"},
    {"Qwen/Qwen1.5-0.5B", "Qwen/Qwen1.5-0.5B"},
    {"TheBloke/Llama-2-7B-GGUF", "TheBloke/Llama-2-7B-GGUF"},
    {"/models/sd-turbo", "sd-turbo"},
    {"/models/sd-turbo/", "sd-turbo"},
    {"/models/sd-turbo/model.safetensors", "sd-turbo"},
    {"/models/stabilityai/sd-turbo", "stabilityai/sd-turbo"},
    {"/models/stabilityai/sd-turbo/model_index.json", "stabilityai/sd-turbo"},
    /* Folders and files of its own, sizes, addresses, examples: none of the machine's. */
    {"", NULL},
    {"/", NULL},
    {"gpt2", NULL},
    {"resnet50", NULL},
    {"model", NULL},
    {"./model", NULL},
    {"../stabilityai/sd-turbo", NULL},
    {"~/sd-turbo", NULL},
    {"results/bert", NULL},
    {"my_outputs/bert", NULL},
    {"Checkpoints/best", NULL},
    {"bert/checkpoint-500", NULL},
    {"your-name/your-model", NULL},
    {"stabilityai/sd-turbo/unet", NULL},
    {"stabilityai/", NULL},
    {"/sd-turbo", NULL},
    {"yolo/best.pt", NULL},
    {"configs/bert.YAML", NULL},
    {"https://example.org/sd", NULL},
    {"C:\\sd/turbo", NULL},
    {"stabilityai/sd turbo", NULL},
    {"stabilityai/sd--turbo", NULL},
    {"stabilityai/..", NULL},
    {"/models", NULL},
    {"/models/", NULL},
    {"/models//", NULL},
    {"/models/../etc", NULL},
    {"/models/sd.ckpt", NULL},
    {"/models/models--a--b/snapshots", NULL},
    {"/models/a/b/c", NULL},
    {"/models/.hidden", NULL},
};

static void a_models_name_is_one_of_a_hub_or_a_folder_of_the_machines(void **state)
{
    (void)state;
    char model[SOFTWARE_MODEL_MAX + 1];
    for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS; i++) {
        (void)snprintf(model, sizeof model, "untouched");
        bool const is = analysis_model_of(MODELS[i].value, model);
        const char *want = MODELS[i].model == NULL ? "untouched" : MODELS[i].model;
        if (is != (MODELS[i].model != NULL) || strcmp(model, want) != 0) {
            fail_msg("%s: %d %s", MODELS[i].value, is, model);
        }
    }
}

static void a_models_name_of_any_length_is_looked_at(void **state)
{
    (void)state;
    char value[4 * SOFTWARE_MODEL_MAX] = "/models/";
    char model[SOFTWARE_MODEL_MAX + 1];
    size_t const before = strlen(value);
    memset(value + before, 'a', sizeof value - before - 1);
    for (size_t size = sizeof value - before - 1; size > 0; size--) {
        value[before + size] = '\0';
        assert_int_equal(analysis_model_of(value, model), size <= SOFTWARE_MODEL_MAX);
    }
}

static json_t *needs_in_json(const struct analysis *analysis)
{
    struct buf buf;
    buf_init(&buf, (size_t)1 << 20);
    assert_int_equal(analysis_json(analysis, NULL, &buf, NULL), ERR_OK);
    json_t *json = json_loads(buf_text(&buf), 0, NULL);
    assert_non_null(json);
    json_t *needs = json_incref(json_object_get(json, "requirements"));
    json_decref(json);
    buf_deinit(&buf);
    return needs;
}

static void they_stand_by_name_in_the_json(void **state)
{
    struct found *f = *state;
    (void)analyse(f, "hello.py", "print(1)\n");
    json_t *none = needs_in_json(&f->analysis);
    assert_int_equal(json_array_size(json_object_get(none, "packages")), 0);
    assert_true(json_is_null(json_object_get(none, "model")));
    assert_true(json_is_null(json_object_get(none, "image")));
    json_decref(none);

    f->analysis.requirements.packages = software_packages_of(bytes_of_text("diffusers torch"));
    f->analysis.requirements.model = "stabilityai/sd-turbo";
    f->analysis.requirements.image = "python:3.11-slim";
    json_t *all = needs_in_json(&f->analysis);
    json_t *packages = json_object_get(all, "packages");
    assert_int_equal(json_array_size(packages), 2);
    assert_string_equal(json_string_value(json_array_get(packages, 0)), "torch");
    assert_string_equal(json_string_value(json_array_get(packages, 1)), "diffusers");
    assert_string_equal(json_string_value(json_object_get(all, "model")), "stabilityai/sd-turbo");
    assert_string_equal(json_string_value(json_object_get(all, "image")), "python:3.11-slim");
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_models_name_is_one_of_a_hub_or_a_folder_of_the_machines),
        cmocka_unit_test(a_models_name_of_any_length_is_looked_at),
        cmocka_unit_test_setup_teardown(they_stand_by_name_in_the_json, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
