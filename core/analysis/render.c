/* The analysis as one JSON object. Thousandths are written as decimals: 2000 → 2.000. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/analysis.h"
#include "core/base/driver_version.h"
#include "core/base/text.h"

static void text_member(struct buf *buf, const char *name, const char *value)
{
    buf_printf(buf, "\"%s\":", name);
    json_append_string(buf, bytes_of_text(value));
}

static void text_or_null(struct buf *buf, const char *value)
{
    if (value == NULL) {
        buf_append_text(buf, "null");
    } else {
        json_append_string(buf, bytes_of_text(value));
    }
}

static void thousandths(struct buf *buf, uint64_t value)
{
    buf_printf(buf, "%llu.%03llu", (unsigned long long)(value / 1000),
               (unsigned long long)(value % 1000));
}

static void render_parameters(const struct analysis *analysis, struct buf *buf)
{
    buf_append_text(buf, "\"parameters\":{");
    for (size_t i = 0; i < analysis->parameter_count; i++) {
        const struct analysis_parameter *item = &analysis->parameters[i];
        buf_append_text(buf, i == 0 ? "" : ",");
        if (item->is_number) {
            buf_printf(buf, "\"%s\":%s", item->name, item->value);
        } else {
            text_member(buf, item->name, item->value);
        }
    }
    buf_append_text(buf, "}");
}

/* "12.1" of 121; null of 0. */
static void tenths(struct buf *buf, const char *name, uint32_t value)
{
    buf_printf(buf, ",\"%s\":", name);
    if (value == 0) {
        buf_append_text(buf, "null");
    } else {
        buf_printf(buf, "\"%u.%u\"", value / 10, value % 10);
    }
}

static void render_software(const struct analysis_requirements *needs, struct buf *buf)
{
    struct buf names;
    buf_init(&names, SOFTWARE_LIST_MAX);
    software_packages_append(needs->packages, "\",\"", &names);
    const char *quote = needs->packages == 0 ? "" : "\"";
    buf_printf(buf, ",\"packages\":[%s%s%s],\"model\":", quote, buf_text(&names), quote);
    buf_deinit(&names);
    text_or_null(buf, needs->model);
    buf_append_text(buf, ",\"image\":");
    text_or_null(buf, needs->image);
}

static void render_needs(const struct analysis *analysis, struct buf *buf)
{
    const struct analysis_requirements *needs = &analysis->requirements;
    const struct analysis_estimate *estimate = &analysis->estimate;

    buf_printf(buf, "\"requirements\":{\"device\":\"%s\",\"gpus\":%u,\"vram_mib\":%llu,\"tflops\":",
               analysis_device_word(needs->device), needs->gpus,
               (unsigned long long)needs->vram_mib);
    thousandths(buf, needs->tflops_milli);
    buf_printf(buf, ",\"ram_mib\":%llu,\"storage_mib\":%llu", (unsigned long long)needs->ram_mib,
               (unsigned long long)needs->storage_mib);
    tenths(buf, "compute_capability", needs->compute_capability);
    tenths(buf, "cuda", needs->cuda);
    if (needs->driver == 0) {
        buf_append_text(buf, ",\"driver\":null");
    } else {
        char driver[DRIVER_VERSION_TEXT_SIZE];
        driver_version_format(needs->driver, driver);
        buf_printf(buf, ",\"driver\":\"%s\"", driver);
    }
    render_software(needs, buf);
    buf_append_text(buf, "}");
    buf_printf(buf, ",\"estimate\":{\"reference\":\"%s\",\"p50_seconds\":",
               needs->device == ANALYSIS_DEVICE_GPU ? "NVIDIA GeForce RTX 3090" : "one CPU core");
    thousandths(buf, estimate->p50_ms);
    buf_append_text(buf, ",\"p90_seconds\":");
    thousandths(buf, estimate->p90_ms);
    buf_printf(buf, ",\"level\":\"%s\",", analysis_level_word(estimate->level));
    text_member(buf, "basis", estimate->basis);
    buf_append_text(buf, "}");
}

static void render_settings(const struct analysis *analysis, struct buf *buf)
{
    buf_append_text(buf, "\"settings\":[");
    for (size_t i = 0; i < analysis->setting_count; i++) {
        const struct analysis_setting *item = &analysis->settings[i];
        buf_append_text(buf, i == 0 ? "{" : ",{");
        text_member(buf, "parameter", item->parameter);
        buf_printf(buf, ",\"kind\":\"%s\",", item->is_variable ? "variable" : "argument");
        text_member(buf, "as", item->as);
        buf_append_text(buf, ",");
        text_member(buf, "file", item->file);
        buf_printf(buf, ",\"line\":%u}", item->line);
    }
    buf_append_text(buf, "]");
}

static void render_variables(const struct analysis *analysis, struct buf *buf)
{
    buf_append_text(buf, "\"environment\":[");
    for (size_t i = 0; i < analysis->variable_count; i++) {
        const struct analysis_variable *item = &analysis->variables[i];
        buf_append_text(buf, i == 0 ? "{" : ",{");
        text_member(buf, "name", item->name);
        buf_printf(buf, ",\"needed\":%s,", item->is_needed ? "true" : "false");
        text_member(buf, "file", item->file);
        buf_printf(buf, ",\"line\":%u}", item->line);
    }
    buf_append_text(buf, "]");
}

static void render_evidence(const struct analysis *analysis, struct buf *buf)
{
    buf_append_text(buf, "\"evidence\":[");
    for (size_t i = 0; i < analysis->evidence_count; i++) {
        const struct analysis_evidence *item = &analysis->evidence[i];
        buf_append_text(buf, i == 0 ? "{" : ",{");
        text_member(buf, "file", item->file);
        buf_printf(buf, ",\"line\":%u,", item->line);
        text_member(buf, "words", item->words);
        buf_append_text(buf, ",");
        text_member(buf, "claim", item->claim);
        buf_append_text(buf, "}");
    }
    buf_append_text(buf, "]");
}

static void render_files(const struct analysis *analysis, struct buf *buf)
{
    buf_append_text(buf, ",\"entry\":");
    text_or_null(buf, analysis->entry);
    buf_printf(buf, ",\"file_count\":%llu,\"files\":[",
               (unsigned long long)analysis->file_count_all);
    for (size_t i = 0; i < analysis->file_count; i++) {
        const struct analysis_file *file = &analysis->files[i];
        buf_append_text(buf, i == 0 ? "{" : ",{");
        text_member(buf, "path", file->path);
        buf_printf(buf, ",\"kind\":\"%s\",\"role\":\"%s\",\"size\":%llu,\"error\":",
                   analysis_kind_word(file->kind), analysis_role_word(file->role),
                   (unsigned long long)file->size);
        text_or_null(buf, file->error);
        buf_append_text(buf, "}");
    }
    buf_append_text(buf, "]");
}

enum err_code analysis_json(const struct analysis *analysis, const char *path, struct buf *buf,
                            struct err *err)
{
    bool first = true;
    buf_append_text(buf, "{");
    if (path != NULL) {
        text_member(buf, "path", path);
        buf_append_text(buf, ",");
    }
    buf_printf(buf, "\"analyser_version\":%d,\"kind\":\"%s\",\"frameworks\":[", ANALYSIS_VERSION,
               analysis_kind_word(analysis->kind));
    for (uint32_t i = 1; i < ANALYSIS_FRAMEWORK_COUNT; i++) {
        if ((analysis->frameworks & (1u << i)) != 0) {
            buf_printf(buf, "%s\"%s\"", first ? "" : ",",
                       analysis_framework_word((enum analysis_framework)i));
            first = false;
        }
    }
    buf_printf(buf,
               "],\"primary\":\"%s\",\"job_type\":\"%s\",\"job_class\":\"%s\",\"mode\":\"%s\",",
               analysis_framework_word(analysis->primary), analysis_job_word(analysis->job),
               analysis_class_word(analysis_class_of(analysis->job, analysis->mode)),
               analysis_mode_word(analysis->mode));
    buf_append_text(buf, "\"confidence\":{\"value\":");
    thousandths(buf, analysis->confidence_permille);
    buf_printf(buf, ",\"level\":\"%s\"},\"syntax_errors\":%s,\"cut\":%s,",
               analysis_level_word(analysis_level_of(analysis->confidence_permille)),
               analysis->syntax_errors ? "true" : "false", analysis->cut ? "true" : "false");
    render_parameters(analysis, buf);
    buf_append_text(buf, ",");
    render_needs(analysis, buf);
    buf_append_text(buf, ",");
    render_settings(analysis, buf);
    buf_append_text(buf, ",");
    render_variables(analysis, buf);
    buf_append_text(buf, ",");
    render_evidence(analysis, buf);
    if (analysis->file_count > 0) {
        render_files(analysis, buf);
    }
    buf_append_text(buf, "}");
    return buf_check(buf, err);
}
