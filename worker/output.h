/* worker/output.h: what a program writes, cut into lines and batches for the server.
 *
 * Shape:   bytes of stdout and stderr in → complete lines → batches of lines of one source, at most `batch_max` bytes
 *          each, in the order in which their lines were completed. A line ends with \n, \r\n or a lone \r (progress bars); one longer than a quarter
 *          of a batch goes on as the next line. The text is made well-formed UTF-8, without zero bytes, and each line ends with \n.
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
    struct mask *mask; /* over every byte before all else; NULL: none; borrowed */
    /* A batch, when no more goes into it or output_flush asks for it; borrowed for the call. */
    void (*on_batch)(void *ctx, enum worker_stream stream, uint64_t lines, struct bytes text);
    /* Every byte as it was written, whole lines at a time. May be NULL. */
    void (*on_raw)(void *ctx, struct bytes raw);
    /* A whole line without its end; true: it was meant for the worker and is not shown. May be NULL. */
    bool (*on_line)(void *ctx, enum worker_stream stream, struct bytes line);
    void *ctx;
};

MUST_CHECK enum err_code output_create(const struct output_options *options,
                                       struct output **ret_output, struct err *err);
void output_destroy(struct output *output);

void output_feed(struct output *output, enum worker_stream stream, struct bytes bytes);
/* The streams have ended: unfinished lines are lines now, and all is flushed. */
void output_finish(struct output *output);

/* Give the batch that is being filled to on_batch, if there is a line in it. */
void output_flush(struct output *output);
/* Nobody wants batches any more; on_raw and on_line go on. */
void output_discard(struct output *output);

#endif
