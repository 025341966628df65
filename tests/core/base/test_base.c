/* The small things everything stands on. Method: known answers and round trips. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/id.h"
#include "core/base/rng.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "tests/support/cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void checked_arithmetic_refuses_to_wrap(void **state)
{
    (void)state;
    int64_t result = 7;
    assert_false(checked_add_i64(INT64_MAX, 1, &result));
    assert_int_equal(result, 7);
    assert_true(checked_sub_i64(5, 9, &result));
    assert_int_equal(result, -4);
    assert_false(mul_div_floor(INT64_MAX, 3, 2, &result));
    assert_true(mul_div_floor(INT64_MAX, 2, 2, &result));
    assert_true(result == INT64_MAX);
    assert_true(mul_div_ceil(10, 1, 3, &result));
    assert_int_equal(result, 4);
    assert_false(mul_div_floor(-1, 1, 1, &result));
}

static void time_text_round_trips(void **state)
{
    (void)state;
    const int64_t samples[] = {0, 1, 1795575346123456789, -1, INT64_MAX};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        char text[TIME_TEXT_SIZE];
        int64_t back = 0;
        time_format(samples[i], text);
        if (samples[i] == INT64_MAX) { /* 2262 is past what is accepted from outside */
            assert_int_equal(time_parse(bytes_of_text(text), &back, NULL), ERR_INVALID);
            continue;
        }
        assert_int_equal(time_parse(bytes_of_text(text), &back, NULL), ERR_OK);
        assert_true(back == samples[i]);
    }
    int64_t unused;
    assert_int_equal(time_parse(bytes_of_text("2026-02-30T00:00:00Z"), &unused, NULL), ERR_INVALID);
    assert_int_equal(time_parse(bytes_of_text("2026-02-03T00:00:00"), &unused, NULL), ERR_INVALID);
    assert_int_equal(time_parse(bytes_of_text("2026-02-03T00:00:60Z"), &unused, NULL), ERR_INVALID);
    assert_int_equal(time_parse(bytes_of_text("2026-31-03T00:00:00Z"), &unused, NULL), ERR_INVALID);
}

static void ids_sort_by_time_and_round_trip(void **state)
{
    (void)state;
    struct id16 early = id_new(1000 * NS_PER_MS);
    struct id16 late = id_new(1001 * NS_PER_MS);
    assert_true(memcmp(early.b, late.b, 16) < 0);
    char text[ID_TEXT_SIZE];
    struct id16 back;
    id_format(early, text);
    assert_int_equal(text[14], '7');
    assert_int_equal(id_parse(bytes_of_text(text), &back, NULL), ERR_OK);
    assert_true(id_equal(early, back));
    text[8] = '0';
    assert_int_equal(id_parse(bytes_of_text(text), &back, NULL), ERR_INVALID);
}

static void base64_round_trips_at_every_length(void **state)
{
    (void)state;
    uint8_t data[200];
    rng_bytes(data, sizeof data);
    for (size_t size = 0; size <= sizeof data; size++) {
        struct buf text;
        struct buf back;
        buf_init(&text, 1024);
        buf_init(&back, 1024);
        base64_append(&text, bytes_of(data, size));
        assert_int_equal(text.size, (size + 2) / 3 * 4);
        assert_int_equal(base64_decode(buf_bytes(&text), &back, NULL), ERR_OK);
        assert_true(bytes_equal(buf_bytes(&back), bytes_of(data, size)));
        buf_deinit(&text);
        buf_deinit(&back);
    }
    struct buf back;
    buf_init(&back, 100);
    assert_int_equal(base64_decode(bytes_of_text("QQ"), &back, NULL), ERR_INVALID);
    assert_int_equal(base64_decode(bytes_of_text("Q*=="), &back, NULL), ERR_INVALID);
    buf_deinit(&back);
}

/* Method: every byte at every place of texts of every length that the words of eight can cut differently. */
static void every_control_character_is_found_wherever_it_is(void **state)
{
    static const uint8_t FILLS[] = {'a', ' ', '\t', 0x7E, 0x80, 0xFF};
    uint8_t text[26];
    (void)state;
    for (size_t size = 0; size <= sizeof text; size++) {
        for (size_t f = 0; f < sizeof FILLS; f++) {
            memset(text, FILLS[f], sizeof text);
            assert_false(text_has_control(bytes_of(text, size)));
            for (size_t at = 0; at < size; at++) {
                for (unsigned byte = 0; byte < 256; byte++) {
                    bool const control = (byte < 0x20 && byte != '\t') || byte == 0x7F;
                    text[at] = (uint8_t)byte;
                    assert_true(text_has_control(bytes_of(text, size)) == control);
                }
                text[at] = FILLS[f];
            }
        }
    }
}

static void utf8_is_checked_as_the_standard_says(void **state)
{
    (void)state;
    assert_true(utf8_is_valid(bytes_of_text("tally \xE2\x82\xAC \xF0\x9F\x98\x80")));
    assert_false(utf8_is_valid(bytes_of_text("\xC0\xAF")));
    assert_false(utf8_is_valid(bytes_of_text("\xED\xA0\x80")));
    assert_false(utf8_is_valid(bytes_of_text("\xF4\x90\x80\x80")));
    assert_false(utf8_is_valid(bytes_of_text("a\xE2\x82")));
    struct buf buf;
    buf_init(&buf, 100);
    utf8_append_lossy(&buf, bytes_of_text("a\xFFz"));
    assert_string_equal(buf_text(&buf), "a\xEF\xBF\xBDz");
    static const char mixed[] = "0123456789abcdef\xFFghijklm\xC3\xA4nopqrstuvwxyz";
    for (size_t start = 0; start < 9; start++) { /* wherever eight bytes begin */
        buf_clear(&buf);
        utf8_append_lossy(&buf, bytes_of_text(mixed + start));
        assert_memory_equal(buf.data, mixed + start, 16 - start);
        assert_string_equal(buf_text(&buf) + 16 - start,
                            "\xEF\xBF\xBDghijklm\xC3\xA4nopqrstuvwxyz");
    }
    struct buf small;
    buf_init(&small, 20);
    utf8_append_lossy(&small, bytes_of_text("0123456789abcdefghijklm"));
    assert_true(small.failed);
    assert_string_equal(buf_text(&small), "0123456789abcdefghij"); /* what fits is kept */
    buf_deinit(&small);
    buf_clear(&buf);
    json_append_string(&buf, bytes_of_text("a\"\\\n\x01z"));
    assert_string_equal(buf_text(&buf), "\"a\\\"\\\\\\n\\u0001z\"");
    buf_deinit(&buf);
}

static void decimal_numbers_are_strict(void **state)
{
    (void)state;
    uint64_t value = 0;
    int64_t amount = 0;
    assert_int_equal(u64_parse(bytes_of_text("18446744073709551615"), &value, NULL), ERR_OK);
    assert_true(value == UINT64_MAX);
    const char *const bad[] = {"",   "18446744073709551616", "01", "+1", " 1", "1 ", "-1", "0x1",
                               "1e3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(u64_parse(bytes_of_text(bad[i]), &value, NULL), ERR_INVALID);
    }
    assert_int_equal(i64_parse(bytes_of_text("-12"), &amount, NULL), ERR_OK);
    assert_int_equal(amount, -12);
    assert_int_equal(i64_parse(bytes_of_text("9223372036854775808"), &amount, NULL), ERR_INVALID);
    assert_int_equal(i64_parse(bytes_of_text("-0"), &amount, NULL), ERR_INVALID);
}

static void numbers_are_appended_as_printf_writes_them(void **state)
{
    static const uint64_t NUMBERS[] = {0, 9, 10, 200, 4294967296, UINT64_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        struct buf plain;
        struct buf printed;
        buf_init(&plain, 64);
        buf_init(&printed, 64);
        buf_append_u64(&plain, NUMBERS[i]);
        buf_printf(&printed, "%llu", (unsigned long long)NUMBERS[i]);
        assert_string_equal(buf_text(&plain), buf_text(&printed));
        buf_deinit(&plain);
        buf_deinit(&printed);
    }
}

static void a_full_buffer_keeps_what_it_had(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 4);
    buf_append_text(&buf, "abc");
    buf_append_text(&buf, "de");
    buf_append_text(&buf, "f");
    assert_string_equal(buf_text(&buf), "abc");
    struct err err;
    assert_int_equal(buf_check(&buf, &err), ERR_TOO_LARGE);
    buf_deinit(&buf);
}

static void an_arena_stops_at_its_limit(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 100000);
    assert_non_null(arena_alloc(&arena, 50000));
    assert_non_null(arena_alloc(&arena, 40000));
    assert_null(arena_alloc(&arena, 20000));
    assert_null(arena_alloc_array(&arena, SIZE_MAX / 2, 3));
    arena_clear(&arena);
    struct bytes copy = arena_copy(&arena, bytes_of_text("stick"));
    assert_string_equal((const char *)copy.data, "stick");
    arena_deinit(&arena);
}

static void an_atomic_write_replaces_the_whole_file(void **state)
{
    (void)state;
    char folder[] = "/tmp/tally-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[256];
    (void)snprintf(path, sizeof path, "%s/a/b", folder);
    assert_int_equal(dir_create(path, 0700, NULL), ERR_OK);
    (void)snprintf(path, sizeof path, "%s/a/b/file", folder);
    assert_int_equal(file_write_atomic(path, bytes_of_text("first, longer"), 0600, NULL), ERR_OK);
    assert_int_equal(file_write_atomic(path, bytes_of_text("second"), 0600, NULL), ERR_OK);
    struct buf content;
    buf_init(&content, 6);
    assert_int_equal(file_read(path, &content, NULL), ERR_OK);
    assert_string_equal(buf_text(&content), "second");
    buf_deinit(&content);
    struct err err;
    buf_init(&content, 5);
    assert_int_equal(file_read(path, &content, &err), ERR_TOO_LARGE);
    buf_deinit(&content);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(file_read(path, &content, &err), ERR_NOT_FOUND);
    (void)snprintf(path, sizeof path, "rm -r %s", folder);
    assert_int_equal(system(path), 0); /* NOLINT(cert-env33-c): a fixed command on our own folder */
}

/* Messages quote paths, names and answers of strangers, and end up in JSON and on terminals. */
static void a_message_is_one_line_of_utf8_whatever_went_into_it(void **state)
{
    (void)state;
    struct err err = {0};
    char text[] = "a\x1b[2Jb\nc \xff\xc3\xa9 \xe2\x82";
    (void)err_set(&err, ERR_IO, "%s", text);
    assert_string_equal(err.message, "a?[2Jb?c ?\xc3\xa9 ");
    char wide[2 * ERR_MESSAGE_MAX] = "";
    for (size_t i = 0; i + 2 < sizeof wide; i += 2) {
        memcpy(wide + i, "\xc3\xa9", 3);
    }
    (void)err_set(&err, ERR_IO, "x%s", wide); /* cut within a character, but for this */
    assert_true(utf8_is_valid(bytes_of_text(err.message)));
    err_context(&err, "%s", "longer");
    assert_true(utf8_is_valid(bytes_of_text(err.message)));
    (void)err_set_errno(&err, ENOENT, "%s", wide);
    assert_true(utf8_is_valid(bytes_of_text(err.message)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_control_character_is_found_wherever_it_is),
        cmocka_unit_test(checked_arithmetic_refuses_to_wrap),
        cmocka_unit_test(time_text_round_trips),
        cmocka_unit_test(ids_sort_by_time_and_round_trip),
        cmocka_unit_test(base64_round_trips_at_every_length),
        cmocka_unit_test(utf8_is_checked_as_the_standard_says),
        cmocka_unit_test(decimal_numbers_are_strict),
        cmocka_unit_test(numbers_are_appended_as_printf_writes_them),
        cmocka_unit_test(a_full_buffer_keeps_what_it_had),
        cmocka_unit_test(an_arena_stops_at_its_limit),
        cmocka_unit_test(an_atomic_write_replaces_the_whole_file),
        cmocka_unit_test(a_message_is_one_line_of_utf8_whatever_went_into_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
