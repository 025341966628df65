/* What podman or docker has, as an offer tells it: by the one name of each image. R4.4 */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/base/software.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"
#include "worker/container.h"
#include "worker/container_docker.h"

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

/* Docker's, as docker_images_take leaves them: taken over or not. */
static void of_dockers_those_that_were_taken_over_are_told_and_found_by_any_spelling(void **state)
{
    static const char by_digest[] =
        "debian@sha256:0000000000000000000000000000000000000000000000000000000000000000";
    static const char *const names[] = {"python:3.11-slim", "ghcr.io/org/tool", by_digest,
                                        "none:1"};
    static const struct {
        const char *wanted;
        const char *found; /* NULL: none */
    } cases[] = {
        {"python:3.11-slim", "0"},
        {"docker.io/library/python:3.11-slim", "0"},
        {"localhost/python:3.11-slim", "0"},
        {"ghcr.io/org/tool:latest", "1"},
        {by_digest, "2"},
        {"python", NULL},
        {"org/tool", NULL},
        {"debian", NULL},
        {"none:1", NULL}, /* named, and not taken over */
        {"-", NULL},
    };
    struct docker_images *images = calloc(1, sizeof *images);
    struct container_engine const engine = {.kind = &container_docker, .images = images};
    struct buf list;
    struct err err = {0};
    (void)state;
    buf_init(&list, SOFTWARE_LIST_MAX);
    images->count = 4;
    for (size_t i = 0; i < 4; i++) {
        images->items[i].name = names[i];
    }
    (void)err_set(&images->items[0].why, ERR_UNAVAILABLE, "the first one's reason");
    assert_int_equal(engine.kind->check(&engine, &err), ERR_UNAVAILABLE);
    assert_string_equal(err.message, "the first one's reason");
    for (int i = 0; i < 3; i++) {
        images->items[i].config = json_pack("{s:[i]}", "Cmd", i);
    }
    assert_int_equal(engine.kind->check(&engine, &err), ERR_OK);
    assert_int_equal(container_images(&engine, &list, &err), ERR_OK);
    assert_string_equal(buf_text(&list), "ghcr.io/org/tool:latest python:3.11-slim");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *config = NULL;
        enum err_code const code = engine.kind->inspect(&engine, cases[i].wanted, &config, &err);
        assert_int_equal(code, cases[i].found != NULL ? ERR_OK : ERR_NOT_FOUND);
        if (code == ERR_OK) {
            char *text = json_dumps(json_object_get(config, "Cmd"), JSON_COMPACT);
            assert_int_equal(text[1], cases[i].found[0]);
            free(text);
        }
        json_decref(config);
    }
    buf_deinit(&list);
    docker_images_free(images);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_image_is_told_by_its_one_name),
        cmocka_unit_test(a_podman_without_images_has_an_empty_list_and_one_that_fails_has_none),
        cmocka_unit_test(of_dockers_those_that_were_taken_over_are_told_and_found_by_any_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
