/* Which blobs stay when several requests hold the same content and end differently. */
// SPDX-License-Identifier: Apache-2.0
#include "api/blob_holds.h"
#include "core/base/file.h"
#include "core/log/log_blobs.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static const struct key32 DIGEST = {{0xab, 0xcd, 1}};

struct fixture {
    char folder[64];
    struct blob_holds *holds;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_folder_create(f->folder);
    *state = f;
    return blob_holds_open(f->folder, &f->holds, NULL) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    blob_holds_close(f->holds);
    temp_folder_remove(f->folder);
    free(f);
    return 0;
}

static void take(const struct fixture *f, uint64_t head)
{
    char path[PATH_MAX];
    struct err err = {0};
    assert_int_equal(path_join(path, sizeof path, f->folder, "received", NULL), ERR_OK);
    assert_int_equal(file_write_atomic(path, bytes_of_text("content"), 0600, NULL), ERR_OK);
    if (blob_holds_take(f->holds, DIGEST, head, path, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_not_equal(access(path, F_OK), 0);
}

static bool is_there(const struct fixture *f)
{
    char folder[PATH_MAX];
    char path[PATH_MAX];
    blob_place(f->folder, DIGEST, folder, path);
    return access(path, F_OK) == 0;
}

static int markers(const struct fixture *f)
{
    char path[PATH_MAX];
    int count = 0;
    assert_int_equal(path_join(path, sizeof path, f->folder, "new", NULL), ERR_OK);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    (void)closedir(dir);
    return count;
}

static void release(const struct fixture *f, enum blob_fate fate)
{
    blob_holds_release(f->holds, DIGEST, fate);
}

static void a_refused_blob_is_removed_and_a_wanted_one_stays(void **state)
{
    const struct fixture *f = *state;
    take(f, 7);
    assert_true(is_there(f));
    assert_int_equal(markers(f), 1);
    release(f, BLOB_REFUSED);
    assert_false(is_there(f));
    assert_int_equal(markers(f), 0);
    take(f, 8);
    release(f, BLOB_WANTED);
    assert_true(is_there(f));
    assert_int_equal(markers(f), 0);
}

static void what_was_there_before_is_nobodys_to_remove(void **state)
{
    const struct fixture *f = *state;
    take(f, 1);
    release(f, BLOB_WANTED);
    take(f, 2);
    assert_int_equal(markers(f), 0);
    release(f, BLOB_REFUSED);
    assert_true(is_there(f));
}

/* Goal: one request's refusal must not take another's content. Method: every order of three endings. */
static void the_same_content_stays_if_one_of_its_holders_is_accepted(void **state)
{
    static const enum blob_fate orders[][3] = {
        {BLOB_REFUSED, BLOB_REFUSED, BLOB_WANTED},
        {BLOB_REFUSED, BLOB_WANTED, BLOB_REFUSED},
        {BLOB_WANTED, BLOB_REFUSED, BLOB_REFUSED},
        {BLOB_WANTED, BLOB_UNKNOWN, BLOB_REFUSED},
    };
    const struct fixture *f = *state;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        take(f, i);
        take(f, i + 1);
        release(f, orders[i][0]);
        assert_true(is_there(f));
        take(f, i + 2);
        release(f, orders[i][1]);
        assert_true(is_there(f));
        release(f, orders[i][2]);
        assert_true(is_there(f));
        assert_int_equal(markers(f), 0);
        char folder[PATH_MAX];
        char path[PATH_MAX];
        blob_place(f->folder, DIGEST, folder, path);
        assert_int_equal(unlink(path), 0);
    }
    take(f, 1);
    take(f, 1);
    release(f, BLOB_REFUSED);
    assert_true(is_there(f));
    release(f, BLOB_REFUSED);
    assert_false(is_there(f));
}

static void what_nobody_knows_waits_for_the_next_start(void **state)
{
    const struct fixture *f = *state;
    take(f, 3);
    take(f, 4);
    release(f, BLOB_UNKNOWN);
    release(f, BLOB_REFUSED);
    assert_true(is_there(f));
    assert_int_equal(markers(f), 1);
    take(f, 9); /* and later: the name is there, so the refusal of this one removes nothing */
    release(f, BLOB_REFUSED);
    assert_true(is_there(f));
    assert_int_equal(markers(f), 1);
}

static void a_name_that_cannot_be_given_leaves_no_marker(void **state)
{
    const struct fixture *f = *state;
    struct err err = {0};
    assert_int_equal(blob_holds_take(f->holds, DIGEST, 1, "/no/such/file", &err), ERR_NOT_FOUND);
    assert_int_equal(markers(f), 0);
    assert_false(is_there(f));
    take(f, 2); /* and the next one finds nothing in its way */
    release(f, BLOB_REFUSED);
    assert_false(is_there(f));
}

int main(void)
{
#define WITH_HOLDS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_HOLDS(a_refused_blob_is_removed_and_a_wanted_one_stays),
        WITH_HOLDS(what_was_there_before_is_nobodys_to_remove),
        WITH_HOLDS(the_same_content_stays_if_one_of_its_holders_is_accepted),
        WITH_HOLDS(what_nobody_knows_waits_for_the_next_start),
        WITH_HOLDS(a_name_that_cannot_be_given_leaves_no_marker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
