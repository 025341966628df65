// SPDX-License-Identifier: Apache-2.0
#include "core/log/damage.h"

#include "core/base/trace.h"

#include <lmdb.h>
#include <stddef.h>

static damage_cb *on_assert;
static _Thread_local uint64_t near_record;

void damage_on_assert(damage_cb *cb)
{
    on_assert = cb;
}

void damage_near(uint64_t sequence)
{
    near_record = sequence;
}

/* LMDB aborts when this comes back. */
static void assert_cb(MDB_env *env, const char *message)
{
    const struct damage_watch *watch = mdb_env_get_userctx(env);
    struct err err = {0};
    if (near_record == 0) {
        (void)err_set(&err, ERR_CORRUPT, "a page of %s is damaged: LMDB, %s", watch->what, message);
    } else {
        (void)err_set(&err, ERR_CORRUPT,
                      "a page of %s is damaged, at or near record %llu: LMDB, %s", watch->what,
                      (unsigned long long)near_record, message);
    }
    trace_err(TRACE_ERROR, "damage.found", &err);
    if (watch->found != NULL) {
        watch->found(watch->ctx);
    }
    if (on_assert != NULL) {
        on_assert(&err);
    }
}

int damage_watch(MDB_env *env, struct damage_watch *watch)
{
    int const rc = mdb_env_set_userctx(env, watch);
    return rc == 0 ? mdb_env_set_assert(env, assert_cb) : rc;
}
