// SPDX-License-Identifier: Apache-2.0
#include "core/log/readers.h"

#include "core/base/text.h"
#include "core/log/lmdb_err.h"

#include <errno.h>
#include <lmdb.h>
#include <string.h>

struct listing {
    unsigned count;
    uint64_t oldest;
};

/* LMDB tells of its readers only as text: "pid thread transaction", a line each, under a headline; "-" for a place that is kept without a snapshot. */
static int line_cb(const char *line, void *ctx)
{
    struct listing *listing = ctx;
    uint64_t transaction = 0;
    size_t size = strcspn(line, "\n");
    size_t begin = size;
    while (begin > 0 && line[begin - 1] != ' ') {
        begin--;
    }
    if (u64_parse(bytes_of(line + begin, size - begin), &transaction, NULL) != ERR_OK) {
        return 0;
    }
    listing->oldest =
        listing->count == 0 || transaction < listing->oldest ? transaction : listing->oldest;
    listing->count++;
    return 0;
}

enum err_code readers_look(MDB_env *env, struct readers *ret, struct err *err)
{
    struct listing listing = {0};
    MDB_envinfo info;
    int cleared = 0;
    int rc = mdb_reader_check(env, &cleared);
    if (rc == 0 && mdb_reader_list(env, line_cb, &listing) < 0) {
        rc = EINVAL;
    }
    if (rc == 0) { /* after the list: no reader is newer than this */
        rc = mdb_env_info(env, &info);
    }
    if (rc != 0) {
        return err_from_mdb(err, rc, "look at the readers");
    }
    *ret = (struct readers){
        .count = listing.count,
        .lag = listing.count > 0 && info.me_last_txnid > listing.oldest
                   ? info.me_last_txnid - listing.oldest
                   : 0,
        .cleared = (unsigned)cleared,
    };
    return ERR_OK;
}
