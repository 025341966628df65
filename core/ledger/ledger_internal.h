/* core/ledger/ledger_internal.h: what ledger.c, writer.c, catch_up.c and copier.c share. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LEDGER_LEDGER_INTERNAL_H
#define CORE_LEDGER_LEDGER_INTERNAL_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/ledger/command_queue.h"
#include "core/ledger/ledger.h"
#include "core/ledger/ledger_clock.h"

#include <pthread.h>
#include <stdatomic.h>

#define BATCH_COMMANDS_MAX 1024
#define BATCH_BYTES_MAX ((size_t)64 << 20)

struct ledger {
    struct ledger_options options;
    struct event_log *log;
    struct views *views;
    struct command_queue *queue;
    struct batch *batch; /* the writer's */
    struct note_key key;
    bool has_key;
    char origin[NOTE_NAME_MAX];
    uint64_t generation;                    /* in the origin */
    char read_only_reason[ERR_MESSAGE_MAX]; /* "" when writable */
    int lock_fd;                            /* of the data folder's lock; -1: read-only */
    pthread_t thread;
    bool running;

    uint64_t views_from; /* constant after opening, like all above */

    /* writer thread */
    struct id16 log_id;
    bool views_behind;   /* closing, and the views could not follow the log */
    int64_t newest_time; /* of the newest record when the ledger was opened */
    struct ledger_clock clock;
    int64_t checkpoint_at_ns; /* monotonic, of the last one signed */
    int64_t readers_at_ns;    /* monotonic, of the last look */
    struct arena arena;       /* of the batch */
    struct buf records;       /* records and private parts of the batch, one after the other */

    /* the copier's thread, begun and joined by the writer's */
    pthread_t copier;
    bool copying;
    uint64_t copied_at; /* head when the last copy of the views began */
    atomic_bool copied; /* the thread has ended but for its last steps */

    /* any thread */
    atomic_bool closing;
    atomic_bool waiting_for_room; /* the disk is full, the views are behind the log */
    atomic_bool disk_nearly_full; /* as the writer saw it last */
    atomic_bool checkpoint_failing;
    atomic_uint_fast64_t head;
    atomic_uint_fast64_t batches;
    atomic_uint_fast64_t commands;
    atomic_uint_fast64_t refusals;
    atomic_uint_fast64_t checkpoint_size;
    atomic_uint log_readers;
    atomic_uint views_readers;
    atomic_uint_fast64_t log_reader_lag;
    atomic_uint_fast64_t views_reader_lag;
    atomic_uint_fast64_t readers_cleared;
    atomic_uint_fast64_t clock_steps;
    _Atomic int64_t clock_behind_ns;
};

/* free() it after the thread has ended; NULL: out of memory. */
struct batch *batch_create(struct ledger *ledger);
void *writer_main(void *ledger);
/* Writer thread: is there room on the disk for what is not kept? */
void ledger_look_for_room(struct ledger *ledger);
/* Writer thread: begin a copy of the views if it is due and none is being written. */
void ledger_copy_views(struct ledger *ledger);
/* Wait for the copy that is being written, if one is. */
void ledger_end_copy(struct ledger *ledger);
/* Sign and store a checkpoint of what is committed, if it is newer than the last. Does not return from a failed write or sync of the log. */
MUST_CHECK enum err_code ledger_checkpoint(struct ledger *ledger, struct err *err);
/* After a write to the log: ends the process if it failed so that what is on the disk is unknown. */
void ledger_end_if_broken(enum err_code code, const struct err *err);
/* Evolve and project one event. */
void ledger_apply(struct ledger *ledger, struct store *store, uint64_t sequence,
                  const struct event *event);
/* Bring the views up to the log, from where they stand, in transactions of bounded size. */
MUST_CHECK enum err_code ledger_catch_up(struct ledger *ledger, struct err *err);
/* Log id and origin from record 1, and the time of the newest record. */
MUST_CHECK enum err_code ledger_read_identity(struct ledger *ledger, struct err *err);
/* The origin's generation from the views, which are at the log's end. */
MUST_CHECK enum err_code ledger_read_generation(struct ledger *ledger, struct err *err);
/* A checkpoint of this log, signed by our key, of whatever generation. */
MUST_CHECK enum err_code ledger_open_note(const struct ledger *ledger, struct bytes note,
                                          uint64_t *ret_generation, struct checkpoint *ret,
                                          struct err *err);
struct views_position ledger_position(const struct ledger *ledger);

#endif
