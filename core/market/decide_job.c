/* What consumers do with jobs, how a job ends, and the sweeper that ends what nobody else does. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/base/time.h"
#include "core/market/billing.h"
#include "core/market/decide_internal.h"
#include "core/market/terms.h"

#include <string.h>

#define SWEEP_JOBS_MAX 16
#define START_ATTEMPTS_MAX 3

static enum err_code check_quote(struct deciding *d, struct quote_row *ret)
{
    const struct command_job_create *c = &d->command->u.job_create;
    struct offer_row offer;
    if (!state_quote(d->state, c->quote_id, ret) || !decide_by_account(d, ret->account_id)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_quote", "you have no such quote");
    }
    if (!id_is_zero(ret->job_id)) {
        return refuse(d, ERR_CONFLICT, "quote_used", "this quote has its job already");
    }
    if (d->now >= ret->expires_at) {
        return refuse(d, ERR_CONFLICT, "quote_expired",
                      "this quote has expired; ask for a new one");
    }
    if (!state_offer(d->state, ret->offer_id, &offer) || offer.withdrawn != 0) {
        return refuse(d, ERR_CONFLICT, "offer_withdrawn",
                      "the offer was withdrawn; choose another");
    }
    enum err_code const code = decide_network(d, c->network, &offer);
    return code != ERR_OK ? code : decide_item(d, c->item, ret->offer_id);
}

static enum err_code check_new_ids(struct deciding *d)
{
    const struct command_job_create *c = &d->command->u.job_create;
    if (store_has(d->state, &STATE_JOBS, id_key(&c->job_id)) ||
        store_has(d->state, &STATE_ESCROWS, id_key(&c->escrow_id))) {
        return refuse(d, ERR_CONFLICT, "job_exists", "this job or escrow was created before");
    }
    return ERR_OK;
}

static enum err_code check_escrow_keys(struct deciding *d)
{
    const struct command_job_create *c = &d->command->u.job_create;
    struct id16 other;
    if (d->ledger.settlement_key_id == 0 || c->key_id != d->ledger.settlement_key_id ||
        key_is_zero(c->escrow_identity)) {
        return refuse(d, ERR_UNAVAILABLE, "settlement_off",
                      "settlement has no key loaded; nothing can be locked now");
    }
    if (c->requested_tick == 0 || c->last_tick <= c->requested_tick) {
        return refuse(d, ERR_UNAVAILABLE, "chain_unknown",
                      "the chain does not answer; nothing can be locked now");
    }
    if (state_escrow_by_identity(d->state, c->escrow_identity, &other)) {
        return refuse(d, ERR_INTERNAL, "escrow_identity_used", "an escrow identity came twice");
    }
    return ERR_OK;
}

static enum err_code check_refunds(struct deciding *d, const struct account_row *consumer)
{
    int64_t const wait = consumer->job_created_at + REFUNDED_WAIT_S * NS_PER_S - d->now;
    int64_t const wait_s = (wait + NS_PER_S - 1) / NS_PER_S;
    if (consumer->jobs_refunded < REFUNDS_TOLERATED ||
        consumer->jobs_refunded * 1000 <= consumer->jobs_started * REFUNDS_PERMILLE || wait <= 0) {
        return ERR_OK;
    }
    enum err_code code = refuse(
        d, ERR_BUSY, "too_many_refunds",
        "%llu of your %llu started jobs failed and were refunded: while these are more than %d "
        "permille, one job in %d minutes; the next in %lld s",
        (unsigned long long)consumer->jobs_refunded, (unsigned long long)consumer->jobs_started,
        REFUNDS_PERMILLE, REFUNDED_WAIT_S / 60, (long long)wait_s);
    if (d->err != NULL) {
        d->err->retry_after_s = (unsigned)wait_s;
    }
    return code;
}

static enum err_code check_unpaid(struct deciding *d, const struct account_row *consumer)
{
    return consumer->jobs_unpaid < JOBS_UNPAID_MAX
               ? ERR_OK
               : refuse(d, ERR_BUSY, "too_many_unpaid",
                        "%llu of your jobs wait for their lock, at most %d may: pay or cancel one "
                        "first; one that is not paid ends by itself",
                        (unsigned long long)consumer->jobs_unpaid, JOBS_UNPAID_MAX);
}

static enum err_code create_job(struct deciding *d)
{
    const struct command_job_create *c = &d->command->u.job_create;
    struct quote_row quote;
    struct account_row consumer;
    struct account_row provider;
    enum err_code code = check_quote(d, &quote);
    if (code == ERR_OK) {
        code = check_escrow_keys(d);
    }
    if (code == ERR_OK) {
        code = check_new_ids(d);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (!state_account(d->state, quote.account_id, &consumer) ||
        !state_account(d->state, quote.provider_id, &provider)) {
        return refuse(d, ERR_INTERNAL, "account_missing", "a quote names an unknown account");
    }
    code = check_refunds(d, &consumer);
    if (code == ERR_OK) {
        code = check_unpaid(d, &consumer);
    }
    if (code == ERR_OK) {
        code = decide_not_erased(d, quote.upload_id);
    }
    if (code == ERR_OK) {
        code = decide_storage(d, quote.account_id, 0, c->storage_max);
    }
    if (code != ERR_OK) {
        return code;
    }
    decide_event(d, EVENT_JOB_CREATED, c->job_id)->u.job_created = (struct ev_job_created){
        .account_id = quote.account_id,
        .provider_id = quote.provider_id,
        .host_id = quote.host_id,
        .upload_id = quote.upload_id,
        .offer_id = quote.offer_id,
        .quote_id = c->quote_id,
        .escrow_id = c->escrow_id,
        .rate = quote.rate,
        .cap = quote.cap,
        .limit_ms = quote.limit_ms,
        .file_name = c->file_name,
        .input_digest = c->input_digest,
        .settings = c->settings,
        .wants_network = c->network,
        .item = c->item,
        .other_work = c->other_work,
    };
    decide_event(d, EVENT_ESCROW_REQUESTED, c->escrow_id)->u.escrow_requested =
        (struct ev_escrow_requested){
            .job_id = c->job_id,
            .quote_id = c->quote_id,
            .identity = c->escrow_identity,
            .key_id = c->key_id,
            .amount = quote.cap,
            .consumer_identity = consumer.identity,
            .provider_identity = provider.identity,
            .requested_tick = c->requested_tick,
            .last_tick = c->last_tick,
        };
    return ERR_OK;
}

static enum event_type_number end_type(enum ending ending)
{
    switch (ending) {
    case ENDING_COMPLETED:
    case ENDING_CAP_REACHED:
        return EVENT_JOB_COMPLETED;
    case ENDING_CANCELLED_RUNNING:
    case ENDING_CANCELLED_BEFORE_START:
    case ENDING_NEVER_FUNDED:
        return EVENT_JOB_CANCELLED;
    case ENDING_NO_WORKER:
    case ENDING_WORKER_LOST:
    case ENDING_HOST_FAULT:
    case ENDING_PROGRAM_FAILED:
    case ENDING_PLATFORM_FAULT:
        return EVENT_JOB_FAILED;
    }
    IMPOSSIBLE("ending");
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Used time. The worker's own end says how long it was, and our clock bounds it. When somebody else ends the job, it is our clock up to the last
 * report of any kind: what was seen of the program's output was worked for, whether or not a progress report had come yet. */
static void measure(const struct deciding *d, const struct job_row *job, struct ev_job_end *end)
{
    bool by_worker = d->command->type == COMMAND_JOB_END; /* itself a report within the lease */
    if (job->status != JOB_RUNNING) {
        end->worker_ms = end->ledger_ms = end->used_ms = 0;
        return;
    }
    int64_t until = by_worker ? d->now : job->last_report_at;
    end->ledger_ms = (uint64_t)((until - job->started_at) / NS_PER_MS);
    end->used_ms = by_worker ? min_u64(end->worker_ms, end->ledger_ms) : end->ledger_ms;
    end->used_ms = min_u64(end->used_ms, job->limit_ms);
}

enum err_code decide_job_end(struct deciding *d, struct id16 job_id, const struct job_row *job,
                             const struct ev_job_end *end)
{
    struct escrow_row escrow;
    struct quote_row quote;
    INVARIANT(job->status != JOB_ENDED);
    if (!state_escrow(d->state, job->escrow_id, &escrow) ||
        !state_quote(d->state, job->quote_id, &quote)) {
        return refuse(d, ERR_INTERNAL, "escrow_missing", "a job without its escrow or quote");
    }
    struct ev_job_end full = *end;
    measure(d, job, &full);
    struct bill bill;
    bool paid = (quote.paid_endings >> full.ending & 1) != 0;
    struct event *event = decide_event(d, end_type(full.ending), job_id);
    event->u.job_completed = full; /* one shape for the three types */
    if (escrow.status == ESCROW_REQUESTED || escrow.status == ESCROW_OBSERVED) {
        event = decide_event(d, EVENT_ESCROW_EXPIRED, job->escrow_id);
        event->u.escrow_expired.job_id = job_id;
        return ERR_OK;
    }
    INVARIANT(escrow.status == ESCROW_LOCKED);
    if (!billing_compute(full.used_ms, job->rate, escrow.amount, quote.fee_bps, paid, &bill)) {
        return refuse(d, ERR_INTERNAL, "billing", "the bill does not compute");
    }
    event = decide_event(d, EVENT_ESCROW_SETTLED, job->escrow_id);
    event->u.escrow_settled = (struct ev_escrow_settled){
        .job_id = job_id,
        .locked = escrow.amount,
        .used_ms = full.used_ms,
        .rate = job->rate,
        .gross = bill.gross,
        .fee = bill.fee,
        .payout = bill.payout,
        .refund = bill.refund,
        .provider_identity = escrow.provider_identity,
        .consumer_identity = escrow.consumer_identity,
        .fee_identity = quote.fee_identity,
    };
    return ERR_OK;
}

static enum err_code cancel_job(struct deciding *d)
{
    struct id16 job_id = d->command->u.job.job_id;
    struct job_row job;
    if (!state_job(d->state, job_id, &job) || !decide_by_account(d, job.account_id)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_job", "you have no such job");
    }
    if (job.status == JOB_ENDED) {
        return refuse(d, ERR_CONFLICT, "job_ended", "the job has ended already");
    }
    bool running = job.status == JOB_RUNNING;
    struct ev_job_end end = {
        .ending = running ? ENDING_CANCELLED_RUNNING : ENDING_CANCELLED_BEFORE_START,
        .fault = FAULT_CONSUMER,
        .reason = REASON_CANCELLED,
        .worker_ms = job.reported_ms,
    };
    if (running) {
        end.host_id = job.host_id;
    }
    if (running && decide_is_silent(d, &job)) { /* lost, even if the sweeper did not come by yet */
        end.ending = ENDING_WORKER_LOST;
        end.fault = FAULT_PROVIDER;
        end.reason = REASON_LEASE_EXPIRED;
    }
    return decide_job_end(d, job_id, &job, &end);
}

static enum err_code rate_job(struct deciding *d)
{
    const struct command_rate *c = &d->command->u.rate;
    struct job_row job;
    if (!state_job(d->state, c->job_id, &job) || !decide_by_account(d, job.account_id)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_job", "you have no such job");
    }
    if (job.status != JOB_ENDED || job.started_at == 0) {
        return refuse(d, ERR_CONFLICT, "not_ratable", "only a job that ran can be rated");
    }
    if (job.rated != 0) {
        return refuse(d, ERR_CONFLICT, "already_rated", "this job was rated before");
    }
    enum err_code code = decide_job_not_erased(d, c->job_id); /* a comment is private */
    if (code != ERR_OK) {
        return code;
    }
    if (c->stars < 1 || c->stars > 5) {
        return refuse(d, ERR_INVALID, "stars_invalid", "stars are 1 to 5");
    }
    decide_event(d, EVENT_JOB_RATED, c->job_id)->u.job_rated = (struct ev_job_rated){
        .account_id = d->command->actor_id, .stars = c->stars, .comment = c->comment};
    return ERR_OK;
}

enum err_code decide_job(struct deciding *d)
{
    switch ((int)d->command->type) {
    case COMMAND_JOB_CREATE:
        return create_job(d);
    case COMMAND_JOB_CANCEL:
        return cancel_job(d);
    case COMMAND_JOB_RATE:
        return rate_job(d);
    default:
        IMPOSSIBLE("not a consumer's command");
    }
}

/* ── the sweeper ───────────────────────────────────────────────────────────────────────────────── */

static int64_t max_i64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* What a job's deadline means now, if it has really passed. Our own downtime counts for nobody. */
static enum err_code sweep_job(struct deciding *d, struct id16 job_id, const struct job_row *job)
{
    int64_t lease = (int64_t)d->ledger.lease_s * NS_PER_S;
    struct ev_job_end end = {.fault = FAULT_PROVIDER};
    if (job->status == JOB_QUEUED) {
        if (d->now < d->ledger.started_at + lease) {
            return ERR_OK; /* machines have to find us again first */
        }
        end.ending = ENDING_NO_WORKER;
        end.reason = REASON_QUEUE_TIMEOUT;
        return decide_job_end(d, job_id, job, &end);
    }
    if (job->status == JOB_ASSIGNED) {
        if (d->now < max_i64(job->start_by, d->ledger.started_at + lease)) {
            return ERR_OK;
        }
        if (job->attempt >= START_ATTEMPTS_MAX) {
            end.ending = ENDING_NO_WORKER;
            end.reason = REASON_START_TIMEOUT;
            return decide_job_end(d, job_id, job, &end);
        }
        decide_event(d, EVENT_JOB_RELEASED, job_id)->u.job_released = (struct ev_job_released){
            .host_id = job->host_id, .attempt = job->attempt, .reason = REASON_START_TIMEOUT};
        return ERR_OK;
    }
    INVARIANT(job->status == JOB_RUNNING);
    end.host_id = job->host_id;
    end.worker_ms = job->reported_ms;
    if (decide_is_silent(d, job)) {
        end.ending = ENDING_WORKER_LOST;
        end.reason = REASON_LEASE_EXPIRED;
        return decide_job_end(d, job_id, job, &end);
    }
    /* A job that reached its limit while we were down still has to hand in its results and its end. */
    int64_t limit = job->started_at + (int64_t)job->limit_ms * NS_PER_MS;
    if (d->now >= max_i64(limit, d->ledger.started_at) + 2 * lease) {
        end.ending = ENDING_CAP_REACHED; /* a worker that reports for ever but does not stop */
        end.fault = FAULT_NONE;
        end.reason = REASON_PAID_LIMIT;
        return decide_job_end(d, job_id, job, &end);
    }
    return ERR_OK;
}

enum err_code decide_sweep(struct deciding *d)
{
    uint8_t at[24] = {0};
    struct bytes key;
    struct bytes value;
    size_t jobs = 0;
    bool after = false;
    enum err_code code = decide_need_operator(d);
    if (code != ERR_OK) {
        return code;
    }
    while (jobs < SWEEP_JOBS_MAX &&
           store_seek(d->state, &STATE_DEADLINES, bytes_of(at, sizeof at), after, &key, &value)) {
        struct id16 job_id;
        struct job_row job;
        if (key.size != sizeof at || (int64_t)get_be64(key.data) > d->now) {
            break;
        }
        memcpy(at, key.data, sizeof at);
        memcpy(job_id.b, at + 8, sizeof job_id.b);
        after = true;
        if (!state_job(d->state, job_id, &job)) {
            return refuse(d, ERR_INTERNAL, "deadline_without_job", "a deadline without a job");
        }
        size_t before = d->decision->count;
        code = sweep_job(d, job_id, &job);
        if (code != ERR_OK) {
            return code;
        }
        jobs += d->decision->count > before ? 1 : 0;
    }
    if (jobs == 0) {
        return refuse(d, ERR_NOT_FOUND, "nothing_due", "no deadline has passed");
    }
    return ERR_OK;
}
