/* api/blob_holds.h: blobs that have their name and wait for the event that will name them.
 *
 *     take: marker, durable ─▶ rename ─▶ command ─┬─ accepted ───────────────────────────▶ blob stays, marker removed
 *                                                 ├─ refused, and nobody else holds it ──▶ blob removed, then marker
 *                                                 └─ nobody knows: a crash, our own error ▶ both stay; the next start asks the log
 *
 * Marker:  an empty file <data>/blobs/new/<SHA-256 in hex>.<head of the log before>, made before the blob has its name. A blob that had its name
 *          before gets none: it is an event's already, and nothing that is decided here removes it.
 * Removal: of a blob that an event named, when the event's private part was erased: begin, erase, remove, end. From the first begin to the last end there is
 *          a file <data>/blobs/new/erasing; a start that finds it goes through all blobs and removes those that the log does not name. A blob that
 *          somebody holds goes with the last hold, unless that is wanted; then, too, the next start looks.
 * Log:     the event that names a marked blob is behind the head in the marker's name: heads do not go back, as clocks do.
 * Thread:  take, release and removal on the thread pool (they wait for the disk, one at a time); open, recover and close before and after it is used.
 * Errors:  ERR_FULL, ERR_IO, ERR_NOMEM, ERR_CORRUPT. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_BLOB_HOLDS_H
#define API_BLOB_HOLDS_H

#include "core/base/id.h"
#include "core/log/event_log.h"

struct blob_holds;

enum blob_fate {
    BLOB_UNKNOWN, /* whether there is an event */
    BLOB_WANTED,  /* an event names it */
    BLOB_REFUSED, /* there is none, and will be none of this holder */
};

/* `store` is <data>/blobs, and must live as long. */
MUST_CHECK enum err_code blob_holds_open(const char *store, struct blob_holds **ret,
                                         struct err *err);
/* NULL is fine. */
void blob_holds_close(struct blob_holds *holds);
/* What a run before this one left: marked blobs that no record behind their marker names are removed, and all markers; and what it did not get to remove. Nothing is removed when
 * the log cannot be read. */
MUST_CHECK enum err_code blob_holds_recover(struct blob_holds *holds, struct event_log *log,
                                            struct err *err);

/* Give the whole and synced file `from` its name, durably, and hold it. `head`: of the log, not later than now. */
MUST_CHECK enum err_code blob_holds_take(struct blob_holds *holds, struct key32 digest,
                                         uint64_t head, const char *from, struct err *err);
void blob_holds_release(struct blob_holds *holds, struct key32 digest, enum blob_fate fate);

/* Before the command that may erase the last name of a blob. */
MUST_CHECK enum err_code blob_holds_begin_removal(struct blob_holds *holds, struct err *err);
/* Remove it if no record of the log names it now, durably. False: it should be gone, and may be there. */
MUST_CHECK bool blob_holds_remove(struct blob_holds *holds, struct event_log *log,
                                  struct key32 digest);
/* Once for each begin. `all_gone`: nothing is left to the next start. */
void blob_holds_end_removal(struct blob_holds *holds, bool all_gone);

#endif
