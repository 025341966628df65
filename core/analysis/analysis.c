/* The steps of one analysis: is it a file we read, what does it say, what follows from it, and the evidence for each. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/analysis.h"

#include "core/analysis/compose.h"
#include "core/analysis/dataset.h"
#include "core/analysis/dockerfile.h"
#include "core/analysis/frameworks.h"
#include "core/analysis/jobtype.h"
#include "core/analysis/kind.h"
#include "core/analysis/needs.h"
#include "core/analysis/notebook.h"
#include "core/analysis/parameters.h"
#include "core/analysis/python.h"
#include "core/analysis/requirements.h"
#include "core/analysis/shell.h"
#include "core/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define EVIDENCE_MAX 64
#define EVIDENCE_WORDS_MAX 120
#define CLAIM_MAX 256

static const char *base_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash == NULL ? name : slash + 1;
}

/* ── evidence ──────────────────────────────────────────────────────────────────────────────────── */

/* A file on its way to an answer. */
struct file {
    struct bytes source; /* what facts are about: the file, or the text of a notebook's cells */
    const char *name;
    enum analysis_kind kind;
    struct notebook notebook; /* of a NOTEBOOK */
    struct facts_writer facts;
};

struct evidence_list {
    const struct file *of;
    struct bytes source;
    const char *file;
    struct arena *arena;
    struct analysis_evidence *items;
    size_t count;
    bool out_of_memory;
};

/* The line around `offset` without the blanks at its ends; only what follows `offset` when it stands far inside. */
static const char *words_at(struct evidence_list *list, uint32_t offset)
{
    size_t start = offset;
    while (start > 0 && offset - start < EVIDENCE_WORDS_MAX &&
           list->source.data[start - 1] != '\n' && list->source.data[start - 1] != '\r') {
        start--;
    }
    if (offset - start == EVIDENCE_WORDS_MAX) {
        start = offset;
    }
    while (start < offset &&
           (list->source.data[start] == ' ' || list->source.data[start] == '\t')) {
        start++;
    }
    struct bytes rest = bytes_from(list->source, start);
    size_t size = 0;
    while (size < rest.size && rest.data[size] != '\n' && rest.data[size] != '\r') {
        size++;
    }
    bool whole = size <= EVIDENCE_WORDS_MAX;
    size = whole ? size : EVIDENCE_WORDS_MAX;
    while (!whole && size > 0 && (rest.data[size] & 0xC0) == 0x80) {
        size--;
    }
    while (size > 0 && (rest.data[size - 1] == ' ' || rest.data[size - 1] == '\t')) {
        size--;
    }
    struct buf text;
    buf_init(&text, (size_t)4 * EVIDENCE_WORDS_MAX);
    utf8_append_lossy(&text, bytes_of(rest.data, size));
    char *kept = arena_text(list->arena, buf_bytes(&text));
    buf_deinit(&text);
    if (kept == NULL) {
        list->out_of_memory = true;
        return "";
    }
    /* Replacement characters can make it longer than was promised: cut again, between characters. */
    if (strlen(kept) > EVIDENCE_WORDS_MAX) {
        size = EVIDENCE_WORDS_MAX;
        while (size > 0 && ((uint8_t)kept[size] & 0xC0) == 0x80) {
            size--;
        }
        kept[size] = '\0';
    }
    return kept;
}

/* Where a line begins: lines are few that are shown, so each is looked for from the start. */
static uint32_t offset_of_line(struct bytes source, uint32_t line)
{
    size_t at = 0;
    for (uint32_t i = 1; i < line; i++) {
        const uint8_t *end =
            at < source.size ? memchr(source.data + at, '\n', source.size - at) : NULL;
        if (end == NULL) {
            break;
        }
        at = (size_t)(end - source.data) + 1;
    }
    return (uint32_t)at;
}

PRINTF_LIKE(4, 5)
static void say(struct evidence_list *list, uint32_t line, uint32_t offset, const char *format, ...)
{
    if (list->count >= EVIDENCE_MAX) {
        return;
    }
    char claim[CLAIM_MAX];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(claim, sizeof(claim), format, args);
    va_end(args);
    size_t kept = size < 0 ? 0 : (size_t)size < sizeof(claim) ? (size_t)size : sizeof(claim) - 1;
    while ((size_t)size > kept && kept > 0 && ((uint8_t)claim[kept - 1] & 0x80) != 0) {
        kept--; /* a character cut in two */
    }
    const char *text = arena_text(list->arena, bytes_of(claim, kept));
    if (text == NULL) {
        list->out_of_memory = true;
        return;
    }
    /* Offsets of the other readers are into what an instruction or a scalar became. */
    enum analysis_kind kind = list->of->kind;
    bool exact = kind == ANALYSIS_KIND_PYTHON || kind == ANALYSIS_KIND_NOTEBOOK;
    if (line > 0 && !exact) {
        offset = offset_of_line(list->source, line);
    }
    const char *words = line == 0 || offset > list->source.size ? "" : words_at(list, offset);
    if (kind == ANALYSIS_KIND_NOTEBOOK) {
        line = notebook_file_line(&list->of->notebook, line);
    }
    list->items[list->count++] = (struct analysis_evidence){
        .file = list->file,
        .line = line,
        .words = line == 0 ? "" : words,
        .claim = text,
    };
}

static void say_all(struct evidence_list *list, const struct facts *facts,
                    const struct frameworks *frameworks, const struct jobtype *jobtype,
                    const struct parameters *parameters, const char *needs_claim)
{
    for (uint32_t i = 1; i < ANALYSIS_FRAMEWORK_COUNT; i++) {
        const struct fact_import *import = frameworks->import[i];
        if (import == NULL) {
            continue;
        }
        enum framework_rank rank = frameworks->rank[i];
        const char *how = rank == FRAMEWORK_DIRECT    ? ""
                          : rank == FRAMEWORK_IMPLIED ? " (a library that stands on it)"
                                                      : " (imported under a condition)";
        say(list, import->line, import->offset, "framework %s%s",
            analysis_framework_word((enum analysis_framework)i), how);
    }
    for (size_t i = 0; i < jobtype->cue_count; i++) {
        say(list, jobtype->cues[i].line, jobtype->cues[i].offset, "job type %s: “%.*s”%s",
            analysis_job_word(jobtype->job), (int)jobtype->cues[i].words.size,
            (const char *)jobtype->cues[i].words.data,
            jobtype->cues[i].line == 0 ? " in the file name" : "");
    }
    if (jobtype->cue_count == 0) {
        say(list, 0, 0, "job type %s: no stronger hint in the file",
            analysis_job_word(jobtype->job));
    }
    for (size_t i = 0; i < parameters->count; i++) {
        const struct analysis_parameter *item = &parameters->items[i];
        say(list, item->line, parameters->offsets[i], "parameter %s = %s (%s %s)", item->name,
            item->value, analysis_source_word(item->source), item->origin);
    }
    say(list, 0, 0, "%s", needs_claim);
    if (facts->syntax_errors) {
        say(list, 0, 0, "the source has syntax errors for Python 2 and 3; the rest was read");
    }
    if (facts->cut) {
        say(list, 0, 0, "the source is larger than is read; what stands beyond was not used");
    }
}

/* ── the whole ─────────────────────────────────────────────────────────────────────────────────── */

/* How often the framework is right when it was found so. */
static uint32_t framework_permille(const struct frameworks *frameworks)
{
    if (frameworks->primary == ANALYSIS_FRAMEWORK_NONE) {
        return 970; /* a program may use one through its own repository's modules */
    }
    switch (frameworks->rank[frameworks->primary]) {
    case FRAMEWORK_DIRECT:
        return 990;
    case FRAMEWORK_IMPLIED:
        return 970;
    case FRAMEWORK_ABSENT:
    case FRAMEWORK_IMPLIED_CONDITIONAL:
    case FRAMEWORK_CONDITIONAL:
        break;
    }
    return 900;
}

/* How often the type is right, of files with as much evidence and as clear a lead: seven classes, rounded from what
 * tools/corpus counts and a little below it, because new files are stranger than those the rules were written on. */
static uint32_t job_permille(enum analysis_kind kind, const struct jobtype *jobtype)
{
    if (jobtype->job == ANALYSIS_JOB_CUSTOM) {
        bool program = kind == ANALYSIS_KIND_PYTHON || kind == ANALYSIS_KIND_NOTEBOOK ||
                       kind == ANALYSIS_KIND_SHELL;
        return program ? 700 : 940; /* nothing found in a program, or nothing to find */
    }
    uint32_t score = jobtype->score;
    uint32_t lead = score > jobtype->runner_up ? (score - jobtype->runner_up) * 100 / score : 0;
    if (lead < 25) {
        return 720;
    }
    if (lead < 50) {
        return 830;
    }
    return score < 10 ? 850 : score < 20 ? 920 : 970;
}

static uint32_t confidence(const struct facts *facts, enum analysis_kind kind,
                           const struct frameworks *frameworks, const struct jobtype *jobtype)
{
    uint32_t both = framework_permille(frameworks) * job_permille(kind, jobtype) / 1000;
    return facts->syntax_errors || facts->cut ? both * 95 / 100 : both;
}

static enum err_code read_facts(struct file *file, struct bytes content,
                                const struct analysis_limits *limits, struct err *err)
{
    struct facts_writer *facts = &file->facts;
    switch (file->kind) {
    case ANALYSIS_KIND_PYTHON:
        return python_read((struct python_piece){.source = content, .line = 1, .is_file = true},
                           limits, facts, err);
    case ANALYSIS_KIND_NOTEBOOK: {
        enum err_code code = notebook_read(&file->notebook, content, limits, facts, err);
        file->source = buf_bytes(&file->notebook.text);
        return code;
    }
    case ANALYSIS_KIND_DOCKERFILE:
        return dockerfile_read(facts, content, err);
    case ANALYSIS_KIND_COMPOSE:
        return compose_read(facts, content, &file->kind, err);
    case ANALYSIS_KIND_REQUIREMENTS:
        requirements_read(facts, content);
        return ERR_OK;
    case ANALYSIS_KIND_SHELL:
        shell_read_file(facts, content);
        return ERR_OK;
    case ANALYSIS_KIND_DATASET: /* has an end of its own: describe_data() */
    case ANALYSIS_KIND_BUNDLE:
    case ANALYSIS_KIND_UNKNOWN:
        break;
    }
    return err_set(err, ERR_INTERNAL, "a kind of file without a reader");
}

static enum err_code conclude(struct file *file, struct arena *arena, struct analysis *ret,
                              struct err *err)
{
    const struct facts *facts = &file->facts.facts;
    struct frameworks frameworks = {0};
    struct jobtype jobtype = {0};
    struct parameters parameters = {0};
    const char *needs_claim = "";

    frameworks_find(facts, file->kind, file->name, &frameworks);
    jobtype_find(facts, &frameworks, file->kind, file->name, &jobtype);
    parameters_find(facts, &parameters);

    struct analysis found = {.kind = file->kind,
                             .frameworks = frameworks.mask,
                             .primary = frameworks.primary,
                             .job = jobtype.job,
                             .mode = jobtype.mode,
                             .confidence_permille =
                                 confidence(facts, file->kind, &frameworks, &jobtype),
                             .syntax_errors = facts->syntax_errors,
                             .cut = facts->cut,
                             .parameter_count = parameters.count};
    needs_find(&frameworks, &jobtype, &parameters, facts->gpus, file->name, &found.requirements,
               &found.estimate, &needs_claim);

    size_t items_size = parameters.count * sizeof(parameters.items[0]);
    struct bytes items = arena_copy(arena, bytes_of(parameters.items, items_size));
    struct evidence_list list = {.of = file, .source = file->source, .arena = arena};
    list.file = arena_text(arena, bytes_of_text(file->name));
    list.items = arena_alloc_array(arena, EVIDENCE_MAX, sizeof(*list.items));
    if ((items.data == NULL && items_size > 0) || list.file == NULL || list.items == NULL) {
        return err_set(err, ERR_NOMEM, "no memory left for the analysis");
    }
    say_all(&list, facts, &frameworks, &jobtype, &parameters, needs_claim);
    if (list.out_of_memory) {
        return err_set(err, ERR_NOMEM, "no memory left for the evidence");
    }
    /* The lines of a notebook's parameters are those of the file, as in the evidence. */
    struct analysis_parameter *kept = (void *)(uintptr_t)items.data;
    bool renumber = file->kind == ANALYSIS_KIND_NOTEBOOK && kept != NULL;
    for (size_t i = 0; renumber && i < parameters.count; i++) {
        kept[i].line = notebook_file_line(&file->notebook, kept[i].line);
    }
    found.parameters = kept;
    found.evidence = list.items;
    found.evidence_count = list.count;
    *ret = found;
    return ERR_OK;
}

/* Data are no job: what they hold, and room for them. */
static enum err_code describe_data(struct file *file, struct bytes content, struct arena *arena,
                                   struct analysis *ret, struct err *err)
{
    struct parameters parameters = {0};
    struct frameworks none = {.primary = ANALYSIS_FRAMEWORK_NONE};
    struct jobtype jobtype = {.job = ANALYSIS_JOB_CUSTOM, .mode = ANALYSIS_MODE_NA};
    const char *claim = "";
    bool sampled = false;
    enum err_code code = dataset_read(content, file->name, arena, &parameters, &sampled, err);
    if (code != ERR_OK) {
        err_context(err, "%.80s", file->name);
        return code;
    }
    struct analysis found = {.kind = ANALYSIS_KIND_DATASET,
                             .primary = none.primary,
                             .job = jobtype.job,
                             .mode = jobtype.mode,
                             .confidence_permille = job_permille(file->kind, &jobtype),
                             .cut = sampled,
                             .parameter_count = parameters.count};
    needs_find(&none, &jobtype, &parameters, 0, file->name, &found.requirements, &found.estimate,
               &claim);
    found.requirements.storage_mib += content.size >> 20;

    struct bytes items = arena_copy(
        arena, bytes_of(parameters.items, parameters.count * sizeof(parameters.items[0])));
    struct evidence_list list = {.of = file, .source = content, .arena = arena};
    list.file = arena_text(arena, bytes_of_text(file->name));
    list.items = arena_alloc_array(arena, EVIDENCE_MAX, sizeof(*list.items));
    if (items.data == NULL || list.file == NULL || list.items == NULL) {
        return err_set(err, ERR_NOMEM, "no memory left for the analysis");
    }
    for (size_t i = 0; i < parameters.count; i++) {
        const struct analysis_parameter *item = &parameters.items[i];
        say(&list, 0, 0, "parameter %s = %s (%s)", item->name, item->value,
            sampled && strcmp(item->name, "rows") == 0 ? "scaled from the first part" : "read");
    }
    say(&list, 0, 0, "requirements: room for the data");
    if (list.out_of_memory) {
        return err_set(err, ERR_NOMEM, "no memory left for the evidence");
    }
    found.parameters = (const void *)items.data;
    found.evidence = list.items;
    found.evidence_count = list.count;
    *ret = found;
    return ERR_OK;
}

enum err_code analysis_run_limited(struct bytes content, const char *base_name,
                                   const struct analysis_limits *limits, struct arena *arena,
                                   struct analysis *ret, struct err *err)
{
    char name[4 * 256];
    struct buf shown;
    struct file file = {0};

    /* File names are bytes; what is shown of them is UTF-8. */
    buf_init(&shown, sizeof(name) - 1);
    struct bytes base = bytes_of_text(base_of(base_name));
    base.size = base.size < 255 ? base.size : 255;
    utf8_append_lossy(&shown, base);
    snprintf(name, sizeof(name), "%s", buf_text(&shown));
    buf_deinit(&shown);

    if (bytes_starts_with(content, "\xEF\xBB\xBF")) {
        content = bytes_from(content, 3);
    }
    enum err_code code = kind_find(content, name, limits, &file.kind, err);
    if (code != ERR_OK) {
        return code;
    }
    file.source = content;
    file.name = name;
    if (file.kind == ANALYSIS_KIND_DATASET) {
        return describe_data(&file, content, arena, ret, err);
    }
    facts_writer_init(&file.facts, arena);
    notebook_init(&file.notebook, limits);
    code = read_facts(&file, content, limits, err);
    if (code == ERR_OK && file.facts.out_of_memory) {
        code = err_set(err, ERR_NOMEM, "no memory left for what the file says");
    }
    if (code == ERR_OK) {
        code = conclude(&file, arena, ret, err);
    } else {
        err_context(err, "%.80s", name);
    }
    notebook_deinit(&file.notebook);
    facts_writer_deinit(&file.facts);
    return code;
}

enum err_code analysis_run(struct bytes content, const char *base_name, struct arena *arena,
                           struct analysis *ret, struct err *err)
{
    static const struct analysis_limits limits = {.source_size_max = ANALYSIS_SOURCE_SIZE_MAX,
                                                  .file_size_max = ANALYSIS_FILE_SIZE_MAX,
                                                  .parse_memory_max = ANALYSIS_PARSE_MEMORY_MAX,
                                                  .parse_time_max_ms = ANALYSIS_PARSE_TIME_MAX_MS};
    return analysis_run_limited(content, base_name, &limits, arena, ret, err);
}
