// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"
#include "worker/spool.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUTPUT_MAX 1000

struct state {
    uint64_t meter;
    char text[5000];
};

struct fixture {
    char folder[64];
    char path[200];
    struct spool_options options;
    struct spool *spool;
    struct state state;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    (void)temp_folder_create(f->folder);
    (void)snprintf(f->path, sizeof f->path, "%s/reports", f->folder);
    f->options = (struct spool_options){
        .path = f->path, .format = 7, .state_size = sizeof f->state, .output_max = OUTPUT_MAX};
    *state = f;
    return spool_create(&f->options, &f->spool, NULL) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    spool_close(f->spool);
    temp_folder_remove(f->folder);
    free(f);
    return 0;
}

/* As after a kill: the next worker opens what is there. */
static enum err_code open_again(struct fixture *f)
{
    spool_close(f->spool);
    f->spool = NULL;
    memset(&f->state, 0xee, sizeof f->state);
    return spool_open(&f->options, &f->state, &f->spool, NULL);
}

static void append(struct fixture *f, enum worker_stream stream, const char *text)
{
    uint64_t lines = 0;
    for (const char *at = text; *at != 0; at++) {
        lines += *at == '\n' ? 1 : 0;
    }
    spool_append(f->spool, stream, lines, bytes_of_text(text));
}

static void expect(struct fixture *f, enum worker_stream stream, uint64_t first_line,
                   const char *text)
{
    struct spool_batch batch;
    assert_true(spool_front(f->spool, &batch));
    assert_int_equal(batch.stream, stream);
    assert_int_equal(batch.first_line, first_line);
    assert_int_equal(batch.text.size, strlen(text));
    assert_memory_equal(batch.text.data, text, batch.text.size);
}

static void take(struct fixture *f, enum worker_stream stream, uint64_t first_line,
                 const char *text)
{
    struct spool_batch batch;
    expect(f, stream, first_line, text);
    assert_true(spool_front(f->spool, &batch));
    spool_resync(f->spool, first_line + batch.lines);
}

static void what_is_appended_is_handed_out_in_order_and_once(void **state)
{
    struct fixture *f = *state;
    append(f, STREAM_STDOUT, "one\ntwo\n");
    append(f, STREAM_STDERR, "oh\n");
    take(f, STREAM_STDOUT, 1, "one\ntwo\n");
    append(f, STREAM_STDOUT, "three\n");
    take(f, STREAM_STDERR, 3, "oh\n");
    take(f, STREAM_STDOUT, 4, "three\n");
    assert_true(spool_is_empty(f->spool));
    append(f, STREAM_STDOUT, "four\n");
    assert_false(spool_is_empty(f->spool));
    take(f, STREAM_STDOUT, 5, "four\n");
    assert_true(spool_is_empty(f->spool));
}

static void what_the_server_has_already_is_skipped(void **state)
{
    struct fixture *f = *state;
    append(f, STREAM_STDOUT, "1\n2\n3\n");
    append(f, STREAM_STDERR, "4\n5\n");
    spool_resync(f->spool, 3);
    expect(f, STREAM_STDOUT, 3, "3\n");
    spool_resync(f->spool, 5);
    expect(f, STREAM_STDERR, 5, "5\n");
    spool_resync(f->spool, 2); /* it lost some: go on where it is */
    take(f, STREAM_STDERR, 2, "5\n");
    assert_true(spool_is_empty(f->spool));
}

static void what_waits_behind_the_front_can_be_looked_at(void **state)
{
    struct fixture *f = *state;
    struct spool_ahead ahead = {0};
    struct spool_batch batch;
    buf_init(&ahead.text, 1 << 20);
    assert_false(spool_ahead(f->spool, &ahead, &batch));
    append(f, STREAM_STDOUT, "1\n2\n3\n");
    append(f, STREAM_STDERR, "4\n");
    append(f, STREAM_STDOUT, "5\n");
    spool_resync(f->spool, 2);
    for (int again = 0; again < 2; again++) { /* it takes nothing away */
        expect(f, STREAM_STDOUT, 2, "2\n3\n");
        ahead.at = 0;
        assert_true(spool_ahead(f->spool, &ahead, &batch));
        assert_int_equal(batch.first_line, 4);
        assert_int_equal(batch.stream, STREAM_STDERR);
        assert_memory_equal(batch.text.data, "4\n", 2);
        assert_true(spool_ahead(f->spool, &ahead, &batch));
        assert_int_equal(batch.first_line, 5);
        assert_memory_equal(batch.text.data, "5\n", 2);
        assert_false(spool_ahead(f->spool, &ahead, &batch));
    }
    take(f, STREAM_STDOUT, 2, "2\n3\n");
    take(f, STREAM_STDERR, 4, "4\n");
    take(f, STREAM_STDOUT, 5, "5\n");
    buf_deinit(&ahead.text);
}

static void the_next_worker_finds_what_the_last_one_left(void **state)
{
    struct fixture *f = *state;
    for (uint64_t i = 1; i <= 5; i++) { /* the newer of the two copies */
        f->state.meter = i;
        (void)snprintf(f->state.text, sizeof f->state.text, "state %d", (int)i);
        spool_save(f->spool, &f->state);
        assert_int_equal(open_again(f), ERR_OK);
        assert_int_equal(f->state.meter, i);
    }
    assert_string_equal(f->state.text, "state 5");
    append(f, STREAM_STDOUT, "1\n2\n");
    append(f, STREAM_STDERR, "3\n");
    append(f, STREAM_STDOUT, "4\n");
    take(f, STREAM_STDOUT, 1, "1\n2\n"); /* of which the file says nothing: the server does */
    assert_int_equal(open_again(f), ERR_OK);
    spool_resync(f->spool, 3);
    take(f, STREAM_STDERR, 3, "3\n");
    take(f, STREAM_STDOUT, 4, "4\n");
    append(f, STREAM_STDOUT, "5\n"); /* from the file's start again, over what was there */
    assert_int_equal(open_again(f), ERR_OK);
    take(f, STREAM_STDOUT, 5, "5\n");
    assert_true(spool_is_empty(f->spool));
    append(f, STREAM_STDOUT, "6\n");
    take(f, STREAM_STDOUT, 6, "6\n");
}

static void damage(struct fixture *f, off_t at, uint8_t byte)
{
    FILE *file = fopen(f->path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    assert_int_equal(fputc(byte, file), byte);
    assert_int_equal(fclose(file), 0);
}

static void a_batch_that_was_cut_off_ends_the_output(void **state)
{
    struct fixture *f = *state;
    spool_save(f->spool, &f->state);
    append(f, STREAM_STDOUT, "whole\n");
    append(f, STREAM_STDOUT, "not whole\n");
    damage(f, -1, 'x');
    assert_int_equal(open_again(f), ERR_OK);
    take(f, STREAM_STDOUT, 1, "whole\n");
    assert_true(spool_is_empty(f->spool));
    append(f, STREAM_STDOUT, "on\n");
    append(f, STREAM_STDOUT, "and on\n");
    assert_int_equal(truncate(f->path, 2 * 8192 + 32 + 3 + 32 + 6), 0);
    assert_int_equal(open_again(f), ERR_OK);
    take(f, STREAM_STDOUT, 2, "on\n");
    assert_true(spool_is_empty(f->spool));
}

static void a_state_that_was_cut_off_is_not_believed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(open_again(f), ERR_CORRUPT); /* never written */
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(open_again(f), ERR_NOT_FOUND);
    assert_int_equal(spool_create(&f->options, &f->spool, NULL), ERR_OK);
    f->state.meter = 1;
    spool_save(f->spool, &f->state); /* turn 1, the second copy */
    f->state.meter = 2;
    spool_save(f->spool, &f->state);
    damage(f, 100, 'x');
    assert_int_equal(open_again(f), ERR_OK);
    assert_int_equal(f->state.meter, 1);
    damage(f, 8192 + 100, 'x');
    assert_int_equal(open_again(f), ERR_CORRUPT);
}

static void another_version_of_the_state_is_not_read(void **state)
{
    struct fixture *f = *state;
    spool_save(f->spool, &f->state);
    f->options.format++;
    assert_int_equal(open_again(f), ERR_CORRUPT);
    f->options.format--;
    f->options.state_size -= 8;
    assert_int_equal(open_again(f), ERR_CORRUPT);
}

static void output_over_the_limit_is_cut_with_a_line_that_says_so(void **state)
{
    struct fixture *f = *state;
    char text[101];
    struct spool_batch batch;
    struct stat about;
    memset(text, 'x', 100);
    text[99] = '\n';
    text[100] = 0;
    for (int i = 0; i < 20; i++) { /* 132 bytes each: seven fit */
        append(f, STREAM_STDOUT, text);
        f->state.meter = (uint64_t)i;
        spool_save(f->spool, &f->state);
    }
    assert_int_equal(stat(f->path, &about), 0);
    assert_in_range(about.st_size, 0, 2 * 8192 + OUTPUT_MAX);
    assert_int_equal(open_again(f), ERR_OK); /* the gap outlives the worker, too */
    assert_int_equal(f->state.meter, 19);
    for (uint64_t i = 1; i <= 7; i++) {
        take(f, STREAM_STDOUT, i, text);
    }
    expect(f, STREAM_STDERR, 8, "[13 lines missing: queue full]\n");
    append(f, STREAM_STDOUT, "again\n");
    take(f, STREAM_STDERR, 8, "[13 lines missing: queue full]\n");
    take(f, STREAM_STDOUT, 9, "again\n");
    assert_false(spool_front(f->spool, &batch));
    assert_true(spool_is_empty(f->spool));
}

/* A program that is always one batch ahead of the server: what was sent does not count any more, and takes no room. */
static void what_was_handed_out_makes_room_for_more(void **state)
{
    struct fixture *f = *state;
    char text[101];
    struct stat about;
    memset(text, 'y', 100);
    text[99] = '\n';
    text[100] = 0;
    append(f, STREAM_STDOUT, text);
    for (uint64_t i = 1; i <= 2000; i++) {
        append(f, STREAM_STDOUT, text);
        take(f, STREAM_STDOUT, i, text);
        if (i % 500 == 0) { /* and the next worker goes on from there */
            assert_int_equal(open_again(f), ERR_OK);
            spool_resync(f->spool, i + 1);
        }
    }
    assert_int_equal(stat(f->path, &about), 0);
    assert_in_range(about.st_blocks * 512, 0, 2 * 8192 + OUTPUT_MAX + 2 * 4096);
    take(f, STREAM_STDOUT, 2001, text);
    assert_true(spool_is_empty(f->spool));
    append(f, STREAM_STDOUT, "after\n"); /* at the start again, where it is found */
    assert_int_equal(open_again(f), ERR_OK);
    take(f, STREAM_STDOUT, 2002, "after\n");
}

/* A full disk, by a limit of the size of files: no file may grow, but what has room may be written. */
static void a_full_disk_costs_output_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    append(f, STREAM_STDOUT, "1\n");
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    struct rlimit const none = {2 * 8192 + 40, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    append(f, STREAM_STDOUT, "2\n3\n");
    append(f, STREAM_STDERR, "4\n");
    f->state.meter = 77;
    spool_save(f->spool, &f->state);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    append(f, STREAM_STDOUT, "5\n"); /* there is room again */
    assert_int_equal(open_again(f), ERR_OK);
    assert_int_equal(f->state.meter, 77);
    take(f, STREAM_STDOUT, 1, "1\n");
    take(f, STREAM_STDERR, 2, "[3 lines missing: disk full]\n");
    take(f, STREAM_STDOUT, 3, "5\n");
}

static void what_cannot_be_read_again_is_missing(void **state)
{
    struct fixture *f = *state;
    append(f, STREAM_STDOUT, "1\n2\n");
    append(f, STREAM_STDOUT, "3\n");
    damage(f, 2 * 8192 + 33, 'x');
    expect(f, STREAM_STDERR, 1, "[3 lines missing: disk full]\n");
}

static void a_server_that_keeps_no_more_is_told_no_more(void **state)
{
    struct fixture *f = *state;
    struct spool_batch batch;
    append(f, STREAM_STDOUT, "1\n");
    append(f, STREAM_STDOUT, "2\n");
    spool_discard(f->spool);
    append(f, STREAM_STDOUT, "3\n");
    assert_false(spool_front(f->spool, &batch));
    assert_true(spool_is_empty(f->spool));
    assert_int_equal(open_again(f), ERR_OK);
    assert_false(spool_front(f->spool, &batch));
    assert_true(spool_is_empty(f->spool));
}

int main(void)
{
#define WITH_SPOOL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(what_is_appended_is_handed_out_in_order_and_once),
        WITH_SPOOL(what_the_server_has_already_is_skipped),
        WITH_SPOOL(what_waits_behind_the_front_can_be_looked_at),
        WITH_SPOOL(the_next_worker_finds_what_the_last_one_left),
        WITH_SPOOL(a_batch_that_was_cut_off_ends_the_output),
        WITH_SPOOL(a_state_that_was_cut_off_is_not_believed),
        WITH_SPOOL(another_version_of_the_state_is_not_read),
        WITH_SPOOL(output_over_the_limit_is_cut_with_a_line_that_says_so),
        WITH_SPOOL(what_was_handed_out_makes_room_for_more),
        WITH_SPOOL(a_full_disk_costs_output_and_nothing_else),
        WITH_SPOOL(what_cannot_be_read_again_is_missing),
        WITH_SPOOL(a_server_that_keeps_no_more_is_told_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
