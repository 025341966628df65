/* Lines are few that are shown, so what a claim needs of the text is looked up when it is made. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/evidence.h"

#include "core/analysis/vram.h"
#include "core/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define EVIDENCE_MAX 64
#define EVIDENCE_WORDS_MAX 120
#define CLAIM_MAX VRAM_CLAIM_MAX

/* The line around `offset` without the blanks at its ends; only what follows `offset` when it stands far inside. */
static const char *words_at(struct evidence_list *list, struct bytes source, uint32_t offset)
{
    size_t start = offset;
    while (start > 0 && offset - start < EVIDENCE_WORDS_MAX && source.data[start - 1] != '\n' &&
           source.data[start - 1] != '\r') {
        start--;
    }
    if (offset - start == EVIDENCE_WORDS_MAX) {
        start = offset;
    }
    while (start < offset && (source.data[start] == ' ' || source.data[start] == '\t')) {
        start++;
    }
    struct bytes rest = bytes_from(source, start);
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

/* Sources stand one behind the other. */
const struct source *evidence_source(const struct evidence_list *list, uint32_t line)
{
    const struct source *of = &list->sources[0];
    for (size_t i = 1; i < list->source_count && list->sources[i].base.line < line; i++) {
        of = &list->sources[i];
    }
    return of;
}

static uint32_t line_in_file(const struct source *source, uint32_t line)
{
    line -= source->base.line;
    return source->kind == ANALYSIS_KIND_NOTEBOOK ? notebook_file_line(&source->notebook, line)
                                                  : line;
}

uint32_t evidence_file_line(const struct evidence_list *list, uint32_t line)
{
    return line == 0 ? 0 : line_in_file(evidence_source(list, line), line);
}

const char *evidence_file_name(const struct evidence_list *list, uint32_t line)
{
    return evidence_source(list, line)->name;
}

PRINTF_LIKE(5, 0)
static void say_of(struct evidence_list *list, const struct source *source, uint32_t line,
                   uint32_t offset, const char *format, va_list args)
{
    if (list->count >= EVIDENCE_MAX) {
        return;
    }
    char claim[CLAIM_MAX];
    int size = vsnprintf(claim, sizeof(claim), format, args);
    size_t kept = size < 0 ? 0 : (size_t)size < sizeof(claim) ? (size_t)size : sizeof(claim) - 1;
    while ((size_t)size > kept && kept > 0 && ((uint8_t)claim[kept - 1] & 0x80) != 0) {
        kept--; /* a character cut in two */
    }
    const char *text = arena_text(list->arena, bytes_of(claim, kept));
    if (text == NULL) {
        list->out_of_memory = true;
        return;
    }
    const char *words = "";
    if (line > 0) {
        /* Offsets of the other readers are into what an instruction or a scalar became. */
        bool exact = source->kind == ANALYSIS_KIND_PYTHON || source->kind == ANALYSIS_KIND_NOTEBOOK;
        offset = exact ? offset - source->base.offset
                       : offset_of_line(source->text, line - source->base.line);
        words = offset > source->text.size ? "" : words_at(list, source->text, offset);
        line = line_in_file(source, line);
    }
    list->items[list->count++] = (struct analysis_evidence){
        .file = source->name, .line = line, .words = line == 0 ? "" : words, .claim = text};
}

void evidence_say(struct evidence_list *list, uint32_t line, uint32_t offset, const char *format,
                  ...)
{
    va_list args;
    va_start(args, format);
    say_of(list, line == 0 ? &list->sources[0] : evidence_source(list, line), line, offset, format,
           args);
    va_end(args);
}

void evidence_say_of_file(struct evidence_list *list, const char *name, const char *format, ...)
{
    const struct source whole = {.name = name};
    va_list args;
    va_start(args, format);
    say_of(list, &whole, 0, 0, format, args);
    va_end(args);
}

enum err_code evidence_init(struct evidence_list *list, const struct source *sources, size_t count,
                            struct arena *arena, struct err *err)
{
    *list = (struct evidence_list){.sources = sources, .source_count = count, .arena = arena};
    list->items = arena_alloc_array(arena, EVIDENCE_MAX, sizeof(*list->items));
    return list->items == NULL ? err_set(err, ERR_NOMEM, "no memory left for the evidence")
                               : ERR_OK;
}

void evidence_say_all(struct evidence_list *list, const struct facts *facts,
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
        evidence_say(list, import->line, import->offset, "framework %s%s",
                     analysis_framework_word((enum analysis_framework)i), how);
    }
    for (size_t i = 0; i < jobtype->cue_count; i++) {
        evidence_say(list, jobtype->cues[i].line, jobtype->cues[i].offset, "job type %s: “%.*s”%s",
                     analysis_job_word(jobtype->job), (int)jobtype->cues[i].words.size,
                     (const char *)jobtype->cues[i].words.data,
                     jobtype->cues[i].line == 0 ? " in the file name" : "");
    }
    if (jobtype->cue_count == 0) {
        evidence_say(list, 0, 0, "job type %s: no stronger hint in the file",
                     analysis_job_word(jobtype->job));
    }
    for (size_t i = 0; i < parameters->count; i++) {
        const struct analysis_parameter *item = &parameters->items[i];
        if (item->source == ANALYSIS_SOURCE_DATA) {
            continue; /* of a bundle's data, which are none of the texts */
        }
        evidence_say(list, item->line, parameters->offsets[i], "parameter %s = %s (%s %s)",
                     item->name, item->value, analysis_source_word(item->source), item->origin);
    }
    evidence_say(list, 0, 0, "%s", needs_claim);
    if (facts->syntax_errors) {
        evidence_say(list, 0, 0,
                     "the source has syntax errors for Python 2 and 3; the rest was read");
    }
    if (facts->cut) {
        evidence_say(list, 0, 0,
                     "the source is larger than is read; what stands beyond was not used");
    }
}
