/* core/qubic/balance_cache.h: the last balance heard of each identity, and when.
 *
 * Shape:   BALANCE_CACHE_SLOTS places, an identity's chosen by its own bytes; a later one takes the place of an earlier. Who makes
 *          identities collide makes others be asked for again, no more.
 * Thread:  one. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_QUBIC_BALANCE_CACHE_H
#define CORE_QUBIC_BALANCE_CACHE_H

#include "core/qubic/rpc.h"

#define BALANCE_CACHE_SLOTS 1024

struct balance_cache {
    struct {
        bool is_set;
        int64_t heard_ms;
        struct qubic_balance balance;
    } slots[BALANCE_CACHE_SLOTS];
};

void balance_cache_put(struct balance_cache *cache, const struct qubic_balance *balance,
                       int64_t now_ms);
/* False if it is not known. `cache` may be NULL. */
bool balance_cache_get(const struct balance_cache *cache, const struct key32 *identity,
                       struct qubic_balance *ret, int64_t *ret_heard_ms);

#endif
