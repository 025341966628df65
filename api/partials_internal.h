/* api/partials_internal.h: what partials.c and partial_writer.c share. Every change of a file is a job on the thread pool, one at a time for an upload, so that
 * its content and its offset need no lock. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_PARTIALS_INTERNAL_H
#define API_PARTIALS_INTERNAL_H

#include "api/partials.h"

#define PARTIAL_DIGITS 16 /* hex */
#define PARTIAL_FIRST_LINE (2 * PARTIAL_DIGITS + 2)

struct job;

struct partials {
    uv_loop_t *loop;
    const struct ledger *ledger; /* whose disk it is */
    uint64_t bytes_max;
    struct partial *list;
    size_t count;
    size_t jobs;          /* with the pool */
    struct job *removals; /* of them, those that remove */
    char folder[PATH_MAX - 128];
};

void partial_meta_path(const struct partials *partials, const struct partial *partial,
                       char ret[PATH_MAX]);
/* Of the file that says what it is. */
void partial_first_line(uint64_t offset, int64_t at, char ret[PARTIAL_FIRST_LINE + 1]);
int64_t partial_end_of_life(int64_t last_piece_at);
/* What is on the disk, or may be soon. */
uint64_t partials_held(const struct partials *partials);

#endif
