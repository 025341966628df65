/* worker/container_podman.c: podman's images: listed, described, and shown as a folder while somebody needs it. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/software.h"
#include "core/base/trace.h"
#include "worker/container_engine.h"
#include "worker/tool.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PODMAN_TIMEOUT_MS 30000

enum err_code container_ask(const char *program, const char *const *arguments, int64_t timeout_ms,
                            struct buf *ret, struct err *err)
{
    int status = 0;
    enum err_code const code = tool_run(program, arguments, timeout_ms, ret, &status, err);
    if (code == ERR_OK && status != 0) {
        return err_set(err, ERR_UNAVAILABLE, "%s %s %s ended with %d", program, arguments[0],
                       arguments[1], status);
    }
    if (code == ERR_NOT_FOUND) {
        return err_set(err, ERR_UNAVAILABLE, "there is no %s", program);
    }
    return code;
}

static enum err_code ask(const struct container_engine *engine, const char *const *arguments,
                         struct buf *ret, struct err *err)
{
    return container_ask(engine->program, arguments, PODMAN_TIMEOUT_MS, ret, err);
}

static enum err_code podman_check(const struct container_engine *engine, struct err *err)
{
    static const char *const arguments[] = {"image", "list", "--quiet", NULL};
    struct buf text;
    if (geteuid() != 0) {
        return err_set(err, ERR_UNAVAILABLE,
                       "podman shows an image's files to root alone, and this worker is not");
    }
    buf_init(&text, CONTAINER_TEXT_MAX);
    enum err_code const code = ask(engine, arguments, &text, err);
    buf_deinit(&text);
    return code;
}

static enum err_code podman_list(const struct container_engine *engine, struct name_list *ret,
                                 struct err *err)
{
    static const char *const arguments[] = {"image", "list", "--format", "{{.Repository}}:{{.Tag}}",
                                            NULL};
    struct buf text;
    buf_init(&text, CONTAINER_TEXT_MAX);
    enum err_code const code = ask(engine, arguments, &text, err);
    const char *at = code == ERR_OK ? buf_text(&text) : "";
    while (*at != 0) {
        char line[JOB_IMAGE_NAME_MAX + 1];
        char name[JOB_IMAGE_NAME_MAX + 8];
        size_t const size = strcspn(at, "\n");
        (void)snprintf(line, sizeof line, "%.*s", (int)size, at);
        if (size < sizeof line && software_image_name(line, name) && /* "<none>:<none>" is none */
            strlen(name) <= JOB_IMAGE_NAME_MAX) {
            name_list_add(ret, bytes_of_text(name));
        }
        at += size + (at[size] != 0 ? 1 : 0);
    }
    buf_deinit(&text);
    return code;
}

static enum err_code podman_inspect(const struct container_engine *engine, const char *image,
                                    json_t **ret, struct err *err)
{
    const char *const arguments[] = {"image", "inspect", "--format", "{{json .Config}}",
                                     image,   NULL};
    struct buf text;
    buf_init(&text, CONTAINER_TEXT_MAX);
    enum err_code code = ask(engine, arguments, &text, err);
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

static void podman_hide(const struct container_engine *engine, const char *image)
{
    const char *const arguments[] = {"image", "unmount", image, NULL};
    struct buf text;
    struct err err = {0};
    buf_init(&text, CONTAINER_TEXT_MAX);
    if (ask(engine, arguments, &text, &err) != ERR_OK) {
        trace_err(TRACE_WARN, "container.left_shown", &err);
    }
    buf_deinit(&text);
}

static enum err_code podman_show(const struct container_engine *engine, const char *image,
                                 char ret[PATH_MAX], struct err *err)
{
    const char *const arguments[] = {"image", "mount", image, NULL};
    struct buf text;
    buf_init(&text, CONTAINER_TEXT_MAX);
    enum err_code code = ask(engine, arguments, &text, err);
    if (code == ERR_OK) {
        size_t const size = strcspn(buf_text(&text), "\n");
        if (size == 0 || size >= PATH_MAX || text.data[0] != '/') {
            code = err_set(err, ERR_UNAVAILABLE, "podman does not say where it shows %s", image);
            podman_hide(engine, image);
        } else {
            memcpy(ret, text.data, size);
            ret[size] = 0;
        }
    }
    buf_deinit(&text);
    return code;
}

const struct container_engine_kind container_podman = {.check = podman_check,
                                                       .list = podman_list,
                                                       .inspect = podman_inspect,
                                                       .show = podman_show,
                                                       .hide = podman_hide};
