/* A GPU that is looked at for as long as its slot lives, and a driver that never answers: NVML is the test's library, and its table a pipe that nobody writes to. R11.6 */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"
#include "worker/gpu_watch.h"
#include "worker/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIBRARY TALLY_BIN_DIR "/../lib/libtally_test_nvml.so"
#define TABLE                                                                                      \
    "GPU-1 0 89 16384 2520 ok 97 20480 24564 71 431500 62 2400 4 0 NVIDIA GeForce RTX 4090\n"

struct fixture {
    char folder[64];
    char table[PATH_MAX];
    char pipe[PATH_MAX];
    uv_loop_t loop;
    struct gpu_source *source;
    struct gpu_watch *watch;
    char lost[256];
    int looked;
    bool close_when_lost;
    size_t threads; /* before any reading */
};

static void on_lost(void *ctx, const char *why)
{
    struct fixture *f = ctx;
    (void)snprintf(f->lost, sizeof f->lost, "%s", why);
    if (f->close_when_lost) {
        gpu_watch_close(f->watch);
        f->watch = NULL;
    } else {
        uv_stop(&f->loop);
    }
}

static void on_looked(void *ctx)
{
    struct fixture *f = ctx;
    f->looked++;
    uv_stop(&f->loop);
}

static size_t count_threads(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    while (readdir(folder) != NULL) { // NOLINT(concurrency-mt-unsafe): own stream
        count++;
    }
    (void)closedir(folder);
    return count;
}

static void *do_nothing(void *ctx)
{
    return ctx;
}

/* A sanitizer starts one of its own with the first. */
static void start_a_first_thread(void)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, do_nothing, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_folder_create(f->folder);
    assert_int_equal(path_join(f->table, sizeof f->table, f->folder, "gpus", NULL), ERR_OK);
    assert_int_equal(path_join(f->pipe, sizeof f->pipe, f->folder, "pipe", NULL), ERR_OK);
    assert_int_equal(file_write_atomic(f->table, bytes_of_text(TABLE), 0600, NULL), ERR_OK);
    assert_int_equal(setenv("TALLY_TEST_NVML", f->table, 1), 0);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    struct gpu_options const options = {.nvml_path = LIBRARY, .device_folder = f->folder};
    assert_int_equal(gpu_source_open(&options, &f->source, NULL), ERR_OK);
    start_a_first_thread();
    f->threads = count_threads();
    *state = f;
    return 0;
}

static void start(struct fixture *f)
{
    size_t count;
    struct gpu_watch_options const options = {.loop = &f->loop,
                                              .source = f->source,
                                              .gpu = gpu_list(f->source, &count),
                                              .hung_ms = 100,
                                              .on_lost = on_lost,
                                              .ctx = f};
    assert_int_equal(gpu_watch_start(&options, &f->watch, NULL), ERR_OK);
    gpu_watch_pace(f->watch, true);
}

/* From now on whoever reads the table waits. */
static void hang(struct fixture *f)
{
    assert_int_equal(mkfifo(f->pipe, 0600), 0);
    assert_int_equal(rename(f->pipe, f->table), 0);
}

/* The reading that hung ends after all, long after whoever asked for it. */
static void answer(struct fixture *f)
{
    int const fd = open(f->table, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(file_write_atomic(f->table, bytes_of_text(TABLE), 0600, NULL), ERR_OK);
    if (fd >= 0) {
        (void)close(fd);
    }
    while (count_threads() > f->threads) {
        (void)usleep(1000);
    }
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    gpu_watch_close(f->watch);
    while (uv_run(&f->loop, UV_RUN_DEFAULT) != 0) { /* it ends, whatever the driver does */
    }
    assert_int_equal(uv_loop_close(&f->loop), 0);
    answer(f);
    gpu_source_close(f->source);
    assert_int_equal(scratch_remove(f->folder, NULL), ERR_OK);
    free(f);
    return 0;
}

static void it_is_read_when_somebody_asks(void **state)
{
    struct fixture *f = *state;
    struct gpu_sample sample;
    start(f);
    gpu_watch_look(f->watch, on_looked, f);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(f->looked, 1);
    assert_true(gpu_watch_take(f->watch, &sample));
    assert_int_equal(sample.temperature_c, 71);
    assert_string_equal(f->lost, "");
}

static void a_driver_that_does_not_answer_has_lost_its_gpu(void **state)
{
    struct fixture *f = *state;
    struct gpu_sample sample;
    hang(f);
    start(f);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_non_null(strstr(f->lost, "has not answered"));
    assert_non_null(strstr(f->lost, "GPU-1"));
    assert_false(gpu_watch_take(f->watch, &sample));
    gpu_watch_look(f->watch, on_looked, f); /* and nobody waits for it any more */
    assert_int_equal(f->looked, 1);
}

static void who_waits_for_a_look_is_told_when_it_hangs(void **state)
{
    struct fixture *f = *state;
    hang(f);
    start(f);
    gpu_watch_look(f->watch, on_looked, f);
    while (f->looked == 0) {
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    }
    assert_non_null(strstr(f->lost, "has not answered"));
}

static void it_may_be_closed_by_who_is_told_that_it_hangs(void **state)
{
    struct fixture *f = *state;
    f->close_when_lost = true;
    hang(f);
    start(f);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_non_null(strstr(f->lost, "has not answered"));
    assert_null(f->watch);
}

int main(void)
{
#define WITH_WATCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_WATCH(it_is_read_when_somebody_asks),
        WITH_WATCH(a_driver_that_does_not_answer_has_lost_its_gpu),
        WITH_WATCH(who_waits_for_a_look_is_told_when_it_hangs),
        WITH_WATCH(it_may_be_closed_by_who_is_told_that_it_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
