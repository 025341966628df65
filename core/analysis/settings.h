/* core/analysis/settings.h: what a job can be told when it is started: the arguments and variables that its program asks for by name.
 *
 * Reads:   add_argument("--epochs"), click's option("--epochs"), absl's DEFINE_integer("epochs"), os.environ.get("EPOCHS"), getenv("EPOCHS"): of those that
 *          are spelled like a parameter that decides how long it takes (parameters.h), whether or not they have a default.
 * And:     every variable of the environment that the program reads, but for those that are there anyway. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_SETTINGS_H
#define CORE_ANALYSIS_SETTINGS_H

#include "core/analysis/evidence.h"

/* The first of each spelling, at most ANALYSIS_SETTINGS_MAX. */
MUST_CHECK enum err_code settings_find(const struct facts *facts, const struct evidence_list *list,
                                       struct arena *arena, struct analysis *ret, struct err *err);

#endif
