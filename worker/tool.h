/* worker/tool.h: another program of the machine, started, waited for, its standard output taken, or given to somebody else.
 *
 * Rules:   the path is the whole path; PATH is the only variable; nothing on standard input, standard error is thrown away.
 * Thread:  any; waits, at most `timeout_ms`, then kills it: what it started itself lives on. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_TOOL_H
#define WORKER_TOOL_H

#include "core/base/buf.h"
#include "core/base/err.h"

#include <sys/types.h>

#define TOOL_ARGUMENTS_MAX 8

/* What it wrote, and its exit status (-1: it did not end in time or was killed). ERR_NOT_FOUND: there is no such program. */
MUST_CHECK enum err_code tool_run(const char *program, const char *const *arguments,
                                  int64_t timeout_ms, struct buf *ret, int *ret_status,
                                  struct err *err);

struct tool {
    pid_t pid;
    int pid_fd;
    int fd; /* the reading end of its standard output */
};

/* To be ended in any case but an error; ERR_NOT_FOUND as above. */
MUST_CHECK enum err_code tool_start(const char *program, const char *const *arguments,
                                    struct tool *ret, struct err *err);
/* Its exit status as above; whoever else has its output keeps it. */
int tool_end(struct tool *tool, int64_t timeout_ms);

#endif
