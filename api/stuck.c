// SPDX-License-Identifier: Apache-2.0
#include "api/stuck.h"

#include "api/api.h"
#include "core/base/time.h"
#include "core/base/trace.h"

static bool has_key(const void *ctx, uint64_t key_id)
{
    return settlement_has_key(ctx, key_id);
}

struct leg_look_context stuck_context(const struct api *api, const struct settlement_status *chain)
{
    return (struct leg_look_context){.now = time_wall_ns(),
                                     .tick = chain->tick,
                                     .processed = chain->processed,
                                     .has_key = has_key,
                                     .ctx = api->settlement};
}

static void count(void *ctx, const struct leg_look *look)
{
    struct stuck_summary *summary = ctx;
    if (look->stuck) {
        summary->legs++;
        if (summary->oldest_since == 0 || look->leg.due_at < summary->oldest_since) {
            summary->oldest_since = look->leg.due_at;
        }
    }
}

static void count_keys(const struct api *api, struct store *store, struct stuck_summary *summary)
{
    struct ledger_row ledger;
    struct settlement_key_row row;
    uint64_t newest = state_ledger(store, &ledger) ? ledger.settlement_key_id : 0;
    for (uint64_t id = 1; id <= newest; id++) {
        if (state_settlement_key(store, id, &row) && (row.escrows_open > 0 || id == newest) &&
            !settlement_has_key(api->settlement, id)) {
            if (summary->keys_missing < STUCK_KEYS_MAX) {
                summary->missing[summary->keys_missing] = id;
            }
            summary->keys_missing++;
        }
    }
}

const struct stuck_summary *stuck_summary(struct api *api)
{
    struct views_snapshot *snapshot;
    struct settlement_status chain;
    struct err err = {0};
    int64_t now = time_mono_ns();
    if (api->stuck.counted_at != 0 && now - api->stuck.counted_at < NS_PER_S) {
        return &api->stuck;
    }
    if (views_snapshot_open(ledger_views(api->ledger), &snapshot, &err) != ERR_OK) {
        trace_err(TRACE_WARN, "stuck.not_counted", &err);
        return &api->stuck; /* as it was */
    }
    struct stuck_summary summary = {.counted_at = now};
    struct store *store = views_snapshot_store(snapshot);
    settlement_status(api->settlement, &chain);
    struct leg_look_context context = stuck_context(api, &chain);
    legs_look(store, &context, count, &summary);
    count_keys(api, store, &summary);
    if (store_check(store, &err) == ERR_OK) {
        api->stuck = summary;
    } else {
        trace_err(TRACE_WARN, "stuck.not_counted", &err);
    }
    views_snapshot_close(snapshot);
    return &api->stuck;
}
