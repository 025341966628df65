/* worker/job_protocol.h: the line by which a program tells how far it is.
 *
 *     ::tally progress=0.42 operation="epoch 3 of 5"
 *
 * Shape:   one line without its end. `::tally ` at the first column, then progress and operation in either order, each at
 *          most once and at least one of them, blanks between. Progress is a decimal from 0 to 1 without exponent; an
 *          operation is at most 200 bytes of UTF-8 in double quotes without double quotes and control characters.
 *          A line that does not read so is output like any other.
 * Thread:  any; pure.
 * Source:  examples/README.md. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_JOB_PROTOCOL_H
#define WORKER_JOB_PROTOCOL_H

#include "core/base/bytes.h"

#define JOB_OPERATION_MAX 200

struct job_protocol_line {
    bool has_progress;
    uint64_t permille; /* 0 to 1000, rounded down */
    bool has_operation;
    struct bytes operation; /* borrowed from the line */
};

/* True and `*ret` set when `line` is of the protocol. */
bool job_protocol_parse(struct bytes line, struct job_protocol_line *ret);

#endif
