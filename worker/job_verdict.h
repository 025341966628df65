/* worker/job_verdict.h: how a job ended, in the words of the API.
 *
 *     what happened                          ending           reason             results
 *     exit status 0                          completed        exited_zero        kept
 *     stopped at the paid limit              cap_reached      paid_limit         kept
 *     over its disk limit, and not 0         program_failed   disk_limit         only output.log
 *     the kernel killed for want of memory   program_failed   out_of_memory      only output.log
 *     it said so itself (job_diagnosis.h)    program_failed   module_missing …   only output.log
 *     it met its limit of processes          program_failed   process_limit      only output.log
 *     a signal                               program_failed   killed_by_signal   only output.log
 *     another exit status                    program_failed   exited_nonzero     only output.log
 *     no sandbox; the machine's disk full    host_fault       sandbox_failed     only output.log
 *     its GPU is gone                        host_fault       gpu_lost           only output.log
 *     its Dockerfile asks for more           program_failed   entry_missing      –
 *     what its image is to start is not one  program_failed   entry_missing      only output.log
 *     its image is not on the machine        host_fault       kind_not_runnable  –
 *     the machine runs no such kind          host_fault       kind_not_runnable  –
 *     the input is not what was uploaded     host_fault       input_missing      –
 *     the worker was asked to stop           host_fault       worker_stopped     –
 *
 * The detail is a sentence; for a failed program also what can be done about it and the last lines it wrote, on standard error rather than
 * output.
 * Thread:  loop; pure. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_JOB_VERDICT_H
#define WORKER_JOB_VERDICT_H

#include "core/base/buf.h"
#include "worker/output.h"
#include "worker/program.h"

#define JOB_DETAIL_MAX 1000

struct job_verdict {
    bool decided;
    const char *ending; /* static */
    const char *reason; /* static */
    bool keeps_results;
    struct buf detail; /* valid UTF-8 */
    struct buf tail[STREAM_COUNT];
};

struct job_verdict_facts {
    const struct program_end *end;
    bool out_of_memory;
    bool out_of_processes;
    const char *gpu_lost;  /* NULL, or how the GPU went */
    const char *over_disk; /* NULL, or what it took of the disk and might not */
    bool disk_low;         /* the machine's, and not by this job */
    bool in_container;     /* what is started, and where, is what the job says */
    bool worker_stopping;
};

void job_verdict_init(struct job_verdict *verdict);
void job_verdict_deinit(struct job_verdict *verdict);
/* A line the program wrote, to be remembered for the detail. */
void job_verdict_line(struct job_verdict *verdict, enum worker_stream stream, struct bytes line);
void job_verdict_host_fault(struct job_verdict *verdict, const char *reason, const char *detail);
/* Of a file that was not made ready to start: ERR_INVALID is its own fault. */
void job_verdict_unready(struct job_verdict *verdict, enum err_code code, const char *detail);
void job_verdict_decide(struct job_verdict *verdict, const struct job_verdict_facts *facts);
/* Mention result files that were not stored. */
void job_verdict_left_out(struct job_verdict *verdict, size_t count);
/* The body of POST …/end. */
void job_verdict_body(const struct job_verdict *verdict, uint64_t used_ms,
                      const struct sandbox_end *end, struct buf *ret);

#endif
