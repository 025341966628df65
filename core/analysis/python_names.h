/* core/analysis/python_names.h: what a name in Python source says by itself: its parts, and which calls define an option of the command line, load a
 * model by name or install packages.
 *
 * Thread:  any; pure. Results are parts of what was handed in. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_PYTHON_NAMES_H
#define CORE_ANALYSIS_PYTHON_NAMES_H

#include "core/analysis/analysis.h"

/* The dotted name a callee ends with: all of `nn.Linear`, `.fit` of `build(3).fit`. */
struct bytes python_name_tail(struct bytes callee);
/* `fit` of `build(3).fit`. */
struct bytes python_last_part(struct bytes dotted);

/* How a call defines a command line option with a default, if it does; else KWARG. */
enum analysis_source python_option_source(struct bytes callee);

/* Is this argument of such a call the name of a model that it loads? `index`: 0-based, -1 for one that is given as `key`. */
bool python_loads_model(struct bytes callee, int index, struct bytes key);

/* A call that has pip install something; `call`: the whole of it. */
bool python_installs(struct bytes callee, struct bytes call);

#endif
