/* worker/enrol.h: a provider's token in, the identity of one slot in FOLDER/worker.json out; `gpu`: its uuid, "" for the processor.
 *
 * Thread:  main; waits for the server. The provider's token is used once and kept nowhere. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_ENROL_H
#define WORKER_ENROL_H

#include "core/base/err.h"
#include "worker/state.h"

#define WORKER_SOFTWARE "tally-worker 0.1.0"

MUST_CHECK enum err_code enrol(const char *server, const char *provider_token, const char *name,
                               const char *folder, const char *gpu, struct key32 sealing_key,
                               struct worker_identity *ret, struct err *err);

#endif
