/* tools/tally/backup.h: a data directory's log and what belongs to it, copied beside a running server.
 *
 * Shape:   <to>/log        one snapshot, compacted; every hash of it was computed again
 *          <to>/blobs      the blobs that it names, each compared with its name as it was copied
 *          <to>/webhooks, keys.sealed
 *          A <to> that holds an older backup of the same log gets what is new. The log takes its place there last: whenever it ends, a backup is the old
 *          one or the new one, and has the blobs that its log names. What was erased since the older one is removed then.
 * Refuses: a <to> with the log of another ledger, or with records that this log has not (ERR_CONFLICT): the better backup stays.
 * Thread:  one per <to>, which is locked (ERR_BUSY). LMDB is read: in a process of its own, see guarded.h.
 * Errors:  ERR_CORRUPT: the log, or a blob's content. A blob that is not there is counted, and the rest is copied. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_BACKUP_H
#define TOOLS_TALLY_BACKUP_H

#include "core/base/id.h"
#include "core/log/log_verify.h"

struct backup_result { /* plain data */
    struct log_verify_result log;
    uint64_t old_size; /* records that the backup had */
    uint64_t blobs;    /* names in the log whose blob is in the backup; several can be of one */
    uint64_t copied;   /* blobs, now */
    uint64_t copied_bytes;
    uint64_t removed; /* blobs of an older backup that were erased since */
    uint64_t missing; /* named, but not in <from> */
    struct key32 first_missing;
};

MUST_CHECK enum err_code backup_write(const char *from, const char *to, bool quiet,
                                      struct backup_result *ret, struct err *err);

#endif
