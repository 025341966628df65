/* core/log/log_blobs.h: which blobs a log names, and where a blob lies.
 *
 * Blob:    a file in <data>/blobs, named by its SHA-256: an upload, or a result. A job's file is its upload's, which cannot be erased
 *          before the job has ended: job.created names nothing on its own.
 * Owner:   the caller's reader and arena; the arena is cleared for each record.
 * Errors:  of reading the log; ERR_CORRUPT for a record that cannot be read. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LOG_LOG_BLOBS_H
#define CORE_LOG_LOG_BLOBS_H

#include "core/base/arena.h"
#include "core/log/log_reader.h"

#include <limits.h>

#define LOG_BLOB_ARENA_MAX ((size_t)1 << 20) /* a record and its private part are 128 KiB */

/* The blob that the record of `sequence` names; zeros: none, or it was erased. */
MUST_CHECK enum err_code log_named_blob(struct log_reader *reader, uint64_t sequence,
                                        struct arena *arena, struct key32 *ret, struct err *err);

/* Whether a record of this type may name one. */
bool log_type_names_blob(uint16_t type);
/* The blob that a record and its private part (salt ‖ bytes) name; zeros: none. Clears the arena. */
MUST_CHECK enum err_code log_blob_of(struct bytes record, struct bytes part, struct arena *arena,
                                     struct key32 *ret, struct err *err);
/* Whether any record, as of now, names this blob. ERR_UNAVAILABLE: an older log that is open read-only. Any thread. */
MUST_CHECK enum err_code log_is_named(struct event_log *log, struct key32 digest, bool *ret,
                                      struct err *err);

typedef void log_blob_cb(void *ctx, struct key32 digest);
/* Tell each file of `store` (<data>/blobs) that is a blob by its name and place, and that no record names. It may be removed. */
MUST_CHECK enum err_code log_unnamed_blobs(struct event_log *log, const char *store,
                                           log_blob_cb *found, void *ctx, struct err *err);

/* Where a blob lies in `store` (<data>/blobs), and its folder. */
void blob_place(const char *store, struct key32 digest, char ret_folder[PATH_MAX],
                char ret_path[PATH_MAX]);

#endif
