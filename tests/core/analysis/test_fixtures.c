/* R1.5, R1.6: the files of tests/data/analysis, one at least for each trap and job type, against expected.tsv; and again with
 * other line ends and a byte order mark, which may change nothing. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/analysis.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 8
enum column { FILE_NAME, KIND, PRIMARY, JOB, MODE, TRAPS, PARAMETERS, NEEDS };

/* Taxonomy and traps of the corpus: each must stand in expected.tsv. `huge` is made by test_readers.c. */
static const char *const traps[] = {"string_or_comment_only",
                                    "comment_only",
                                    "markdown_only",
                                    "try_import",
                                    "func_import",
                                    "cond_import",
                                    "typecheck_import",
                                    "dynamic_import",
                                    "jax_via_flax",
                                    "torchvision_only",
                                    "torch_indirect",
                                    "keras_via_tf",
                                    "keras_without_tf",
                                    "tf_indirect",
                                    "framework_implied_by",
                                    "multi_framework",
                                    "py2",
                                    "py2_kernel",
                                    "unparsable",
                                    "unparsable_cells",
                                    "crlf",
                                    "not_utf8",
                                    "nbformat3",
                                    "magics",
                                    "pip_magic",
                                    "pip_installs",
                                    "star_import",
                                    "relative_imports_only",
                                    "no_imports",
                                    "weak_evidence",
                                    "mnist_mention",
                                    "mnist_unnamed",
                                    "from_arg",
                                    "multi_stage",
                                    "cuda_base",
                                    "rocm",
                                    "pip_requirements_file",
                                    "framework_only_in_requirements",
                                    "gpu_reservation",
                                    "runtime_nvidia",
                                    "gpu_in_comment",
                                    "rocm_devices",
                                    "build_context",
                                    "yaml_anchor",
                                    "env_interpolation",
                                    "git_url",
                                    "wheel_url",
                                    "extra_index",
                                    "env_marker",
                                    "nested_requirements",
                                    "conda_pip"};

struct fixture {
    struct buf table;
    struct buf file;
    struct buf changed;
    struct arena arena;
    struct analysis analysis;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err = {0};
    buf_init(&f->table, (size_t)1 << 20);
    buf_init(&f->file, (size_t)1 << 20);
    buf_init(&f->changed, (size_t)4 << 20);
    arena_init(&f->arena, (size_t)16 << 20);
    *state = f;
    return file_read(TALLY_SOURCE_DIR "/tests/data/analysis/expected.tsv", &f->table, &err) ==
                   ERR_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    buf_deinit(&f->table);
    buf_deinit(&f->file);
    buf_deinit(&f->changed);
    arena_deinit(&f->arena);
    free(f);
    return 0;
}

/* The next row behind `*at`, split in place; false at the end. */
static bool next_row(char **at, char *columns[COLUMNS])
{
    while (**at == '#') {
        *at = strchr(*at, '\n') + 1;
    }
    if (**at == '\0') {
        return false;
    }
    for (int i = 0; i < COLUMNS; i++) {
        columns[i] = *at;
        *at += strcspn(*at, "\t\n");
        assert_true(**at == (i + 1 < COLUMNS ? '\t' : '\n'));
        *(*at)++ = '\0';
    }
    return true;
}

static bool says(const char *wanted, const char *got)
{
    return strcmp(wanted, "?") == 0 || strcmp(wanted, got) == 0;
}

static void check_parameters(const struct analysis *a, const char *file, const char *wanted)
{
    char list[512];
    char *rest = NULL;
    snprintf(list, sizeof(list), "%s", strcmp(wanted, "-") == 0 ? "" : wanted);
    for (char *item = strtok_r(list, ";", &rest); item != NULL; item = strtok_r(NULL, ";", &rest)) {
        char *value = strchr(item, '=');
        assert_non_null(value);
        *value++ = '\0';
        const char *got = "absent";
        for (size_t i = 0; i < a->parameter_count; i++) {
            got = strcmp(a->parameters[i].name, item) == 0 ? a->parameters[i].value : got;
        }
        if (strcmp(got, value) != 0) {
            fail_msg("%s: %s is %s, not %s", file, item, got, value);
        }
    }
}

static void check_needs(const struct analysis_requirements *needs, const char *file,
                        const char *wanted)
{
    struct buf got;
    buf_init(&got, SOFTWARE_LIST_MAX);
    software_packages_append(needs->packages, ";", &got);
    if (needs->model != NULL) {
        buf_printf(&got, "%smodel=%s", got.size == 0 ? "" : ";", needs->model);
    }
    if (needs->image != NULL) {
        buf_printf(&got, "%simage=%s", got.size == 0 ? "" : ";", needs->image);
    }
    if (strcmp(got.size == 0 ? "-" : buf_text(&got), wanted) != 0) {
        fail_msg("%s: needs %s, not %s", file, buf_text(&got), wanted);
    }
    buf_deinit(&got);
}

static void check(struct fixture *f, struct bytes content, char *columns[COLUMNS], const char *how)
{
    struct err err = {0};
    arena_clear(&f->arena);
    if (analysis_run(content, columns[FILE_NAME], &f->arena, &f->analysis, &err) != ERR_OK) {
        fail_msg("%s%s: %s", columns[FILE_NAME], how, err.message);
    }
    const struct analysis *a = &f->analysis;
    if (!says(columns[KIND], analysis_kind_word(a->kind)) ||
        !says(columns[PRIMARY], analysis_framework_word(a->primary)) ||
        !says(columns[JOB], analysis_job_word(a->job)) ||
        !says(columns[MODE], analysis_mode_word(a->mode))) {
        fail_msg("%s%s: %s %s %s %s", columns[FILE_NAME], how, analysis_kind_word(a->kind),
                 analysis_framework_word(a->primary), analysis_job_word(a->job),
                 analysis_mode_word(a->mode));
    }
    check_parameters(a, columns[FILE_NAME], columns[PARAMETERS]);
    check_needs(&a->requirements, columns[FILE_NAME], columns[NEEDS]);
    assert_true(a->evidence_count > 0);
}

static void load(struct fixture *f, const char *name)
{
    struct err err = {0};
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/data/analysis/%s", TALLY_SOURCE_DIR, name);
    buf_clear(&f->file);
    assert_int_equal(file_read(path, &f->file, &err), ERR_OK);
}

static void fixtures_are_what_they_are(void **state)
{
    struct fixture *f = *state;
    char *at = (char *)f->table.data;
    char *columns[COLUMNS];
    size_t count = 0;
    for (; next_row(&at, columns); count++) {
        load(f, columns[FILE_NAME]);
        check(f, buf_bytes(&f->file), columns, "");
    }
    assert_true(count >= 50);
}

/* Goal: BOM and CRLF copies get the same answer, to the confidence. */
static void line_ends_and_byte_order_mark_change_nothing(void **state)
{
    struct fixture *f = *state;
    char *at = (char *)f->table.data;
    char *columns[COLUMNS];
    while (next_row(&at, columns)) {
        load(f, columns[FILE_NAME]);
        check(f, buf_bytes(&f->file), columns, "");
        struct analysis plain = f->analysis;
        buf_clear(&f->changed);
        buf_append_text(&f->changed, "\xEF\xBB\xBF");
        for (size_t i = 0; i < f->file.size; i++) {
            uint8_t c = f->file.data[i];
            if (c == '\n' && (i == 0 || f->file.data[i - 1] != '\r')) {
                buf_append_byte(&f->changed, '\r');
            }
            buf_append_byte(&f->changed, c);
        }
        check(f, buf_bytes(&f->changed), columns, " with BOM and CRLF");
        assert_int_equal(f->analysis.frameworks, plain.frameworks);
        assert_int_equal(f->analysis.job, plain.job);
        assert_int_equal(f->analysis.confidence_permille, plain.confidence_permille);
        assert_int_equal(f->analysis.parameter_count, plain.parameter_count);
        assert_int_equal(f->analysis.syntax_errors, plain.syntax_errors);
        if (f->analysis.evidence_count != plain.evidence_count) {
            fail_msg("%s: other evidence with BOM and CRLF", columns[FILE_NAME]);
        }
    }
}

static bool in_list(const char *list, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = strstr(list, word); at != NULL; at = strstr(at + 1, word)) {
        if ((at == list || at[-1] == ',') && (at[size] == ',' || at[size] == '\0')) {
            return true;
        }
    }
    return false;
}

static void every_trap_and_type_has_a_file(void **state)
{
    struct fixture *f = *state;
    char *at = (char *)f->table.data;
    char *columns[COLUMNS];
    bool seen[sizeof(traps) / sizeof(traps[0])] = {false};
    bool jobs[ANALYSIS_JOB_COUNT] = {false};
    while (next_row(&at, columns)) {
        for (size_t i = 0; i < sizeof(traps) / sizeof(traps[0]); i++) {
            seen[i] = seen[i] || in_list(columns[TRAPS], traps[i]);
        }
        for (uint32_t job = 1; job < ANALYSIS_JOB_COUNT; job++) {
            jobs[job] =
                jobs[job] || strcmp(columns[JOB], analysis_job_word((enum analysis_job)job)) == 0;
        }
    }
    for (size_t i = 0; i < sizeof(traps) / sizeof(traps[0]); i++) {
        if (!seen[i]) {
            fail_msg("no file for the trap %s", traps[i]);
        }
    }
    for (uint32_t job = 1; job < ANALYSIS_JOB_COUNT; job++) {
        if (!jobs[job]) {
            fail_msg("no file for the type %s", analysis_job_word((enum analysis_job)job));
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(fixtures_are_what_they_are),
        TEST(line_ends_and_byte_order_mark_change_nothing),
        TEST(every_trap_and_type_has_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
