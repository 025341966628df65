// SPDX-License-Identifier: Apache-2.0
#include "tests/support/market_check.h"

#include "tests/support/cmocka_all.h"
#include "tests/support/memory_store.h"

#include <stdio.h>
#include <string.h>

#define check(market, condition)                                                                   \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("seed %llu, sequence %llu: %s", (unsigned long long)(market)->seed,           \
                     (unsigned long long)(market)->sequence, #condition);                          \
        }                                                                                          \
    } while (0)

/* All rows of a table, one after another: `at` holds the last key, empty at first. */
static bool walk(struct store *store, const struct store_table *table, struct buf *at,
                 struct bytes *ret_key, struct bytes *ret_value)
{
    static const uint8_t ZERO = 0;
    struct bytes from = at->size == 0 ? bytes_of(&ZERO, 1) : buf_bytes(at);
    if (!store_seek(store, table, from, at->size > 0, ret_key, ret_value)) {
        buf_deinit(at);
        return false;
    }
    buf_clear(at);
    buf_append_bytes(at, *ret_key);
    return true;
}

static size_t rows(struct market *m, const struct store_table *table)
{
    return memory_store_rows(m->store, table);
}

static int64_t balance_of(struct market *m, enum account_kind kind, struct id16 subject,
                          enum leg_kind leg)
{
    uint8_t key[ACCOUNT_KEY_SIZE];
    account_key(kind, id_key(&subject), leg, key);
    return state_balance(m->store, key);
}

void market_check_balances(struct market *m)
{
    struct buf at = {.size_max = 1024};
    struct bytes key;
    struct bytes value;
    int64_t sum = 0;
    while (walk(m->store, &STATE_BALANCES, &at, &key, &value)) {
        int64_t balance;
        check(m, key.size == ACCOUNT_KEY_SIZE && value.size == sizeof balance);
        memcpy(&balance, value.data, sizeof balance);
        check(m, balance >= 0 || account_may_be_negative(key.data));
        sum += balance;
    }
    check(m, sum == 0);
}

struct escrow_sums {
    int64_t held;
    int64_t payable[LEG_RETURN + 1];
    uint64_t legs_open;
    uint64_t in_flight;
};

static void sum_escrow(struct market *m, struct id16 escrow_id, struct escrow_sums *ret)
{
    uint8_t at[LEG_KEY_SIZE] = {0};
    uint8_t order[LEG_ORDER_SIZE];
    struct bytes key;
    struct bytes value;
    struct leg_row leg;
    memset(ret, 0, sizeof *ret);
    memcpy(at, escrow_id.b, sizeof escrow_id.b);
    while (store_seek(m->store, &STATE_LEGS, bytes_of(at, sizeof at), true, &key, &value) &&
           memcmp(key.data, escrow_id.b, sizeof escrow_id.b) == 0) {
        memcpy(at, key.data, sizeof at);
        check(m, state_leg(m->store, at, &leg));
        check(m, leg.kind == at[16] && leg.amount > 0);
        bool open = leg.status != LEG_CONFIRMED;
        leg_order(escrow_id, &leg, order);
        check(m, store_has(m->store, &STATE_LEGS_OPEN, bytes_of(order, sizeof order)) == open);
        ret->legs_open += open ? 1 : 0;
        ret->in_flight += leg.status == LEG_SIGNED ? 1 : 0;
        ret->payable[leg.kind] += open ? leg.amount : 0;
    }
}

/* The books of an escrow say what its rows say. */
static void check_escrow(struct market *m, struct id16 escrow_id)
{
    struct escrow_row escrow;
    struct escrow_sums sums;
    check(m, state_escrow(m->store, escrow_id, &escrow));
    sum_escrow(m, escrow_id, &sums);
    check(m, escrow.legs_open == sums.legs_open);
    check(m, escrow.in_flight == sums.in_flight && sums.in_flight <= 1);
    int64_t unconfirmed = escrow.status == ESCROW_OBSERVED ? escrow.amount : 0;
    check(m, balance_of(m, ACCOUNT_HELD, escrow_id, 0) == unconfirmed + sums.payable[LEG_RETURN]);
    check(m, balance_of(m, ACCOUNT_ESCROW, escrow_id, 0) ==
                 (escrow.status == ESCROW_LOCKED ? escrow.amount : 0)); /* P18 */
    for (int kind = LEG_REFUND; kind <= LEG_FEE; kind++) {
        check(m,
              balance_of(m, ACCOUNT_PAYABLE, escrow_id, (enum leg_kind)kind) == sums.payable[kind]);
    }
    bool open = escrow.status == ESCROW_REQUESTED || escrow.status == ESCROW_OBSERVED;
    check(m, store_has(m->store, &STATE_ESCROWS_OPEN, id_key(&escrow_id)) == open);
}

static void check_job(struct market *m, struct id16 job_id, size_t *queued, size_t *deadlines,
                      size_t *held)
{
    struct job_row job;
    struct escrow_row escrow;
    struct host_row host;
    check(m, state_job(m->store, job_id, &job));
    check(m, state_escrow(m->store, job.escrow_id, &escrow));
    check_escrow(m, job.escrow_id);
    bool waiting = job.status == JOB_AWAITING_LOCK;
    bool ended = job.status == JOB_ENDED;
    check(m, waiting == (escrow.status == ESCROW_REQUESTED || escrow.status == ESCROW_OBSERVED));
    check(m, ended == (escrow.status == ESCROW_SETTLED || escrow.status == ESCROW_CLOSED));
    check(m, ended == (job.ending != 0) && ended == (job.end_sequence != 0));
    *queued += job.status == JOB_QUEUED ? 1 : 0;
    if (job.deadline_at != 0) {
        uint8_t key[24];
        put_be64(key, (uint64_t)job.deadline_at);
        memcpy(key + 8, job_id.b, 16);
        check(m, store_has(m->store, &STATE_DEADLINES, bytes_of(key, sizeof key)));
        ++*deadlines;
    }
    check(m, (job.deadline_at != 0) == (!waiting && !ended));
    if (job.status == JOB_ASSIGNED || job.status == JOB_RUNNING) {
        check(m, state_host(m->store, job.host_id, &host));
        check(m, id_equal(host.job_id, job_id) && id_equal(host.account_id, job.provider_id));
        ++*held;
    }
}

static uint64_t unpaid_of(struct market *m, struct id16 account_id)
{
    struct id16 at = {0};
    struct bytes key;
    struct bytes value;
    uint64_t unpaid = 0;
    while (store_seek(m->store, &STATE_ESCROWS, id_key(&at), true, &key, &value)) {
        struct escrow_row escrow;
        memcpy(at.b, key.data, sizeof at.b);
        check(m, state_escrow(m->store, at, &escrow));
        bool const waits = escrow.status == ESCROW_REQUESTED;
        unpaid += waits && id_equal(escrow.account_id, account_id) ? 1 : 0;
    }
    return unpaid;
}

/* What the rules about refunds and unpaid jobs count. */
static void check_consumer(struct market *m, struct id16 account_id)
{
    struct account_row account = {0};
    uint64_t started = 0;
    uint64_t refunded = 0;
    check(m, state_account(m->store, account_id, &account));
    for (size_t i = 0; i < m->jobs.count; i++) {
        struct job_row job = {0};
        check(m, state_job(m->store, m->jobs.ids[i], &job));
        if (id_equal(job.account_id, account_id) && job.status == JOB_ENDED) {
            started += job.started_at != 0 ? 1 : 0;
            refunded += job.ending == ENDING_PROGRAM_FAILED ? 1 : 0;
        }
    }
    check(m, account.jobs_started == started && account.jobs_refunded == refunded);
    check(m, account.jobs_unpaid == unpaid_of(m, account_id) && account.jobs_unpaid <= 64);
    check(m, refunded <= started);
}

void market_check(struct market *m)
{
    size_t queued = 0;
    size_t deadlines = 0;
    size_t held = 0;
    size_t busy = 0;
    struct host_row host;
    market_check_balances(m);
    for (size_t i = 0; i < m->jobs.count; i++) {
        check_job(m, m->jobs.ids[i], &queued, &deadlines, &held);
    }
    for (size_t i = 0; i < m->accounts.count; i++) {
        check_consumer(m, m->accounts.ids[i]);
    }
    for (size_t i = 0; i < m->hosts.count; i++) {
        check(m, state_host(m->store, m->hosts.ids[i], &host));
        busy += id_is_zero(host.job_id) ? 0 : 1;
    }
    check(m, rows(m, &STATE_QUEUE) == queued);
    check(m, rows(m, &STATE_DEADLINES) == deadlines);
    check(m, busy == held); /* one job a machine, one machine a job */
}

void market_check_rest(struct market *m)
{
    struct buf at = {.size_max = 1024};
    struct bytes key;
    struct bytes value;
    int64_t outside = 0;
    int64_t fees = 0;
    while (walk(m->store, &STATE_BALANCES, &at, &key, &value)) {
        int64_t balance;
        memcpy(&balance, value.data, sizeof balance);
        switch (key.data[0]) {
        case ACCOUNT_WALLET:
            outside += balance;
            break;
        case ACCOUNT_FEES:
            fees += balance;
            break;
        default:
            check(m, balance == 0);
            break;
        }
    }
    check(m, outside + fees == 0);
    check(m, rows(m, &STATE_LEGS_OPEN) == 0 && rows(m, &STATE_ESCROWS_OPEN) == 0);
    check(m, rows(m, &STATE_QUEUE) == 0 && rows(m, &STATE_DEADLINES) == 0);
}

void market_check_postings(struct market *m, const struct event *event)
{
    struct posting postings[POSTINGS_MAX];
    size_t count = postings_of(event, postings);
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        check(m, postings[i].amount != 0);
        sum += postings[i].amount;
    }
    check(m, sum == 0);
}
