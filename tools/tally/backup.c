// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/backup.h"

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/crypto/merkle.h"
#include "core/log/log_blobs.h"
#include "tools/tally/backup_file.h"
#include "tools/tally/progress.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct backup {
    const char *from;
    const char *to;
    bool quiet;
    struct backup_result *result;
};

static enum err_code open_log(const char *data, const char *name, struct event_log **ret,
                              struct err *err)
{
    char folder[PATH_MAX];
    enum err_code code = path_join(folder, sizeof folder, data, name, err);
    struct event_log_options options = {.folder = folder, .read_only = true};
    return code == ERR_OK ? event_log_open(&options, ret, err) : code;
}

/* ── whether <to> may be written ───────────────────────────────────────────────────────────────── */

static enum err_code root_at(struct event_log *log, uint64_t size, struct key32 *ret,
                             struct err *err)
{
    struct log_reader *reader = NULL;
    enum err_code code = log_reader_open(log, &reader, err);
    if (code == ERR_OK) {
        struct merkle_source nodes = log_reader_nodes(reader);
        code = merkle_source_root(&nodes, size, ret, err);
    }
    log_reader_close(reader);
    return code;
}

/* What is in <to> must be the beginning of what is copied there. */
static enum err_code compare_with_old(const struct backup *b, struct event_log *source,
                                      struct err *err)
{
    struct event_log *old = NULL;
    enum err_code code = open_log(b->to, "log", &old, err);
    if (code == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    if (code != ERR_OK) {
        err_context(err, "the backup before this one");
        return code;
    }
    uint64_t size = event_log_size(source);
    uint64_t common = event_log_size(old) < size ? event_log_size(old) : size;
    struct key32 roots[2];
    b->result->old_size = event_log_size(old);
    code = root_at(source, common, &roots[0], err);
    if (code == ERR_OK) {
        code = root_at(old, common, &roots[1], err);
    }
    if (code == ERR_OK && memcmp(roots[0].b, roots[1].b, sizeof roots[0].b) != 0) {
        code = err_set(err, ERR_CONFLICT,
                       "%s is a backup of another ledger than %s, or from before a restore: it "
                       "stays; give another folder",
                       b->to, b->from);
    } else if (code == ERR_OK && b->result->old_size > size) {
        code = err_set(err, ERR_CONFLICT,
                       "%s holds %llu records, more than the %llu in %s: it is newer, and stays",
                       b->to, (unsigned long long)b->result->old_size, (unsigned long long)size,
                       b->from);
    }
    event_log_close(old);
    return code;
}

/* ── its parts ─────────────────────────────────────────────────────────────────────────────────── */

static enum err_code copy_blob(const struct backup *b, struct key32 digest, struct err *err)
{
    char store[2][PATH_MAX];
    char folder[2][PATH_MAX];
    char path[2][PATH_MAX];
    uint64_t size = 0;
    enum err_code code = path_join(store[0], PATH_MAX, b->from, "blobs", err);
    if (code == ERR_OK) {
        code = path_join(store[1], PATH_MAX, b->to, "blobs", err);
    }
    if (code != ERR_OK) {
        return code;
    }
    blob_place(store[0], digest, folder[0], path[0]);
    blob_place(store[1], digest, folder[1], path[1]);
    if (access(path[1], F_OK) == 0) { /* whole: it was synced before it had its name */
        b->result->blobs++;
        return ERR_OK;
    }
    code = dir_create(folder[1], 0700, err);
    if (code == ERR_OK) {
        code = backup_copy_file(path[0], path[1], &digest, &size, err);
    }
    if (code == ERR_NOT_FOUND) {
        b->result->first_missing = b->result->missing == 0 ? digest : b->result->first_missing;
        b->result->missing++;
        return ERR_OK;
    }
    if (code == ERR_OK) {
        b->result->blobs++;
        b->result->copied++;
        b->result->copied_bytes += size;
    }
    return code;
}

static enum err_code copy_blobs(const struct backup *b, struct event_log *log, struct err *err)
{
    struct log_reader *reader = NULL;
    struct arena arena;
    struct progress progress = progress_start("copying what is named by", b->quiet);
    arena_init(&arena, LOG_BLOB_ARENA_MAX);
    enum err_code code = log_reader_open(log, &reader, err);
    uint64_t size = code == ERR_OK ? log_reader_size(reader) : 0;
    for (uint64_t sequence = 1; sequence <= size && code == ERR_OK; sequence++) {
        static const struct key32 none;
        struct key32 digest;
        code = log_named_blob(reader, sequence, &arena, &digest, err);
        if (code == ERR_OK && memcmp(digest.b, none.b, sizeof none.b) != 0) {
            code = copy_blob(b, digest, err);
        }
        progress_records(&progress, sequence, size);
    }
    progress_end(&progress);
    log_reader_close(reader);
    arena_deinit(&arena);
    return code;
}

/* A file that is not there is fine: no webhook, or keys that are kept elsewhere. */
static enum err_code copy_small(const char *from, const char *to, const char *name, struct err *err)
{
    char paths[2][PATH_MAX];
    uint64_t size;
    enum err_code code = path_join(paths[0], PATH_MAX, from, name, err);
    if (code == ERR_OK) {
        code = path_join(paths[1], PATH_MAX, to, name, err);
    }
    if (code == ERR_OK) {
        code = backup_copy_file(paths[0], paths[1], NULL, &size, err);
    }
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

static enum err_code copy_webhooks(const struct backup *b, struct err *err)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    enum err_code code = path_join(from, sizeof from, b->from, "webhooks", err);
    if (code == ERR_OK) {
        code = path_join(to, sizeof to, b->to, "webhooks", err);
    }
    DIR *dir = code == ERR_OK ? opendir(from) : NULL;
    if (dir == NULL) {
        return code != ERR_OK || errno == ENOENT ? code
                                                 : err_set_errno(err, errno, "open %s", from);
    }
    code = dir_create(to, 0700, err);
    struct dirent *entry = NULL;
    /* Only one thread has this stream. */
    while (code == ERR_OK && (entry = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        struct id16 id;
        if (id_parse(bytes_of_text(entry->d_name), &id, NULL) == ERR_OK) {
            code = copy_small(from, to, entry->d_name, err);
        }
    }
    (void)closedir(dir);
    return code;
}

static void on_progress(void *ctx, uint64_t done, uint64_t size)
{
    progress_records(ctx, done, size);
}

/* <to>/log.new, checked. */
static enum err_code copy_log(const struct backup *b, struct event_log *source,
                              const char *new_folder, struct event_log **ret, struct err *err)
{
    char path[PATH_MAX];
    struct progress progress = progress_start("checking", b->quiet);
    struct log_verify_options options = {.progress = on_progress, .ctx = &progress};
    enum err_code code = path_join(path, sizeof path, new_folder, "data.mdb", err);
    if (code == ERR_OK) {
        code = dir_create(new_folder, 0700, err);
    }
    if (code == ERR_OK) {
        code = event_log_copy(source, path, err);
    }
    if (code == ERR_OK) {
        code = open_log(b->to, "log.new", ret, err);
    }
    if (code == ERR_OK) {
        code = log_verify(*ret, &options, &b->result->log, err);
    }
    progress_end(&progress);
    return code;
}

/* The new log takes the old one's place, after all that it names. LMDB's lock files are of no use to anybody now, and the old one would lead whoever opens
 * the new log to the old one's newest page. */
static enum err_code put_in_place(const struct backup *b, const char *new_folder, struct err *err)
{
    char folder[PATH_MAX];
    char new_path[2][PATH_MAX];
    char path[2][PATH_MAX];
    static const char *const names[2] = {"data.mdb", "lock.mdb"};
    enum err_code code = path_join(folder, sizeof folder, b->to, "log", err);
    for (size_t i = 0; i < 2 && code == ERR_OK; i++) {
        code = path_join(new_path[i], PATH_MAX, new_folder, names[i], err);
        if (code == ERR_OK) {
            code = path_join(path[i], PATH_MAX, folder, names[i], err);
        }
    }
    if (code == ERR_OK) {
        code = dir_create(folder, 0700, err);
    }
    if (code == ERR_OK && rename(new_path[0], path[0]) != 0) {
        code = err_set_errno(err, errno, "rename to %s", path[0]);
    }
    if (code != ERR_OK) {
        return code;
    }
    (void)unlink(path[1]);
    (void)unlink(new_path[1]);
    (void)rmdir(new_folder);
    code = dir_sync(folder, err);
    return code == ERR_OK ? dir_sync(b->to, err) : code;
}

static void unnamed_cb(void *ctx, struct key32 digest)
{
    const struct backup *b = ctx;
    char store[PATH_MAX];
    char folder[PATH_MAX];
    char path[PATH_MAX];
    if (path_join(store, sizeof store, b->to, "blobs", NULL) == ERR_OK) {
        blob_place(store, digest, folder, path);
        b->result->removed += unlink(path) == 0 ? 1 : 0;
    }
}

/* What an older backup had and its owner has erased since: the new log is in its place, and does not name it. A log of before names were kept is left with all. */
static enum err_code remove_erased(struct backup *b, struct err *err)
{
    struct event_log *log = NULL;
    char store[PATH_MAX];
    enum err_code code = open_log(b->to, "log", &log, err);
    if (code == ERR_OK) {
        code = path_join(store, sizeof store, b->to, "blobs", err);
    }
    if (code == ERR_OK) {
        code = log_unnamed_blobs(log, store, unnamed_cb, b, err);
    }
    event_log_close(log);
    return code == ERR_UNAVAILABLE ? ERR_OK : code;
}

static enum err_code copy_all(const struct backup *b, struct event_log *source, struct err *err)
{
    struct event_log *copy = NULL;
    char new_folder[PATH_MAX];
    enum err_code code = path_join(new_folder, sizeof new_folder, b->to, "log.new", err);
    if (code == ERR_OK) {
        code = copy_log(b, source, new_folder, &copy, err);
    }
    if (code == ERR_OK) {
        code = copy_blobs(b, copy, err);
    }
    event_log_close(copy);
    if (code == ERR_OK) {
        code = copy_webhooks(b, err);
    }
    if (code == ERR_OK) {
        code = copy_small(b->from, b->to, "keys.sealed", err);
    }
    return code == ERR_OK ? put_in_place(b, new_folder, err) : code;
}

enum err_code backup_write(const char *from, const char *to, bool quiet, struct backup_result *ret,
                           struct err *err)
{
    struct backup b = {.from = from, .to = to, .quiet = quiet, .result = ret};
    struct event_log *source = NULL;
    char path[PATH_MAX];
    int lock = -1;
    enum err_code code = open_log(from, "log", &source, err);
    if (code == ERR_OK) {
        code = dir_create(to, 0700, err);
    }
    if (code == ERR_OK) {
        code = path_join(path, sizeof path, to, "lock", err);
    }
    if (code == ERR_OK) { /* the server's own name for it: no backup into a folder that is served */
        code = file_lock(path, 0600, "a server or another backup has this folder", &lock, err);
    }
    if (code == ERR_OK) {
        code = compare_with_old(&b, source, err);
    }
    if (code == ERR_OK) {
        code = copy_all(&b, source, err);
    }
    if (code == ERR_OK) {
        code = remove_erased(&b, err);
    }
    event_log_close(source);
    if (lock >= 0) {
        (void)close(lock);
    }
    return code;
}
