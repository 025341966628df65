/* worker/runner.h: worker/runner/run.py, carried in the program: what runs bundles and notebooks inside the sandbox.
 *
 * Shape:   the file's bytes, and where a sandbox shows them. A job can read it there and change nothing.
 * Thread:  any. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_RUNNER_H
#define WORKER_RUNNER_H

#include <stddef.h>

#define RUNNER_PATH "/tally/run.py"

extern const unsigned char runner_script[];
extern const size_t runner_script_size;

#endif
