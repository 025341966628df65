// SPDX-License-Identifier: Apache-2.0
#include "core/market/estimate_json.h"

#include "core/base/text.h"

#include <inttypes.h>

static void text_member(struct buf *buf, const char *name, const char *value)
{
    buf_printf(buf, "\"%s\":", name);
    if (value == NULL) {
        buf_append_text(buf, "null");
    } else {
        json_append_string(buf, bytes_of_text(value));
    }
}

/* A count of millionths as a decimal number. */
static void millionths(struct buf *buf, const char *name, uint64_t value)
{
    buf_printf(buf, "\"%s\":%" PRIu64 ".%06" PRIu64, name, value / 1000000, value % 1000000);
}

void estimate_json_reference_price(size_t number, struct buf *ret)
{
    const struct gpu_row *gpu = &ESTIMATE_GPUS[number];
    if (gpu->cloud == NULL) {
        buf_append_text(ret, "null");
        return;
    }
    buf_append_text(ret, "{");
    text_member(ret, "gpu", gpu->name);
    buf_append_text(ret, ",");
    millionths(ret, "usd_per_hour", gpu->cloud_usd_micro_per_hour);
    buf_append_text(ret, ",");
    text_member(ret, "offers", gpu->cloud);
    buf_append_text(ret, ",");
    text_member(ret, "date", gpu->cloud_date);
    buf_append_text(ret, ",");
    text_member(ret, "source", gpu->cloud_source);
    buf_append_text(ret, "}");
}

static void price_member(const struct estimate_question *question, const struct estimate_time *time,
                         struct buf *ret)
{
    struct estimate_price price;
    buf_append_text(ret, "\"price\":");
    if (question->rate == 0 ||
        !estimate_price(time, question->rate, question->margin_bps, question->lock_min, &price)) {
        buf_append_text(ret, "null");
        return;
    }
    buf_printf(ret,
               "{\"rate\":%" PRId64 ",\"per_minute_milli\":%" PRIu64 ",\"total\":%" PRId64
               ",\"cap\":%" PRId64 ",\"margin_bps\":%" PRIu64 "}",
               question->rate, price.per_minute_milli, price.total, price.cap,
               question->margin_bps);
}

const char *estimate_time_text(const struct estimate_time *time, enum estimate_level level,
                               char ret[DURATION_TEXT_MAX])
{
    return level == ESTIMATE_HIGH ? duration_text(time->p50_ms, ret)
                                  : duration_range(time->p50_ms, time->p90_ms, ret);
}

static void time_object(const struct estimate_question *question, size_t gpu,
                        const struct estimate_time *time, struct buf *ret)
{
    char text[DURATION_TEXT_MAX];
    struct workload workload = estimate_workload_of(&question->job);
    enum estimate_level level = estimate_level_of(&workload, question->job.needs.gpus, time);
    buf_append_text(ret, "{");
    text_member(ret, "gpu", gpu == 0 ? NULL : ESTIMATE_GPUS[gpu].name);
    buf_printf(ret, ",\"p50_ms\":%" PRIu64 ",\"p90_ms\":%" PRIu64 ",", time->p50_ms, time->p90_ms);
    text_member(ret, "text", estimate_time_text(time, level, text));
    buf_append_text(ret, ",");
    text_member(ret, "likely", duration_text(time->p50_ms, text));
    buf_append_text(ret, ",");
    text_member(ret, "level", estimate_level_word(level));
    buf_append_text(ret, ",");
    text_member(ret, "basis", estimate_basis_text(time->basis, workload.task != 0));
    buf_append_text(ret, ",");
    text_member(ret, "note", estimate_note(question->job.needs.gpus));
    buf_printf(ret, ",\"observed\":%" PRIu64 ",", time->observed);
    price_member(question, time, ret);
    buf_append_text(ret, ",\"reference_price\":");
    estimate_json_reference_price(gpu, ret);
    buf_append_text(ret, "}");
}

static void sources_member(const struct task_row *task, struct buf *ret)
{
    buf_append_text(ret, "\"sources\":[");
    for (size_t i = 0; i < task->count; i++) { /* task 0 has none */
        const struct benchmark_row *row = &ESTIMATE_BENCHMARKS[task->first + i];
        buf_append_text(ret, i == 0 ? "{" : ",{");
        text_member(ret, "gpu", ESTIMATE_GPUS[row->gpu].name);
        buf_append_text(ret, ",");
        millionths(ret, "seconds", row->us);
        buf_append_text(ret, ",");
        text_member(ret, "status", row->status_word);
        buf_append_text(ret, ",");
        text_member(ret, "source", row->source);
        buf_append_text(ret, "}");
    }
    buf_append_text(ret, "]");
}

static void workload_member(const struct workload *workload, struct buf *ret)
{
    struct buf text;
    const struct task_row *task = &ESTIMATE_TASKS[workload->task];
    buf_append_text(ret, "\"workload\":{");
    text_member(ret, "task", task->name);
    buf_append_text(ret, ",");
    text_member(ret, "unit", task->unit);
    buf_printf(ret,
               ",\"units_micro\":%" PRIu64 ",\"start_ms\":%" PRIu64
               ",\"same_program\":%s,\"assumed\":[",
               workload->work_micro, workload->start_ms,
               workload->task != 0 && !workload->is_like ? "true" : "false");
    uint32_t assumed = workload->assumed;
    for (const char *sep = ""; assumed != 0; sep = ",") {
        buf_printf(ret, "%s\"%s\"", sep, workload_assumed_word(&assumed));
    }
    buf_append_text(ret, "],");
    buf_init(&text, 1024);
    workload_text(workload, &text);
    text_member(ret, "text", buf_text(&text));
    buf_deinit(&text);
    buf_append_text(ret, ",");
    sources_member(task, ret);
    buf_append_text(ret, "}");
}

void estimate_json(const struct estimate_question *question, const struct estimate_times *times,
                   const char *path, struct buf *ret)
{
    struct workload workload = estimate_workload_of(&question->job);
    buf_append_text(ret, "{");
    if (path != NULL) {
        text_member(ret, "path", path);
        buf_append_text(ret, ",");
    }
    text_member(ret, "job_type",
                enum_word(&job_type_words, (uint32_t)upload_job_type(&question->job)));
    buf_printf(ret, ",\"table_version\":%d,", ESTIMATE_TABLE_VERSION);
    workload_member(&workload, ret);
    buf_append_text(ret, ",\"estimates\":[");
    if (question->has_offer || upload_needs(&question->job)->device != DEVICE_GPU) {
        struct estimate_time time = estimate_on(times, &question->offer);
        time_object(question, question->offer.gpu_model, &time, ret);
    } else {
        const char *sep = "";
        for (size_t gpu = 1; gpu < ESTIMATE_GPU_COUNT; gpu++) {
            if (question->gpu == 0 || question->gpu == gpu) {
                buf_append_text(ret, sep);
                time_object(question, gpu, &times->on_gpu[gpu], ret);
                sep = ",";
            }
        }
    }
    buf_append_text(ret, "]}");
}
