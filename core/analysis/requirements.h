/* core/analysis/requirements.h: pip's requirements files (names, extras, markers, addresses, nested files, options). */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_REQUIREMENTS_H
#define CORE_ANALYSIS_REQUIREMENTS_H

#include "core/analysis/facts.h"

void requirements_read(struct facts_writer *writer, struct bytes text);

/* Most lines that say anything are requirements: for a text file whose name does not say what it is. */
bool requirements_are_likely(struct bytes text);

#endif
