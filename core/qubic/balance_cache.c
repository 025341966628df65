// SPDX-License-Identifier: Apache-2.0
#include "core/qubic/balance_cache.h"

static size_t slot_of(const struct key32 *identity)
{
    return get_le32(identity->b) % BALANCE_CACHE_SLOTS;
}

void balance_cache_put(struct balance_cache *cache, const struct qubic_balance *balance,
                       int64_t now_ms)
{
    size_t const at = slot_of(&balance->identity);
    cache->slots[at].is_set = true;
    cache->slots[at].heard_ms = now_ms;
    cache->slots[at].balance = *balance;
}

bool balance_cache_get(const struct balance_cache *cache, const struct key32 *identity,
                       struct qubic_balance *ret, int64_t *ret_heard_ms)
{
    size_t const at = slot_of(identity);
    if (cache == NULL || !cache->slots[at].is_set ||
        !key_equal(cache->slots[at].balance.identity, *identity)) {
        return false;
    }
    *ret = cache->slots[at].balance;
    *ret_heard_ms = cache->slots[at].heard_ms;
    return true;
}
