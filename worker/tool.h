/* worker/tool.h: another program of the machine, started, waited for, its standard output taken.
 *
 * Rules:   the path is the whole path; PATH is the only variable; nothing on standard input, standard error is thrown away.
 * Thread:  any; waits, at most `timeout_ms`, then kills it. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_TOOL_H
#define WORKER_TOOL_H

#include "core/base/buf.h"
#include "core/base/err.h"

#define TOOL_ARGUMENTS_MAX 8

/* What it wrote, and its exit status (-1: it did not end in time or was killed). ERR_NOT_FOUND: there is no such program. */
MUST_CHECK enum err_code tool_run(const char *program, const char *const *arguments,
                                  int64_t timeout_ms, struct buf *ret, int *ret_status,
                                  struct err *err);

#endif
