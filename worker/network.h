/* worker/network.h: the network of one job, where it asked for one and the provider allows it.
 *
 *     job ── tap0, in the sandbox's own network namespace, behind rules that the job cannot change ──▶ slirp4netns ──▶ the Internet
 *
 * Walls:   the job's namespace stays its own: nothing of the machine's network is in it. slirp4netns makes connections on the job's behalf from
 *          outside, and would make them to anywhere; so nft rules (network_rules.h) are in the namespace before the program is. They belong
 *          to a user namespace in which the program has no capability.
 * Helper:  slirp4netns reads packets that a stranger made. As root it runs as the sandbox's own user, and sees /usr, the list of resolvers and its
 *          device alone; otherwise as the worker's user. It has its own seccomp filter, limits, and the job's control group.
 * Life:    it dies when it is stopped, with the thread that started it, and when the worker's end of a pipe closes.
 * Thread:  the one that spawned the sandbox; waits, some tens of ms, NETWORK_PATIENCE_MS at most for each of the two programs.
 * Source:  slirp4netns(1), version 1.2; nft(8), version 1.0; user_namespaces(7), ioctl_ns(2). docs/decisions/0023. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_NETWORK_H
#define WORKER_NETWORK_H

#include "core/base/err.h"
#include "worker/cgroup.h"

#include <sys/types.h>

#define NETWORK_PATIENCE_MS 10000

struct network {
    pid_t pid; /* slirp4netns; 0: none */
    int pidfd;
    int exit_fd; /* closed by us or by our end: it goes */
};

/* What this machine lacks: ERR_NOT_FOUND names the package. That it also works, trial_network says. */
MUST_CHECK enum err_code network_check_tools(struct err *err);
/* For the sandbox whose first process is `inside`, and has not begun its program. `user`: as in sandbox_child.h. Nothing is left on failure.
 * Errors: ERR_NOT_FOUND, ERR_UNAVAILABLE (it cannot be had here, and why), ERR_TIMEOUT, ERR_IO. */
MUST_CHECK enum err_code network_start(pid_t inside, uid_t user, const struct cgroup *group,
                                       struct network *ret, struct err *err);
/* It is gone when this returns. Accepts a zeroed object. */
void network_stop(struct network *network);

#endif
