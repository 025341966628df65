/* tools/tally/estimate_command.h: `tally estimate FILE…`: how long it takes and what it costs, offline. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_ESTIMATE_COMMAND_H
#define TOOLS_TALLY_ESTIMATE_COMMAND_H

#include "core/analysis/analysis.h"

int estimate_command(int argc, char **argv);

/* The analysis' time from the benchmark the job is like, if there is one: as the server records it. */
void estimate_analysis(struct analysis *analysis, struct arena *arena);

#endif
