// SPDX-License-Identifier: Apache-2.0
#include "api/partials_internal.h"

#include "core/base/buf.h"
#include "core/base/invariant.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/ledger/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE_MAX ((size_t)64 << 20) /* of one write: what a caller may hand in at once */

struct partial_writer {
    struct partials *partials;
    struct partial *partial;
    struct partial_piece piece;
    struct buf coming;
    struct buf going;
    uv_work_t work;
    bool working;
    bool finishing;
    bool wants_room;
    bool lost; /* no memory for bytes that came: what follows would leave a hole */
    bool last; /* of the jobs */
    /* the pool's while a job is under way */
    int fd;
    uint64_t at;
    uint64_t durable;
    int64_t synced_at; /* wall; 0: nothing was */
    enum err_code code;
    struct err err;
};

static enum err_code put_all(int fd, struct bytes bytes, uint64_t at, struct err *err)
{
    for (size_t done = 0; done < bytes.size;) {
        ssize_t put = pwrite(fd, bytes.data + done, bytes.size - done, (off_t)(at + done));
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return err_set_errno(err, errno, "write a piece of an upload");
        }
        done += (size_t)put;
    }
    return ERR_OK;
}

/* In the place of the old one, in one sector. */
static enum err_code write_offset(struct partial_writer *w)
{
    char path[PATH_MAX];
    char line[PARTIAL_FIRST_LINE + 1];
    int64_t now = time_wall_ns();
    partial_meta_path(w->partials, w->partial, path);
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return err_set_errno(&w->err, errno, "open %s", path);
    }
    partial_first_line(w->at, now, line);
    enum err_code code = put_all(fd, bytes_of(line, PARTIAL_FIRST_LINE), 0, &w->err);
    if (code == ERR_OK && fdatasync(fd) != 0) {
        code = err_set_errno(&w->err, errno, "sync %s", path);
    }
    (void)close(fd);
    if (code == ERR_OK) {
        w->durable = w->at;
        w->synced_at = now;
    }
    return code;
}

static enum err_code write_piece(struct partial_writer *w)
{
    char path[PATH_MAX];
    partial_path(w->partials, w->partial, path);
    if (w->fd < 0) {
        w->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    }
    if (w->fd < 0) {
        return err_set_errno(&w->err, errno, "open %s", path);
    }
    bool const has_room = ledger_free_room(w->partials->ledger) >= w->going.size;
    enum err_code code = has_room ? put_all(w->fd, buf_bytes(&w->going), w->at, &w->err)
                                  : ERR_OK; /* keep the rest */
    if (code == ERR_OK) {
        uint64_t const size = has_room ? w->going.size : 0;
        /* The disk begins now, so that the sync has little left to wait for. */
        (void)sync_file_range(w->fd, (off_t)w->at, (off_t)size, SYNC_FILE_RANGE_WRITE);
        w->at += size;
        bool is_due = w->last || !has_room || w->at - w->durable >= PARTIAL_SYNC_EVERY;
        if (is_due && w->at > w->durable) {
            code = fdatasync(w->fd) == 0 ? write_offset(w)
                                         : err_set_errno(&w->err, errno, "sync %s", path);
        }
    }
    if (code != ERR_OK) {
        if (ftruncate(w->fd, (off_t)w->durable) !=
            0) { /* room for others; else the next piece writes over it */
            trace(TRACE_WARN, "partials.not_cut", "file=%s errno=%d", path, errno);
        }
    } else if (!has_room) {
        code = err_set(&w->err, ERR_FULL, "disk_full: the disk is nearly full; try again later");
    }
    return code;
}

static void piece_work_cb(uv_work_t *work)
{
    struct partial_writer *w = work->data;
    w->code = write_piece(w);
}

static void end(struct partial_writer *w)
{
    struct partial_piece piece = w->piece;
    struct partial *partial = w->partial;
    struct err err = w->err;
    enum err_code code = w->code;
    if (w->fd >= 0) {
        (void)close(w->fd);
    }
    partial->is_busy = false;
    w->partials->jobs--;
    buf_deinit(&w->coming);
    buf_deinit(&w->going);
    free(w);
    piece.on_done(piece.ctx, partial, code, &err);
}

static void piece_next(struct partial_writer *w);

static void piece_worked_cb(uv_work_t *work, int status)
{
    struct partial_writer *w = work->data;
    (void)status; /* never cancelled */
    w->working = false;
    w->partial->offset = w->durable;
    if (w->synced_at != 0) {
        w->partial->expires_at = partial_end_of_life(w->synced_at);
    }
    if (w->code == ERR_OK && w->last && w->lost) {
        w->code = err_set(&w->err, ERR_NOMEM, "no memory for a piece of an upload");
    }
    if (w->code != ERR_OK || w->last) {
        end(w);
        return;
    }
    bool has_room = w->wants_room;
    w->wants_room = false;
    piece_next(w);
    if (has_room && !w->finishing) {
        w->piece.on_room(w->piece.ctx);
    }
}

static void piece_next(struct partial_writer *w)
{
    if (w->working || (w->coming.size == 0 && !w->finishing && !w->lost)) {
        return;
    }
    struct buf done = w->going;
    w->going = w->coming;
    w->coming = done;
    buf_clear(&w->coming);
    w->last = w->finishing || w->lost;
    w->working = true;
    int rc = uv_queue_work(w->partials->loop, &w->work, piece_work_cb, piece_worked_cb);
    INVARIANT(rc == 0);
}

enum err_code partial_writer_create(struct partials *partials, struct partial *partial,
                                    const struct partial_piece *piece, struct partial_writer **ret,
                                    struct err *err)
{
    INVARIANT(!partial->is_busy);
    uint64_t left = partial->size - partial->offset;
    uint64_t held = partials_held(partials);
    if (held > partials->bytes_max || left > partials->bytes_max - held) {
        return err_set(err, ERR_BUSY,
                       "uploads_full: there is no room now for the %" PRIu64
                       " bytes that are missing; what was sent is kept, try again later",
                       left);
    }
    struct partial_writer *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a piece of an upload");
    }
    w->partials = partials;
    w->partial = partial;
    w->piece = *piece;
    w->work.data = w;
    w->fd = -1;
    w->at = partial->offset;
    w->durable = partial->offset;
    buf_init(&w->coming, PARTIAL_HELD_MAX + PIECE_MAX);
    buf_init(&w->going, PARTIAL_HELD_MAX + PIECE_MAX);
    partial->is_busy = true;
    partials->jobs++;
    *ret = w;
    return ERR_OK;
}

bool partial_writer_write(struct partial_writer *writer, struct bytes bytes)
{
    INVARIANT(!writer->finishing);
    if (!writer->lost) {
        buf_append_bytes(&writer->coming, bytes);
        writer->lost = writer->coming.failed;
    }
    piece_next(writer);
    writer->wants_room =
        writer->working && (writer->coming.size >= PARTIAL_HELD_MAX || writer->lost);
    return !writer->wants_room;
}

void partial_writer_finish(struct partial_writer *writer)
{
    INVARIANT(!writer->finishing);
    writer->finishing = true;
    piece_next(writer);
}
