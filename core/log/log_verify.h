/* core/log/log_verify.h: recompute everything a log claims.
 *
 * Checks:  no hole in the sequence; every record in canonical form (core/event/codec.h); every private part against its
 *          digest, and none that no record names; every full tile; the frontier; the checkpoint's signature, and its root
 *          against the records of its size; the root in every checkpoint.anchored likewise (not whether the chain has it).
 *          Also LMDB's list of free pages: what it names is in the file and named once. What lies in a free page is
 *          nobody's, and not looked at.
 * Errors:  ERR_CORRUPT with the first thing that does not hold. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LOG_LOG_VERIFY_H
#define CORE_LOG_LOG_VERIFY_H

#include "core/crypto/note.h"
#include "core/event/catalogue.h"
#include "core/log/event_log.h"

struct log_anchor {
    uint64_t sequence; /* of the event */
    struct ev_checkpoint_anchored anchored;
};

struct log_verify_options {
    unsigned threads; /* 0: as many as there are processors */
    void (*progress)(void *ctx, uint64_t done, uint64_t size); /* may be NULL */
    /* For each anchor whose root holds, in the order of the log; may be NULL. */
    enum err_code (*anchor)(void *ctx, const struct log_anchor *anchor, struct err *err);
    void *ctx;
};

struct log_verify_result {
    uint64_t size;
    struct key32 root;
    uint64_t private_parts; /* checked against their digest */
    uint64_t erased;        /* digest in the record, part gone */
    uint64_t anchors;       /* their roots hold */
    bool has_checkpoint;
    struct checkpoint checkpoint;
    char origin[NOTE_NAME_MAX];
};

MUST_CHECK enum err_code log_verify(struct event_log *log, const struct log_verify_options *options,
                                    struct log_verify_result *ret, struct err *err);

/* "<name>/<log id>/<generation>" from record 1 (and a later ledger.restored, if `generation` is not 0). */
MUST_CHECK enum err_code log_origin(const struct ev_ledger_opened *opened, uint64_t generation,
                                    char ret[NOTE_NAME_MAX], struct err *err);

#endif
