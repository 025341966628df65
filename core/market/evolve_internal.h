/* core/market/evolve_internal.h: what the files of evolve share. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_EVOLVE_INTERNAL_H
#define CORE_MARKET_EVOLVE_INTERNAL_H

#include "core/event/codec.h"
#include "core/market/state.h"

/* Replay of a log that says something about a thing it never made: not a log of ours. */
void evolve_missing(struct store *state, const char *what);

void evolve_job(struct store *state, uint64_t sequence, const struct event *event);
void evolve_webhook(struct store *state, uint64_t sequence, const struct event *event);
/* What accounts hold in files, and what of it was erased; after evolve_job of the same event. */
void evolve_storage(struct store *state, uint64_t sequence, const struct event *event);
void evolve_escrow(struct store *state, uint64_t sequence, const struct event *event);
/* Funds are locked: the job goes to its provider's queue. */
void evolve_job_funded(struct store *state, struct id16 job_id, int64_t now);

/* A key's row, with as many more escrows open. */
void evolve_key_escrows(struct store *state, uint64_t key_id, int64_t more);

void put_job(struct store *state, struct id16 id, const struct job_row *row);
void put_host(struct store *state, struct id16 id, const struct host_row *row);

#endif
