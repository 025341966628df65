// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cmocka_all.h"
#include "worker/container_file.h"

#include <string.h>

static void expect_array(const json_t *array, const char *const *words)
{
    size_t count = 0;
    for (; words[count] != NULL; count++) {
        assert_string_equal(json_string_value(json_array_get(array, count)), words[count]);
    }
    assert_int_equal(json_array_size(array), count);
}

static void what_can_be_run_is_read(void **state)
{
    struct container_file file;
    struct err err = {0};
    (void)state;
    static const char text[] = "# syntax\n"
                               "\n"
                               "from  ghcr.io/org/Image_1:3.11-slim@sha256:00 AS base\r\n"
                               "LABEL a=b c=\"$x\"\n"
                               "ENV A=1 B=\"two words\" C=a\\ b \\\n"
                               "# a comment between\n"
                               "    D='x\"y'\n"
                               "ENV OLD the old way\n"
                               "WORKDIR /first\nWORKDIR /srv/app\n"
                               "EXPOSE 80\nUSER root\n"
                               "ENTRYPOINT [\"python3\", \"-u\"]\n"
                               "CMD python3 \\\n  -c 'print(1)'";
    if (container_file_read(bytes_of_text(text), &file, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(file.image, "ghcr.io/org/Image_1:3.11-slim@sha256:00");
    expect_array(file.entrypoint, (const char *const[]){"python3", "-u", NULL});
    expect_array(file.command,
                 (const char *const[]){"/bin/sh", "-c", "python3  -c 'print(1)'", NULL});
    assert_string_equal(json_string_value(file.workdir), "/srv/app");
    static const char *const variables[][2] = {
        {"A", "1"}, {"B", "two words"}, {"C", "a b"}, {"D", "x\"y"}, {"OLD", "the old way"}};
    assert_int_equal(json_object_size(file.environment), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(json_string_value(json_object_get(file.environment, variables[i][0])),
                            variables[i][1]);
    }
    container_file_deinit(&file);
    assert_int_equal(container_file_read(bytes_of_text("FROM a"), &file, &err), ERR_OK);
    assert_null(file.entrypoint);
    assert_null(file.command);
    assert_null(file.workdir);
    container_file_deinit(&file);
}

static void what_cannot_be_run_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *text;
        const char *said;
    } wrong[] = {
        {"", "no FROM"},
        {"# FROM a\n", "no FROM"},
        {"CMD a\nFROM a\n", "line 1: the first instruction is FROM"},
        {"FROM a\nFROM b\n", "line 2: a second FROM"},
        {"FROM\n", "line 1: FROM is followed by"},
        {"FROM scratch\n", "line 1: FROM is followed by"},
        {"FROM SCRATCH\n", "line 1: FROM is followed by"},
        {"FROM --root=/etc\n", "line 1: FROM is followed by"},
        {"FROM a;b\n", "line 1: FROM is followed by"},
        {"FROM $X\n", "line 1: FROM is followed by"},
        {"FROM a\n\n\nRUN \\\n  pip install x\n", "line 4: no image is built here"},
        {"FROM a\nCOPY . /x\n", "line 2: no image is built here"},
        {"FROM a\nCMDx\n", "line 2: no image is built here"},
        {"FROM a\nCMD\n", "line 2: there is nothing to start"},
        {"FROM a\nCMD []\n", "line 2: expected 1 to 64 strings"},
        {"FROM a\nCMD [\"a\", 1]\n", "line 2: expected 1 to 64 strings"},
        {"FROM a\nENTRYPOINT [\"a\"\n", "line 2: expected 1 to 64 strings"},
        {"FROM a\nENV A=$B\n", "line 2: a value is a text without $"},
        {"FROM a\nENV 1A=b\n", "line 2: ENV is followed by NAME=value"},
        {"FROM a\nENV A=1 b\n", "line 2: ENV is followed by NAME=value"},
        {"FROM a\nENV A='b\n", "line 2: a quote is not closed"},
        {"FROM a\nENV\n", "line 2: ENV is followed by NAME=value"},
        {"FROM a\nWORKDIR app\n", "line 2: WORKDIR is followed by a path from /"},
        {"FROM a\xff\n", "not a text"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct container_file file = {0};
        struct err err = {0};
        assert_int_equal(container_file_read(bytes_of_text(wrong[i].text), &file, &err),
                         ERR_INVALID);
        if (strstr(err.message, wrong[i].said) == NULL) {
            fail_msg("%s: '%s'", wrong[i].text, err.message);
        }
        assert_null(file.environment);
    }
    struct container_file file;
    assert_int_equal(container_file_read(bytes_of("FROM a\n\0", 8), &file, NULL), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_can_be_run_is_read),
        cmocka_unit_test(what_cannot_be_run_is_refused_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
