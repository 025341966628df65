/* projections/marketplace.h: the offers there are, with how their machines stand: online, busy, waited for, reliable. Withdrawn offers are gone.
 *
 * Shape:   offer id → row; rate (8) ‖ published sequence (8) → offer id; provider account ‖ published sequence → offer id; host id → its state;
 *          host id ‖ offer id → what matching asks of the offer: read side by side with the hosts, in one pass over both, and a machine
 *          with a thousand offers that goes offline is still one row. */
// SPDX-License-Identifier: Apache-2.0
#ifndef PROJECTIONS_MARKETPLACE_H
#define PROJECTIONS_MARKETPLACE_H

#include "core/ledger/projection.h"
#include "core/market/matching.h"

extern const struct projection PROJECTION_MARKETPLACE;

#define OFFER_VIEW_MODEL_MAX                                                                       \
    120 /* bytes of UTF-8; a longer text, were there one, is cut between two characters */

struct offer_view {
    struct id16 account_id; /* the provider's */
    struct id16 host_id;
    int64_t rate;         /* QUBIC per hour */
    int64_t published_at; /* ns UTC */
    uint64_t published_sequence;
    uint64_t device; /* enum device */
    uint64_t gpus;
    uint64_t vram_mib;
    uint64_t tflops_milli;
    uint64_t ram_mib;
    uint64_t storage_mib;
    uint64_t compute_capability;
    uint64_t driver; /* core/base/driver_version.h; 0: not told */
    uint64_t cpu_cores;
    uint64_t speed_permille;
    uint64_t network_allowed;
    uint64_t model_size;
    char model[OFFER_VIEW_MODEL_MAX]; /* zeroes behind model_size */
};

struct market_entry {
    struct id16 offer_id;
    struct offer_view offer;
    bool online;
    bool busy; /* its machine has a job */
};

struct market_host {
    struct id16 account_id;
    struct id16 job_id;   /* the job it has; zero: none */
    int64_t online_since; /* 0 while offline */
    int64_t changed_at;   /* when it was last said to be on- or offline */
    int64_t measured_at;  /* the last host.benchmarked; 0: none */
    uint64_t queued;      /* jobs bought on it that wait */
    uint64_t done;        /* jobs that ended on it by themselves, whatever came of them */
    uint64_t lost;        /* jobs that it did not start, did not report on, or could not run */
};

bool marketplace_get(struct store *store, struct id16 offer_id, struct market_entry *ret);
bool marketplace_get_host(struct store *store, struct id16 host_id, struct market_host *ret);

/* Up to `max` offers after the entry `after` (NULL: from the first), cheapest first, the older first among equals. */
size_t marketplace_by_price(struct store *store, const struct market_entry *after,
                            struct market_entry *ret, size_t max);
/* By offer id, which is by age. `after` zero: from the first. */
size_t marketplace_by_id(struct store *store, struct id16 after, struct market_entry *ret,
                         size_t max);
/* Every offer, for matching, by host and offer; the caller frees `ret`. ERR_NOMEM, or what the store failed with. */
MUST_CHECK enum err_code marketplace_candidates(struct store *store, struct candidate **ret,
                                                size_t *ret_count, struct err *err);
/* A provider's own, oldest first, published after sequence `after`. */
size_t marketplace_of_provider(struct store *store, struct id16 account_id, uint64_t after,
                               struct market_entry *ret, size_t max);

#endif
