/* worker/state.h: what a worker remembers between runs, in its own folder DIR.
 *
 *     DIR/worker.json   {"server","host_id","token"}, owner only
 *     DIR/offer.json    {"offer_id","rate"}
 *     DIR/lock          held while the worker runs
 *     DIR/scratch/      jobs (scratch.h)
 *
 * Thread:  main, before the loop runs.
 * Errors:  ERR_NOT_FOUND (not enrolled), ERR_CORRUPT (not readable), ERR_CONFLICT (another worker runs), ERR_IO. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_STATE_H
#define WORKER_STATE_H

#include "core/base/err.h"
#include "core/base/id.h"

#define STATE_TEXT_MAX 512

struct worker_identity {
    char server[STATE_TEXT_MAX]; /* "https://host:port", without a slash at the end */
    char host_id[ID_TEXT_SIZE];
    char token[STATE_TEXT_MAX];
};

struct worker_offer {
    char offer_id[ID_TEXT_SIZE];
    int64_t rate; /* QUBIC per hour */
};

MUST_CHECK enum err_code state_load_identity(const char *folder, struct worker_identity *ret,
                                             struct err *err);
/* ERR_CONFLICT if there is one already. */
MUST_CHECK enum err_code state_save_identity(const char *folder, const struct worker_identity *it,
                                             struct err *err);
/* ERR_CONFLICT when DIR is enrolled. */
MUST_CHECK enum err_code state_check_unused(const char *folder, struct err *err);
MUST_CHECK enum err_code state_load_offer(const char *folder, struct worker_offer *ret,
                                          struct err *err);
MUST_CHECK enum err_code state_save_offer(const char *folder, const struct worker_offer *offer,
                                          struct err *err);
/* Hold DIR/lock until the process ends. */
MUST_CHECK enum err_code state_lock(const char *folder, int *ret_fd, struct err *err);

#endif
