/* core/analysis/python.h: the facts of a Python source file, read from its syntax tree.
 *
 * Shape:   lists of imports, names and literals in the order of the file. Comments, docstrings and loose strings leave
 *          no fact: an import is an import statement, or a call of importlib.import_module or __import__ with a literal.
 * Broken:  tree-sitter goes on behind an error, so what stands outside the broken part is read; `syntax_errors` says so.
 *          Python 2 (`print "x"`, backquotes, `except E, e`) is read the same way.
 * Bounds:  no recursion; texts are cut at PYTHON_TEXT_MAX; each list ends at its PYTHON_*_MAX and sets `cut`.
 * Owner:   facts live in the arena; offsets are into the `source` given.
 * Source:  tree-sitter 0.22 C API; tree-sitter-python 0.23 node names. Only python.c includes tree_sitter/api.h. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_PYTHON_H
#define CORE_ANALYSIS_PYTHON_H

#include "core/analysis/analysis.h"

#define PYTHON_TEXT_MAX 160
#define PYTHON_IMPORTS_MAX 2048
#define PYTHON_NAMES_MAX 8192
#define PYTHON_LITERALS_MAX 4096

/* What surrounds an import; 0 is the top level, always executed. */
#define PYTHON_IN_FUNCTION 1u
#define PYTHON_IN_TRY 2u
#define PYTHON_IN_IF 4u
#define PYTHON_TYPE_CHECKING 8u /* under `if TYPE_CHECKING:`, never executed */
#define PYTHON_DYNAMIC 16u      /* importlib.import_module("x") */

struct python_import {
    struct python_import *next;
    const char *module; /* "torch.nn"; a relative import keeps its dots: ".models" */
    const char
        *name; /* "Linear" of `from torch.nn import Linear`, "*", or "" for `import torch.nn` */
    uint32_t scope;  /* PYTHON_IN_* bits */
    uint32_t offset; /* of the statement */
    uint32_t line;
};

enum python_name_kind {
    PYTHON_CALL = 1,   /* what is called: "datasets.MNIST", ".fit" behind a call or subscript */
    PYTHON_ARGUMENT,   /* a literal string handed to `callee` */
    PYTHON_DEFINITION, /* a class or function defined here */
};

struct python_name {
    struct python_name *next;
    enum python_name_kind kind;
    const char *text;
    const char *callee; /* of an ARGUMENT, "" otherwise */
    int position;       /* of an ARGUMENT: 0-based, -1 when given by keyword */
    uint32_t offset;
    uint32_t line;
};

/* `name = value`, `f(name=value)`, `add_argument("--name", default=value)` with a literal value. */
struct python_literal {
    struct python_literal *next;
    const char *name; /* as written: "--batch-size", "EPOCHS", "lr" */
    const char *value;
    bool is_number; /* `value` is a JSON number */
    enum analysis_source source;
    uint32_t offset;
    uint32_t line;
};

struct python_facts {
    struct python_import *imports;
    struct python_name *names;
    struct python_literal *literals;
    size_t import_count;
    size_t name_count;
    size_t literal_count;
    bool syntax_errors;
    bool cut;
};

/* Errors: ERR_TIMEOUT and ERR_TOO_LARGE past the limits of parsing, ERR_NOMEM. */
MUST_CHECK enum err_code python_read(struct bytes source, const struct analysis_limits *limits,
                                     struct arena *arena, struct python_facts *ret,
                                     struct err *err);

/* The number `text` writes in Python (1_000, .5, 1e-3, 0x10, 10L) as a JSON number in `ret` of 48 bytes; false when it
 * is none, or leaves int64 or double. */
bool python_number(struct bytes text, bool negative, char *ret);

#endif
