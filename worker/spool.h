/* worker/spool.h: what a job has still to tell the server, in a file, so that it outlives the worker and a server that is away.
 *
 *     0            state, first copy     written in turn, each with a number and a sum: the newer good one counts
 *     slot         state, second copy
 *     2 × slot     output: batch, batch, …   appended; from the start again when the server has all of it; before, a hole takes the place of what it has
 *
 * Full:    the room of both states is taken when the file is made, so the state is written however full the disk is. Output past `output_max`
 *          bytes that wait, or for which the disk has no room, is not kept: a line in its place says how many lines are missing and why.
 * Killed:  what spool_append and spool_save were given is there when the file is opened again; a batch that was cut in the middle ends the output.
 *          Nothing is synced: after a loss of power the file may be unreadable, and the job is given back.
 * Numbers: a batch gets its number when it is handed out, from what the server last said, so that spool_resync can skip what it has.
 * Format:  of this machine and this version of the program alone (`format`): it is never sent or moved.
 * Owner:   batches are borrowed until the next call.
 * Thread:  loop (small writes to the page cache). */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_SPOOL_H
#define WORKER_SPOOL_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "worker/output.h"

#define SPOOL_OUTPUT_MAX (UINT64_C(64) << 20) /* a server keeps no more of a job by default */

struct spool;

struct spool_options {
    const char *path;
    uint32_t format; /* of the state */
    size_t state_size;
    uint64_t output_max;
};

struct spool_batch {
    enum worker_stream stream;
    uint64_t first_line;
    uint64_t lines;
    struct bytes text;
};

/* A new file, with room for the state. Errors: ERR_FULL, ERR_IO, ERR_NOMEM. */
MUST_CHECK enum err_code spool_create(const struct spool_options *options, struct spool **ret_spool,
                                      struct err *err);
/* One that an earlier run left; its state goes to `ret_state`. Errors: ERR_NOT_FOUND; ERR_CORRUPT: no good state of this format. */
MUST_CHECK enum err_code spool_open(const struct spool_options *options, void *ret_state,
                                    struct spool **ret_spool, struct err *err);
void spool_close(struct spool *spool); /* accepts NULL; the file stays */

void spool_save(struct spool *spool, const void *state);

void spool_append(struct spool *spool, enum worker_stream stream, uint64_t lines,
                  struct bytes text);
/* The oldest batch. False: there is none. */
bool spool_front(struct spool *spool, struct spool_batch *ret);
/* Looking behind the front without taking it away: the batch after it, and with the same `ahead` the one after that. Zero but for `text`, an empty buffer of
 * the caller's which holds the batch's text until the next call; begun anew after any other call. False: there is none, or it cannot be read now. */
struct spool_ahead {
    uint64_t at;
    uint64_t next_line;
    struct buf text;
};
bool spool_ahead(const struct spool *spool, struct spool_ahead *ahead, struct spool_batch *ret);
/* The server has everything before `next_line`; the oldest batches are dropped accordingly. Lines it lost and we no longer
 * have are gone: numbering goes on from what it says. */
void spool_resync(struct spool *spool, uint64_t next_line);
/* The server keeps no more: forget what waits, keep no more. */
void spool_discard(struct spool *spool);
bool spool_is_empty(const struct spool *spool);

#endif
