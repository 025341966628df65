/* worker/frameworks.h: what a job may import on this machine: its Python and the frameworks beside it, in a line for people.
 *
 * Thread:  any; waits for Python, some seconds at most. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_FRAMEWORKS_H
#define WORKER_FRAMEWORKS_H

#include <stdbool.h>
#include <stddef.h>

/* "3.11.2 with torch 1.13.1, numpy 1.24.2", or why there is nothing to say. False: jobs find no Python. */
bool frameworks_describe(char *ret, size_t ret_size);

#endif
