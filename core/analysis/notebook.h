/* core/analysis/notebook.h: the Python source of a Jupyter notebook (nbformat 3 and 4), its headings and what it installs.
 *
 * Reads:   code cells; in them `%magic`, `!shell` and `?help` lines become `pass`, a cell under %%bash is shell, one under %%time
 *          and the like is Python, one under another %% is neither. Outputs are skipped without being looked at.
 * Bounds:  one pass over the bytes, no tree; nesting to JSON_DEPTH_MAX; code and headings to `source_size_max`.
 * Errors:  ERR_INVALID (not JSON, nested too deep, no cells), ERR_TOO_LARGE, ERR_NOMEM, and those of python_read.
 * Source:  nbformat.readthedocs.io, "The notebook file format"; RFC 8259. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_NOTEBOOK_H
#define CORE_ANALYSIS_NOTEBOOK_H

#include "core/analysis/facts.h"

struct notebook {
    struct buf text;   /* code and headings of all cells; offsets and lines of facts are into it */
    struct buf lines;  /* uint32_t: of each line of `text`, its line in the file */
    char language[32]; /* the kernel's, when it is not Python; then no cell is read as code */
};

void notebook_init(struct notebook *notebook, const struct analysis_limits *limits);
void notebook_deinit(struct notebook *notebook);
MUST_CHECK enum err_code notebook_read(struct notebook *notebook, struct bytes file,
                                       const struct analysis_limits *limits,
                                       struct facts_writer *writer, struct err *err);
/* The line in the file of a line of `text`, both 1-based. */
uint32_t notebook_file_line(const struct notebook *notebook, uint32_t line);

#endif
