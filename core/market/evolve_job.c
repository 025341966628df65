// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/market/evolve_internal.h"
#include "core/market/observed.h"

#include <string.h>

void put_job(struct store *state, struct id16 id, const struct job_row *row)
{
    store_put(state, &STATE_JOBS, id_key(&id), bytes_of(row, sizeof *row));
}

static void deadline_key(struct id16 job_id, int64_t at, uint8_t ret[24])
{
    put_be64(ret, (uint64_t)at);
    memcpy(ret + 8, job_id.b, 16);
}

/* Move the job's row in DEADLINES; 0: it has none. */
static void set_deadline(struct store *state, struct id16 job_id, struct job_row *job, int64_t at)
{
    uint8_t key[24];
    if (job->deadline_at == at) {
        return;
    }
    if (job->deadline_at != 0) {
        deadline_key(job_id, job->deadline_at, key);
        store_delete(state, &STATE_DEADLINES, bytes_of(key, sizeof key));
    }
    job->deadline_at = at;
    if (at != 0) {
        deadline_key(job_id, at, key);
        store_put(state, &STATE_DEADLINES, bytes_of(key, sizeof key), bytes_of("", 0));
    }
}

static void queue_key(const struct job_row *job, uint8_t ret[24])
{
    memcpy(ret, job->provider_id.b, 16);
    put_be64(ret + 16, job->created_sequence); /* first come, first served, also after a release */
}

static void enqueue(struct store *state, struct id16 job_id, struct job_row *job)
{
    uint8_t key[24];
    struct ledger_row ledger;
    queue_key(job, key);
    store_put(state, &STATE_QUEUE, bytes_of(key, sizeof key), id_key(&job_id));
    job->status = JOB_QUEUED;
    if (state_ledger(state, &ledger)) {
        set_deadline(state, job_id, job, job->queued_at + (int64_t)ledger.queue_max_s * NS_PER_S);
    }
}

static void dequeue(struct store *state, const struct job_row *job)
{
    uint8_t key[24];
    queue_key(job, key);
    store_delete(state, &STATE_QUEUE, bytes_of(key, sizeof key));
}

void evolve_job_funded(struct store *state, struct id16 job_id, int64_t now)
{
    struct job_row job;
    if (!state_job(state, job_id, &job)) {
        evolve_missing(state, "job");
        return;
    }
    job.queued_at = now;
    enqueue(state, job_id, &job);
    put_job(state, job_id, &job);
}

static void set_host_job(struct store *state, struct id16 host_id, struct id16 job_id)
{
    struct host_row host;
    if (!state_host(state, host_id, &host)) {
        evolve_missing(state, "host");
        return;
    }
    host.job_id = job_id;
    put_host(state, host_id, &host);
}

static void create(struct store *state, uint64_t sequence, const struct event *event)
{
    const struct ev_job_created *created = &event->u.job_created;
    struct job_row job;
    struct quote_row quote;
    struct account_row account;
    memset(&job, 0, sizeof job);
    job.account_id = created->account_id;
    job.provider_id = created->provider_id;
    job.host_id = created->host_id;
    job.upload_id = created->upload_id;
    job.offer_id = created->offer_id;
    job.quote_id = created->quote_id;
    job.escrow_id = created->escrow_id;
    job.rate = created->rate;
    job.cap = created->cap;
    job.limit_ms = created->limit_ms;
    job.other_work = created->other_work ? 1 : 0;
    job.status = JOB_AWAITING_LOCK;
    job.next_line = 1;
    job.created_sequence = sequence;
    job.item = created->item;
    job.network = created->wants_network ? 1 : 0;
    bool const is_quoted = state_quote(state, created->quote_id, &quote);
    job.packages = is_quoted ? quote.packages : 0;
    put_job(state, event->stream_id, &job);
    if (!is_quoted) {
        evolve_missing(state, "quote");
        return;
    }
    quote.job_id = event->stream_id;
    store_put(state, &STATE_QUOTES, id_key(&created->quote_id), bytes_of(&quote, sizeof quote));
    if (!state_account(state, created->account_id, &account)) {
        evolve_missing(state, "account");
        return;
    }
    account.job_created_at = event->time;
    store_put(state, &STATE_ACCOUNTS, id_key(&created->account_id),
              bytes_of(&account, sizeof account));
}

/* A report renews the lease, of the job and of the machine. The row in DEADLINES moves only when it would come due within half a
 * lease: it says when to look at a job, not later than its deadline, and the sweeper judges by the job itself. */
static void reported(struct store *state, const struct event *event, struct job_row *job)
{
    struct ledger_row ledger;
    struct host_row host;
    job->last_report_at = event->time;
    if (state_ledger(state, &ledger)) {
        int64_t lease = (int64_t)ledger.lease_s * NS_PER_S;
        int64_t lost = event->time + lease;
        int64_t over = job->started_at + (int64_t)job->limit_ms * NS_PER_MS + 2 * lease;
        int64_t due = lost < over ? lost : over;
        if (due < job->deadline_at || job->deadline_at < event->time + lease / 2) {
            set_deadline(state, event->stream_id, job, due);
        }
    }
    if (state_host(state, job->host_id, &host)) {
        host.last_report_at = event->time;
        put_host(state, job->host_id, &host);
    }
}

/* Only of what the program itself took, doing what was quoted: not of jobs that failed, were cancelled or lost, nor of one that was started with other
 * settings. */
static void learn(struct store *state, const struct job_row *job, const struct ev_job_end *ended)
{
    struct quote_row quote;
    if (job->other_work == 0 && ended->used_ms > 0 && state_quote(state, job->quote_id, &quote) &&
        quote.untaught_ms > 0 && observed_time_is_known(job, &quote, ended->ending)) {
        observed_add(state, quote.job_type, quote.gpu_model, quote.untaught_ms, ended->used_ms);
    }
}

static void end(struct store *state, uint64_t sequence, const struct event *event,
                struct job_row *job)
{
    struct account_row account;
    if (job->status == JOB_QUEUED) {
        dequeue(state, job);
    }
    if (job->status == JOB_ASSIGNED || job->status == JOB_RUNNING) {
        set_host_job(state, job->host_id, (struct id16){0});
    }
    if (state_account(state, job->account_id, &account)) {
        account.jobs_started += job->started_at != 0 ? 1 : 0;
        account.jobs_refunded += event->u.job_completed.ending == ENDING_PROGRAM_FAILED ? 1 : 0;
        store_put(state, &STATE_ACCOUNTS, id_key(&job->account_id),
                  bytes_of(&account, sizeof account));
    }
    learn(state, job, &event->u.job_completed);
    set_deadline(state, event->stream_id, job, 0);
    job->status = JOB_ENDED;
    job->ending = event->u.job_completed.ending;
    job->end_sequence = sequence;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void evolve_job(struct store *state, uint64_t sequence, const struct event *event)
{
    struct job_row job;
    if (event->type->number == EVENT_JOB_CREATED) {
        create(state, sequence, event);
        return;
    }
    if (!state_job(state, event->stream_id, &job)) {
        evolve_missing(state, "job");
        return;
    }
    switch (event->type->number) {
    case EVENT_JOB_ASSIGNED:
        dequeue(state, &job);
        job.status = JOB_ASSIGNED;
        job.host_id = event->u.job_assigned.host_id;
        job.attempt = event->u.job_assigned.attempt;
        job.start_by = event->u.job_assigned.start_by;
        set_host_job(state, job.host_id, event->stream_id);
        set_deadline(state, event->stream_id, &job, job.start_by);
        break;
    case EVENT_JOB_RELEASED:
        set_host_job(state, job.host_id, (struct id16){0});
        enqueue(state, event->stream_id, &job);
        break;
    case EVENT_JOB_STARTED:
        job.status = JOB_RUNNING;
        job.started_at = event->time;
        reported(state, event, &job);
        break;
    case EVENT_JOB_PROGRESSED:
        job.permille = event->u.job_progressed.permille;
        job.reported_ms = max_u64(job.reported_ms, event->u.job_progressed.used_ms);
        reported(state, event, &job);
        break;
    case EVENT_JOB_OUTPUT:
        job.output_size += event->u.job_output.size;
        job.next_line += event->u.job_output.lines;
        job.quota_reached |= event->u.job_output.quota_reached ? 1 : 0;
        reported(state, event, &job);
        break;
    case EVENT_METRIC_SAMPLED:
        reported(state, event, &job);
        break;
    case EVENT_RESULT_STORED:
        job.results++;
        reported(state, event, &job);
        break;
    case EVENT_JOB_COMPLETED:
    case EVENT_JOB_FAILED:
    case EVENT_JOB_CANCELLED:
        end(state, sequence, event, &job);
        break;
    case EVENT_JOB_RATED:
        job.rated = event->u.job_rated.stars;
        break;
    default:
        break;
    }
    put_job(state, event->stream_id, &job);
}
