/* worker/seccomp.h: the system calls a job may not make.
 *
 * Shape:   everything is allowed but a list: what changes mounts, namespaces, modules, keys and other processes, what opens
 *          large and little-used parts of the kernel, and sockets of families that are not local or internet ones (vsock
 *          would reach the machine's host past the empty network namespace). Refused calls return EPERM; clone3 and
 *          io_uring return ENOSYS, so that libraries fall back. Calls of a foreign architecture kill the process.
 * Source:  seccomp(2), libseccomp; the list follows what container runtimes refuse by default. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_SECCOMP_H
#define WORKER_SECCOMP_H

#include "core/base/err.h"

/* A memfd with the compiled filter, at its start, close-on-exec; the caller closes it. */
MUST_CHECK enum err_code seccomp_filter_open(int *ret_fd, struct err *err);

#endif
