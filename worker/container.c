// SPDX-License-Identifier: Apache-2.0
#include "worker/container.h"

#include "core/base/file.h"
#include "core/base/job_rules.h"
#include "core/base/trace.h"
#include "worker/name_list.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum err_code container_images(const struct container_engine *engine, struct buf *ret_list,
                               struct err *err)
{
    struct name_list images = {0};
    enum err_code const code = engine->kind->list(engine, &images, err);
    name_list_text(&images, ret_list);
    if (images.left_out > 0) {
        trace(TRACE_WARN, "container.images_left_out", "count=%zu told=%zu", images.left_out,
              images.count);
    }
    return code;
}

/* ── the image's own settings ──────────────────────────────────────────────────────────────────── */

static enum err_code add_environment(struct container *container, const json_t *config,
                                     const struct container_file *file, struct err *err)
{
    const json_t *list = json_object_get(config, "Env");
    container->environment = json_object();
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *pair = json_string_value(json_array_get(list, i));
        const char *equals = pair == NULL ? NULL : strchr(pair, '=');
        char name[JOB_VARIABLE_NAME_MAX + 1];
        if (equals == NULL || (size_t)(equals - pair) >= sizeof name) {
            continue;
        }
        memcpy(name, pair, (size_t)(equals - pair));
        name[equals - pair] = 0;
        if (job_variable_name_is_good(name)) {
            (void)json_object_set_new(container->environment, name, json_string(equals + 1));
        }
    }
    (void)json_object_update(container->environment, file->environment);
    return json_object_size(container->environment) <= CONTAINER_VARIABLES_MAX
               ? ERR_OK
               : err_set(err, ERR_INVALID,
                         "the image and the Dockerfile set more than %d variables",
                         CONTAINER_VARIABLES_MAX);
}

static enum err_code add_command(struct container *container, const json_t *config,
                                 const struct container_file *file, struct err *err)
{
    json_t *entry =
        file->entrypoint != NULL ? file->entrypoint : json_object_get(config, "Entrypoint");
    json_t *command = file->command;
    if (command == NULL && file->entrypoint == NULL) { /* an entry point makes the image's void */
        command = json_object_get(config, "Cmd");
    }
    container->command = json_array();
    container->fixed_words = json_array_size(entry);
    if ((json_is_array(entry) && json_array_extend(container->command, entry) != 0) ||
        (json_is_array(command) && json_array_extend(container->command, command) != 0)) {
        return err_set(err, ERR_NOMEM, "no memory for a command");
    }
    size_t const count = json_array_size(container->command);
    bool good = count <= CONTAINER_WORDS_MAX;
    for (size_t i = 0; good && i < count; i++) {
        good = json_is_string(json_array_get(container->command, i));
    }
    return good ? ERR_OK
                : err_set(err, ERR_INVALID, "the image's command has more than %d words",
                          CONTAINER_WORDS_MAX);
}

/* As job_launch.c puts it together. */
static enum err_code check_program(const struct container *container, const char *argument,
                                   struct err *err)
{
    const char *program = argument != NULL && container->fixed_words == 0
                              ? argument
                              : json_string_value(json_array_get(container->command, 0));
    if (program == NULL) {
        return err_set(err, ERR_INVALID, "neither the Dockerfile nor its image says what to start");
    }
    return program[0] != 0 && strlen(program) <= CONTAINER_NAME_MAX
               ? ERR_OK
               : err_set(err, ERR_INVALID, "the name of what is started has 1 to %d bytes",
                         CONTAINER_NAME_MAX);
}

/* A folder of the image, or one of those that each sandbox has. */
static bool is_folder(const char *root, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    if (strcmp(path, "/job") == 0 || strcmp(path, "/tmp") == 0) {
        return true;
    }
    int const folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    long const fd = folder < 0 ? -1 : syscall(SYS_openat2, folder, path, &how, sizeof how);
    if (fd >= 0) {
        (void)close((int)fd);
    }
    if (folder >= 0) {
        (void)close(folder);
    }
    return fd >= 0;
}

static enum err_code add_workdir(struct container *container, const json_t *config,
                                 const struct container_file *file, struct err *err)
{
    const char *path = json_string_value(
        file->workdir != NULL ? file->workdir : json_object_get(config, "WorkingDir"));
    /* An image may name a folder that only its starter would make. */
    if (path == NULL || path[0] == 0 || strcmp(path, "/") == 0 ||
        (file->workdir == NULL && !is_folder(container->root, path))) {
        path = "/job";
    }
    if (strlen(path) > CONTAINER_NAME_MAX || !is_folder(container->root, path)) {
        return err_set(err, ERR_INVALID, "the image has no folder %.100s to work in", path);
    }
    (void)snprintf(container->workdir, sizeof container->workdir, "%s", path);
    return ERR_OK;
}

/* ── the image's files ─────────────────────────────────────────────────────────────────────────── */

static enum err_code read_file(const char *path, struct container_file *ret, struct err *err)
{
    struct buf text;
    buf_init(&text, CONTAINER_FILE_MAX);
    enum err_code code = file_read(path, &text, err);
    if (code == ERR_TOO_LARGE) {
        code = err_set(err, ERR_INVALID, "it has more than %d bytes", CONTAINER_FILE_MAX);
    }
    if (code == ERR_OK) {
        code = container_file_read(buf_bytes(&text), ret, err);
    }
    if (code == ERR_INVALID) {
        err_context(err, "the Dockerfile");
    }
    buf_deinit(&text);
    return code;
}

enum err_code container_open(const struct container_engine *engine, const char *folder,
                             const char *file_name, const char *wanted, const char *argument,
                             struct container *ret, struct err *err)
{
    char path[PATH_MAX];
    struct container_file file = {0};
    json_t *config = NULL;
    *ret = (struct container){.engine = engine};
    enum err_code code = path_join(path, sizeof path, folder, file_name, err);
    if (code == ERR_OK) {
        code = read_file(path, &file, err);
    }
    if (code == ERR_OK && wanted != NULL) {
        (void)snprintf(file.image, sizeof file.image, "%s", wanted);
    }
    if (code == ERR_OK) {
        code = engine->kind->inspect(engine, file.image, &config, err);
    }
    if (code == ERR_OK) {
        code = add_environment(ret, config, &file, err);
    }
    if (code == ERR_OK) {
        code = add_command(ret, config, &file, err);
    }
    if (code == ERR_OK) {
        code = check_program(ret, argument, err);
    }
    if (code == ERR_OK) {
        code = engine->kind->show(engine, file.image, ret->root, err);
    }
    if (code == ERR_OK) {
        (void)snprintf(ret->image, sizeof ret->image, "%s", file.image);
    }
    if (code == ERR_OK) {
        code = add_workdir(ret, config, &file, err);
    }
    json_decref(config);
    container_file_deinit(&file);
    return code;
}

void container_release(struct container *container)
{
    if (container->image[0] != 0) {
        container->engine->kind->hide(container->engine, container->image);
    }
    json_decref(container->command);
    json_decref(container->environment);
    *container = (struct container){0};
}
