/* api/blobs.h: files by their content: uploads and results, kept in <data>/blobs/ab/<SHA-256 in hex>.
 *
 * Writing: bytes are hashed and written on the thread pool as they come, to <data>/blobs/tmp; at the end the file is
 *          looked at (inspect), synced, renamed to its digest, and its folder synced. So a blob that has a name is whole and durable, and an event that
 *          names it may be written.
 * Held:    who gets a blob gets a hold on it, and gives that back with what became of the event: a blob that is new and that nobody wanted is
 *          removed then (blob_holds.h).
 * Memory:  a writer holds at most BLOB_HELD_MAX bytes and one piece, twice: blob_writer_write says when to pause.
 * Life:    a writer ends with on_done (whole or failed) or with blob_writer_abandon, after which on_done is not called.
 * Thread:  the loop's; inspect runs on the thread pool. Opening for reading looks up a name and does not read.
 * Room:    nothing is written into the room that the ledger keeps for jobs to end in, however many write at once: it is looked at before each write.
 * Crash:   leftovers in tmp are removed when the store is opened, named blobs without an event by blobs_recover.
 * Errors:  ERR_NOT_FOUND, ERR_FULL, ERR_IO, ERR_NOMEM. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_BLOBS_H
#define API_BLOBS_H

#include "api/blob_holds.h"
#include "core/base/err.h"

#include <uv.h>

#define BLOB_HELD_MAX ((size_t)256 << 10)
/* Inspections at a time that are called slow: half the threads of libuv's pool, which also write, hash and sync for everybody. */
#define BLOB_SLOW_MAX 2

struct blobs;
struct ledger;
struct blob_writer;
struct blob_hold;

struct blob {
    struct key32 digest;
    uint64_t size;
};

/* `ledger`: whose disk it is; NULL: the disk may be filled. */
MUST_CHECK enum err_code blobs_open(uv_loop_t *loop, const char *data_dir,
                                    const struct ledger *ledger, struct blobs **ret,
                                    struct err *err);
/* Before the first writer: remove what was named without an event, as the log says. */
MUST_CHECK enum err_code blobs_recover(struct blobs *blobs, struct event_log *log, struct err *err);
/* After the loop has ended: no writer may be left. */
void blobs_close(struct blobs *blobs);

/* What `inspect` looks at: the content, and what may be put in its place. */
struct blob_inspection {
    int fd; /* of the content, readable and mappable until it is replaced or inspect returns */
    struct blob blob;           /* of the content; after blob_replace_commit of what replaced it */
    struct blob_writer *writer; /* its own */
};

struct blob_writer_options {
    void *ctx;
    uint64_t
        log_head; /* at most the log's length when the writer is made; what names the blob comes behind it */
    /* There is room again, after blob_writer_write returned false. */
    void (*on_room)(void *ctx);
    /* Thread pool, may be NULL: look at the whole content before it gets its name, and replace it if need be. An error removes it, and is
     * on_done's. */
    enum err_code (*inspect)(void *ctx, struct blob_inspection *inspection, struct err *err);
    /* Loop, may be NULL: will inspect take long? Of those BLOB_SLOW_MAX run at a time, and the others wait their turn. */
    bool (*is_slow)(void *ctx);
    /* Whole (ERR_OK, after blob_writer_finish) or failed (at any time). The writer is gone. Called from the loop only.
     * `hold`: the callee's, to be given back with blob_hold_release; NULL unless ERR_OK. */
    void (*on_done)(void *ctx, enum err_code code, const struct blob *blob, struct blob_hold *hold,
                    const struct err *err);
};

/* NULL: out of memory. */
struct blob_writer *blob_writer_create(struct blobs *blobs,
                                       const struct blob_writer_options *options);
/* One whose whole content is in the file `path` already, which stays and does not change any more: next comes blob_writer_finish. The store is on the same
 * disk, so that nothing is copied. */
struct blob_writer *blob_writer_create_from(struct blobs *blobs,
                                            const struct blob_writer_options *options,
                                            const char *path);
/* Takes a copy. False: it holds enough; write no more before on_room. */
MUST_CHECK bool blob_writer_write(struct blob_writer *writer, struct bytes piece);
/* No more bytes will come. */
void blob_writer_finish(struct blob_writer *writer);
/* Remove what was written. NULL is fine. `inspect` may still be running with its ctx when `on_gone` (may be NULL) has not been called. */
void blob_writer_abandon(struct blob_writer *writer, void (*on_gone)(void *ctx));

/* From inspect: another content instead, from its first byte. begin, append…, commit; without the commit nothing is replaced.
 * Errors: ERR_IO, ERR_FULL, ERR_NOMEM. */
MUST_CHECK enum err_code blob_replace_begin(struct blob_inspection *inspection, struct err *err);
MUST_CHECK enum err_code blob_replace_append(struct blob_inspection *inspection, struct bytes piece,
                                             struct err *err);
MUST_CHECK enum err_code blob_replace_commit(struct blob_inspection *inspection, struct err *err);

/* For who removes what the log does not name any more; on the pool. */
struct blob_holds *blobs_holds(struct blobs *blobs);

/* What became of it. It is settled on the thread pool, soon. NULL is fine. */
void blob_hold_release(struct blob_hold *hold, enum blob_fate fate);

/* `ret_fd` is the caller's to close. */
MUST_CHECK enum err_code blobs_open_read(struct blobs *blobs, struct key32 digest, int *ret_fd,
                                         uint64_t *ret_size, struct err *err);

#endif
