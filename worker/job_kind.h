/* worker/job_kind.h: the kinds of files that this worker runs, and which of them this machine can.
 *
 *     python    the file by /usr/bin/python3, always
 *     bundle    a tar or zip with a script, by worker/runner/run.py, always
 *     notebook  by run.py with nbclient and ipykernel, where they are installed
 *     dockerfile  what it starts, in its image, where an engine has images (container.h)
 *
 * Others (data, shell) have no bit: a job of theirs is not claimed, and one that comes nevertheless is ended as host_fault,
 * kind_not_runnable.
 * Thread:  any; pure. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_JOB_KIND_H
#define WORKER_JOB_KIND_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "worker/sandbox_models.h"

#include <stdbool.h>

struct container_engine;

enum job_kind {
    JOB_KIND_PYTHON,
    JOB_KIND_BUNDLE,
    JOB_KIND_NOTEBOOK,
    JOB_KIND_CONTAINER,
    JOB_KIND_COUNT
};

struct job_kinds {
    bool runs[JOB_KIND_COUNT];
    const struct container_engine *engine; /* of containers; borrowed */
    bool network;                          /* the owner allows it, and it works here */
    struct sandbox_models models;          /* what jobs are shown; no folder: none; borrowed */
};

/* "python" …, as on the wire. */
const char *job_kind_word(enum job_kind kind);
/* False: not one of ours. NULL is python: a server before kinds had nothing else. */
bool job_kind_read(const char *word, enum job_kind *ret);
/* ["python","bundle"] */
void job_kinds_json(const struct job_kinds *kinds, struct buf *ret);

#endif
