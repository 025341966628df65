/* worker/cgroup.h: limits on memory and processes of one job, by whichever cgroup controllers can be used here.
 *
 * Shape:   one group per job and hierarchy, made below the group this process is in. Version 1 hierarchies (memory, pids)
 *          and a delegated version 2 hierarchy are taken as they come, each controller by itself; what cannot be used is
 *          left out, and `memory`/`pids` say so.
 * Rules:   version 2 lets no group have both processes and children with controllers: the worker then moves itself into a
 *          leaf of its own. That needs a delegated group of the worker's own (systemd: Delegate=yes).
 * Thread:  loop.
 * Source:  Linux Documentation/admin-guide/cgroup-v1, cgroup-v2.rst. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_CGROUP_H
#define WORKER_CGROUP_H

#include "core/base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define CGROUP_FOLDERS_MAX 2
#define CGROUP_JOB_NAME "tally-job-%s" /* with the job's id */

/* Where groups can be made; found once per process. */
struct cgroup_place {
    char memory_parent[PATH_MAX]; /* "" if the controller cannot be used */
    char pids_parent[PATH_MAX];   /* the same folder as above in version 2 */
    bool unified;                 /* version 2 */
};

struct cgroup {
    char memory_folder[PATH_MAX]; /* "" if there is no such limit */
    char pids_folder[PATH_MAX];
    bool unified;
    int join_fds[CGROUP_FOLDERS_MAX]; /* cgroup.procs; a child writes "0" to join */
    int join_count;
};

void cgroup_find(struct cgroup_place *ret);
/* Make the groups `name` with their limits in bytes and processes. Never fails as a whole: look at the folders. */
void cgroup_create(const struct cgroup_place *place, const char *name, uint64_t memory_max,
                   uint64_t pids_max, struct cgroup *ret);
void cgroup_close_fds(struct cgroup *group);
/* Memory the group uses without file cache it could give back, in bytes; false if unknown. */
bool cgroup_memory_used(const struct cgroup *group, uint64_t *ret);
/* The kernel killed a process of the group for want of memory. */
bool cgroup_oom_killed(const struct cgroup *group);
/* A process of the group was refused another for its limit. */
bool cgroup_pids_refused(const struct cgroup *group);
/* Remove the groups; processes still in them are killed first. Accepts a zeroed object. */
void cgroup_remove(struct cgroup *group);
/* Remove the groups called `name` that an earlier run of the worker left. */
void cgroup_remove_named(const struct cgroup_place *place, const char *name);

/* The own group in a hierarchy, from the text of /proc/self/cgroup and /proc/self/mountinfo; `controller` NULL: version 2.
 * Pure. False: there is none. */
bool cgroup_own_folder(const char *self, const char *mountinfo, const char *controller,
                       char ret_folder[PATH_MAX]);

#endif
