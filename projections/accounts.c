// SPDX-License-Identifier: Apache-2.0
#include "projections/accounts.h"

#include "core/base/checked.h"
#include "core/base/invariant.h"
#include "projections/view_rows.h"

#include <assert.h>
#include <string.h>

struct line_row {
    int64_t amount;
    int64_t balance;
};

static_assert(sizeof(struct line_row) == 2 * 8, "no padding");

static const struct store_table BALANCES = {"view_balances"};
static const struct store_table STATEMENTS = {"view_statements"};
static const struct store_table TOTALS = {"view_totals"};

static struct view_key balance_key(const uint8_t account[ACCOUNT_KEY_SIZE])
{
    struct view_key key = {0};
    view_key_bytes(&key, account, ACCOUNT_KEY_SIZE);
    return key;
}

static struct view_key line_key(const uint8_t account[ACCOUNT_KEY_SIZE], uint64_t sequence)
{
    struct view_key key = balance_key(account);
    view_key_u64(&key, sequence);
    return key;
}

static struct view_key total_key(enum account_kind kind)
{
    struct view_key key = {0};
    view_key_u8(&key, (uint8_t)kind);
    return key;
}

static bool post(struct store *store, uint64_t sequence, const struct posting *posting)
{
    enum account_kind kind = (enum account_kind)posting->account[0];
    struct line_row line = {.amount = posting->amount};
    int64_t total = accounts_total(store, kind);
    int64_t balance = accounts_balance(store, posting->account);
    if (!checked_add_i64(balance, posting->amount, &line.balance) ||
        !checked_add_i64(total, posting->amount, &total)) {
        store_fail(store, ERR_CORRUPT, "accounts: a balance leaves its range");
        return false;
    }
    if (line.balance < 0 && !account_may_be_negative(posting->account)) {
        store_fail(store, ERR_CORRUPT, "accounts: a balance that cannot be negative is");
        return false;
    }
    struct view_key balance_at = balance_key(posting->account);
    struct view_key line_at = line_key(posting->account, sequence);
    struct view_key total_at = total_key(kind);
    /* An event posts to an account once: a line of a statement is an event. */
    INVARIANT_SLOW(!store_has(store, &STATEMENTS, bytes_of(line_at.b, line_at.size)));
    view_put(store, &BALANCES, &balance_at, &line.balance, sizeof line.balance);
    view_put(store, &STATEMENTS, &line_at, &line, sizeof line);
    view_put(store, &TOTALS, &total_at, &total, sizeof total);
    return true;
}

static void apply(struct store *store, uint64_t sequence, const struct event *event)
{
    struct posting postings[POSTINGS_MAX];
    size_t count = postings_of(event, postings);
    if (count == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (!post(store, sequence, &postings[i])) {
            return;
        }
    }
    i128 sum = 0;
    for (int kind = ACCOUNT_WALLET; kind <= ACCOUNT_UNEXPLAINED; kind++) {
        sum += accounts_total(store, (enum account_kind)kind);
    }
    if (sum != 0) {
        store_fail(store, ERR_CORRUPT, "accounts: debits and credits differ");
    }
}

static const struct store_table *const TABLES[] = {&BALANCES, &STATEMENTS, &TOTALS};
const struct projection PROJECTION_ACCOUNTS = {.name = "accounts",
                                               .tables = TABLES,
                                               .table_count = sizeof TABLES / sizeof *TABLES,
                                               .apply = apply};

/* ── queries ───────────────────────────────────────────────────────────────────────────────────── */

int64_t accounts_balance(struct store *store, const uint8_t account[ACCOUNT_KEY_SIZE])
{
    struct view_key key = balance_key(account);
    int64_t balance = 0;
    (void)view_get(store, &BALANCES, &key, &balance, sizeof balance);
    return balance;
}

int64_t accounts_total(struct store *store, enum account_kind kind)
{
    struct view_key key = total_key(kind);
    int64_t total = 0;
    (void)view_get(store, &TOTALS, &key, &total, sizeof total);
    return total;
}

size_t accounts_list(struct store *store, const uint8_t *after, struct account_balance *ret,
                     size_t max)
{
    static const uint8_t first[ACCOUNT_KEY_SIZE] = {0}; /* kinds start at 1 */
    struct view_key at = balance_key(after == NULL ? first : after);
    struct bytes value;
    size_t count = 0;
    while (count < max && view_next(store, &BALANCES, &at, 0, &value)) {
        INVARIANT(value.size == sizeof ret->balance);
        memcpy(ret[count].account, at.b, ACCOUNT_KEY_SIZE);
        memcpy(&ret[count].balance, value.data, sizeof ret->balance);
        count++;
    }
    return count;
}

static struct statement_line line_of(const struct view_key *at, struct bytes value)
{
    struct line_row row;
    INVARIANT(value.size == sizeof row);
    memcpy(&row, value.data, sizeof row);
    return (struct statement_line){
        .sequence = view_key_last_u64(at), .amount = row.amount, .balance = row.balance};
}

size_t accounts_statement_after(struct store *store, const uint8_t account[ACCOUNT_KEY_SIZE],
                                uint64_t after, struct statement_line *ret, size_t max)
{
    struct view_key at = line_key(account, after);
    struct bytes value;
    size_t count = 0;
    while (count < max && view_next(store, &STATEMENTS, &at, ACCOUNT_KEY_SIZE, &value)) {
        ret[count++] = line_of(&at, value);
    }
    return count;
}

size_t accounts_statement_before(struct store *store, const uint8_t account[ACCOUNT_KEY_SIZE],
                                 uint64_t before, struct statement_line *ret, size_t max)
{
    struct view_key at = line_key(account, before == 0 ? UINT64_MAX : before);
    struct bytes value;
    size_t count = 0;
    while (count < max && view_previous(store, &STATEMENTS, &at, ACCOUNT_KEY_SIZE, &value)) {
        ret[count++] = line_of(&at, value);
    }
    return count;
}
