/* worker/output.c: lines are collected per stream and appended to the newest batch.
 *
 *     feed ─▶ partial[stream] ─line─▶ on_line? ─▶ newest batch ─▶ … ─▶ oldest batch ─▶ output_front
 */
// SPDX-License-Identifier: Apache-2.0
#include "worker/output.h"

#include "core/base/buf.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "worker/mask.h"

#include <stdlib.h>
#include <string.h>

struct batch {
    struct batch *next;
    enum worker_stream stream;
    uint64_t lines;
    struct buf text;
};

_Static_assert(STREAM_COUNT == MASK_STREAMS, "each stream is masked by itself");

struct output {
    struct output_options options;
    size_t line_max; /* raw bytes */
    struct buf partial[STREAM_COUNT];
    bool after_cr[STREAM_COUNT];  /* a \n now belongs to the \r before it */
    bool continued[STREAM_COUNT]; /* the partial line is the rest of a long one */
    struct batch *oldest;
    struct batch *newest;
    size_t queued;      /* bytes of text in the batches */
    uint64_t next_line; /* of the oldest batch */
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
    output->next_line = 1;
    output->line_max = options->batch_max / 4; /* a replaced byte takes three, and the \n one */
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        buf_init(&output->partial[i], output->line_max);
    }
    buf_init(&output->clean, options->batch_max);
    *ret_output = output;
    return ERR_OK;
}

static void drop_oldest(struct output *output)
{
    struct batch *batch = output->oldest;
    INVARIANT(output->queued >= batch->text.size);
    output->oldest = batch->next;
    if (output->oldest == NULL) {
        output->newest = NULL;
    }
    output->queued -= batch->text.size;
    buf_deinit(&batch->text);
    free(batch);
}

void output_destroy(struct output *output)
{
    if (output == NULL) {
        return;
    }
    while (output->oldest != NULL) {
        drop_oldest(output);
    }
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        buf_deinit(&output->partial[i]);
    }
    buf_deinit(&output->clean);
    free(output);
}

/* The batch that takes `size` more bytes of `stream`. NULL: out of memory, the line is lost. */
static struct batch *batch_for(struct output *output, enum worker_stream stream, size_t size)
{
    struct batch *batch = output->newest;
    if (batch != NULL && batch->stream == stream &&
        batch->text.size + size <= output->options.batch_max) {
        return batch;
    }
    batch = calloc(1, sizeof *batch);
    if (batch == NULL) {
        return NULL;
    }
    batch->stream = stream;
    buf_init(&batch->text, output->options.batch_max);
    if (output->newest == NULL) {
        output->oldest = batch;
    } else {
        output->newest->next = batch;
    }
    output->newest = batch;
    return batch;
}

static void queue_line(struct output *output, enum worker_stream stream, struct bytes line)
{
    if (output->discarding) {
        return;
    }
    buf_clear(&output->clean);
    utf8_append_lossy(&output->clean, line);
    buf_append_byte(&output->clean, '\n');
    INVARIANT(output->clean.failed || output->clean.size <= output->options.batch_max);
    struct bytes text = buf_bytes(&output->clean);
    struct batch *batch = batch_for(output, stream, text.size);
    if (batch == NULL) {
        return;
    }
    size_t const before = batch->text.size;
    for (const uint8_t *zero; (zero = memchr(text.data, 0, text.size)) != NULL;) {
        /* JSON can write a zero, most readers of text cannot read it: a blank stands for it. */
        size_t const plain = (size_t)(zero - text.data);
        buf_append(&batch->text, text.data, plain);
        buf_append_byte(&batch->text, ' ');
        text = bytes_from(text, plain + 1);
    }
    buf_append_bytes(&batch->text, text);
    output->queued += batch->text.size - before;
    batch->lines++;
}

static void end_line(struct output *output, enum worker_stream stream)
{
    struct bytes const line = buf_bytes(&output->partial[stream]);
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
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t const byte = bytes.data[i];
        if (byte != '\n' && byte != '\r') {
            if (partial->size == output->line_max) {
                split_long(output, stream);
            }
            buf_append_byte(partial, byte);
            continue;
        }
        bool const pair = byte == '\r' && i + 1 < bytes.size && bytes.data[i + 1] == '\n';
        output->after_cr[stream] = byte == '\r' && i + 1 == bytes.size;
        log_raw(output, buf_bytes(partial));
        log_raw(output, bytes_of(bytes.data + i, pair ? 2 : 1));
        end_line(output, stream);
        buf_clear(partial);
        i += pair ? 1 : 0;
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
            end_line(output, (enum worker_stream)i);
            buf_clear(&output->partial[i]);
        }
    }
}

bool output_front(struct output *output, bool flush, struct output_batch *ret)
{
    const struct batch *batch = output->oldest;
    if (batch == NULL || (batch == output->newest && !flush)) {
        return false;
    }
    INVARIANT(batch->lines > 0);
    *ret = (struct output_batch){
        .stream = batch->stream, .first_line = output->next_line, .text = buf_bytes(&batch->text)};
    return true;
}

/* Take the first `count` lines off the oldest batch, which has more. */
static void drop_lines(struct output *output, uint64_t count)
{
    struct batch *batch = output->oldest;
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *end = memchr(batch->text.data, '\n', batch->text.size);
        INVARIANT(end != NULL);
        size_t const size = (size_t)(end - batch->text.data) + 1;
        buf_consume(&batch->text, size);
        output->queued -= size;
    }
    batch->lines -= count;
    output->next_line += count;
}

void output_resync(struct output *output, uint64_t next_line)
{
    while (output->oldest != NULL && next_line > output->next_line) {
        uint64_t const lines = output->oldest->lines;
        if (next_line - output->next_line < lines) {
            drop_lines(output, next_line - output->next_line);
        } else {
            output->next_line += lines;
            drop_oldest(output);
        }
    }
    output->next_line = next_line;
}

void output_discard(struct output *output)
{
    output->discarding = true;
    while (output->oldest != NULL) {
        output->next_line += output->oldest->lines;
        drop_oldest(output);
    }
}

bool output_is_full(const struct output *output)
{
    return output->queued >= output->options.queued_max;
}

bool output_is_empty(const struct output *output)
{
    return output->oldest == NULL;
}
