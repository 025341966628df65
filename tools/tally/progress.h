/* tools/tally/progress.h: one line on standard error that says how far long work is; silent unless that is a terminal. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_PROGRESS_H
#define TOOLS_TALLY_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *verb; /* "checking" */
    bool shown;       /* whether to show anything */
    int64_t started_ns;
    int64_t last_ns;
};

struct progress progress_start(const char *verb, bool quiet);
/* `ctx` is a struct progress. Redraws ten times a second at most. */
void progress_records(void *ctx, uint64_t done, uint64_t size);
void progress_end(struct progress *progress);

#endif
