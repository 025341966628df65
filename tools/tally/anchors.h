/* tools/tally/anchors.h: the anchors of a log whose roots hold, and whether the chain has them.
 *
 * Checks:  each transaction is on the chain under its id, signed by its source, in its tick, and is an anchor as docs/record-format.md has it (to
 *          itself, 0 QUBIC, this log's id, this root); all come from as few identities as the log has named keys.
 * Not:     whether the chain has other anchors of this log. The identity is shown, so that its list can be looked at.
 * Limits:  16 identities.
 * Errors:  ERR_CORRUPT with the record whose anchor is wrong; ERR_UNAVAILABLE and others if the chain cannot be asked, or has not come so far. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_ANCHORS_H
#define TOOLS_TALLY_ANCHORS_H

#include "core/log/log_verify.h"

struct known_anchor {
    struct log_anchor said;
    uint64_t keys; /* that the log has named before it */
};

struct anchors {
    struct known_anchor *list;
    size_t count;
    size_t capacity;
};

#define ANCHOR_IDENTITIES_MAX 16

struct anchors_found { /* plain data */
    uint64_t on_chain;
    size_t identity_count;
    struct key32 identities[ANCHOR_IDENTITIES_MAX]; /* that anchored, oldest first */
};

/* For log_verify_options; `ctx` is a struct anchors. */
enum err_code anchors_take(struct anchors *anchors, const struct log_anchor *anchor,
                           struct err *err);
void anchors_deinit(struct anchors *anchors);

MUST_CHECK enum err_code anchors_ask_chain(struct anchors *anchors, struct event_log *log,
                                           const char *query_url, bool quiet,
                                           struct anchors_found *ret, struct err *err);

#endif
