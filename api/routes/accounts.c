/* What the ledger's books say of an account's wallet: what came back to it, less what it sent, now or after any event, and line by line. */
// SPDX-License-Identifier: Apache-2.0
#include "projections/accounts.h"
#include "api/as_of.h"
#include "api/list.h"
#include "api/route.h"
#include "api/storage_limit.h"
#include "projections/view_rows.h"

#include <string.h>

#define ACCOUNT_READERS (SCOPE_CONSUMER | SCOPE_PROVIDER | SCOPE_OPERATOR | SCOPE_AUDITOR)

/* One's own; an operator's and an auditor's tokens see any. What is another's is 404. false: `reading` is closed, the problem was sent. */
static bool find(struct reading *reading, struct account_row *ret,
                 uint8_t ret_wallet[ACCOUNT_KEY_SIZE])
{
    struct call *call = reading->call;
    bool all = (call->principal.scopes & (SCOPE_OPERATOR | SCOPE_AUDITOR)) != 0;
    if ((!all && !id_equal(call->id, call->principal.account_id)) ||
        !state_account(reading->store, call->id, ret)) {
        reading_close(reading);
        call_problem(call, 404, "no_such_account",
                     "you have no such account; yours is at /v1/auth/whoami");
        return false;
    }
    account_key(ACCOUNT_WALLET, hash_key(&ret->identity), 0, ret_wallet);
    return true;
}

static void get_account(struct call *call)
{
    struct reading reading;
    struct account_row account;
    struct statement_line line = {0};
    uint8_t wallet[ACCOUNT_KEY_SIZE];
    uint64_t as_of;
    if (!as_of_read(call, &as_of) || !reading_open(&reading, call) ||
        !find(&reading, &account, wallet) ||
        (as_of != 0 && !as_of_check(&reading, as_of, account.registered_sequence))) {
        return;
    }
    (void)accounts_statement_before(reading.store, wallet, as_of == 0 ? 0 : as_of + 1, &line, 1);
    json_t *storage = as_of == 0 ? json_of_storage(&reading, call->id) : NULL; /* only of now */
    reading_close(&reading);
    call_reply(call, 200,
               json_pack("{s:o,s:o,s:I,s:I,s:I,s:o*}", "account_id", json_of_id(call->id),
                         "identity", json_of_identity(account.identity), "balance",
                         (json_int_t)line.balance, "registered",
                         (json_int_t)account.registered_sequence, "sequence",
                         (json_int_t)line.sequence, "storage", storage));
}

struct wanted {
    const char *type; /* NULL: any */
    int64_t from;
    int64_t until; /* 0: no end */
    size_t limit;
};

/* A page that would look at more lines than this ends before, and `next` goes on from there. */
#define LOOKED_AT_MAX 2000

static json_t *json_of_line(const struct statement_line *line, const struct event *event)
{
    struct id16 job_id = {0};
    (void)view_job_of(event, &job_id); /* every event that moves a wallet's money is of a job */
    return json_pack("{s:I,s:o,s:s,s:o,s:I,s:I}", "sequence", (json_int_t)line->sequence, "at",
                     json_of_time(event->time), "type", event->type->name, "job_id",
                     json_of_id(job_id), "amount", (json_int_t)line->amount, "balance",
                     (json_int_t)line->balance);
}

/* The cursor to go on from; 0: there is no more. */
static uint64_t append_lines(struct reading *reading, const uint8_t wallet[ACCOUNT_KEY_SIZE],
                             const struct wanted *wanted, uint64_t before, json_t *items)
{
    struct statement_line line;
    size_t looked_at = 0;
    while (accounts_statement_before(reading->store, wallet, before, &line, 1) == 1) {
        struct event event;
        if (json_array_size(items) == wanted->limit || looked_at++ == LOOKED_AT_MAX) {
            return before;
        }
        before = line.sequence;
        if (!reading_event(reading, line.sequence, &event) || event.time < wanted->from) {
            return 0; /* all others are older, or the log cannot be read, which the answer will say */
        }
        if ((wanted->until == 0 || event.time < wanted->until) &&
            (wanted->type == NULL || strcmp(wanted->type, event.type->name) == 0)) {
            (void)json_array_append_new(items, json_of_line(&line, &event));
        }
    }
    return 0;
}

/* The events that can move a wallet's money. */
static bool is_type(const char *type)
{
    static const char *const TYPES[] = {"deposit.observed", "payout.confirmed", "refund.confirmed"};
    bool known = type == NULL;
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        known = known || strcmp(TYPES[i], type) == 0;
    }
    return known;
}

static void get_statement(struct call *call)
{
    struct reading reading;
    struct account_row account;
    uint8_t wallet[ACCOUNT_KEY_SIZE];
    uint64_t before = 0;
    struct wanted wanted = {.type = http_head_param(http_request_head(call->request), "type"),
                            .limit = list_limit(call)};
    if (wanted.limit == 0 || !list_cursor(call, "before", &before) ||
        !list_time(call, "from", &wanted.from) || !list_time(call, "until", &wanted.until)) {
        return;
    }
    if (!is_type(wanted.type)) {
        call_problem(call, 422, "filter_invalid",
                     "type is deposit.observed, payout.confirmed or refund.confirmed");
        return;
    }
    if (!reading_open(&reading, call) || !find(&reading, &account, wallet)) {
        return;
    }
    json_t *items = json_array();
    uint64_t next = append_lines(&reading, wallet, &wanted, before, items);
    reading_close(&reading);
    call_reply(call, 200,
               json_pack("{s:o,s:o}", "items", items, "next",
                         next == 0 ? json_null() : json_of_u64(next)));
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/v1/accounts/{id}", ACCOUNT_READERS, BODY_NONE, get_account},
    {HTTP_GET, "/v1/accounts/{id}/statement", ACCOUNT_READERS, BODY_NONE, get_statement},
};
const struct route_table ROUTES_ACCOUNTS = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
