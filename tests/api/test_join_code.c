/* The code of a machine: what it looks like, that it is the same for the same id, and that whoever types it is understood. R11 */
// SPDX-License-Identifier: Apache-2.0
#include "api/join_code.h"
#include "core/base/text.h"
#include "core/crypto/sha256.h"
#include "tests/support/cmocka_all.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct key32 ROOT = {{1, 2, 3}};
static const struct id16 LOG = {{4}};

static void make(uint8_t id, char ret[JOIN_CODE_TEXT_SIZE])
{
    assert_int_equal(join_code_make(&ROOT, LOG, (struct id16){{id}}, ret, NULL), ERR_OK);
}

static void a_code_is_five_groups_of_letters_that_nobody_mistakes(void **state)
{
    (void)state;
    for (uint8_t id = 0; id < 200; id++) {
        char code[JOIN_CODE_TEXT_SIZE];
        make(id, code);
        assert_int_equal(strlen(code), 24);
        for (size_t i = 0; i < 24; i++) {
            if (i % 5 == 4) {
                assert_int_equal(code[i], '-');
            } else {
                assert_true(isdigit(code[i]) || isupper(code[i]));
                assert_null(strchr("ILOU", code[i]));
            }
        }
    }
}

/* Computed by hand: HMAC-SHA256 with Python's hmac, its first 100 bits in Crockford's alphabet. */
static void a_code_follows_from_the_server_and_the_id(void **state)
{
    (void)state;
    char code[JOIN_CODE_TEXT_SIZE];
    char other[JOIN_CODE_TEXT_SIZE];
    make(7, code);
    assert_string_equal(code, "N03S-F47A-69Q9-HNPF-P8HX");
    make(8, other);
    assert_string_not_equal(code, other);
    assert_int_equal(join_code_make(&ROOT, (struct id16){{5}}, (struct id16){{7}}, other, NULL),
                     ERR_OK);
    assert_string_not_equal(code, other);
}

static void whoever_types_it_is_understood(void **state)
{
    (void)state;
    static const char *const same[] = {"0123-4567-89AB-CDEF-GH1J", "0123456789abcdefghij",
                                       "ol23 4567 89ab cdef ghlj", "O-123-4567-89AB-CDEF-GHIJ--"};
    static const char *const none[] = {"",
                                       "0123-4567-89AB-CDEF-GHJ",
                                       "0123-4567-89AB-CDEF-GH1JK",
                                       "0123-4567-89AB-CDEF-GH1U",
                                       "0123_4567-89AB-CDEF-GH1J",
                                       "0123-4567-89AB-CDEF-GH1\xc3\x9f"};
    struct key32 expected =
        sha256_of(bytes_of_text("tallystick code for a machine v1\n0123456789ABCDEFGH1J"));
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct key32 hash;
        assert_true(join_code_hash(bytes_of_text(same[i]), &hash));
        assert_memory_equal(hash.b, expected.b, sizeof hash.b);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct key32 hash = {{9}};
        assert_false(join_code_hash(bytes_of_text(none[i]), &hash));
        assert_int_equal(hash.b[0], 9);
    }
    struct key32 hash;
    assert_false(join_code_hash(bytes_of("0123456789ABCDEFGH1\0", 20), &hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_is_five_groups_of_letters_that_nobody_mistakes),
        cmocka_unit_test(a_code_follows_from_the_server_and_the_id),
        cmocka_unit_test(whoever_types_it_is_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
