/* worker/runner.h: what runs inside a sandbox beside a job's own program, carried in the worker: worker/runner/run.py, which runs bundles and notebooks, and
 * worker/runner/unpack.py, which unpacks an image.
 *
 * Shape:   the file's bytes, and where a sandbox shows the one that it is given. What runs there can read it and change nothing.
 * Thread:  any. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_RUNNER_H
#define WORKER_RUNNER_H

#include <stddef.h>

#define RUNNER_PATH "/tally/run.py"

extern const unsigned char runner_script[];
extern const size_t runner_script_size;
extern const unsigned char unpack_script[];
extern const size_t unpack_script_size;

#endif
