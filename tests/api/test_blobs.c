/* Who gets a thread of the pool: inspections that take long may not take all of them. And a blob whose content is in a file already. */
// SPDX-License-Identifier: Apache-2.0
#include "api/blobs.h"
#include "core/base/file.h"
#include "core/crypto/sha256.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#define SLOW_COUNT 5

struct fixture {
    char folder[64];
    uv_loop_t loop;
    struct blobs *blobs;
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool open; /* slow inspections may end */
    int inside;
    int inside_most;
    int done;
};

struct one {
    struct fixture *f;
    struct blob_writer *writer;
    bool slow;
    bool gone;
    enum err_code code;
    struct blob blob;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_folder_create(f->folder);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->opened, NULL);
    *state = f;
    return blobs_open(&f->loop, f->folder, NULL, &f->blobs, NULL) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
    blobs_close(f->blobs);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    (void)pthread_cond_destroy(&f->opened);
    (void)pthread_mutex_destroy(&f->lock);
    temp_folder_remove(f->folder);
    free(f);
    return 0;
}

static enum err_code inspect_cb(void *ctx, struct blob_inspection *inspection, struct err *err)
{
    const struct one *one = ctx;
    struct fixture *f = one->f;
    (void)inspection;
    (void)err;
    (void)pthread_mutex_lock(&f->lock);
    f->inside++;
    f->inside_most = f->inside > f->inside_most ? f->inside : f->inside_most;
    while (one->slow && !f->open) {
        (void)pthread_cond_wait(&f->opened, &f->lock);
    }
    f->inside--;
    (void)pthread_mutex_unlock(&f->lock);
    return ERR_OK;
}

static bool is_slow_cb(void *ctx)
{
    return ((const struct one *)ctx)->slow;
}

static void room_cb(void *ctx)
{
    (void)ctx;
}

static void done_cb(void *ctx, enum err_code code, const struct blob *blob, struct blob_hold *hold,
                    const struct err *err)
{
    struct one *one = ctx;
    (void)err;
    one->blob = *blob;
    one->code = code;
    one->writer = NULL;
    one->f->done++;
    blob_hold_release(hold, BLOB_REFUSED);
}

static void gone_cb(void *ctx)
{
    ((struct one *)ctx)->gone = true;
}

static void begin(struct fixture *f, struct one *one, bool slow)
{
    *one = (struct one){.f = f, .slow = slow, .code = ERR_INTERNAL};
    struct blob_writer_options options = {.ctx = one,
                                          .on_room = room_cb,
                                          .inspect = inspect_cb,
                                          .is_slow = is_slow_cb,
                                          .on_done = done_cb};
    one->writer = blob_writer_create(f->blobs, &options);
    assert_non_null(one->writer);
    assert_true(blob_writer_write(one->writer, bytes_of_text(slow ? "slow" : "quick")));
    blob_writer_finish(one->writer);
}

static void open_gate(struct fixture *f)
{
    (void)pthread_mutex_lock(&f->lock);
    f->open = true;
    (void)pthread_cond_broadcast(&f->opened);
    (void)pthread_mutex_unlock(&f->lock);
}

/* Goal: four uploads of the worst kind do not keep the next, small one waiting until the first of them is through.
 * Method: slow ones do not end before a quick one has. */
static void slow_inspections_leave_threads_for_others(void **state)
{
    struct fixture *f = *state;
    struct one slow[SLOW_COUNT];
    struct one quick;
    for (int i = 0; i < SLOW_COUNT; i++) {
        begin(f, &slow[i], true);
    }
    begin(f, &quick, false);
    while (f->done == 0) {
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    }
    assert_int_equal(quick.code, ERR_OK);
    assert_int_equal(f->done, 1);
    open_gate(f);
    while (f->done < SLOW_COUNT + 1) {
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    }
    for (int i = 0; i < SLOW_COUNT; i++) {
        assert_int_equal(slow[i].code, ERR_OK);
    }
    assert_in_range(f->inside_most, 1, BLOB_SLOW_MAX + 1);
}

static void one_that_waits_can_be_abandoned(void **state)
{
    struct fixture *f = *state;
    struct one slow[SLOW_COUNT];
    for (int i = 0; i < SLOW_COUNT; i++) {
        begin(f, &slow[i], true);
    }
    struct one
        quick; /* once it is through, the slow ones have written what they had and two are inside */
    begin(f, &quick, false);
    while (f->done == 0) {
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    }
    for (int i = SLOW_COUNT - 2; i < SLOW_COUNT; i++) {
        blob_writer_abandon(slow[i].writer, gone_cb);
    }
    open_gate(f);
    while (f->done < SLOW_COUNT - 1) {
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    }
    assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
    assert_true(slow[SLOW_COUNT - 1].gone && slow[SLOW_COUNT - 2].gone);
    assert_int_equal(f->done, SLOW_COUNT - 1);
}

static void take(struct fixture *f, struct one *one, const char *path)
{
    *one = (struct one){.f = f, .code = ERR_INTERNAL};
    const struct blob_writer_options options = {.ctx = one,
                                                .on_room = room_cb,
                                                .inspect = inspect_cb,
                                                .is_slow = is_slow_cb,
                                                .on_done = done_cb};
    one->writer = blob_writer_create_from(f->blobs, &options, path);
    assert_non_null(one->writer);
    blob_writer_finish(one->writer);
    f->done = 0;
    while (f->done == 0) {
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    }
}

/* A refused one goes, as any blob; the file it was made of stays, with what was in it. */
static void a_file_becomes_a_blob_and_stays_itself(void **state)
{
    struct fixture *f = *state;
    struct one one;
    char path[96];
    char none[96];
    struct buf content;
    struct buf again;
    buf_init(&content, 1 << 20);
    buf_init(&again, 1 << 20);
    for (int i = 0; i < 90000; i++) { /* more than is read at once */
        buf_printf(&content, "%d\n", i);
    }
    (void)snprintf(path, sizeof path, "%s/whole", f->folder);
    (void)snprintf(none, sizeof none, "%s/none", f->folder);
    assert_int_equal(file_write_atomic(path, buf_bytes(&content), 0600, NULL), ERR_OK);
    for (int i = 0; i < 2; i++) {
        take(f, &one, path);
        assert_int_equal(one.code, ERR_OK);
        assert_int_equal(one.blob.size, content.size);
        assert_true(key_equal(one.blob.digest, sha256_of(buf_bytes(&content))));
        assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0); /* the hold is given back */
    }
    assert_int_equal(file_read(path, &again, NULL), ERR_OK);
    assert_true(bytes_equal(buf_bytes(&again), buf_bytes(&content)));
    take(f, &one, none);
    assert_int_equal(one.code, ERR_NOT_FOUND);
    buf_deinit(&content);
    buf_deinit(&again);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(slow_inspections_leave_threads_for_others, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_waits_can_be_abandoned, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_becomes_a_blob_and_stays_itself, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
