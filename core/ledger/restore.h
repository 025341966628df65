/* core/ledger/restore.h: the way out for a log that is not the one its checkpoint copy was signed for.
 *
 *     copy kept aside ─▶ ledger.restored (generation above every one that signed) ─▶ checkpoint of the new generation, over the copy
 *
 * Shape:   a ledger opened with `no_writer`. Looking changes nothing. Each of the three steps is durable before the next, and a ledger between them
 *          opens read-only, so that it can be restored again; what was done is not done twice.
 * Kept:    the copy that says what was lost, as "<copy>.generation-<n>", never written over.
 * Thread:  one.
 * Errors:  ERR_CONFLICT: there is nothing to restore, or the place of the kept copy is taken; ERR_NOT_FOUND: there is no copy;
 *          ERR_CORRUPT: it cannot be read. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LEDGER_RESTORE_H
#define CORE_LEDGER_RESTORE_H

#include "core/ledger/ledger.h"

#include <limits.h>

enum restore_finding {
    RESTORE_BEHIND = 1, /* the log has fewer records than were signed */
    RESTORE_OTHER,      /* as many, but not those that were signed */
    RESTORE_UNFINISHED, /* ledger.restored is there, the new generation has not signed yet */
    RESTORE_NOTHING,    /* the log is what was signed, or has gone on from it */
};

struct restore_report {
    enum restore_finding finding;
    uint64_t size; /* of the log */
    struct key32 root;
    uint64_t generation;
    uint64_t copy_generation;
    struct checkpoint copy;   /* last signed, outside the data directory */
    uint64_t next_generation; /* that it becomes, or has become already */
    char kept[PATH_MAX];      /* where the copy is kept */
};

MUST_CHECK enum err_code restore_look(struct ledger *ledger, struct restore_report *ret,
                                      struct err *err);
/* ERR_CONFLICT for RESTORE_NOTHING. Afterwards the ledger is to be closed; the next one that is opened takes commands. */
MUST_CHECK enum err_code restore_run(struct ledger *ledger, struct restore_report *ret,
                                     struct err *err);

#endif
