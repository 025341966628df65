/* core/ledger/ledger.h: commands in, durable events out.
 *
 *     submit ─▶ queue (bounded, by class) ─▶ writer thread: decide → records → evolve → project
 *                                                 └─ commit log (synced) → commit views → answer, tell the feed
 *
 * Thread:  submit from any thread; answers and on_commit run on the writer thread and must be short (hand over to your loop).
 * Owner:   a submitted command and all it points to stay the caller's, unchanged until the answer.
 * Errors:  a refusal carries decide's code and "word: sentence". ERR_BUSY: the queue of this class is full. ERR_FULL: disk or
 *          map; reads go on. ERR_UNAVAILABLE: the ledger is read-only, the message says why.
 * Room:    consumers, output and metrics are refused once 90 % of a map are in use, or less is free on the disk than is kept for
 *          reports, ends and settlement (64 MiB, at most a tenth of the disk); they are taken again when there is room.
 *          Log and views have their disk space some MiB ahead (core/log/room.h), so even a full disk has room for those. When it
 *          fills between log and views all the same, answers wait until there is room.
 * Crash:   everything answered with ERR_OK is in the log, synced. A failed sync ends the process. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LEDGER_LEDGER_H
#define CORE_LEDGER_LEDGER_H

#include "core/crypto/note.h"
#include "core/ledger/projection.h"
#include "core/log/event_log.h"
#include "core/log/views.h"
#include "core/market/command.h"

struct ledger;

/* Layout of the rows in views; a change makes old views be rebuilt from the log. */
#define VIEWS_VERSION 19

/* Over 3,000 requests of one kind the views grew 0.4 (progress), 1.8 (quotes) and 3.4 (offers) times what the log did: with room to spare, the log is
 * full first. */
#define VIEWS_MAP_FACTOR 8
/* Of either map: what is beyond is kept for settlement, ends and reports. */
#define QUOTA_PERMILLE 900

/* Who waits for whom when the writer is behind. */
enum command_class {
    CLASS_SETTLEMENT, /* settlement and job ends */
    CLASS_REPORT,     /* workers: claim, start, progress, results */
    CLASS_CONSUMER,
    CLASS_BULK, /* output and metrics */
};
#define COMMAND_CLASSES 4

struct ledger_options {
    const char *data_dir; /* log/, views/ and lock lie in it; borrowed until the ledger is closed */
    const struct projection *const *projections;
    size_t projection_count;
    const struct note_key
        *checkpoint_key; /* copied; NULL: no checkpoints are signed, and the ledger is read-only */
    const char *checkpoint_copy; /* file outside the data directory, or NULL */
    uint64_t map_size; /* of the log; the views get VIEWS_MAP_FACTOR times that. 0: 64 GiB */
    uint64_t
        copy_every; /* events between two copies of the views; 0: 4 million, replayed in some 15 s */
    size_t queue_max;         /* commands waiting per class; 0: 4096 */
    bool read_only;           /* open beside a running ledger: no writer, no catching up */
    bool no_writer;           /* locked and caught up, but takes no commands: for restore.h */
    int64_t (*wall_ns)(void); /* NULL: time_wall_ns; tests hand in their own */
    int64_t (*mono_ns)(void); /* NULL: time_mono_ns, or `wall_ns` if that is given */
    void (*on_commit)(void *ctx, uint64_t head); /* may be NULL; writer thread */
    void *on_commit_ctx;
};

struct ledger_answer {
    enum err_code code;
    struct err err; /* filled unless ERR_OK */
    uint64_t first; /* sequence of the command's first event */
    uint64_t last;
    bool replayed; /* the command was accepted before; these are its events */
};

typedef void ledger_answer_cb(void *ctx, const struct ledger_answer *answer);

/* ERR_BUSY: another process (or this one) has it open for writing. */
MUST_CHECK enum err_code ledger_open(const struct ledger_options *options, struct ledger **ret,
                                     struct err *err);
/* The writer stops waiting for room on a full disk, so that whoever waits for an answer gets one. Before ledger_close, if others have
 * to end first; commands are still taken. */
void ledger_begin_close(struct ledger *ledger);
/* Answer what is queued, sign a last checkpoint, close clean. */
void ledger_close(struct ledger *ledger);

/* Queue a command. ERR_OK: the answer will come, once. Anything else: it will not. */
MUST_CHECK enum err_code ledger_submit(struct ledger *ledger, const struct command *command,
                                       enum command_class class, ledger_answer_cb *answer,
                                       void *ctx, struct err *err);
/* Submit and wait; for start-up, tools and tests, never on an event loop. */
struct ledger_answer ledger_submit_wait(struct ledger *ledger, const struct command *command,
                                        enum command_class class);

/* For readers; take the views snapshot first, then the log's. */
struct event_log *ledger_log(struct ledger *ledger);
struct views *ledger_views(struct ledger *ledger);
/* "<name>/<log id>/<generation>"; "" before ledger.opened. Constant after the ledger is open, unless it is restored. */
const char *ledger_origin(const struct ledger *ledger);
/* NULL, or why the ledger takes no commands. */
const char *ledger_read_only_reason(const struct ledger *ledger);
/* Whether the disk is so full that only what ends jobs is taken: looked at now, where the stats say how it was a little ago. Any thread. */
MUST_CHECK bool ledger_disk_is_nearly_full(struct ledger *ledger);
/* Bytes of the disk beyond what is kept for reports, ends and settlement, now; unknown: UINT64_MAX. Any thread. */
MUST_CHECK uint64_t ledger_free_room(const struct ledger *ledger);

struct ledger_stats {
    uint64_t head; /* last committed sequence */
    uint64_t batches;
    uint64_t commands;
    uint64_t refusals;
    uint64_t queued[COMMAND_CLASSES];
    uint64_t checkpoint_size;
    uint64_t
        views_from; /* where the views stood when the ledger was opened; the rest was replayed */
    unsigned log_fill_permille;
    unsigned views_fill_permille;
    bool
        waiting_for_room; /* the disk is full: the views do not follow the log, no command is answered */
    bool disk_nearly_full;
    bool checkpoint_failing; /* the last one could not be signed; tried again every second */
    unsigned log_readers;    /* snapshots open, in all processes, as of a few seconds ago … */
    unsigned views_readers;
    uint64_t log_reader_lag; /* … and commits since the oldest was opened */
    uint64_t views_reader_lag;
    uint64_t readers_cleared; /* of processes that died with one */
    uint64_t clock_steps;     /* how often the wall clock was set by more than a second */
    int64_t clock_behind_ms;  /* the ledger's time behind the wall clock; below zero: ahead */
};
void ledger_stats(struct ledger *ledger, struct ledger_stats *ret);

#endif
