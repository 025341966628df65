// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/progress.h"

#include "core/base/time.h"

#include <stdio.h>
#include <unistd.h>

#define REDRAW_NS (100 * NS_PER_MS)

struct progress progress_start(const char *verb, bool quiet)
{
    return (struct progress){
        .verb = verb, .shown = !quiet && isatty(STDERR_FILENO), .started_ns = time_mono_ns()};
}

void progress_records(void *ctx, uint64_t done, uint64_t size)
{
    struct progress *progress = ctx;
    int64_t now = time_mono_ns();
    if (!progress->shown || (now - progress->last_ns < REDRAW_NS && done != size)) {
        return;
    }
    progress->last_ns = now;
    uint64_t elapsed_ms = (uint64_t)(now - progress->started_ns) / 1000000 + 1;
    fprintf(stderr, "\r%s record %llu of %llu, %llu a second\x1b[K", progress->verb,
            (unsigned long long)done, (unsigned long long)size,
            (unsigned long long)(done * 1000 / elapsed_ms));
}

void progress_end(struct progress *progress)
{
    if (progress->shown) {
        fputs("\r\x1b[K", stderr);
    }
}
