/* Secrets in what a program writes, however it is cut. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cmocka_all.h"
#include "worker/mask.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void emit(void *ctx, unsigned stream, struct bytes bytes)
{
    buf_append_bytes(&((struct buf *)ctx)[stream], bytes);
}

static struct mask *mask_of(const struct sandbox_variable *variables, size_t count)
{
    struct mask *mask = NULL;
    assert_int_equal(mask_create(variables, count, &mask, NULL), ERR_OK);
    return mask;
}

/* What comes out when `text` is fed in pieces of `step` bytes. */
static char *masked(struct mask *mask, const char *text, size_t step)
{
    struct buf out[MASK_STREAMS];
    size_t const size = strlen(text);
    buf_init(&out[0], 1U << 20);
    buf_init(&out[1], 1U << 20);
    for (size_t at = 0; at < size; at += step) {
        mask_feed(mask, 1, bytes_of(text + at, size - at < step ? size - at : step), emit, out);
    }
    mask_finish(mask, 1, emit, out);
    assert_int_equal(out[0].size, 0);
    char *copy = strdup(buf_text(&out[1]));
    buf_deinit(&out[0]);
    buf_deinit(&out[1]);
    return copy;
}

static void assert_masked(struct mask *mask, const char *text, const char *expected)
{
    for (size_t step = 1; step < 20; step++) {
        char *found = masked(mask, text, step);
        assert_string_equal(found, expected);
        free(found);
    }
}

static void values_are_masked_wherever_a_chunk_ends(void **state)
{
    static const struct sandbox_variable variables[] = {
        {.name = "API_KEY", .value = "hunter22"},
        {.name = "hf_token", .value = "hunt"},
        {.name = "DB_PASSWORD", .value = "ab\ncd"},
        {.name = "EPOCHS", .value = "10000"},
        {.name = "SHORT_SECRET", .value = "abc"},
        {.name = "DATABASE", .value = "pg://me:pw@host/db"},
        {.name = "MY_AUTH", .value = "aaab"},
    };
    struct mask *mask = mask_of(variables, 7);
    (void)state;
    assert_masked(mask, "key=hunter22!", "key=***!");
    assert_masked(mask, "hunter2",
                  "***er2"); /* the shorter one, when the longer one does not come */
    assert_masked(mask, "hunthunter22hun", "******hun");
    assert_masked(mask, "x ab\ncd ab\nce", "x *** ab\nce");
    assert_masked(mask, "10000 abc", "10000 abc"); /* neither secret nor long enough */
    assert_masked(mask, "to pg://me:pw@host/db", "to ***");
    assert_masked(mask, "aaaaaab", "aaa***"); /* the beginning of one within another's */
    assert_masked(mask, "", "");
    mask_destroy(mask);
}

static void streams_do_not_mix(void **state)
{
    static const struct sandbox_variable variables[] = {{.name = "KEY", .value = "secret"}};
    struct mask *mask = mask_of(variables, 1);
    struct buf out[MASK_STREAMS];
    (void)state;
    buf_init(&out[0], 100);
    buf_init(&out[1], 100);
    mask_feed(mask, 0, bytes_of("sec", 3), emit, out);
    mask_feed(mask, 1, bytes_of("ret", 3), emit, out);
    mask_feed(mask, 0, bytes_of("ret", 3), emit, out);
    mask_finish(mask, 0, emit, out);
    mask_finish(mask, 1, emit, out);
    assert_string_equal(buf_text(&out[0]), "***");
    assert_string_equal(buf_text(&out[1]), "ret");
    buf_deinit(&out[0]);
    buf_deinit(&out[1]);
    mask_destroy(mask);
}

static void without_secrets_there_is_no_mask(void **state)
{
    static const struct sandbox_variable variables[] = {{.name = "EPOCHS", .value = "hello"},
                                                        {.name = "KEY", .value = "abc"}};
    (void)state;
    assert_null(mask_of(variables, 2));
    assert_null(mask_of(NULL, 0));
    mask_destroy(NULL);
}

/* Goal: however it is cut, the same comes out, and no value is in it. Method: few letters, so that values begin everywhere. */
static void by_chance_nothing_gets_through(void **state)
{
    unsigned const seed = (unsigned)getpid();
    unsigned random = seed;
    (void)state;
    print_message("seed %u\n", seed);
    for (int round = 0; round < 300; round++) {
        char values[3][8] = {{0}};
        char text[200] = "";
        struct sandbox_variable variables[3];
        for (size_t i = 0; i < 3; i++) {
            size_t const size = 4 + (size_t)rand_r(&random) % 3;
            for (size_t at = 0; at < size; at++) {
                values[i][at] = (char)('a' + rand_r(&random) % 2);
            }
            variables[i] = (struct sandbox_variable){.name = "TOKEN", .value = values[i]};
        }
        for (size_t at = 0; at < sizeof text - 1; at++) {
            text[at] = (char)('a' + rand_r(&random) % 2);
        }
        struct mask *mask = mask_of(variables, 3);
        char *whole = masked(mask, text, sizeof text);
        char *cut = masked(mask, text, 1 + (size_t)rand_r(&random) % 7);
        assert_string_equal(whole, cut);
        for (size_t i = 0; i < 3; i++) {
            assert_null(strstr(whole, values[i]));
        }
        free(whole);
        free(cut);
        mask_destroy(mask);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_masked_wherever_a_chunk_ends),
        cmocka_unit_test(streams_do_not_mix),
        cmocka_unit_test(without_secrets_there_is_no_mask),
        cmocka_unit_test(by_chance_nothing_gets_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
