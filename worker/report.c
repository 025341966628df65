/* worker/report.c: a tick looks what is due, most urgent first: heartbeat, samples, output. */
// SPDX-License-Identifier: Apache-2.0
#include "worker/report.h"

#include "core/base/buf.h"
#include "core/base/id.h"
#include "core/base/invariant.h"
#include "core/base/job_rules.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "worker/errand.h"
#include "worker/job_protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 100
#define PROGRESS_MIN_MS 500 /* a program may report as often as it likes */
#define GAPS_MAX 5
#define BODY_MAX (4U << 20)
#define SEVERAL_MAX (192U << 10) /* of one request; a server reads 256 KiB */

enum report_kind { KIND_NONE, KIND_PROGRESS, KIND_METRICS, KIND_OUTPUT };

struct report {
    struct report_options options;
    char job_id[ID_TEXT_SIZE];
    uv_timer_t timer;
    struct errand *errand;
    enum report_kind in_flight;
    bool gone;

    struct job_kept_facts *facts; /* what the next worker would need is there */

    bool progress_dirty;
    int64_t progress_sent_ns;

    bool last;
    int64_t flushed_ns;
    uint64_t sent_first_line;
    uint64_t sent_lines;
    int gaps;        /* one after another */
    bool one_by_one; /* the server is older than the route for several */

    int64_t accepted_ns;
};

static void pump(struct report *report);

static void on_timer(uv_timer_t *timer)
{
    report_output(timer->data, false);
}

enum err_code report_create(const struct report_options *options, struct report **ret_report,
                            struct err *err)
{
    struct report *report = calloc(1, sizeof *report);
    if (report == NULL || uv_timer_init(options->loop, &report->timer) != 0) {
        free(report);
        return err_set(err, ERR_NOMEM, "no memory for reports");
    }
    report->options = *options;
    report->facts = &options->kept->facts;
    (void)snprintf(report->job_id, sizeof report->job_id, "%s", options->job_id);
    report->timer.data = report;
    report->accepted_ns = time_mono_ns();
    report->progress_sent_ns = report->accepted_ns;
    (void)uv_timer_start(&report->timer, on_timer, TICK_MS, TICK_MS);
    *ret_report = report;
    return ERR_OK;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void report_close(struct report *report)
{
    if (report == NULL) {
        return;
    }
    errand_cancel(report->errand);
    report->errand = NULL;
    report->gone = true;
    uv_close((uv_handle_t *)&report->timer, on_closed);
}

/* ── answers ───────────────────────────────────────────────────────────────────────────────────── */

/* The next line the server wants: a member of the answer, or the number in its sentence. */
static bool wanted_line(const struct server_reply *reply, uint64_t *ret)
{
    const json_t *member = json_object_get(reply->body, "next_line");
    if (json_is_integer(member) && json_integer_value(member) > 0) {
        *ret = (uint64_t)json_integer_value(member);
        return true;
    }
    const char *digits = reply->detail + strcspn(reply->detail, "0123456789");
    return u64_parse(bytes_of(digits, strspn(digits, "0123456789")), ret, NULL) == ERR_OK &&
           *ret > 0;
}

static void keep_no_more(struct report *report)
{
    spool_discard(report->options.kept->spool);
    if (report->options.output != NULL) {
        output_discard(report->options.output);
    }
}

static void output_refused(struct report *report, const struct server_reply *reply)
{
    uint64_t next_line;
    if (strcmp(reply->code, "output_gap") == 0 && report->gaps < GAPS_MAX &&
        wanted_line(reply, &next_line)) {
        report->gaps++;
        trace(TRACE_WARN, "report.gap", "job=%s ours=%llu theirs=%llu", report->job_id,
              (unsigned long long)report->sent_first_line, (unsigned long long)next_line);
        spool_resync(report->options.kept->spool, next_line);
        return;
    }
    if (strcmp(reply->code, "no_such_route") == 0 && !report->one_by_one) {
        report->one_by_one = true;
        return;
    }
    /* Past the quota, or something we cannot mend: the whole output is among the results. */
    trace(TRACE_WARN, "report.output_refused", "job=%s code=%s detail=\"%s\"", report->job_id,
          reply->code, reply->detail);
    keep_no_more(report);
}

/* What was in the request is not to be sent again. */
static void drop_samples(struct report *report)
{
    struct job_kept_facts *facts = report->facts;
    facts->sample_count -= facts->samples_sent;
    memmove(facts->samples, facts->samples + facts->samples_sent,
            facts->sample_count * sizeof facts->samples[0]);
    facts->samples_sent = 0;
    job_kept_save(report->options.kept);
}

static void accepted(struct report *report, const struct server_reply *reply)
{
    uint64_t next_line;
    report->accepted_ns = time_mono_ns();
    if (report->in_flight == KIND_METRICS) {
        drop_samples(report);
    } else if (report->in_flight == KIND_OUTPUT) {
        report->gaps = 0;
        if (!wanted_line(reply, &next_line)) {
            next_line = report->sent_first_line + report->sent_lines;
        }
        if (json_is_true(json_object_get(reply->body, "quota_reached")) ||
            next_line <= report->sent_first_line) { /* it keeps no more */
            keep_no_more(report);
        } else {
            spool_resync(report->options.kept->spool, next_line);
        }
    }
}

static void on_reply(void *ctx, const struct server_reply *reply)
{
    struct report *report = ctx;
    enum report_kind const kind = report->in_flight;
    report->errand = NULL;
    switch (reply->outcome) {
    case SERVER_OK:
        accepted(report, reply);
        break;
    case SERVER_GONE:
    case SERVER_DENIED:
        report->in_flight = KIND_NONE;
        report->gone = true;
        report->options.on_gone(report->options.ctx, reply->code, reply->detail);
        return; /* the report may be closed by now */
    case SERVER_REFUSED:
        if (kind == KIND_OUTPUT) {
            output_refused(report, reply);
        } else {
            trace(TRACE_WARN, "report.refused", "job=%s kind=%d code=%s detail=\"%s\"",
                  report->job_id, (int)kind, reply->code, reply->detail);
            if (kind == KIND_METRICS) {
                drop_samples(report);
            }
        }
        break;
    case SERVER_RETRY:
        IMPOSSIBLE("an errand without end gave up");
    }
    report->in_flight = KIND_NONE;
    pump(report);
    report->options.on_sent(report->options.ctx);
}

/* ── sending ───────────────────────────────────────────────────────────────────────────────────── */

/* With a key of its own, or with `key`. */
static void post(struct report *report, enum report_kind kind, const char *route, const char *key,
                 const struct buf *body)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/v1/workers/jobs/%s/%s", report->job_id, route);
    struct errand_options const options = {
        .loop = report->options.loop,
        .server = report->options.server,
        .request = {.method = "POST",
                    .path = path,
                    .body = buf_bytes(body),
                    .idempotency_key = key},
        .keyed = key == NULL,
        .on_done = on_reply,
        .ctx = report,
    };
    struct err err = {0};
    if (body->failed || errand_start(&options, &report->errand, &err) != ERR_OK) {
        trace(TRACE_ERROR, "report.no_memory", "job=%s", report->job_id);
        return;
    }
    report->in_flight = kind;
}

static void send_progress(struct report *report, struct buf *body)
{
    struct job_kept_facts *facts = report->facts;
    facts->used_ms = report->options.used_ms(report->options.ctx);
    job_kept_save(report->options.kept);
    buf_printf(body, "{\"permille\":%llu,\"used_ms\":%llu,\"operation\":",
               (unsigned long long)facts->permille, (unsigned long long)facts->used_ms);
    json_append_string(body, bytes_of_text(facts->operation));
    buf_append_byte(body, '}');
    report->progress_dirty = false;
    report->progress_sent_ns = time_mono_ns();
    post(report, KIND_PROGRESS, "progress", NULL, body);
}

static void append_sample(struct buf *body, const struct report_sample *sample)
{
    const struct gpu_sample *gpu = &sample->gpu;
    const struct {
        const char *name;
        uint64_t value;
        bool known;
        uint64_t max; /* the server's: a driver's nonsense costs the number, not the report */
    } numbers[] = {
        {"cpu_permille", sample->cpu_permille, true, UINT64_MAX},
        {"ram_mib", sample->ram_mib, true, UINT64_MAX},
        {"ram_total_mib", sample->ram_total_mib, true, UINT64_MAX},
        {"gpu_permille", gpu->permille, sample->has_gpu, 1000},
        {"vram_mib", gpu->vram_mib, sample->has_gpu, UINT64_MAX},
        {"vram_total_mib", gpu->vram_total_mib, sample->has_gpu, UINT64_MAX},
        {"temperature_c", gpu->temperature_c, sample->has_gpu, 1000},
        {"power_mw", gpu->power_mw, sample->has_gpu, 100000000},
        {"fan_percent", gpu->fan_percent, (gpu->known & GPU_KNOWN_FAN) != 0, 1000},
        {"sm_clock_mhz", gpu->sm_mhz, (gpu->known & GPU_KNOWN_SM_CLOCK) != 0, UINT16_MAX},
        {"memory_clock_mhz", gpu->memory_mhz, (gpu->known & GPU_KNOWN_MEMORY_CLOCK) != 0,
         UINT16_MAX},
        {"throttle_reasons", gpu->throttle, (gpu->known & GPU_KNOWN_THROTTLE) != 0, UINT32_MAX},
        {"xid", gpu->xid, (gpu->known & GPU_KNOWN_XID) != 0, UINT32_MAX},
    };
    buf_printf(body, "{\"at_ms\":%llu", (unsigned long long)sample->at_ms);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i].known && numbers[i].value <= numbers[i].max) {
            buf_printf(body, ",\"%s\":%llu", numbers[i].name, (unsigned long long)numbers[i].value);
        }
    }
    buf_append_byte(body, '}');
}

static void send_metrics(struct report *report, struct buf *body)
{
    buf_append_text(body, "{\"samples\":[");
    struct job_kept_facts *facts = report->facts;
    if (facts->samples_sent ==
        0) { /* otherwise as they were in the request that a worker before us sent */
        facts->samples_sent = facts->sample_count;
        server_new_key(facts->samples_key);
        job_kept_save(report->options.kept);
    }
    for (size_t i = 0; i < facts->samples_sent; i++) {
        buf_append_text(body, i == 0 ? "" : ",");
        append_sample(body, &facts->samples[i]);
    }
    buf_append_text(body, "]}");
    post(report, KIND_METRICS, "metrics", facts->samples_key, body);
}

static void append_output(struct buf *body, const struct spool_batch *batch)
{
    buf_printf(body, "{\"source\":\"%s\",\"first_line\":%llu,\"text\":",
               batch->stream == STREAM_STDOUT ? "stdout" : "stderr",
               (unsigned long long)batch->first_line);
    json_append_string(body, batch->text);
    buf_append_byte(body, '}');
}

/* With more of what waits, as far as one request goes: behind a server that was away there may be hundreds of batches. Only output goes so: what of it is there
 * the server says itself, whatever became of the request. */
static void send_output(struct report *report, const struct spool_batch *batch, struct buf *body)
{
    struct spool *spool = report->options.kept->spool;
    struct spool_ahead ahead = {0};
    struct spool_batch next;
    buf_init(&ahead.text, BODY_MAX);
    bool more = !report->one_by_one && spool_ahead(spool, &ahead, &next);
    bool const several = more;
    report->sent_first_line = batch->first_line;
    report->sent_lines = batch->lines;
    buf_append_text(body, several ? "{\"reports\":[{\"output\":" : "");
    append_output(body, batch);
    for (size_t i = 1; more && i < JOB_REPORTS_MAX; i++) {
        size_t const before = body->size;
        buf_append_text(body, "},{\"output\":");
        append_output(body, &next);
        if (body->size > SEVERAL_MAX) {
            body->size = before;
            break;
        }
        report->sent_lines += next.lines;
        more = spool_ahead(spool, &ahead, &next);
    }
    buf_append_text(body, several ? "}]}" : "");
    post(report, KIND_OUTPUT, several ? "reports" : "output", NULL, body);
    buf_deinit(&ahead.text);
}

static void pump(struct report *report)
{
    struct buf body;
    struct spool_batch batch;
    if (report->gone || report->errand != NULL) {
        return;
    }
    int64_t const now = time_mono_ns();
    int64_t const silent_ms = (now - report->progress_sent_ns) / NS_PER_MS;
    buf_init(&body, BODY_MAX);
    /* A little before its time, so that it arrives in time. */
    if (silent_ms >= (int64_t)(report->facts->heartbeat_ms * 4 / 5) ||
        (report->progress_dirty && (report->last || silent_ms >= PROGRESS_MIN_MS))) {
        send_progress(report, &body);
    } else if (report->facts->sample_count > 0) {
        send_metrics(report, &body);
    } else if (spool_front(report->options.kept->spool, &batch)) {
        send_output(report, &batch, &body);
    }
    buf_deinit(&body);
}

void report_progress(struct report *report, uint64_t permille, const struct bytes *operation,
                     bool soon)
{
    report->facts->permille = permille <= 1000 ? permille : 1000;
    if (operation != NULL) {
        INVARIANT(operation->size <= JOB_OPERATION_MAX);
        memcpy(report->facts->operation, operation->data, operation->size);
        report->facts->operation[operation->size] = 0;
    }
    report->progress_dirty = report->progress_dirty || soon;
}

void report_sample(struct report *report, const struct report_sample *sample)
{
    struct job_kept_facts *facts = report->facts;
    if (facts->sample_count == JOB_SAMPLES_MAX) {
        if (facts->samples_sent > 0) {
            return; /* they are being sent: the list is not to be moved */
        }
        facts->sample_count--;
        memmove(facts->samples, facts->samples + 1, facts->sample_count * sizeof facts->samples[0]);
    }
    facts->samples[facts->sample_count++] = *sample;
    facts->used_ms = sample->at_ms;
    job_kept_save(report->options.kept);
}

void report_output(struct report *report, bool last)
{
    int64_t const now = time_mono_ns();
    report->last = report->last || last;
    /* In flight or not: what is in the spool is not lost with the worker. */
    if (report->options.output != NULL &&
        (report->last || (now - report->flushed_ns) / NS_PER_MS >= REPORT_FLUSH_MS - TICK_MS)) {
        report->flushed_ns = now;
        output_flush(report->options.output);
    }
    pump(report);
}

bool report_is_drained(const struct report *report)
{
    return report->in_flight == KIND_NONE && !report->progress_dirty &&
           spool_is_empty(report->options.kept->spool);
}

int64_t report_accepted_ns(const struct report *report)
{
    return report->accepted_ns;
}
