/* worker/machine.h: what this machine is, for its offer.
 *
 * Scope:   processor, memory and disk. GPUs are not looked for yet: an offer made here says device cpu and nothing else.
 * Thread:  any. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_MACHINE_H
#define WORKER_MACHINE_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MACHINE_MODEL_SIZE 101

struct machine {
    char model[MACHINE_MODEL_SIZE]; /* valid UTF-8 */
    uint64_t cpu_cores;             /* this process may use */
    uint64_t ram_mib;               /* for jobs: the machine's, less what is kept for the system */
    uint64_t storage_mib;           /* for jobs: free where `folder` is, less a reserve */
};

#define MACHINE_STORAGE_RESERVE_MIB 1024

MUST_CHECK enum err_code machine_read(const char *folder, struct machine *ret, struct err *err);
/* The first "model name" of a /proc/cpuinfo text; false if it has none (arm64). Pure. */
bool machine_model(const char *cpuinfo, char ret[MACHINE_MODEL_SIZE]);

#endif
