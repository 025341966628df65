/* For the operator: keys, payments that do not come to their end and what they wait for, money that nobody explained. */
// SPDX-License-Identifier: Apache-2.0
#include "api/job_json.h"
#include "api/route.h"
#include "api/stuck.h"

#define LEGS_MAX 256

struct legs {
    struct call *call;
    json_t *items;
    uint64_t open;
    uint64_t stuck;
    uint64_t left_out;
};

static json_t *json_of_trouble(struct settlement *settlement, struct id16 escrow_id)
{
    char message[ERR_MESSAGE_MAX];
    return settlement_trouble(settlement, escrow_id, message) ? json_of_text(bytes_of_text(message))
                                                              : json_null();
}

static void add_leg(void *ctx, const struct leg_look *look)
{
    struct legs *legs = ctx;
    const struct leg_row *leg = &look->leg;
    legs->open++;
    legs->stuck += look->stuck ? 1 : 0;
    if (!look->stuck && look->wait != LEG_WAITS_KEY && look->wait != LEG_WAITS_SHORTFALL) {
        return;
    }
    if (json_array_size(legs->items) == LEGS_MAX) {
        legs->left_out++;
        return;
    }
    (void)json_array_append_new(
        legs->items,
        json_pack("{s:o,s:o,s:s,s:I,s:s,s:I,s:o,s:b,s:s,s:I,s:I,s:o,s:o}", "escrow_id",
                  json_of_id(look->escrow_id), "job_id", json_of_id(leg->job_id), "kind",
                  leg_kind_word(leg->kind), "amount", (json_int_t)leg->amount, "status",
                  leg->status == LEG_SIGNED ? "signed" : "due", "attempts",
                  (json_int_t)leg->attempt, "since", json_of_time(leg->due_at), "stuck",
                  (int)look->stuck, "waits_for", leg_wait_word(look->wait), "next_tick",
                  (json_int_t)look->next_tick, "key_id", (json_int_t)look->key_id, "transaction_id",
                  json_of_transaction(leg->tx_id), "detail",
                  json_of_trouble(legs->call->api->settlement, look->escrow_id)));
}

static json_t *json_of_keys(struct call *call, struct store *store)
{
    struct ledger_row ledger;
    struct settlement_key_row row;
    json_t *items = json_array();
    uint64_t newest = state_ledger(store, &ledger) ? ledger.settlement_key_id : 0;
    for (uint64_t id = 1; id <= newest; id++) {
        if (state_settlement_key(store, id, &row)) {
            (void)json_array_append_new(
                items, json_pack("{s:I,s:o,s:b,s:b,s:b,s:I}", "key_id", (json_int_t)id,
                                 "check_identity", json_of_identity(row.check_identity), "loaded",
                                 (int)settlement_has_key(call->api->settlement, id), "newest",
                                 (int)(id == newest), "retired", (int)(row.retired_sequence != 0),
                                 "escrows_open", (json_int_t)row.escrows_open));
        }
    }
    return items;
}

static json_t *json_of_surplus(struct settlement *settlement)
{
    struct settlement_surplus surplus[SETTLEMENT_SURPLUS_MAX];
    size_t count = settlement_surplus(settlement, surplus);
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(items, json_pack("{s:o,s:I,s:I}", "escrow_id",
                                                     json_of_id(surplus[i].escrow_id), "amount",
                                                     (json_int_t)surplus[i].amount, "tick",
                                                     (json_int_t)surplus[i].tick));
    }
    return items;
}

static void get_settlement(struct call *call)
{
    struct reading reading;
    struct settlement_status chain;
    if (!reading_open(&reading, call)) {
        return;
    }
    settlement_status(call->api->settlement, &chain);
    struct leg_look_context context = stuck_context(call->api, &chain);
    struct legs legs = {.call = call, .items = json_array()};
    legs_look(reading.store, &context, add_leg, &legs);
    json_t *keys = json_of_keys(call, reading.store);
    reading_close(&reading);
    call_reply(call, 200,
               json_pack("{s:b,s:b,s:s,s:I,s:I,s:I,s:I,s:o,s:I,s:I,s:I,s:o,s:o}", "on",
                         (int)chain.on, "chain_answers", (int)chain.chain_answers, "reason",
                         chain.reason, "tick", (json_int_t)chain.tick, "tick_ms",
                         (json_int_t)chain.tick_ms, "processed", (json_int_t)chain.processed,
                         "cursor", (json_int_t)chain.cursor, "keys", keys, "legs_open",
                         (json_int_t)legs.open, "legs_stuck", (json_int_t)legs.stuck,
                         "legs_left_out", (json_int_t)legs.left_out, "legs", legs.items,
                         "unexplained", json_of_surplus(call->api->settlement)));
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/v1/settlement", SCOPE_OPERATOR | SCOPE_AUDITOR, BODY_NONE, get_settlement},
};
const struct route_table ROUTES_SETTLEMENT = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
