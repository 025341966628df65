/* api/partials.h: uploads that come in pieces, until they are whole (docs/decisions/0021).
 *
 * Shape:   <data>/blobs/partial/<id> is the content as far as it has come, <id>.meta what it is: a line "<offset> <time>" of 16 hex digits each, and a line of JSON.
 * Durable: a piece is synced, then the offset that is behind it written and synced, and only then is anybody told of it: when a piece ends, when its sender
 *          goes away, and every PARTIAL_SYNC_EVERY bytes. After a crash the content is cut to the offset.
 * Room:    an account has at most PARTIALS_PER_ACCOUNT of them, of PARTIAL_BYTES_PER_ACCOUNT in all as they were announced; together they hold at most
 *          `bytes_max`. Whoever is let in with a piece has room for the rest of the upload until the piece ends.
 * Disk:    what is kept stays for a day: nothing is written into the room that the ledger keeps for jobs to end in, however many send at once.
 * Life:    PARTIAL_LIFE_S after the last piece it is removed. One that is_busy (a piece comes, it is being completed) is nobody else's.
 * Thread:  the loop's; files are written on the thread pool.
 * Errors:  ERR_FULL, ERR_IO, ERR_NOMEM; ERR_BUSY with "uploads_full: …" or "too_many_unfinished: …". */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_PARTIALS_H
#define API_PARTIALS_H

#include "core/base/err.h"
#include "core/base/id.h"

#include <uv.h>

#define PARTIALS_MAX 4096
#define PARTIALS_PER_ACCOUNT 8
#define PARTIAL_BYTES_PER_ACCOUNT ((uint64_t)4 << 30)
#define PARTIAL_LIFE_S (24 * 3600)
#define PARTIAL_SYNC_EVERY ((uint64_t)8 << 20)
#define PARTIAL_HELD_MAX ((size_t)1 << 20) /* of a piece, in memory, twice */

struct partials;
struct ledger;
struct partial_writer;

struct partial {
    struct id16 id;
    struct id16 account_id; /* or the machine's, of a job's result */
    uint64_t size;          /* that it will have; at least 1 */
    uint64_t offset;        /* that is here, durably */
    int64_t expires_at;
    bool is_busy;
    char *file_name;
    char *media_type; /* "": was not said */
    char *entry;      /* likewise */
    struct partial *next;
};

/* Those of an earlier run are there again. `bytes_max` 0: 16 GiB. */
MUST_CHECK enum err_code partials_open(uv_loop_t *loop, const char *data_dir,
                                       const struct ledger *ledger, uint64_t bytes_max,
                                       struct partials **ret, struct err *err);
/* After the loop has ended. NULL is fine. */
void partials_close(struct partials *partials);

/* NULL: there is none. Borrowed until the loop goes on, or until its owner of the moment has done with it if it is busy. */
struct partial *partials_find(const struct partials *partials, struct id16 id);
/* The first of all, in no order, for who goes through `next`. NULL: there is none. */
struct partial *partials_first(const struct partials *partials);
/* The place of its content. */
void partial_path(const struct partials *partials, const struct partial *partial,
                  char ret[PATH_MAX]);

typedef void partial_created_cb(void *ctx, struct partial *partial, enum err_code code,
                                const struct err *err);
/* Make one of `wanted`, of which id, account_id, size and the texts are read. Durable when `created` is called, unless there is an error. */
MUST_CHECK enum err_code partials_create(struct partials *partials, const struct partial *wanted,
                                         partial_created_cb *created, void *ctx, struct err *err);
/* It is gone for everybody at once, from the disk a little later. Not while somebody else is busy with it. */
void partials_remove(struct partials *partials, struct partial *partial);
/* Remove what has waited too long. */
void partials_sweep(struct partials *partials, int64_t now);

struct partial_piece {
    void *ctx;
    void (*on_room)(void *ctx); /* after partial_writer_write returned false */
    /* It is over: after partial_writer_finish with ERR_OK, or at any time with an error. What partial->offset says is kept in both cases. The writer is gone. */
    void (*on_done)(void *ctx, struct partial *partial, enum err_code code, const struct err *err);
};

/* Pieces follow from partial->offset. ERR_BUSY "uploads_full: …"; ERR_NOMEM. */
MUST_CHECK enum err_code partial_writer_create(struct partials *partials, struct partial *partial,
                                               const struct partial_piece *piece,
                                               struct partial_writer **ret, struct err *err);
/* Takes a copy; not more than partial->size in all. False: it holds enough; write no more before on_room. */
MUST_CHECK bool partial_writer_write(struct partial_writer *writer, struct bytes bytes);
/* No more bytes will come, for whatever reason. */
void partial_writer_finish(struct partial_writer *writer);

#endif
