// SPDX-License-Identifier: Apache-2.0
#include "core/base/buf.h"
#include "core/base/text.h"
#include "tests/support/cmocka_all.h"
#include "worker/output.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 64
#define BATCHES 64

struct fixture {
    struct output *output;
    struct buf raw;
    struct buf taken; /* lines starting with '!' are for the worker */
    struct {
        enum worker_stream stream;
        char text[BATCH_MAX + 1];
    } batches[BATCHES]; /* the newest */
    size_t batch_count;
    size_t expected;
};

static void on_batch(void *ctx, enum worker_stream stream, uint64_t lines, struct bytes text)
{
    struct fixture *f = ctx;
    assert_in_range(text.size, 1, BATCH_MAX);
    assert_true(utf8_is_valid(text));
    assert_null(memchr(text.data, 0, text.size));
    assert_int_equal(text.data[text.size - 1], '\n');
    for (size_t i = 0; i < text.size; i++) {
        lines -= text.data[i] == '\n' ? 1 : 0;
    }
    assert_int_equal(lines, 0);
    size_t const at = f->batch_count++ % BATCHES;
    f->batches[at].stream = stream;
    memcpy(f->batches[at].text, text.data, text.size);
    f->batches[at].text[text.size] = 0;
}

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
    struct output_options const options = {.batch_max = BATCH_MAX,
                                           .on_batch = on_batch,
                                           .on_raw = on_raw,
                                           .on_line = on_line,
                                           .ctx = f};
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

/* The next batch, which must be there without a flush. */
static void expect(struct fixture *f, enum worker_stream stream, const char *text)
{
    assert_true(f->expected < f->batch_count);
    size_t const at = f->expected++ % BATCHES;
    assert_int_equal(f->batches[at].stream, stream);
    assert_string_equal(f->batches[at].text, text);
}

static void expect_flushed(struct fixture *f, enum worker_stream stream, const char *text)
{
    assert_int_equal(f->expected, f->batch_count);
    output_flush(f->output);
    expect(f, stream, text);
    assert_int_equal(f->expected, f->batch_count);
}

static void lines_of_both_streams_keep_their_order(void **state)
{
    struct fixture *f = *state;
    feed(f, STREAM_STDOUT, "one\ntw");
    feed(f, STREAM_STDERR, "oh\nno\n");
    feed(f, STREAM_STDOUT, "o\nthree");
    expect(f, STREAM_STDOUT, "one\n");
    expect(f, STREAM_STDERR, "oh\nno\n");
    expect_flushed(f, STREAM_STDOUT, "two\n");
    output_finish(f->output);
    expect(f, STREAM_STDOUT, "three\n");
    assert_string_equal(buf_text(&f->raw), "one\noh\nno\ntwo\nthree");
}

static void a_batch_is_held_back_while_it_can_grow(void **state)
{
    struct fixture *f = *state;
    feed(f, STREAM_STDOUT, "a\n");
    assert_int_equal(f->batch_count, 0);
    feed(f, STREAM_STDERR, "b\n"); /* now the first cannot grow */
    expect(f, STREAM_STDOUT, "a\n");
    expect_flushed(f, STREAM_STDERR, "b\n");
    output_flush(f->output);
    assert_int_equal(f->batch_count, 2);
}

static void batches_stay_below_their_size_whatever_is_written(void **state)
{
    struct fixture *f = *state;
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
        if ((seed >> 51) % 2 == 0) {
            output_flush(f->output);
        }
    }
    output_finish(f->output);
    assert_int_equal(f->raw.size, total);
    assert_true(f->batch_count > 10000);
}

/* Lines are the same whether they come whole, many at once, or byte by byte. */
static void how_it_is_read_does_not_matter(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "a\nbc\r\n\rdef\n0123456789012345\n01234567890123456\n\n\r\nlast\r";
    static const char cut[] = "a\nbc\n\ndef\n0123456789012345\n0123456789012345\n6\n\n\nlast\n";
    for (size_t step = 1; step <= sizeof text; step++) {
        struct buf shown;
        buf_init(&shown, 1000);
        f->batch_count = f->expected = 0;
        buf_clear(&f->raw);
        for (size_t at = 0; at < sizeof text - 1; at += step) {
            size_t const left = sizeof text - 1 - at;
            output_feed(f->output, STREAM_STDOUT, bytes_of(text + at, step < left ? step : left));
        }
        output_finish(f->output);
        for (size_t i = 0; i < f->batch_count; i++) {
            buf_append_text(&shown, f->batches[i].text);
        }
        assert_string_equal(buf_text(&shown), cut);
        assert_string_equal(buf_text(&f->raw), text);
        buf_deinit(&shown);
    }
}

static void long_lines_are_cut_between_characters(void **state)
{
    struct fixture *f = *state;
    feed(f, STREAM_STDOUT,
         "123456789012345\xc3\xa4"
         "b\n"); /* 16 raw bytes at most */
    expect_flushed(f, STREAM_STDOUT,
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
    expect_flushed(f, STREAM_STDOUT, "10%\n20%\nx\ny\n");
    assert_string_equal(buf_text(&f->raw), "10%\r20%\r\nx\r\ny\n");
}

static void ill_formed_text_is_made_readable(void **state)
{
    struct fixture *f = *state;
    output_feed(f->output, STREAM_STDOUT,
                bytes_of("a\xff"
                         "b\0c\0\n",
                         7));
    expect_flushed(f, STREAM_STDOUT,
                   "a\xef\xbf\xbd"
                   "b c \n");
    assert_int_equal(f->raw.size, 7);
}

static void lines_for_the_worker_are_not_shown(void **state)
{
    struct fixture *f = *state;
    feed(f, STREAM_STDOUT, "a\n!secret\n");
    feed(f, STREAM_STDERR, "!shown\n");
    expect(f, STREAM_STDOUT, "a\n");
    expect_flushed(f, STREAM_STDERR, "!shown\n");
    assert_string_equal(buf_text(&f->taken), "!secret");
    feed(f, STREAM_STDOUT, "1234567890123456!no\n"); /* the rest of a cut line is none */
    expect_flushed(f, STREAM_STDOUT, "1234567890123456\n!no\n");
    assert_string_equal(buf_text(&f->taken), "!secret");
}

static void what_nobody_wants_is_still_written_down(void **state)
{
    struct fixture *f = *state;
    feed(f, STREAM_STDOUT, "some\n");
    output_discard(f->output);
    feed(f, STREAM_STDOUT, "more\n!told\n");
    output_finish(f->output);
    assert_int_equal(f->batch_count, 0);
    assert_string_equal(buf_text(&f->raw), "some\nmore\n!told\n");
    assert_string_equal(buf_text(&f->taken), "!told");
}

int main(void)
{
#define WITH_OUTPUT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_OUTPUT(lines_of_both_streams_keep_their_order),
        WITH_OUTPUT(a_batch_is_held_back_while_it_can_grow),
        WITH_OUTPUT(batches_stay_below_their_size_whatever_is_written),
        WITH_OUTPUT(how_it_is_read_does_not_matter),
        WITH_OUTPUT(long_lines_are_cut_between_characters),
        WITH_OUTPUT(carriage_returns_end_lines_once),
        WITH_OUTPUT(ill_formed_text_is_made_readable),
        WITH_OUTPUT(lines_for_the_worker_are_not_shown),
        WITH_OUTPUT(what_nobody_wants_is_still_written_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
