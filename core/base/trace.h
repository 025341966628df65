/* core/base/trace.h: our own diagnostic output, one logfmt line per fact on standard error.
 *
 *     time=2026-11-24T02:55:46.123Z level=info event=log.opened records=1204 folder="/var/lib/tally/log"
 *
 * Thread:  any; a line is written with one write(2), so lines do not mix.
 * Rule:    never a secret: no token, seed, passphrase, private part or environment value. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_TRACE_H
#define CORE_BASE_TRACE_H

#include "core/base/err.h"

enum trace_level { TRACE_DEBUG, TRACE_INFO, TRACE_WARN, TRACE_ERROR };

void trace_level_set(
    enum trace_level level); /* default TRACE_INFO; set once, before threads start */
/* `event` is a dotted name; `format` gives the rest as `key=value` pairs, "" for none. */
void trace(enum trace_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);
/* trace of an error with its code, message and place. */
void trace_err(enum trace_level level, const char *event, const struct err *err);

#endif
