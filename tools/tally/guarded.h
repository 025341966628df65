/* tools/tally/guarded.h: do something with a file that may be damaged, without dying of it.
 *
 * LMDB pages carry no checksum: a damaged one can show as SIGBUS, SIGSEGV or an assertion of LMDB in whoever reads it. The work runs in a child
 * process; a child that dies so is ERR_CORRUPT here.
 *
 * Rule:    `work` opens what it reads itself (LMDB environments do not survive a fork), and leaves what it found in
 *          `result`, which is shared memory: plain data, no pointers but to static strings. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_GUARDED_H
#define TOOLS_TALLY_GUARDED_H

#include "core/base/err.h"

#include <stddef.h>

typedef enum err_code guarded_work(const void *input, void *result, struct err *err);

/* `ret_result`: what `work` left there, also when it failed or died. */
MUST_CHECK enum err_code guarded_run(guarded_work *work, const void *input, void *ret_result,
                                     size_t result_size, struct err *err);

#endif
