/* worker/scratch.c: folders and files, by descriptor wherever a stranger has been. */
// SPDX-License-Identifier: Apache-2.0
#include "worker/scratch.h"

#include "core/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define OPEN_FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define DEPTH_MAX 32 /* deeper folders are moved up before they are removed */
#define PASSES_MAX 100000

/* ── making ────────────────────────────────────────────────────────────────────────────────────── */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

void scratch_file_name(const char *wanted, const char *results, char ret[SCRATCH_FILE_NAME_SIZE])
{
    const char *slash = strrchr(wanted, '/');
    const char *name = slash == NULL ? wanted : slash + 1;
    size_t size = strlen(name);
    size_t at = 0;
    size_t const first = strcspn(results, "/");
    /* The end of a long name is kept: it has the suffix. */
    name += size >= SCRATCH_FILE_NAME_SIZE - 3 ? size - (SCRATCH_FILE_NAME_SIZE - 3) : 0;
    size = strlen(name);
    if (size == 0 || name[0] == '.' || name[0] == '-') {
        ret[at++] = '_';
    }
    for (size_t i = 0; i < size; i++) {
        ret[at++] = (char)(is_plain(name[i]) ? name[i] : '_');
    }
    ret[at] = 0;
    if (at == first && memcmp(ret, results, at) == 0) {
        memmove(ret + 1, ret, at + 1);
        ret[0] = '_';
    }
}

static enum err_code make_folder(const char *path, mode_t mode, uid_t uid, struct err *err)
{
    if (mkdir(path, mode) != 0 && errno != EEXIST) {
        return err_set_errno(err, errno, "mkdir %s", path);
    }
    if (uid != (uid_t)-1 && lchown(path, uid, uid) != 0) {
        return err_set_errno(err, errno, "chown %s", path);
    }
    return ERR_OK;
}

enum err_code scratch_locate(const char *parent, const char *job_id, struct scratch *ret,
                             struct err *err)
{
    struct scratch made = {.owner = (uid_t)-1};
    enum err_code code = path_join(made.folder, PATH_MAX, parent, job_id, err);
    if (code == ERR_OK) {
        code = path_join(made.input, PATH_MAX, made.folder, "input", err);
    }
    if (code == ERR_OK) {
        code = path_join(made.output_log, PATH_MAX, made.folder, SCRATCH_OUTPUT_LOG, err);
    }
    if (code == ERR_OK) {
        code = path_join(made.job, PATH_MAX, made.folder, "job", err);
    }
    if (code == ERR_OK) {
        code = scratch_set_results(&made, JOB_RESULTS_FOLDER, err);
    }
    if (code == ERR_OK) {
        *ret = made;
    }
    return code;
}

enum err_code scratch_set_results(struct scratch *scratch, const char *results, struct err *err)
{
    return path_join(scratch->results, PATH_MAX, scratch->job, results, err);
}

/* Relative to the job's folder. */
static const char *results_name(const struct scratch *scratch)
{
    return scratch->results + strlen(scratch->job) + 1;
}

/* Each folder on the way: the job is to find it there. */
static enum err_code make_results(const struct scratch *scratch, struct err *err)
{
    char path[PATH_MAX];
    enum err_code code = ERR_OK;
    for (const char *end = results_name(scratch); code == ERR_OK && *end != 0;) {
        end += *end == '/' ? 1 : 0;
        end += strcspn(end, "/");
        (void)snprintf(path, sizeof path, "%.*s", (int)(end - scratch->results), scratch->results);
        code = make_folder(path, 0700, scratch->owner, err);
    }
    return code;
}

enum err_code scratch_create(const char *parent, const char *job_id, const char *results,
                             uid_t owner, struct scratch *ret, struct err *err)
{
    struct scratch made = {0};
    enum err_code code = scratch_locate(parent, job_id, &made, err);
    made.owner = owner;
    if (code == ERR_OK) {
        code = scratch_set_results(&made, results, err);
    }
    if (code == ERR_OK) {
        code = scratch_remove(made.folder, err);
    }
    if (code == ERR_OK) {
        code = make_folder(made.folder, 0700, (uid_t)-1, err);
    }
    if (code == ERR_OK) {
        *ret = made; /* from here on there is something to remove */
        code = make_folder(made.job, 0700, owner, err);
    }
    if (code == ERR_OK) {
        code = make_results(&made, err);
    }
    return code;
}

enum err_code scratch_place_input(const struct scratch *scratch, const char *file_name,
                                  struct err *err)
{
    char path[PATH_MAX];
    enum err_code code = path_join(path, sizeof path, scratch->job, file_name, err);
    if (code == ERR_OK && rename(scratch->input, path) != 0) {
        code = err_set_errno(err, errno, "rename to %s", path);
    }
    if (code == ERR_OK && scratch->owner != (uid_t)-1 &&
        lchown(path, scratch->owner, scratch->owner) != 0) {
        code = err_set_errno(err, errno, "chown %s", path);
    }
    return code;
}

/* ── results ───────────────────────────────────────────────────────────────────────────────────── */

static enum err_code add_result(struct scratch_results *results, const char *name, uint64_t size,
                                struct err *err)
{
    if (results->count == SCRATCH_RESULTS_MAX || !job_result_name_is_good(name) ||
        strcmp(name, SCRATCH_OUTPUT_LOG) == 0 || size > JOB_RESULTS_SIZE_MAX) {
        results->left_out++;
        return ERR_OK;
    }
    if (results->items == NULL) {
        results->items = calloc(SCRATCH_RESULTS_MAX, sizeof *results->items);
        if (results->items == NULL) {
            return err_set(err, ERR_NOMEM, "no memory for a list of results");
        }
    }
    struct scratch_result *result = &results->items[results->count++];
    memcpy(result->name, name, strlen(name) + 1);
    result->size = size;
    return ERR_OK;
}

/* `prefix` is the folder's name relative to the results, with its '/'. Depth is bounded by the length of names. */
// NOLINTNEXTLINE(misc-no-recursion)
static enum err_code list_folder(int fd, const char *prefix, struct scratch_results *results,
                                 struct err *err)
{
    enum err_code code = ERR_OK;
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        code = err_set_errno(err, errno, "list results");
        (void)close(fd);
        return code;
    }
    while (code == ERR_OK) {
        const struct dirent *entry = readdir(folder); // NOLINT(concurrency-mt-unsafe): own stream
        char name[JOB_RESULT_NAME_MAX + 2];
        struct stat about;
        if (entry == NULL) {
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        int const size = snprintf(name, sizeof name, "%s%s", prefix, entry->d_name);
        bool const seen = size > 0 && size <= JOB_RESULT_NAME_MAX &&
                          fstatat(dirfd(folder), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0;
        int below = -1;
        if (seen && S_ISREG(about.st_mode)) {
            code = add_result(results, name, (uint64_t)about.st_size, err);
            continue;
        }
        if (seen && S_ISDIR(about.st_mode) && size < JOB_RESULT_NAME_MAX) {
            below = openat(dirfd(folder), entry->d_name, OPEN_FOLDER);
        }
        if (below < 0) {
            results->left_out++;
            continue;
        }
        name[size] = '/';
        name[size + 1] = 0;
        code = list_folder(below, name, results, err);
    }
    (void)closedir(folder);
    return code;
}

static int by_name(const void *a, const void *b)
{
    const struct scratch_result *left = a;
    const struct scratch_result *right = b;
    return strcmp(left->name, right->name);
}

/* A path below `fd`, which is closed; no link is followed. -1 and errno: it cannot be opened. */
static int open_below(int fd, const char *path, int last_flags)
{
    char part[JOB_RESULT_NAME_MAX + 1];
    bool last = false;
    while (fd >= 0 && !last) {
        size_t const size = strcspn(path, "/");
        int next = -1;
        int why = EINVAL;
        last = path[size] == 0;
        if (size > 0 && size < sizeof part) {
            memcpy(part, path, size);
            part[size] = 0;
            next = openat(fd, part, last ? last_flags : OPEN_FOLDER);
            why = errno;
        }
        (void)close(fd);
        fd = next;
        errno = why;
        path += size + 1;
    }
    return fd;
}

/* The job's folder alone is ours: any part of what is below may be a link by now. */
static int open_results(const struct scratch *scratch)
{
    return open_below(open(scratch->job, OPEN_FOLDER), results_name(scratch), OPEN_FOLDER);
}

enum err_code scratch_list_results(const struct scratch *scratch, struct scratch_results *ret,
                                   struct err *err)
{
    *ret = (struct scratch_results){0};
    int const fd = open_results(scratch);
    if (fd < 0) { /* the program removed it, or put something else in its place */
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                   ? ERR_OK
                   : err_set_errno(err, errno, "open %s", scratch->results);
    }
    enum err_code const code = list_folder(fd, "", ret, err);
    if (ret->count > 1) {
        qsort(ret->items, ret->count, sizeof *ret->items, by_name);
    }
    if (code != ERR_OK) {
        scratch_results_deinit(ret);
    }
    return code;
}

void scratch_results_deinit(struct scratch_results *results)
{
    free(results->items);
    *results = (struct scratch_results){0};
}

enum err_code scratch_open_result(const struct scratch *scratch, const char *name, int *ret_fd,
                                  uint64_t *ret_size, struct err *err)
{
    struct stat about;
    /* O_NONBLOCK: a pipe that took a file's place must not hold us up. */
    int const fd =
        open_below(open_results(scratch), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        enum err_code const code = err_set_errno(err, fd < 0 ? errno : EINVAL, "result %s", name);
        if (fd >= 0) {
            (void)close(fd);
        }
        return code;
    }
    *ret_fd = fd;
    *ret_size = (uint64_t)about.st_size;
    return ERR_OK;
}

/* ── removing ──────────────────────────────────────────────────────────────────────────────────── */

struct removal {
    int root_fd;
    dev_t device;
    uint64_t moved;
    bool is_deep; /* something was moved up: look again */
    int error;
};

static void note_error(struct removal *removal)
{
    if (errno != ENOENT && removal->error == 0) {
        removal->error = errno;
    }
}

/* Takes over `fd`. */
// NOLINTNEXTLINE(misc-no-recursion): at most DEPTH_MAX
static void empty_folder(struct removal *removal, int fd, int depth)
{
    (void)fchmod(fd, 0700); /* the owner may have taken the right to list it from us */
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        note_error(removal);
        (void)close(fd);
        return;
    }
    for (const struct dirent *entry;
         (entry = readdir(folder)) != NULL;) { // NOLINT(concurrency-mt-unsafe): own stream
        const char *name = entry->d_name;
        struct stat about;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
            continue;
        }
        if (fstatat(fd, name, &about, AT_SYMLINK_NOFOLLOW) != 0) {
            note_error(removal);
        } else if (!S_ISDIR(about.st_mode)) {
            if (unlinkat(fd, name, 0) != 0) {
                note_error(removal);
            }
        } else if (about.st_dev != removal->device) {
            errno = EXDEV;
            note_error(removal);
        } else if (depth == DEPTH_MAX) {
            char up[48];
            (void)snprintf(up, sizeof up, ".deep-%llu", (unsigned long long)removal->moved++);
            if (renameat(fd, name, removal->root_fd, up) == 0) {
                removal->is_deep = true;
            } else {
                note_error(removal);
            }
        } else {
            /* A folder, not a link: seen above, and nobody else is here. */
            if (fchmodat(fd, name, 0700, 0) != 0) {
                note_error(removal);
            }
            int const below = openat(fd, name, OPEN_FOLDER);
            if (below >= 0) {
                empty_folder(removal, below, depth + 1);
            }
            if (unlinkat(fd, name, AT_REMOVEDIR) != 0) {
                note_error(removal);
            }
        }
    }
    (void)closedir(folder);
}

enum err_code scratch_remove(const char *folder, struct err *err)
{
    struct stat about;
    struct removal removal = {.root_fd = open(folder, OPEN_FOLDER)};
    if (removal.root_fd < 0) {
        return errno == ENOENT ? ERR_OK : err_set_errno(err, errno, "remove %s", folder);
    }
    if (fstat(removal.root_fd, &about) != 0) {
        removal.error = errno;
    }
    removal.device = about.st_dev;
    for (int pass = 0; pass < PASSES_MAX && removal.error == 0; pass++) {
        int const fd = openat(removal.root_fd, ".", OPEN_FOLDER);
        removal.is_deep = false;
        if (fd < 0) {
            removal.error = errno;
            break;
        }
        empty_folder(&removal, fd, 0);
        if (!removal.is_deep) {
            break;
        }
    }
    (void)close(removal.root_fd);
    if (removal.error == 0 && rmdir(folder) != 0) {
        removal.error = errno;
    }
    return removal.error == 0 ? ERR_OK : err_set_errno(err, removal.error, "remove %s", folder);
}

/* ── measuring ─────────────────────────────────────────────────────────────────────────────────── */

uint64_t scratch_free_bytes(const char *folder)
{
    struct statvfs about;
    return statvfs(folder, &about) == 0 ? (uint64_t)about.f_bavail * about.f_frsize : 0;
}

uint64_t scratch_free_inodes(const char *folder)
{
    struct statvfs about;
    if (statvfs(folder, &about) != 0) {
        return 0;
    }
    return about.f_files == 0 ? UINT64_MAX : (uint64_t)about.f_favail;
}

struct measurement {
    dev_t device;
    uint64_t inodes_max;
    struct scratch_usage usage;
};

static void count_one(struct measurement *m, const struct stat *about)
{
    uint64_t const names = S_ISDIR(about->st_mode) || about->st_nlink == 0 ? 1 : about->st_nlink;
    m->usage.bytes += ((uint64_t)about->st_blocks * 512 + names - 1) / names;
    m->usage.inodes++;
}

/* A program may have taken the right to look from its folder's owner, which we may be. By descriptor: the name may be a link by now. */
static int open_folder(int fd, const char *name)
{
    char path[40];
    int opened = openat(fd, name, OPEN_FOLDER);
    if (opened >= 0 || errno != EACCES) {
        return opened;
    }
    int const place = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (place < 0) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", place);
    opened = chmod(path, 0700) == 0 ? open(path, OPEN_FOLDER & ~O_NOFOLLOW) : -1;
    (void)close(place);
    return opened;
}

/* Takes over `fd`. */
// NOLINTNEXTLINE(misc-no-recursion): at most SCRATCH_USAGE_DEPTH_MAX
static void measure_folder(struct measurement *m, int fd, int depth)
{
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        (void)close(fd);
        return;
    }
    for (const struct dirent *entry;
         m->usage.inodes <= m->inodes_max &&
         (entry = readdir(folder)) != NULL;) { // NOLINT(concurrency-mt-unsafe): own stream
        const char *name = entry->d_name;
        struct stat about;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            fstatat(fd, name, &about, AT_SYMLINK_NOFOLLOW) != 0 || about.st_dev != m->device) {
            continue;
        }
        count_one(m, &about);
        if (!S_ISDIR(about.st_mode)) {
            continue;
        }
        if (depth == SCRATCH_USAGE_DEPTH_MAX) {
            m->usage.is_too_deep = true;
            continue;
        }
        int const below = open_folder(fd, name);
        if (below >= 0 && fstat(below, &about) == 0 && about.st_dev == m->device) {
            measure_folder(m, below, depth + 1);
        } else if (below >= 0) {
            (void)close(below);
        }
    }
    (void)closedir(folder);
}

void scratch_measure(const char *folder, uint64_t inodes_max, struct scratch_usage *ret)
{
    struct stat about;
    struct measurement m = {.inodes_max = inodes_max};
    int const fd = open(folder, OPEN_FOLDER);
    if (fd >= 0 && fstat(fd, &about) == 0) {
        m.device = about.st_dev;
        measure_folder(&m, fd, 1);
    } else if (fd >= 0) {
        (void)close(fd);
    }
    *ret = m.usage;
}
