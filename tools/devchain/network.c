// SPDX-License-Identifier: Apache-2.0
#include "tools/devchain/network.h"

#include "core/base/invariant.h"

#include <stdlib.h>

#define PAYLOAD_MAX ((size_t)16 << 20)

struct devnet {
    struct chain *chain;
    struct fault_plan plan;
    struct network_counts counts;
    uint64_t submissions;
    uint64_t questions;
    uint32_t archived;
    uint32_t pause_left; /* periods without a tick */
};

enum err_code network_create(const struct chain_options *options, const struct fault_plan *plan,
                             struct devnet **ret, struct err *err)
{
    struct devnet *network = calloc(1, sizeof *network);
    if (network == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    enum err_code const code = chain_create(options, &network->chain, err);
    if (code != ERR_OK) {
        free(network);
        return code;
    }
    network->archived = options->start_tick - 1;
    network_set_plan(network, plan);
    *ret = network;
    return ERR_OK;
}

void network_destroy(struct devnet *network)
{
    if (network != NULL) {
        chain_destroy(network->chain);
        free(network);
    }
}

struct chain *network_chain(struct devnet *network)
{
    return network->chain;
}

const struct network_counts *network_counts(const struct devnet *network)
{
    return &network->counts;
}

const struct fault_plan *network_plan(const struct devnet *network)
{
    return &network->plan;
}

void network_set_plan(struct devnet *network, const struct fault_plan *plan)
{
    network->plan = *plan;
    chain_set_min_offset(network->chain, plan->settings[FAULT_MIN_OFFSET]);
}

void network_count(struct devnet *network, enum fault_setting fault)
{
    network->counts.hits[fault]++;
}

uint64_t network_next_question(struct devnet *network)
{
    return network->questions++;
}

uint32_t network_archived_tick(const struct devnet *network)
{
    return network->archived;
}

bool network_is_paused(const struct devnet *network)
{
    return network->pause_left > 0;
}

/* ---- ticks ---- */

static void lose(struct devnet *network, enum fault_setting fault, uint64_t transactions)
{
    network->counts.lost[fault] += transactions;
}

static bool moves_nothing(void *ctx, uint32_t index)
{
    const struct devnet *network = ctx;
    return fault_plan_strikes(&network->plan, FAULT_NO_MONEY, index, NULL);
}

/* To a number above `tick`, by a variant drawn for it. */
static enum err_code jump(struct devnet *network, uint64_t variant, uint32_t to_epoch,
                          enum fault_setting why, struct buf *payload, struct err *err)
{
    struct chain *chain = network->chain;
    uint32_t const tick = chain_current_tick(chain);
    uint32_t const by = 1 + (uint32_t)(variant % network->plan.settings[FAULT_SKIP_TICKS]);
    if (tick > UINT32_MAX - by) {
        return err_set(err, ERR_OVERFLOW, "no tick comes after %u", UINT32_MAX);
    }
    uint32_t const lost = to_epoch == chain_epoch(chain) ? by : CHAIN_AHEAD_MAX + 1;
    for (uint32_t i = 0; i < lost && i <= CHAIN_AHEAD_MAX && tick + i >= tick; i++) {
        lose(network, why, chain_waiting(chain, tick + i));
    }
    return chain_freeze_jump(chain, tick + by, to_epoch, payload, err);
}

enum err_code network_begin(struct devnet *network, int64_t wall_ms, struct buf *payload,
                            struct err *err)
{
    struct chain *chain = network->chain;
    uint32_t const tick = chain_current_tick(chain);
    uint32_t const epoch = chain_epoch(chain);
    uint64_t variant = 0;
    bool const pause = fault_plan_strikes(&network->plan, FAULT_EPOCH_PAUSE, tick, &variant);
    if (network->pause_left > 0) {
        network->pause_left--;
        return network->pause_left > 0
                   ? ERR_OK
                   : jump(network, variant, epoch + 1, FAULT_EPOCH_PAUSE, payload, err);
    }
    if (pause) {
        network_count(network, FAULT_EPOCH_PAUSE);
        network->pause_left = network->plan.settings[FAULT_PAUSE_TICKS];
        return ERR_OK;
    }
    if (fault_plan_strikes(&network->plan, FAULT_SKIPPED_TICK, tick, &variant)) {
        network_count(network, FAULT_SKIPPED_TICK);
        return jump(network, variant, epoch, FAULT_SKIPPED_TICK, payload, err);
    }
    struct chain_fate const fate = {
        .empty = fault_plan_strikes(&network->plan, FAULT_EMPTY_TICK, tick, NULL),
        .moves_nothing = moves_nothing,
        .ctx = network,
    };
    if (fate.empty) {
        network_count(network, FAULT_EMPTY_TICK);
        lose(network, FAULT_EMPTY_TICK, chain_waiting(chain, tick));
    }
    return chain_freeze(chain, wall_ms, &fate, payload, err);
}

/* The archive reads the tick that was just made, or does not. */
static void follow(struct devnet *network, bool stalls)
{
    uint32_t const last = chain_last_tick(network->chain);
    uint32_t const lag = network->plan.settings[FAULT_ARCHIVE_LAG_TICKS];
    uint32_t const reach = chain_tick_at_most(network->chain, last > lag ? last - lag : 0);
    if (!stalls && reach > network->archived) {
        network->archived = reach;
    }
}

static void count_unpaid(struct devnet *network, uint32_t tick)
{
    uint32_t first;
    uint32_t const count = chain_tick_transactions(network->chain, tick, &first);
    for (uint32_t i = 0; i < count; i++) {
        struct qubic_archived_transaction const one = chain_archived(network->chain, first + i);
        if (one.transaction.amount > 0 && !one.money_flew) {
            network_count(network, FAULT_NO_MONEY);
        }
    }
}

enum err_code network_end(struct devnet *network, struct bytes payload, bool *ret_ticked,
                          struct err *err)
{
    uint32_t const before = chain_last_tick(network->chain);
    enum err_code const code =
        payload.size > 0 ? chain_apply(network->chain, payload, err) : ERR_OK;
    uint32_t const last = chain_last_tick(network->chain);
    if (code != ERR_OK) {
        return code;
    }
    if (last != before) {
        count_unpaid(network, last);
        follow(network, fault_plan_strikes(&network->plan, FAULT_ARCHIVE_LAG, last, NULL));
        if (network->archived < last) {
            network_count(network, FAULT_ARCHIVE_LAG);
        }
    }
    *ret_ticked = last != before;
    return ERR_OK;
}

enum err_code network_tick(struct devnet *network, int64_t wall_ms, bool *ret_ticked,
                           struct err *err)
{
    struct buf payload;
    buf_init(&payload, PAYLOAD_MAX);
    enum err_code code = network_begin(network, wall_ms, &payload, err);
    if (code == ERR_OK) {
        code = network_end(network, buf_bytes(&payload), ret_ticked, err);
    }
    buf_deinit(&payload);
    return code;
}

enum err_code network_replay(struct devnet *network, struct bytes payload, struct err *err)
{
    enum err_code const code = chain_apply(network->chain, payload, err);
    if (code == ERR_OK) {
        follow(network, false);
    }
    return code;
}

/* ---- transactions ---- */

enum err_code network_submit(struct devnet *network, const struct qubic_transaction *tx,
                             enum chain_admission *ret, struct err *err)
{
    uint64_t const n = network->submissions++;
    enum chain_admission again = CHAIN_WAITING;
    enum err_code code = ERR_OK;
    if (chain_has_waiting(network->chain, tx)) {
        *ret = CHAIN_DROPPED_DUPLICATE; /* no fault can lose what is there */
    } else if (fault_plan_strikes(&network->plan, FAULT_ZERO_BALANCE, n, NULL)) {
        *ret = CHAIN_DROPPED_NO_BALANCE;
    } else if (fault_plan_strikes(&network->plan, FAULT_TOO_SOON, n, NULL)) {
        *ret = CHAIN_DROPPED_TOO_SOON;
    } else {
        code = chain_submit(network->chain, tx, ret, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (*ret == CHAIN_WAITING && fault_plan_strikes(&network->plan, FAULT_DUPLICATE, n, NULL)) {
        code = chain_submit(network->chain, tx, &again, err);
        INVARIANT(code != ERR_OK || again == CHAIN_DROPPED_DUPLICATE);
    }
    static const enum fault_setting fault_of[] = {
        [CHAIN_WAITING] = FAULT_COUNT,
        [CHAIN_DROPPED_TOO_SOON] = FAULT_TOO_SOON,
        [CHAIN_DROPPED_TOO_FAR] = FAULT_COUNT,
        [CHAIN_DROPPED_NO_BALANCE] = FAULT_ZERO_BALANCE,
        [CHAIN_DROPPED_DUPLICATE] = FAULT_DUPLICATE,
        [CHAIN_DROPPED_TICK_FULL] = FAULT_COUNT,
    };
    enum fault_setting const fault = fault_of[again != CHAIN_WAITING ? again : *ret];
    if (fault != FAULT_COUNT) {
        network_count(network, fault);
        if (fault != FAULT_DUPLICATE) {
            lose(network, fault, 1);
        }
    }
    return code;
}
