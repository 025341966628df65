/* worker/job_input.h: is the downloaded file what was uploaded?
 *
 * Thread:  any; reads the whole file. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_JOB_INPUT_H
#define WORKER_JOB_INPUT_H

#include "core/base/err.h"
#include "core/base/id.h"

/* ERR_CORRUPT if size or SHA-256 differ, ERR_IO. */
MUST_CHECK enum err_code job_input_check(int fd, uint64_t size, const struct key32 *digest,
                                         struct err *err);

#endif
