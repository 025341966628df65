/* worker/job_disk.h: how much of the machine's disk a job has, looked at again and again while it runs and once when it is over.
 *
 *     watching ──over its limit, or the disk is nearly full──▶ on_stop ─┐
 *        └───────────────── job_disk_finish, when the program is over ◀─┘ ──(pool)──▶ on_end
 *
 * Judged:  by what is there when every process of the job is gone. Files that had no name any more come back then, so what became free
 *          between the stop and the end is the job's as well. Only a job within its limit can be a victim of a full disk.
 * Limit:   at most what is free above the reserve at its start: a job within its limit does not fill the disk.
 * Gap:     between two looks (0.2 s, more when a look takes long) a program can take what it gets. There are no quotas without a file system's help.
 * Owner:   job_disk_close frees it, later when the pool still looks. No callback follows.
 * Thread:  loop; it looks on the pool. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_JOB_DISK_H
#define WORKER_JOB_DISK_H

#include "worker/scratch.h"

#include <uv.h>

#define JOB_DISK_RESERVE (UINT64_C(256) << 20) /* bytes that stay free for the machine */
#define JOB_DISK_MIN (UINT64_C(16) << 20)      /* less than this is no room for a job */
#define JOB_DISK_INODES_MAX 200000
#define JOB_DISK_SENTENCE_SIZE 160

struct job_disk_limit {
    uint64_t bytes;
    uint64_t inodes;
};

/* What the looks found. Plain data, so that the judgement can be tested without a full disk. */
struct job_disk_facts {
    struct job_disk_limit limit;
    bool stopped; /* by on_stop */
    struct scratch_usage at_stop;
    uint64_t free_at_stop; /* bytes */
    struct scratch_usage at_end;
    uint64_t free_at_end;
};

struct job_disk_verdict {
    char over
        [JOB_DISK_SENTENCE_SIZE]; /* "" if it kept to its limit; or what it took, for a person */
    bool is_low;                  /* the machine's disk was nearly full, and not by this job */
};

struct job_disk_options {
    uv_loop_t *loop;
    const char *folder; /* all of the job's; copied */
    struct job_disk_limit limit;
    void (*on_stop)(void *ctx); /* end the program, now; once */
    void (*on_end)(void *ctx, const struct job_disk_verdict *verdict);
    void *ctx;
};

struct job_disk;

/* What a job may have here: at most `bytes_max`, and what is free above the reserve. ERR_FULL: there is no room for a job. */
MUST_CHECK enum err_code job_disk_limit(const char *folder, uint64_t bytes_max,
                                        struct job_disk_limit *ret, struct err *err);
MUST_CHECK enum err_code job_disk_start(const struct job_disk_options *options,
                                        struct job_disk **ret_disk, struct err *err);
/* The program is over: on_end follows. */
void job_disk_finish(struct job_disk *disk);
void job_disk_close(struct job_disk *disk); /* accepts NULL */

/* Pure. */
void job_disk_judge(const struct job_disk_facts *facts, struct job_disk_verdict *ret);

#endif
