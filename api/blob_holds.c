/* One list of the blobs that are held now, and the markers on disk. All changes of names, and the look whether a name is there, are made under one
 * mutex: so a blob is never removed under somebody who was just told that it is there. */
// SPDX-License-Identifier: Apache-2.0
#include "api/blob_holds.h"

#include "core/base/file.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/base/trace.h"
#include "core/log/log_blobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX_SIZE 64

struct hold {
    struct hold *next;
    struct key32 digest;
    size_t holders;
    bool is_new;     /* it has a marker */
    uint64_t head;   /* in the marker's name */
    bool is_wanted;  /* by one of the holders that have gone */
    bool is_unknown; /* to one of them */
};

struct blob_holds {
    const char *store;
    char folder[PATH_MAX - 128]; /* of the markers */
    pthread_mutex_t mutex;
    struct hold *list;    /* as many as there are requests at most */
    size_t removals;      /* begun and not ended */
    bool is_removal_left; /* of one of them: something is the next start's */
};

enum err_code blob_holds_open(const char *store, struct blob_holds **ret, struct err *err)
{
    struct blob_holds *holds = calloc(1, sizeof *holds);
    if (holds == NULL || pthread_mutex_init(&holds->mutex, NULL) != 0) {
        free(holds);
        return err_set(err, ERR_NOMEM, "no memory for the blob store");
    }
    holds->store = store;
    enum err_code code = path_join(holds->folder, sizeof holds->folder, store, "new", err);
    if (code == ERR_OK) {
        code = dir_create(holds->folder, 0700, err);
    }
    if (code != ERR_OK) {
        blob_holds_close(holds);
        return code;
    }
    *ret = holds;
    return ERR_OK;
}

void blob_holds_close(struct blob_holds *holds)
{
    if (holds == NULL) {
        return;
    }
    while (holds->list != NULL) { /* of requests that were never answered: their markers stay */
        struct hold *hold = holds->list;
        holds->list = hold->next;
        free(hold);
    }
    (void)pthread_mutex_destroy(&holds->mutex);
    free(holds);
}

/* ── markers ───────────────────────────────────────────────────────────────────────────────────── */

static void marker_path(const struct blob_holds *holds, struct key32 digest, uint64_t head,
                        char ret[PATH_MAX])
{
    char hex[HEX_SIZE + 1];
    hex_encode(bytes_of(digest.b, sizeof digest.b), hex);
    int size = snprintf(ret, PATH_MAX, "%s/%s.%" PRIu64, holds->folder, hex, head);
    INVARIANT(size > 0 && size < PATH_MAX);
}

static enum err_code make_marker(const struct blob_holds *holds, struct key32 digest, uint64_t head,
                                 struct err *err)
{
    char path[PATH_MAX];
    marker_path(holds, digest, head, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_set_errno(err, errno, "create %s", path);
    }
    (void)close(fd);
    return dir_sync(holds->folder, err);
}

static void remove_marker(const struct blob_holds *holds, struct key32 digest, uint64_t head)
{
    char path[PATH_MAX];
    marker_path(holds, digest, head, path);
    if (unlink(path) != 0 && errno != ENOENT) {
        trace(TRACE_WARN, "blobs.marker_left", "path=%s errno=%d", path, errno);
    }
}

/* True: it is gone, and stays gone after a power loss. Only then its marker may go. */
static bool remove_blob(const struct blob_holds *holds, struct key32 digest)
{
    char folder[PATH_MAX];
    char path[PATH_MAX];
    struct err err = {0};
    blob_place(holds->store, digest, folder, path);
    if (unlink(path) != 0) {
        if (errno == ENOENT) {
            return true;
        }
        (void)err_set_errno(&err, errno, "remove %s", path);
    } else if (dir_sync(folder, &err) == ERR_OK) {
        return true;
    }
    trace_err(TRACE_WARN, "blobs.left", &err);
    return false;
}

/* ── while the server runs ─────────────────────────────────────────────────────────────────────── */

static struct hold *find(const struct blob_holds *holds, struct key32 digest)
{
    struct hold *hold = holds->list;
    while (hold != NULL && memcmp(hold->digest.b, digest.b, sizeof digest.b) != 0) {
        hold = hold->next;
    }
    return hold;
}

static struct hold *find_or_add(struct blob_holds *holds, struct key32 digest)
{
    struct hold *hold = find(holds, digest);
    if (hold == NULL) {
        hold = calloc(1, sizeof *hold);
    }
    if (hold != NULL && hold->holders == 0) {
        hold->digest = digest;
        hold->next = holds->list;
        holds->list = hold;
    }
    if (hold != NULL) {
        hold->holders++;
    }
    return hold;
}

/* The mutex is held. */
static void release(struct blob_holds *holds, struct key32 digest, enum blob_fate fate)
{
    struct hold *hold = find(holds, digest);
    INVARIANT(hold != NULL && hold->holders > 0);
    hold->is_wanted = hold->is_wanted || fate == BLOB_WANTED;
    hold->is_unknown = hold->is_unknown || fate == BLOB_UNKNOWN;
    if (--hold->holders > 0) {
        return;
    }
    if (hold->is_new && (hold->is_wanted || (!hold->is_unknown && remove_blob(holds, digest)))) {
        remove_marker(holds, digest, hold->head);
    }
    struct hold **at = &holds->list;
    while (*at != hold) {
        at = &(*at)->next;
    }
    *at = hold->next;
    free(hold);
}

static enum err_code name_it(struct blob_holds *holds, struct hold *hold, uint64_t head,
                             const char *from, const char *path, struct err *err)
{
    bool is_there = access(path, F_OK) == 0;
    if (!is_there && errno != ENOENT) {
        return err_set_errno(err, errno, "look for %s", path);
    }
    if (!is_there && !hold->is_new) {
        enum err_code code = make_marker(holds, hold->digest, head, err);
        if (code != ERR_OK) {
            return code;
        }
        hold->is_new = true;
        hold->head = head;
    }
    return rename(from, path) == 0 ? ERR_OK : err_set_errno(err, errno, "name %s", path);
}

enum err_code blob_holds_take(struct blob_holds *holds, struct key32 digest, uint64_t head,
                              const char *from, struct err *err)
{
    char folder[PATH_MAX];
    char path[PATH_MAX];
    enum err_code code = ERR_OK;
    blob_place(holds->store, digest, folder, path);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return err_set_errno(err, errno, "create %s", folder);
    }
    (void)pthread_mutex_lock(&holds->mutex);
    struct hold *hold = find_or_add(holds, digest);
    if (hold == NULL) {
        code = err_set(err, ERR_NOMEM, "no memory to keep a file");
    } else {
        code = name_it(holds, hold, head, from, path, err);
        if (code != ERR_OK) {
            release(holds, digest, BLOB_REFUSED);
        }
    }
    (void)pthread_mutex_unlock(&holds->mutex);
    if (code != ERR_OK) {
        return code;
    }
    code = dir_sync(folder, err);
    if (code == ERR_OK) { /* also if it was there: whoever made it may not have synced it yet */
        code = dir_sync(holds->store, err);
    }
    if (code != ERR_OK) {
        blob_holds_release(holds, digest, BLOB_REFUSED);
    }
    return code;
}

void blob_holds_release(struct blob_holds *holds, struct key32 digest, enum blob_fate fate)
{
    (void)pthread_mutex_lock(&holds->mutex);
    release(holds, digest, fate);
    (void)pthread_mutex_unlock(&holds->mutex);
}

/* ── removal ───────────────────────────────────────────────────────────────────────────────────── */

static void removal_path(const struct blob_holds *holds, char ret[PATH_MAX])
{
    int size = snprintf(ret, PATH_MAX, "%s/erasing", holds->folder);
    INVARIANT(size > 0 && size < PATH_MAX);
}

enum err_code blob_holds_begin_removal(struct blob_holds *holds, struct err *err)
{
    char path[PATH_MAX];
    enum err_code code = ERR_OK;
    removal_path(holds, path);
    (void)pthread_mutex_lock(&holds->mutex);
    if (holds->removals == 0 && access(path, F_OK) != 0) {
        code = file_write_atomic(path, bytes_of("", 0), 0600, err);
    }
    holds->removals += code == ERR_OK ? 1 : 0;
    (void)pthread_mutex_unlock(&holds->mutex);
    return code;
}

bool blob_holds_remove(struct blob_holds *holds, struct event_log *log, struct key32 digest)
{
    struct err err = {0};
    bool is_named = true;
    bool is_gone = true;
    /* Who is given the name of a blob holds it until its record is in the log, under this mutex: it is in the list, or in the log. */
    (void)pthread_mutex_lock(&holds->mutex);
    if (log_is_named(log, digest, &is_named, &err) != ERR_OK) {
        trace_err(TRACE_WARN, "blobs.left", &err);
        is_gone = false;
    } else if (!is_named) {
        struct hold *hold = find(holds, digest);
        if (hold != NULL) {
            hold->is_new =
                true; /* it goes with the last who holds it, as one that was new to them */
        }
        is_gone = hold == NULL && remove_blob(holds, digest);
    }
    (void)pthread_mutex_unlock(&holds->mutex);
    return is_gone;
}

void blob_holds_end_removal(struct blob_holds *holds, bool all_gone)
{
    char path[PATH_MAX];
    removal_path(holds, path);
    (void)pthread_mutex_lock(&holds->mutex);
    INVARIANT(holds->removals > 0);
    holds->is_removal_left = holds->is_removal_left || !all_gone;
    if (--holds->removals == 0 && !holds->is_removal_left && unlink(path) != 0) {
        trace(TRACE_WARN, "blobs.marker_left", "path=%s errno=%d", path, errno);
    }
    (void)pthread_mutex_unlock(&holds->mutex);
}

/* ── after a crash ─────────────────────────────────────────────────────────────────────────────── */

struct marker {
    struct key32 digest;
    uint64_t head;
    bool is_named; /* by a record */
};

struct markers {
    struct marker *list; /* by digest */
    size_t count;
    size_t capacity;
};

static bool marker_parse(const char *name, struct marker *ret)
{
    struct bytes text = bytes_of_text(name);
    *ret = (struct marker){0};
    return text.size > HEX_SIZE + 1 && name[HEX_SIZE] == '.' &&
           hex_decode(bytes_of(name, HEX_SIZE), ret->digest.b, sizeof ret->digest.b, NULL) ==
               ERR_OK &&
           u64_parse(bytes_from(text, HEX_SIZE + 1), &ret->head, NULL) == ERR_OK;
}

static int by_digest(const void *a, const void *b)
{
    const struct marker *left = a;
    const struct marker *right = b;
    return memcmp(left->digest.b, right->digest.b, sizeof left->digest.b);
}

static enum err_code read_markers(const char *folder, struct markers *ret, struct err *err)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return err_set_errno(err, errno, "open %s", folder);
    }
    enum err_code code = ERR_OK;
    /* Only one thread has this stream. */
    for (struct dirent *entry = readdir(dir); entry != NULL; /* NOLINT(concurrency-mt-unsafe) */
         entry = readdir(dir)) {                             /* NOLINT(concurrency-mt-unsafe) */
        struct marker marker;
        if (!marker_parse(entry->d_name, &marker)) {
            continue; /* not ours */
        }
        if (ret->count == ret->capacity) {
            size_t capacity = ret->capacity == 0 ? 64 : ret->capacity * 2;
            struct marker *list = reallocarray(ret->list, capacity, sizeof *list);
            if (list == NULL) {
                code = err_set(err, ERR_NOMEM, "no memory for %zu marked files", capacity);
                break;
            }
            ret->list = list;
            ret->capacity = capacity;
        }
        ret->list[ret->count++] = marker;
    }
    (void)closedir(dir);
    if (ret->count > 1) {
        qsort(ret->list, ret->count, sizeof *ret->list, by_digest);
    }
    return code;
}

static void mark_named(struct markers *markers, struct key32 digest)
{
    struct marker wanted = {.digest = digest};
    struct marker *found = markers->count == 0 ? NULL
                                               : bsearch(&wanted, markers->list, markers->count,
                                                         sizeof wanted, by_digest);
    if (found == NULL) {
        return;
    }
    while (found > markers->list && by_digest(found - 1, &wanted) == 0) {
        found--; /* several heads */
    }
    for (; found < markers->list + markers->count && by_digest(found, &wanted) == 0; found++) {
        found->is_named = true;
    }
}

static enum err_code find_named(struct event_log *log, struct markers *markers, struct err *err)
{
    struct log_reader *reader = NULL;
    struct arena arena;
    uint64_t oldest = UINT64_MAX;
    for (size_t i = 0; i < markers->count; i++) {
        oldest = markers->list[i].head < oldest ? markers->list[i].head : oldest;
    }
    arena_init(&arena, LOG_BLOB_ARENA_MAX);
    enum err_code code = log_reader_open(log, &reader, err);
    uint64_t size = code == ERR_OK ? log_reader_size(reader) : 0;
    /* Newest first would do as well: all of them have to be seen. */
    for (uint64_t sequence = oldest; sequence < size && code == ERR_OK; sequence++) {
        struct key32 digest;
        code = log_named_blob(reader, sequence + 1, &arena, &digest, err);
        if (code == ERR_OK) {
            mark_named(markers, digest);
        }
    }
    log_reader_close(reader);
    arena_deinit(&arena);
    return code;
}

struct removing {
    const struct blob_holds *holds;
    size_t removed;
    bool all;
};

static void unnamed_cb(void *ctx, struct key32 digest)
{
    struct removing *removing = ctx;
    bool const is_gone = remove_blob(removing->holds, digest);
    removing->removed += is_gone ? 1 : 0;
    removing->all = removing->all && is_gone;
}

/* A run before this one was erasing: what is named by nobody should have gone. */
static enum err_code end_removals(struct blob_holds *holds, struct event_log *log, struct err *err)
{
    char path[PATH_MAX];
    struct removing removing = {.holds = holds, .all = true};
    removal_path(holds, path);
    if (access(path, F_OK) != 0) {
        return ERR_OK;
    }
    enum err_code code = log_unnamed_blobs(log, holds->store, unnamed_cb, &removing, err);
    if (code == ERR_OK && removing.all && unlink(path) != 0) {
        code = err_set_errno(err, errno, "remove %s", path);
    }
    trace(TRACE_INFO, "blobs.erased", "removed=%zu", removing.removed);
    return code;
}

enum err_code blob_holds_recover(struct blob_holds *holds, struct event_log *log, struct err *err)
{
    struct markers markers = {0};
    size_t removed = 0;
    enum err_code code = read_markers(holds->folder, &markers, err);
    if (code == ERR_OK && markers.count > 0) {
        code = find_named(log, &markers, err);
    }
    for (size_t i = 0; i < markers.count && code == ERR_OK; i++) {
        const struct marker *marker = &markers.list[i];
        removed += marker->is_named ? 0 : 1;
        if (marker->is_named || remove_blob(holds, marker->digest)) {
            remove_marker(holds, marker->digest, marker->head);
        }
    }
    if (code == ERR_OK && markers.count > 0) {
        trace(TRACE_INFO, "blobs.recovered", "marked=%zu removed=%zu", markers.count, removed);
    }
    free(markers.list);
    return code == ERR_OK ? end_removals(holds, log, err) : code;
}
