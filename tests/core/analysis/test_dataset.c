/* What is read from data, and what is refused when a name promises another format. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/dataset.h"
#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "name=value ..." of what is said about the file */
static const char *said(struct bytes content, const char *name)
{
    static char text[1024];
    struct arena arena;
    struct analysis found;
    struct err err = {0};
    size_t size = 0;
    text[0] = '\0';
    arena_init(&arena, (size_t)16 << 20);
    enum err_code code = analysis_run(content, name, &arena, &found, &err);
    if (code != ERR_OK) {
        (void)snprintf(text, sizeof(text), "%s", err.message);
    } else {
        assert_int_equal(found.kind, ANALYSIS_KIND_DATASET);
        assert_int_equal(found.requirements.gpus, 0);
        for (size_t i = 0; i < found.parameter_count; i++) {
            size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%s=%s", i == 0 ? "" : " ",
                                     found.parameters[i].name, found.parameters[i].value);
        }
    }
    arena_deinit(&arena);
    return text;
}

#define SAID(literal, name) said(bytes_of((literal), sizeof(literal) - 1), (name))

static void tables_have_rows_and_columns(void **state)
{
    (void)state;
    assert_string_equal(SAID("a,b,c\n1,2,3\n4,5,6\n", "x.csv"),
                        "format=csv rows=2 columns=3 data=tabular size_mib=1");
    assert_string_equal(
        SAID("\xEF\xBB\xBFname,note\r\n\"a, b\",\"two\nlines\"\r\n\r\nc,d", "X.CSV"),
        "format=csv rows=2 columns=2 data=tabular size_mib=1");
    assert_string_equal(SAID("a\tb\n1\t2\n", "x.tsv"),
                        "format=tsv rows=1 columns=2 data=tabular size_mib=1");
    assert_string_equal(SAID("{\"a\": 1, \"b\": {\"c\": []}}\n{\"a\": 2}\n\n", "x.jsonl"),
                        "format=jsonl rows=2 columns=2 data=tabular size_mib=1");
    assert_string_equal(SAID("[{\"a\": 1}, 2, \"]\"] \n", "x.json"),
                        "format=json rows=3 data=tabular size_mib=1");
    assert_string_equal(SAID("{\"a\": 1, \"b\": 2}", "x.json"),
                        "format=json columns=2 data=tabular size_mib=1");
}

/* Goal: a file larger than is looked at says how many rows it is likely to have, and that it was sampled. */
static void a_large_table_is_sampled(void **state)
{
    (void)state;
    size_t size = DATASET_SAMPLE_MAX + ((size_t)8 << 20);
    char *text = malloc(size);
    for (size_t i = 0; i + 4 <= size; i += 4) {
        memcpy(text + i, "1,2\n", 4);
    }
    struct arena arena;
    struct analysis found;
    struct err err = {0};
    arena_init(&arena, (size_t)16 << 20);
    assert_int_equal(analysis_run(bytes_of(text, size), "x.csv", &arena, &found, &err), ERR_OK);
    assert_true(found.cut);
    assert_string_equal(found.parameters[1].name, "rows");
    assert_in_range(strtoul(found.parameters[1].value, NULL, 10), size / 4 - 2, size / 4 + 2);
    assert_true(found.requirements.storage_mib >= 40);
    arena_deinit(&arena);
    free(text);
}

static void arrays_have_shape_and_type(void **state)
{
    (void)state;
    assert_string_equal(SAID("\x93NUMPY\1\0\x3A\0{'descr': '<f4', 'fortran_order': False, 'shape': "
                             "(60, 28), }\n....",
                             "x.npy"),
                        "format=npy dtype=<f4 shape=60, 28 data=arrays size_mib=1");
    assert_non_null(strstr(SAID("\x93NUMPY\1\0\xFF\xFF{'descr': '<f4', 'shape': (1,)}", "x.npy"),
                           "but it is none"));
    assert_non_null(
        strstr(SAID("\x93NUMPY\2\0\xFF\xFF\xFF\xFF{'descr': '<f4', 'shape': (1,)}", "x.npy"),
               "but it is none"));
    assert_non_null(
        strstr(SAID("\x93NUMPY\1\0\x10\0{'descr': '<f4' }", "x.npy"), "but it is none"));
}

/* version 1; schema of a root and two columns: INT64 "a", BYTE_ARRAY "b" with a logical type; 1000 rows */
#define FOOTER                                                                                     \
    "\x15\x02\x19\x3C\x48\x04root\x15\x04\0\x15\x04\x25\x02\x18\x01"                               \
    "a\0\x15\x0C\x25\x02\x18\x01"                                                                  \
    "b\x25\0\x4C\x1C\0\0\0\x16\xD0\x0F\x19\x0C\0"

static void parquet_rows_stand_behind_its_schema(void **state)
{
    (void)state;
    static const char footer[] = FOOTER;
    char file[256];
    size_t size = sizeof(footer) - 1;
    memcpy(file, "PAR1....", 8);
    memcpy(file + 8, footer, size);
    char tail[8] = {(char)size, 0, 0, 0, 'P', 'A', 'R', '1'};
    memcpy(file + 8 + size, tail, 8);
    assert_string_equal(said(bytes_of(file, 16 + size), "x.parquet"),
                        "format=parquet rows=1000 columns=2 data=tabular size_mib=1");
    for (size_t cut = 0; cut < size;
         cut++) { /* one that ends before says no rows, or those it still holds */
        char broken[256];
        memcpy(broken, "PAR1....", 8);
        memcpy(broken + 8, footer, cut);
        char end[8] = {(char)cut, 0, 0, 0, 'P', 'A', 'R', '1'};
        memcpy(broken + 8 + cut, end, 8);
        const char *text = said(bytes_of(broken, 16 + cut), "x.parquet");
        if (strcmp(text, "format=parquet data=tabular size_mib=1") != 0 &&
            strcmp(text, "format=parquet rows=1000 columns=2 data=tabular size_mib=1") != 0) {
            fail_msg("cut at %zu: %s", cut, text);
        }
    }
    char too_long[8] = {'\x7F', 0, 0, 0, 'P', 'A', 'R', '1'};
    memcpy(file + 8 + size, too_long, 8);
    assert_non_null(strstr(said(bytes_of(file, 16 + size), "x.parquet"), "but it is none"));
}

static void images_have_width_and_height(void **state)
{
    (void)state;
    assert_string_equal(
        SAID("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\2\x80\0\0\1\xE0\x08\2\0\0\0", "x.png"),
        "format=png width=640 height=480 data=images size_mib=1");
    assert_string_equal(
        SAID("\xFF\xD8\xFF\xE0\0\x04JF\xFF\xC0\0\x11\x08\1\xE0\2\x80\3....", "x.JPG"),
        "format=jpeg width=640 height=480 data=images size_mib=1");
    assert_non_null(
        strstr(SAID("\xFF\xD8\xFF\xE0\0\0\xFF\xE0\0\0\0\0\0\0\0\0", "x.jpg"), "but it is none"));
}

static void a_renamed_file_is_refused(void **state)
{
    static const char *const names[] = {"x.csv", "x.tsv",     "x.jsonl", "x.json",
                                        "x.npy", "x.parquet", "x.png",   "x.jpg"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *text = SAID("\x7F"
                                "ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0\x3E\0\1\0\0\0",
                                names[i]);
        if (strstr(text, "but it is none") == NULL) {
            fail_msg("%s: %s", names[i], text);
        }
    }
    assert_non_null(strstr(SAID("[1, 2", "x.json"), "but it is none"));
    assert_non_null(strstr(SAID("[1] 2", "x.json"), "but it is none"));
    assert_non_null(strstr(SAID("\n\n\n\n x", "x.jsonl"), "but it is none"));
    assert_non_null(strstr(SAID("", "x.csv"), "empty"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_have_rows_and_columns),
        cmocka_unit_test(a_large_table_is_sampled),
        cmocka_unit_test(arrays_have_shape_and_type),
        cmocka_unit_test(parquet_rows_stand_behind_its_schema),
        cmocka_unit_test(images_have_width_and_height),
        cmocka_unit_test(a_renamed_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
