// SPDX-License-Identifier: Apache-2.0
#include "worker/container_docker.h"

#include "core/base/file.h"
#include "core/base/software.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/crypto/sha256.h"
#include "worker/runner.h"
#include "worker/sandbox.h"
#include "worker/sandbox_user.h"
#include "worker/scratch.h"
#include "worker/tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "images"
#define PREFIX "1-"
#define PART ".part"
#define ROOT "root"
#define ROOT_INSIDE "/job/root" /* as the sandbox that makes it sees it */
#define ID_PREFIX "sha256:"
#define ASK_TIMEOUT_MS 30000
#define TAKE_TIMEOUT_MS                                                                            \
    1800000 /* some storage of docker's copies an image to make a container of it */
#define END_TIMEOUT_MS 30000 /* what it has written is read by then */
#define MIB (UINT64_C(1) << 20)
#define NAME_SIZE (sizeof PREFIX + DOCKER_ID_SIZE + sizeof PART)

static enum err_code ask(const struct docker_images *images, const char *const *arguments,
                         int64_t timeout_ms, struct err *err)
{
    struct buf ignored;
    buf_init(&ignored, CONTAINER_TEXT_MAX);
    enum err_code const code = container_ask(images->program, arguments, timeout_ms, &ignored, err);
    buf_deinit(&ignored);
    return code;
}

/* ── what docker says of it ────────────────────────────────────────────────────────────────────── */

static bool read_id(const char *text, char ret[DOCKER_ID_SIZE])
{
    size_t const prefix = sizeof ID_PREFIX - 1;
    if (text == NULL || strncmp(text, ID_PREFIX, prefix) != 0 ||
        strlen(text + prefix) != DOCKER_ID_SIZE - 1 ||
        strspn(text + prefix, "0123456789abcdef") != DOCKER_ID_SIZE - 1) {
        return false;
    }
    memcpy(ret, text + prefix, DOCKER_ID_SIZE);
    return true;
}

/* `ret_size`: as docker counts it, which is less than the disk's where docker keeps it squeezed. */
static enum err_code inspect(const struct docker_images *images, struct docker_image *image,
                             json_t **ret_config, uint64_t *ret_size, struct err *err)
{
    const char *const arguments[] = {"image",      "inspect",   "--format",
                                     "{{json .}}", image->name, NULL};
    struct buf text;
    json_t *said = NULL;
    buf_init(&text, CONTAINER_TEXT_MAX);
    enum err_code code = container_ask(images->program, arguments, ASK_TIMEOUT_MS, &text, err);
    if (code == ERR_UNAVAILABLE) {
        code = err_set(err, ERR_NOT_FOUND, "docker has no such image (docker pull gets it)");
    }
    if (code == ERR_OK) {
        said = json_loadb(buf_text(&text), text.size, 0, NULL);
        json_t *config = json_object_get(said, "Config");
        if (!read_id(json_string_value(json_object_get(said, "Id")), image->id) ||
            !json_is_object(config)) {
            code = err_set(err, ERR_UNAVAILABLE, "docker's words about it are not understood");
        } else {
            json_int_t const size = json_integer_value(json_object_get(said, "Size"));
            *ret_size = size > 0 ? (uint64_t)size : 0;
            *ret_config = json_incref(config);
        }
    }
    json_decref(said);
    buf_deinit(&text);
    return code;
}

/* ── taking one over ───────────────────────────────────────────────────────────────────────────── */

static enum err_code path_of(const struct docker_images *images, const char *id, const char *more,
                             char ret[PATH_MAX], struct err *err)
{
    char name[NAME_SIZE + sizeof ROOT];
    (void)snprintf(name, sizeof name, PREFIX "%s%s", id, more);
    return path_join(ret, PATH_MAX, images->folder, name, err);
}

static bool is_taken(const struct docker_images *images, const char *id)
{
    char path[PATH_MAX];
    struct stat about;
    return path_of(images, id, "/" ROOT, path, NULL) == ERR_OK && lstat(path, &about) == 0 &&
           S_ISDIR(about.st_mode);
}

/* The one container that this worker makes, one after another: a worker that was killed leaves one, and the next finds it. */
static void container_name(const struct docker_images *images, char ret[32])
{
    char real[PATH_MAX];
    char hex[65];
    const char *path = realpath(images->folder, real) != NULL ? real : images->folder;
    struct key32 const digest = sha256_of(bytes_of_text(path));
    hex_encode(bytes_of(digest.b, sizeof digest.b), hex);
    (void)snprintf(ret, 32, "tally-worker-%.16s", hex);
}

static enum err_code remove_container(const struct docker_images *images, struct err *err)
{
    char name[32];
    container_name(images, name);
    const char *const arguments[] = {"rm", "--volumes", name, NULL};
    return ask(images, arguments, TAKE_TIMEOUT_MS, err);
}

/* The container is given a program that is none: it is never started, and an image need not have one. */
static enum err_code create_container(const struct docker_images *images, const char *id,
                                      char ret_name[32], struct err *err)
{
    char image[sizeof ID_PREFIX + DOCKER_ID_SIZE];
    container_name(images, ret_name);
    (void)snprintf(image, sizeof image, ID_PREFIX "%s", id);
    const char *const arguments[] = {"create", "--pull=never", "--name", ret_name, image, "/",
                                     NULL};
    return ask(images, arguments, TAKE_TIMEOUT_MS, err);
}

/* What it may take of the disk, and how many files. */
static enum err_code limits(const struct docker_images *images, uint64_t size, uint64_t *ret_bytes,
                            uint64_t *ret_files, struct err *err)
{
    uint64_t const free_bytes = scratch_free_bytes(images->folder);
    uint64_t const inodes = scratch_free_inodes(images->folder);
    uint64_t const files = inodes - inodes / 10;
    if (free_bytes <= DOCKER_DISK_LEFT || size > free_bytes - DOCKER_DISK_LEFT) {
        return err_set(err, ERR_FULL,
                       "it takes %llu MiB; %llu MiB are free in %s, of which %llu are left to jobs",
                       (unsigned long long)(size / MIB), (unsigned long long)(free_bytes / MIB),
                       images->folder, (unsigned long long)(DOCKER_DISK_LEFT / MIB));
    }
    *ret_bytes = free_bytes - DOCKER_DISK_LEFT;
    *ret_files = files < DOCKER_FILES_MAX ? files : DOCKER_FILES_MAX;
    return ERR_OK;
}

/* The worker passes on what docker writes and reads none of it. */
static enum err_code unpack(const struct docker_images *images, const char *container,
                            const char *part, uint64_t bytes_max, uint64_t files_max,
                            struct err *err)
{
    char bytes[24];
    char files[24];
    struct tool docker;
    const char *const export[] = {"export", container, NULL};
    (void)snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)bytes_max);
    (void)snprintf(files, sizeof files, "%llu", (unsigned long long)files_max);
    const char *const command[] = {SANDBOX_PYTHON, "-I",  RUNNER_PATH, ROOT_INSIDE,
                                   bytes,          files, NULL};
    uid_t const user = sandbox_user_new();
    if (user != SANDBOX_USER_SAME && lchown(part, user, user) != 0) {
        return err_set_errno(err, errno, "chown %s", part);
    }
    enum err_code code = tool_start(images->program, export, &docker, err);
    if (code != ERR_OK) {
        return code;
    }
    struct sandbox_options const options = {.folder = part,
                                            .command = command,
                                            .runner = bytes_of(unpack_script, unpack_script_size),
                                            .memory_max = UINT64_C(1) << 30,
                                            .tmp_max = MIB,
                                            .file_max = bytes_max,
                                            .pids_max = 16,
                                            .input_fd = docker.fd};
    code = sandbox_try(&options, TAKE_TIMEOUT_MS, NULL, err);
    int const status = tool_end(&docker, code == ERR_OK ? END_TIMEOUT_MS : 0);
    if (code == ERR_OK && status != 0) {
        code = err_set(err, ERR_UNAVAILABLE, "%s export ended with %d", images->program, status);
    }
    return code;
}

/* Whole and on the disk, under its own name. */
static enum err_code keep(const struct docker_images *images, const char *part, const char *whole,
                          struct err *err)
{
    int const fd = open(part, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || syncfs(fd) != 0 || rename(part, whole) != 0) {
        enum err_code const code = err_set_errno(err, errno, "keep %s", whole);
        if (fd >= 0) {
            (void)close(fd);
        }
        return code;
    }
    (void)close(fd);
    return dir_sync(images->folder, err);
}

static enum err_code take(const struct docker_images *images, const struct docker_image *image,
                          uint64_t size, struct err *err)
{
    char part[PATH_MAX];
    char whole[PATH_MAX];
    char container[32];
    uint64_t bytes_max = 0;
    uint64_t files_max = 0;
    struct err left = {0};
    enum err_code code = path_of(images, image->id, PART, part, err);
    if (code == ERR_OK) {
        code = path_of(images, image->id, "", whole, err);
    }
    if (code == ERR_OK) {
        code = limits(images, size, &bytes_max, &files_max, err);
    }
    if (code == ERR_OK) {
        code = dir_create(part, 0700, err);
    }
    if (code == ERR_OK) {
        code = create_container(images, image->id, container, err);
        if (code == ERR_OK) {
            code = unpack(images, container, part, bytes_max, files_max, err);
            if (remove_container(images, &left) != ERR_OK) {
                trace_err(TRACE_WARN, "image.container_left", &left);
            }
        }
        if (code == ERR_OK) {
            code = keep(images, part, whole, err);
        }
    }
    if (code != ERR_OK && scratch_remove(part, &left) != ERR_OK) {
        trace_err(TRACE_WARN, "image.part_left", &left);
    }
    return code;
}

/* ── all of them ───────────────────────────────────────────────────────────────────────────────── */

static bool is_wanted(const struct docker_images *images, const char *name)
{
    for (size_t i = 0; i < images->count; i++) {
        char mine[NAME_SIZE];
        (void)snprintf(mine, sizeof mine, PREFIX "%s", images->items[i].id);
        if (images->items[i].id[0] != 0 && strcmp(mine, name) == 0) {
            return true;
        }
    }
    return false;
}

/* What was not finished, and, unless docker is silent about what it has, what nobody wants any more. */
static void sweep(const struct docker_images *images, bool only_parts)
{
    DIR *folder = opendir(images->folder);
    for (const struct dirent *entry;
         folder != NULL && (entry = readdir(folder)) != NULL;) { // NOLINT
        size_t const size = strlen(entry->d_name);
        bool const is_part =
            size > sizeof PART - 1 && strcmp(entry->d_name + size - (sizeof PART - 1), PART) == 0;
        char path[PATH_MAX];
        struct err err = {0};
        if (entry->d_name[0] == '.' ||
            (!is_part && (only_parts || is_wanted(images, entry->d_name)))) {
            continue;
        }
        if (path_join(path, sizeof path, images->folder, entry->d_name, &err) != ERR_OK ||
            scratch_remove(path, &err) != ERR_OK) {
            trace_err(TRACE_WARN, "image.left", &err);
        } else {
            trace(TRACE_INFO, "image.removed", "folder=%s", entry->d_name);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
}

static void take_all(struct docker_images *images)
{
    json_t *configs[DOCKER_IMAGES_MAX] = {NULL};
    uint64_t sizes[DOCKER_IMAGES_MAX] = {0};
    for (size_t i = 0; i < images->count; i++) {
        struct docker_image *image = &images->items[i];
        image->why.code = inspect(images, image, &configs[i], &sizes[i], &image->why);
    }
    sweep(images, false); /* there may be no room for a new one beside the old */
    struct err none = {0};
    (void)remove_container(images, &none); /* there is one only when a worker was killed */
    for (size_t i = 0; i < images->count; i++) {
        struct docker_image *image = &images->items[i];
        int64_t const before = time_mono_ns();
        if (image->why.code == ERR_OK && !is_taken(images, image->id)) {
            image->why.code = take(images, image, sizes[i], &image->why);
        }
        if (image->why.code == ERR_OK) {
            image->config = configs[i];
            trace(TRACE_INFO, "image.ready", "name=%s id=%s took_ms=%lld", image->name, image->id,
                  (long long)((time_mono_ns() - before) / NS_PER_MS));
        } else {
            json_decref(configs[i]);
            err_context(&image->why, "the image %s is not offered", image->name);
            trace_err(TRACE_WARN, "image.left_out", &image->why);
        }
    }
}

enum err_code docker_images_take(const char *program, const char *state, const char *const *names,
                                 size_t count, struct docker_images **ret, struct err *err)
{
    static const char *const hello[] = {"version", "--format", "{{.Server.Version}}", NULL};
    struct docker_images *images = calloc(1, sizeof *images);
    struct err why = {0};
    if (images == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for images");
    }
    enum err_code code = path_join(images->folder, sizeof images->folder, state, FOLDER, err);
    if (code == ERR_OK) {
        code = dir_create(images->folder, 0700, err);
    }
    if (code != ERR_OK) {
        free(images);
        return code;
    }
    images->program = program;
    images->count = count;
    for (size_t i = 0; i < count; i++) {
        images->items[i].name = names[i];
    }
    if (ask(images, hello, ASK_TIMEOUT_MS, &why) == ERR_OK) {
        take_all(images);
    } else {
        err_context(&why,
                    "docker does not answer (does its daemon run, and may this user ask it?)");
        trace_err(TRACE_WARN, "image.no_docker", &why);
        sweep(images, true);
        for (size_t i = 0; i < count; i++) {
            images->items[i].why = why;
        }
    }
    *ret = images;
    return ERR_OK;
}

void docker_images_free(struct docker_images *images)
{
    for (size_t i = 0; images != NULL && i < images->count; i++) {
        json_decref(images->items[i].config);
    }
    free(images);
}

void docker_images_forget(const char *state)
{
    char folder[PATH_MAX];
    struct err err = {0};
    enum err_code code = path_join(folder, sizeof folder, state, FOLDER, &err);
    if (code == ERR_OK) {
        code = scratch_remove(folder, &err);
    }
    if (code != ERR_OK) {
        trace_err(TRACE_WARN, "image.left", &err);
    }
}

/* ── as an engine ──────────────────────────────────────────────────────────────────────────────── */

static enum err_code docker_check(const struct container_engine *engine, struct err *err)
{
    for (size_t i = 0; i < engine->images->count; i++) {
        if (engine->images->items[i].config != NULL) {
            return ERR_OK;
        }
    }
    return err_set(err, ERR_UNAVAILABLE, "%s", engine->images->items[0].why.message);
}

static enum err_code docker_list(const struct container_engine *engine, struct name_list *ret,
                                 struct err *err)
{
    (void)err;
    for (size_t i = 0; i < engine->images->count; i++) {
        char name[JOB_IMAGE_NAME_MAX + 8];
        if (engine->images->items[i].config != NULL &&
            software_image_name(engine->images->items[i].name, name) &&
            strlen(name) <= JOB_IMAGE_NAME_MAX) {
            name_list_add(ret, bytes_of_text(name));
        }
    }
    return ERR_OK;
}

/* By whatever spelling. */
static const struct docker_image *find(const struct docker_images *images, const char *wanted)
{
    char name[JOB_IMAGE_NAME_MAX + 8];
    bool const has_name = software_image_name(wanted, name);
    for (size_t i = 0; i < images->count; i++) {
        const struct docker_image *image = &images->items[i];
        char other[JOB_IMAGE_NAME_MAX + 8];
        if (image->config != NULL &&
            (strcmp(image->name, wanted) == 0 ||
             (has_name && software_image_name(image->name, other) && strcmp(name, other) == 0))) {
            return image;
        }
    }
    return NULL;
}

static enum err_code docker_inspect(const struct container_engine *engine, const char *wanted,
                                    json_t **ret, struct err *err)
{
    const struct docker_image *image = find(engine->images, wanted);
    if (image == NULL) {
        return err_set(err, ERR_NOT_FOUND, "the image %s is not on this machine", wanted);
    }
    *ret = json_deep_copy(image->config); /* other jobs read it too */
    return *ret != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "no memory for an image's settings");
}

static enum err_code docker_show(const struct container_engine *engine, const char *wanted,
                                 char ret[PATH_MAX], struct err *err)
{
    const struct docker_image *image = find(engine->images, wanted);
    if (image == NULL || !is_taken(engine->images, image->id)) {
        return err_set(err, ERR_UNAVAILABLE, "the files of the image %s are gone", wanted);
    }
    return path_of(engine->images, image->id, "/" ROOT, ret, err);
}

static void docker_hide(const struct container_engine *engine, const char *image)
{
    (void)engine;
    (void)image; /* it stays for the next */
}

const struct container_engine_kind container_docker = {.check = docker_check,
                                                       .list = docker_list,
                                                       .inspect = docker_inspect,
                                                       .show = docker_show,
                                                       .hide = docker_hide};
