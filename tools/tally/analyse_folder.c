// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/analyse_folder.h"

#include "core/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
    char *place; /* where it is opened */
    char *shown; /* its path in the bundle */
    uint64_t size;
};

struct collection {
    struct file *files;
    size_t count;
};

bool analyse_is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static void collection_deinit(struct collection *all)
{
    for (size_t i = 0; i < all->count; i++) {
        free(all->files[i].place);
        free(all->files[i].shown);
    }
    free(all->files);
}

/* UTF-8 of any bytes; NULL: no memory. */
static char *shown_of(const char *path)
{
    struct buf text;
    buf_init(&text, (size_t)4 * PATH_MAX);
    utf8_append_lossy(&text, bytes_of_text(path));
    char *kept = text.failed ? NULL : strdup(buf_text(&text));
    buf_deinit(&text);
    return kept;
}

static enum err_code add(struct collection *all, const char *place, const char *shown,
                         uint64_t size, struct err *err)
{
    if (all->count == FOLDER_FILES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "more than %d files; at most that many are one job",
                       FOLDER_FILES_MAX);
    }
    if (all->files == NULL) {
        all->files = calloc(FOLDER_FILES_MAX, sizeof(*all->files));
    }
    struct file file = {.place = strdup(place), .shown = shown_of(shown), .size = size};
    if (all->files == NULL || file.place == NULL || file.shown == NULL) {
        free(file.place);
        free(file.shown);
        return err_set(err, ERR_NOMEM, "no memory for the list of files");
    }
    all->files[all->count++] = file;
    return ERR_OK;
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strcmp(entry->d_name, "__pycache__") != 0;
}

/* `below`: the part of `folder` that is the path in the bundle. Recurses at most FOLDER_DEPTH_MAX deep. */
/* NOLINTNEXTLINE(misc-no-recursion): the depth is bounded */
static enum err_code walk(struct collection *all, const char *folder, size_t below, int depth,
                          struct err *err)
{
    struct dirent **names = NULL;
    enum err_code code = ERR_OK;
    if (depth > FOLDER_DEPTH_MAX) {
        return err_set(err, ERR_TOO_LARGE, "folders are more than %d deep", FOLDER_DEPTH_MAX);
    }
    int count = scandir(folder, &names, not_hidden, alphasort);
    if (count < 0) {
        return err_set_errno(err, errno, "%.120s", folder);
    }
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        struct stat about;
        int size = snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        if (code == ERR_OK && (size < 0 || (size_t)size >= sizeof(path))) {
            code = err_set(err, ERR_TOO_LARGE, "a path of more than %d bytes", PATH_MAX);
        }
        if (code == ERR_OK && lstat(path, &about) == 0) { /* a link leads out of what was given */
            code = S_ISDIR(about.st_mode) ? walk(all, path, below, depth + 1, err)
                   : S_ISREG(about.st_mode)
                       ? add(all, path, path + below, (uint64_t)about.st_size, err)
                       : ERR_OK;
        }
        free(names[i]);
    }
    free(names);
    return code;
}

static enum err_code add_file(struct collection *all, const char *path, struct err *err)
{
    struct stat about;
    const char *slash = strrchr(path, '/');
    if (stat(path, &about) != 0) {
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%.120s cannot be opened: %s",
                       path, strerrordesc_np(errno));
    }
    if (!S_ISREG(about.st_mode)) {
        return err_set(err, ERR_INVALID, "%.120s: one folder, or files are one job", path);
    }
    return add(all, path, slash == NULL ? path : slash + 1, (uint64_t)about.st_size, err);
}

static bool read_cb(void *user, size_t index, uint8_t *ret, size_t size)
{
    const struct collection *all = user;
    int fd = open(all->files[index].place, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    size_t done = 0;
    while (fd >= 0 && done < size) {
        ssize_t got = pread(fd, ret + done, size - done, (off_t)done);
        if (got <= 0) {
            break;
        }
        done += (size_t)got;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return done == size;
}

enum err_code analyse_several(char *const *paths, size_t count, const char *entry,
                              struct arena *arena, struct analysis *ret, struct err *err)
{
    static const struct analysis_limits limits = ANALYSIS_LIMITS;
    struct collection all = {0};
    struct analysis_input *inputs = NULL;
    enum err_code code = ERR_OK;
    bool is_folder = count == 1 && analyse_is_folder(paths[0]);
    for (size_t i = 0; code == ERR_OK && !is_folder && i < count; i++) {
        code = add_file(&all, paths[i], err);
    }
    if (is_folder) {
        size_t size = strlen(paths[0]);
        while (size > 1 && paths[0][size - 1] == '/') {
            size--;
        }
        char *folder = strndup(paths[0], size);
        code = folder == NULL ? err_set(err, ERR_NOMEM, "no memory for a path")
                              : walk(&all, folder, size + 1, 0, err);
        free(folder);
    }
    if (code == ERR_OK && all.count == 0) {
        code = err_set(err, ERR_INVALID, "the folder holds no file");
    }
    if (code == ERR_OK) {
        inputs = calloc(FOLDER_FILES_MAX, sizeof(*inputs));
        code = inputs == NULL ? err_set(err, ERR_NOMEM, "no memory for the list of files") : ERR_OK;
    }
    for (size_t i = 0; inputs != NULL && i < all.count; i++) {
        inputs[i] = (struct analysis_input){.path = all.files[i].shown, .size = all.files[i].size};
    }
    if (code == ERR_OK) {
        const struct analysis_files files = {.inputs = inputs,
                                             .count = all.count,
                                             .entry = entry,
                                             .loose = !is_folder,
                                             .read = read_cb,
                                             .user = &all};
        code = analysis_run_files(&files, &limits, arena, ret, err);
    }
    free(inputs);
    collection_deinit(&all);
    return code;
}
