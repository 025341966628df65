/* worker/job_kept.h: what must be known of a job when the worker is killed and started again: where its reports are, and how it ended.
 *
 * Shape:   plain numbers and texts, written to the job's spool as they lie in memory.
 * Thread:  loop. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_JOB_KEPT_H
#define WORKER_JOB_KEPT_H

#include "core/base/job_rules.h"
#include "worker/job_protocol.h"
#include "worker/job_verdict.h"
#include "worker/measure.h"
#include "worker/scratch.h"
#include "worker/server.h"
#include "worker/spool.h"

#define JOB_KEPT_FORMAT 2 /* raised with every change of struct job_kept_facts */
#define JOB_KEPT_WORD_SIZE 32
#define JOB_KEPT_DETAIL_SIZE 8192

struct job_kept_facts {
    uint64_t batch_max;
    uint64_t heartbeat_ms;
    uint64_t lease_ms;
    char results[JOB_RESULT_NAME_MAX + 8]; /* where they are in the job's folder */

    uint64_t used_ms; /* the meter, as it was told last */
    uint64_t permille;
    char operation[JOB_OPERATION_MAX + 1];

    uint64_t sample_count; /* oldest first */
    uint64_t
        samples_sent; /* of the first, in a request with this key, whose answer is not there yet; 0: none */
    char samples_key[SERVER_KEY_SIZE];
    struct report_sample samples[JOB_SAMPLES_MAX];

    uint64_t has_ended; /* the program; the rest is zero before */
    uint64_t keeps_results;
    int64_t exit_status;
    int64_t signal;
    char ending[JOB_KEPT_WORD_SIZE];
    char reason[JOB_KEPT_WORD_SIZE];
    char detail[JOB_KEPT_DETAIL_SIZE];
    uint64_t output_stored;   /* output.log is with the server */
    uint64_t results_stored;  /* of the sorted list, so many are done with */
    uint64_t results_refused; /* of these */
};

struct job_kept {
    struct job_kept_facts facts;
    struct spool *spool; /* NULL: not kept */
};

struct job_order;

/* In `folder`. Errors: as spool_create and spool_open. */
MUST_CHECK enum err_code job_kept_create(const char *folder, const struct job_order *order,
                                         uint64_t output_max, struct job_kept *ret,
                                         struct err *err);
/* As an earlier worker left it; `scratch` is told where the results are. */
MUST_CHECK enum err_code job_kept_open(struct scratch *scratch, struct job_kept *ret,
                                       struct err *err);
void job_kept_close(struct job_kept *kept);
void job_kept_save(struct job_kept *kept);

void job_kept_end(struct job_kept *kept, const struct job_verdict *verdict,
                  const struct program_end *end);
/* The end as it was kept. False: the program had not ended. The verdict's words are those of `kept`. */
bool job_kept_verdict(const struct job_kept *kept, struct job_verdict *verdict,
                      struct program_end *ret_end);

#endif
