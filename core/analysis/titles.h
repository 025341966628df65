/* core/analysis/titles.h: what a source file says about itself in the lines above its code. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_TITLES_H
#define CORE_ANALYSIS_TITLES_H

#include "core/analysis/facts.h"

/* A line of a licence, an author or an interpreter: says nothing of what the code does. */
bool titles_say_licence(struct bytes line);
/* The first lines of a text that say something, up to a licence: the first two are its title. `at`: where the text begins; `said`: how many there were
 * already. */
void titles_add(struct facts_writer *facts, struct bytes text, struct fact_place at, int *said);

#endif
