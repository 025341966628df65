/* worker/sandbox_user.h: who a sandbox runs as, outside.
 *
 * As root: a user of its own, that no other sandbox, no other worker and no account of the machine has, so that one job's processes
 *          do not count against another's limit (RLIMIT_NPROC counts by user) and its files are nobody else's.
 * Else:    the worker's own user.
 * Source:  systemd's table of user numbers (systemd.io/UIDS-GIDS) leaves 0x70000000 to 0x7fffffff to nobody. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_SANDBOX_USER_H
#define WORKER_SANDBOX_USER_H

#include <sys/types.h>

#define SANDBOX_USER_FIRST 0x70000000U
#define SANDBOX_USER_LAST 0x7fffffffU
/* Where user numbers are mapped and those are not, as in a container: reserved by Debian policy, nobody's, but shared by all. */
#define SANDBOX_USER_SHARED 65533U
#define SANDBOX_USER_SAME ((uid_t)-1)

/* A new one, the group's number too; SANDBOX_USER_SAME if the worker is not root. Any thread. */
uid_t sandbox_user_new(void);

#endif
