/* Who gets a thread of the pool: inspections that take long may not take all of them. */
// SPDX-License-Identifier: Apache-2.0
#include "api/blobs.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"

#include <pthread.h>
#include <stdlib.h>
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
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_folder_create(f->folder);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->opened, NULL);
    *state = f;
    return blobs_open(&f->loop, f->folder, &f->blobs, NULL) == ERR_OK ? 0 : -1;
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
    (void)blob;
    (void)err;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(slow_inspections_leave_threads_for_others, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_waits_can_be_abandoned, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
