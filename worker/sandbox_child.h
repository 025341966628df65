/* worker/sandbox_child.h: the few steps between fork and exec, for sandbox.c only.
 *
 * Rule:    the worker has threads, so the child calls nothing but system calls until it execs; all memory is made ready
 *          before the fork. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_SANDBOX_CHILD_H
#define WORKER_SANDBOX_CHILD_H

#include "worker/sandbox.h"

#include <sys/resource.h>

#define SANDBOX_LIMITS_MAX 8

enum sandbox_stage {
    STAGE_FILES,
    STAGE_GROUP,
    STAGE_LIMITS,
    STAGE_MOUNT,
    STAGE_UID,
    STAGE_EXEC,
};

struct sandbox_failure {
    int stage;
    int error; /* errno */
};

struct sandbox_limit {
    int resource;
    struct rlimit limit;
};

struct sandbox_child {
    pid_t parent;
    int input_fd;
    int stdout_fd;
    int stderr_fd;
    int status_fd;
    int arguments_fd;
    int passwd_fd;
    int group_fd;
    int seccomp_fd;
    int runner_fd;
    int go_fd;
    int resolver_fd;
    int hosts_fd;
    int models_fd;
    int failure_fd;
    int join_fds[CGROUP_FOLDERS_MAX]; /* borrowed */
    int join_count;
    struct sandbox_limit limits[SANDBOX_LIMITS_MAX];
    size_t limit_count;
    uid_t user;         /* to become; SANDBOX_USER_SAME: nobody else */
    const char *folder; /* where the job's folder is */
    const char *
        source_folder; /* where bwrap finds it: the same, or the place it is shown at for that user */
    const char *root;        /* likewise the root, or NULL */
    const char *source_root; /* and where bwrap finds it */
    const char *models;      /* and the models, or NULL */
    const char *source_models;
    char numbers[2][16];
    const char *argv[SANDBOX_COMMAND_MAX + 8];
};

/* Everything but the pipes and memfds, which sandbox.c opens into it. Deinit closes all but join_fds. */
MUST_CHECK enum err_code sandbox_child_init(const struct sandbox_options *options,
                                            struct sandbox_child *ret, struct err *err);
void sandbox_child_deinit(struct sandbox_child *child);
_Noreturn void sandbox_child_exec(const struct sandbox_child *child);
const char *sandbox_stage_name(int stage);

#endif
