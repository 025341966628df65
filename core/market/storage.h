/* core/market/storage.h: what accounts hold in files, by the sizes that events say; and which uploads and jobs were erased.
 *
 * Counted: an upload for its owner, a result for the job's consumer, each as often as it is stored: that two have the same content, and so one
 *          file, is private. What is erased is counted no more.
 * Thread:  whoever owns the store. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_STORAGE_H
#define CORE_MARKET_STORAGE_H

#include "core/market/state.h"

/* Of one command: each may change a page of the log's. */
#define ERASE_PARTS_MAX 1024

struct storage_row { /* stream kind (account, upload or job) ‖ id → */
    uint64_t bytes;
    uint64_t jobs_open; /* of an upload: that have not ended */
    uint64_t erased;    /* of an upload or a job: sequence of upload.erased or job.erased; or 0 */
    uint64_t changes;   /* how often something private came to it, of a job after its end */
};

extern const struct store_table STATE_STORAGE;

/* Zeros, if there is nothing to know. */
struct storage_row state_storage(struct store *store, enum stream_kind kind, struct id16 id);

#endif
