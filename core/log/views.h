/* core/log/views.h: the environment of everything derived: write model, streams, projections. May always be thrown away.
 *
 * Shape:   <folder>/ is an LMDB environment without fsync; one table per struct store_table, and "position" with
 *          (sequence, root at it, log id, version). The position is committed in the transaction of the rows it speaks of.
 * Crash:   <folder>.state, fsynced, holds (boot id, dirty). It is set dirty before the first write of a run. Same boot: the
 *          page cache is whole, go on. Another boot and dirty: views_open throws the files away and starts from <folder>.copy, an
 *          older state that views_copy left there, or empty.
 * Damage:  without <folder>.state neither the files nor the copy are trusted. It is taken away, and the copy with it, when damage is found.
 * Thread:  the write transaction on the writer thread only; snapshots on any thread, closed soon.
 * Owner:   a struct store lives as long as its transaction. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LOG_VIEWS_H
#define CORE_LOG_VIEWS_H

#include "core/base/id.h"
#include "core/base/store.h"
#include "core/log/readers.h"

struct views;

struct views_options {
    const char *folder;
    uint64_t map_size;    /* 0: 512 GiB of address space */
    unsigned readers_max; /* 0: 512 */
    bool read_only;
    const struct store_table *const *tables;
    size_t table_count;
};

struct views_position {
    uint64_t sequence; /* last applied; 0: nothing */
    struct key32 root; /* of the log at that sequence */
    struct id16 log_id;
    uint64_t version; /* of the rows' layout */
};

MUST_CHECK enum err_code views_open(const struct views_options *options, struct views **ret,
                                    struct err *err);
/* Sync and mark clean; then the next open on any boot trusts them. */
void views_close(struct views *views);
/* Close without syncing, delete all files, open empty. The handle stays valid; after an error it can only be reset again, or closed. */
MUST_CHECK enum err_code views_reset(struct views *views, struct err *err);

/* A page or a row was not what it must be: met by any thread since views_open or views_reset. An assertion of LMDB distrusts them by itself and ends the
 * process. */
bool views_are_damaged(const struct views *views);
/* Durably: the next views_open throws the files away and begins empty; the copy is gone too. Any thread; only views_reset ends it. */
void views_distrust(struct views *views);

/* What <folder>.state says, read as on the boot of this id. */
struct views_state {
    bool is_dirty;
    bool is_trusted; /* clean, or dirty on the boot that still runs */
};
#define VIEWS_BOOT_ID_SIZE 36
/* false for a text that is not "<boot id> dirty\n" or "<boot id> clean\n". */
bool views_state_parse(struct bytes text, const char boot[VIEWS_BOOT_ID_SIZE + 1],
                       struct views_state *ret);

/* ── writing ── */

MUST_CHECK enum err_code views_begin(struct views *views, struct store **ret, struct err *err);
/* Put every row where it belongs: what can be refused is refused now (ERR_FULL), before the log is told. Commit does it otherwise. */
MUST_CHECK enum err_code views_flush(struct views *views, struct err *err);
/* Store the position and commit. The store is gone either way. ERR_FULL: again when there is room. */
MUST_CHECK enum err_code views_commit(struct views *views, const struct views_position *position,
                                      struct err *err);
void views_abort(struct views *views);
/* Position of the last commit; writer thread. */
MUST_CHECK enum err_code views_read_position(struct views *views, struct views_position *ret,
                                             struct err *err);

/* Fraction of the map in use, 0 … 1000; any thread. */
unsigned views_fill_permille(struct views *views);

/* Writer thread. */
MUST_CHECK enum err_code views_readers(struct views *views, struct readers *ret, struct err *err);

/* Bytes of the file that were ever used; any thread. */
uint64_t views_size(struct views *views);

/* Write <folder>.copy, synced (core/log/views_copy.h). Any thread but never two; not during views_reset or views_close. */
MUST_CHECK enum err_code views_copy(struct views *views, struct err *err);
/* Where the copy stands; 0: nowhere, or there is none that can be read. */
uint64_t views_copied_at(struct views *views);

/* ── reading ── */

/* Another number after each commit, 0 while one is on its way: what was seen in a snapshot is what there is as long as this is the same as just before and
 * just behind its opening. Any thread; costs no transaction. */
uint64_t views_changes(struct views *views);

struct views_snapshot;
MUST_CHECK enum err_code views_snapshot_open(struct views *views, struct views_snapshot **ret,
                                             struct err *err);
void views_snapshot_close(struct views_snapshot *snapshot);
struct store *views_snapshot_store(struct views_snapshot *snapshot);
const struct views_position *views_snapshot_position(const struct views_snapshot *snapshot);

/* SHA-256 over every row of every table in order: equal logs and versions give equal digests. */
MUST_CHECK enum err_code views_digest(struct views *views, struct key32 *ret, struct err *err);
/* The same over one snapshot, so that it belongs to the position the snapshot has. */
MUST_CHECK enum err_code views_snapshot_digest(struct views_snapshot *snapshot, struct key32 *ret,
                                               struct err *err);

#endif
