// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/guarded.h"

#include "core/log/damage.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared { /* the result follows */
    enum err_code code;
    struct err err;
};

static struct shared *of_child; /* in the child */

/* LMDB has found its pages wrong, on any of the child's threads. */
static void end_of_child(const struct err *err)
{
    of_child->err = *err;
    of_child->code = err->code;
    _exit(0);
}

static enum err_code judge(int status, const struct shared *shared, struct err *err)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        if (shared->code != ERR_OK && err != NULL) {
            *err = shared->err;
        }
        return shared->code;
    }
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGBUS || WTERMSIG(status) == SIGSEGV)) {
        return err_set(err, ERR_CORRUPT,
                       "reading it ended with %s: the file is cut short or has damaged pages",
                       WTERMSIG(status) == SIGBUS ? "a bus error" : "a segmentation fault");
    }
    return err_set(err, ERR_INTERNAL, "the reading process ended unexpectedly (status %d)", status);
}

enum err_code guarded_run(guarded_work *work, const void *input, void *ret_result,
                          size_t result_size, struct err *err)
{
    int status = 0;
    size_t size = sizeof(struct shared) + result_size;
    struct shared *shared =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        return err_set_errno(err, errno, "memory for a child's result");
    }
    pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        of_child = shared;
        damage_on_assert(end_of_child);
        shared->code = work(input, shared + 1, &shared->err);
        _exit(0);
    }
    enum err_code code = ERR_OK;
    if (child < 0) {
        code = err_set_errno(err, errno, "fork");
    } else {
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
        code = judge(status, shared, err);
        memcpy(ret_result, shared + 1, result_size);
    }
    munmap(shared, size);
    return code;
}
