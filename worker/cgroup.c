/* worker/cgroup.c: small files below /sys/fs/cgroup. */
// SPDX-License-Identifier: Apache-2.0
#include "worker/cgroup.h"

#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LEAF "tally-worker"
#define SMALL_FILE_MAX 65536
#define REMOVE_TRIES 100 /* of 10 ms */

/* ── finding ───────────────────────────────────────────────────────────────────────────────────── */

/* True when `word` is one of the comma-separated `list`. */
static bool list_has(const char *list, size_t size, const char *word)
{
    size_t const word_size = strlen(word);
    for (const char *at = list; at < list + size;) {
        const char *comma = memchr(at, ',', (size_t)(list + size - at));
        size_t const part = (size_t)((comma != NULL ? comma : list + size) - at);
        if (part == word_size && memcmp(at, word, part) == 0) {
            return true;
        }
        at += part + 1;
    }
    return false;
}

/* "4:memory:/path" or "0::/path" → "/path". */
static bool own_path(const char *self, const char *controller, char *ret, size_t ret_size)
{
    for (const char *line = self; *line != 0;) {
        size_t const size = strcspn(line, "\n");
        const char *first = memchr(line, ':', size);
        const char *second =
            first == NULL ? NULL : memchr(first + 1, ':', size - (size_t)(first + 1 - line));
        if (second != NULL) {
            size_t const list = (size_t)(second - first - 1);
            size_t const path = size - (size_t)(second + 1 - line);
            bool const is_it =
                controller == NULL ? list == 0 : list_has(first + 1, list, controller);
            if (is_it && path < ret_size) {
                memcpy(ret, second + 1, path);
                ret[path] = 0;
                return true;
            }
        }
        line += size + (line[size] == '\n' ? 1 : 0);
    }
    return false;
}

/* "31 23 0:28 / /sys/fs/cgroup rw - cgroup cgroup rw,memory": root, mount point and whether it is the one. */
static bool read_mount(char *line, const char *controller, const char **ret_root,
                       const char **ret_point)
{
    char *tail = strstr(line, " - ");
    char *rest = NULL;
    char *fields[5] = {0};
    if (tail == NULL) {
        return false;
    }
    *tail = 0;
    tail += 3;
    size_t count = 0;
    for (char *word = strtok_r(line, " ", &rest); word != NULL && count < 5;
         word = strtok_r(NULL, " ", &rest)) {
        fields[count++] = word;
    }
    const char *type = strtok_r(tail, " ", &rest);
    (void)strtok_r(NULL, " ", &rest); /* the source */
    const char *options = strtok_r(NULL, " ", &rest);
    if (count < 5 || type == NULL || options == NULL) {
        return false;
    }
    *ret_root = fields[3];
    *ret_point = fields[4];
    return controller == NULL
               ? strcmp(type, "cgroup2") == 0
               : strcmp(type, "cgroup") == 0 && list_has(options, strlen(options), controller);
}

bool cgroup_own_folder(const char *self, const char *mountinfo, const char *controller,
                       char ret_folder[PATH_MAX])
{
    char path[PATH_MAX];
    bool found = false;
    char *rest = NULL;
    char *copy = strdup(mountinfo);
    if (copy == NULL || !own_path(self, controller, path, sizeof path)) {
        free(copy);
        return false;
    }
    for (char *line = strtok_r(copy, "\n", &rest); line != NULL && !found;
         line = strtok_r(NULL, "\n", &rest)) {
        const char *root;
        const char *point;
        if (!read_mount(line, controller, &root, &point)) {
            continue;
        }
        /* Only the part of the hierarchy below `root` is mounted here. */
        const char *below = path;
        size_t const root_size = strcmp(root, "/") == 0 ? 0 : strlen(root);
        if (strncmp(path, root, root_size) != 0 ||
            (path[root_size] != '/' && path[root_size] != 0)) {
            continue;
        }
        below += root_size;
        if (strcmp(below, "/") == 0) {
            below = "";
        }
        int const size = snprintf(ret_folder, PATH_MAX, "%s%s", point, below);
        found = size > 0 && size < PATH_MAX;
    }
    free(copy);
    return found;
}

/* ── small files ───────────────────────────────────────────────────────────────────────────────── */

static bool read_small(const char *folder, const char *name, struct buf *ret)
{
    char path[PATH_MAX];
    return path_join(path, sizeof path, folder, name, NULL) == ERR_OK &&
           file_read(path, ret, NULL) == ERR_OK;
}

static bool write_small(const char *folder, const char *name, const char *text)
{
    char path[PATH_MAX];
    if (path_join(path, sizeof path, folder, name, NULL) != ERR_OK) {
        return false;
    }
    int const fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool const written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    (void)close(fd);
    return written;
}

static bool write_number(const char *folder, const char *name, uint64_t number)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return write_small(folder, name, text);
}

/* The number behind `key ` in a file of such lines, or the whole file's number for `key` NULL. */
static bool read_number(const char *folder, const char *name, const char *key, uint64_t *ret)
{
    struct buf text;
    buf_init(&text, SMALL_FILE_MAX);
    bool found = read_small(folder, name, &text);
    const char *at = buf_text(&text);
    if (found && key != NULL) {
        size_t const size = strlen(key);
        while (at != NULL && (strncmp(at, key, size) != 0 || at[size] != ' ')) {
            at = strchr(at, '\n');
            at = at == NULL ? NULL : at + 1;
        }
        found = at != NULL;
        at = found ? at + size + 1 : at;
    }
    found = found && u64_parse(bytes_of(at, strcspn(at, "\n")), ret, NULL) == ERR_OK;
    buf_deinit(&text);
    return found;
}

static bool file_has_word(const char *folder, const char *name, const char *word)
{
    struct buf text;
    bool found = false;
    char *rest = NULL;
    buf_init(&text, SMALL_FILE_MAX);
    if (read_small(folder, name, &text) && text.size > 0) {
        for (char *at = strtok_r((char *)text.data, " \n", &rest); at != NULL && !found;
             at = strtok_r(NULL, " \n", &rest)) {
            found = strcmp(at, word) == 0;
        }
    }
    buf_deinit(&text);
    return found;
}

static bool is_writable(const char *folder)
{
    return access(folder, W_OK) == 0;
}

/* ── version 2 ─────────────────────────────────────────────────────────────────────────────────── */

static bool enable(const char *folder, const char *controller)
{
    char word[32];
    (void)snprintf(word, sizeof word, "+%s", controller);
    return file_has_word(folder, "cgroup.subtree_control", controller) ||
           (file_has_word(folder, "cgroup.controllers", controller) &&
            write_small(folder, "cgroup.subtree_control", word));
}

static void find_unified(const char *own, struct cgroup_place *ret)
{
    char leaf[PATH_MAX];
    char self[32];
    if (!is_writable(own) || !(file_has_word(own, "cgroup.controllers", "memory") ||
                               file_has_word(own, "cgroup.controllers", "pids"))) {
        return;
    }
    bool memory = enable(own, "memory");
    bool pids = enable(own, "pids");
    if ((!memory || !pids) && path_join(leaf, sizeof leaf, own, LEAF, NULL) == ERR_OK &&
        (mkdir(leaf, 0755) == 0 || errno == EEXIST)) {
        (void)snprintf(self, sizeof self, "%ld", (long)getpid());
        if (write_small(leaf, "cgroup.procs", self)) {
            memory = enable(own, "memory");
            pids = enable(own, "pids");
        }
        if (!memory && !pids) { /* others live in our group as well: leave it as it was */
            (void)write_small(own, "cgroup.procs", self);
            (void)rmdir(leaf);
        }
    }
    if (memory) {
        (void)snprintf(ret->memory_parent, PATH_MAX, "%s", own);
    }
    if (pids) {
        (void)snprintf(ret->pids_parent, PATH_MAX, "%s", own);
    }
    ret->unified = memory || pids;
}

void cgroup_find(struct cgroup_place *ret)
{
    struct buf self;
    struct buf mounts;
    char own[PATH_MAX];
    *ret = (struct cgroup_place){0};
    buf_init(&self, SMALL_FILE_MAX);
    buf_init(&mounts, 16 * SMALL_FILE_MAX);
    if (file_read("/proc/self/cgroup", &self, NULL) != ERR_OK ||
        file_read("/proc/self/mountinfo", &mounts, NULL) != ERR_OK) {
        goto out;
    }
    if (cgroup_own_folder(buf_text(&self), buf_text(&mounts), "memory", own) && is_writable(own)) {
        (void)snprintf(ret->memory_parent, PATH_MAX, "%s", own);
    }
    if (cgroup_own_folder(buf_text(&self), buf_text(&mounts), "pids", own) && is_writable(own)) {
        (void)snprintf(ret->pids_parent, PATH_MAX, "%s", own);
    }
    if (ret->memory_parent[0] == 0 && ret->pids_parent[0] == 0 &&
        cgroup_own_folder(buf_text(&self), buf_text(&mounts), NULL, own)) {
        find_unified(own, ret);
    }
out:
    buf_deinit(&self);
    buf_deinit(&mounts);
}

/* ── one job ───────────────────────────────────────────────────────────────────────────────────── */

static bool make_folder(const char *parent, const char *name, char ret_folder[PATH_MAX])
{
    if (parent[0] == 0 || path_join(ret_folder, PATH_MAX, parent, name, NULL) != ERR_OK ||
        (mkdir(ret_folder, 0755) != 0 && errno != EEXIST)) {
        ret_folder[0] = 0;
        return false;
    }
    return true;
}

static void open_join(struct cgroup *group, const char *folder)
{
    char path[PATH_MAX];
    if (path_join(path, sizeof path, folder, "cgroup.procs", NULL) != ERR_OK) {
        return;
    }
    int const fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        group->join_fds[group->join_count++] = fd;
    }
}

void cgroup_create(const struct cgroup_place *place, const char *name, uint64_t memory_max,
                   uint64_t pids_max, struct cgroup *ret)
{
    *ret = (struct cgroup){.unified = place->unified};
    if (make_folder(place->memory_parent, name, ret->memory_folder)) {
        const char *limit = place->unified ? "memory.max" : "memory.limit_in_bytes";
        if (write_number(ret->memory_folder, limit, memory_max)) {
            /* Without swap, or the limit is only a wish. Not every kernel counts swap. */
            (void)write_number(ret->memory_folder,
                               place->unified ? "memory.swap.max" : "memory.memsw.limit_in_bytes",
                               place->unified ? 0 : memory_max);
            open_join(ret, ret->memory_folder);
        } else {
            (void)rmdir(ret->memory_folder);
            ret->memory_folder[0] = 0;
        }
    }
    if (make_folder(place->pids_parent, name, ret->pids_folder)) {
        bool const same = strcmp(ret->pids_folder, ret->memory_folder) == 0;
        if (!write_number(ret->pids_folder, "pids.max", pids_max)) {
            if (!same) {
                (void)rmdir(ret->pids_folder);
            }
            ret->pids_folder[0] = 0;
        } else if (!same) {
            open_join(ret, ret->pids_folder);
        }
    }
}

void cgroup_close_fds(struct cgroup *group)
{
    for (int i = 0; i < group->join_count; i++) {
        (void)close(group->join_fds[i]);
    }
    group->join_count = 0;
}

bool cgroup_memory_used(const struct cgroup *group, uint64_t *ret)
{
    uint64_t used;
    uint64_t cache;
    const char *folder = group->memory_folder;
    if (folder[0] == 0 ||
        !read_number(folder, group->unified ? "memory.current" : "memory.usage_in_bytes", NULL,
                     &used)) {
        return false;
    }
    if (read_number(folder, "memory.stat", group->unified ? "inactive_file" : "total_inactive_file",
                    &cache)) {
        used -= cache < used ? cache : used;
    }
    *ret = used;
    return true;
}

bool cgroup_oom_killed(const struct cgroup *group)
{
    uint64_t count = 0;
    return group->memory_folder[0] != 0 &&
           read_number(group->memory_folder,
                       group->unified ? "memory.events" : "memory.oom_control", "oom_kill",
                       &count) &&
           count > 0;
}

bool cgroup_pids_refused(const struct cgroup *group)
{
    uint64_t count = 0;
    return group->pids_folder[0] != 0 &&
           read_number(group->pids_folder, "pids.events", "max", &count) && count > 0;
}

static void kill_members(const char *folder)
{
    struct buf text;
    char *rest = NULL;
    buf_init(&text, SMALL_FILE_MAX);
    if (read_small(folder, "cgroup.procs", &text) && text.size > 0) {
        for (char *at = strtok_r((char *)text.data, "\n", &rest); at != NULL;
             at = strtok_r(NULL, "\n", &rest)) {
            uint64_t pid;
            if (u64_parse(bytes_of_text(at), &pid, NULL) == ERR_OK && pid > 1 && pid < INT_MAX) {
                (void)kill((pid_t)pid, SIGKILL);
            }
        }
    }
    buf_deinit(&text);
}

static void remove_folder(const char *folder)
{
    struct timespec const pause = {.tv_nsec = 10 * 1000 * 1000};
    if (folder[0] == 0) {
        return;
    }
    for (int i = 0; i < REMOVE_TRIES && rmdir(folder) != 0 && errno == EBUSY; i++) {
        kill_members(folder); /* a dying process still counts for a moment */
        (void)nanosleep(&pause, NULL);
    }
    if (access(folder, F_OK) == 0) {
        trace(TRACE_WARN, "cgroup.left", "folder=\"%s\"", folder);
    }
}

void cgroup_remove(struct cgroup *group)
{
    cgroup_close_fds(group);
    remove_folder(group->memory_folder);
    remove_folder(group->pids_folder);
    *group = (struct cgroup){0};
}

void cgroup_remove_named(const struct cgroup_place *place, const char *name)
{
    const char *parents[] = {place->memory_parent, place->pids_parent};
    for (size_t i = 0; i < 2; i++) {
        char folder[PATH_MAX];
        if (parents[i][0] != 0 &&
            path_join(folder, sizeof folder, parents[i], name, NULL) == ERR_OK &&
            access(folder, F_OK) == 0) {
            remove_folder(folder);
        }
    }
}
