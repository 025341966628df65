// SPDX-License-Identifier: Apache-2.0
#include "worker/container.h"

#include "core/base/file.h"
#include "core/base/job_rules.h"
#include "core/base/software.h"
#include "core/base/trace.h"
#include "worker/name_list.h"
#include "worker/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PODMAN_TIMEOUT_MS 30000
#define PODMAN_TEXT_MAX ((size_t)1 << 20)

/* `ret`: what it wrote. ERR_UNAVAILABLE unless it ended with 0. */
static enum err_code ask_podman(const char *podman, const char *const *arguments, struct buf *ret,
                                struct err *err)
{
    int status = 0;
    enum err_code const code = tool_run(podman, arguments, PODMAN_TIMEOUT_MS, ret, &status, err);
    if (code == ERR_OK && status != 0) {
        return err_set(err, ERR_UNAVAILABLE, "%s %s %s ended with %d", podman, arguments[0],
                       arguments[1], status);
    }
    return code;
}

enum err_code container_try(const char *podman, struct err *err)
{
    static const char *const arguments[] = {"image", "list", "--quiet", NULL};
    struct buf text;
    if (geteuid() != 0) {
        return err_set(err, ERR_UNAVAILABLE,
                       "podman shows an image's files to root alone, and this worker is not");
    }
    buf_init(&text, PODMAN_TEXT_MAX);
    enum err_code code = ask_podman(podman, arguments, &text, err);
    buf_deinit(&text);
    if (code == ERR_NOT_FOUND) {
        code = err_set(err, ERR_UNAVAILABLE, "there is no %s", podman);
    }
    return code;
}

enum err_code container_images(const char *podman, struct buf *ret_list, struct err *err)
{
    static const char *const arguments[] = {"image", "list", "--format", "{{.Repository}}:{{.Tag}}",
                                            NULL};
    struct name_list images = {0};
    struct buf text;
    buf_init(&text, PODMAN_TEXT_MAX);
    enum err_code const code = ask_podman(podman, arguments, &text, err);
    const char *at = code == ERR_OK ? buf_text(&text) : "";
    while (*at != 0) {
        char line[JOB_IMAGE_NAME_MAX + 1];
        char name[JOB_IMAGE_NAME_MAX + 8];
        size_t const size = strcspn(at, "\n");
        (void)snprintf(line, sizeof line, "%.*s", (int)size, at);
        if (size < sizeof line && software_image_name(line, name) && /* "<none>:<none>" is none */
            strlen(name) <= JOB_IMAGE_NAME_MAX) {
            name_list_add(&images, bytes_of_text(name));
        }
        at += size + (at[size] != 0 ? 1 : 0);
    }
    name_list_text(&images, ret_list);
    if (images.left_out > 0) {
        trace(TRACE_WARN, "container.images_left_out", "count=%zu told=%zu", images.left_out,
              images.count);
    }
    buf_deinit(&text);
    return code;
}

/* ── the image's own settings ──────────────────────────────────────────────────────────────────── */

static enum err_code inspect(const char *podman, const char *image, json_t **ret, struct err *err)
{
    const char *const arguments[] = {"image", "inspect", "--format", "{{json .Config}}",
                                     image,   NULL};
    struct buf text;
    buf_init(&text, PODMAN_TEXT_MAX);
    enum err_code code = ask_podman(podman, arguments, &text, err);
    if (code == ERR_UNAVAILABLE) {
        code = err_set(err, ERR_NOT_FOUND, "the image %s is not on this machine", image);
    }
    if (code == ERR_OK) {
        *ret = json_loadb(buf_text(&text), text.size, 0, NULL);
        if (!json_is_object(*ret)) {
            json_decref(*ret);
            code = err_set(err, ERR_UNAVAILABLE, "podman's words about %s are no JSON", image);
        }
    }
    buf_deinit(&text);
    return code;
}

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

static enum err_code show(struct container *container, const char *image, struct err *err)
{
    const char *const arguments[] = {"image", "mount", image, NULL};
    struct buf text;
    buf_init(&text, PODMAN_TEXT_MAX);
    enum err_code code = ask_podman(container->podman, arguments, &text, err);
    if (code == ERR_OK) {
        (void)snprintf(container->image, sizeof container->image, "%s", image);
        size_t const size = strcspn(buf_text(&text), "\n");
        if (size == 0 || size >= sizeof container->root || text.data[0] != '/') {
            code = err_set(err, ERR_UNAVAILABLE, "podman does not say where it shows %s", image);
        } else {
            memcpy(container->root, text.data, size);
            container->root[size] = 0;
        }
    }
    buf_deinit(&text);
    return code;
}

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

enum err_code container_open(const char *podman, const char *folder, const char *file_name,
                             const char *wanted, const char *argument, struct container *ret,
                             struct err *err)
{
    char path[PATH_MAX];
    struct container_file file = {0};
    json_t *config = NULL;
    *ret = (struct container){.podman = podman};
    enum err_code code = path_join(path, sizeof path, folder, file_name, err);
    if (code == ERR_OK) {
        code = read_file(path, &file, err);
    }
    if (code == ERR_OK && wanted != NULL) {
        (void)snprintf(file.image, sizeof file.image, "%s", wanted);
    }
    if (code == ERR_OK) {
        code = inspect(podman, file.image, &config, err);
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
        code = show(ret, file.image, err);
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
        const char *const arguments[] = {"image", "unmount", container->image, NULL};
        struct buf text;
        struct err err = {0};
        buf_init(&text, PODMAN_TEXT_MAX);
        if (ask_podman(container->podman, arguments, &text, &err) != ERR_OK) {
            trace_err(TRACE_WARN, "container.left_shown", &err);
        }
        buf_deinit(&text);
    }
    json_decref(container->command);
    json_decref(container->environment);
    *container = (struct container){0};
}
