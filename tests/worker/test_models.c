/* Which models a folder has, as a job would find them: R11. In the real sandbox, since who may read is its question. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"
#include "worker/models.h"
#include "worker/sandbox_models.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct machine machine = {.ram_mib = 1024};

struct fixture {
    char folder[64]; /* with state and models in it */
    char state[96];
    char models[96];
    struct buf list;
    struct buf closed;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_folder_create(f->folder);
    (void)snprintf(f->state, sizeof f->state, "%s/state", f->folder);
    (void)snprintf(f->models, sizeof f->models, "%s/models", f->folder);
    assert_int_equal(dir_create(f->state, 0700, NULL), ERR_OK);
    assert_int_equal(dir_create(f->models, 0755, NULL), ERR_OK);
    buf_init(&f->list, 1U << 16);
    buf_init(&f->closed, MODELS_CLOSED_MAX);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    temp_folder_remove(f->folder);
    buf_deinit(&f->list);
    buf_deinit(&f->closed);
    free(f);
    return 0;
}

/* A file of the models' folder, and the folders to it. */
static void put(const struct fixture *f, const char *name, const char *text)
{
    char path[PATH_MAX];
    assert_true(strlen(f->models) + strlen(name) + 2 < sizeof path);
    (void)snprintf(path, sizeof path, "%s/%s", f->models, name);
    for (char *at = path + strlen(f->models) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = 0;
        assert_int_equal(dir_create(path, 0755, NULL), ERR_OK);
        *at = '/';
    }
    if (name[strlen(name) - 1] != '/') {
        assert_int_equal(file_write_atomic(path, bytes_of_text(text), 0644, NULL), ERR_OK);
    }
}

static void put_link(const struct fixture *f, const char *name, const char *target)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", f->models, name);
    assert_int_equal(symlink(target, path), 0);
}

static void make_pipe(const struct fixture *f, const char *name)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", f->models, name);
    assert_int_equal(mkfifo(path, 0644), 0);
}

static void find(struct fixture *f)
{
    struct err err = {0};
    if (models_find(f->models, f->state, &machine, &f->list, &f->closed, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

/* As huggingface_hub lays it out: a snapshot's files are links to blobs, and refs/main names the snapshot that is meant where none is named. */
static void a_hubs_cache_has_the_models_whose_main_snapshot_is_there(void **state)
{
    struct fixture *f = *state;
    put(f, "models--org--cached/refs/main", "abc");
    put(f, "models--org--cached/blobs/17", "weights");
    put(f, "models--org--cached/snapshots/abc/unet/", "");
    put_link(f, "models--org--cached/snapshots/abc/unet/w.bin", "../../../blobs/17");
    put_link(f, "models--org--cached/snapshots/abc/config.json", "../../blobs/17");
    put(f, "models--gpt2/refs/main", "d");
    put(f, "models--gpt2/snapshots/d/config.json", "{}");
    put(f, "models--org--unnamed/snapshots/main/config.json", "{}");
    put(f, "models--org--other/refs/pr-1", "abc");
    put(f, "models--org--other/snapshots/abc/config.json", "{}");
    put(f, "models--org--moved/refs/main", "def");
    put(f, "models--org--moved/snapshots/abc/config.json", "{}");
    put(f, "models--org--begun/refs/main", "abc");
    put(f, "models--org--begun/snapshots/abc/", "");
    put(f, "models--org--lost/refs/main", "abc");
    put(f, "models--org--lost/snapshots/abc/", "");
    put_link(f, "models--org--lost/snapshots/abc/config.json", "../../blobs/none");
    put(f, "models--org--pipe/refs/", "");
    make_pipe(f, "models--org--pipe/refs/main");
    put(f, "datasets--org--data/snapshots/config.json", "{}");
    put(f, ".locks/models--org--cached/x.lock", "");
    find(f);
    assert_string_equal(buf_text(&f->list), "gpt2 org/cached");
    assert_string_equal(buf_text(&f->closed),
                        "org/lost: models--org--lost/snapshots/abc/config.json: No such file or "
                        "directory\n"
                        "org/moved: no snapshot of its revision main\n"
                        "org/other: no snapshot of its revision main\n"
                        "org/pipe: no snapshot of its revision main\n"
                        "org/unnamed: no snapshot of its revision main\n");
}

static void a_folder_is_a_model_when_it_has_the_file_that_says_so(void **state)
{
    struct fixture *f = *state;
    put(f, "sd-turbo/model_index.json", "{}");
    put(f, "sd-turbo/unet/config.json", "{}"); /* a part of it, and no model of its own */
    put(f, "org/second/config.json", "{}");
    put(f, "org/notes/readme", "");
    put(f, "too/deep/down/config.json", "{}");
    put(f, "two words/config.json", "{}");
    put(f, ".hidden/config.json", "{}");
    put(f, "config.json", "{}"); /* of the folder itself, which has no name */
    find(f);
    assert_string_equal(buf_text(&f->list), "org/second sd-turbo");
    assert_string_equal(buf_text(&f->closed), "");
}

static void a_link_is_followed_within_the_folder_and_not_out_of_it(void **state)
{
    struct fixture *f = *state;
    char out[PATH_MAX];
    put(f, "real/config.json", "{}");
    put_link(f, "within", "real");
    (void)snprintf(out, sizeof out, "%s/elsewhere", f->folder);
    assert_int_equal(dir_create(out, 0755, NULL), ERR_OK);
    put_link(f, "out", out);
    (void)snprintf(out, sizeof out, "%s/elsewhere/config.json", f->folder);
    assert_int_equal(file_write_atomic(out, bytes_of_text("{}"), 0644, NULL), ERR_OK);
    put(f, "half/config.json", "{}");
    put_link(f, "half/weights", out);
    put(f, "loop/config.json", "{}");
    put_link(f, "loop/again", ".");
    put_link(f, "self", ".");   /* nothing below it is at "self/real" to who looks for a cache */
    put_link(f, "usr", "/usr"); /* is there inside, too, and no part of DIR */
    put_link(f, "usr-up", "../usr");
    find(f);
    assert_string_equal(buf_text(&f->list), "loop real within");
    assert_string_equal(buf_text(&f->closed), "half: half/weights: No such file or directory\n");
}

/* Root's own downloads are often for root alone; a job is not root. */
static void what_a_job_may_not_read_is_not_told_and_said(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    char path[PATH_MAX];
    if (geteuid() != 0) {
        skip(); /* an ordinary user's jobs run as that user */
    }
    put(f, "good/config.json", "{}");
    put(f, "file/config.json", "{}");
    (void)snprintf(path, sizeof path, "%s/file/config.json", f->models);
    assert_int_equal(chmod(path, 0600), 0);
    put(f, "folder/config.json", "{}");
    (void)snprintf(path, sizeof path, "%s/folder", f->models);
    assert_int_equal(chmod(path, 0700), 0);
    put(f, "models--org--name/refs/main", "abc");
    (void)snprintf(path, sizeof path, "%s/models--org--name", f->models);
    assert_int_equal(chmod(path, 0700), 0);
    find(f);
    assert_string_equal(buf_text(&f->list), "good");
    assert_string_equal(buf_text(&f->closed),
                        "file: file/config.json: Permission denied\n"
                        "folder: folder: Permission denied\n"
                        "models--org--name: models--org--name/refs/main: Permission denied\n");
    assert_int_equal(chmod(f->models, 0700), 0);
    assert_int_equal(models_find(f->models, f->state, &machine, &f->list, &f->closed, &err),
                     ERR_UNAVAILABLE);
    assert_non_null(strstr(err.message, "jobs cannot read it: Permission denied"));
}

static enum err_code resolve(const struct fixture *f, const char *below, char ret[PATH_MAX],
                             struct err *err)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s%s", f->folder, below);
    return models_resolve(path, f->state, ret, err);
}

/* What the worker keeps are tokens and keys. */
static void a_folder_with_the_workers_own_is_refused(void **state)
{
    static const char *const bad[] = {
        "", "/", "/state", "/state/", "/models/../state", "/link", "/state/models", "/.."};
    struct fixture *f = *state;
    char real[PATH_MAX] = "untouched";
    char path[PATH_MAX];
    struct err err = {0};
    (void)snprintf(path, sizeof path, "%s/link", f->folder);
    assert_int_equal(symlink("state", path), 0);
    (void)snprintf(path, sizeof path, "%s/state/models", f->folder);
    assert_int_equal(dir_create(path, 0755, NULL), ERR_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(resolve(f, bad[i], real, &err), ERR_INVALID);
        assert_non_null(strstr(err.message, "a folder of its own"));
    }
    assert_int_equal(models_resolve("/", f->state, real, &err), ERR_INVALID);
    assert_int_equal(resolve(f, "/none", real, &err), ERR_NOT_FOUND);
    assert_string_equal(real, "untouched");
    (void)snprintf(path, sizeof path, "%s/models/file", f->folder);
    assert_int_equal(file_write_atomic(path, bytes_of_text(""), 0644, NULL), ERR_OK);
    assert_int_equal(resolve(f, "/models/file", real, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "expected a folder"));
    (void)snprintf(path, sizeof path, "%s/state-of-the-art",
                   f->folder); /* begins alike, is beside */
    assert_int_equal(dir_create(path, 0755, NULL), ERR_OK);
    assert_int_equal(resolve(f, "/models/../state-of-the-art", real, &err), ERR_OK);
    assert_string_equal(real, path);
}

/* ~/.cache/huggingface in the place of its hub/ */
static void a_folder_with_a_hubs_token_is_refused(void **state)
{
    static const char *const tokens[] = {"token", "stored_tokens"};
    struct fixture *f = *state;
    char real[PATH_MAX] = "untouched";
    char path[PATH_MAX];
    put(f, "hub/models--gpt2/refs/main", "d");
    for (size_t i = 0; i < 2; i++) {
        struct err err = {0};
        assert_int_equal(resolve(f, "/models", real, NULL), ERR_OK);
        put(f, tokens[i], "hf_secret");
        assert_int_equal(resolve(f, "/models", real, &err), ERR_INVALID);
        assert_non_null(strstr(err.message, "/models/hub"));
        assert_non_null(strstr(err.message, tokens[i]));
        (void)snprintf(path, sizeof path, "%s/%s", f->models, tokens[i]);
        assert_int_equal(unlink(path), 0);
    }
    put(f, "token/config.json", "{}"); /* a model of that name */
    assert_int_equal(resolve(f, "/models", real, NULL), ERR_OK);
}

static void make_many(const struct fixture *f, int from, int below)
{
    char path[PATH_MAX];
    for (int i = from; i < below; i++) {
        (void)snprintf(path, sizeof path, "%s/%d", f->models, i);
        assert_int_equal(mkdir(path, 0755), 0);
    }
}

/* Else bwrap would take no arguments more, and each job of the machine would end as it starts. */
static void a_folder_with_more_than_jobs_are_shown_is_refused(void **state)
{
    struct fixture *f = *state;
    char real[PATH_MAX] = "untouched";
    struct err err = {0};
    put(f, "model/config.json", "{}");
    make_many(f, 0, SANDBOX_MODELS_ENTRIES_MAX - 1);
    assert_int_equal(resolve(f, "/models", real, &err), ERR_OK);
    find(f);
    assert_string_equal(buf_text(&f->list), "model");
    make_many(f, SANDBOX_MODELS_ENTRIES_MAX - 1, SANDBOX_MODELS_ENTRIES_MAX);
    assert_int_equal(resolve(f, "/models", real, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "more than 2000 entries"));
    make_many(f, SANDBOX_MODELS_ENTRIES_MAX, 2 * SANDBOX_MODELS_ENTRIES_MAX);
    find(f); /* it may grow while the worker runs */
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_hubs_cache_has_the_models_whose_main_snapshot_is_there),
        WITH_FOLDER(a_folder_is_a_model_when_it_has_the_file_that_says_so),
        WITH_FOLDER(a_link_is_followed_within_the_folder_and_not_out_of_it),
        WITH_FOLDER(what_a_job_may_not_read_is_not_told_and_said),
        WITH_FOLDER(a_folder_with_the_workers_own_is_refused),
        WITH_FOLDER(a_folder_with_a_hubs_token_is_refused),
        WITH_FOLDER(a_folder_with_more_than_jobs_are_shown_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
