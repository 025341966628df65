// SPDX-License-Identifier: Apache-2.0
#include "api/cors.h"
#include "api/encoding.h"
#include "tests/support/cmocka_all.h"

#include <string.h>

static void gzip_is_taken_as_the_header_says(void **state)
{
    (void)state;
    static const char *const YES[] = {
        "gzip",           "GZIP",     "deflate, gzip", "br;q=1.0, gzip;q=0.8, *;q=0.1",
        "gzip ; q=0.001", "gzip;q=1", "deflate,gzip"};
    static const char *const NO[] = {"",      "identity", "gzip;q=0",     "gzip; q=0.000",
                                     "xgzip", "gzipx",    "br, gzip;q=0", ",,;"};
    assert_false(encoding_takes_gzip(NULL));
    for (size_t i = 0; i < sizeof YES / sizeof *YES; i++) {
        assert_true(encoding_takes_gzip(YES[i]));
    }
    for (size_t i = 0; i < sizeof NO / sizeof *NO; i++) {
        assert_false(encoding_takes_gzip(NO[i]));
    }
}

static void a_tag_is_of_the_content_and_compared_weakly(void **state)
{
    (void)state;
    char tag[ENCODING_TAG_SIZE];
    char other[ENCODING_TAG_SIZE];
    char list[128];
    encoding_tag(bytes_of_text("{\"a\":1}"), tag);
    encoding_tag(bytes_of_text("{\"a\":2}"), other);
    assert_int_equal(strlen(tag), ENCODING_TAG_SIZE - 1);
    assert_string_not_equal(tag, other);
    assert_true(encoding_tag_matches(tag, tag));
    assert_true(encoding_tag_matches(tag + 2, tag)); /* as a strong one */
    assert_true(encoding_tag_matches("*", tag));
    (void)snprintf(list, sizeof list, "%s , %s", other, tag);
    assert_true(encoding_tag_matches(list, tag));
    assert_false(encoding_tag_matches(other, tag));
    assert_false(encoding_tag_matches(NULL, tag));
    assert_false(encoding_tag_matches("", tag));
    (void)snprintf(list, sizeof list, "%sx", tag);
    assert_false(encoding_tag_matches(list, tag));
}

static void what_does_not_shrink_is_left_alone(void **state)
{
    (void)state;
    uint8_t noise[8192];
    uint8_t same[8192];
    struct buf packed;
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof noise; i++) {
        x = x * 1664525 + 1013904223;
        noise[i] = (uint8_t)(x >> 24);
        same[i] = 'a';
    }
    buf_init(&packed, ENCODING_GZIP_MAX);
    assert_false(encoding_gzip(bytes_of(noise, sizeof noise), &packed));
    buf_clear(&packed);
    assert_true(encoding_gzip(bytes_of(same, sizeof same), &packed));
    assert_true(packed.size < 200);
    assert_int_equal(packed.data[0], 0x1f);
    assert_int_equal(packed.data[1], 0x8b);
    buf_deinit(&packed);
}

static void an_origin_has_no_path(void **state)
{
    (void)state;
    assert_int_equal(cors_check_origin("*", NULL), ERR_OK);
    assert_int_equal(cors_check_origin("https://a.example:8443", NULL), ERR_OK);
    assert_int_equal(cors_check_origin("http://127.0.0.1:1", NULL), ERR_OK);
    static const char *const BAD[] = {"",        "a.example",   "https://", "https://a.example/",
                                      "ftp://a", "https://a b", "null",     "**"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        assert_int_equal(cors_check_origin(BAD[i], NULL), ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gzip_is_taken_as_the_header_says),
        cmocka_unit_test(a_tag_is_of_the_content_and_compared_weakly),
        cmocka_unit_test(what_does_not_shrink_is_left_alone),
        cmocka_unit_test(an_origin_has_no_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
