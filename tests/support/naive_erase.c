/* When what is private of an upload or a job may go: when its owner, or the operator, wants it, nothing of it goes on any more, and nobody waits for
 * money of it. Until then its files are counted for its owner: each upload, and each result of its jobs. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/naive_ledger.h"

uint64_t naive_bytes_of(const struct naive_ledger *n, struct id16 account_id)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < n->upload_count; i++) {
        bool counts = !n->uploads[i].erased && id_equal(n->uploads[i].account_id, account_id);
        bytes += counts ? n->uploads[i].size : 0;
    }
    for (size_t i = 0; i < n->job_count; i++) {
        bool counts = !n->jobs[i].erased && id_equal(n->jobs[i].account_id, account_id);
        bytes += counts ? n->jobs[i].results_size : 0;
    }
    return bytes;
}

bool naive_is_full(const struct naive_ledger *n, struct id16 account_id, uint64_t more,
                   uint64_t max)
{
    uint64_t const held = naive_bytes_of(n, account_id);
    return max != 0 && (held >= max || held + more > max);
}

static bool may(const struct command *c, struct id16 account_id)
{
    return c->actor_kind == ACTOR_OPERATOR || c->actor_kind == ACTOR_LEDGER ||
           (c->actor_kind == ACTOR_ACCOUNT && id_equal(c->actor_id, account_id));
}

static bool erase_upload(struct naive_ledger *n, const struct command *c)
{
    struct naive_upload *upload = NULL;
    for (size_t i = 0; i < n->upload_count; i++) {
        upload = id_equal(n->uploads[i].id, c->u.erase.id) ? &n->uploads[i] : upload;
    }
    if (upload == NULL || upload->erased || c->u.erase.changes != upload->changes ||
        !may(c, upload->account_id)) {
        return false;
    }
    for (size_t i = 0; i < n->job_count; i++) {
        const struct naive_quote *quote = &n->quotes[n->jobs[i].quote];
        if (id_equal(quote->upload_id, upload->id) && n->jobs[i].status != JOB_ENDED) {
            return false;
        }
    }
    upload->erased = c->u.erase.is_last;
    return true;
}

static bool erase_job(struct naive_ledger *n, const struct command *c)
{
    for (size_t i = 0; i < n->job_count; i++) {
        struct naive_job *job = &n->jobs[i];
        if (!id_equal(job->id, c->u.erase.id)) {
            continue;
        }
        bool is_open = job->escrow_status != ESCROW_SETTLED && job->escrow_status != ESCROW_CLOSED;
        for (size_t k = 0; k < n->leg_count; k++) {
            is_open |= n->legs[k].job == i && n->legs[k].status != LEG_CONFIRMED;
        }
        if (job->erased || c->u.erase.changes != (job->stars != 0 ? 1 : 0) ||
            job->status != JOB_ENDED || is_open || !may(c, job->account_id)) {
            return false;
        }
        job->erased = c->u.erase.is_last;
        return true;
    }
    return false;
}

bool naive_erase(struct naive_ledger *n, const struct command *c)
{
    return c->type == COMMAND_UPLOAD_ERASE ? erase_upload(n, c) : erase_job(n, c);
}
