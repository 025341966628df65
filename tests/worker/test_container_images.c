/* What podman says that it has, as an offer tells it: by the one name of each image. R4.4 */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/base/software.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"
#include "worker/container.h"

#include <string.h>

/* A program in podman's place, which answers the one question and no other. */
static enum err_code ask(const char *answer, struct buf *ret, struct err *err)
{
    char folder[64];
    char path[PATH_MAX];
    struct buf script;
    (void)temp_folder_create(folder);
    buf_init(&script, 1U << 16);
    buf_printf(&script,
               "#!/bin/sh\n[ \"$1 $2 $3 $4\" = "
               "'image list --format {{.Repository}}:{{.Tag}}' ] || exit 125\n%s\n",
               answer);
    assert_int_equal(path_join(path, sizeof path, folder, "podman", NULL), ERR_OK);
    assert_int_equal(file_write_atomic(path, buf_bytes(&script), 0755, NULL), ERR_OK);
    struct container_engine const engine = {.kind = &container_podman, .program = path};
    enum err_code const code = container_images(&engine, ret, err);
    buf_deinit(&script);
    temp_folder_remove(folder);
    return code;
}

static void each_image_is_told_by_its_one_name(void **state)
{
    struct buf list;
    (void)state;
    buf_init(&list, SOFTWARE_LIST_MAX);
    assert_int_equal(ask("echo docker.io/library/python:3.11-slim\n"
                         "echo docker.io/pytorch/pytorch:2.4.1-cuda12.4-cudnn9-runtime\n"
                         "echo '<none>:<none>'\n"
                         "echo docker.io/library/debian:'<none>'\n"
                         "echo localhost/mine:latest\n"
                         "echo mine:latest\n"
                         "echo ghcr.io/org/tool:1\n"
                         "printf docker.io/library/alpine:3",
                         &list, NULL),
                     ERR_OK);
    assert_string_equal(buf_text(&list), "alpine:3 ghcr.io/org/tool:1 mine:latest python:3.11-slim "
                                         "pytorch/pytorch:2.4.1-cuda12.4-cudnn9-runtime");
    buf_deinit(&list);
}

static void a_podman_without_images_has_an_empty_list_and_one_that_fails_has_none(void **state)
{
    struct buf list;
    struct err err = {0};
    (void)state;
    buf_init(&list, SOFTWARE_LIST_MAX);
    assert_int_equal(ask("exit 0", &list, &err), ERR_OK);
    assert_string_equal(buf_text(&list), "");
    assert_int_equal(ask("echo a:1; exit 1", &list, &err), ERR_UNAVAILABLE);
    assert_string_equal(buf_text(&list), "");
    buf_deinit(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_image_is_told_by_its_one_name),
        cmocka_unit_test(a_podman_without_images_has_an_empty_list_and_one_that_fails_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
