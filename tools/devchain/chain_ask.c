/* tools/devchain/chain_ask.c: what can be asked of the chain. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "tools/devchain/chain_internal.h"

uint32_t chain_current_tick(const struct chain *chain)
{
    return chain->current_tick;
}

uint32_t chain_last_tick(const struct chain *chain)
{
    return chain->last_tick;
}

uint32_t chain_epoch(const struct chain *chain)
{
    return chain->epoch;
}

uint32_t chain_tick_seconds(const struct chain *chain)
{
    return chain->options.tick_seconds;
}

uint32_t chain_initial_tick(const struct chain *chain)
{
    return chain->intervals[chain->interval_count - 1].ticks.first_tick;
}

size_t chain_interval_count(const struct chain *chain)
{
    return chain->interval_count;
}

struct qubic_tick_interval chain_interval(const struct chain *chain, size_t index)
{
    INVARIANT(index < chain->interval_count);
    return chain->intervals[index].ticks;
}

/* The last interval that begins at or before `tick`, or the first. */
static const struct interval *interval_of(const struct chain *chain, uint32_t tick)
{
    size_t low = 0;
    size_t high = chain->interval_count;
    while (high - low > 1) {
        size_t const middle = low + (high - low) / 2;
        if (chain->intervals[middle].ticks.first_tick <= tick) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &chain->intervals[low];
}

bool chain_tick_was_executed(const struct chain *chain, uint32_t tick)
{
    const struct interval *interval = interval_of(chain, tick);
    return tick >= interval->ticks.first_tick && tick <= interval->ticks.last_tick;
}

struct qubic_tick_interval chain_tick_interval(const struct chain *chain, uint32_t tick)
{
    return interval_of(chain, tick)->ticks;
}

uint32_t chain_tick_at_least(const struct chain *chain, uint32_t tick)
{
    const struct interval *interval = interval_of(chain, tick);
    if (tick > interval->ticks.last_tick &&
        interval + 1 < chain->intervals + chain->interval_count) {
        interval++;
    }
    return tick > interval->ticks.first_tick ? tick : interval->ticks.first_tick;
}

uint32_t chain_tick_at_most(const struct chain *chain, uint32_t tick)
{
    uint32_t const last = interval_of(chain, tick)->ticks.last_tick;
    if (tick < chain->options.start_tick) {
        return chain->options.start_tick - 1;
    }
    return tick < last ? tick : last < chain->last_tick ? last : chain->last_tick;
}

struct qubic_balance chain_identity_balance(const struct chain *chain, const struct key32 *key)
{
    uint32_t const index = key_map_get(&chain->entity_index, key);
    struct qubic_balance balance = {.identity = *key};
    if (index != KEY_MAP_NONE) {
        balance = chain->entities[index].balance;
    }
    balance.valid_for_tick = chain->last_tick;
    return balance;
}

int64_t chain_supply(const struct chain *chain)
{
    return chain->supply;
}

uint32_t chain_find(const struct chain *chain, const struct key32 *hash)
{
    return key_map_get(&chain->transaction_index, hash);
}

struct qubic_archived_transaction chain_archived(const struct chain *chain, uint32_t index)
{
    INVARIANT(index < chain->transaction_index.count);
    const struct executed *executed = &chain->transactions[index];
    struct qubic_archived_transaction archived = {
        .hash = executed->hash,
        .timestamp_ms = chain_tick_timestamp(chain, executed->tick),
        .money_flew = executed->money_flew,
    };
    enum err_code const code = qubic_transaction_parse(
        bytes_of(executed->wire, executed->wire_size), &archived.transaction, NULL);
    INVARIANT(code == ERR_OK); /* it was parsed when it was executed */
    return archived;
}

struct key32 chain_transaction_hash(const struct chain *chain, uint32_t index)
{
    INVARIANT(index < chain->transaction_index.count);
    return chain->transactions[index].hash;
}

static const struct tick *tick_at(const struct chain *chain, uint32_t tick)
{
    const struct interval *interval = interval_of(chain, tick);
    INVARIANT(tick >= interval->ticks.first_tick && tick <= interval->ticks.last_tick);
    return &chain->ticks[interval->first_row + (tick - interval->ticks.first_tick)];
}

uint32_t chain_tick_transactions(const struct chain *chain, uint32_t tick, uint32_t *ret_first)
{
    const struct tick *row = tick_at(chain, tick);
    *ret_first = row->first;
    return row->count;
}

int64_t chain_tick_timestamp(const struct chain *chain, uint32_t tick)
{
    return tick_at(chain, tick)->wall_ms;
}

uint32_t chain_newest_of(const struct chain *chain, const struct key32 *key)
{
    uint32_t const index = key_map_get(&chain->entity_index, key);
    return index == KEY_MAP_NONE ? CHAIN_NONE : chain->entities[index].newest;
}

uint32_t chain_previous_of(const struct chain *chain, const struct key32 *key, uint32_t index)
{
    INVARIANT(index < chain->transaction_index.count);
    const struct executed *executed = &chain->transactions[index];
    return key_equal(executed->source, *key) ? executed->previous_of_source
                                             : executed->previous_of_destination;
}
