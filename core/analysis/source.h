/* core/analysis/source.h: one file that is read for facts, alone or as one of several.
 *
 * Shape:   the texts of several files stand one behind the other, as facts.h counts their offsets and lines; one text with all of them
 *          is never made.
 * Owner:   content and name are borrowed; `notebook` of a NOTEBOOK is released by source_deinit. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_SOURCE_H
#define CORE_ANALYSIS_SOURCE_H

#include "core/analysis/facts.h"
#include "core/analysis/notebook.h"

struct source {
    const char *name; /* UTF-8; in a bundle with its folders */
    enum analysis_kind kind;
    struct bytes text; /* what facts are about: the file, or the text of a notebook's cells */
    struct notebook notebook;
    struct fact_place base; /* what stands before it; the first has none */
    bool runs;              /* its top level is executed whenever the job is */
};

/* `content`: without a byte order mark. */
void source_init(struct source *source, const char *name, enum analysis_kind kind,
                 struct bytes content, const struct analysis_limits *limits);
void source_deinit(struct source *source);
/* Add its facts, and move the writer's base behind it. `kind` may change from COMPOSE to REQUIREMENTS.
 * Errors: the reader's. */
MUST_CHECK enum err_code source_read(struct source *source, const struct analysis_limits *limits,
                                     struct facts_writer *writer, struct err *err);
/* Without a byte order mark, which some editors put before any text. */
struct bytes source_without_mark(struct bytes content);

#endif
