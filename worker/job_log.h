/* worker/job_log.h: output.log, everything the program wrote in the order it was read, byte for byte, line by line.
 *
 * Pace:    written when JOB_LOG_HELD bytes are there, when it is flushed, and when it is closed: a line at a time would be a call of the kernel
 *          for each.
 * Rules:   at most JOB_LOG_MAX bytes, then one line says so. A full disk ends it too; the job goes on.
 * Thread:  loop (small writes to the page cache). */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_JOB_LOG_H
#define WORKER_JOB_LOG_H

#include "core/base/buf.h"
#include "core/base/err.h"

#define JOB_LOG_HELD ((size_t)65536)
#define JOB_LOG_MAX (UINT64_C(256) << 20)

struct job_log {
    int fd;        /* -1: closed, or given up */
    uint64_t size; /* held bytes too */
    struct buf held;
};

void job_log_init(struct job_log *log);
MUST_CHECK enum err_code job_log_open(struct job_log *log, const char *path, struct err *err);
void job_log_write(struct job_log *log, struct bytes bytes);
void job_log_flush(struct job_log *log);
void job_log_close(struct job_log *log);

#endif
