/* core/log/event_log.h: the append-only event log, the only durable truth.
 *
 * Shape:   records numbered 1, 2, 3, … without gaps, at most 65,535 bytes, never changed; beside each at most one private
 *          part (salt[16] ‖ bytes). LMDB tables in <folder>/:
 *            records  sequence (native u64, integer key) → record
 *            private  sequence (native u64, integer key) → salt ‖ private part
 *            tiles    level u8 ‖ index u64 big-endian → 256 hashes (full tiles only)
 *            meta     "frontier", "checkpoint"
 *            named    SHA-256 ‖ sequence u64 big-endian → nothing: the blobs that private parts name (log_blobs.h)
 * Erased:  a record of the type private.erased takes the private parts that it names with it, in the transaction that appends it: neither
 *          is there without the other, whoever appends.
 * Thread:  append and checkpoint on the writer thread only; reads on any thread (log_reader.h).
 * Durable: event_log_append has synced when it returns ERR_OK.
 * Errors:  ERR_FULL refuses writes, reads go on; ERR_IO from the commit itself means the disk's state is unknown: the
 *          process must end and open the log anew (never retry a failed sync); ERR_CORRUPT stops the writer.
 * Source:  LMDB lmdb.h (MDB_APPEND, mdb_txn_commit); C2SP tlog-tiles for tiles and the record limit. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LOG_EVENT_LOG_H
#define CORE_LOG_EVENT_LOG_H

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/crypto/merkle.h"
#include "core/log/readers.h"

#include <stdint.h>

struct event_log;

struct event_log_options {
    const char *folder;
    uint64_t map_size;    /* address space, far above what will be stored; 0: 64 GiB */
    unsigned readers_max; /* 0: 512 */
    bool create;          /* make folder and tables if there are none */
    bool read_only;
};

struct log_entry {
    struct bytes record;
    struct bytes private_part; /* salt ‖ private bytes, or empty */
};

MUST_CHECK enum err_code event_log_open(const struct event_log_options *options,
                                        struct event_log **ret, struct err *err);
void event_log_close(struct event_log *log);

/* Number of records committed; writer thread. */
uint64_t event_log_size(const struct event_log *log);
/* Root of the tree over them; writer thread. */
struct key32 event_log_root(const struct event_log *log);

/* Append all entries, or none. Synced when this returns ERR_OK.
 * `ret_first`: sequence of the first entry; untouched on failure. */
MUST_CHECK enum err_code event_log_append(struct event_log *log, const struct log_entry *entries,
                                          size_t count, uint64_t *ret_first, struct err *err);

/* Store the last signed checkpoint, durably, before anybody sees it. Errors as of event_log_append. */
MUST_CHECK enum err_code event_log_store_checkpoint(struct event_log *log, struct bytes note,
                                                    struct err *err);

/* Writer thread. */
MUST_CHECK enum err_code event_log_readers(struct event_log *log, struct readers *ret,
                                           struct err *err);

/* The log as it is now, compacted, durably as the file `path`; any thread (lmdb_copy.h). */
MUST_CHECK enum err_code event_log_copy(struct event_log *log, const char *path, struct err *err);

/* Fraction of the map in use, 0 … 1000; any thread. */
unsigned event_log_fill_permille(const struct event_log *log);

#endif
