// SPDX-License-Identifier: Apache-2.0
#include "worker/job_reports.h"

#include "core/base/time.h"
#include "worker/job_log.h"
#include "worker/mask.h"
#include "worker/progress.h"
#include "worker/report.h"

#include <stdlib.h>

struct job_reports {
    struct job_reports_options options;
    struct mask *mask;
    struct output *output;
    struct report *report;
    struct progress progress;
    struct job_log log;
};

static void on_raw(void *ctx, struct bytes raw)
{
    struct job_reports *reports = ctx;
    job_log_write(&reports->log, raw);
}

static void tell_progress(struct job_reports *reports, bool soon)
{
    struct bytes const operation = bytes_of_text(reports->progress.operation);
    report_progress(reports->report, reports->progress.permille, &operation, soon);
}

static bool on_line(void *ctx, enum worker_stream stream, struct bytes line)
{
    struct job_reports *reports = ctx;
    enum progress_news const news =
        progress_take(&reports->progress, stream == STREAM_STDOUT, line);
    if (news != PROGRESS_NOTHING) {
        tell_progress(reports, true);
    }
    if (news != PROGRESS_TOLD) {
        job_verdict_line(reports->options.verdict, stream, line);
    }
    return news == PROGRESS_TOLD;
}

static void on_batch(void *ctx, enum worker_stream stream, uint64_t lines, struct bytes text)
{
    struct job_reports *reports = ctx;
    spool_append(reports->options.kept->spool, stream, lines, text);
}

static enum err_code start_output(struct job_reports *reports, struct err *err)
{
    const struct job_order *order = reports->options.order;
    enum err_code code = job_log_open(&reports->log, reports->options.output_log, err);
    if (code == ERR_OK) {
        code = mask_create(order->environment, order->environment_count, &reports->mask, err);
    }
    struct output_options const output = {.batch_max = order->batch_max,
                                          .mask = reports->mask,
                                          .on_batch = on_batch,
                                          .on_raw = on_raw,
                                          .on_line = on_line,
                                          .ctx = reports};
    return code == ERR_OK ? output_create(&output, &reports->output, err) : code;
}

enum err_code job_reports_create(const struct job_reports_options *options,
                                 struct job_reports **ret_reports, struct err *err)
{
    struct job_reports *reports = calloc(1, sizeof *reports);
    if (reports == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a job's reports");
    }
    reports->options = *options;
    job_log_init(&reports->log);
    enum err_code code = options->output_log != NULL ? start_output(reports, err) : ERR_OK;
    if (code == ERR_OK) {
        struct report_options const report = {.loop = options->loop,
                                              .server = options->server,
                                              .job_id = options->order->id,
                                              .kept = options->kept,
                                              .output = reports->output,
                                              .used_ms = options->used_ms,
                                              .on_sent = options->on_sent,
                                              .on_gone = options->on_gone,
                                              .ctx = options->ctx};
        code = report_create(&report, &reports->report, err);
    }
    if (code != ERR_OK) {
        job_reports_close(reports);
        return code;
    }
    *ret_reports = reports;
    return ERR_OK;
}

void job_reports_close(struct job_reports *reports)
{
    if (reports == NULL) {
        return;
    }
    report_close(reports->report);
    output_destroy(reports->output);
    mask_destroy(reports->mask);
    job_log_close(&reports->log);
    free(reports);
}

void job_reports_feed(struct job_reports *reports, enum worker_stream stream, struct bytes bytes)
{
    output_feed(reports->output, stream, bytes);
    report_output(reports->report, false);
}

void job_reports_finish(struct job_reports *reports)
{
    output_finish(reports->output);
    job_log_flush(&reports->log);
}

void job_reports_drain(struct job_reports *reports)
{
    report_output(reports->report, true);
}

bool job_reports_are_drained(const struct job_reports *reports)
{
    return report_is_drained(reports->report);
}

void job_reports_stored_next(struct job_reports *reports, const char *operation)
{
    job_log_close(&reports->log);
    if (operation != NULL) {
        struct bytes const text = bytes_of_text(operation);
        report_progress(reports->report, reports->options.kept->facts.permille, &text, true);
    }
}

void job_reports_discard(struct job_reports *reports)
{
    output_discard(reports->output);
}

void job_reports_sample(struct job_reports *reports, const struct report_sample *sample)
{
    report_sample(reports->report, sample);
}

void job_reports_tick(struct job_reports *reports)
{
    job_log_flush(&reports->log);
    if (progress_by_time(&reports->progress, reports->options.used_ms(reports->options.ctx),
                         reports->options.order->limit_ms)) {
        tell_progress(reports, false);
    }
}

int64_t job_reports_silent_ms(const struct job_reports *reports)
{
    return (time_mono_ns() - report_accepted_ns(reports->report)) / NS_PER_MS;
}
