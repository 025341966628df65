/* core/analysis/prerequisites.h: what must lie on the machine, or the job does not start: Python packages, a model (model.h), a container image.
 *
 * Rule:    a false need keeps a good job from a machine until its owner overrides it; a missed one means that the job starts there and says itself what it
 *          lacks. So only what is certain counts, and when in doubt nothing does.
 *          Packages, of core/base/software.h: what the entry, and each file of the bundle that it imports at its top level, imports there, not in a function, `if` or
 *          `try`. In a function that is called from there, the framework that the job is about. Lines of the bundle's own requirements.txt
 *          without a marker, for the worker ends a job that they are not met for. nbclient, by which it executes notebooks.
 *          Not what the bundle brings itself, and not what the program installs itself: if that is said by name, then the framework alone counts, unless it or
 *          what stands on it is installed; if it is not (`-r`, a folder), then nothing.
 *          Image: a Dockerfile's FROM, if it is its only one and says its name without a variable. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_PREREQUISITES_H
#define CORE_ANALYSIS_PREREQUISITES_H

#include "core/analysis/bundle.h"
#include "core/analysis/evidence.h"

struct prerequisites_question {
    const struct facts *facts;
    const struct frameworks *frameworks;
    const struct jobtype *jobtype;
    const struct bundle *bundle; /* NULL: one file alone */
};

/* Sets packages, model and image of `ret` and says each in `list`, whose first source is the entry. */
void prerequisites_find(const struct prerequisites_question *question, struct evidence_list *list,
                        struct analysis_requirements *ret);

#endif
