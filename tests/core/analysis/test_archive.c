/* R2.3: archives of data: what they hold; and what an archive may not do: P5, bombs, ways out of a folder, links, secrets. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/archive.h"
#include "tests/support/archive_maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)

static const char *const suffixes[] = {".zip",     ".tar",    ".tar.gz",
                                       ".tar.bz2", ".tar.xz", ".tar.zst"};
#define SUFFIX_COUNT (sizeof(suffixes) / sizeof(suffixes[0]))

static const uint8_t png[33] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0,  0, 0,
                                13,   'I', 'H', 'D', 'R',  0,    0,    0,    28, 0, 0,
                                0,    28,  8,   0,   0,    0,    0,    0,    0,  0, 0};

/* "name=value …" of what is said about the archive, or the error. */
static const char *said_within(struct bytes content, const char *name,
                               const struct analysis_limits *limits, enum err_code wanted)
{
    static char text[1024];
    struct arena arena;
    struct analysis found;
    struct err err = {0};
    size_t size = 0;
    text[0] = '\0';
    arena_init(&arena, (size_t)16 << 20);
    enum err_code code = analysis_run_limited(content, name, limits, &arena, &found, &err);
    if (code != wanted) {
        fail_msg("%s: %s: %s", name, err_code_name(code), err.message);
    }
    if (code != ERR_OK) {
        (void)snprintf(text, sizeof(text), "%s", err.message);
    } else {
        assert_int_equal(found.kind, ANALYSIS_KIND_DATASET);
        assert_int_equal(found.requirements.gpus, 0);
        for (size_t i = 0; i < found.parameter_count; i++) {
            size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%s=%s", i == 0 ? "" : " ",
                                     found.parameters[i].name, found.parameters[i].value);
        }
        (void)snprintf(text + size, sizeof(text) - size, "%s", found.cut ? " sampled" : "");
    }
    arena_deinit(&arena);
    return text;
}

static const struct analysis_limits defaults = ANALYSIS_LIMITS;

static const char *said(struct bytes content, const char *name)
{
    return said_within(content, name, &defaults, ERR_OK);
}

/* The message of a refusal holds `words`. */
static void refused(struct bytes content, const char *name, enum err_code code, const char *words)
{
    const char *message = said_within(content, name, &defaults, code);
    if (strstr(message, words) == NULL) {
        fail_msg("%s: %s, not: %s", name, message, words);
    }
}

static void every_format_says_what_images_it_holds(void **state)
{
    (void)state;
    for (size_t s = 0; s < SUFFIX_COUNT; s++) {
        struct archive_maker maker;
        char name[32];
        char wanted[160];
        archive_make(&maker, suffixes[s], NULL, MIB);
        for (int i = 0; i < 30; i++) {
            char path[64];
            (void)snprintf(path, sizeof(path), "./images/%d/%d.PNG", i % 3, i);
            archive_put(&maker, path, png, sizeof(png));
        }
        archive_put_text(&maker, "labels.csv", "file,label\n");
        archive_put_text(&maker, "README", "hand-written digits");
        (void)snprintf(name, sizeof(name), "Digits%s", suffixes[s]);
        (void)snprintf(
            wanted, sizeof(wanted),
            "format=%s data=images items=30 width=28 height=28 size_mib=1 unpacked_mib=1",
            suffixes[s] + 1);
        assert_string_equal(said(archive_made(&maker), name), wanted);
        archive_unmake(&maker);
    }
}

static void tables_of_an_archive_count_their_rows_together(void **state)
{
    (void)state;
    struct archive_maker maker;
    char *large = malloc(4 * MIB);
    for (size_t i = 0; i < 4 * MIB; i += 4) {
        memcpy(large + i, "1,2\n", 4);
    }
    archive_make(&maker, ".tar", NULL, 8 * MIB);
    archive_put_text(&maker, "a.csv", "x,y\n1,2\n3,4\n");
    archive_put(&maker, "b.csv", large, 4 * MIB);
    /* b.csv: its first 256 KiB are counted, and that is scaled: 1048576 lines, one a header, and two rows of a.csv */
    assert_string_equal(said(archive_made(&maker), "t.tar"),
                        "format=tar data=tabular items=2 rows=1048577 columns=2 size_mib=5 "
                        "unpacked_mib=5 sampled");
    archive_unmake(&maker);
    free(large);
}

static void text_and_arrays_are_told_apart(void **state)
{
    (void)state;
    struct archive_maker maker;
    static const char npy[] = "\x93NUMPY\x01\0\x46\0{'descr': '<f4', 'fortran_order': False, "
                              "'shape': (60, 28), }            \n";
    archive_make(&maker, ".zip", NULL, MIB);
    archive_put(&maker, "x.npy", npy, sizeof(npy) - 1);
    assert_string_equal(said(archive_made(&maker), "mnist.npz"),
                        "format=npz data=arrays items=1 dtype=<f4 shape=60, 28 size_mib=1 "
                        "unpacked_mib=1");
    archive_unmake(&maker);
    archive_make(&maker, ".zip", NULL, MIB);
    archive_put_text(&maker, "books/one.txt", "Once upon a time");
    archive_put_text(&maker, "books/two.txt", "there was a ledger.");
    assert_string_equal(said(archive_made(&maker), "books.zip"),
                        "format=zip data=text items=2 size_mib=1 unpacked_mib=1");
    archive_unmake(&maker);
}

/* Goal: a compressed tar larger than is unpacked is answered from its first part, and says so. */
static void a_large_compressed_tar_is_sampled(void **state)
{
    (void)state;
    struct archive_maker maker;
    struct analysis_limits limits = defaults;
    uint8_t *noise = malloc(MIB);
    uint32_t x = 1;
    for (size_t i = 0; i < MIB; i++) {
        x = x * 1664525 + 1013904223;
        noise[i] = (uint8_t)(x >> 24);
    }
    archive_make(&maker, ".tar.gz", NULL, 48 * MIB);
    for (int i = 0; i < 32; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "%d.wav", i);
        archive_put(&maker, path, noise, MIB);
    }
    limits.archive_walk_max = 8 * MIB;
    const char *text = said_within(archive_made(&maker), "a.tar.gz", &limits, ERR_OK);
    unsigned items = 0;
    assert_int_equal(sscanf(text, "format=tar.gz data=audio items=%u", &items), 1);
    assert_in_range(items, 28, 37);
    assert_non_null(strstr(text, "sampled"));
    archive_unmake(&maker);
    free(noise);
}

/* ── what is refused ───────────────────────────────────────────────────────────────────────────── */

static void a_way_out_of_the_folder_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"../evil.csv", "a/../../evil.csv", "/etc/passwd.csv",
                                        "..",          "C:\\evil.csv",     "a\\..\\evil.csv"};
    for (size_t s = 0; s < 2; s++) {
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            struct archive_maker maker;
            archive_make(&maker, suffixes[s], NULL, MIB);
            archive_put_text(&maker, "good.csv", "a,b\n1,2\n");
            archive_put_text(&maker, names[i], "a,b\n1,2\n");
            refused(archive_made(&maker), s == 0 ? "a.zip" : "a.tar", ERR_INVALID,
                    "leads out of it");
            archive_unmake(&maker);
        }
    }
}

static void links_and_devices_are_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct archive_maker maker;
        archive_make(&maker, i == 3 ? ".zip" : ".tar", NULL, MIB);
        archive_put_text(&maker, "good.csv", "a,b\n1,2\n");
        archive_put_odd(&maker, "odd.csv", i == 2 ? NULL : "good.csv", i != 1);
        refused(archive_made(&maker), i == 3 ? "a.zip" : "a.tar", ERR_INVALID,
                i == 2 ? "`odd.csv` in the archive is a device"
                       : "`odd.csv` in the archive is a link");
        archive_unmake(&maker);
    }
}

static void an_encrypted_archive_is_refused(void **state)
{
    (void)state;
    struct archive_maker maker;
    archive_make(&maker, ".zip", "secret", MIB);
    archive_put_text(&maker, "train.py", "import torch\n");
    refused(archive_made(&maker), "a.zip", ERR_INVALID, "`train.py` in the archive is encrypted");
    archive_unmake(&maker);
}

static void too_many_entries_name_the_limit(void **state)
{
    (void)state;
    for (size_t s = 0; s < 2; s++) {
        struct archive_maker maker;
        struct analysis_limits limits = defaults;
        char path[32];
        limits.archive_entries_max = 100;
        archive_make(&maker, suffixes[s], NULL, MIB);
        for (int i = 0; i < 101; i++) {
            (void)snprintf(path, sizeof(path), "%d.txt", i);
            archive_put_text(&maker, path, "x");
        }
        const char *text =
            said_within(archive_made(&maker), s == 0 ? "a.zip" : "a.tar", &limits, ERR_TOO_LARGE);
        assert_non_null(strstr(text, "more than 100 entries"));
        archive_unmake(&maker);
    }
}

/* Goal: a bomb is refused for what it says it unpacks to, before it is unpacked; a harmless expansion is not. */
static void a_bomb_is_refused(void **state)
{
    (void)state;
    uint8_t *zeros = calloc(1, 20 * MIB);
    for (size_t s = 0; s < SUFFIX_COUNT; s++) {
        struct archive_maker maker;
        char name[32];
        if (strcmp(suffixes[s], ".tar") == 0) {
            continue;
        }
        (void)snprintf(name, sizeof(name), "bomb%s", suffixes[s]);
        archive_make(&maker, suffixes[s], NULL, MIB);
        archive_put(&maker, "zeros.npy", zeros, 20 * MIB);
        refused(archive_made(&maker), name, ERR_TOO_LARGE, "more than 200 times its size");
        archive_unmake(&maker);

        archive_make(&maker, suffixes[s], NULL, MIB);
        archive_put(&maker, "zeros.h5", zeros, 8 * MIB);
        assert_non_null(strstr(said(archive_made(&maker), name), "unpacked_mib=8"));
        archive_unmake(&maker);
    }
    free(zeros);
}

static void the_total_names_the_limit(void **state)
{
    (void)state;
    struct archive_maker maker;
    struct analysis_limits limits = defaults;
    char text[4096];
    memset(text, 'x', sizeof(text));
    limits.archive_total_max = MIB;
    archive_make(&maker, ".tar", NULL, 4 * MIB);
    for (int i = 0; i < 260; i++) {
        char path[32];
        (void)snprintf(path, sizeof(path), "%d.txt", i);
        archive_put(&maker, path, text, sizeof(text));
    }
    const char *message = said_within(archive_made(&maker), "a.tar", &limits, ERR_TOO_LARGE);
    assert_non_null(strstr(message, "more than 1 MiB"));
    archive_unmake(&maker);
}

/* Goal: an archive in an archive is an item like another, and is never opened. Method: the inner one is a bomb. */
static void an_inner_archive_stays_closed(void **state)
{
    (void)state;
    struct archive_maker inner;
    struct archive_maker maker;
    uint8_t *zeros = calloc(1, 20 * MIB);
    archive_make(&inner, ".zip", NULL, MIB);
    archive_put(&inner, "zeros.npy", zeros, 20 * MIB);
    struct bytes bomb = archive_made(&inner);
    archive_make(&maker, ".zip", NULL, MIB);
    archive_put_text(&maker, "a.csv", "a,b\n1,2\n");
    for (int i = 0; i < 16; i++) {
        char path[32];
        (void)snprintf(path, sizeof(path), "inner%d.zip", i);
        archive_put(&maker, path, bomb.data, bomb.size);
    }
    assert_string_equal(said(archive_made(&maker), "a.zip"),
                        "format=zip data=tabular items=1 rows=1 columns=2 size_mib=1 "
                        "unpacked_mib=1");
    archive_unmake(&maker);
    archive_unmake(&inner);
    free(zeros);
}

/* Goal: an archive cut anywhere is an answer about what can be read, or an error that says so; never a crash. */
static void a_cut_archive_is_an_answer_or_an_error(void **state)
{
    (void)state;
    for (size_t s = 0; s < SUFFIX_COUNT; s++) {
        struct archive_maker maker;
        char name[32];
        size_t errors = 0;
        (void)snprintf(name, sizeof(name), "cut%s", suffixes[s]);
        archive_make(&maker, suffixes[s], NULL, MIB);
        for (int i = 0; i < 5; i++) {
            char path[32];
            (void)snprintf(path, sizeof(path), "%d.png", i);
            archive_put(&maker, path, png, sizeof(png));
        }
        struct bytes whole = archive_made(&maker);
        for (size_t size = 1; size < whole.size; size += size < 1024 ? 1 : 97) {
            struct arena arena;
            struct analysis found;
            struct err err = {0};
            uint8_t *copy = malloc(size); /* so that reading past the end is seen */
            memcpy(copy, whole.data, size);
            arena_init(&arena, (size_t)16 << 20);
            enum err_code code = analysis_run(bytes_of(copy, size), name, &arena, &found, &err);
            assert_true(code == ERR_OK || code == ERR_INVALID);
            errors += code != ERR_OK ? 1 : 0;
            arena_deinit(&arena);
            free(copy);
        }
        assert_true(errors > 0);
        refused(bytes_of(whole.data, s == 1 ? 1024 + 8 : whole.size / 2), name, ERR_INVALID,
                "cut short");
        archive_unmake(&maker);
    }
}

static void another_file_under_the_name_is_refused(void **state)
{
    (void)state;
    for (size_t s = 0; s < SUFFIX_COUNT; s++) {
        char name[32];
        struct archive_maker other;
        (void)snprintf(name, sizeof(name), "a%s", suffixes[s]);
        refused(bytes_of_text("import torch, and nothing that an archive begins with"), name,
                ERR_INVALID, "named like a");
        archive_make(&other, suffixes[(s + 1) % SUFFIX_COUNT], NULL, MIB);
        archive_put_text(&other, "a.csv", "a,b\n1,2\n");
        refused(archive_made(&other), name, ERR_INVALID, "named like a");
        archive_unmake(&other);
    }
}

/* Bytes that are a tar from their start and a zip from their end would be one job to whoever looks and another to whoever runs them. */
static void a_tar_and_a_zip_at_once_is_refused_under_either_name(void **state)
{
    (void)state;
    static const char *const TARS[] = {".tar", ".tar.gz", ".tar.bz2", ".tar.xz"};
    struct archive_maker zip;
    archive_make(&zip, ".zip", NULL, MIB);
    archive_put(&zip, "b.png", png, sizeof(png));
    struct bytes inner = archive_made(&zip);
    for (size_t i = 0; i < sizeof(TARS) / sizeof(TARS[0]); i++) {
        struct archive_maker tar;
        char name[32];
        archive_make(&tar, TARS[i], NULL, MIB);
        archive_put(&tar, "PK.png", png, sizeof(png));
        struct bytes outer = archive_made(&tar);
        uint8_t *both = malloc(outer.size + inner.size + 3);
        assert_non_null(both);
        memcpy(both, outer.data, outer.size);
        memcpy(both + outer.size, inner.data, inner.size);
        (void)snprintf(name, sizeof(name), "both%s", TARS[i]);
        const char *words = "it is a tar and a zip at once; send it as one of them";
        refused(bytes_of(both, outer.size + inner.size), name, ERR_INVALID, words);
        refused(bytes_of(both, outer.size + inner.size), "both.zip", ERR_INVALID, words);
        /* The zip's end may have a comment behind it. */
        memcpy(both + outer.size + inner.size, "end", 3);
        both[outer.size + inner.size - 2] = 3;
        refused(bytes_of(both, outer.size + inner.size + 3), name, ERR_INVALID, words);
        free(both);
        archive_unmake(&tar);
    }
    archive_unmake(&zip);
}

/* What lies in it is not what it is. */
static void a_tar_of_a_zip_and_a_zip_of_a_tar_are_one_thing_each(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct archive_maker inner;
        struct archive_maker outer;
        archive_make(&inner, i == 0 ? ".zip" : ".tar", NULL, MIB);
        archive_put(&inner, "a.png", png, sizeof(png));
        struct bytes content = archive_made(&inner);
        archive_make(&outer, i == 0 ? ".tar" : ".zip", NULL, MIB);
        archive_put(&outer, "b.png", png, sizeof(png));
        archive_put(&outer, i == 0 ? "in.zip" : "in.tar", content.data, content.size);
        assert_non_null(strstr(said(archive_made(&outer), i == 0 ? "x.tar" : "x.zip"), "items=1"));
        archive_unmake(&outer);
        archive_unmake(&inner);
    }
}

static void an_archive_without_data_says_what_could_be_in_it(void **state)
{
    (void)state;
    struct archive_maker maker;
    archive_make(&maker, ".tar", NULL, MIB);
    assert_true(archive_made(&maker).size > 0);
    refused(bytes_of(maker.data, maker.used), "a.tar", ERR_INVALID, "the archive holds no file");
    archive_unmake(&maker);
    archive_make(&maker, ".tar", NULL, MIB);
    archive_put_text(&maker, "LICENSE", "…");
    refused(archive_made(&maker), "a.tar", ERR_INVALID, "Python source (.py)");
    archive_unmake(&maker);
}

/* Goal: a hundred thousand special headers in a row are no recursion. */
static void many_special_headers_are_no_recursion(void **state)
{
    (void)state;
    const size_t count = 100000;
    uint8_t *tar = calloc(count + 4, 1024);
    for (size_t i = 0; i < count; i++) {
        uint8_t *header = tar + i * 1024;
        unsigned sum = 0;
        (void)snprintf((char *)header, 100, "g%zu", i);
        memcpy(header + 100,
               "0000644\0"
               "0000000\0"
               "0000000\0"
               "00000000012\0"
               "00000000000\0",
               48);
        header[156] = 'g';
        memcpy(header + 257,
               "ustar\0"
               "00",
               8);
        memset(header + 148, ' ', 8);
        for (size_t j = 0; j < 512; j++) {
            sum += header[j];
        }
        (void)snprintf((char *)header + 148, 8, "%06o", sum);
        memcpy(header + 512, "10 a=bcde\n", 10);
    }
    struct arena arena;
    struct analysis found;
    struct err err = {0};
    arena_init(&arena, (size_t)16 << 20);
    assert_int_equal(analysis_run(bytes_of(tar, (count + 4) * 1024), "a.tar", &arena, &found, &err),
                     ERR_INVALID);
    arena_deinit(&arena);
    free(tar);
}

static void names_of_any_bytes_are_shown_as_text(void **state)
{
    (void)state;
    struct archive_maker maker;
    archive_make(&maker, ".tar", NULL, MIB);
    archive_put_text(&maker, "caf\xC3\xA9/\xFF\x1B[31m.csv", "a,b\n1,2\n");
    assert_string_equal(said(archive_made(&maker), "a.tar"),
                        "format=tar data=tabular items=1 rows=1 columns=2 size_mib=1 "
                        "unpacked_mib=1");
    archive_unmake(&maker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_says_what_images_it_holds),
        cmocka_unit_test(tables_of_an_archive_count_their_rows_together),
        cmocka_unit_test(text_and_arrays_are_told_apart),
        cmocka_unit_test(a_large_compressed_tar_is_sampled),
        cmocka_unit_test(a_way_out_of_the_folder_is_refused),
        cmocka_unit_test(links_and_devices_are_refused),
        cmocka_unit_test(an_encrypted_archive_is_refused),
        cmocka_unit_test(too_many_entries_name_the_limit),
        cmocka_unit_test(a_bomb_is_refused),
        cmocka_unit_test(the_total_names_the_limit),
        cmocka_unit_test(an_inner_archive_stays_closed),
        cmocka_unit_test(a_cut_archive_is_an_answer_or_an_error),
        cmocka_unit_test(another_file_under_the_name_is_refused),
        cmocka_unit_test(a_tar_and_a_zip_at_once_is_refused_under_either_name),
        cmocka_unit_test(a_tar_of_a_zip_and_a_zip_of_a_tar_are_one_thing_each),
        cmocka_unit_test(an_archive_without_data_says_what_could_be_in_it),
        cmocka_unit_test(many_special_headers_are_no_recursion),
        cmocka_unit_test(names_of_any_bytes_are_shown_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
