// SPDX-License-Identifier: Apache-2.0
#include "worker/sandbox_models.h"

#include "core/base/file.h"
#include "core/base/software.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REVISION_MAX 64 /* a commit has 40 */
#define REVISION_FILE SANDBOX_MODELS "/.revision"

static void add(struct buf *buf, const char *word)
{
    buf_append(buf, word, strlen(word) + 1);
}

static void add_link(struct buf *buf, const char *target, const char *shown)
{
    add(buf, "--symlink");
    add(buf, target);
    add(buf, shown);
}

static bool is_there(const char *folder, const char *name)
{
    char path[PATH_MAX];
    return path_join(path, sizeof path, folder, name, NULL) == ERR_OK && access(path, F_OK) == 0;
}

static enum err_code add_entries(const char *folder, struct buf *ret, struct err *err)
{
    DIR *open_folder = opendir(folder);
    size_t count = 0;
    if (open_folder == NULL) {
        return err_set_errno(err, errno, "the models' folder %s", folder);
    }
    for (const struct dirent *entry; count < SANDBOX_MODELS_ENTRIES_MAX &&
                                     (entry = readdir(open_folder)) != NULL;) { // NOLINT: its own
        char target[sizeof entry->d_name + 16];
        char shown[sizeof entry->d_name + 16];
        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(target, sizeof target, ".folder/%s", entry->d_name);
        (void)snprintf(shown, sizeof shown, SANDBOX_MODELS "/%s", entry->d_name);
        add_link(ret, target, shown);
        count++;
    }
    (void)closedir(open_folder);
    return ERR_OK;
}

/* As the hub's library keeps it: models--org--name. */
static void cache_name(const char *name, char ret[2 * SOFTWARE_MODEL_MAX])
{
    const char *slash = strchr(name, '/');
    int const first = slash == NULL ? (int)strlen(name) : (int)(slash - name);
    (void)snprintf(ret, 2 * SOFTWARE_MODEL_MAX, "models--%.*s%s%s", first, name,
                   slash == NULL ? "" : "--", slash == NULL ? "" : slash + 1);
}

/* The snapshot that is meant where none is named; what is no commit's name is not put into a path. Whoever else writes there can neither make the worker wait, by a
 * pipe, nor have it read what jobs cannot, by a link. */
static bool read_revision(const char *folder, const char *cached, char ret[REVISION_MAX + 1])
{
    char path[PATH_MAX];
    struct stat about;
    int const length = snprintf(path, sizeof path, "%s/%s/refs/main", folder, cached);
    int const fd = length > 0 && (size_t)length < sizeof path
                       ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
                       : -1;
    if (fd < 0) {
        return false;
    }
    bool const is_file = fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    ssize_t const size = is_file ? read(fd, ret, REVISION_MAX) : -1;
    (void)close(fd);
    ret[size > 0 ? size : 0] = '\0';
    return is_file && about.st_size <= REVISION_MAX &&
           software_version_is_good(bytes_of_text(ret)) && ret[0] != '.';
}

/* A hub lets no name have "--", nor a part of it "-" at an end: what has is a folder of that name alone. Else "a/b" and "a--b" had one place in the cache, and one of
 * them would be loaded by the other's name. */
static bool is_of_hub(const char *name, const char *cached)
{
    size_t doubled = 0;
    for (const char *at = cached + strlen("models-"); *at != 0; at++) {
        doubled += at[0] == '-' && at[1] == '-' ? 1 : 0;
    }
    return doubled == (strchr(name, '/') == NULL ? 0 : 1);
}

/* By its path, where only the hub's name would do; and the other way round. "x/y" has no place below a link "x" to a model of that name. */
static void add_model(const char *folder, const char *name, struct buf *ret)
{
    char cached[2 * SOFTWARE_MODEL_MAX];
    char first[SOFTWARE_MODEL_MAX + 1];
    char revision[REVISION_MAX + 1];
    char first_cached[2 * SOFTWARE_MODEL_MAX];
    char target[4 * SOFTWARE_MODEL_MAX];
    char shown[4 * SOFTWARE_MODEL_MAX];
    cache_name(name, cached);
    (void)snprintf(first, sizeof first, "%.*s", (int)strcspn(name, "/"), name);
    cache_name(first, first_cached);
    bool const is_below = strcmp(first, name) != 0 && is_there(folder, first_cached);
    if (!is_there(folder, cached)) {
        if (!is_of_hub(name, cached)) {
            return;
        }
        (void)snprintf(target, sizeof target, SANDBOX_MODELS "/%s", name);
        (void)snprintf(shown, sizeof shown, SANDBOX_MODELS "/%s/snapshots/" SANDBOX_MODELS_REVISION,
                       cached);
        add_link(ret, target, shown);
        (void)snprintf(shown, sizeof shown, SANDBOX_MODELS "/%s/refs/main", cached);
        add_link(ret, REVISION_FILE, shown);
    } else if (!is_below && !is_there(folder, first) && read_revision(folder, cached, revision)) {
        (void)snprintf(target, sizeof target, SANDBOX_MODELS "/%s/snapshots/%s", cached, revision);
        (void)snprintf(shown, sizeof shown, SANDBOX_MODELS "/%s", name);
        add_link(ret, target, shown);
    }
}

enum err_code sandbox_models_arguments(const struct sandbox_models *models, const char *source,
                                       int revision_fd, struct buf *ret, struct err *err)
{
    struct bytes rest = bytes_of_text(models->told != NULL ? models->told : "");
    struct bytes name;
    struct bytes none;
    char number[16];
    (void)snprintf(number, sizeof number, "%d", revision_fd);
    add(ret, "--ro-bind");
    add(ret, source);
    add(ret, SANDBOX_MODELS_FOLDER);
    add(ret, "--ro-bind-data");
    add(ret, number);
    add(ret, REVISION_FILE);
    enum err_code const code = add_entries(models->folder, ret, err);
    while (code == ERR_OK && software_next(&rest, &name, &none)) {
        char text[SOFTWARE_MODEL_MAX + 1];
        (void)snprintf(text, sizeof text, "%.*s", (int)name.size, (const char *)name.data);
        add_model(models->folder, text, ret);
    }
    return code;
}
