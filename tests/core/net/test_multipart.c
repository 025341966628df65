/* The multipart parser. Method: known bodies in every split; generated bodies in random splits against what was put
 * in; a table of bad ones. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/buf.h"
#include "core/net/multipart.h"
#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TYPE "multipart/form-data; boundary=xYz"

struct seen {
    struct buf text; /* "name|file|type:data;" for each part */
    size_t part_count;
    enum err_code refuse_with;
    bool in_part;
};

static enum err_code part_begin(void *ctx, const struct multipart_part *part, struct err *err)
{
    struct seen *seen = ctx;
    assert_false(seen->in_part);
    seen->in_part = true;
    seen->part_count++;
    buf_printf(&seen->text, "%s|%s|%s:", part->name, part->file_name ? part->file_name : "-",
               part->content_type ? part->content_type : "-");
    if (seen->refuse_with != ERR_OK) {
        return err_set(err, seen->refuse_with, "refused by the test");
    }
    return ERR_OK;
}

static enum err_code part_data(void *ctx, struct bytes data, struct err *err)
{
    (void)err;
    struct seen *seen = ctx;
    assert_true(seen->in_part);
    assert_true(data.size > 0);
    buf_append_bytes(&seen->text, data);
    return ERR_OK;
}

static enum err_code part_end(void *ctx, struct err *err)
{
    (void)err;
    struct seen *seen = ctx;
    assert_true(seen->in_part);
    seen->in_part = false;
    buf_append_text(&seen->text, ";");
    return ERR_OK;
}

static enum err_code parse(const char *type, struct bytes body, size_t step, struct seen *ret,
                           struct err *err)
{
    struct multipart *parser = NULL;
    buf_init(&ret->text, 1 << 20);
    const struct multipart_callbacks callbacks = {ret, part_begin, part_data, part_end};
    const struct multipart_limits limits = {.part_count_max = 5, .part_header_size_max = 300};
    enum err_code code = multipart_create(type, &limits, &callbacks, &parser, err);
    for (size_t at = 0; code == ERR_OK && at < body.size; at += step) {
        size_t size = body.size - at < step ? body.size - at : step;
        code = multipart_feed(parser, bytes_of(body.data + at, size), err);
    }
    if (code == ERR_OK) {
        code = multipart_finish(parser, err);
    } else if (parser != NULL) { /* an error stays */
        assert_int_equal(multipart_feed(parser, bytes_of_text("x"), NULL), code);
        assert_int_equal(multipart_finish(parser, NULL), code);
    }
    multipart_destroy(parser);
    return code;
}

static void every_split_gives_the_same_parts(void **state)
{
    (void)state;
    const char *body =
        "--xYz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--xY\r\n\r\r\n--xYz "
        "\t\r\n"
        "content-type:  text/x-python \r\nCONTENT-DISPOSITION: form-data; "
        "filename=\"q\\\"\\\\C:\\d.py\" ; "
        "name=\"b c\"\r\n\r\n\r\n--xYz\r\n"
        "Content-Disposition: form-data; name=c; filename=\"\"\r\n\r\nlast\r\n\r\n--xYz--\r\n\r\n";
    for (size_t step = 1; step <= strlen(body); step++) {
        struct seen seen = {0};
        struct err err = {0};
        enum err_code code = parse(TYPE, bytes_of_text(body), step, &seen, &err);
        assert_string_equal(err.message, "");
        assert_int_equal(code, ERR_OK);
        assert_string_equal(buf_text(&seen.text), "a|-|-:one\r\n--xY\r\n\r;"
                                                  "b c|q\"\\C:\\d.py|text/x-python:;"
                                                  "c||-:last\r\n;");
        buf_deinit(&seen.text);
    }
}

#define PART "Content-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n"

static void bad_forms_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        const char *body;
        enum err_code code;
        const char *reason;
    } rows[] = {
        {"text/plain", "", ERR_INVALID, "must be multipart/form-data"},
        {NULL, "", ERR_INVALID, "must be multipart/form-data"},
        {"multipart/form-data", "", ERR_INVALID, "boundary"},
        {"multipart/form-data; boundary=", "", ERR_INVALID, "boundary"},
        {"multipart/form-data; boundary=a; boundary=b", "", ERR_INVALID, "boundary"},
        {"multipart/form-data; boundary=\"a\r\"", "", ERR_INVALID, "boundary"},
        {"multipart/form-data; boundary=\"a ", "", ERR_INVALID, "boundary"},
        {"multipart/form-data; boundary=\"a \"", "", ERR_INVALID, "boundary"},
        {"multipart/form-data; boundary="
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "", ERR_INVALID, "boundary"},
        {TYPE, "", ERR_INVALID, "cut short"},
        {TYPE, "hello", ERR_INVALID, "does not begin with the boundary"},
        {TYPE, "\n--xYz\r\n" PART "--xYz--", ERR_INVALID, "does not begin with the boundary"},
        {TYPE, "--xYz--", ERR_INVALID, "no parts"},
        {TYPE, "--xYz\r\n", ERR_INVALID, "cut short"},
        {TYPE, "--xYz\r\n" PART, ERR_INVALID, "cut short"},
        {TYPE, "--xYz\r\n" PART "--xYz", ERR_INVALID, "cut short"},
        {TYPE, "--xYz\r\n" PART "--xYz-", ERR_INVALID, "cut short"},
        {TYPE, "--xYz\r\n" PART "--xYz-x", ERR_INVALID, "neither a line end"},
        {TYPE, "--xYz\r\n" PART "--xYzzy\r\n", ERR_INVALID, "neither a line end"},
        {TYPE, "--xYz\n" PART, ERR_INVALID, "neither a line end"},
        {TYPE, "--xYz\rC" PART, ERR_INVALID, "CR without LF"},
        {TYPE, "--xYz\r\n" PART "--xYz--more", ERR_INVALID, "behind the closing boundary"},
        {TYPE, "--xYz\r\n\r\nb\r\n--xYz--", ERR_INVALID, "no Content-Disposition"},
        {TYPE, "--xYz\r\nContent-Type: a\r\n\r\nb\r\n--xYz--", ERR_INVALID,
         "no Content-Disposition"},
        {TYPE, "--xYz\r\nnonsense\r\n\r\n", ERR_INVALID, "malformed"},
        {TYPE, "--xYz\r\nA: b\x01\r\n\r\n", ERR_INVALID, "malformed"},
        {TYPE, "--xYz\r\nA: b\r\n folded\r\n\r\n", ERR_INVALID, "malformed"},
        {TYPE, "--xYz\r\nA: b\nC: d\r\n\r\n", ERR_INVALID, "LF without CR"},
        {TYPE, "--xYz\r\nContent-Disposition: attachment; name=a\r\n\r\n", ERR_INVALID,
         "form-data"},
        {TYPE, "--xYz\r\nContent-Disposition: form-data\r\n\r\n", ERR_INVALID, "name parameter"},
        {TYPE, "--xYz\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n", ERR_INVALID,
         "name parameter"},
        {TYPE, "--xYz\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n", ERR_INVALID,
         "name parameter"},
        {TYPE, "--xYz\r\nContent-Disposition: form-data; name=\"a\r\n\r\n", ERR_INVALID,
         "name parameter"},
        {TYPE, "--xYz\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\n", ERR_INVALID,
         "not UTF-8"},
        {TYPE, "--xYz\r\nContent-Disposition: form-data; name=a; filename=\"\xc0\x80\"\r\n\r\n",
         ERR_INVALID, "file name of part 1"},
        {TYPE, "--xYz\r\nContent-Transfer-Encoding: base64\r\n" PART "--xYz--", ERR_INVALID,
         "Content-Transfer-Encoding"},
        {TYPE,
         "--xYz\r\n" PART "--xYz\r\n" PART "--xYz\r\n" PART "--xYz\r\n" PART "--xYz\r\n" PART
         "--xYz\r\n",
         ERR_TOO_LARGE, "more than 5 parts"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t step = 1; step < 100; step += 90) {
            struct seen seen = {0};
            struct err err = {0};
            enum err_code code =
                parse(rows[i].type, bytes_of_text(rows[i].body), step, &seen, &err);
            if (code != rows[i].code || strstr(err.message, rows[i].reason) == NULL) {
                fail_msg("row %zu: %s: %s", i, err_code_name(code), err.message);
            }
            buf_deinit(&seen.text);
        }
    }
    char big[600];
    (void)snprintf(big, sizeof big, "--xYz\r\nA: %0400d\r\n\r\n", 1);
    struct seen seen = {0};
    struct err err = {0};
    assert_int_equal(parse(TYPE, bytes_of_text(big), 10, &seen, &err), ERR_TOO_LARGE);
    assert_non_null(strstr(err.message, "longer than 300 bytes"));
    buf_deinit(&seen.text);
}

static void a_refusal_of_the_receiver_stops_it(void **state)
{
    (void)state;
    struct seen seen = {.refuse_with = ERR_BUSY};
    struct err err = {0};
    assert_int_equal(parse(TYPE, bytes_of_text("--xYz\r\n" PART "--xYz--"), 3, &seen, &err),
                     ERR_BUSY);
    assert_string_equal(err.message, "refused by the test");
    assert_int_equal(seen.part_count, 1);
    assert_string_equal(buf_text(&seen.text), "a|-|-:");
    buf_deinit(&seen.text);
}

/* Data made of pieces that look like delimiters. */
static void append_tricky(struct buf *body, struct buf *expected, unsigned *seed)
{
    static const char *const pieces[] = {"\r",  "\n",         "\r\n",   "-",
                                         "--",  "\r\n-",      "\r\n--", "\r\n--xY",
                                         "xYz", "\r\r\n--xY", "a",      "\r\n--x\r\n--"};
    size_t count = (size_t)rand_r(seed) % 20;
    for (size_t i = 0; i < count; i++) {
        const char *piece = pieces[(size_t)rand_r(seed) % (sizeof pieces / sizeof *pieces)];
        /* "…--" and "xYz" next to each other would be a true delimiter */
        if (strcmp(piece, "xYz") == 0) {
            piece = "xyz";
        }
        buf_append_text(body, piece);
        buf_append_text(expected, piece);
    }
}

static void random_forms_in_random_splits_come_back(void **state)
{
    (void)state;
    unsigned first = (unsigned)time(NULL);
    for (unsigned round = 0; round < 2000; round++) {
        unsigned seed = first + round;
        struct buf body;
        struct buf expected;
        buf_init(&body, 1 << 20);
        buf_init(&expected, 1 << 20);
        size_t parts = 1 + (size_t)rand_r(&seed) % 5;
        for (size_t i = 0; i < parts; i++) {
            buf_append_text(&body, i == 0 ? "--xYz\r\n" : "\r\n--xYz\r\n");
            buf_printf(&body, "Content-Disposition: form-data; name=p%zu\r\n\r\n", i);
            buf_printf(&expected, "p%zu|-|-:", i);
            append_tricky(&body, &expected, &seed);
            buf_append_text(&expected, ";");
        }
        buf_append_text(&body, "\r\n--xYz--\r\n");
        struct seen seen = {0};
        struct err err = {0};
        enum err_code code =
            parse(TYPE, buf_bytes(&body), 1 + (size_t)rand_r(&seed) % 40, &seen, &err);
        if (code != ERR_OK || !bytes_equal(buf_bytes(&seen.text), buf_bytes(&expected))) {
            fail_msg("seed %u: %s", first + round, err.message);
        }
        buf_deinit(&seen.text);
        buf_deinit(&body);
        buf_deinit(&expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split_gives_the_same_parts),
        cmocka_unit_test(bad_forms_are_refused_with_a_reason),
        cmocka_unit_test(a_refusal_of_the_receiver_stops_it),
        cmocka_unit_test(random_forms_in_random_splits_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
