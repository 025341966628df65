/* worker/claim.h: the worker's loop: its slots, its signals, and what it was told to do meanwhile.
 *
 *     run ──`pause`──▶ paused ──`resume`──▶ run      `drain`, SIGTERM: no more claims; when every slot has ended, done
 *
 * Told:    by DIR/mode (state.h), which pause, resume and drain write and the loop watches: no signal, no process number that may be
 *          another's by now. SIGTERM and SIGINT end running jobs, drain waits for them.
 * Slots:   each claims by itself; one that ends with an error (its GPU is lost) leaves the others running.
 * Thread:  loop, the main thread. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_CLAIM_H
#define WORKER_CLAIM_H

#include "core/base/err.h"
#include "core/crypto/box.h"
#include "worker/gpu.h"
#include "worker/job_kind.h"
#include "worker/machine.h"
#include "worker/state.h"

struct claim_slot {
    const char *folder; /* DIR, or DIR/slot-N */
    const struct worker_identity *identity;
    const struct gpu *gpu; /* NULL: none */
};

struct claim_options {
    const char *folder; /* DIR */
    const struct claim_slot *slots;
    size_t slot_count;
    const struct machine *machine;  /* the share of each slot */
    const struct job_kinds *kinds;  /* what it says that it can run */
    const struct box_key *seal_key; /* NULL: none */
    struct gpu_source *gpus;        /* NULL: none */
    uint64_t jobs_max;              /* stop after so many; 0: never */
};

/* Returns when the worker has stopped: ERR_OK after a signal, a drain or `jobs_max` jobs; ERR_DENIED when the server does not know
 * a token, ERR_UNAVAILABLE when GPUs were lost (the last slot's error), ERR_IO when the loop could not be set up. */
MUST_CHECK enum err_code claim_run(const struct claim_options *options, struct err *err);

#endif
