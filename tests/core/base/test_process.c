/* What a program asks for itself. Limits cannot be taken back, so each case is a process of its own. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/process.h"
#include "tests/support/cmocka_all.h"

#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int in_a_child(int (*body)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit(body());
    }
    assert_true(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool descriptors(rlim_t soft, rlim_t hard)
{
    return setrlimit(RLIMIT_NOFILE, &(struct rlimit){soft, hard}) == 0;
}

static int raise_to_the_hard_limit(void)
{
    struct rlimit now;
    struct err err = {0};
    bool const good = descriptors(100, 700) && process_want_descriptors(500, &err) == ERR_OK &&
                      getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur == 700;
    return good ? 0 : 1;
}

static int say_what_does_not_fit(void)
{
    struct err err = {0};
    bool const good = descriptors(100, 700) && process_want_descriptors(700, &err) == ERR_OK &&
                      process_want_descriptors(701, &err) == ERR_CONFLICT &&
                      strstr(err.message, "at most 700 files") != NULL &&
                      strstr(err.message, "701 are wanted") != NULL &&
                      strstr(err.message, "LimitNOFILE") != NULL;
    return good ? 0 : 1;
}

static void descriptors_are_raised_or_refused(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(raise_to_the_hard_limit), 0);
    assert_int_equal(in_a_child(say_what_does_not_fit), 0);
}

static int keep_secrets(void)
{
    struct rlimit core;
    struct rlimit const some = {1, 1};
    (void)setrlimit(RLIMIT_CORE, &some);
    bool const good = process_keep_secrets(NULL) == ERR_OK && getrlimit(RLIMIT_CORE, &core) == 0 &&
                      core.rlim_cur == 0 && core.rlim_max == 0;
#ifdef __SANITIZE_ADDRESS__
    return good ? 0 : 1; /* its search for leaks wants to look */
#else
    return good && prctl(PR_GET_DUMPABLE) == 0 ? 0 : 1;
#endif
}

static void secrets_are_kept(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(keep_secrets), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_are_raised_or_refused),
        cmocka_unit_test(secrets_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
