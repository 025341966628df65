/* core/analysis/python.h: the facts of Python source, read from its syntax tree.
 *
 * Shape:   comments, docstrings and loose strings leave no import: one is an import statement, or a call of
 *          importlib.import_module or __import__ with a literal.
 * Broken:  tree-sitter goes on behind an error, so what stands outside the broken part is read; `syntax_errors` says so.
 *          Python 2 (`print "x"`, backquotes, `except E, e`) is read the same way.
 * Bounds:  no recursion; those of facts.h; the tree's memory and the time are counted and limited.
 * Source:  tree-sitter 0.22 C API; tree-sitter-python 0.23 node names. Only python.c includes tree_sitter/api.h. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_PYTHON_H
#define CORE_ANALYSIS_PYTHON_H

#include "core/analysis/facts.h"

/* A piece of Python in a larger text: a cell of a notebook, or all of a file. */
struct python_piece {
    struct bytes source;
    uint32_t offset; /* of its first byte in the text that offsets of facts are into */
    uint32_t line;   /* 1-based, of its first line */
    bool is_file;    /* a file of its own: its docstring or first comment is a title */
};

/* Add what `piece` says. Errors: ERR_TIMEOUT and ERR_TOO_LARGE past the limits of parsing, ERR_NOMEM. */
MUST_CHECK enum err_code python_read(struct python_piece piece,
                                     const struct analysis_limits *limits,
                                     struct facts_writer *writer, struct err *err);

/* The number `text` writes in Python (1_000, .5, 1e-3, 0x10, 10L) as a JSON number in `ret` of 48 bytes; false when it
 * is none, or leaves int64 or double. */
bool python_number(struct bytes text, bool negative, char *ret);

#endif
