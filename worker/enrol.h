/* worker/enrol.h: a code or a provider's token in, the identity of one slot in FOLDER/worker.json out; `gpu`: its uuid, "" for the processor.
 *
 * Thread:  main; waits for the server. Code and token are used once and kept nowhere. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_ENROL_H
#define WORKER_ENROL_H

#include "core/base/err.h"
#include "worker/state.h"

#define WORKER_SOFTWARE "tally-worker 0.1.0"

#define ENROL_IDENTITY_SIZE 64

struct enrol_joined {
    char token[STATE_TEXT_MAX];         /* enrols the slots of this machine, for some minutes */
    char identity[ENROL_IDENTITY_SIZE]; /* whose machine it becomes */
};

/* Whether it is a code and not a token: 20 letters and digits, and dashes. */
bool enrol_is_code(const char *text);
/* The code is used up when this returns ERR_OK. */
MUST_CHECK enum err_code enrol_join(const char *server, const char *code, const char *name,
                                    struct enrol_joined *ret, struct err *err);
/* `token`: of enrol_join, or a provider's. */
MUST_CHECK enum err_code enrol(const char *server, const char *token, const char *name,
                               const char *folder, const char *gpu, struct key32 sealing_key,
                               struct worker_identity *ret, struct err *err);

#endif
