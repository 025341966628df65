/* P1, P6, P51, P57, R1.5, R1.8: several files as one job: which one starts it, what is reached, what each bad one is told. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/analysis.h"
#include "tests/support/archive_maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)
#define FILES_MAX 16
#define MAIN "if __name__ == \"__main__\":\n    pass\n"

static const struct analysis_limits defaults = ANALYSIS_LIMITS;

struct file {
    const char *path;
    const char *text;
};

struct fixture {
    struct arena arena;
    struct analysis found;
    struct err err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    arena_init(&f->arena, (size_t)16 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_deinit(&f->arena);
    free(f);
    return 0;
}

static size_t count_of(const struct file *files)
{
    size_t count = 0;
    while (files[count].path != NULL) {
        count++;
    }
    return count;
}

static enum err_code run(struct fixture *f, const struct file *files, const char *entry)
{
    struct analysis_input inputs[FILES_MAX];
    size_t count = count_of(files);
    assert_true(count <= FILES_MAX);
    for (size_t i = 0; i < count; i++) {
        inputs[i] = (struct analysis_input){.path = files[i].path,
                                            .size = strlen(files[i].text),
                                            .content = bytes_of_text(files[i].text)};
    }
    f->err.message[0] = '\0';
    const struct analysis_files drop = {
        .inputs = inputs, .count = count, .entry = entry, .loose = true};
    return analysis_run_files(&drop, &defaults, &f->arena, &f->found, &f->err);
}

static const struct analysis_file *file_of(const struct fixture *f, const char *path)
{
    for (size_t i = 0; i < f->found.file_count; i++) {
        if (strcmp(f->found.files[i].path, path) == 0) {
            return &f->found.files[i];
        }
    }
    fail_msg("%s is not listed", path);
    return NULL;
}

static const char *parameter(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->found.parameter_count; i++) {
        if (strcmp(f->found.parameters[i].name, name) == 0) {
            return f->found.parameters[i].value;
        }
    }
    return "none";
}

/* The file and line of the first claim that begins so. */
static const struct analysis_evidence *claim(const struct fixture *f, const char *start)
{
    for (size_t i = 0; i < f->found.evidence_count; i++) {
        if (strncmp(f->found.evidence[i].claim, start, strlen(start)) == 0) {
            return &f->found.evidence[i];
        }
    }
    fail_msg("nothing claims: %s", start);
    return NULL;
}

/* ── the entry ─────────────────────────────────────────────────────────────────────────────────── */

static void the_entry_is_found_by_the_rules_in_order(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *entry;
        const char *why;
        struct file files[6];
    } cases[] = {
        {"go.py", "the only script", {{"go.py", "import torch\n"}, {"a.csv", "a,b\n1,2\n"}}},
        {"nb.ipynb",
         "the only script",
         {{"nb.ipynb", "{\"cells\":[{\"cell_type\":\"code\",\"source\":\"import torch\"}]}"},
          {"requirements.txt", "torch\n"}}},
        {"go.py",
         "the only script", /* tests and packages are none */
         {{"go.py", "import torch\n"},
          {"setup.py", "import setuptools\n"},
          {"tests/test_go.py", "import go\n"},
          {"pkg/__init__.py", ""}}},
        {"train.py",
         "by its name",
         {{"train.py", "import model\n"}, {"model.py", "import torch\n" MAIN}, {"x.py", MAIN}}},
        {"main.py",
         "by its name", /* train.py is imported, so it is not what starts */
         {{"main.py", "import train\n"}, {"train.py", "import torch\n"}, {"a.py", "import b\n"}}},
        {"main.py",
         "by its name", /* the highest in the folders */
         {{"lib/main.py", "import torch\n"}, {"main.py", "import x\n"}, {"x.py", "y = 1\n"}}},
        {"fit.py",
         "it says `if __name__",
         {{"fit.py", "import net\n" MAIN}, {"net.py", "import torch\n" MAIN}, {"b.py", "x = 1\n"}}},
        {"b.py",
         "a launcher names it",
         {{"a.py", "x = 1\n" MAIN},
          {"b.py", "y = 1\n" MAIN},
          {"run.sh", "python3 -u b.py --x 1\n"}}},
        {"src/b.py",
         "a launcher names it",
         {{"src/a.py", "x = 1\n"}, {"src/b.py", "y = 1\n"}, {"run.sh", "python -m src.b\n"}}},
        {"b.py",
         "a launcher names it",
         {{"a.py", "x = 1\n"},
          {"b.py", "y = 1\n"},
          {"Dockerfile", "FROM python:3\nCMD [\"python\", \"/app/b.py\"]\n"}}},
        {"run.sh",
         "the only launcher",
         {{"run.sh", "pip install torch\n"}, {"a.csv", "a,b\n1,2\n"}}},
        {"Dockerfile",
         "the only file that starts",
         {{"Dockerfile", "FROM pytorch/pytorch\n"}, {"requirements.txt", "torch\n"}}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (run(f, cases[i].files, NULL) != ERR_OK) {
            fail_msg("case %zu: %s", i, f->err.message);
        }
        assert_string_equal(f->found.entry, cases[i].entry);
        assert_int_equal(f->found.kind, ANALYSIS_KIND_BUNDLE);
        const struct analysis_evidence *why = claim(f, "entry point: ");
        assert_string_equal(why->file, cases[i].entry);
        assert_non_null(strstr(why->claim, cases[i].why));
    }
}

static void an_open_question_lists_the_candidates_and_can_be_answered(void **state)
{
    struct fixture *f = *state;
    static const struct file files[] = {{"sweep.py", "import torch\nEPOCHS = 3\n" MAIN},
                                        {"evaluate.py", "import jax\nEPOCHS = 4\n" MAIN},
                                        {"common.py", "x = 1\n"},
                                        {NULL, NULL}};
    assert_int_equal(run(f, files, NULL), ERR_INVALID);
    assert_string_equal(f->err.message,
                        "which file starts the job? It could be sweep.py, evaluate.py; name one as "
                        "the entry");
    assert_int_equal(run(f, files, "evaluate.py"), ERR_OK);
    assert_string_equal(f->found.entry, "evaluate.py");
    assert_int_equal(f->found.primary, ANALYSIS_FRAMEWORK_JAX);
    assert_string_equal(parameter(f, "epochs"), "4");
    assert_int_equal(run(f, files, "nothing.py"), ERR_INVALID);
    assert_string_equal(f->err.message, "the entry `nothing.py` is not among the files");
}

/* ── what is reached ───────────────────────────────────────────────────────────────────────────── */

static void facts_of_helpers_requirements_and_data_are_merged_with_their_files(void **state)
{
    struct fixture *f = *state;
    static const struct file files[] = {
        {"job/train.py", "from .lib import model\nimport lib.data as d\n\nEPOCHS = 7\n"},
        {"job/lib/__init__.py", ""},
        {"job/lib/model.py", "# a model\nimport torch\nfrom torchvision.models import resnet50\n"},
        {"job/lib/data.py", "BATCH_SIZE = 96\n"},
        {"job/unused.py", "import tensorflow\nEPOCHS = 99\n"},
        {"requirements.txt", "torch\nsupermarket\n"},
        {"job/data/train.csv", "a,b,c\n1,2,3\n4,5,6\n"},
        {NULL, NULL}};
    assert_int_equal(run(f, files, NULL), ERR_OK);
    assert_string_equal(f->found.entry, "job/train.py");
    assert_int_equal(f->found.primary, ANALYSIS_FRAMEWORK_PYTORCH);
    assert_int_equal(f->found.frameworks, 1u << ANALYSIS_FRAMEWORK_PYTORCH);
    assert_string_equal(parameter(f, "epochs"), "7");
    assert_string_equal(parameter(f, "batch_size"), "96");
    assert_string_equal(parameter(f, "rows"), "2");
    assert_string_equal(parameter(f, "data"), "tabular");

    const struct analysis_evidence *torch = claim(f, "framework pytorch");
    assert_string_equal(torch->file, "job/lib/model.py");
    assert_int_equal(torch->line, 2);
    assert_string_equal(torch->words, "import torch");
    const struct analysis_evidence *batch = claim(f, "parameter batch_size = 96");
    assert_string_equal(batch->file, "job/lib/data.py");
    assert_int_equal(batch->line, 1);
    assert_string_equal(batch->words, "BATCH_SIZE = 96");
    assert_string_equal(claim(f, "parameter rows = 2")->file, "job/data/train.csv");
    assert_non_null(strstr(claim(f, "1 more files")->claim, "not reached"));

    assert_int_equal(file_of(f, "job/train.py")->role, ANALYSIS_ROLE_ENTRY);
    assert_int_equal(file_of(f, "job/lib/data.py")->role, ANALYSIS_ROLE_USED);
    assert_int_equal(file_of(f, "requirements.txt")->role, ANALYSIS_ROLE_USED);
    assert_int_equal(file_of(f, "job/unused.py")->role, ANALYSIS_ROLE_UNUSED);
    assert_int_equal(file_of(f, "job/data/train.csv")->role, ANALYSIS_ROLE_DATA);
}

static void lines_of_a_notebook_are_those_of_its_file(void **state)
{
    struct fixture *f = *state;
    static const struct file files[] = {
        {"a.ipynb",
         "{\"cells\": [\n {\"cell_type\": \"code\",\n  \"source\": [\n   \"import helper\\n\",\n"
         "   \"EPOCHS = 2\\n\"]}]}\n"},
        {"helper.py", "\n\nimport torch\n"},
        {NULL, NULL}};
    assert_int_equal(run(f, files, "a.ipynb"), ERR_OK);
    assert_int_equal(claim(f, "parameter epochs = 2")->line, 5);
    assert_string_equal(claim(f, "parameter epochs = 2")->file, "a.ipynb");
    assert_int_equal(claim(f, "framework pytorch")->line, 3);
    assert_string_equal(claim(f, "framework pytorch")->file, "helper.py");
}

/* Goal: a program that imports only a package of its own is known by what the requirements install. */
static void requirements_count_where_no_import_says_more(void **state)
{
    struct fixture *f = *state;
    static const struct file files[] = {{"main.py", "import acme_internal\nacme_internal.go()\n"},
                                        {"requirements.txt", "# ours\ntorch==2.1\n"},
                                        {NULL, NULL}};
    assert_int_equal(run(f, files, NULL), ERR_OK);
    assert_int_equal(f->found.primary, ANALYSIS_FRAMEWORK_PYTORCH);
    assert_string_equal(claim(f, "framework pytorch")->file, "requirements.txt");
    assert_int_equal(claim(f, "framework pytorch")->line, 2);
    static const struct file imports[] = {
        {"main.py", "import jax\n"}, {"requirements.txt", "torch==2.1\n"}, {NULL, NULL}};
    assert_int_equal(run(f, imports, NULL), ERR_OK);
    assert_int_equal(f->found.primary, ANALYSIS_FRAMEWORK_JAX);
}

/* ── bad files ─────────────────────────────────────────────────────────────────────────────────── */

static void each_bad_file_has_its_reason_and_the_good_ones_stay(void **state)
{
    struct fixture *f = *state;
    static const struct file files[] = {{"train.py", "import torch\n"},
                                        {"broken.ipynb", "{\"cells\": 3"},
                                        {"renamed.py", "\x01\x02\x03\x04"},
                                        {"tool.exe", "MZ"},
                                        {"empty.sh", ""},
                                        {"not.png", "no image"},
                                        {"more.zip", "PK\x03\x04"},
                                        {"good.csv", "a,b\n1,2\n"},
                                        {NULL, NULL}};
    static const struct {
        const char *path;
        const char *words;
    } bad[] = {{"broken.ipynb", "not JSON"},
               {"renamed.py", "not text"},
               {"tool.exe", "supported: Python source (.py)"},
               {"empty.sh", "empty"},
               {"not.png", "named like a PNG"},
               {"more.zip", "an archive among other files"}};
    assert_int_equal(run(f, files, NULL), ERR_OK);
    assert_string_equal(f->found.entry, "train.py");
    assert_string_equal(parameter(f, "items"), "1");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct analysis_file *file = file_of(f, bad[i].path);
        assert_int_equal(file->role, ANALYSIS_ROLE_REJECTED);
        if (strstr(file->error, bad[i].words) == NULL) {
            fail_msg("%s: %s", file->path, file->error);
        }
    }
    assert_int_equal(f->found.file_count, 8);
}

static void nothing_good_is_an_error_that_says_what_would_be(void **state)
{
    struct fixture *f = *state;
    static const struct file files[] = {{"tool.exe", "MZ"}, {NULL, NULL}};
    assert_int_equal(run(f, files, NULL), ERR_INVALID);
    assert_non_null(strstr(f->err.message, "Python source (.py)"));
}

/* P6 over generated drops (seed printed): of any mix of good and bad files every good one is kept, and every bad one and no
 * other has a reason of its own that names it. P51: whatever is answered has a type, and figures above zero. */
static void P6_any_mix_keeps_the_good_and_explains_the_bad(void **state)
{
    struct fixture *f = *state;
    static const struct file good[] = {{"go.py", "import torch\n"},
                                       {"requirements.txt", "torch\n"},
                                       {"data.csv", "a,b\n1,2\n"},
                                       {"rows.jsonl", "{\"a\": 1}\n"},
                                       {"notes.txt", "torch\n"}};
    static const struct file bad[] = {{"a.exe", "MZ"},          {"b.png", "no image"},
                                      {"c.ipynb", "[]"},        {"d.py", "\x01\x02\x03"},
                                      {"e.parquet", "PAR"},     {"f.sh", " \n"},
                                      {"g.tar.gz", "\x1f\x8b"}, {"h.toml", "a = 1\n"}};
    const unsigned seed = 20260117;
    uint32_t x = seed;
    print_message("seed %u\n", seed);
    for (int round = 0; round < 200; round++) {
        struct file drop[FILES_MAX] = {{"go.py", "import torch\n"}};
        bool is_bad[FILES_MAX] = {false};
        size_t count = 1;
        for (size_t i = 1; i < sizeof(good) / sizeof(good[0]); i++) {
            x = x * 1664525 + 1013904223;
            if ((x >> 30) != 0) {
                drop[count++] = good[i];
            }
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            x = x * 1664525 + 1013904223;
            if ((x >> 31) != 0) {
                is_bad[count] = true;
                drop[count++] = bad[i];
            }
        }
        for (size_t i = count - 1; i > 0; i--) { /* shuffled */
            x = x * 1664525 + 1013904223;
            size_t j = (x >> 16) % (i + 1);
            struct file file = drop[i];
            bool was = is_bad[i];
            drop[i] = drop[j];
            is_bad[i] = is_bad[j];
            drop[j] = file;
            is_bad[j] = was;
        }
        arena_clear(&f->arena);
        if (run(f, drop, NULL) != ERR_OK) {
            fail_msg("round %d: %s", round, f->err.message);
        }
        assert_string_equal(analysis_job_word(f->found.job), "custom");
        assert_true(f->found.requirements.vram_mib > 0 && f->found.requirements.tflops_milli > 0 &&
                    f->found.requirements.ram_mib > 0 && f->found.requirements.storage_mib > 0);
        for (size_t i = 0; i < count; i++) {
            const struct analysis_file *file = file_of(f, drop[i].path);
            assert_int_equal(file->role == ANALYSIS_ROLE_REJECTED, is_bad[i]);
            assert_int_equal(file->error != NULL, is_bad[i]);
            assert_true(!is_bad[i] || strstr(file->error, drop[i].path) != NULL);
        }
    }
}

/* P1, P57 over generated names and sizes (seed printed): a file is over its limit exactly when it is longer, alone and among others, and
 * then the message names the limit and the file. */
static void P57_too_large_names_the_limit(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"a.py", "b.sh", "c.ipynb", "Dockerfile",
                                        "requirements.txt"};
    struct analysis_limits limits = defaults;
    const unsigned seed = 20260118;
    uint32_t x = seed;
    char text[4096];
    print_message("seed %u\n", seed);
    for (int round = 0; round < 200; round++) {
        x = x * 1664525 + 1013904223;
        const char *name = names[(x >> 16) % 5];
        bool is_notebook = strcmp(name, "c.ipynb") == 0;
        limits.source_size_max = 200 + (x >> 24);
        limits.file_size_max = 900 + (x >> 25);
        size_t max = is_notebook ? limits.file_size_max : limits.source_size_max;
        x = x * 1664525 + 1013904223;
        size_t size = max - 20 + (x >> 26);
        memset(text, '#', size);
        memcpy(text, "FROM x\n", 7);
        memset(text + 7, '\n', 1);
        char limit[32];
        (void)snprintf(limit, sizeof(limit), "at most %zu are read", max);
        arena_clear(&f->arena);
        enum err_code code = analysis_run_limited(bytes_of(text, size), name, &limits, &f->arena,
                                                  &f->found, &f->err);
        assert_int_equal(code == ERR_TOO_LARGE, size > max);
        assert_true(size <= max || (strstr(f->err.message, limit) != NULL &&
                                    strstr(f->err.message, name) != NULL));
        const struct analysis_input inputs[] = {
            {.path = "go.py", .size = 9, .content = bytes_of_text("import os")},
            {.path = name, .size = size, .content = bytes_of(text, size)}};
        const struct analysis_files drop = {
            .inputs = inputs, .count = 2, .entry = "go.py", .loose = true};
        assert_int_equal(analysis_run_files(&drop, &limits, &f->arena, &f->found, &f->err), ERR_OK);
        const char *error = file_of(f, name)->error;
        bool says = error != NULL && strstr(error, limit) != NULL && strstr(error, name) != NULL;
        assert_int_equal(says, size > max);
    }
}

/* ── archives ──────────────────────────────────────────────────────────────────────────────────── */

static void an_archive_with_a_program_is_a_bundle(void **state)
{
    struct fixture *f = *state;
    struct archive_maker maker;
    static const char *const names[] = {".zip", ".tar", ".tar.gz", ".tar.zst"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "job%s", names[i]);
        archive_make(&maker, names[i], NULL, MIB);
        archive_put_text(&maker, "proj/README.md", "# a project\n");
        archive_put_text(&maker, "proj/main.py", "import net\nEPOCHS = 3\n");
        archive_put_text(&maker, "proj/net.py", "import torch\n");
        archive_put_text(&maker, "proj/config.yaml", "lr: 0.1\n");
        archive_put_text(&maker, "proj/requirements.txt", "torch\n");
        archive_put_text(&maker, "proj/data.csv", "a,b\n1,2\n");
        archive_put_text(&maker, "__MACOSX/proj/._main.py", "\x01\x02");
        f->err.message[0] = '\0';
        if (analysis_run(archive_made(&maker), name, &f->arena, &f->found, &f->err) != ERR_OK) {
            fail_msg("%s", f->err.message);
        }
        assert_int_equal(f->found.kind, ANALYSIS_KIND_BUNDLE);
        assert_string_equal(f->found.entry, "proj/main.py");
        assert_int_equal(f->found.primary, ANALYSIS_FRAMEWORK_PYTORCH);
        assert_string_equal(parameter(f, "rows"), "1");
        assert_int_equal(f->found.file_count, 3);
        assert_int_equal(f->found.file_count_all, 6);
        archive_unmake(&maker);
    }
}

/* Goal: what is quoted is what runs: of two files of one path only the later would be there when they are unpacked. */
static void a_path_that_is_there_twice_is_refused(void **state)
{
    struct fixture *f = *state;
    struct archive_maker maker;
    static const char *const names[] = {".zip", ".tar"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "job%s", names[i]);
        archive_make(&maker, names[i], NULL, MIB);
        archive_put_text(&maker, "proj/main.py", "import torch\n");
        archive_put_text(&maker, "proj/Main.py", "import jax\n"); /* another file */
        archive_put_text(&maker, "proj/./main.py", "import tensorflow\n");
        assert_int_equal(analysis_run(archive_made(&maker), name, &f->arena, &f->found, &f->err),
                         ERR_INVALID);
        assert_non_null(strstr(f->err.message, "`proj/main.py` is there twice"));
        archive_unmake(&maker);
    }
}

/* Goal: looking for the entry and reading what it reaches have one time together, and the limit that is told is that one. */
static void all_files_together_have_one_time(void **state)
{
    struct fixture *f = *state;
    struct archive_maker maker;
    struct analysis_limits hurried = defaults;
    size_t size = 500 * (size_t)1024;
    char *text = malloc(size);
    for (size_t i = 0; i + 2 <= size; i += 2) {
        memcpy(text + i, "a\n", 2);
    }
    archive_make(&maker, ".tar", NULL, 16 * MIB);
    for (int i = 0; i < 6; i++) {
        char path[16];
        (void)snprintf(path, sizeof(path), "m%d.py", i);
        archive_put(&maker, path, text, size);
    }
    archive_put_text(&maker, "main.py", "import m0, m1, m2, m3, m4, m5\n");
    hurried.together_time_max_ms = 20;
    assert_int_equal(analysis_run_entry(archive_made(&maker), "job.tar", NULL, &hurried, &f->arena,
                                        &f->found, &f->err),
                     ERR_TIMEOUT);
    assert_non_null(strstr(f->err.message, "20 ms"));
    archive_unmake(&maker);
    free(text);
}

static void the_entry_of_an_archive_can_be_named_and_of_one_file_not(void **state)
{
    struct fixture *f = *state;
    struct archive_maker maker;
    archive_make(&maker, ".zip", NULL, MIB);
    archive_put_text(&maker, "a.py", "import torch\n" MAIN);
    archive_put_text(&maker, "b.py", "import jax\n" MAIN);
    struct bytes zip = archive_made(&maker);
    assert_int_equal(analysis_run(zip, "a.zip", &f->arena, &f->found, &f->err), ERR_INVALID);
    assert_non_null(strstr(f->err.message, "a.py, b.py; name one as the entry"));
    assert_int_equal(
        analysis_run_entry(zip, "a.zip", "b.py", &defaults, &f->arena, &f->found, &f->err), ERR_OK);
    assert_int_equal(f->found.primary, ANALYSIS_FRAMEWORK_JAX);
    assert_int_equal(analysis_run_entry(bytes_of_text("import jax\n"), "b.py", "b.py", &defaults,
                                        &f->arena, &f->found, &f->err),
                     ERR_INVALID);
    assert_non_null(strstr(f->err.message, "not in one file"));
    archive_unmake(&maker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(the_entry_is_found_by_the_rules_in_order),
        TEST(an_open_question_lists_the_candidates_and_can_be_answered),
        TEST(facts_of_helpers_requirements_and_data_are_merged_with_their_files),
        TEST(lines_of_a_notebook_are_those_of_its_file),
        TEST(requirements_count_where_no_import_says_more),
        TEST(each_bad_file_has_its_reason_and_the_good_ones_stay),
        TEST(nothing_good_is_an_error_that_says_what_would_be),
        TEST(P6_any_mix_keeps_the_good_and_explains_the_bad),
        TEST(P57_too_large_names_the_limit),
        TEST(an_archive_with_a_program_is_a_bundle),
        TEST(a_path_that_is_there_twice_is_refused),
        TEST(all_files_together_have_one_time),
        TEST(the_entry_of_an_archive_can_be_named_and_of_one_file_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
