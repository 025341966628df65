/* core/log/damage.h: damaged pages of an LMDB environment, told before the process ends of them.
 *
 * LMDB's pages carry no checksum. One that is not what it must be shows as MDB_CORRUPTED, or in an assertion of LMDB, after which nothing can be done with
 * the environment: the process ends, but not without a word.
 *
 * Thread:  damage_on_assert before there are others; the rest on any. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LOG_DAMAGE_H
#define CORE_LOG_DAMAGE_H

#include "core/base/err.h"

#include <stdint.h>

/* ERR_CORRUPT, with what was read and the record that was read last on this thread. */
typedef void damage_cb(const struct err *err);
/* Called after the trace, before the process is aborted; it may end it in another way. For tools. */
void damage_on_assert(damage_cb *cb);

struct MDB_env;

struct damage_watch {
    const char *what; /* "the log" */
    void (*found)(
        void *ctx); /* whatever must be on the disk before the process ends; may be NULL */
    void *ctx;
};
/* `watch` lives as long as the environment. LMDB's code. */
int damage_watch(struct MDB_env *env, struct damage_watch *watch);
/* This thread reads this record now. */
void damage_near(uint64_t sequence);

#endif
