/* worker/output.c: a line is looked at where it lies in what was read; only one that is cut by the end of a read is collected.
 *
 *     feed ─▶ partial[stream] ─line─▶ on_line? ─▶ batch ─▶ on_batch
 */
// SPDX-License-Identifier: Apache-2.0
#include "worker/output.h"

#include "core/base/buf.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "worker/mask.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(STREAM_COUNT == MASK_STREAMS, "each stream is masked by itself");

struct output {
    struct output_options options;
    size_t line_max; /* raw bytes */
    struct buf partial[STREAM_COUNT];
    bool after_cr[STREAM_COUNT];  /* a \n now belongs to the \r before it */
    bool continued[STREAM_COUNT]; /* the partial line is the rest of a long one */
    enum worker_stream batch_stream;
    uint64_t batch_lines;
    struct buf batch;
    bool discarding;
    struct buf clean; /* one line made presentable */
};

enum err_code output_create(const struct output_options *options, struct output **ret_output,
                            struct err *err)
{
    INVARIANT(options->batch_max >= OUTPUT_BATCH_MIN);
    struct output *output = calloc(1, sizeof *output);
    if (output == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a job's output");
    }
    output->options = *options;
    output->line_max = options->batch_max / 4; /* a replaced byte takes three, and the \n one */
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        buf_init(&output->partial[i], output->line_max);
    }
    buf_init(&output->clean, options->batch_max);
    buf_init(&output->batch, options->batch_max);
    *ret_output = output;
    return ERR_OK;
}

void output_destroy(struct output *output)
{
    if (output == NULL) {
        return;
    }
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        buf_deinit(&output->partial[i]);
    }
    buf_deinit(&output->clean);
    buf_deinit(&output->batch);
    free(output);
}

void output_flush(struct output *output)
{
    if (output->batch_lines > 0 && !output->discarding) {
        output->options.on_batch(output->options.ctx, output->batch_stream, output->batch_lines,
                                 buf_bytes(&output->batch));
    }
    output->batch_lines = 0;
    buf_clear(&output->batch);
}

static void queue_line(struct output *output, enum worker_stream stream, struct bytes line)
{
    if (output->discarding) {
        return;
    }
    buf_clear(&output->clean);
    utf8_append_lossy(&output->clean, line);
    buf_append_byte(&output->clean, '\n');
    if (output->clean.failed) { /* no memory: the line is lost */
        return;
    }
    INVARIANT(output->clean.size <= output->options.batch_max);
    /* JSON can write a zero, most readers of text cannot read it: a blank stands for it. */
    for (uint8_t *zero = output->clean.data;
         (zero = memchr(zero, 0, output->clean.size - (size_t)(zero - output->clean.data))) !=
         NULL;) {
        *zero = ' ';
    }
    struct bytes const text = buf_bytes(&output->clean);
    if (output->batch_stream != stream ||
        output->batch.size + text.size > output->options.batch_max) {
        output_flush(output);
    }
    output->batch_stream = stream;
    output->batch_lines++;
    buf_append_bytes(&output->batch, text);
}

static void end_line(struct output *output, enum worker_stream stream, struct bytes line)
{
    bool const whole = !output->continued[stream];
    output->continued[stream] = false;
    if (!whole || output->options.on_line == NULL ||
        !output->options.on_line(output->options.ctx, stream, line)) {
        queue_line(output, stream, line);
    }
}

static void log_raw(struct output *output, struct bytes raw)
{
    if (output->options.on_raw != NULL && raw.size > 0) {
        output->options.on_raw(output->options.ctx, raw);
    }
}

/* How much of a full piece goes out now: not the first bytes of a character whose rest is still to come. */
static size_t whole_characters(struct bytes piece)
{
    for (size_t back = 1; back <= 3 && back < piece.size; back++) {
        uint8_t const byte = piece.data[piece.size - back];
        if (byte >= 0xc0) {
            size_t const needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
            return needs > back ? piece.size - back : piece.size;
        }
        if (byte < 0x80) {
            break;
        }
    }
    return piece.size;
}

static void split_long(struct output *output, enum worker_stream stream)
{
    struct buf *partial = &output->partial[stream];
    size_t const size = whole_characters(buf_bytes(partial));
    log_raw(output, bytes_of(partial->data, size));
    queue_line(output, stream, bytes_of(partial->data, size));
    buf_consume(partial, size);
    output->continued[stream] = true;
}

/* Bytes without a line's end: they wait for it, as far as a line may be long. */
static void collect(struct output *output, enum worker_stream stream, struct bytes bytes)
{
    struct buf *partial = &output->partial[stream];
    while (bytes.size > 0) {
        if (partial->size == output->line_max) {
            split_long(output, stream);
        }
        size_t const room = output->line_max - partial->size;
        size_t const part = bytes.size < room ? bytes.size : room;
        buf_append(partial, bytes.data, part);
        bytes = bytes_from(bytes, part);
    }
}

/* The first `what` at or behind `from`. `*known` is where the last one was found, so that a text without any is searched once. */
static const uint8_t *find_next(const uint8_t **known, const uint8_t *from, const uint8_t *end,
                                char what)
{
    if (*known == NULL || *known < from) {
        const uint8_t *found = memchr(from, what, (size_t)(end - from));
        *known = found == NULL ? end : found;
    }
    return *known;
}

static void take(struct output *output, enum worker_stream stream, struct bytes bytes)
{
    struct buf *partial = &output->partial[stream];
    if (output->after_cr[stream] && bytes.size > 0) {
        output->after_cr[stream] = false;
        if (bytes.data[0] == '\n') {
            log_raw(output, bytes_of("\n", 1));
            bytes = bytes_from(bytes, 1);
        }
    }
    if (bytes.size == 0) { /* whose data may be none */
        return;
    }
    const uint8_t *end = bytes.data + bytes.size;
    const uint8_t *newline = NULL;
    const uint8_t *next_cr = NULL;
    for (const uint8_t *at = bytes.data; at < end;) {
        const uint8_t *stop = find_next(&newline, at, end, '\n');
        if (find_next(&next_cr, at, end, '\r') < stop) {
            stop = next_cr;
        }
        struct bytes line = bytes_of(at, (size_t)(stop - at));
        if (stop == end) {
            collect(output, stream, line);
            break;
        }
        bool const pair = *stop == '\r' && stop + 1 < end && stop[1] == '\n';
        size_t const end_size = pair ? 2 : 1;
        output->after_cr[stream] = *stop == '\r' && stop + 1 == end;
        at = stop + end_size;
        if (partial->size == 0 && line.size <= output->line_max) {
            log_raw(output, bytes_of(line.data, line.size + end_size));
            end_line(output, stream, line);
            continue;
        }
        collect(output, stream, line);
        log_raw(output, buf_bytes(partial));
        log_raw(output, bytes_of(stop, end_size));
        end_line(output, stream, buf_bytes(partial));
        buf_clear(partial);
    }
}

static void on_shown(void *ctx, unsigned stream, struct bytes bytes)
{
    take(ctx, (enum worker_stream)stream, bytes);
}

void output_feed(struct output *output, enum worker_stream stream, struct bytes bytes)
{
    if (output->options.mask != NULL) {
        mask_feed(output->options.mask, stream, bytes, on_shown, output);
    } else {
        take(output, stream, bytes);
    }
}

void output_finish(struct output *output)
{
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        if (output->options.mask != NULL) {
            mask_finish(output->options.mask, (unsigned)i, on_shown, output);
        }
        if (output->partial[i].size > 0) {
            log_raw(output, buf_bytes(&output->partial[i]));
            end_line(output, (enum worker_stream)i, buf_bytes(&output->partial[i]));
            buf_clear(&output->partial[i]);
        }
    }
    output_flush(output);
}

void output_discard(struct output *output)
{
    output->discarding = true;
}
