/* worker/job.c: the states drawn in the header; job_verdict.c words the end, job_results.c sends the files. */
// SPDX-License-Identifier: Apache-2.0
#include "worker/job.h"

#include "core/base/buf.h"
#include "core/base/invariant.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "worker/background.h"
#include "worker/errand.h"
#include "worker/job_disk.h"
#include "worker/job_input.h"
#include "worker/job_launch.h"
#include "worker/job_reports.h"
#include "worker/job_results.h"
#include "worker/sandbox_user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define JOB_MAGIC 0x10b10bU
#define TICK_MS 200
#define STOP_GRACE_MS 1000
#define RESULT_PATIENCE_MS 600000
#define LEAVE_PATIENCE_MS 10000 /* for what is left to say when the worker must go */
#define MIB (UINT64_C(1) << 20)

enum job_state {
    JOB_FETCHING,
    JOB_CHECKING,
    JOB_STARTING,
    JOB_RUNNING,
    JOB_MEASURING,
    JOB_DRAINING,
    JOB_STORING, /* listing, then storing */
    JOB_ENDING,
    JOB_CLEANING,
};

struct job {
    uint32_t magic;
    struct job_options options;
    struct job_order *order; /* in options */
    enum job_state state;
    bool started;   /* the server counts */
    bool abandoned; /* not ours any more */
    bool worker_stopping;
    char gpu_lost[ERR_MESSAGE_MAX]; /* "", or how it went */
    int64_t leave_ns;               /* give up then; 0: no hurry */
    uv_timer_t tick;
    struct errand *errand;
    struct scratch scratch;
    int input_fd;
    enum err_code check_code;
    struct err check_err;
    struct cgroup cgroup;
    struct program *program;
    struct program_end program_end;
    struct job_kept kept;
    struct job_reports *reports; /* from running on */
    struct job_results *results;
    struct measure measure;
    struct container container;
    struct job_disk *disk;
    struct job_verdict verdict;
};

static void begin_start(struct job *job);
static void begin_end(struct job *job);
static void begin_clean(struct job *job);

static struct job *job_from(void *ctx)
{
    struct job *job = ctx;
    INVARIANT(job->magic == JOB_MAGIC);
    return job;
}

/* Leave the state for the clean-up. In checking the pool has the job, and cleaning is on its way already. */
static void abandon(struct job *job, const char *why)
{
    if (job->abandoned || job->state == JOB_CLEANING) {
        return;
    }
    job->abandoned = true;
    trace(TRACE_INFO, "job.abandoned", "job=%s why=\"%s\"", job->order->id, why);
    errand_cancel(job->errand);
    job->errand = NULL;
    if (job->state == JOB_RUNNING) {
        job_reports_discard(job->reports);
        program_stop(job->program, 0); /* its end leads on */
    } else if (job->state != JOB_CHECKING) {
        begin_clean(job);
    }
}

static bool ask(struct job *job, const struct errand_options *options)
{
    struct errand_options mine = *options;
    struct err err = {0};
    mine.loop = job->options.loop;
    mine.server = job->options.server;
    mine.ctx = job;
    if (errand_start(&mine, &job->errand, &err) != ERR_OK) {
        trace_err(TRACE_ERROR, "job.no_memory", &err);
        return false;
    }
    return true;
}

static void job_path(const struct job *job, const char *route, char ret[128])
{
    (void)snprintf(ret, 128, "/v1/workers/jobs/%s/%s", job->order->id, route);
}

/* ── fetching and checking ─────────────────────────────────────────────────────────────────────── */

static void check_work(void *ctx)
{
    struct job *job = job_from(ctx);
    job->check_code = job_input_check(job->input_fd, job->order->input_size,
                                      &job->order->input_digest, &job->check_err);
    if (job->check_code == ERR_OK) {
        job->check_code =
            scratch_place_input(&job->scratch, job->order->file_name, &job->check_err);
    }
    if (job->check_code == ERR_OK && job->order->kind == JOB_KIND_CONTAINER) {
        job->check_code = container_open(
            job->options.engine, job->scratch.job, job->order->file_name, job->order->image,
            job->order->arguments[0], &job->container, &job->check_err);
    }
}

static void close_input(struct job *job)
{
    if (job->input_fd >= 0) {
        (void)close(job->input_fd);
    }
    job->input_fd = -1;
}

static void check_done(void *ctx)
{
    struct job *job = job_from(ctx);
    close_input(job);
    if (job->abandoned) {
        begin_clean(job);
        return;
    }
    if (job->check_code != ERR_OK) {
        job_verdict_unready(&job->verdict, job->check_code, job->check_err.message);
    }
    begin_start(job);
}

static void on_input(void *ctx, const struct server_reply *reply)
{
    struct job *job = job_from(ctx);
    job->errand = NULL;
    if (reply->outcome == SERVER_OK) {
        job->state = JOB_CHECKING;
        if (background_run(job->options.loop, check_work, check_done, job)) {
            return;
        }
        job_verdict_host_fault(&job->verdict, "sandbox_failed", "the machine is out of memory");
    } else if (reply->outcome == SERVER_REFUSED) {
        job_verdict_host_fault(
            &job->verdict, reply->status == 0 ? "sandbox_failed" : "input_missing", reply->detail);
    } else {
        abandon(job, reply->outcome == SERVER_RETRY ? "the input cannot be reached"
                                                    : "refused with the input");
        return;
    }
    close_input(job);
    begin_start(job);
}

/* ── starting ──────────────────────────────────────────────────────────────────────────────────── */

static void begin_run(struct job *job);

static void on_started(void *ctx, const struct server_reply *reply)
{
    struct job *job = job_from(ctx);
    job->errand = NULL;
    if (reply->outcome != SERVER_OK) { /* another has it, it was cancelled, or nobody answers */
        trace(TRACE_WARN, "job.not_started", "job=%s status=%d code=%s detail=\"%s\"",
              job->order->id, reply->status, reply->code, reply->detail);
        abandon(job, "not started: it was cancelled, or another worker has it");
        return;
    }
    job->started = true;
    json_int_t const limit = json_integer_value(json_object_get(reply->body, "limit_ms"));
    if (limit > 0 && limit <= INT64_MAX / 2000000) {
        job->order->limit_ms = (uint64_t)limit;
    }
    if (job->worker_stopping && !job->verdict.decided) {
        job_verdict_host_fault(&job->verdict, "worker_stopped", "the provider stopped the worker");
    }
    if (job->gpu_lost[0] != 0 && !job->verdict.decided) {
        job_verdict_host_fault(&job->verdict, "gpu_lost", job->gpu_lost);
    }
    if (job->verdict.decided) {
        begin_end(job);
    } else {
        begin_run(job);
    }
}

static void begin_start(struct job *job)
{
    char path[128];
    job->state = JOB_STARTING;
    job_path(job, "start", path);
    struct errand_options const options = {
        .request = {.method = "POST", .path = path, .body = bytes_of("{}", 2)},
        .keyed = true,
        .patience_ms = job->order->lease_ms,
        .on_done = on_started,
    };
    if (!ask(job, &options)) {
        abandon(job, "out of memory");
    }
}

/* ── running ───────────────────────────────────────────────────────────────────────────────────── */

static uint64_t report_used_ms(void *ctx)
{
    const struct job *job = job_from(ctx);
    return job->program == NULL ? job->kept.facts.used_ms : program_used_ms(job->program);
}

static void on_output(void *ctx, enum worker_stream stream, struct bytes bytes)
{
    job_reports_feed(job_from(ctx)->reports, stream, bytes);
}

static void begin_store(struct job *job);

static void on_sent(void *ctx)
{
    struct job *job = job_from(ctx);
    if (job->state == JOB_DRAINING && job_reports_are_drained(job->reports)) {
        begin_store(job);
    }
}

static void on_gone(void *ctx, const char *code, const char *detail)
{
    struct job *job = job_from(ctx);
    abandon(job, code[0] != 0 ? code : detail);
}

static void begin_drain(struct job *job)
{
    job->state = JOB_DRAINING;
    job_reports_drain(job->reports);
    on_sent(job);
}

/* Measured, so that a full disk is not blamed on who did not fill it. */
static void on_disk_end(void *ctx, const struct job_disk_verdict *disk)
{
    struct job *job = job_from(ctx);
    const struct program_end *end = &job->program_end;
    struct job_verdict_facts facts = {
        .end = end,
        .out_of_memory = cgroup_oom_killed(&job->cgroup),
        .out_of_processes = cgroup_pids_refused(&job->cgroup),
        .over_disk = disk->over[0] != 0 ? disk->over : NULL,
        .disk_low = disk->is_low,
        .in_container = job->container.image[0] != 0,
        .worker_stopping = job->worker_stopping,
        .gpu_lost = job->gpu_lost[0] != 0 ? job->gpu_lost : NULL,
    };
    job_disk_close(job->disk);
    job->disk = NULL;
    job_verdict_decide(&job->verdict, &facts);
    trace(TRACE_INFO, "job.program_ended",
          "job=%s ending=%s reason=%s exit=%d signal=%d used_ms=%llu", job->order->id,
          job->verdict.ending, job->verdict.reason, end->sandbox.exit_status, end->sandbox.signal,
          (unsigned long long)end->used_ms);
    job_kept_end(&job->kept, &job->verdict, end);
    begin_drain(job);
}

static void on_gpu_looked(void *ctx)
{
    job_disk_finish(job_from(ctx)->disk);
}

static void on_program_end(void *ctx, const struct program_end *end)
{
    struct job *job = job_from(ctx);
    job->program_end = *end;
    job_reports_finish(job->reports);
    if (job->abandoned) {
        begin_clean(job);
        return;
    }
    if (job->leave_ns != 0) { /* counted from here: the program had its own time to end */
        job->leave_ns = time_mono_ns() + LEAVE_PATIENCE_MS * NS_PER_MS;
    }
    job->state = JOB_MEASURING;
    if (job->options.gpu_watch == NULL || end->sandbox.exit_status == 0 || job->worker_stopping) {
        job_disk_finish(job->disk);
        return;
    }
    /* A program fails at once when its GPU goes, and the next look at it would come too late to say so. */
    gpu_watch_look(job->options.gpu_watch, on_gpu_looked, job);
}

/* At once: whatever time it gets it may use to take more. */
static void on_disk_stop(void *ctx)
{
    struct job *job = job_from(ctx);
    if (job->state == JOB_RUNNING) {
        program_stop(job->program, 0);
    }
}

static enum err_code start_disk(struct job *job, uint64_t *ret_bytes, struct err *err)
{
    struct job_disk_options options = {.loop = job->options.loop,
                                       .folder = job->scratch.folder,
                                       .on_stop = on_disk_stop,
                                       .on_end = on_disk_end,
                                       .ctx = job};
    enum err_code code =
        job_disk_limit(job->scratch.folder, job->options.storage_mib * MIB, &options.limit, err);
    if (code == ERR_OK) {
        code = job_disk_start(&options, &job->disk, err);
    }
    if (code == ERR_OK) {
        *ret_bytes = options.limit.bytes;
    }
    return code;
}

static enum err_code start_reports(struct job *job, const char *output_log, struct err *err)
{
    struct job_reports_options const options = {.loop = job->options.loop,
                                                .server = job->options.server,
                                                .order = job->order,
                                                .output_log = output_log,
                                                .kept = &job->kept,
                                                .verdict = &job->verdict,
                                                .used_ms = report_used_ms,
                                                .on_sent = on_sent,
                                                .on_gone = on_gone,
                                                .ctx = job};
    return job_reports_create(&options, &job->reports, err);
}

static void begin_run(struct job *job)
{
    struct err err = {0};
    uint64_t disk_bytes = 0;
    job->state = JOB_RUNNING;
    job->measure = (struct measure){.cpu_cores = job->options.cpu_cores,
                                    .ram_total_mib = job->options.ram_mib,
                                    .gpu = job->options.gpu_watch};
    enum err_code code = start_reports(job, job->scratch.output_log, &err);
    if (code == ERR_OK) {
        code = start_disk(job, &disk_bytes, &err);
    }
    if (code == ERR_OK) {
        struct job_launch const launch = {
            .loop = job->options.loop,
            .order = job->order,
            .folder = job->scratch.job,
            .cgroup_place = job->options.cgroup_place,
            .ram_mib = job->options.ram_mib,
            .disk_bytes = disk_bytes,
            .gpu = job->options.gpu,
            .models = job->options.models,
            .container = job->order->kind == JOB_KIND_CONTAINER ? &job->container : NULL,
            .on_output = on_output,
            .on_end = on_program_end,
            .ctx = job};
        code = job_launch(&launch, &job->cgroup, &job->program, &err);
    }
    if (code != ERR_OK) {
        trace_err(TRACE_ERROR, "job.not_run", &err);
        job_verdict_host_fault(&job->verdict, "sandbox_failed", err.message);
        begin_end(job);
        return;
    }
    trace(TRACE_INFO, "job.running",
          "job=%s limit_ms=%llu disk_mib=%llu memory_limit=%d pids_limit=%d", job->order->id,
          (unsigned long long)job->order->limit_ms, (unsigned long long)(disk_bytes / MIB),
          job->cgroup.memory_folder[0] != 0, job->cgroup.pids_folder[0] != 0);
}

static void take_sample(struct job *job)
{
    struct report_sample sample;
    if (measure_take(&job->measure, program_root(job->program), &job->cgroup, &sample)) {
        sample.at_ms = program_used_ms(job->program);
        job_reports_sample(job->reports, &sample);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct job *job = job_from(timer->data);
    int64_t const now = time_mono_ns();
    if (job->leave_ns != 0 && now > job->leave_ns) {
        abandon(job, "no more time to report");
    } else if (job->state == JOB_RUNNING) {
        take_sample(job);
        job_reports_tick(job->reports);
        if (job_reports_silent_ms(job->reports) > (int64_t)job->order->lease_ms) {
            abandon(job, "the server was silent for longer than the lease");
        }
    } else if (job->state == JOB_DRAINING &&
               job_reports_silent_ms(job->reports) > RESULT_PATIENCE_MS) {
        abandon(job, "the output could not be delivered");
    }
}

/* ── storing and ending ────────────────────────────────────────────────────────────────────────── */

static void on_results(void *ctx, const struct job_results_summary *summary)
{
    struct job *job = job_from(ctx);
    job->results = NULL;
    if (summary->outcome != SERVER_OK) {
        abandon(job, "the results could not be delivered");
        return;
    }
    trace(TRACE_INFO, "job.results", "job=%s stored=%zu left_out=%zu", job->order->id,
          summary->stored, summary->left_out);
    job_verdict_left_out(&job->verdict, summary->left_out);
    begin_end(job);
}

static void begin_store(struct job *job)
{
    struct err err = {0};
    job->state = JOB_STORING;
    job_reports_stored_next(job->reports, job->verdict.keeps_results && !job->worker_stopping
                                              ? "storing results"
                                              : NULL);
    if (job->worker_stopping) { /* no time, and not paid for */
        begin_end(job);
        return;
    }
    struct job_results_options const options = {
        .loop = job->options.loop,
        .server = job->options.server,
        .job_id = job->order->id,
        .scratch = &job->scratch,
        .kept = &job->kept,
        .only_output = !job->verdict.keeps_results,
        .patience_ms = RESULT_PATIENCE_MS,
        .on_done = on_results,
        .ctx = job,
    };
    if (job_results_start(&options, &job->results, &err) != ERR_OK) {
        job->results = NULL;
        job_verdict_host_fault(&job->verdict, "sandbox_failed", err.message);
        begin_end(job);
    }
}

static void on_ended(void *ctx, const struct server_reply *reply)
{
    struct job *job = job_from(ctx);
    job->errand = NULL;
    trace(reply->outcome == SERVER_OK ? TRACE_INFO : TRACE_WARN, "job.ended",
          "job=%s ending=%s reason=%s status=%d code=%s detail=\"%s\"", job->order->id,
          job->verdict.ending, job->verdict.reason, reply->status, reply->code, reply->detail);
    begin_clean(job);
}

static void begin_end(struct job *job)
{
    char path[128];
    struct buf body;
    job->state = JOB_ENDING;
    job_reports_close(job->reports); /* nothing more to say but this */
    job->reports = NULL;
    job_path(job, "end", path);
    buf_init(&body, 1U << 16);
    job_verdict_body(&job->verdict, job->program_end.used_ms, &job->program_end.sandbox, &body);
    struct errand_options const options = {
        .request = {.method = "POST", .path = path, .body = buf_bytes(&body)},
        .keyed = true,
        .patience_ms = job->leave_ns != 0 ? LEAVE_PATIENCE_MS : RESULT_PATIENCE_MS,
        .on_done = on_ended,
    };
    bool const sent = !body.failed && ask(job, &options);
    buf_deinit(&body);
    if (!sent) {
        begin_clean(job);
    }
}

/* ── cleaning ──────────────────────────────────────────────────────────────────────────────────── */

static void clean_work(void *ctx)
{
    struct job *job = job_from(ctx);
    struct err err = {0};
    cgroup_remove(&job->cgroup);
    container_release(&job->container);
    if (job->scratch.folder[0] != 0 && scratch_remove(job->scratch.folder, &err) != ERR_OK) {
        trace_err(TRACE_ERROR, "job.scratch_left", &err);
    }
}

static void on_tick_closed(uv_handle_t *handle)
{
    struct job *job = job_from(handle->data);
    void (*on_done)(void *, bool) = job->options.on_done;
    bool const started = job->started;
    void *ctx = job->options.ctx;
    job->magic = 0;
    job_order_deinit(job->order);
    job_verdict_deinit(&job->verdict);
    free(job);
    on_done(ctx, started);
}

static void clean_done(void *ctx)
{
    struct job *job = job_from(ctx);
    trace(TRACE_INFO, "job.cleaned", "job=%s", job->order->id);
    uv_close((uv_handle_t *)&job->tick, on_tick_closed);
}

/* Once, from whatever state; the program is over by now. */
static void begin_clean(struct job *job)
{
    INVARIANT(job->state != JOB_CLEANING);
    job->state = JOB_CLEANING;
    errand_cancel(job->errand);
    job->errand = NULL;
    job_results_cancel(job->results);
    job->results = NULL;
    job_reports_close(job->reports);
    job->reports = NULL;
    program_close(job->program);
    job->program = NULL;
    gpu_watch_forget(job->options.gpu_watch); /* it may be slow, and look still */
    job_disk_close(job->disk);
    job->disk = NULL;
    close_input(job);
    job_kept_close(&job->kept);
    if (!background_run(job->options.loop, clean_work, clean_done, job)) {
        clean_work(job);
        clean_done(job);
    }
}

/* ── from outside ──────────────────────────────────────────────────────────────────────────────── */

/* A part of what a job may have of the disk, of which it counts. */
static uint64_t output_max(const struct job *job)
{
    uint64_t const part = job->options.storage_mib * MIB / 4;
    return part < SPOOL_OUTPUT_MAX ? part : SPOOL_OUTPUT_MAX;
}

static struct job *make(const struct job_options *options)
{
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL || uv_timer_init(options->loop, &job->tick) != 0) {
        free(job);
        return NULL;
    }
    job->magic = JOB_MAGIC;
    job->options = *options;
    job->order = &job->options.order;
    job->tick.data = job;
    job->input_fd = -1;
    job_verdict_init(&job->verdict);
    return job;
}

enum err_code job_adopt(const struct job_options *options, struct job **ret_job, struct err *err)
{
    struct job_options mine = *options;
    struct scratch scratch;
    struct job_kept kept;
    struct job *job = NULL;
    enum err_code code = scratch_locate(options->scratch_parent, options->order.id, &scratch, err);
    if (code == ERR_OK) {
        code = job_kept_open(&scratch, &kept, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    mine.order.batch_max = kept.facts.batch_max;
    mine.order.lease_ms = kept.facts.lease_ms;
    job = make(&mine);
    if (job == NULL) {
        job_kept_close(&kept);
        return err_set(err, ERR_NOMEM, "no memory for a job");
    }
    job->scratch = scratch;
    job->kept = kept;
    job->started = true;
    if (!job_kept_verdict(&job->kept, &job->verdict, &job->program_end)) {
        job_verdict_host_fault(&job->verdict, "worker_stopped", "the worker was started again");
        job->program_end.used_ms = kept.facts.used_ms;
    }
    trace(TRACE_INFO, "job.adopted", "job=%s ending=%s reason=%s used_ms=%llu", job->order->id,
          job->verdict.ending, job->verdict.reason, (unsigned long long)job->program_end.used_ms);
    *ret_job = job;
    (void)uv_timer_start(&job->tick, on_tick, TICK_MS, TICK_MS);
    if (start_reports(job, NULL, err) == ERR_OK) {
        begin_drain(job);
    } else {
        begin_end(job);
    }
    return ERR_OK;
}

enum err_code job_start(const struct job_options *options, struct job **ret_job, struct err *err)
{
    char path[128];
    struct job *job = make(options);
    if (job == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a job");
    }
    (void)uv_timer_start(&job->tick, on_tick, TICK_MS, TICK_MS);
    *ret_job = job;

    if (options->unrunnable != NULL) {
        job_verdict_host_fault(&job->verdict, options->unrunnable_reason, options->unrunnable);
        begin_start(job);
        return ERR_OK;
    }
    struct err why = {0};
    enum err_code code =
        scratch_create(options->scratch_parent, job->order->id, job->order->results,
                       sandbox_user_new(), &job->scratch, &why);
    if (code == ERR_OK) {
        job->input_fd = open(job->scratch.input, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (job->input_fd < 0) {
            code = err_set_errno(&why, errno, "create the input");
        }
    }
    if (code == ERR_OK) {
        code = job_kept_create(job->scratch.folder, job->order, output_max(job), &job->kept, &why);
    }
    if (code != ERR_OK) {
        job_verdict_host_fault(&job->verdict, "sandbox_failed", why.message);
        begin_start(job);
        return ERR_OK;
    }
    job_path(job, "input", path);
    struct errand_options const input = {
        .request = {.method = "GET",
                    .path = path,
                    .download = true,
                    .download_fd = job->input_fd,
                    .download_max = job->order->input_size + 1},
        .patience_ms = job->order->lease_ms,
        .on_done = on_input,
    };
    job->state = JOB_FETCHING;
    if (!ask(job, &input)) {
        abandon(job, "out of memory");
    }
    return ERR_OK;
}

void job_stop(struct job *job)
{
    if (job->worker_stopping || job->leave_ns != 0) {
        return;
    }
    job->leave_ns = time_mono_ns() + LEAVE_PATIENCE_MS * NS_PER_MS;
    if (job->state == JOB_FETCHING || job->state == JOB_CHECKING) {
        abandon(job, "the worker is stopping");
    } else if (job->state == JOB_STARTING) {
        job->worker_stopping = true;
    } else if (job->state == JOB_RUNNING) {
        job->worker_stopping = true;
        program_stop(job->program, STOP_GRACE_MS);
    } /* otherwise the program is over: say so, in the time there is */
}

void job_gpu_lost(struct job *job, const char *why)
{
    if (job->state > JOB_MEASURING) {
        return;
    }
    (void)snprintf(job->gpu_lost, sizeof job->gpu_lost, "%s", why);
    if (job->state == JOB_RUNNING) {
        program_stop(job->program, 0);
    }
}
