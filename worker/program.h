/* worker/program.h: a sandboxed program on the event loop: its output, its time limit, its end.
 *
 *     running ──limit──▶ asked to end (SIGTERM) ──grace──▶ killed
 *        │ └─program_stop─▲                                  │
 *        └────────────────── exited and both streams read ◀──┘ ──▶ on_end
 *
 * Owner:   program_close frees it when the loop has closed its handles; it kills what still runs.
 * Thread:  loop, the main thread. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_PROGRAM_H
#define WORKER_PROGRAM_H

#include "worker/output.h"
#include "worker/sandbox.h"

#include <uv.h>

struct program;

struct program_end {
    struct sandbox_end sandbox;
    bool limit_reached; /* it was stopped because its time was over */
    bool stopped;       /* by program_stop */
    uint64_t used_ms;   /* from its start to its end, at most the limit */
};

struct program_options {
    struct sandbox_options
        sandbox; /* borrowed for program_start, but for its cgroup: until closed */
    uint64_t limit_ms;
    uint64_t grace_ms; /* between SIGTERM and SIGKILL at the limit */
    void (*on_output)(void *ctx, enum worker_stream stream, struct bytes bytes);
    void (*on_end)(void *ctx, const struct program_end *end);
    void *ctx;
};

MUST_CHECK enum err_code program_start(uv_loop_t *loop, const struct program_options *options,
                                       struct program **ret_program, struct err *err);
/* SIGTERM, then SIGKILL; with grace 0 SIGKILL at once. */
void program_stop(struct program *program, uint64_t grace_ms);
uint64_t program_used_ms(const struct program *program);
/* The first process inside; 0 while the sandbox is being made. */
pid_t program_root(struct program *program);
void program_close(struct program *program); /* accepts NULL */

#endif
