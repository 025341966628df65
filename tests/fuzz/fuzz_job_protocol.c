/* What a program writes: a line that is taken says the same when written anew, and whatever is written comes out as numbered
 * batches within their size. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/buf.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "tests/fuzz/fuzz_target.h"
#include "worker/job_protocol.h"
#include "worker/output.h"

#include <string.h>

static void check_line(struct bytes line)
{
    struct job_protocol_line said;
    struct job_protocol_line again;
    struct buf text;
    if (!job_protocol_parse(line, &said)) {
        return;
    }
    INVARIANT(said.has_progress || said.has_operation);
    INVARIANT(said.permille <= 1000);
    buf_init(&text, 1024);
    buf_append_text(&text, "::tally ");
    if (said.has_operation) {
        INVARIANT(said.operation.size <= JOB_OPERATION_MAX && utf8_is_valid(said.operation));
        buf_append_text(&text, "operation=\"");
        buf_append_bytes(&text, said.operation);
        buf_append_text(&text, "\" ");
    }
    if (said.has_progress) {
        buf_printf(&text, "progress=%u.%03u", (unsigned)said.permille / 1000,
                   (unsigned)said.permille % 1000);
    }
    INVARIANT(job_protocol_parse(buf_bytes(&text), &again));
    INVARIANT(again.has_progress == said.has_progress && again.permille == said.permille);
    INVARIANT(bytes_equal(again.operation, said.operation));
    buf_deinit(&text);
}

static bool on_line(void *ctx, enum worker_stream stream, struct bytes line)
{
    (void)ctx;
    (void)stream;
    check_line(line);
    return false;
}

static void on_batch(void *ctx, enum worker_stream stream, uint64_t lines, struct bytes text)
{
    uint64_t ends = 0;
    (void)ctx;
    (void)stream;
    INVARIANT(text.size > 0 && text.size <= OUTPUT_BATCH_MIN);
    INVARIANT(utf8_is_valid(text));
    for (size_t i = 0; i < text.size; i++) {
        ends += text.data[i] == '\n' ? 1 : 0;
    }
    INVARIANT(ends == lines && text.data[text.size - 1] == '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_of(data, size);
    struct output *output;
    struct output_options const options = {
        .batch_max = OUTPUT_BATCH_MIN, .on_batch = on_batch, .on_line = on_line};
    check_line(rest);
    if (output_create(&options, &output, NULL) != ERR_OK) {
        return 0;
    }
    while (rest.size > 0) { /* the first byte of a piece says its size, stream and what follows */
        uint8_t const control = rest.data[0];
        size_t const wanted = 1 + (size_t)(control & 31);
        size_t const piece = wanted < rest.size - 1 ? wanted : rest.size - 1;
        output_feed(output, (control & 32) != 0 ? STREAM_STDERR : STREAM_STDOUT,
                    bytes_of(rest.data + 1, piece));
        rest = bytes_from(rest, 1 + piece);
        if ((control & 64) != 0) {
            output_flush(output);
        }
    }
    output_finish(output);
    output_destroy(output);
    return 0;
}
