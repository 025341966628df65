/* What each reader makes of its format, one construct at a time, and what it refuses. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/compose.h"
#include "core/analysis/dockerfile.h"
#include "core/analysis/json_scan.h"
#include "core/analysis/notebook.h"
#include "core/analysis/packages.h"
#include "core/analysis/requirements.h"
#include "core/analysis/shell.h"
#include "core/analysis/yaml.h"
#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct arena arena;
    struct facts_writer facts;
    struct err err;
    char text[4096];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    arena_init(&f->arena, (size_t)16 << 20);
    facts_writer_init(&f->facts, &f->arena);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    facts_writer_deinit(&f->facts);
    arena_deinit(&f->arena);
    free(f);
    return 0;
}

static void again(struct fixture *f)
{
    facts_writer_deinit(&f->facts);
    arena_clear(&f->arena);
    facts_writer_init(&f->facts, &f->arena);
}

/* "module@line ..." of what is installed or an image's */
static const char *installed(struct fixture *f)
{
    size_t size = 0;
    f->text[0] = '\0';
    for (const struct fact_import *i = f->facts.facts.imports; i != NULL && size < 4000;
         i = i->next) {
        if ((i->scope & (FACT_INSTALLED | FACT_IMAGE)) != 0) {
            size += (size_t)snprintf(f->text + size, sizeof(f->text) - size, "%s%s@%u",
                                     size == 0 ? "" : " ", i->module, i->line);
        }
    }
    return f->text;
}

static const char *commands(struct fixture *f)
{
    size_t size = 0;
    f->text[0] = '\0';
    for (const struct fact_name *n = f->facts.facts.names; n != NULL && size < 4000; n = n->next) {
        if (n->kind == FACT_COMMAND) {
            size += (size_t)snprintf(f->text + size, sizeof(f->text) - size, "%s%s",
                                     size == 0 ? "" : " ", n->text);
        }
    }
    return f->text;
}

static const char *literals(struct fixture *f)
{
    size_t size = 0;
    f->text[0] = '\0';
    for (const struct fact_literal *l = f->facts.facts.literals; l != NULL && size < 4000;
         l = l->next) {
        size += (size_t)snprintf(f->text + size, sizeof(f->text) - size, "%s%s=%s(%s)@%u",
                                 size == 0 ? "" : " ", l->name, l->value,
                                 analysis_source_word(l->source), l->line);
    }
    return f->text;
}

/* ── packages ──────────────────────────────────────────────────────────────────────────────────── */

static void requirements_are_named_however_they_are_written(void **state)
{
    static const struct {
        const char *written;
        const char *module;
    } rows[] = {
        {"torch==2.1", "torch@1"},
        {"Torch-Geometric>=2 ; python_version<'3'", "torch_geometric@1"},
        {"'transformers[torch]'", "transformers@1"},
        {"scikit-learn", "sklearn@1"},
        {"pytorch::pytorch=2.1", "torch@1"},
        {"tensorflow-gpu==1.15", "tensorflow@1"},
        {"mxnet-cu112", "mxnet@1"},
        {"name @ https://x.example/y.zip", "name@1"},
        {"git+https://x.example/a/diffusers.git", "diffusers@1"},
        {"git+https://x.example/a/b.git@v1#egg=Trl", "trl@1"},
        {"git+https://x.example/a/peft@main", "peft@1"},
        {"https://x.example/w/flash_attn-2.5-cp311-linux.whl", "flash_attn@1"},
        {"./local", ""},
        {"/abs/path", ""},
        {"", ""},
        {"@@@", ""},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        again(f);
        packages_add(&f->facts, (struct fact_place){.line = 1}, bytes_of_text(rows[i].written));
        if (strcmp(installed(f), rows[i].module) != 0) {
            fail_msg("%s: %s", rows[i].written, installed(f));
        }
    }
}

static void images_name_frameworks_by_path_and_gpus_by_tag(void **state)
{
    static const struct {
        const char *image;
        const char *modules;
        uint32_t gpus;
    } rows[] = {
        {"pytorch/pytorch:2.3.0-cuda12.1", "torch@1 torch@1", 1},
        {"nvcr.io/nvidia/tensorflow:22.03-tf2-py3", "tensorflow@1", 1},
        {"localhost:5000/lab/jax", "jax@1", 0},
        {"python:3.11-torch", "", 0}, /* a tag names what it likes */
        {"tensorflow/tensorflow:latest-gpu", "tensorflow@1 tensorflow@1", 1},
        {"ubuntu", "", 0},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        again(f);
        packages_add_image(&f->facts, (struct fact_place){.line = 1}, bytes_of_text(rows[i].image));
        assert_string_equal(installed(f), rows[i].modules);
        assert_int_equal(f->facts.facts.gpus, rows[i].gpus);
    }
}

static void a_requirements_file_has_comments_options_and_more_files(void **state)
{
    struct fixture *f = *state;
    requirements_read(
        &f->facts,
        bytes_of_text("# torch\n\n-r more.txt\n-e git+https://x.example/jax.git#egg=jax\r\n"
                      "--index-url https://y.example/torch\nkeras # not theano\n"));
    assert_string_equal(installed(f), "jax@4 keras@6");
    assert_string_equal(commands(f), "more.txt");
    assert_true(requirements_are_likely(bytes_of_text("a==1\nb>=2\n# c\nd\n")));
    assert_false(
        requirements_are_likely(bytes_of_text("Just a few words.\nAnd a line more here.\n")));
    assert_false(requirements_are_likely(bytes_of_text("one\n")));
}

/* ── shell ─────────────────────────────────────────────────────────────────────────────────────── */

static void shell_says_what_is_installed_and_started(void **state)
{
    struct fixture *f = *state;
    shell_read(&f->facts, (struct fact_place){.line = 5},
               bytes_of_text("pip3 install -q -r r.txt torch 'jax[cuda]' \\\n  keras && conda "
                             "install -y -c nvidia mxnet\n"
                             "python3.9 -m pip install \"sonnet\" # tensorflow\n"
                             "pip download theano; echo pip install caffe\n"));
    assert_string_equal(installed(f), "torch@5 jax@5 keras@6 mxnet@6 sonnet@7");
    again(f);
    shell_read(&f->facts, (struct fact_place){.line = 1},
               bytes_of_text(
                   "sudo LR=0.1 python train.py --epochs 3 --batch-size=8 lr=$LR model.size=7\n"));
    assert_string_equal(literals(f),
                        "LR=0.1(env)@1 --epochs=3(command)@1 --batch-size=8(command)@1 "
                        "model.size=7(command)@1");
    again(f);
    shell_read_file(
        &f->facts,
        bytes_of_text("#!/bin/sh\n#SBATCH --gres=gpu:a100:4\ntorchrun --nproc_per_node 8 x.py\n"));
    assert_int_equal(f->facts.facts.gpus, 8);
    assert_int_equal(f->facts.facts.gpu_line, 3);
}

/* Goal: quotes that never end and words without end cost nothing but themselves. */
static void shell_is_bounded(void **state)
{
    struct fixture *f = *state;
    size_t size = (size_t)1 << 20;
    char *text = malloc(size);
    memset(text, 'a', size);
    shell_read(&f->facts, (struct fact_place){.line = 1}, bytes_of(text, size));
    memset(text, '\'', size);
    shell_read(&f->facts, (struct fact_place){.line = 1}, bytes_of(text, size));
    for (size_t i = 0; i < size; i++) {
        text[i] = i % 2 == 0 ? 'x' : ' ';
    }
    shell_read(&f->facts, (struct fact_place){.line = 1}, bytes_of(text, size));
    assert_false(f->facts.out_of_memory);
    assert_in_range(f->facts.facts.name_count, 1, FACT_NAMES_MAX);
    free(text);
}

/* ── Dockerfile ────────────────────────────────────────────────────────────────────────────────── */

static void docker(struct fixture *f, const char *text)
{
    again(f);
    if (dockerfile_read(&f->facts, bytes_of_text(text), &f->err) != ERR_OK) {
        fail_msg("%s", f->err.message);
    }
}

static void dockerfile_variables_and_stages_are_understood(void **state)
{
    struct fixture *f = *state;
    docker(f,
           "ARG V=2.1\nARG IMAGE=pytorch:$V\nFROM --platform=linux/amd64 ${IMAGE} AS torch-base\n"
           "FROM torch-base\nFROM ${NONE:-example/jax}\nFROM scratch\n");
    assert_string_equal(installed(f), "torch@3 jax@5");
    docker(f, "FROM a\nENV TOOL keras\nENV A=1 B=\"two\"\nWORKDIR /w/$TOOL/${B}x$\n");
    assert_string_equal(commands(f), "a /w/keras/twox$");
}

static void dockerfile_lines_go_on_through_comments_and_heredocs(void **state)
{
    struct fixture *f = *state;
    docker(f, "from a\nrun apt-get update && \\\n  # torch\n\n  pip install \\\n  jax\n");
    assert_string_equal(installed(f), "jax@6");
    docker(f, "FROM a\nRUN pip install \\\n  # torch\n  keras\n");
    assert_string_equal(installed(f), "keras@4");
    docker(f, "FROM a\nRUN <<EOF\npip install torch\nEOF\nRUN pip install keras\nCOPY <<-\"END\" "
              "/x\nRUN pip install theano\nEND\n");
    assert_string_equal(installed(f), "torch@3 keras@5");
    docker(f, "# escape=`\nFROM a\nRUN pip install `\n  torch\n");
    assert_string_equal(installed(f), "torch@4");
    docker(f, "FROM a\nRUN [\"pip\", \"install\", \"torch\"]\nCMD [\"python\", \"serve.py\", "
              "\"--port\", \"80\"]\n");
    assert_string_equal(installed(f), "torch@2");
    assert_string_equal(literals(f), "--port=80(command)@3");
}

static void a_dockerfile_has_a_from(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(dockerfile_read(&f->facts, bytes_of_text("RUN x\n# FROM y\n"), &f->err),
                     ERR_INVALID);
    assert_non_null(strstr(f->err.message, "FROM"));
}

/* ── YAML ──────────────────────────────────────────────────────────────────────────────────────── */

static void compose_reservations_are_found_behind_anchors(void **state)
{
    struct fixture *f = *state;
    enum analysis_kind kind = ANALYSIS_KIND_UNKNOWN;
    assert_int_equal(
        compose_read(&f->facts,
                     bytes_of_text(
                         "x: &g\n  deploy:\n    resources:\n      reservations:\n        devices:\n"
                         "        - {driver: nvidia, count: all, capabilities: [gpu]}\n"
                         "services:\n  a:\n    <<: *g\n    image: me/jax\n"),
                     &kind, &f->err),
        ERR_OK);
    assert_int_equal(kind, ANALYSIS_KIND_COMPOSE);
    assert_int_equal(f->facts.facts.gpus, 1);
    assert_true(f->facts.facts.gpu_of_any_count);
    assert_int_equal(f->facts.facts.gpu_line, 6);
    assert_string_equal(installed(f), "jax@10");
    assert_string_equal(literals(f), "count=all(yaml)@6");
}

static void other_yaml_is_refused(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {{"a: 1\n", "services"},        {"services: [\n", "line"},
                {"\"\\q\"\n", "line"},         {"- a\n- b\n", "services"},
                {"a: *missing\n", "services"}, {"? [a, {b: c}]\n: d\n", "services"}};
    struct fixture *f = *state;
    enum analysis_kind kind = ANALYSIS_KIND_UNKNOWN;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        again(f);
        assert_int_equal(compose_read(&f->facts, bytes_of_text(rows[i].text), &kind, &f->err),
                         ERR_INVALID);
        if (strstr(f->err.message, rows[i].words) == NULL) {
            fail_msg("%s: %s", rows[i].text, f->err.message);
        }
    }
    char deep[256];
    memset(deep, '[', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    assert_int_equal(compose_read(&f->facts, bytes_of_text(deep), &kind, &f->err), ERR_INVALID);
    assert_non_null(strstr(f->err.message, "deeper"));
    /* As keys of keys they once took time that grew with the square of their number. */
    char *large = malloc(YAML_SIZE_MAX + 1);
    memset(large, '{', YAML_SIZE_MAX + 1);
    assert_int_equal(compose_read(&f->facts, bytes_of(large, YAML_SIZE_MAX), &kind, &f->err),
                     ERR_INVALID);
    assert_non_null(strstr(f->err.message, "deeper"));
    assert_int_equal(compose_read(&f->facts, bytes_of(large, YAML_SIZE_MAX + 1), &kind, &f->err),
                     ERR_TOO_LARGE);
    free(large);
}

/* Goal: nested aliases that stand for 10⁹ words are as many words as are written. */
static void yaml_aliases_are_not_expanded(void **state)
{
    struct fixture *f = *state;
    char text[4096];
    size_t size = (size_t)snprintf(text, sizeof(text), "a0: &a0 [x, x, x]\n");
    for (int i = 1; i < 20; i++) {
        size += (size_t)snprintf(text + size, sizeof(text) - size, "a%d: &a%d [*a%d, *a%d, *a%d]\n",
                                 i, i, i - 1, i - 1, i - 1);
    }
    (void)snprintf(text + size, sizeof(text) - size, "dependencies: [*a19, torch]\n");
    enum analysis_kind kind = ANALYSIS_KIND_UNKNOWN;
    assert_int_equal(compose_read(&f->facts, bytes_of_text(text), &kind, &f->err), ERR_OK);
    assert_int_equal(kind, ANALYSIS_KIND_REQUIREMENTS);
    assert_string_equal(installed(f), "torch@21");
}

/* Goal: directives that are each compared with all before them do not take time that grows with the square of their number: a MiB of
 * them took eleven seconds of processor time. Some are read, wherever their lines end. */
static void yaml_directives_are_few(void **state)
{
    struct fixture *f = *state;
    enum analysis_kind kind = ANALYSIS_KIND_UNKNOWN;
    char text[8192];
    for (int count = 64; count <= 65; count++) {
        size_t size = 0;
        for (int i = 0; i < count; i++) {
            size +=
                (size_t)snprintf(text + size, sizeof(text) - size, "%%TAG !a%d! tag:x,2000:\r", i);
        }
        (void)snprintf(text + size, sizeof(text) - size, "---\ndependencies: [torch]\n");
        enum err_code code = compose_read(&f->facts, bytes_of_text(text), &kind, &f->err);
        assert_int_equal(code, count == 64 ? ERR_OK : ERR_TOO_LARGE);
    }
    assert_non_null(strstr(f->err.message, "more than 64 %TAG directives"));
}

/* ── notebooks ─────────────────────────────────────────────────────────────────────────────────── */

static const struct analysis_limits LIMITS = {.source_size_max = (size_t)1 << 20,
                                              .file_size_max = (size_t)1 << 20,
                                              .parse_memory_max = (size_t)64 << 20,
                                              .parse_time_max_ms = 60000};

static enum err_code read_notebook(struct fixture *f, struct notebook *notebook, struct bytes text)
{
    again(f);
    notebook_init(notebook, &LIMITS);
    return notebook_read(notebook, text, &LIMITS, &f->facts, &f->err);
}

static void a_fact_of_a_cell_knows_its_line_in_the_file(void **state)
{
    struct fixture *f = *state;
    struct notebook notebook;
    assert_int_equal(
        read_notebook(
            f, &notebook,
            bytes_of_text(
                "{\"cells\": [\n{\"source\": [\n\"x = 1\\n\",\n\"!pip install "
                "keras\\n\",\n\"import torch\"],\n"
                "\"outputs\": [{\"cells\": [\"import jax\"]}], \"cell_type\": \"code\"},\n"
                "{\"cell_type\": \"code\", \"source\": \"import flax\\nimport \\u006aax\"}]}")),
        ERR_OK);
    const struct fact_import *keras = f->facts.facts.imports;
    assert_string_equal(keras->module, "keras");
    assert_int_equal(keras->scope, FACT_INSTALLED);
    const struct fact_import *torch = keras->next;
    assert_string_equal(torch->module, "torch");
    assert_int_equal(notebook_file_line(&notebook, torch->line), 5);
    const struct fact_import *jax = torch->next->next;
    assert_string_equal(jax->module, "jax");
    assert_int_equal(notebook_file_line(&notebook, jax->line), 7);
    assert_null(jax->next);
    assert_int_equal(notebook_file_line(&notebook, 9999), 0);
    notebook_deinit(&notebook);
}

static void what_is_no_notebook_is_told_so(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {
        {"{}", "no `cells`"},
        {"[]", "wrong character"},
        {"{\"cells\": [", "ends too early"},
        {"{\"cells\": [{\"source\": \"x", "ends in a string"},
        {"{\"cells\": 7}", "wrong character"},
        {"{\"cells\": [1]}", "wrong character"},
        {"{\"cells\": [] \"a\"}", "wrong character"},
        {"{\"a\": [}]}", "wrong bracket"},
        {"{\"cells\": [{\"cell_type\": \"code\", \"source\": [\"\\q\"]}]}", "wrong escape"},
        {"{\"cells\": [{\"cell_type\": \"code\", \"source\": [\"\\u12\"]}]}", "wrong \\u escape"},
        {"{\"cells\": [{\"cell_type\": \"code\", \"source\": {}}]}", "wrong character"},
        {"\x89PNG", "wrong character"}};
    struct fixture *f = *state;
    struct notebook notebook;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum err_code code = read_notebook(f, &notebook, bytes_of_text(rows[i].text));
        if (code != ERR_INVALID || strstr(f->err.message, rows[i].words) == NULL) {
            fail_msg("%s: %s %s", rows[i].text, err_code_name(code), f->err.message);
        }
        notebook_deinit(&notebook);
    }
}

static void deep_json_is_refused_without_a_stack(void **state)
{
    struct fixture *f = *state;
    struct notebook notebook;
    size_t size = (size_t)1 << 20;
    char *text = malloc(size);
    memset(text, '[', size);
    memcpy(text, "{\"a\":", 5);
    assert_int_equal(read_notebook(f, &notebook, bytes_of(text, size)), ERR_INVALID);
    assert_non_null(strstr(f->err.message, "deeper than 512"));
    notebook_deinit(&notebook);
    free(text);
}

static void a_large_output_is_skipped_and_large_code_refused(void **state)
{
    struct fixture *f = *state;
    struct notebook notebook;
    struct buf text;
    buf_init(&text, (size_t)16 << 20);
    buf_append_text(&text, "{\"cells\": [{\"cell_type\": \"code\", \"outputs\": [\"");
    for (int i = 0; i < 600000; i++) {
        buf_append_byte(&text, 'A');
    }
    buf_append_text(&text, "\"], \"source\": [\"import torch\"]}]}");
    assert_int_equal(read_notebook(f, &notebook, buf_bytes(&text)), ERR_OK);
    assert_string_equal(f->facts.facts.imports->module, "torch");
    notebook_deinit(&notebook);
    buf_clear(&text);
    buf_append_text(&text, "{\"cells\": [{\"cell_type\": \"code\", \"source\": [\"");
    for (size_t i = 0; i < LIMITS.source_size_max + 1; i++) {
        buf_append_byte(&text, '#');
    }
    buf_append_text(&text, "\"]}]}");
    assert_int_equal(read_notebook(f, &notebook, buf_bytes(&text)), ERR_TOO_LARGE);
    assert_non_null(strstr(f->err.message, "1048576"));
    notebook_deinit(&notebook);
    buf_deinit(&text);
}

static void json_escapes_become_utf8(void **state)
{
    (void)state;
    struct json_scan scan;
    struct buf text;
    buf_init(&text, 100);
    json_scan_init(&scan, bytes_of_text(" \"\\u00e9\\ud83d\\ude00\\ud800x\\n\\/\""));
    assert_true(json_scan_string(&scan, &text));
    assert_string_equal(buf_text(&text), "\xC3\xA9\xF0\x9F\x98\x80\xEF\xBF\xBDx\n/");
    buf_deinit(&text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(requirements_are_named_however_they_are_written),
        TEST(images_name_frameworks_by_path_and_gpus_by_tag),
        TEST(a_requirements_file_has_comments_options_and_more_files),
        TEST(shell_says_what_is_installed_and_started),
        TEST(shell_is_bounded),
        TEST(dockerfile_variables_and_stages_are_understood),
        TEST(dockerfile_lines_go_on_through_comments_and_heredocs),
        TEST(a_dockerfile_has_a_from),
        TEST(compose_reservations_are_found_behind_anchors),
        TEST(other_yaml_is_refused),
        TEST(yaml_aliases_are_not_expanded),
        TEST(yaml_directives_are_few),
        TEST(a_fact_of_a_cell_knows_its_line_in_the_file),
        TEST(what_is_no_notebook_is_told_so),
        TEST(deep_json_is_refused_without_a_stack),
        TEST(a_large_output_is_skipped_and_large_code_refused),
        TEST(json_escapes_become_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
