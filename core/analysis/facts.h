/* core/analysis/facts.h: what a file says, before anybody concludes anything from it. Every reader of a format fills this.
 *
 * Shape:   lists of imports, names and literals in the order of the file.
 * Bounds:  texts are cut at FACT_TEXT_MAX; each list ends at its FACT_*_MAX and sets `cut`.
 * Owner:   facts live in the arena; offsets are into the text that the reader was given. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_FACTS_H
#define CORE_ANALYSIS_FACTS_H

#include "core/analysis/analysis.h"

#define FACT_TEXT_MAX 160
#define FACT_IMPORTS_MAX 2048
#define FACT_NAMES_MAX 8192
#define FACT_LITERALS_MAX 4096

/* How a module comes to be there; 0 is an import at the top level, always executed. */
#define FACT_IN_FUNCTION 1u
#define FACT_IN_TRY 2u
#define FACT_IN_IF 4u
#define FACT_TYPE_CHECKING 8u /* under `if TYPE_CHECKING:`, never executed */
#define FACT_DYNAMIC 16u      /* importlib.import_module("x") */
#define FACT_INSTALLED 32u    /* a package that is installed, not imported: pip, conda */
#define FACT_IMAGE 64u        /* what a base image is named after */
#define FACT_IN_MAIN 128u     /* besides IN_IF: the only one is `if __name__ == "__main__":` */
#define FACT_MARKED 256u      /* besides INSTALLED: not always: by a marker, by `-e` */

struct fact_import {
    struct fact_import *next;
    const char *module; /* "torch.nn"; a relative import keeps its dots: ".models" */
    const char
        *name; /* "Linear" of `from torch.nn import Linear`, "*", or "" for `import torch.nn` */
    uint32_t scope;       /* FACT_IN_* bits */
    const char *function; /* directly in this one of the module; "": in none, or deeper */
    uint32_t offset;      /* of the statement */
    uint32_t line;
};

enum fact_name_kind {
    FACT_CALL = 1,   /* what is called: "datasets.MNIST", ".fit" behind a call or subscript */
    FACT_ARGUMENT,   /* a literal string handed to `callee` */
    FACT_DEFINITION, /* a class or function defined here */
    FACT_TITLE,      /* a heading: of a notebook, of the comment or docstring a file begins with */
    FACT_OPTION,     /* of the command line, that the program defines: "--epochs" */
    FACT_COMMAND,    /* a word of a shell command, a path, a name of a service or image */
    FACT_MODEL,      /* what `callee` loads: a model's name, or of which variable it is the value */
};

struct fact_name {
    struct fact_name *next;
    enum fact_name_kind kind;
    const char *text;
    const char *callee; /* of an ARGUMENT, "" otherwise */
    int position; /* of an ARGUMENT: 0-based, -1 when given by keyword; of a TITLE: 1 the main one, 2 others; of a MODEL: 0 its name, 1 a variable's */
    uint32_t scope;       /* of Python: FACT_IN_* bits */
    const char *function; /* as of an import */
    uint32_t offset;
    uint32_t line;
};

/* `name = value`, `f(name=value)`, `add_argument("--name", default=value)`, `--name value` with a literal value. */
struct fact_literal {
    struct fact_literal *next;
    const char *name; /* as written: "--batch-size", "EPOCHS", "lr" */
    const char *value;
    bool is_number; /* `value` is a JSON number */
    enum analysis_source source;
    uint32_t scope; /* of Python: FACT_IN_* bits */
    uint32_t offset;
    uint32_t line;
};

struct facts {
    struct fact_import *imports;
    struct fact_name *names;
    struct fact_literal *literals;
    size_t import_count;
    size_t name_count;
    size_t literal_count;
    bool syntax_errors;
    bool cut;
    bool starts;           /* has `if __name__ == "__main__":` */
    uint32_t gpus;         /* asked for by name: a reservation, --gpus; 0: nothing said */
    uint32_t gpu_offset;   /* where, when gpus > 0 */
    uint32_t gpu_line;     /* 0: nowhere */
    bool gpu_of_any_count; /* "all" */
    uint32_t cuda;         /* that an environment names (cuda.h), × 10; 0: none */
    uint32_t cuda_offset;  /* where, when cuda > 0 */
    uint32_t cuda_line;
    const char *image; /* of a Dockerfile its only FROM, as it is spelled; NULL: none, or not one */
    uint32_t image_offset;
    uint32_t image_line;
};

/* Where a fact stands. */
struct fact_place {
    uint32_t offset;
    uint32_t line; /* 1-based */
};

/* A reader's pen. Zero it, set `arena`, call facts_writer_init. */
struct facts_writer {
    struct arena *arena;
    struct facts facts;
    struct fact_import **import_tail;
    struct fact_name **name_tail;
    struct fact_literal **literal_tail;
    struct buf scratch;
    struct fact_place
        base;       /* of several files: what stood before this one; added to each fact's place */
    uint32_t scope; /* of the facts that come next */
    const char *function; /* likewise; "" at first */
    bool out_of_memory;
};

void facts_writer_init(struct facts_writer *writer, struct arena *arena);
void facts_writer_deinit(struct facts_writer *writer);

/* Zero-terminated valid UTF-8 in the arena, at most FACT_TEXT_MAX bytes of it; "" and `out_of_memory` when there is none. */
const char *facts_keep(struct facts_writer *writer, struct bytes text);
/* `scope`: besides the writer's. */
void facts_import(struct facts_writer *writer, struct fact_place at, struct bytes module,
                  struct bytes name, uint32_t scope);
void facts_name(struct facts_writer *writer, struct fact_place at, enum fact_name_kind kind,
                struct bytes text, struct bytes callee, int position);
/* `value` was made by facts_keep. */
void facts_literal(struct facts_writer *writer, struct fact_place at, struct bytes name,
                   const char *value, bool is_number, enum analysis_source source);

#endif
