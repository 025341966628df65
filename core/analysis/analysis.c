/* The steps of one analysis: is it a file we read, what does it say, what follows from it, and the evidence for each. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/analysis.h"

#include "core/analysis/frameworks.h"
#include "core/analysis/jobtype.h"
#include "core/analysis/needs.h"
#include "core/analysis/parameters.h"
#include "core/analysis/python.h"
#include "core/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define EVIDENCE_MAX 64
#define EVIDENCE_WORDS_MAX 120
#define CLAIM_MAX 256

const char *analysis_supported_formats(void)
{
    return "Python source (.py, or a script whose first line names python)";
}

/* ── what kind of file it is ───────────────────────────────────────────────────────────────────── */

static const char *base_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash == NULL ? name : slash + 1;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t name_size = strlen(name);
    size_t size = strlen(suffix);
    if (name_size < size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (lower(name[name_size - size + i]) != suffix[i]) {
            return false;
        }
    }
    return true;
}

static bool first_line_names_python(struct bytes content)
{
    if (!bytes_starts_with(content, "#!")) {
        return false;
    }
    for (size_t i = 2; i < content.size && i < 128 && content.data[i] != '\n'; i++) {
        if (bytes_starts_with(bytes_from(content, i), "python")) {
            return true;
        }
    }
    return false;
}

/* Formats that are known by name and have no reader yet, so that the refusal can say what it saw. */
static const struct {
    const char *suffix;
    const char *what;
} unread[] = {
    {".ipynb", "a notebook"},   {"dockerfile", "a Dockerfile"}, {".yml", "a YAML file"},
    {".yaml", "a YAML file"},   {".txt", "a text file"},        {".sh", "a shell script"},
    {".csv", "a data set"},     {".tsv", "a data set"},         {".json", "a data set"},
    {".jsonl", "a data set"},   {".npy", "a data set"},         {".npz", "a data set"},
    {".parquet", "a data set"}, {".zip", "an archive"},         {".tar", "an archive"},
    {".tar.gz", "an archive"},  {".tgz", "an archive"},
};

static enum err_code refuse(const char *name, const char *what, struct err *err)
{
    return err_set(err, ERR_INVALID, "%.80s: %s; supported: %s", name, what,
                   analysis_supported_formats());
}

/* Text has no NUL byte and next to no other control bytes. Any encoding that keeps ASCII is fine. */
static bool is_text(struct bytes content)
{
    size_t controls = 0;
    for (size_t i = 0; i < content.size; i++) {
        uint8_t c = content.data[i];
        if (c == 0) {
            return false;
        }
        controls += c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' ? 1 : 0;
    }
    return controls <= content.size / 64;
}

static bool is_blank(struct bytes content)
{
    for (size_t i = 0; i < content.size; i++) {
        if (strchr(" \t\r\n\f", content.data[i]) == NULL || content.data[i] == 0) {
            return false;
        }
    }
    return true;
}

static enum err_code check(struct bytes content, const char *name,
                           const struct analysis_limits *limits, struct err *err)
{
    if (content.size == 0 || (content.size < 4096 && is_blank(content))) {
        return refuse(name, "the file is empty", err);
    }
    if (!has_suffix(name, ".py") && !has_suffix(name, ".pyw") &&
        !first_line_names_python(content)) {
        for (size_t i = 0; i < sizeof(unread) / sizeof(unread[0]); i++) {
            if (has_suffix(name, unread[i].suffix)) {
                char what[64];
                snprintf(what, sizeof(what), "%s cannot be analysed yet", unread[i].what);
                return refuse(name, what, err);
            }
        }
        return refuse(name, "the format is not known", err);
    }
    if (content.size > limits->source_size_max) {
        return err_set(err, ERR_TOO_LARGE,
                       "%.80s: %zu bytes of Python source; at most %zu are read", name,
                       content.size, limits->source_size_max);
    }
    if (!is_text(content)) {
        return refuse(name, "named like Python source, but it is not text", err);
    }
    return ERR_OK;
}

/* ── evidence ──────────────────────────────────────────────────────────────────────────────────── */

struct evidence_list {
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
    list->items[list->count++] = (struct analysis_evidence){
        .file = list->file,
        .line = line,
        .words = line == 0 ? "" : words_at(list, offset),
        .claim = text,
    };
}

static void say_all(struct evidence_list *list, const struct python_facts *facts,
                    const struct frameworks *frameworks, const struct jobtype *jobtype,
                    const struct parameters *parameters, const char *needs_claim)
{
    for (uint32_t i = 1; i < ANALYSIS_FRAMEWORK_COUNT; i++) {
        const struct python_import *import = frameworks->import[i];
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
        say(list, jobtype->cues[i].line, jobtype->cues[i].offset, "job type %s: “%s”%s",
            analysis_job_word(jobtype->job), jobtype->cues[i].words,
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

/* Sure of the framework × sure of the type. A first rule of thumb, not yet calibrated against finished jobs. */
static uint32_t confidence(const struct python_facts *facts, const struct frameworks *frameworks,
                           const struct jobtype *jobtype)
{
    uint32_t framework = 850; /* none: the program may import the repository's own modules */
    if (frameworks->primary != ANALYSIS_FRAMEWORK_NONE) {
        enum framework_rank rank = frameworks->rank[frameworks->primary];
        framework = rank == FRAMEWORK_DIRECT ? 980 : rank == FRAMEWORK_IMPLIED ? 940 : 800;
    }
    uint32_t job = 450;
    if (jobtype->score > 0) {
        uint32_t strength = jobtype->score < 24 ? jobtype->score : 24;
        uint32_t lead = jobtype->score -
                        (jobtype->runner_up < jobtype->score ? jobtype->runner_up : jobtype->score);
        job = 500 + 10 * strength + 240 * lead / jobtype->score;
    }
    uint32_t both = framework * job / 1000;
    if (facts->syntax_errors || facts->cut) {
        both = both * 85 / 100;
    }
    return both;
}

static enum err_code analyse_python(struct bytes source, const char *base_name,
                                    const struct analysis_limits *limits, struct arena *arena,
                                    struct analysis *ret, struct err *err)
{
    struct python_facts facts = {0};
    struct frameworks frameworks = {0};
    struct jobtype jobtype = {0};
    struct parameters parameters = {0};
    const char *needs_claim = "";

    enum err_code code = python_read(source, limits, arena, &facts, err);
    if (code != ERR_OK) {
        err_context(err, "%.80s", base_name);
        return code;
    }
    frameworks_find(&facts, &frameworks);
    jobtype_find(&facts, &frameworks, base_name, &jobtype);
    parameters_find(&facts, &parameters);

    struct analysis found = {.kind = ANALYSIS_KIND_PYTHON,
                             .frameworks = frameworks.mask,
                             .primary = frameworks.primary,
                             .job = jobtype.job,
                             .mode = jobtype.mode,
                             .confidence_permille = confidence(&facts, &frameworks, &jobtype),
                             .syntax_errors = facts.syntax_errors,
                             .cut = facts.cut,
                             .parameter_count = parameters.count};
    needs_find(&frameworks, &jobtype, &parameters, base_name, &found.requirements, &found.estimate,
               &needs_claim);

    size_t items_size = parameters.count * sizeof(parameters.items[0]);
    struct bytes items = arena_copy(arena, bytes_of(parameters.items, items_size));
    struct evidence_list list = {.source = source, .arena = arena};
    list.file = arena_text(arena, bytes_of_text(base_name));
    list.items = arena_alloc_array(arena, EVIDENCE_MAX, sizeof(*list.items));
    if ((items.data == NULL && items_size > 0) || list.file == NULL || list.items == NULL) {
        return err_set(err, ERR_NOMEM, "no memory left for the analysis");
    }
    say_all(&list, &facts, &frameworks, &jobtype, &parameters, needs_claim);
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

    /* File names are bytes; what is shown of them is UTF-8. */
    buf_init(&shown, sizeof(name) - 1);
    struct bytes base = bytes_of_text(base_of(base_name));
    base.size = base.size < 255 ? base.size : 255;
    utf8_append_lossy(&shown, base);
    snprintf(name, sizeof(name), "%s", buf_text(&shown));
    buf_deinit(&shown);

    enum err_code code = check(content, name, limits, err);
    if (code != ERR_OK) {
        return code;
    }
    if (bytes_starts_with(content, "\xEF\xBB\xBF")) {
        content = bytes_from(content, 3);
    }
    return analyse_python(content, name, limits, arena, ret, err);
}

enum err_code analysis_run(struct bytes content, const char *base_name, struct arena *arena,
                           struct analysis *ret, struct err *err)
{
    static const struct analysis_limits limits = {.source_size_max = ANALYSIS_SOURCE_SIZE_MAX,
                                                  .parse_memory_max = ANALYSIS_PARSE_MEMORY_MAX,
                                                  .parse_time_max_ms = ANALYSIS_PARSE_TIME_MAX_MS};
    return analysis_run_limited(content, base_name, &limits, arena, ret, err);
}
