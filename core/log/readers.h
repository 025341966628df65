/* core/log/readers.h: who holds a snapshot of an environment, of all processes.
 *
 * A snapshot keeps the pages freed since it was opened from being used again. Its holder may be killed (tally verify beside the server, say): LMDB keeps
 * its place until somebody looks, and the map fills up meanwhile.
 * Thread:  any, one at a time. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LOG_READERS_H
#define CORE_LOG_READERS_H

#include "core/base/err.h"

#include <stdint.h>

struct readers {
    unsigned count; /* snapshots that are open now */
    uint64_t
        lag; /* commits since the oldest of them was opened; 0: there is none, or it is of the last one */
    unsigned cleared; /* places of dead processes that were given free */
};

struct MDB_env;

/* Give free the places of dead processes, then count. */
MUST_CHECK enum err_code readers_look(struct MDB_env *env, struct readers *ret, struct err *err);

#endif
