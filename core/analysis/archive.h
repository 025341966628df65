/* core/analysis/archive.h: what lies in an archive, one entry after the other, from memory. Nothing is written, unpacked or opened twice.
 *
 * Reads:   zip and npz by their central directory; tar, plain or behind one of gzip, bzip2, xz, zstd. The name chooses, the content must agree.
 * Refused: entries that would land outside a folder (absolute, `..`), links, devices, encrypted entries; more entries, bytes
 *          or expansion than the limits; archives that are cut short. An archive in an archive is an entry like another.
 * Sampled: a compressed tar ends, for us, after `archive_walk_max` unpacked bytes; the summary says so, and how far that was.
 * Bounds:  time by together_time_max_ms; memory: what `wants` asks for of one entry, a decompressor (xz: what its header asks for, as
 *          far as the walk fills it) and libarchive's list of a zip's entries, which archive_entries_max bounds.
 * Thread:  any.
 * Source:  libarchive 3.6 (archive_read). Only archive.c includes archive.h of it. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_ARCHIVE_H
#define CORE_ANALYSIS_ARCHIVE_H

#include "core/analysis/analysis.h"

#define ARCHIVE_PATH_MAX 1024

struct archive_visitor {
    void *user;
    /* How many of the entry's first bytes the visitor wants to see. */
    size_t (*wants)(void *user, const char *path, uint64_t size);
    /* `path`: UTF-8, relative, without "." and "..". `content`: at most what was wanted, borrowed for the call. */
    enum err_code (*file)(void *user, const char *path, uint64_t size, struct bytes content,
                          struct err *err);
};

struct archive_summary {
    const char *format;  /* "zip", "tar.gz"; static */
    uint64_t files;      /* seen */
    uint64_t bytes;      /* unpacked, of the files seen */
    bool sampled;        /* there is more behind what was looked at */
    uint64_t parts_seen; /* of `parts_all` the part of the archive that was looked at */
    uint64_t parts_all;
};

/* Is it called like an archive? `plain`: base name in lower case. Its format, or NULL. */
const char *archive_format_of(const char *plain);

/* Errors: ERR_INVALID (none, damaged, or an entry that is refused), ERR_TOO_LARGE, ERR_TIMEOUT, ERR_NOMEM, the visitor's. */
MUST_CHECK enum err_code archive_walk(struct bytes content, const char *plain,
                                      const struct analysis_limits *limits,
                                      const struct archive_visitor *visitor,
                                      struct archive_summary *ret, struct err *err);

#endif
