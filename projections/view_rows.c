// SPDX-License-Identifier: Apache-2.0
#include "projections/view_rows.h"

#include "core/base/invariant.h"

#include <assert.h>
#include <string.h>

void view_key_bytes(struct view_key *key, const void *data, size_t size)
{
    INVARIANT(size <= sizeof key->b - key->size);
    memcpy(key->b + key->size, data, size);
    key->size += size;
}

void view_key_u8(struct view_key *key, uint8_t value)
{
    view_key_bytes(key, &value, 1);
}

void view_key_u64(struct view_key *key, uint64_t value)
{
    uint8_t bytes[8];
    put_be64(bytes, value);
    view_key_bytes(key, bytes, sizeof bytes);
}

void view_key_id(struct view_key *key, struct id16 id)
{
    view_key_bytes(key, id.b, sizeof id.b);
}

uint64_t view_key_last_u64(const struct view_key *key)
{
    INVARIANT(key->size >= 8);
    return get_be64(key->b + key->size - 8);
}

void view_put(struct store *store, const struct store_table *table, const struct view_key *key,
              const void *row, size_t size)
{
    store_put(store, table, bytes_of(key->b, key->size), bytes_of(row, size));
}

bool view_get(struct store *store, const struct store_table *table, const struct view_key *key,
              void *ret, size_t size)
{
    return store_get_row(store, table, bytes_of(key->b, key->size), ret, size);
}

void view_delete(struct store *store, const struct store_table *table, const struct view_key *key)
{
    store_delete(store, table, bytes_of(key->b, key->size));
}

static bool arrive(struct store *store, const struct store_table *table, struct bytes found,
                   struct view_key *at, size_t prefix_size)
{
    if (found.size < prefix_size || memcmp(found.data, at->b, prefix_size) != 0) {
        return false;
    }
    if (found.size != at->size) {
        store_fail(store, ERR_CORRUPT, table->name);
        return false;
    }
    memcpy(at->b, found.data, found.size);
    return true;
}

bool view_next(struct store *store, const struct store_table *table, struct view_key *at,
               size_t prefix_size, struct bytes *ret_value)
{
    struct bytes found;
    return store_seek(store, table, bytes_of(at->b, at->size), true, &found, ret_value) &&
           arrive(store, table, found, at, prefix_size);
}

bool view_previous(struct store *store, const struct store_table *table, struct view_key *at,
                   size_t prefix_size, struct bytes *ret_value)
{
    struct bytes found;
    return store_seek_before(store, table, bytes_of(at->b, at->size), &found, ret_value) &&
           arrive(store, table, found, at, prefix_size);
}

/* Every event of an escrow names its job first, so one member of the union reads them all. */
#define JOB_FIRST(shape) static_assert(offsetof(struct ev_##shape, job_id) == 0, "job_id is first")
JOB_FIRST(escrow_requested);
JOB_FIRST(deposit_observed);
JOB_FIRST(escrow_confirmed);
JOB_FIRST(escrow_locked);
JOB_FIRST(escrow_expired);
JOB_FIRST(escrow_settled);
JOB_FIRST(escrow_shortfall);
JOB_FIRST(leg_signed);
JOB_FIRST(leg_lost);
JOB_FIRST(leg_confirmed);

bool view_job_of(const struct event *event, struct id16 *ret)
{
    if (event->type->stream_kind == STREAM_JOB) {
        *ret = event->stream_id;
        return true;
    }
    if (event->type->stream_kind == STREAM_ESCROW) {
        *ret = event->u.escrow_requested.job_id;
        return true;
    }
    return false;
}

bool view_job_row(struct store *store, struct id16 job_id, struct job_row *ret)
{
    if (!state_job(store, job_id, ret)) {
        store_fail(store, ERR_CORRUPT, "the log speaks of an unknown job");
        return false;
    }
    return true;
}

static bool leg_kind_and_step(const struct event *event, struct view_leg *ret)
{
    switch (event->type->number) {
    case EVENT_PAYOUT_SIGNED:
        *ret = (struct view_leg){.kind = LEG_PAYOUT, .step = VIEW_LEG_SIGNED};
        return true;
    case EVENT_PAYOUT_LOST:
        *ret = (struct view_leg){.kind = LEG_PAYOUT, .step = VIEW_LEG_LOST};
        return true;
    case EVENT_PAYOUT_CONFIRMED:
        *ret = (struct view_leg){.kind = LEG_PAYOUT, .step = VIEW_LEG_CONFIRMED};
        return true;
    case EVENT_REFUND_SIGNED:
        *ret = (struct view_leg){.kind = LEG_REFUND, .step = VIEW_LEG_SIGNED};
        return true;
    case EVENT_REFUND_LOST:
        *ret = (struct view_leg){.kind = LEG_REFUND, .step = VIEW_LEG_LOST};
        return true;
    case EVENT_REFUND_CONFIRMED:
        *ret = (struct view_leg){.kind = LEG_REFUND, .step = VIEW_LEG_CONFIRMED};
        return true;
    case EVENT_FEE_SIGNED:
        *ret = (struct view_leg){.kind = LEG_FEE, .step = VIEW_LEG_SIGNED};
        return true;
    case EVENT_FEE_LOST:
        *ret = (struct view_leg){.kind = LEG_FEE, .step = VIEW_LEG_LOST};
        return true;
    case EVENT_FEE_CONFIRMED:
        *ret = (struct view_leg){.kind = LEG_FEE, .step = VIEW_LEG_CONFIRMED};
        return true;
    default:
        return false;
    }
}

bool view_leg_of(const struct event *event, struct view_leg *ret)
{
    struct view_leg leg;
    if (!leg_kind_and_step(event, &leg)) {
        return false;
    }
    const struct ev_leg_signed *signing = &event->u.payout_signed;
    const struct ev_leg_lost *lost = &event->u.payout_lost;
    const struct ev_leg_confirmed *confirmed = &event->u.payout_confirmed;
    switch (leg.step) {
    case VIEW_LEG_SIGNED:
        leg.deposit_tx = signing->deposit_tx;
        leg.tx_id = signing->tx_id;
        leg.destination = signing->destination;
        leg.amount = signing->amount;
        leg.attempt = signing->attempt;
        leg.tick = signing->tick;
        break;
    case VIEW_LEG_LOST:
        leg.deposit_tx = lost->deposit_tx;
        leg.tx_id = lost->tx_id;
        leg.attempt = lost->attempt;
        leg.tick = lost->tick;
        break;
    case VIEW_LEG_CONFIRMED:
        leg.deposit_tx = confirmed->deposit_tx;
        leg.tx_id = confirmed->tx_id;
        leg.destination = confirmed->destination;
        leg.amount = confirmed->amount;
        leg.attempt = confirmed->attempt;
        leg.tick = confirmed->tick;
        break;
    }
    if (leg.kind == LEG_REFUND && !key_is_zero(leg.deposit_tx)) {
        leg.kind = LEG_RETURN;
    }
    *ret = leg;
    return true;
}
