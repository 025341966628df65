/* worker/network_child.h: the few steps between fork and exec of the two programs that make a job's network, for network.c only.
 *
 * Rule:    as in sandbox_child.h: nothing but system calls. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_NETWORK_CHILD_H
#define WORKER_NETWORK_CHILD_H

#include "core/base/bytes.h"
#include "worker/cgroup.h"

#include <sys/types.h>

#define NETWORK_LINKS 2

/* /lib and /lib64: where they lead to, or "" for a folder. */
struct network_link {
    const char *path;
    char target[64];
};

struct network_child {
    pid_t parent;
    uid_t user;  /* SANDBOX_USER_SAME: nobody else */
    int net_fd;  /* the sandbox's network namespace */
    int user_fd; /* and the user namespace that it belongs to */
    int null_fd;
    int input_fd; /* its standard input; -1: nothing */
    int said_fd;  /* its standard output and error */
    int ready_fd; /* of slirp4netns */
    int exit_fd;
    int join_fds[CGROUP_FOLDERS_MAX]; /* borrowed */
    int join_count;
    struct bytes resolvers; /* the text of its resolv.conf */
    struct network_link links[NETWORK_LINKS];
    char paths[2][48]; /* how slirp4netns finds net_fd and user_fd */
    const char *argv[16];
};

_Noreturn void network_child_rules(const struct network_child *child);
_Noreturn void network_child_helper(const struct network_child *child);

/* Where they are in the helper's view of the machine. */
#define NETWORK_VIEW_NET "/net"
#define NETWORK_VIEW_USER "/user"

#endif
