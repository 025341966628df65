/* A writer has two buffers: `coming` collects what is handed in, `going` is with the thread pool. One job is under way at most, so
 * bytes are hashed and written in order without a lock. The last job inspects, syncs and names the file. */
// SPDX-License-Identifier: Apache-2.0
#include "api/blobs.h"

#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/crypto/sha256.h"
#include "core/ledger/ledger.h"
#include "core/log/log_blobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_MAX ((size_t)64 << 20) /* of one write: what a caller may hand in at once */
#define WRITE_BEHIND ((uint64_t)8 << 20)
#define HASH_AT_ONCE ((size_t)256 << 10)

struct blobs {
    uv_loop_t *loop;
    const struct ledger *ledger;
    struct blob_holds *holds;
    size_t writers;
    size_t releases;             /* under way */
    size_t slow;                 /* inspections under way that take long */
    struct blob_writer *waiting; /* to be inspected, the one that waits longest first */
    char folder[PATH_MAX - 128]; /* so that every path made from it fits */
};

struct blob_hold {
    struct blobs *blobs;
    struct key32 digest;
    enum blob_fate fate;
    uv_work_t work;
};

struct blob_writer {
    struct blobs *blobs;
    struct blob_writer_options options;
    struct blob_hold *hold; /* for on_done: whoever holds a blob can give it back without memory */
    struct buf coming;
    struct buf going;
    uv_work_t work;
    bool working;
    bool waiting; /* in blobs->waiting */
    bool slow;    /* the job under way is counted in blobs->slow */
    struct blob_writer *next_waiting;
    bool wants_room;
    bool finishing;
    bool last; /* the job under way is the last one */
    bool abandoned;
    bool lost; /* a piece could not be kept: a hole in the content must not become a blob */
    void (*on_gone)(void *ctx);
    /* the pool's while a job is under way */
    int fd;
    struct sha256 *hash;
    struct blob blob;
    uint64_t handed_on; /* bytes that the disk was told to write */
    enum err_code code;
    struct err err;
    char *from; /* the file that has the content; NULL: it is written */
    char path[PATH_MAX];
    /* of what replaces it, while inspect runs */
    int other_fd;
    struct sha256 *other_hash;
    uint64_t other_size;
    char other_path[PATH_MAX + 8];
};

/* ── the store ─────────────────────────────────────────────────────────────────────────────────── */

static void clean_temporaries(const char *folder)
{
    DIR *dir = opendir(folder);
    size_t removed = 0;
    if (dir == NULL) {
        return;
    }
    /* Only one thread has this stream. */
    for (struct dirent *entry = readdir(dir); entry != NULL; /* NOLINT(concurrency-mt-unsafe) */
         entry = readdir(dir)) {                             /* NOLINT(concurrency-mt-unsafe) */
        if (entry->d_name[0] != '.' && unlinkat(dirfd(dir), entry->d_name, 0) == 0) {
            removed++;
        }
    }
    (void)closedir(dir);
    if (removed > 0) {
        trace(TRACE_INFO, "blobs.cleaned", "unfinished=%zu", removed);
    }
}

enum err_code blobs_open(uv_loop_t *loop, const char *data_dir, const struct ledger *ledger,
                         struct blobs **ret, struct err *err)
{
    char temporaries[PATH_MAX];
    struct blobs *blobs = calloc(1, sizeof *blobs);
    if (blobs == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for the blob store");
    }
    blobs->loop = loop;
    blobs->ledger = ledger;
    enum err_code code = path_join(blobs->folder, sizeof blobs->folder, data_dir, "blobs", err);
    if (code == ERR_OK) {
        code = path_join(temporaries, sizeof temporaries, blobs->folder, "tmp", err);
    }
    if (code == ERR_OK) {
        code = dir_create(temporaries, 0700, err);
    }
    if (code == ERR_OK) {
        code = blob_holds_open(blobs->folder, &blobs->holds, err);
    }
    if (code != ERR_OK) {
        free(blobs);
        return code;
    }
    clean_temporaries(temporaries);
    *ret = blobs;
    return ERR_OK;
}

void blobs_close(struct blobs *blobs)
{
    if (blobs != NULL) {
        INVARIANT(blobs->writers == 0);
        INVARIANT(blobs->releases == 0);
        blob_holds_close(blobs->holds);
        free(blobs);
    }
}

enum err_code blobs_recover(struct blobs *blobs, struct event_log *log, struct err *err)
{
    INVARIANT(blobs->writers == 0);
    return blob_holds_recover(blobs->holds, log, err);
}

struct blob_holds *blobs_holds(struct blobs *blobs)
{
    return blobs->holds;
}

enum err_code blobs_open_read(struct blobs *blobs, struct key32 digest, int *ret_fd,
                              uint64_t *ret_size, struct err *err)
{
    char folder[PATH_MAX];
    char path[PATH_MAX];
    struct stat info;
    blob_place(blobs->folder, digest, folder, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        return err_set(err, ERR_NOT_FOUND, "the file is not in the store");
    }
    if (fd < 0 || fstat(fd, &info) != 0) {
        enum err_code code = err_set_errno(err, errno, "open %s", path);
        if (fd >= 0) {
            (void)close(fd);
        }
        return code;
    }
    *ret_fd = fd;
    *ret_size = (uint64_t)info.st_size;
    return ERR_OK;
}

/* ── on the pool ───────────────────────────────────────────────────────────────────────────────── */

static enum err_code create_temporary(const char *path, int *ret, struct err *err)
{
    *ret = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return *ret >= 0 ? ERR_OK : err_set_errno(err, errno, "create %s", path);
}

static enum err_code write_all(const struct blobs *blobs, int fd, struct bytes piece,
                               const char *path, struct err *err)
{
    if (blobs->ledger != NULL && ledger_free_room(blobs->ledger) < piece.size) {
        return err_set(err, ERR_FULL, "disk_full: the disk is nearly full; try again later");
    }
    for (size_t done = 0; done < piece.size;) {
        ssize_t put = write(fd, piece.data + done, piece.size - done);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return err_set_errno(err, errno, "write %s", path);
        }
        done += (size_t)put;
    }
    return ERR_OK;
}

/* Let the disk begin, and do not wait: while the rest comes, and while it is looked at. What fails is told by the sync. */
static void hand_on(struct blob_writer *w)
{
    (void)sync_file_range(w->fd, (off_t)w->handed_on, (off_t)(w->blob.size - w->handed_on),
                          SYNC_FILE_RANGE_WRITE);
    w->handed_on = w->blob.size;
}

static enum err_code write_going(struct blob_writer *w)
{
    enum err_code code = w->fd < 0 ? create_temporary(w->path, &w->fd, &w->err) : ERR_OK;
    if (code == ERR_OK) {
        sha256_update(w->hash, buf_bytes(&w->going));
        code = write_all(w->blobs, w->fd, buf_bytes(&w->going), w->path, &w->err);
    }
    w->blob.size += code == ERR_OK ? w->going.size : 0;
    if (code == ERR_OK && (w->last || w->blob.size - w->handed_on >= WRITE_BEHIND)) {
        hand_on(w);
    }
    return code;
}

/* The content under a name of its own, as if it had been written there. */
static enum err_code take_file(struct blob_writer *w)
{
    size_t size_max = HASH_AT_ONCE;
    uint8_t *piece = malloc(size_max);
    enum err_code code = ERR_OK;
    if (piece == NULL) {
        return err_set(&w->err, ERR_NOMEM, "no memory to read a file");
    }
    if (link(w->from, w->path) != 0) {
        code = err_set_errno(&w->err, errno, "link %s", w->from);
        goto out;
    }
    w->fd = open(w->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (w->fd < 0) {
        code = err_set_errno(&w->err, errno, "open %s", w->path);
        (void)unlink(w->path);
        goto out;
    }
    ssize_t got;
    while ((got = read(w->fd, piece, size_max)) != 0) {
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            code = err_set_errno(&w->err, errno, "read %s", w->path);
            goto out;
        }
        sha256_update(w->hash, bytes_of(piece, (size_t)got));
        w->blob.size += (uint64_t)got;
    }
out:
    free(piece);
    return code;
}

enum err_code blob_replace_begin(struct blob_inspection *inspection, struct err *err)
{
    struct blob_writer *w = inspection->writer;
    INVARIANT(w->other_fd < 0);
    (void)snprintf(w->other_path, sizeof w->other_path, "%s.other", w->path);
    w->other_hash = sha256_create();
    return w->other_hash == NULL ? err_set(err, ERR_NOMEM, "no memory to write a file")
                                 : create_temporary(w->other_path, &w->other_fd, err);
}

enum err_code blob_replace_append(struct blob_inspection *inspection, struct bytes piece,
                                  struct err *err)
{
    struct blob_writer *w = inspection->writer;
    INVARIANT(w->other_fd >= 0);
    sha256_update(w->other_hash, piece);
    w->other_size += piece.size;
    return write_all(w->blobs, w->other_fd, piece, w->other_path, err);
}

/* Its path is the first content's then: what is under it is only ever one of the two. */
enum err_code blob_replace_commit(struct blob_inspection *inspection, struct err *err)
{
    struct blob_writer *w = inspection->writer;
    INVARIANT(w->other_fd >= 0);
    if (fsync(w->other_fd) != 0) {
        return err_set_errno(err, errno, "sync %s", w->other_path);
    }
    if (rename(w->other_path, w->path) != 0) {
        return err_set_errno(err, errno, "rename %s", w->other_path);
    }
    (void)close(w->fd);
    w->fd = w->other_fd;
    w->other_fd = -1;
    w->blob.digest = sha256_final(w->other_hash);
    w->blob.size = w->other_size;
    inspection->fd = w->fd;
    inspection->blob = w->blob;
    return ERR_OK;
}

static enum err_code give_name(struct blob_writer *w)
{
    w->blob.digest = sha256_final(w->hash);
    if (w->options.inspect != NULL) {
        struct blob_inspection inspection = {.fd = w->fd, .blob = w->blob, .writer = w};
        enum err_code code = w->options.inspect(w->options.ctx, &inspection, &w->err);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (fsync(w->fd) != 0) {
        return err_set_errno(&w->err, errno, "sync %s", w->path);
    }
    enum err_code code =
        blob_holds_take(w->blobs->holds, w->blob.digest, w->options.log_head, w->path, &w->err);
    if (code == ERR_OK) {
        if (w->from != NULL) { /* renaming to another name of the same file leaves both */
            (void)unlink(w->path);
        }
        w->path[0] = '\0';
        w->hold->digest = w->blob.digest;
    }
    return code;
}

static void work_cb(uv_work_t *work)
{
    struct blob_writer *w = work->data;
    w->code = w->from != NULL ? take_file(w) : write_going(w);
    if (w->code == ERR_OK && w->last) {
        w->code = give_name(w);
    }
}

/* ── on the loop ───────────────────────────────────────────────────────────────────────────────── */

static void release_cb(uv_work_t *work)
{
    const struct blob_hold *hold = work->data;
    blob_holds_release(hold->blobs->holds, hold->digest, hold->fate);
}

static void released_cb(uv_work_t *work, int status)
{
    struct blob_hold *hold = work->data;
    (void)status; /* never cancelled */
    hold->blobs->releases--;
    free(hold);
}

void blob_hold_release(struct blob_hold *hold, enum blob_fate fate)
{
    if (hold == NULL) {
        return;
    }
    hold->fate = fate;
    hold->work.data = hold;
    hold->blobs->releases++;
    int rc = uv_queue_work(hold->blobs->loop, &hold->work, release_cb, released_cb);
    INVARIANT(rc == 0);
}

static void writer_free(struct blob_writer *w)
{
    INVARIANT(!w->working);
    if (w->fd >= 0) {
        (void)close(w->fd);
        if (w->path[0] != '\0') {
            (void)unlink(w->path);
        }
    }
    if (w->other_fd >= 0) {
        (void)close(w->other_fd);
        (void)unlink(w->other_path);
    }
    w->blobs->writers--;
    free(w->hold);
    free(w->from);
    sha256_destroy(w->other_hash);
    sha256_destroy(w->hash);
    buf_deinit(&w->coming);
    buf_deinit(&w->going);
    free(w);
}

static void work_next(struct blob_writer *w);
static void worked_cb(uv_work_t *work, int status);

/* ── slow inspections: so many at a time that the pool has threads for everybody else ──────────── */

static void start_work(struct blob_writer *w)
{
    w->working = true;
    int rc = uv_queue_work(w->blobs->loop, &w->work, work_cb, worked_cb);
    INVARIANT(rc == 0);
}

static void start_slow(struct blobs *blobs)
{
    while (blobs->waiting != NULL && blobs->slow < BLOB_SLOW_MAX) {
        struct blob_writer *w = blobs->waiting;
        blobs->waiting = w->next_waiting;
        w->next_waiting = NULL;
        w->waiting = false;
        w->slow = true;
        blobs->slow++;
        start_work(w);
    }
}

static void wait_for_turn(struct blob_writer *w)
{
    struct blob_writer **end = &w->blobs->waiting;
    while (*end != NULL) { /* as many as there are requests */
        end = &(*end)->next_waiting;
    }
    *end = w;
    w->waiting = true;
    start_slow(w->blobs);
}

static void leave_queue(struct blob_writer *w)
{
    struct blob_writer **at = &w->blobs->waiting;
    while (w->waiting && *at != w) {
        at = &(*at)->next_waiting;
    }
    if (w->waiting) {
        *at = w->next_waiting;
        w->waiting = false;
    }
}

static void end_slow(struct blob_writer *w)
{
    if (w->slow) {
        w->slow = false;
        w->blobs->slow--;
        start_slow(w->blobs);
    }
}

static bool is_slow(const struct blob_writer *w)
{
    return w->last && w->options.is_slow != NULL && w->options.is_slow(w->options.ctx);
}

static void worked_cb(uv_work_t *work, int status)
{
    struct blob_writer *w = work->data;
    (void)status; /* never cancelled */
    w->working = false;
    end_slow(w);
    bool is_held = w->last && w->code == ERR_OK;
    if (w->abandoned) {
        if (is_held) {
            blob_hold_release(w->hold, BLOB_REFUSED);
            w->hold = NULL;
        }
        void (*on_gone)(void *) = w->on_gone;
        void *ctx = w->options.ctx;
        writer_free(w);
        if (on_gone != NULL) {
            on_gone(ctx);
        }
        return;
    }
    if (w->code == ERR_OK && w->lost && !w->last) {
        w->code = err_set(&w->err, ERR_NOMEM, "no memory to write a file");
    }
    if (w->code != ERR_OK || w->last) {
        struct blob_writer_options options = w->options;
        struct blob blob = w->blob;
        struct err err = w->err;
        enum err_code code = w->code;
        struct blob_hold *hold = is_held ? w->hold : NULL;
        w->hold = is_held ? NULL : w->hold;
        writer_free(w);
        options.on_done(options.ctx, code, &blob, hold, &err);
        return;
    }
    bool has_room = w->wants_room;
    w->wants_room = false;
    work_next(w);
    if (has_room) {
        w->options.on_room(w->options.ctx);
    }
}

static void work_next(struct blob_writer *w)
{
    if (w->working || w->waiting || (w->coming.size == 0 && !w->finishing && !w->lost)) {
        return;
    }
    struct buf done = w->going;
    w->going = w->coming;
    w->coming = done;
    buf_clear(&w->coming);
    w->last = w->finishing && !w->lost;
    if (is_slow(w)) {
        wait_for_turn(w);
    } else {
        start_work(w);
    }
}

struct blob_writer *blob_writer_create(struct blobs *blobs,
                                       const struct blob_writer_options *options)
{
    char name[ID_TEXT_SIZE];
    struct blob_writer *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return NULL;
    }
    w->hash = sha256_create();
    w->hold = calloc(1, sizeof *w->hold);
    if (w->hash == NULL || w->hold == NULL) {
        sha256_destroy(w->hash);
        free(w->hold);
        free(w);
        return NULL;
    }
    w->hold->blobs = blobs;
    w->blobs = blobs;
    w->options = *options;
    w->work.data = w;
    w->fd = -1;
    w->other_fd = -1;
    blobs->writers++;
    buf_init(&w->coming, BLOB_HELD_MAX + PIECE_MAX);
    buf_init(&w->going, BLOB_HELD_MAX + PIECE_MAX);
    id_format(id_new(time_wall_ns()), name);
    int size = snprintf(w->path, sizeof w->path, "%s/tmp/%s", blobs->folder, name);
    INVARIANT(size > 0 && size < PATH_MAX);
    return w;
}

struct blob_writer *blob_writer_create_from(struct blobs *blobs,
                                            const struct blob_writer_options *options,
                                            const char *path)
{
    struct blob_writer *w = blob_writer_create(blobs, options);
    if (w != NULL) {
        w->from = strdup(path);
    }
    if (w != NULL && w->from == NULL) {
        writer_free(w);
        return NULL;
    }
    return w;
}

bool blob_writer_write(struct blob_writer *writer, struct bytes piece)
{
    INVARIANT(!writer->finishing && !writer->abandoned);
    buf_append_bytes(&writer->coming, piece);
    writer->lost = writer->lost || writer->coming.failed;
    work_next(writer);
    writer->wants_room = writer->working && writer->coming.size >= BLOB_HELD_MAX;
    return !writer->wants_room;
}

void blob_writer_finish(struct blob_writer *writer)
{
    INVARIANT(!writer->finishing && !writer->abandoned);
    writer->finishing = true;
    work_next(writer);
}

void blob_writer_abandon(struct blob_writer *writer, void (*on_gone)(void *ctx))
{
    if (writer == NULL) {
        return;
    }
    INVARIANT(!writer->abandoned);
    writer->abandoned = true;
    writer->on_gone = on_gone;
    leave_queue(writer);
    if (!writer->working) {
        void *ctx = writer->options.ctx;
        writer_free(writer);
        if (on_gone != NULL) {
            on_gone(ctx);
        }
    }
}
