// SPDX-License-Identifier: Apache-2.0
#include "api/log_path.h"
#include "tests/support/cmocka_all.h"

static void a_path_names_level_index_and_width(void **state)
{
    static const struct {
        const char *text;
        struct tile_path path;
    } GOOD[] = {
        {"0/000", {.width = 256}},
        {"7/067", {.level = 7, .index = 67, .width = 256}},
        {"0/x001/067", {.index = 1067, .width = 256}},
        {"1/x001/x234/067.p/8", {.level = 1, .index = 1234067, .width = 8}},
        {"entries/x010/000.p/255", {.is_entries = true, .index = 10000, .width = 255}},
        {"0/x999/x999/x999/x999/x999/999", {.index = UINT64_C(999999999999999999), .width = 256}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        struct tile_path path;
        assert_int_equal(tile_path_parse(GOOD[i].text, &path, NULL), 0);
        assert_int_equal(path.is_entries, GOOD[i].path.is_entries);
        assert_int_equal(path.level, GOOD[i].path.level);
        assert_true(path.index == GOOD[i].path.index);
        assert_int_equal(path.width, GOOD[i].path.width);
    }
}

/* Goal: a tile has one URL, so caches and mirrors agree. */
static void every_other_spelling_is_refused(void **state)
{
    static const char *const BAD[] = {
        "",
        "0",
        "0/",
        "0/0",
        "0/0000",
        "0/00a",
        "8/000",
        "-1/000",
        "00/000",
        "x0/000",
        "0/x000/067",
        "0/001/067",
        "0/x001",
        "0/x001/",
        "0/x1/067",
        "0/000.p",
        "0/000.p/",
        "0/000.p/0",
        "0/000.p/08",
        "0/000.p/-1",
        "0/000.p/256",
        "0/000.p/8/",
        "0/000.p/8x",
        "entries",
        "entries/",
        "entries/x",
        "Entries/000",
        "entries/0/000",
        "0/000 ",
        " 0/000",
        "0/x001/067x",
        "0/x001/x999/x999/x999/x999/x999/999",
    };
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct tile_path path = {.index = 7};
        assert_int_equal(tile_path_parse(BAD[i], &path, NULL), ERR_INVALID);
        assert_true(path.index == 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_names_level_index_and_width),
        cmocka_unit_test(every_other_spelling_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
