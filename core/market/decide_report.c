/* What workers report: claim, start, progress, output, metrics, results, end. A worker is hostile until proven otherwise. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/base/job_rules.h"
#include "core/base/time.h"
#include "core/market/decide_internal.h"
#include "core/market/matching.h"
#include "core/market/stock.h"

#include <assert.h>
#include <string.h>

static_assert(JOB_REPORTS_MAX <= DECISION_EVENTS_MAX, "an event each");

#define OFFERS_COMPARED_MAX 64 /* of one machine; nobody publishes so many to make claims slow */

static enum err_code reporting_host(struct deciding *d, struct host_row *ret)
{
    if (d->command->actor_kind != ACTOR_HOST || !state_host(d->state, d->command->actor_id, ret)) {
        return refuse(d, ERR_DENIED, "not_a_host", "only an enrolled machine reports");
    }
    return ERR_OK;
}

static enum err_code refuse_ended(struct deciding *d, const struct job_row *job)
{
    return refuse(d, ERR_CONFLICT, "job_ended", "the job ended as %s",
                  enum_word(&ending_words, (uint32_t)job->ending));
}

bool decide_is_silent(const struct deciding *d, const struct job_row *job)
{
    int64_t heard =
        job->last_report_at > d->ledger.started_at ? job->last_report_at : d->ledger.started_at;
    return d->now >= heard + (int64_t)d->ledger.lease_s * NS_PER_S;
}

enum err_code decide_reported_job(struct deciding *d, struct id16 job_id, struct job_row *ret)
{
    struct host_row host;
    enum err_code code = reporting_host(d, &host);
    if (code != ERR_OK) {
        return code;
    }
    if (!state_job(d->state, job_id, ret) || !id_equal(ret->host_id, d->command->actor_id) ||
        ret->attempt == 0) {
        return refuse(d, ERR_NOT_FOUND, "no_such_job", "this machine has no such job");
    }
    if (ret->status == JOB_ENDED) {
        return refuse_ended(d, ret);
    }
    if (ret->status != JOB_RUNNING) {
        return refuse(d, ERR_CONFLICT, "not_running", "the job has not been started");
    }
    if (decide_is_silent(d, ret)) {
        return refuse(d, ERR_CONFLICT, "lease_expired", "the last report is over %llu s old",
                      (unsigned long long)d->ledger.lease_s);
    }
    return ERR_OK;
}

/* What it needs on its machine, as it was bought: an owner who says something else of the upload since has bought nothing else. */
static struct requirements needs_of(const struct job_row *job, const struct upload_row *upload)
{
    struct requirements needs = upload_needs_as(upload, job->item, job->network != 0);
    needs.packages = job->packages;
    return needs;
}

/* Whether this host, on which the job was not bought, is let like the one it was bought on: by an offer that it fits, at the job's rate, and with
 * which it is expected to be done within what was paid for, or, where its consumer pays for less than that, no later than there. */
static bool may_take_over(struct deciding *d, const struct job_row *job)
{
    struct upload_row upload;
    uint8_t at[32] = {0};
    struct bytes key;
    struct bytes value;
    memcpy(at, d->command->actor_id.b, 16);
    struct candidate bought = {.online = 1};
    if (!state_upload(d->state, job->upload_id, &upload) ||
        !state_offer(d->state, job->offer_id, &bought.offer)) {
        return false;
    }
    struct requirements const needs = needs_of(job, &upload);
    struct match there;
    decide_time(d, &upload, &bought);
    match_candidate(&needs, &bought, d->now, &there);
    uint64_t const slowest_ms = there.p90_ms > job->limit_ms ? there.p90_ms : job->limit_ms;
    for (size_t i = 0;
         i < OFFERS_COMPARED_MAX &&
         store_seek(d->state, &STATE_HOST_OFFERS, bytes_of(at, sizeof at), true, &key, &value) &&
         key.size == sizeof at && memcmp(key.data, at, 16) == 0;
         i++) {
        struct id16 offer_id;
        struct candidate candidate = {.online = 1};
        struct match match;
        memcpy(at, key.data, sizeof at);
        memcpy(offer_id.b, at + 16, sizeof offer_id.b);
        if (!state_offer(d->state, offer_id, &candidate.offer)) {
            return false;
        }
        candidate.has_item = stock_has(d->state, offer_id, job->item) ? 1 : 0;
        decide_time(d, &upload, &candidate);
        match_candidate(&needs, &candidate, d->now, &match);
        if (match.fit != FIT_INSUFFICIENT && candidate.offer.rate == job->rate &&
            match.p90_ms <= slowest_ms) {
            return true;
        }
    }
    return false;
}

/* Whether the host said that it can run such a file; one that said nothing gets any. A network it must say, and an offer of it must have what the job
 * needs: the one it was bought on may be withdrawn, for the machine is not what it was. Where no offer came in its place, it sells no more, and ends what
 * it sold. */
static bool can_run(struct deciding *d, const struct host_row *host, const struct job_row *job)
{
    uint64_t const kinds = d->command->u.job.kinds;
    struct upload_row upload;
    if ((job->network != 0 && !d->command->u.job.network) ||
        !state_upload(d->state, job->upload_id, &upload) ||
        (kinds != 0 && (upload.kind >= 64 || (kinds >> upload.kind & 1) == 0))) {
        return false;
    }
    struct requirements const needs = needs_of(job, &upload);
    return (needs.packages == 0 && needs.item_kind == 0) ||
           (host->offers_live == 0 && id_equal(job->host_id, d->command->actor_id)) ||
           stock_of_host(d->state, d->command->actor_id, &needs);
}

/* The first job in the provider's queue that this host may take and can run. */
static bool find_claimable(struct deciding *d, const struct host_row *host, struct id16 *ret_job_id,
                           struct job_row *ret_job)
{
    uint8_t at[24] = {0};
    struct bytes key;
    struct bytes value;
    memcpy(at, host->account_id.b, 16);
    while (store_seek(d->state, &STATE_QUEUE, bytes_of(at, sizeof at), true, &key, &value)) {
        if (key.size != sizeof at || memcmp(key.data, host->account_id.b, 16) != 0 ||
            value.size != sizeof ret_job_id->b) {
            return false;
        }
        memcpy(at, key.data, sizeof at);
        memcpy(ret_job_id->b, value.data, sizeof ret_job_id->b);
        if (!state_job(d->state, *ret_job_id, ret_job)) {
            return false;
        }
        /* Once a host let it lie, another of the same provider may have it. */
        bool wanted = id_equal(ret_job->host_id, d->command->actor_id);
        if ((wanted || (ret_job->attempt > 0 && may_take_over(d, ret_job))) &&
            can_run(d, host, ret_job)) {
            return true;
        }
    }
    return false;
}

static enum err_code claim_job(struct deciding *d)
{
    struct host_row host = {0};
    struct id16 job_id;
    struct job_row job;
    enum err_code code = reporting_host(d, &host);
    if (code != ERR_OK) {
        return code;
    }
    if (!id_is_zero(host.job_id)) {
        return refuse(d, ERR_CONFLICT, "host_busy", "this machine has a job");
    }
    if (!find_claimable(d, &host, &job_id, &job)) {
        return refuse(d, ERR_NOT_FOUND, "no_job", "there is no job for this machine now");
    }
    INVARIANT(job.status == JOB_QUEUED);
    decide_event(d, EVENT_JOB_ASSIGNED, job_id)->u.job_assigned = (struct ev_job_assigned){
        .host_id = d->command->actor_id,
        .attempt = job.attempt + 1,
        .start_by = d->now + (int64_t)d->ledger.start_within_s * NS_PER_S,
    };
    return ERR_OK;
}

static enum err_code start_job(struct deciding *d)
{
    struct id16 job_id = d->command->u.job.job_id;
    struct host_row host;
    struct job_row job;
    enum err_code code = reporting_host(d, &host);
    if (code != ERR_OK) {
        return code;
    }
    if (!state_job(d->state, job_id, &job) || !id_equal(job.host_id, d->command->actor_id) ||
        job.attempt == 0) {
        return refuse(d, ERR_NOT_FOUND, "no_such_job", "this machine has no such job");
    }
    if (job.status == JOB_ENDED) { /* cancelled while the machine fetched its input */
        return refuse_ended(d, &job);
    }
    if (!id_equal(host.job_id, job_id)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_job", "this machine has this job no more");
    }
    if (job.status != JOB_ASSIGNED) {
        return refuse(d, ERR_CONFLICT, "not_assigned", "the job is not waiting to be started");
    }
    decide_event(d, EVENT_JOB_STARTED, job_id)->u.job_started = (struct ev_job_started){
        .host_id = d->command->actor_id, .attempt = job.attempt, .limit_ms = job.limit_ms};
    return ERR_OK;
}

static enum err_code report_progress(struct deciding *d)
{
    const struct command_progress *c = &d->command->u.progress;
    struct job_row job;
    enum err_code code = decide_reported_job(d, c->job_id, &job);
    if (code != ERR_OK) {
        return code;
    }
    if (c->progress.permille > 1000) {
        return refuse(d, ERR_INVALID, "permille_invalid", "progress is 0 to 1000 permille");
    }
    struct event *event = decide_event(d, EVENT_JOB_PROGRESSED, c->job_id);
    event->u.job_progressed = c->progress;
    event->u.job_progressed.host_id = d->command->actor_id;
    return ERR_OK;
}

static uint64_t count_lines(struct bytes text)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < text.size; i++) {
        lines += text.data[i] == '\n' ? 1 : 0;
    }
    return lines + (text.size > 0 && text.data[text.size - 1] != '\n' ? 1 : 0);
}

/* `job` becomes what it will be once this is in the log. `next_line`: as the log has it, for whoever has to begin there again. */
static enum err_code take_output(struct deciding *d, struct id16 job_id, struct job_row *job,
                                 const struct ev_job_output *output, uint64_t next_line)
{
    if (output->text.size == 0 || output->text.size > d->ledger.batch_max) {
        return refuse(d, ERR_TOO_LARGE, "output_size", "a batch of output has 1 to %llu bytes",
                      (unsigned long long)d->ledger.batch_max);
    }
    if (output->source == 0) {
        return refuse(d, ERR_INVALID, "source_invalid", "output comes from stdout or stderr");
    }
    if (output->first_line != job->next_line) {
        return refuse(d, ERR_CONFLICT, "output_gap", "the next line is %llu",
                      (unsigned long long)next_line);
    }
    if (job->quota_reached != 0) {
        return refuse(d, ERR_CONFLICT, "output_quota", "output past %llu bytes is not kept inline",
                      (unsigned long long)d->ledger.output_max);
    }
    struct event *event = decide_event(d, EVENT_JOB_OUTPUT, job_id);
    event->u.job_output = *output;
    event->u.job_output.quota_reached = job->output_size + output->text.size > d->ledger.output_max;
    if (event->u.job_output.quota_reached) {
        event->u.job_output.text = (struct bytes){0}; /* the whole file is among the results */
    }
    event->u.job_output.size = event->u.job_output.text.size;
    event->u.job_output.lines = count_lines(event->u.job_output.text);
    job->output_size += event->u.job_output.size;
    job->next_line += event->u.job_output.lines;
    job->quota_reached |= event->u.job_output.quota_reached ? 1 : 0;
    return ERR_OK;
}

static enum err_code report_output(struct deciding *d)
{
    const struct command_output *c = &d->command->u.output;
    struct job_row job;
    enum err_code code = decide_reported_job(d, c->job_id, &job);
    return code == ERR_OK ? take_output(d, c->job_id, &job, &c->output, job.next_line) : code;
}

static enum err_code take_metrics(struct deciding *d, struct id16 job_id,
                                  const struct ev_metric_sampled *metrics)
{
    if (metrics->samples.count == 0 || metrics->samples.count > JOB_SAMPLES_MAX) {
        return refuse(d, ERR_INVALID, "samples_invalid", "a batch has 1 to %d samples",
                      JOB_SAMPLES_MAX);
    }
    struct event *event = decide_event(d, EVENT_METRIC_SAMPLED, job_id);
    event->u.metric_sampled = *metrics;
    event->u.metric_sampled.host_id = d->command->actor_id;
    return ERR_OK;
}

static enum err_code report_metrics(struct deciding *d)
{
    const struct command_metrics *c = &d->command->u.metrics;
    struct job_row job;
    enum err_code code = decide_reported_job(d, c->job_id, &job);
    return code == ERR_OK ? take_metrics(d, c->job_id, &c->metrics) : code;
}

/* Behind the sentence, which whoever reported may read a number from. */
static enum err_code say_which(struct deciding *d, size_t index, enum err_code code)
{
    struct err why = {0};
    if (d->err != NULL) {
        why = *d->err;
    }
    return err_set(d->err, code, "%.180s (/reports/%zu; nothing of the request was taken)",
                   why.message, index);
}

/* All or none: each is judged as if those before it were in the log already. Once one of them has reached the quota, the output behind it is left out as the
 * log leaves out all further output: its sender could not know. */
static enum err_code report_several(struct deciding *d)
{
    const struct command_reports *c = &d->command->u.reports;
    const struct command_report *reports = c->reports.items;
    struct job_row job;
    enum err_code code = decide_reported_job(d, c->job_id, &job);
    if (code != ERR_OK) {
        return code;
    }
    if (c->reports.count == 0 || c->reports.count > JOB_REPORTS_MAX) {
        return refuse(d, ERR_INVALID, "reports_invalid", "there are 1 to %d reports in a request",
                      JOB_REPORTS_MAX);
    }
    uint64_t const next_line = job.next_line;
    bool const was_full = job.quota_reached != 0;
    for (size_t i = 0; i < c->reports.count; i++) {
        if (!reports[i].is_output) {
            code = take_metrics(d, c->job_id, &reports[i].metrics);
        } else if (job.quota_reached == 0 || was_full) {
            code = take_output(d, c->job_id, &job, &reports[i].output, next_line);
        }
        if (code != ERR_OK) {
            return say_which(d, i, code);
        }
    }
    return ERR_OK;
}

static enum err_code store_result(struct deciding *d)
{
    const struct command_result *c = &d->command->u.result;
    struct job_row job;
    enum err_code code = decide_reported_job(d, c->job_id, &job);
    if (code != ERR_OK) {
        return code;
    }
    if (job.results >= JOB_RESULTS_MAX) {
        return refuse(d, ERR_TOO_LARGE, "too_many_results", "a job has at most %d result files",
                      JOB_RESULTS_MAX);
    }
    decide_event(d, EVENT_RESULT_STORED, c->job_id)->u.result_stored = c->result;
    return ERR_OK;
}

/* What is paid for must not contradict itself: the log keeps it. */
static bool reason_fits(const struct ev_job_end *end)
{
    if (end->exit_status > 255 || end->signal > 64) {
        return false;
    }
    switch ((int)end->reason) {
    case REASON_EXITED_ZERO:
        return end->ending == ENDING_COMPLETED && end->exit_status == 0 && end->signal == 0;
    case REASON_PAID_LIMIT:
        return end->ending == ENDING_CAP_REACHED;
    case REASON_EXITED_NONZERO:
    case REASON_KILLED_BY_SIGNAL:
    case REASON_OUT_OF_MEMORY:
    case REASON_MODULE_MISSING:
    case REASON_GPU_OUT_OF_MEMORY:
    case REASON_ENTRY_MISSING:
    case REASON_PROCESS_LIMIT:
    case REASON_DISK_LIMIT:
        return end->ending == ENDING_PROGRAM_FAILED;
    case REASON_SANDBOX_FAILED:
    case REASON_WORKER_STOPPED:
    case REASON_INPUT_MISSING:
    case REASON_GPU_LOST:
    case REASON_KIND_NOT_RUNNABLE:
        return end->ending == ENDING_HOST_FAULT;
    default:
        return false;
    }
}

static enum err_code report_end(struct deciding *d)
{
    const struct command_end *c = &d->command->u.end;
    struct job_row job;
    struct ev_job_end end = c->end;
    enum err_code code = decide_reported_job(d, c->job_id, &job);
    if (code != ERR_OK) {
        return code;
    }
    switch ((int)end.ending) {
    case ENDING_COMPLETED:
    case ENDING_CAP_REACHED:
        end.fault = FAULT_NONE;
        break;
    case ENDING_PROGRAM_FAILED:
        end.fault = FAULT_PROGRAM;
        break;
    case ENDING_HOST_FAULT:
        end.fault = FAULT_PROVIDER;
        break;
    default:
        return refuse(
            d, ERR_INVALID, "ending_invalid",
            "a worker ends a job as completed, cap_reached, program_failed or host_fault");
    }
    if (!reason_fits(&end)) {
        return refuse(d, ERR_INVALID, "reason_invalid",
                      "the reason must be one of this ending, with its exit status or signal");
    }
    end.host_id = d->command->actor_id;
    return decide_job_end(d, c->job_id, &job, &end);
}

enum err_code decide_report(struct deciding *d)
{
    switch ((int)d->command->type) {
    case COMMAND_JOB_CLAIM:
        return claim_job(d);
    case COMMAND_JOB_START:
        return start_job(d);
    case COMMAND_JOB_PROGRESS:
        return report_progress(d);
    case COMMAND_JOB_OUTPUT:
        return report_output(d);
    case COMMAND_JOB_METRICS:
        return report_metrics(d);
    case COMMAND_JOB_REPORTS:
        return report_several(d);
    case COMMAND_RESULT_STORE:
        return store_result(d);
    case COMMAND_JOB_END:
        return report_end(d);
    default:
        IMPOSSIBLE("not a worker's command");
    }
}
