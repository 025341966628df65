/* What a provider earned, and every transaction on the chain that concerns an account. */
// SPDX-License-Identifier: Apache-2.0
#include "projections/earnings.h"
#include "api/list.h"
#include "api/provider_json.h"
#include "api/route.h"
#include "core/base/time.h"
#include "projections/transactions.h"

#define ACTIVE_MAX 100
#define DAY_NS (INT64_C(86400) * NS_PER_S)

static json_t *json_of_days(const struct earnings *earnings)
{
    json_t *days = json_array();
    for (size_t i = 0; i < EARNINGS_MONTH_DAYS; i++) {
        char day[TIME_TEXT_SIZE];
        time_format(earnings->by_day[i].day * DAY_NS, day);
        (void)json_array_append_new(days,
                                    json_pack("{s:o,s:I}", "day", json_stringn(day, 10), "amount",
                                              (json_int_t)earnings->by_day[i].amount));
    }
    return days;
}

static json_t *json_of_active(struct store *store, struct id16 account_id)
{
    struct earnings_active active[ACTIVE_MAX];
    size_t count = earnings_active_jobs(store, account_id, (struct id16){0}, active, ACTIVE_MAX);
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(
            items, json_pack("{s:o,s:I,s:o,s:o,s:I,s:I,s:I}", "job_id",
                             json_of_id(active[i].job_id), "earned", (json_int_t)active[i].earned,
                             "since", json_of_time(active[i].started_at), "reported_at",
                             json_of_time(active[i].reported_at), "rate",
                             (json_int_t)active[i].rate, "cap", (json_int_t)active[i].cap,
                             "used_ms", (json_int_t)active[i].reported_ms));
    }
    return items;
}

static void get_earnings(struct call *call)
{
    struct reading reading;
    struct earnings earnings;
    struct uptime uptime;
    int64_t now = time_wall_ns();
    if (!reading_open(&reading, call)) {
        return;
    }
    earnings_get(reading.store, call->principal.account_id, now, &earnings);
    uptime_get(reading.store, call->principal.account_id, now, &uptime);
    json_t *active = json_of_active(reading.store, call->principal.account_id);
    reading_close(&reading);
    call_reply(call, 200,
               json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:I}", "total",
                         (json_int_t)earnings.all.paid, "today", (json_int_t)earnings.today, "week",
                         (json_int_t)earnings.week, "month", (json_int_t)earnings.month, "pending",
                         (json_int_t)earnings.all.pending, "jobs_completed",
                         (json_int_t)earnings.all.jobs_completed, "jobs_ended",
                         (json_int_t)earnings.all.jobs_ended, "worked_ms",
                         (json_int_t)earnings.all.worked_ms, "average_rate",
                         (json_int_t)earnings.average_rate, "ratings",
                         (json_int_t)earnings.all.ratings, "stars", (json_int_t)earnings.all.stars,
                         "uptime", json_of_uptime(&uptime), "by_day", json_of_days(&earnings),
                         "active", active, "sequence", (json_int_t)earnings.all.sequence));
}

/* `identity`: the other side of it, seen from the account; without an account, where it goes. */
static json_t *json_of_transaction_entry(const struct transaction_entry *entry, struct key32 own)
{
    const struct transaction_row *row = &entry->row;
    bool comes_in = !key_is_zero(own) && key_equal(row->destination, own);
    return json_pack("{s:I,s:o,s:o,s:s,s:I,s:s,s:s,s:o,s:I,s:o,s:o,s:o,s:o,s:o,s:I}", "sequence",
                     (json_int_t)entry->first_sequence, "at", json_of_time(row->at), "changed_at",
                     json_of_time(row->changed_at), "kind",
                     enum_word(&transaction_kind_words, (uint32_t)row->kind), "amount",
                     (json_int_t)row->amount, "direction",
                     key_is_zero(own) ? "none"
                     : comes_in       ? "in"
                                      : "out",
                     "status", enum_word(&transaction_status_words, (uint32_t)row->status), "tx_id",
                     json_of_transaction(row->tx_id), "tick", (json_int_t)row->tick, "job_id",
                     json_of_id(row->job_id), "escrow_id", json_of_id(row->escrow_id), "identity",
                     json_of_identity(comes_in ? row->source : row->destination), "source",
                     json_of_identity(row->source), "destination",
                     json_of_identity(row->destination), "attempt", (json_int_t)row->attempt);
}

static void get_transactions(struct call *call)
{
    struct reading reading;
    struct transaction_entry entries[LIST_MAX];
    struct transactions_filter filter = {.account_id = call->principal.account_id};
    struct account_row account = {0};
    uint32_t kind;
    uint32_t status;
    uint64_t next = 0;
    size_t limit = list_limit(call);
    if (limit == 0 || !list_cursor(call, "before", &filter.before) ||
        !list_word(call, "kind", &transaction_kind_words, &kind) ||
        !list_word(call, "status", &transaction_status_words, &status) ||
        !list_time(call, "from", &filter.from) || !list_time(call, "until", &filter.until) ||
        !reading_open(&reading, call)) {
        return;
    }
    filter.kind = (enum transaction_kind)kind;
    filter.status = (enum transaction_status)status;
    (void)state_account(reading.store, filter.account_id, &account);
    size_t count = transactions_list(reading.store, &filter, entries, limit, &next);
    reading_close(&reading);
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(items,
                                    json_of_transaction_entry(&entries[i], account.identity));
    }
    call_reply(call, 200,
               json_pack("{s:o,s:o}", "items", items, "next",
                         next == 0 ? json_null() : json_of_u64(next)));
}

/* An account is always named by its token; one without an account (operator, auditor) sees everybody's transactions. */
static const struct route ROUTES[] = {
    {HTTP_GET, "/v1/earnings", SCOPE_PROVIDER, BODY_NONE, get_earnings},
    {HTTP_GET, "/v1/transactions", SCOPE_CONSUMER | SCOPE_PROVIDER | SCOPE_OPERATOR | SCOPE_AUDITOR,
     BODY_NONE, get_transactions},
};
const struct route_table ROUTES_EARNINGS = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
