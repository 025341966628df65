/* Who filled the disk, judged from what the looks found. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cmocka_all.h"
#include "worker/job_disk.h"

#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define PLENTY (UINT64_C(100) << 30)
#define LOW (10 * MIB)

static struct job_disk_verdict judge(struct job_disk_facts facts)
{
    struct job_disk_verdict verdict;
    facts.limit = (struct job_disk_limit){.bytes = 64 * MIB, .inodes = 1000};
    job_disk_judge(&facts, &verdict);
    return verdict;
}

static void who_kept_to_the_limit_did_nothing_wrong(void **state)
{
    (void)state;
    struct job_disk_verdict const v =
        judge((struct job_disk_facts){.at_end = {64 * MIB, 1000, false}, .free_at_end = PLENTY});
    assert_string_equal(v.over, "");
    assert_false(v.is_low);
}

static void who_took_too_much_is_told_how_much(void **state)
{
    (void)state;
    struct job_disk_verdict v =
        judge((struct job_disk_facts){.at_end = {64 * MIB + 1, 5, false}, .free_at_end = PLENTY});
    assert_string_equal(v.over, "its files took 65 MiB of disk, the limit is 64 MiB");
    v = judge((struct job_disk_facts){.at_end = {1, 1001, false}, .free_at_end = PLENTY});
    assert_string_equal(v.over, "it made more than 1000 files and folders");
    v = judge((struct job_disk_facts){.at_end = {1, 5, true}, .free_at_end = PLENTY});
    assert_non_null(strstr(v.over, "deep"));
    /* and is never the victim of a disk that is full */
    v = judge((struct job_disk_facts){.at_end = {65 * MIB, 5, false}, .free_at_end = LOW});
    assert_true(v.over[0] != 0);
    assert_false(v.is_low);
}

static void what_was_removed_after_the_stop_was_there_all_the_same(void **state)
{
    (void)state;
    struct job_disk_verdict const v = judge((struct job_disk_facts){.stopped = true,
                                                                    .at_stop = {80 * MIB, 9, false},
                                                                    .free_at_stop = PLENTY,
                                                                    .at_end = {MIB, 2, false},
                                                                    .free_at_end = PLENTY});
    assert_string_equal(v.over, "its files took 80 MiB of disk, the limit is 64 MiB");
}

/* Goal: files that were opened and unlinked, which no walk sees. They are free again when the program is gone. */
static void files_without_a_name_are_counted_by_what_comes_back(void **state)
{
    (void)state;
    struct job_disk_verdict v = judge((struct job_disk_facts){.stopped = true,
                                                              .at_stop = {MIB, 2, false},
                                                              .free_at_stop = LOW,
                                                              .at_end = {MIB, 2, false},
                                                              .free_at_end = LOW + 500 * MIB});
    assert_string_equal(v.over, "its files took 501 MiB of disk, the limit is 64 MiB");
    assert_false(v.is_low);
}

static void a_disk_that_others_filled_is_the_machines(void **state)
{
    (void)state;
    struct job_disk_verdict v = judge((struct job_disk_facts){.stopped = true,
                                                              .at_stop = {MIB, 2, false},
                                                              .free_at_stop = LOW,
                                                              .at_end = {2 * MIB, 2, false},
                                                              .free_at_end = LOW - MIB});
    assert_string_equal(v.over, "");
    assert_true(v.is_low);
    v = judge((struct job_disk_facts){.at_end = {MIB, 2, false}, .free_at_end = LOW});
    assert_true(v.is_low); /* not noticed while it ran */
}

static void the_limit_leaves_the_machine_its_reserve(void **state)
{
    struct job_disk_limit limit;
    struct err err = {0};
    (void)state;
    assert_int_equal(job_disk_limit("/tmp", 32 * MIB, &limit, &err), ERR_OK);
    assert_int_equal(limit.bytes, 32 * MIB);
    assert_in_range(limit.inodes, 1, JOB_DISK_INODES_MAX);
    assert_int_equal(job_disk_limit("/tmp", UINT64_MAX, &limit, &err), ERR_OK);
    assert_true(limit.bytes < scratch_free_bytes("/tmp") + JOB_DISK_RESERVE);
    assert_int_equal(job_disk_limit("/no/such/folder", 1, &limit, &err), ERR_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_kept_to_the_limit_did_nothing_wrong),
        cmocka_unit_test(who_took_too_much_is_told_how_much),
        cmocka_unit_test(what_was_removed_after_the_stop_was_there_all_the_same),
        cmocka_unit_test(files_without_a_name_are_counted_by_what_comes_back),
        cmocka_unit_test(a_disk_that_others_filled_is_the_machines),
        cmocka_unit_test(the_limit_leaves_the_machine_its_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
