// SPDX-License-Identifier: Apache-2.0
#include "api/upload_analysis.h"

#include "core/analysis/analysis.h"
#include "core/analysis/deadline.h"
#include "core/analysis/kind.h"
#include "core/base/software.h"
#include "core/base/text.h"
#include "core/market/estimate.h"
#include "core/market/stock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define DETAIL_MAX ((size_t)60000) /* of analysis.completed: a private part has 65,535 bytes */
#define REASON_MAX ((size_t)16000)
#define ANALYSIS_ARENA_MAX ((size_t)16 << 20)
#define PARSE_MIB 128
#define QUICK_SIZE_MAX ((size_t)64 << 10) /* of the worst source that takes less than 0.1 s */
#define TAR_BLOCK 512
#define TAR_NAME_MAX 100
#define TAR_PREFIX_MAX 155

/* What one upload may cost. Of slow ones BLOB_SLOW_MAX run at a time, so that much memory at most. */
static struct analysis_limits limits_of(const struct blob_body *body)
{
    const struct api_options *options = &body->call->api->options;
    struct analysis_limits limits = ANALYSIS_LIMITS;
    limits.parse_memory_max =
        (size_t)(options->analysis_mib == 0 ? PARSE_MIB : options->analysis_mib) << 20;
    if (options->analysis_ms != 0) {
        limits.together_time_max_ms = options->analysis_ms;
    }
    if (limits.parse_time_max_ms > limits.together_time_max_ms) {
        limits.parse_time_max_ms = limits.together_time_max_ms;
    }
    return limits;
}

/* ── the event ─────────────────────────────────────────────────────────────────────────────────── */

static enum err_code render(struct analysis *analysis, struct buf *ret, struct err *err)
{
    enum err_code code = analysis_json(analysis, NULL, ret, err);
    if (code == ERR_TOO_LARGE) { /* very wordy evidence: the claims stand without it */
        buf_clear(ret);
        analysis->evidence_count = 0;
        analysis->cut = true;
        code = analysis_json(analysis, NULL, ret, err);
    }
    return code;
}

static struct id16 item_of(const struct analysis *a)
{
    bool const is_container = a->kind == ANALYSIS_KIND_DOCKERFILE;
    const char *name = is_container ? a->requirements.image : a->requirements.model;
    return name == NULL ? (struct id16){0}
                        : stock_item(is_container ? STOCK_IMAGE : STOCK_MODEL, bytes_of_text(name));
}

/* The numbers of core/analysis are those of core/event/kinds.h; a test of theirs compares. */
static struct ev_analysis_completed event_of(const struct analysis *a)
{
    const struct analysis_requirements *needs = &a->requirements;
    return (struct ev_analysis_completed){
        .analyser_version = ANALYSIS_VERSION,
        .kind = (enum upload_kind)a->kind,
        .job_type = (enum job_type)a->job,
        .framework = (enum framework)a->primary,
        .confidence_permille = a->confidence_permille,
        .device = (enum device)needs->device,
        .gpus = needs->gpus,
        .vram_mib = needs->vram_mib,
        .tflops_milli = needs->tflops_milli,
        .ram_mib = needs->ram_mib,
        .storage_mib = needs->storage_mib,
        .compute_capability = needs->compute_capability,
        .driver = needs->driver,
        .item = item_of(a),
        .reference_p50_ms = a->estimate.p50_ms,
        .reference_p90_ms = a->estimate.p90_ms,
    };
}

/* Where a benchmark is like the job, its time comes from there. */
static void size_workload(struct upload *upload, struct analysis *analysis, struct arena *arena)
{
    struct workload workload;
    enum estimate_level level;
    struct buf basis;
    buf_init(&basis, 1024);
    bool is_known =
        estimate_reference(&analysis->work, analysis->requirements.gpus, &workload, &level, &basis);
    if (is_known) {
        analysis_retime(analysis, workload.p50_ms, workload.p90_ms, (enum analysis_level)level,
                        buf_bytes(&basis), arena);
    }
    buf_deinit(&basis);
    if (!is_known) {
        return;
    }
    upload->workload =
        (struct ev_workload_sized){.task = bytes_of_text(ESTIMATE_TASKS[workload.task].name),
                                   .work_micro = workload.work_micro,
                                   .start_ms = workload.start_ms,
                                   .assumed = workload.assumed,
                                   .is_like = workload.is_like,
                                   .table_version = ESTIMATE_TABLE_VERSION};
}

static enum err_code keep(struct blob_body *body, struct analysis *found, struct err *err)
{
    struct upload *upload = body->state;
    struct buf detail;
    struct buf packages;
    buf_init(&detail, DETAIL_MAX);
    buf_init(&packages, SOFTWARE_LIST_MAX);
    enum err_code code = render(found, &detail, err);
    if (code == ERR_OK) {
        software_packages_append(found->requirements.packages, " ", &packages);
        upload->analysis = event_of(found);
        /* The call awaits this job, so nobody else has its arena now. */
        upload->analysis.detail = arena_copy(&body->call->arena, buf_bytes(&detail));
        upload->analysis.packages = arena_copy(&body->call->arena, buf_bytes(&packages));
        code = upload->analysis.detail.data != NULL && !packages.failed &&
                       upload->analysis.packages.size == packages.size
                   ? ERR_OK
                   : err_set(err, ERR_NOMEM, "no memory for the analysis");
    }
    buf_deinit(&packages);
    buf_deinit(&detail);
    return code;
}

/* ── several files ─────────────────────────────────────────────────────────────────────────────── */

struct several {
    struct blob_body *body;
    struct blob_inspection *inspection;
    struct bytes content;
    struct arena *arena;
    struct analysis_input inputs[BLOB_BODY_PARTS_MAX];
    size_t order[BLOB_BODY_PARTS_MAX]; /* of the parts that are kept, by path */
    size_t kept;
};

/* Where a path is cut for a tar's two fields; false: it fits in neither way. */
static bool tar_cut(const char *path, size_t *ret_prefix)
{
    size_t size = strlen(path);
    size_t best = SIZE_MAX;
    if (size <= TAR_NAME_MAX) {
        *ret_prefix = 0;
        return true;
    }
    for (size_t i = 1; i < size && i <= TAR_PREFIX_MAX; i++) {
        best = path[i] == '/' && size - i - 1 <= TAR_NAME_MAX ? i : best;
    }
    *ret_prefix = best;
    return best != SIZE_MAX;
}

/* POSIX ustar. */
static void tar_header(const char *path, uint64_t size, uint8_t ret[TAR_BLOCK])
{
    size_t prefix = 0;
    unsigned sum = 0;
    char octal[16];
    memset(ret, 0, TAR_BLOCK);
    (void)tar_cut(path, &prefix);
    const char *name = prefix == 0 ? path : path + prefix + 1;
    memcpy(ret, name, strlen(name));
    memcpy(ret + 100, "0000644", 7);
    memcpy(ret + 108, "0000000", 7);
    memcpy(ret + 116, "0000000", 7);
    (void)snprintf(octal, sizeof octal, "%011llo", (unsigned long long)size);
    memcpy(ret + 124, octal, 11);
    memcpy(ret + 136, "00000000000", 11);
    ret[156] = '0';
    memcpy(ret + 257,
           "ustar\0"
           "00",
           8);
    memcpy(ret + 345, path, prefix);
    memset(ret + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        sum += ret[i];
    }
    (void)snprintf(octal, sizeof octal, "%06o", sum);
    memcpy(ret + 148, octal, 6);
    ret[154] = '\0';
}

static int by_path(const void *left, const void *right, void *user)
{
    const struct several *s = user;
    return strcmp(s->inputs[*(const size_t *)left].path, s->inputs[*(const size_t *)right].path);
}

/* The parts that the analysis lists without an error; what it does not list at all is a system's leftover. */
static void choose(struct several *s, const struct analysis *found)
{
    for (size_t i = 0; i < s->body->part_count; i++) {
        for (size_t j = 0; j < found->file_count; j++) {
            if (found->files[j].error == NULL &&
                strcmp(found->files[j].path, s->inputs[i].path) == 0) {
                s->order[s->kept++] = i;
                break;
            }
        }
    }
    qsort_r(s->order, s->kept, sizeof s->order[0], by_path, s);
}

static enum err_code append_file(struct several *s, size_t index, bool in_tar, struct err *err)
{
    static const uint8_t zeros[2 * TAR_BLOCK];
    const struct analysis_input *input = &s->inputs[index];
    uint8_t header[TAR_BLOCK];
    enum err_code code = ERR_OK;
    if (in_tar) {
        tar_header(input->path, input->size, header);
        code = blob_replace_append(s->inspection, bytes_of(header, sizeof header), err);
    }
    if (code == ERR_OK) {
        code = blob_replace_append(s->inspection, input->content, err);
    }
    if (code == ERR_OK && in_tar && input->size % TAR_BLOCK != 0) {
        size_t gap = (size_t)(TAR_BLOCK - input->size % TAR_BLOCK);
        code = blob_replace_append(s->inspection, bytes_of(zeros, gap), err);
    }
    return code;
}

/* One blob of the files that are kept. */
static enum err_code replace(struct several *s, struct err *err)
{
    static const uint8_t end[2 * TAR_BLOCK];
    bool in_tar = s->kept > 1;
    enum err_code code = blob_replace_begin(s->inspection, err);
    for (size_t i = 0; code == ERR_OK && i < s->kept; i++) {
        code = append_file(s, s->order[i], in_tar, err);
    }
    if (code == ERR_OK && in_tar) {
        code = blob_replace_append(s->inspection, bytes_of(end, sizeof end), err);
    }
    return code == ERR_OK ? blob_replace_commit(s->inspection, err) : code;
}

/* Why each file is none, when no job can be made of them: their reasons behind the one for all. */
static void explain(struct several *s, const struct err *why)
{
    struct upload *upload = s->body->state;
    struct buf text;
    buf_init(&text, REASON_MAX);
    buf_append_text(&text, why->message);
    struct analysis_limits const limits = limits_of(s->body);
    /* They were all read once, and are read again here: 64 of them may take no minute of a thread that others wait for. */
    struct deadline const deadline = deadline_in(limits.together_time_max_ms);
    for (size_t i = 0; i < s->body->part_count && deadline_left_ms(deadline) > 0; i++) {
        struct err err = {0};
        struct arena arena;
        struct analysis alone;
        arena_init(&arena, ANALYSIS_ARENA_MAX);
        if (analysis_run_limited(s->inputs[i].content, s->inputs[i].path, &limits, &arena, &alone,
                                 &err) != ERR_OK) {
            buf_printf(&text, "; %s: %s", s->inputs[i].path, err.message);
        }
        arena_deinit(&arena);
    }
    upload->reason = arena_copy(&s->body->call->arena, buf_bytes(&text));
    buf_deinit(&text);
}

/* One good file among bad ones is that file, not a bundle; the bad ones keep their reasons. */
static enum err_code run_alone(struct several *s, struct analysis *found, struct err *err)
{
    struct analysis together = *found;
    const struct analysis_input *input = &s->inputs[s->order[0]];
    struct analysis_limits const limits = limits_of(s->body);
    enum err_code code =
        analysis_run_limited(input->content, input->path, &limits, s->arena, found, err);
    if (code == ERR_OK) {
        found->files = together.files;
        found->file_count = together.file_count;
        found->file_count_all = together.file_count_all;
    }
    return code;
}

static enum err_code analyse_several(struct several *s, const char *entry, struct analysis *found,
                                     struct err *err)
{
    struct blob_body *body = s->body;
    size_t ignored = 0;
    for (size_t i = 0; i < body->part_count; i++) {
        const struct blob_part *part = &body->parts[i];
        const char *path = arena_text(s->arena, part->path);
        if (path == NULL) {
            return err_set(err, ERR_NOMEM, "no memory to analyse the files");
        }
        if (!tar_cut(path, &ignored)) {
            return err_set(err, ERR_INVALID, "of several files each has a name of at most %d bytes",
                           TAR_NAME_MAX);
        }
        s->inputs[i] = (struct analysis_input){
            .path = path,
            .size = part->size,
            .content = bytes_of(s->content.data + part->offset, (size_t)part->size)};
    }
    const struct analysis_files files = {
        .inputs = s->inputs, .count = body->part_count, .entry = entry, .loose = true};
    struct analysis_limits const limits = limits_of(body);
    enum err_code code = analysis_run_files(&files, &limits, s->arena, found, err);
    if (code == ERR_INVALID) {
        explain(s, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    choose(s, found);
    if (s->kept == 1) {
        code = run_alone(s, found, err);
        const char *name = strrchr(s->inputs[s->order[0]].path, '/');
        name = name == NULL ? s->inputs[s->order[0]].path : name + 1;
        body->file_name = arena_copy(&body->call->arena, bytes_of_text(name));
    } else {
        body->file_name = bytes_of_text("bundle.tar");
        body->media_type = bytes_of_text("application/x-tar");
    }
    return code == ERR_OK ? replace(s, err) : code;
}

/* ── the whole ─────────────────────────────────────────────────────────────────────────────────── */

static enum err_code analyse(struct blob_body *body, struct blob_inspection *inspection,
                             struct bytes content, struct err *err)
{
    struct arena arena;
    struct analysis found = {0};
    arena_init(&arena, ANALYSIS_ARENA_MAX);
    const char *name = arena_text(&arena, body->file_name);
    const char *entry = body->entry.size == 0 ? NULL : arena_text(&arena, body->entry);
    enum err_code code = ERR_OK;
    if (name == NULL) {
        code = err_set(err, ERR_NOMEM, "no memory to analyse the file");
    } else if (body->part_count > 1) {
        struct several several = {
            .body = body, .inspection = inspection, .content = content, .arena = &arena};
        code = analyse_several(&several, entry, &found, err);
    } else {
        struct analysis_limits const limits = limits_of(body);
        code = analysis_run_entry(content, name, entry, &limits, &arena, &found, err);
    }
    if (code == ERR_OK) {
        size_workload(body->state, &found, &arena);
        code = keep(body, &found, err);
    }
    arena_deinit(&arena);
    return code;
}

bool upload_is_slow(const struct blob_body *body)
{
    char name[BLOB_BODY_NAME_MAX + 1] = "";
    size_t size = body->file_name.size < sizeof name ? body->file_name.size : sizeof name - 1;
    if (size > 0) {
        memcpy(name, body->file_name.data, size);
    }
    name[size] = '\0';
    return body->part_count > 1 || body->size > QUICK_SIZE_MAX ||
           kind_of_name(name) == ANALYSIS_KIND_BUNDLE;
}

enum err_code upload_analyse(struct blob_body *body, struct blob_inspection *inspection,
                             struct err *err)
{
    struct upload *upload = body->state;
    size_t size = (size_t)inspection->blob.size;
    void *mapped = mmap(NULL, size, PROT_READ, MAP_PRIVATE, inspection->fd, 0);
    if (mapped == MAP_FAILED) {
        return err_set(err, ERR_IO, "the file cannot be read back");
    }
    enum err_code code = analyse(body, inspection, bytes_of(mapped, size), err);
    (void)munmap(mapped, size);
    if (code != ERR_OK && upload->reason.size == 0 && err != NULL) {
        upload->reason = arena_copy(&body->call->arena, bytes_of_text(err->message));
    }
    upload->rejected = code == ERR_INVALID     ? REJECT_UNSUPPORTED
                       : code == ERR_TOO_LARGE ? REJECT_TOO_LARGE
                       : code == ERR_TIMEOUT   ? REJECT_UNREADABLE
                                               : 0;
    return code;
}
