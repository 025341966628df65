/* worker/offer.h: putting this machine on the market.
 *
 * Shape:   measured and published once; DIR/offer.json remembers it. With another rate the old offer is withdrawn and a new
 *          one published; likewise when jobs may have a network now and might not before, or the other way round, and when packages, models or images
 *          came or went. CPU only (machine.h): `device` is "cpu" and the GPU numbers are zero.
 * Thread:  main, before the loop runs; waits for the server. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_OFFER_H
#define WORKER_OFFER_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "worker/gpu.h"
#include "worker/machine.h"
#include "worker/state.h"

/* `terms`: what is to be offered, but for the id; a rate of 0 is the one there was, which must exist. */
MUST_CHECK enum err_code offer_ensure(const char *folder, const struct worker_identity *identity,
                                      const struct machine *machine, const struct gpu *gpu,
                                      const struct worker_offer *terms, struct err *err);
/* Append the body of POST /v1/offers. */
void offer_json(const struct worker_identity *identity, const struct machine *machine,
                const struct gpu *gpu, uint64_t speed_permille, const struct worker_offer *terms,
                struct buf *ret);
/* Withdraw the offer there is, if there is one. */
MUST_CHECK enum err_code offer_take_away(const char *folder, const struct worker_identity *identity,
                                         struct err *err);

#endif
