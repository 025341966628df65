/* What the ledger's books say of an account's wallet: what came back to it, less what it sent, now or after any event, and line by line. */
// SPDX-License-Identifier: Apache-2.0
#include "projections/accounts.h"
#include "api/as_of.h"
#include "api/list.h"
#include "api/route.h"
#include "projections/view_rows.h"

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
    reading_close(&reading);
    call_reply(call, 200,
               json_pack("{s:o,s:o,s:I,s:I,s:I}", "account_id", json_of_id(call->id), "identity",
                         json_of_identity(account.identity), "balance", (json_int_t)line.balance,
                         "registered", (json_int_t)account.registered_sequence, "sequence",
                         (json_int_t)line.sequence));
}

static json_t *json_of_line(struct reading *reading, const struct statement_line *line)
{
    struct event event;
    struct id16 job_id;
    if (!reading_event(reading, line->sequence, &event) || !view_job_of(&event, &job_id)) {
        return NULL;
    }
    return json_pack("{s:I,s:o,s:s,s:o,s:I,s:I}", "sequence", (json_int_t)line->sequence, "at",
                     json_of_time(event.time), "type", event.type->name, "job_id",
                     json_of_id(job_id), "amount", (json_int_t)line->amount, "balance",
                     (json_int_t)line->balance);
}

static void get_statement(struct call *call)
{
    struct reading reading;
    struct account_row account;
    struct statement_line lines[LIST_MAX];
    uint8_t wallet[ACCOUNT_KEY_SIZE];
    uint64_t before = 0;
    size_t limit = list_limit(call);
    if (limit == 0 || !list_cursor(call, "before", &before) || !reading_open(&reading, call) ||
        !find(&reading, &account, wallet)) {
        return;
    }
    size_t count = accounts_statement_before(reading.store, wallet, before, lines, limit);
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *line = json_of_line(&reading, &lines[i]);
        if (line != NULL) { /* else the log could not be read, which the answer will say */
            (void)json_array_append_new(items, line);
        }
    }
    reading_close(&reading);
    call_reply(call, 200,
               json_pack("{s:o,s:o}", "items", items, "next",
                         count == limit ? json_of_u64(lines[count - 1].sequence) : json_null()));
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/v1/accounts/{id}", ACCOUNT_READERS, BODY_NONE, get_account},
    {HTTP_GET, "/v1/accounts/{id}/statement", ACCOUNT_READERS, BODY_NONE, get_statement},
};
const struct route_table ROUTES_ACCOUNTS = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
