/* worker/state.h: what a worker remembers between runs, in its own folder DIR.
 *
 *     DIR/worker.json   {"server","host_id","token"}, owner only; "gpu" too where the slot is one of a GPU: its uuid
 *     DIR/offer.json    {"offer_id","rate","network","replaced","packages","models","images"}
 *     DIR/slot-1 …      further slots, one for each GPU, each with its own worker.json, offer.json and scratch
 *     DIR/rate          what `enrol --rate` said, for a first `run` without one
 *     DIR/mode          "pause" or "drain"; absent: it runs
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
#include "worker/stock.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define STATE_TEXT_MAX 512
#define STATE_GPU_SIZE 96
#define STATE_SLOTS_MAX 17 /* the processor and 16 GPUs */

struct worker_identity {
    char server[STATE_TEXT_MAX]; /* "https://host:port", without a slash at the end */
    char host_id[ID_TEXT_SIZE];
    char token[STATE_TEXT_MAX];
    char gpu[STATE_GPU_SIZE]; /* uuid; "": the slot has the processor alone */
};

struct worker_offer {
    char offer_id[ID_TEXT_SIZE];
    int64_t rate;  /* QUBIC per hour */
    bool network;  /* jobs that ask for a network get one */
    bool replaced; /* another is to come in its place: it may be withdrawn already */
    struct stock stock;
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
/* The offer is no more. */
void state_forget_offer(const char *folder);
struct state_slots {
    size_t count;
    struct worker_identity identities[STATE_SLOTS_MAX];
    char folders[STATE_SLOTS_MAX][PATH_MAX];
};

/* Every slot that is enrolled. ERR_NOT_FOUND: none; ERR_NOMEM. The caller frees. */
MUST_CHECK enum err_code state_load_slots(const char *folder, struct state_slots **ret,
                                          struct err *err);
/* The folder of a slot: DIR for 0, else DIR/slot-N. */
MUST_CHECK enum err_code state_slot(const char *folder, size_t slot, char *ret, size_t ret_size,
                                    struct err *err);
MUST_CHECK enum err_code state_save_offer(const char *folder, const struct worker_offer *offer,
                                          struct err *err);
/* QUBIC per hour; 0: none was said. */
uint64_t state_load_rate(const char *folder);
MUST_CHECK enum err_code state_save_rate(const char *folder, uint64_t rate, struct err *err);

enum worker_mode { WORKER_RUNS, WORKER_PAUSES, WORKER_DRAINS };
#define STATE_MODE "mode"
/* What cannot be read is WORKER_RUNS. */
enum worker_mode state_load_mode(const char *folder);
MUST_CHECK enum err_code state_save_mode(const char *folder, enum worker_mode mode,
                                         struct err *err);
/* Hold DIR/lock until the process ends. */
MUST_CHECK enum err_code state_lock(const char *folder, int *ret_fd, struct err *err);

#endif
