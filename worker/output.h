/* worker/output.h: what a program writes, cut into numbered lines and batches for the server.
 *
 * Shape:   bytes of stdout and stderr in → complete lines → batches of lines of one source, at most `batch_max` bytes
 *          each. One counter numbers the lines of both, from 1, in the order they were completed. A line ends with \n,
 *          \r\n or a lone \r (progress bars); one longer than a quarter of a batch goes on as the next line. The text is
 *          made well-formed UTF-8, without zero bytes, and each line ends with \n.
 * Numbers: a batch gets its number when it is handed out, from what the server last said, so that output_resync can skip
 *          what the server has already.
 * Owner:   batches are borrowed until the next call.
 * Thread:  loop; pure memory, no input or output of its own. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_OUTPUT_H
#define WORKER_OUTPUT_H

#include "core/base/bytes.h"
#include "core/base/err.h"

#define OUTPUT_BATCH_MIN 64

struct mask;

enum worker_stream { STREAM_STDOUT, STREAM_STDERR, STREAM_COUNT };

struct output;

struct output_options {
    size_t batch_max;  /* bytes, at least OUTPUT_BATCH_MIN */
    size_t queued_max; /* output_is_full from here on */
    struct mask *mask; /* over every byte before all else; NULL: none; borrowed */
    /* Every byte as it was written, line by line. May be NULL. */
    void (*on_raw)(void *ctx, struct bytes raw);
    /* A whole line without its end; true: it was meant for the worker and is not shown. May be NULL. */
    bool (*on_line)(void *ctx, enum worker_stream stream, struct bytes line);
    void *ctx;
};

struct output_batch {
    enum worker_stream stream;
    uint64_t first_line;
    struct bytes text;
};

MUST_CHECK enum err_code output_create(const struct output_options *options,
                                       struct output **ret_output, struct err *err);
void output_destroy(struct output *output);

void output_feed(struct output *output, enum worker_stream stream, struct bytes bytes);
/* The streams have ended: unfinished lines are lines now. */
void output_finish(struct output *output);

/* The oldest batch. Without `flush` only one that cannot grow any more. False: there is none. */
bool output_front(struct output *output, bool flush, struct output_batch *ret);
/* The server has everything before `next_line`; the oldest batches are dropped accordingly. Lines it lost and we no longer
 * have are gone: numbering goes on from what it says. */
void output_resync(struct output *output, uint64_t next_line);
/* The server keeps no more: forget what is queued, queue no more; on_raw and on_line go on. */
void output_discard(struct output *output);

bool output_is_full(const struct output *output);
bool output_is_empty(
    const struct output *output); /* nothing queued; an unfinished line does not count */

#endif
