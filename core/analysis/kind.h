/* core/analysis/kind.h: which format a file is in, by its base name and, where that says nothing, its first bytes. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_KIND_H
#define CORE_ANALYSIS_KIND_H

#include "core/analysis/analysis.h"

/* `name`: base name, valid UTF-8. `ret`: PYTHON, NOTEBOOK, DOCKERFILE, COMPOSE (any YAML), REQUIREMENTS, SHELL, DATASET or BUNDLE (an archive).
 * Errors: ERR_INVALID (empty, no text, no reader: the message lists the readable ones), ERR_TOO_LARGE. */
MUST_CHECK enum err_code kind_find(struct bytes content, const char *name,
                                   const struct analysis_limits *limits, enum analysis_kind *ret,
                                   struct err *err);

/* By base name alone: a kind of program or environment, DATASET, BUNDLE (an archive), or UNKNOWN. */
enum analysis_kind kind_of_name(const char *name);

#endif
