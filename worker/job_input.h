/* worker/job_input.h: is the downloaded file what was uploaded?
 *
 * Thread:  any; reads the whole file. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_JOB_INPUT_H
#define WORKER_JOB_INPUT_H

#include "core/base/err.h"
#include "core/base/id.h"

/* SHA-256 of the `size` bytes that the file has. ERR_CORRUPT if it has not, ERR_IO. */
MUST_CHECK enum err_code job_input_digest(int fd, uint64_t size, struct key32 *ret,
                                          struct err *err);
/* ERR_CORRUPT if size or SHA-256 differ, ERR_IO. */
MUST_CHECK enum err_code job_input_check(int fd, uint64_t size, const struct key32 *digest,
                                         struct err *err);

#endif
