/* core/base/process.h: what a program asks of the system for itself, once, at its start.
 *
 * Thread:  before there are others. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_PROCESS_H
#define CORE_BASE_PROCESS_H

#include "core/base/err.h"

#include <stdint.h>

/* No core file, and no look into the memory for other processes of the same user (ptrace, /proc/PID/mem): what the program
 * holds in memory from now on stays there. Call it before the first secret is read. */
MUST_CHECK enum err_code process_keep_secrets(struct err *err);
/* Room for `wanted` descriptors: the soft limit is raised as far as the hard one allows. ERR_CONFLICT, with what to do, if that is
 * not enough. */
MUST_CHECK enum err_code process_want_descriptors(uint64_t wanted, struct err *err);

#endif
