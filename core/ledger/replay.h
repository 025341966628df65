/* core/ledger/replay.h: the log into views, by the ledger when it opens, and by tools that want to compare.
 *
 * Shape:   views hold the write model's tables (core/market) and those of the projections handed in. Replay applies every
 *          record from the views' position on, in transactions of bounded size, each with the position it ends at.
 * Thread:  the one that writes the views.
 * Errors:  ERR_CORRUPT for a record that cannot be read, with its sequence; what a projection found wrong. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LEDGER_REPLAY_H
#define CORE_LEDGER_REPLAY_H

#include "core/ledger/projection.h"
#include "core/log/event_log.h"
#include "core/log/views.h"

struct projection_list {
    const struct projection *const *items;
    size_t count;
};

/* `options` without tables: the list says them. */
MUST_CHECK enum err_code replay_open_views(const struct views_options *options,
                                           const struct projection_list *projections,
                                           struct views **ret, struct err *err);

struct replay {
    struct event_log *log;
    struct views *views;
    struct projection_list projections;
    struct id16 log_id;
    uint64_t to; /* last record to apply, at most the log's size */
    void (*progress)(void *ctx, uint64_t done, uint64_t to); /* may be NULL */
    void *ctx;
};

/* One event: write model first, then every projection. */
void replay_apply(const struct projection_list *projections, struct store *store, uint64_t sequence,
                  const struct event *event);
/* Apply records from + 1 … to. */
MUST_CHECK enum err_code replay_run(const struct replay *replay, uint64_t from, struct err *err);
/* Root of the log's first `size` records. */
MUST_CHECK enum err_code replay_root_at(struct event_log *log, uint64_t size, struct key32 *ret,
                                        struct err *err);

#endif
