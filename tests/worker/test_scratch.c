// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"
#include "worker/job_results.h"
#include "worker/scratch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char folder[64];
    struct scratch scratch;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_folder_create(f->folder);
    *state = f;
    return scratch_create(f->folder, "job", "results", (uid_t)-1, &f->scratch, NULL) == ERR_OK ? 0
                                                                                               : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(scratch_remove(f->folder, NULL), ERR_OK);
    assert_int_not_equal(access(f->folder, F_OK), 0);
    free(f);
    return 0;
}

static void put(const struct fixture *f, const char *name, const char *content)
{
    char path[PATH_MAX];
    assert_int_equal(path_join(path, sizeof path, f->scratch.results, name, NULL), ERR_OK);
    assert_int_equal(file_write_atomic(path, bytes_of_text(content), 0600, NULL), ERR_OK);
}

static void make(const struct fixture *f, const char *name)
{
    char path[PATH_MAX];
    assert_int_equal(path_join(path, sizeof path, f->scratch.results, name, NULL), ERR_OK);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void file_names_are_made_harmless(void **state)
{
    static const struct {
        const char *wanted;
        const char *given;
    } cases[] = {
        {"train.py", "train.py"},
        {"../../etc/passwd", "passwd"},
        {"/", "_"},
        {"", "_"},
        {"..", "_.."},
        {".hidden", "_.hidden"},
        {"-c", "_-c"},
        {"results", "_results"},
        {"a b;rm -rf $(x)\n.py", "a_b_rm_-rf___x__.py"},
        {"größe.py", "gr____e.py"},
    };
    char name[SCRATCH_FILE_NAME_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        scratch_file_name(cases[i].wanted, "results", name);
        assert_string_equal(name, cases[i].given);
    }
    char longest[400];
    memset(longest, '.', sizeof longest);
    memcpy(longest + sizeof longest - 4, ".py", 4);
    scratch_file_name(longest, "results", name);
    assert_in_range(strlen(name), 1, SCRATCH_FILE_NAME_SIZE - 1);
    assert_string_equal(name + strlen(name) - 3, ".py");
}

static void results_are_listed_by_name_and_opened(void **state)
{
    struct fixture *f = *state;
    struct scratch_results list;
    int fd = -1;
    uint64_t size = 0;
    put(f, "z.txt", "zz");
    make(f, "plots");
    put(f, "plots/a.png", "png");
    put(f, "output.log", "the program's own");
    assert_int_equal(scratch_list_results(&f->scratch, &list, NULL), ERR_OK);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.left_out, 1);
    assert_string_equal(list.items[0].name, "plots/a.png");
    assert_string_equal(list.items[1].name, "z.txt");
    assert_int_equal(list.items[1].size, 2);
    scratch_results_deinit(&list);
    assert_int_equal(scratch_open_result(&f->scratch, "plots/a.png", &fd, &size, NULL), ERR_OK);
    assert_int_equal(size, 3);
    (void)close(fd);
}

/* Goal: a job must not get the machine's files uploaded. Method: every kind of link and special file. */
static void links_and_special_files_are_left_out_and_not_opened(void **state)
{
    struct fixture *f = *state;
    struct scratch_results list;
    char path[PATH_MAX];
    int fd = -1;
    uint64_t size = 0;
    assert_int_equal(path_join(path, sizeof path, f->scratch.results, "secret", NULL), ERR_OK);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(path_join(path, sizeof path, f->scratch.results, "etc", NULL), ERR_OK);
    assert_int_equal(symlink("/etc", path), 0);
    assert_int_equal(path_join(path, sizeof path, f->scratch.results, "pipe", NULL), ERR_OK);
    assert_int_equal(mkfifo(path, 0600), 0);
    put(f, "bad\nname", "x");
    put(f, "bad\xff", "x");
    assert_int_equal(scratch_list_results(&f->scratch, &list, NULL), ERR_OK);
    assert_int_equal(list.count, 0);
    assert_int_equal(list.left_out, 5);
    scratch_results_deinit(&list);
    static const char *const names[] = {"secret",      "etc/passwd", "pipe",
                                        "/etc/passwd", "",           "missing"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_not_equal(scratch_open_result(&f->scratch, names[i], &fd, &size, NULL), ERR_OK);
    }
    /* results/ itself may be a link by then */
    assert_int_equal(scratch_remove(f->scratch.results, NULL), ERR_OK);
    assert_int_equal(symlink("/etc", f->scratch.results), 0);
    assert_int_equal(scratch_list_results(&f->scratch, &list, NULL), ERR_OK);
    assert_int_equal(list.count, 0);
    assert_int_not_equal(scratch_open_result(&f->scratch, "passwd", &fd, &size, NULL), ERR_OK);
}

/* R4.4. */
static void a_program_is_not_where_a_chosen_folder_is(void **state)
{
    static const struct {
        const char *wanted;
        const char *results;
        const char *given;
    } cases[] = {
        {"train.py", "train.py/out", "_train.py"},
        {"train.py", "train.pyc", "train.py"},
        {"results", "out", "results"},
        {".out", "_.out", "__.out"},
    };
    char name[SCRATCH_FILE_NAME_SIZE];
    char longest[400];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        scratch_file_name(cases[i].wanted, cases[i].results, name);
        assert_string_equal(name, cases[i].given);
    }
    for (size_t size = 90; size < sizeof longest; size++) {
        char again[SCRATCH_FILE_NAME_SIZE];
        memset(longest, size % 2 == 0 ? 'a' : '.', size);
        longest[size] = 0;
        scratch_file_name(longest, "results", name);
        scratch_file_name(longest, name, again); /* the folder has just that name */
        assert_in_range(strlen(again), 1, SCRATCH_FILE_NAME_SIZE - 1);
        assert_string_not_equal(again, name);
    }
}

static void create_with(const struct fixture *f, const char *results, struct scratch *ret)
{
    assert_int_equal(scratch_create(f->folder, "other", results, (uid_t)-1, ret, NULL), ERR_OK);
}

static void assert_nothing_is_taken(const struct scratch *scratch, const char *name)
{
    struct scratch_results list;
    uint64_t size = 0;
    int fd = -1;
    assert_int_equal(scratch_list_results(scratch, &list, NULL), ERR_OK);
    assert_int_equal(list.count, 0);
    assert_int_not_equal(scratch_open_result(scratch, name, &fd, &size, NULL), ERR_OK);
}

/* R4.4. Goal: a folder of the job's choice, and the machine's files as safe as before. Method: each part of the path becomes a link, to outside and to inside. */
static void a_chosen_folder_is_there_and_no_part_of_it_is_a_link(void **state)
{
    struct fixture *f = *state;
    struct scratch scratch;
    struct scratch located;
    struct scratch_results list;
    char outside[PATH_MAX];
    char path[PATH_MAX];
    uint64_t size = 0;
    int fd = -1;
    create_with(f, "a/b/c", &scratch);
    assert_int_equal(path_join(path, sizeof path, scratch.results, "x", NULL), ERR_OK);
    assert_int_equal(file_write_atomic(path, bytes_of_text("yes"), 0600, NULL), ERR_OK);
    assert_int_equal(path_join(path, sizeof path, scratch.job, "beside", NULL), ERR_OK);
    assert_int_equal(file_write_atomic(path, bytes_of_text("no"), 0600, NULL), ERR_OK);
    assert_int_equal(scratch_locate(f->folder, "other", &located, NULL), ERR_OK);
    assert_int_equal(scratch_set_results(&located, "a/b/c", NULL), ERR_OK);
    assert_int_equal(scratch_list_results(&located, &list, NULL), ERR_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.left_out, 0);
    assert_string_equal(list.items[0].name, "x");
    scratch_results_deinit(&list);
    assert_int_equal(scratch_open_result(&located, "x", &fd, &size, NULL), ERR_OK);
    assert_int_equal(size, 3);
    (void)close(fd);
    /* what a link could lead to: the same path, outside of the job and inside */
    assert_int_equal(path_join(outside, sizeof outside, f->folder, "outside", NULL), ERR_OK);
    static const char *const folders[] = {"outside", "outside/c", "outside/b", "outside/b/c"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        assert_int_equal(path_join(path, sizeof path, f->folder, folders[i], NULL), ERR_OK);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(path_join(path, sizeof path, path, "x", NULL), ERR_OK);
        assert_int_equal(file_write_atomic(path, bytes_of_text("secret"), 0600, NULL), ERR_OK);
    }
    static const char *const parts[] = {"a", "a/b", "a/b/c"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        create_with(f, "a/b/c", &scratch);
        assert_int_equal(path_join(path, sizeof path, scratch.job, parts[i], NULL), ERR_OK);
        assert_int_equal(scratch_remove(path, NULL), ERR_OK);
        assert_int_equal(symlink(outside, path), 0);
        assert_nothing_is_taken(&scratch, "x");
        create_with(f, "a/b/c", &scratch);
        char moved[PATH_MAX];
        assert_int_equal(path_join(path, sizeof path, scratch.results, "x", NULL), ERR_OK);
        assert_int_equal(file_write_atomic(path, bytes_of_text("own"), 0600, NULL), ERR_OK);
        assert_int_equal(path_join(path, sizeof path, scratch.job, parts[i], NULL), ERR_OK);
        assert_int_equal(path_join(moved, sizeof moved, scratch.job, "moved", NULL), ERR_OK);
        assert_int_equal(rename(path, moved), 0);
        assert_int_equal(symlink(moved, path), 0);
        assert_nothing_is_taken(&scratch, "x");
        assert_int_equal(unlink(path), 0);
        assert_nothing_is_taken(&scratch, "x");
        assert_int_equal(file_write_atomic(path, bytes_of_text("a file"), 0600, NULL), ERR_OK);
        assert_nothing_is_taken(&scratch, "x");
    }
}

static void at_most_900_results_are_taken(void **state)
{
    struct fixture *f = *state;
    struct scratch_results list;
    for (int i = 0; i < SCRATCH_RESULTS_MAX + 5; i++) {
        char path[PATH_MAX];
        char name[16];
        (void)snprintf(name, sizeof name, "%04d", i);
        assert_int_equal(path_join(path, sizeof path, f->scratch.results, name, NULL), ERR_OK);
        int const fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        (void)close(fd);
    }
    assert_int_equal(scratch_list_results(&f->scratch, &list, NULL), ERR_OK);
    assert_int_equal(list.count, SCRATCH_RESULTS_MAX);
    assert_int_equal(list.left_out, 5);
    scratch_results_deinit(&list);
}

static void the_deepest_folders_are_removed(void **state)
{
    struct fixture *f = *state;
    int fd = open(f->scratch.results, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct scratch_results list;
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(mkdirat(fd, "deep", 0700), 0);
        int const next = openat(fd, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (i == 2500) {
            assert_int_equal(fchmod(fd, 0), 0);
        }
        (void)close(fd);
        fd = next;
    }
    (void)close(fd);
    assert_int_equal(scratch_list_results(&f->scratch, &list, NULL), ERR_OK);
    scratch_results_deinit(&list);
    assert_int_equal(scratch_remove(f->scratch.folder, NULL), ERR_OK);
    assert_int_not_equal(access(f->scratch.folder, F_OK), 0);
    assert_int_equal(scratch_remove(f->scratch.folder, NULL), ERR_OK); /* again is fine */
}

static void removing_does_not_follow_links(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];
    char kept[PATH_MAX];
    assert_int_equal(path_join(kept, sizeof kept, f->folder, "kept", NULL), ERR_OK);
    assert_int_equal(mkdir(kept, 0700), 0);
    assert_int_equal(path_join(path, sizeof path, f->scratch.results, "link", NULL), ERR_OK);
    assert_int_equal(symlink(kept, path), 0);
    assert_int_equal(path_join(path, sizeof path, kept, "file", NULL), ERR_OK);
    assert_int_equal(file_write_atomic(path, bytes_of_text("x"), 0600, NULL), ERR_OK);
    assert_int_equal(scratch_remove(f->scratch.folder, NULL), ERR_OK);
    assert_int_equal(access(path, F_OK), 0);
}

static void make_file(const char *folder, const char *name, off_t allocated, off_t length)
{
    char path[PATH_MAX];
    assert_int_equal(path_join(path, sizeof path, folder, name, NULL), ERR_OK);
    int const fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_true(allocated == 0 || posix_fallocate(fd, 0, allocated) == 0);
    assert_true(length == 0 || ftruncate(fd, length) == 0);
    (void)close(fd);
}

/* Goal: neither less nor more than a job really has. Method: what would be counted wrongly by name, size or link. */
static void what_is_there_is_measured_by_its_blocks(void **state)
{
    struct fixture *f = *state;
    struct scratch_usage before;
    struct scratch_usage usage;
    char path[PATH_MAX];
    char other[PATH_MAX];
    scratch_measure(f->scratch.folder, 1000, &before);
    assert_int_equal(before.inodes, 2);
    make_file(f->scratch.results, "allocated", 8 << 20, 0);
    make_file(f->scratch.results, "sparse", 0, (off_t)1 << 40);
    make_file(f->folder, "beside", 8 << 20, 0);
    assert_int_equal(path_join(path, sizeof path, f->scratch.results, "link", NULL), ERR_OK);
    assert_int_equal(symlink(f->folder, path), 0);
    make(f, "closed");
    assert_int_equal(path_join(path, sizeof path, f->scratch.results, "closed", NULL), ERR_OK);
    make_file(path, "inside", 4 << 20, 0);
    assert_int_equal(path_join(other, sizeof other, path, "inside", NULL), ERR_OK);
    char second[PATH_MAX];
    assert_int_equal(path_join(second, sizeof second, f->scratch.results, "again", NULL), ERR_OK);
    assert_int_equal(link(other, second), 0);
    assert_int_equal(chmod(path, 0), 0);
    scratch_measure(f->scratch.folder, 1000, &usage);
    assert_int_equal(usage.inodes, 8);
    assert_in_range(usage.bytes - before.bytes, 12 << 20, (12 << 20) + 65536);
    assert_false(usage.is_too_deep);
    scratch_measure(f->scratch.folder, 4, &usage);
    assert_int_equal(usage.inodes, 5);
    scratch_measure("/no/such/folder", 4, &usage);
    assert_int_equal(usage.inodes, 0);
}

static void folders_that_hide_in_the_depth_are_told(void **state)
{
    struct fixture *f = *state;
    struct scratch_usage usage;
    int fd = open(f->scratch.results, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < SCRATCH_USAGE_DEPTH_MAX; i++) {
        assert_int_equal(mkdirat(fd, "deep", 0700), 0);
        int const next = openat(fd, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)close(fd);
        fd = next;
    }
    (void)close(fd);
    scratch_measure(f->scratch.folder, 1000, &usage);
    assert_true(usage.is_too_deep);
    assert_in_range(usage.inodes, SCRATCH_USAGE_DEPTH_MAX, SCRATCH_USAGE_DEPTH_MAX + 2);
}

static void names_are_escaped_in_paths(void **state)
{
    char path[1024];
    (void)state;
    assert_int_equal(job_results_path("J", "a b/50%?#+.png", path, sizeof path, NULL), ERR_OK);
    assert_string_equal(path, "/v1/workers/jobs/J/results/a%20b/50%25%3F%23%2B.png");
    assert_int_equal(job_results_path("J", "\xc3\xa4", path, sizeof path, NULL), ERR_OK);
    assert_string_equal(path, "/v1/workers/jobs/J/results/%C3%A4");
    assert_int_equal(job_results_path("J", "aaaa", path, 30, NULL), ERR_TOO_LARGE);
}

int main(void)
{
#define WITH_SCRATCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_names_are_made_harmless),
        WITH_SCRATCH(results_are_listed_by_name_and_opened),
        WITH_SCRATCH(links_and_special_files_are_left_out_and_not_opened),
        cmocka_unit_test(a_program_is_not_where_a_chosen_folder_is),
        WITH_SCRATCH(a_chosen_folder_is_there_and_no_part_of_it_is_a_link),
        WITH_SCRATCH(at_most_900_results_are_taken),
        WITH_SCRATCH(the_deepest_folders_are_removed),
        WITH_SCRATCH(removing_does_not_follow_links),
        WITH_SCRATCH(what_is_there_is_measured_by_its_blocks),
        WITH_SCRATCH(folders_that_hide_in_the_depth_are_told),
        cmocka_unit_test(names_are_escaped_in_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
