/* worker/process_tree.h: a process and everything below it, read from /proc.
 *
 * Shape:   one pass over /proc; processor time counts the children that were waited for as well, so that the sum over a
 *          pid namespace whose first process reaps orphans never falls.
 * Thread:  any.
 * Source:  proc(5), /proc/[pid]/stat. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_PROCESS_TREE_H
#define WORKER_PROCESS_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_totals {
    uint64_t count;
    uint64_t cpu_ms;         /* user and system time */
    uint64_t resident_bytes; /* shared pages count in each process */
};

/* All processes below `root` and itself. False if there is no such process. */
bool process_tree_measure(pid_t root, struct process_totals *ret);
/* Send `signal` to every process below `root`, not to `root`. */
void process_tree_signal(pid_t root, int signal);

#endif
