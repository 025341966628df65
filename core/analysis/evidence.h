/* core/analysis/evidence.h: claims about one or more texts (source.h), each with the words that led to it.
 *
 * Owner:   claims live in the arena; texts and names are borrowed, the names as long as the claims. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_EVIDENCE_H
#define CORE_ANALYSIS_EVIDENCE_H

#include "core/analysis/jobtype.h"
#include "core/analysis/parameters.h"
#include "core/analysis/source.h"

struct evidence_list {
    const struct source *sources;
    size_t source_count;
    struct arena *arena;
    struct analysis_evidence *items;
    size_t count;
    bool out_of_memory;
};

MUST_CHECK enum err_code evidence_init(struct evidence_list *list, const struct source *sources,
                                       size_t count, struct arena *arena, struct err *err);
/* `line` 0: about the first text as a whole. Claims past the 64th are left out. */
void evidence_say(struct evidence_list *list, uint32_t line, uint32_t offset, const char *format,
                  ...) PRINTF_LIKE(4, 5);
/* About a file as a whole, that may be none of the texts; `name` lives as long as the claims. */
void evidence_say_of_file(struct evidence_list *list, const char *name, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* What was found in the texts: frameworks, job type, parameters, needs. */
void evidence_say_all(struct evidence_list *list, const struct facts *facts,
                      const struct frameworks *frameworks, const struct jobtype *jobtype,
                      const struct parameters *parameters, const char *needs_claim);
/* Of a line of all texts together, its file, its line there, and that file's name. */
const struct source *evidence_source(const struct evidence_list *list, uint32_t line);
uint32_t evidence_file_line(const struct evidence_list *list, uint32_t line);
const char *evidence_file_name(const struct evidence_list *list, uint32_t line);

#endif
