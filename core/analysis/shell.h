/* core/analysis/shell.h: what shell commands install and start; of launchers, RUN and CMD of a Dockerfile, `!` lines of a
 * notebook. Words are split as a shell splits them, quotes and `\` understood; nothing is expanded or executed. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_SHELL_H
#define CORE_ANALYSIS_SHELL_H

#include "core/analysis/facts.h"

/* `text` stands at `at` in the file: lines are counted on from there. */
void shell_read(struct facts_writer *writer, struct fact_place at, struct bytes text);

/* A whole launcher: `#SBATCH` and `#PBS` lines understood as well. */
void shell_read_file(struct facts_writer *writer, struct bytes text);

/* The literal value that a word is: a number as JSON writes it, or text. */
void shell_literal(struct facts_writer *writer, struct fact_place at, struct bytes name,
                   struct bytes value, enum analysis_source source);

#endif
