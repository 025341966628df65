// SPDX-License-Identifier: Apache-2.0
#include "core/base/buf.h"
#include "core/base/text.h"
#include "tests/support/cmocka_all.h"
#include "worker/output.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
    struct output *output;
    struct buf raw;
    struct buf taken; /* lines starting with '!' are for the worker */
};

static void on_raw(void *ctx, struct bytes raw)
{
    struct fixture *f = ctx;
    buf_append_bytes(&f->raw, raw);
}

static bool on_line(void *ctx, enum worker_stream stream, struct bytes line)
{
    struct fixture *f = ctx;
    bool const ours = stream == STREAM_STDOUT && line.size > 0 && line.data[0] == '!';
    if (ours) {
        buf_append_bytes(&f->taken, line);
    }
    return ours;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    buf_init(&f->raw, 1U << 20);
    buf_init(&f->taken, 1U << 20);
    struct output_options const options = {
        .batch_max = 64, .queued_max = 200, .on_raw = on_raw, .on_line = on_line, .ctx = f};
    *state = f;
    return output_create(&options, &f->output, NULL) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    output_destroy(f->output);
    buf_deinit(&f->raw);
    buf_deinit(&f->taken);
    free(f);
    return 0;
}

static void feed(struct fixture *f, enum worker_stream stream, const char *text)
{
    output_feed(f->output, stream, bytes_of_text(text));
}

static void expect(struct fixture *f, enum worker_stream stream, uint64_t first_line,
                   const char *text)
{
    struct output_batch batch;
    assert_true(output_front(f->output, true, &batch));
    assert_int_equal(batch.stream, stream);
    assert_int_equal(batch.first_line, first_line);
    assert_int_equal(batch.text.size, strlen(text));
    assert_memory_equal(batch.text.data, text, batch.text.size);
}

static uint64_t lines_in(const char *text)
{
    uint64_t lines = 0;
    for (; *text != 0; text++) {
        lines += *text == '\n' ? 1 : 0;
    }
    return lines;
}

static void take(struct fixture *f, enum worker_stream stream, uint64_t first_line,
                 const char *text)
{
    expect(f, stream, first_line, text);
    output_resync(f->output, first_line + lines_in(text));
}

static void lines_of_both_streams_share_one_counter_and_keep_their_order(void **state)
{
    struct fixture *f = *state;
    feed(f, STREAM_STDOUT, "one\ntw");
    feed(f, STREAM_STDERR, "oh\nno\n");
    feed(f, STREAM_STDOUT, "o\nthree");
    take(f, STREAM_STDOUT, 1, "one\n");
    take(f, STREAM_STDERR, 2, "oh\nno\n");
    take(f, STREAM_STDOUT, 4, "two\n");
    assert_true(output_is_empty(f->output));
    output_finish(f->output);
    take(f, STREAM_STDOUT, 5, "three\n");
    assert_string_equal(buf_text(&f->raw), "one\noh\nno\ntwo\nthree");
}

static void a_growing_batch_is_held_back_until_flushed(void **state)
{
    struct fixture *f = *state;
    struct output_batch batch;
    feed(f, STREAM_STDOUT, "a\n");
    assert_false(output_front(f->output, false, &batch));
    feed(f, STREAM_STDERR, "b\n"); /* now the first cannot grow */
    assert_true(output_front(f->output, false, &batch));
    take(f, STREAM_STDOUT, 1, "a\n");
    assert_false(output_front(f->output, false, &batch));
    take(f, STREAM_STDERR, 2, "b\n");
}

static void batches_stay_below_their_size_whatever_is_written(void **state)
{
    struct fixture *f = *state;
    struct output_batch batch;
    uint64_t seed = 7;
    size_t total = 0;
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[40];
        size_t const size = (size_t)(seed >> 40) % sizeof bytes;
        for (size_t j = 0; j < size; j++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
            bytes[j] = (seed >> 60) == 0 ? '\n' : (uint8_t)(seed >> 33);
        }
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
        total += size;
        output_feed(f->output, (seed >> 50) % 2 == 0 ? STREAM_STDOUT : STREAM_STDERR,
                    bytes_of(bytes, size));
        while (output_front(f->output, (seed >> 51) % 2 == 0, &batch)) {
            assert_in_range(batch.text.size, 1, 64);
            assert_true(utf8_is_valid(batch.text));
            assert_null(memchr(batch.text.data, 0, batch.text.size));
            assert_int_equal(batch.text.data[batch.text.size - 1], '\n');
            uint64_t lines = 0;
            for (size_t j = 0; j < batch.text.size; j++) {
                lines += batch.text.data[j] == '\n' ? 1 : 0;
            }
            output_resync(f->output, batch.first_line + lines);
        }
    }
    output_finish(f->output);
    assert_int_equal(f->raw.size, total);
}

static void long_lines_are_cut_between_characters(void **state)
{
    struct fixture *f = *state;
    feed(f, STREAM_STDOUT,
         "123456789012345\xc3\xa4"
         "b\n"); /* 16 raw bytes at most */
    take(f, STREAM_STDOUT, 1,
         "123456789012345\n\xc3\xa4"
         "b\n");
    assert_string_equal(buf_text(&f->raw), "123456789012345\xc3\xa4"
                                           "b\n");
}

static void carriage_returns_end_lines_once(void **state)
{
    struct fixture *f = *state;
    feed(f, STREAM_STDOUT, "10%\r20%\r");
    feed(f, STREAM_STDOUT, "\nx\r\ny\n");
    take(f, STREAM_STDOUT, 1, "10%\n20%\nx\ny\n");
    assert_string_equal(buf_text(&f->raw), "10%\r20%\r\nx\r\ny\n");
}

static void ill_formed_text_is_made_readable(void **state)
{
    struct fixture *f = *state;
    output_feed(f->output, STREAM_STDOUT,
                bytes_of("a\xff"
                         "b\0c\n",
                         6));
    take(f, STREAM_STDOUT, 1,
         "a\xef\xbf\xbd"
         "b c\n");
    assert_int_equal(f->raw.size, 6);
}

static void lines_for_the_worker_are_not_shown(void **state)
{
    struct fixture *f = *state;
    feed(f, STREAM_STDOUT, "a\n!secret\n");
    feed(f, STREAM_STDERR, "!shown\n");
    take(f, STREAM_STDOUT, 1, "a\n");
    take(f, STREAM_STDERR, 2, "!shown\n");
    assert_string_equal(buf_text(&f->taken), "!secret");
    feed(f, STREAM_STDOUT, "1234567890123456!no\n"); /* the rest of a cut line is none */
    take(f, STREAM_STDOUT, 3, "1234567890123456\n!no\n");
    assert_string_equal(buf_text(&f->taken), "!secret");
}

static void what_the_server_has_already_is_skipped(void **state)
{
    struct fixture *f = *state;
    feed(f, STREAM_STDOUT, "1\n2\n3\n");
    feed(f, STREAM_STDERR, "4\n5\n");
    output_resync(f->output, 3);
    expect(f, STREAM_STDOUT, 3, "3\n");
    output_resync(f->output, 5);
    expect(f, STREAM_STDERR, 5, "5\n");
    output_resync(f->output, 2); /* it lost some: go on where it is */
    take(f, STREAM_STDERR, 2, "5\n");
    assert_true(output_is_empty(f->output));
}

static void a_full_queue_says_so_and_discarding_empties_it(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 50 && !output_is_full(f->output); i++) {
        feed(f, STREAM_STDOUT, "0123456789\n");
    }
    assert_true(output_is_full(f->output));
    output_discard(f->output);
    assert_false(output_is_full(f->output));
    size_t const before = f->raw.size;
    feed(f, STREAM_STDOUT, "more\n");
    assert_true(output_is_empty(f->output));
    assert_int_equal(f->raw.size, before + 5);
}

int main(void)
{
#define WITH_OUTPUT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_OUTPUT(lines_of_both_streams_share_one_counter_and_keep_their_order),
        WITH_OUTPUT(a_growing_batch_is_held_back_until_flushed),
        WITH_OUTPUT(batches_stay_below_their_size_whatever_is_written),
        WITH_OUTPUT(long_lines_are_cut_between_characters),
        WITH_OUTPUT(carriage_returns_end_lines_once),
        WITH_OUTPUT(ill_formed_text_is_made_readable),
        WITH_OUTPUT(lines_for_the_worker_are_not_shown),
        WITH_OUTPUT(what_the_server_has_already_is_skipped),
        WITH_OUTPUT(a_full_queue_says_so_and_discarding_empties_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
