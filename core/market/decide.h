/* core/market/decide.h: the rules. (state, command, time) → events, or a refusal. Pure: no clock, no randomness, no I/O.
 *
 * Owner:   events live in the decision's arena; their slices may be borrowed from the command.
 * Errors:  a refusal is an error code with the message "word: sentence" and writes nothing. ERR_INTERNAL is a bug of ours. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_DECIDE_H
#define CORE_MARKET_DECIDE_H

#include "core/base/arena.h"
#include "core/event/codec.h"
#include "core/market/command.h"

#define DECISION_EVENTS_MAX 64 /* also of JOB_REPORTS_MAX */

struct decision {
    struct arena *arena;
    struct event *events[DECISION_EVENTS_MAX];
    size_t count;
};

MUST_CHECK enum err_code market_decide(struct store *state, const struct command *command,
                                       int64_t now, struct decision *ret, struct err *err);

#endif
