// SPDX-License-Identifier: Apache-2.0
#include "worker/job_log.h"

#include "core/base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char cut_text[] = "\n[output.log ends here: the output is too large]\n";

void job_log_init(struct job_log *log)
{
    *log = (struct job_log){.fd = -1};
}

enum err_code job_log_open(struct job_log *log, const char *path, struct err *err)
{
    int const fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set_errno(err, errno, "create %s", path);
    }
    *log = (struct job_log){.fd = fd};
    buf_init(&log->held, JOB_LOG_HELD);
    return ERR_OK;
}

/* What cannot be written ends the log, not the job. */
static void put(struct job_log *log, struct bytes bytes)
{
    ssize_t const written = bytes.size == 0 ? 0 : write(log->fd, bytes.data, bytes.size);
    if (written != (ssize_t)bytes.size) {
        trace(TRACE_WARN, "job.log_cut", "size=%llu errno=%d", (unsigned long long)log->size,
              errno);
        buf_clear(&log->held);
        (void)close(log->fd);
        log->fd = -1;
    }
}

void job_log_flush(struct job_log *log)
{
    if (log->fd >= 0) {
        put(log, buf_bytes(&log->held));
        buf_clear(&log->held);
    }
}

void job_log_write(struct job_log *log, struct bytes bytes)
{
    if (log->fd < 0 || bytes.size == 0) {
        return;
    }
    bool const cut = log->size + bytes.size > JOB_LOG_MAX;
    if (cut) {
        bytes = bytes_of_text(cut_text);
    }
    if (log->held.size + bytes.size > JOB_LOG_HELD) {
        job_log_flush(log);
    }
    log->size += bytes.size;
    if (bytes.size > JOB_LOG_HELD) {
        put(log, bytes);
    } else if (log->fd >= 0) {
        buf_append_bytes(&log->held, bytes);
    }
    if (cut) {
        trace(TRACE_WARN, "job.log_cut", "size=%llu", (unsigned long long)log->size);
        job_log_close(log);
    }
}

void job_log_close(struct job_log *log)
{
    job_log_flush(log);
    if (log->fd >= 0) {
        (void)close(log->fd);
    }
    log->fd = -1;
    buf_deinit(&log->held);
}
