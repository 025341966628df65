/* Output and measurements of a job that runs: what is taken of them, alone and several at once. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/naive_ledger.h"

bool naive_output(const struct naive_ledger *n, struct naive_job *job,
                  const struct ev_job_output *o)
{
    if (o->text.size == 0 || o->text.size > n->terms.batch_max || o->source == 0 ||
        o->first_line != job->next_line || job->quota_reached) {
        return false;
    }
    if (job->output_size + o->text.size > n->terms.output_max) {
        job->quota_reached = true;
        return true;
    }
    job->output_size += o->text.size;
    for (size_t i = 0; i < o->text.size; i++) { /* a line ends with \n or the text */
        job->next_line += o->text.data[i] == '\n' || i + 1 == o->text.size ? 1 : 0;
    }
    return true;
}

/* One after the other; if one cannot be, it is as if none had been sent. Output behind that which reached the quota counts as said. */
bool naive_reports(const struct naive_ledger *n, struct naive_job *job,
                   const struct command_reports *c)
{
    struct naive_job const before = *job;
    const struct command_report *each = c->reports.items;
    bool good = c->reports.count >= 1 && c->reports.count <= 64;
    for (size_t i = 0; good && i < c->reports.count; i++) {
        if (!each[i].is_output) {
            good = each[i].metrics.samples.count >= 1 && each[i].metrics.samples.count <= 64;
        } else if (before.quota_reached || !job->quota_reached) {
            good = naive_output(n, job, &each[i].output);
        }
    }
    if (!good) {
        *job = before;
    }
    return good;
}
