/* api/results.h: result files on their way from a machine, whole (routes/results.c) or in pieces (routes/result_pieces.c): whose job it is, and the room there is. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_RESULTS_H
#define API_RESULTS_H

#include "api/blob_body.h"

/* What is stored is known when it is stored, so files that come side by side would each find the same room: it is promised to them in turn, for
 * as long as the call lives. By then the file is in the views, or is not kept. */
struct result_room {
    struct result_room *next;
    struct id16 job_id;
    uint64_t size;
};

struct result_facts {
    uint64_t stored;   /* bytes of the job's result files */
    uint64_t file_max; /* of one file */
    uint64_t attempt;
};

/* The machine's job runs, and the path's name is good; otherwise the problem was sent and the reading is closed. */
MUST_CHECK bool results_begin(struct call *call, struct reading *reading, struct result_facts *ret);
/* Promise a file of `size` its room; give it back with the call. False: the problem was sent. */
MUST_CHECK bool results_promise(struct call *call, struct result_room *room, uint64_t stored,
                                uint64_t size);
void results_give_back(struct call *call, const struct result_room *room);
/* The command that stores a file, to be submitted. */
void results_command(struct blob_body *body, const struct blob *blob);

#endif
