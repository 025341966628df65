// SPDX-License-Identifier: Apache-2.0
#include "tests/support/naive_compare.h"

#include "core/market/posting.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/command_text.h"
#include "tests/support/memory_store.h"

#include <stdio.h>
#include <string.h>

static void differ(struct duel *d, const char *what, const char *field, int64_t rules,
                   int64_t naive)
{
    if (rules != naive && d->wrong[0] == '\0') {
        (void)snprintf(d->wrong, sizeof d->wrong,
                       "%s: %s is %lld by the rules, %lld by the naive ledger", what, field,
                       (long long)rules, (long long)naive);
    }
}

#define same(d, what, field, rules, naive)                                                         \
    differ(d, what, field, (int64_t)(rules), (int64_t)(naive))

static void name(char ret[40], const char *kind, struct id16 id)
{
    (void)snprintf(ret, 40, "%s %02x%02x", kind, id.b[14], id.b[15]);
}

static void compare_legs(struct duel *d, const struct naive_job *job,
                         const struct escrow_row *escrow)
{
    static const char *const KINDS[] = {[LEG_REFUND] = "refund",
                                        [LEG_PAYOUT] = "payout",
                                        [LEG_FEE] = "fee",
                                        [LEG_RETURN] = "return"};
    const struct naive_ledger *n = d->naive;
    uint64_t open = 0;
    uint64_t in_flight = 0;
    for (size_t i = 0; i < n->leg_count; i++) {
        const struct naive_leg *leg = &n->legs[i];
        uint8_t key[LEG_KEY_SIZE];
        struct leg_row row = {0};
        char what[40];
        if (&n->jobs[leg->job] != job) {
            continue;
        }
        name(what, KINDS[leg->kind], job->id);
        leg_key(job->escrow_id, leg->kind, leg->deposit_tx, key);
        same(d, what, "existence", state_leg(d->store, key, &row), true);
        same(d, what, "amount", row.amount, leg->amount);
        same(d, what, "status", row.status, leg->status);
        same(d, what, "attempt", row.attempt, leg->attempt);
        same(d, what, "destination's sameness", key_equal(row.destination, leg->destination), true);
        same(d, what, "transaction's sameness", key_equal(row.tx_id, leg->tx_id), true);
        open += leg->status != LEG_CONFIRMED ? 1 : 0;
        in_flight += leg->status == LEG_SIGNED ? 1 : 0;
    }
    char what[40];
    name(what, "escrow of job", job->id);
    same(d, what, "number of open legs", escrow->legs_open, open);
    same(d, what, "number in flight", escrow->in_flight, in_flight);
}

static void compare_escrow(struct duel *d, const struct naive_job *job)
{
    struct escrow_row row = {0};
    char what[40];
    name(what, "escrow of job", job->id);
    same(d, what, "existence", state_escrow(d->store, job->escrow_id, &row), true);
    same(d, what, "status", row.status, job->escrow_status);
    same(d, what, "amount", row.amount, d->naive->quotes[job->quote].cap);
    same(d, what, "confirmations", row.confirmations, job->confirmations);
    same(d, what, "shortfall", row.shortfall != 0, job->shortfall);
    same(d, what, "generation", row.generation, job->generation);
    same(d, what, "number of payments found", state_found_count(d->store, job->escrow_id, 0),
         naive_found_of(d->naive, (size_t)(job - d->naive->jobs)));
    same(d, what, "lock's sameness", key_equal(row.lock_tx, job->lock_tx), true);
    same(d, what, "provider's sameness", key_equal(row.provider_identity, job->provider_identity),
         true);
    compare_legs(d, job, &row);
}

static void compare_job(struct duel *d, const struct naive_job *job)
{
    struct job_row row = {0};
    char what[40];
    name(what, "job", job->id);
    same(d, what, "existence", state_job(d->store, job->id, &row), true);
    same(d, what, "status", row.status, job->status);
    same(d, what, "ending", row.ending, job->ending);
    same(d, what, "attempt", row.attempt, job->attempt);
    same(d, what, "machine's sameness", id_equal(row.host_id, job->host_id), true);
    same(d, what, "reported time", row.reported_ms, job->reported_ms);
    same(d, what, "output's size", row.output_size, job->output_size);
    same(d, what, "next line", row.next_line, job->next_line);
    same(d, what, "quota", row.quota_reached != 0, job->quota_reached);
    same(d, what, "results", row.results, job->results);
    same(d, what, "stars", row.rated, job->stars);
    same(d, what, "being erased", state_storage(d->store, STREAM_JOB, job->id).erased != 0,
         job->erased);
    same(d, what, "start", row.started_at, job->started_at);
    same(d, what, "rate", row.rate, d->naive->quotes[job->quote].rate);
    same(d, what, "cap", row.cap, d->naive->quotes[job->quote].cap);
    same(d, what, "limit", row.limit_ms, d->naive->quotes[job->quote].limit_ms);
    compare_escrow(d, job);
}

static void compare_balance(struct duel *d, const struct naive_balance *balance)
{
    static const enum account_kind KINDS[] = {[NAIVE_WALLET] = ACCOUNT_WALLET,
                                              [NAIVE_HELD] = ACCOUNT_HELD,
                                              [NAIVE_ESCROW] = ACCOUNT_ESCROW,
                                              [NAIVE_PAYABLE] = ACCOUNT_PAYABLE,
                                              [NAIVE_FEES] = ACCOUNT_FEES};
    static const char *const NAMES[] = {[NAIVE_WALLET] = "a wallet",
                                        [NAIVE_HELD] = "money held",
                                        [NAIVE_ESCROW] = "money in escrow",
                                        [NAIVE_PAYABLE] = "money payable",
                                        [NAIVE_FEES] = "fees"};
    uint8_t key[ACCOUNT_KEY_SIZE];
    account_key(KINDS[balance->place], hash_key(&balance->subject), balance->leg, key);
    same(d, NAMES[balance->place], "balance", state_balance(d->store, key), balance->amount);
}

static void compare_bills(struct duel *d)
{
    for (size_t i = 0; i < d->bill_count; i++) {
        const struct said *said = &d->bills[i];
        const struct naive_job *job = NULL;
        char what[40];
        for (size_t k = 0; k < d->naive->job_count; k++) {
            job = id_equal(d->naive->jobs[k].id, said->job_id) ? &d->naive->jobs[k] : job;
        }
        if (job == NULL) {
            continue; /* said by the comparison of acceptance */
        }
        name(what, "bill of job", said->job_id);
        same(d, what, "used time", said->end.used_ms, job->used_ms);
        if (job->escrow_status == ESCROW_SETTLED) {
            same(d, what, "used time billed", said->settled.used_ms, job->used_ms);
            same(d, what, "gross", said->settled.gross, job->gross);
            same(d, what, "fee", said->settled.fee, job->fee);
            same(d, what, "payout", said->settled.payout, job->payout);
            same(d, what, "refund", said->settled.refund, job->refund);
        }
    }
    d->bill_count = 0;
}

static void compare_changed(struct duel *d)
{
    struct naive_ledger *n = d->naive;
    compare_bills(d);
    for (size_t i = 0; i < n->job_count; i++) {
        if (n->jobs[i].changed) {
            compare_job(d, &n->jobs[i]);
            n->jobs[i].changed = false;
        }
    }
    for (size_t i = 0; i < n->balance_count; i++) {
        if (n->balances[i].changed) {
            compare_balance(d, &n->balances[i]);
            n->balances[i].changed = false;
        }
    }
}

static void compare_others(struct duel *d)
{
    const struct naive_ledger *n = d->naive;
    for (size_t i = 0; i < n->account_count; i++) {
        struct account_row row = {0};
        same(d, "account", "existence", state_account(d->store, n->accounts[i].id, &row), true);
        same(d, "account", "jobs started", row.jobs_started, n->accounts[i].started);
        same(d, "account", "jobs refunded", row.jobs_refunded, n->accounts[i].refunded);
        same(d, "account", "live offers", row.offers_live, naive_live_offers(n, n->accounts[i].id));
        same(d, "account", "bytes",
             state_storage(d->store, STREAM_ACCOUNT, n->accounts[i].id).bytes,
             naive_bytes_of(n, n->accounts[i].id));
    }
    for (size_t i = 0; i < n->host_count; i++) {
        struct host_row row = {0};
        same(d, "host", "existence", state_host(d->store, n->hosts[i].id, &row), true);
        same(d, "host", "being online", row.online != 0, n->hosts[i].online);
        same(d, "host", "live offers", row.offers_live, naive_live_offers(n, n->hosts[i].id));
        same(d, "host", "job's sameness", id_equal(row.job_id, n->hosts[i].job_id), true);
    }
    for (size_t i = 0; i < n->quote_count; i++) {
        struct quote_row row = {0};
        same(d, "quote", "existence", state_quote(d->store, n->quotes[i].id, &row), true);
        same(d, "quote", "cap", row.cap, n->quotes[i].cap);
        same(d, "quote", "use", !id_is_zero(row.job_id), n->quotes[i].used);
        same(d, "quote", "end", row.expires_at, n->quotes[i].expires_at);
    }
    for (size_t i = 0; i < n->deposit_count; i++) {
        struct deposit_row row = {0};
        same(d, "deposit", "existence", state_deposit(d->store, n->deposits[i].tx_id, &row), true);
        same(d, "deposit", "class", row.class, n->deposits[i].class);
    }
}

void duel_compare_all(struct duel *d)
{
    const struct naive_ledger *n = d->naive;
    int64_t sum = 0;
    for (size_t i = 0; i < n->job_count; i++) {
        compare_job(d, &n->jobs[i]);
    }
    for (size_t i = 0; i < n->balance_count; i++) {
        compare_balance(d, &n->balances[i]);
        sum += n->balances[i].amount;
    }
    compare_others(d);
    same(d, "the books", "sum", 0, sum);
    for (size_t i = 0; i < n->upload_count; i++) {
        same(d, "upload", "being erased",
             state_storage(d->store, STREAM_UPLOAD, n->uploads[i].id).erased != 0,
             n->uploads[i].erased);
    }
    uint64_t live = 0;
    for (size_t i = 0; i < n->webhook_count; i++) {
        struct webhook_row row = {0};
        struct id16 own[WEBHOOKS_PER_ACCOUNT_MAX];
        const struct naive_webhook *hook = &n->webhooks[i];
        char what[40];
        name(what, "webhook", hook->id);
        same(d, what, "existence", state_webhook(d->store, hook->id, &row), true);
        same(d, what, "version", row.secret_version, hook->secret_version);
        same(d, what, "being paused", row.paused != 0, hook->paused);
        same(d, what, "number in its account",
             state_account_webhooks(d->store, hook->account_id, own, WEBHOOKS_PER_ACCOUNT_MAX),
             naive_webhooks_of(n, hook->account_id));
        live++;
    }
    struct ledger_row ledger = {0};
    (void)state_ledger(d->store, &ledger);
    same(d, "the ledger", "number of webhooks", ledger.webhooks, live);
    same(d, "the ledger", "number of webhooks' rows", memory_store_rows(d->store, &STATE_WEBHOOKS),
         live);
    same(d, "the ledger", "number of accounts", memory_store_rows(d->store, &STATE_ACCOUNTS),
         n->account_count);
    same(d, "the ledger", "number of jobs", memory_store_rows(d->store, &STATE_JOBS), n->job_count);
    same(d, "the ledger", "number of legs", memory_store_rows(d->store, &STATE_LEGS), n->leg_count);
    same(d, "the ledger", "number of deposits", memory_store_rows(d->store, &STATE_DEPOSITS),
         n->deposit_count);
    same(d, "the ledger", "number of balances", memory_store_rows(d->store, &STATE_BALANCES),
         n->balance_count);
}

void duel_answer(struct duel *d, const struct command *command, int64_t now, bool accepted,
                 const char *word)
{
    bool naive_accepts = naive_give(d->naive, command, now);
    if (accepted != naive_accepts && d->wrong[0] == '\0') {
        (void)snprintf(d->wrong, sizeof d->wrong, "%s: %s by the rules, %s by the naive ledger",
                       command_type_name(command->type), accepted ? "accepted" : word,
                       naive_accepts ? "accepted" : d->naive->word);
    }
    compare_changed(d);
}

void duel_note(struct duel *d, const struct event *event)
{
    switch (event->type->number) {
    case EVENT_JOB_COMPLETED:
    case EVENT_JOB_FAILED:
    case EVENT_JOB_CANCELLED:
        assert_true(d->bill_count < DUEL_BILLS_MAX);
        memset(&d->bills[d->bill_count], 0, sizeof *d->bills);
        d->bills[d->bill_count].job_id = event->stream_id;
        d->bills[d->bill_count++].end = event->u.job_completed;
        break;
    case EVENT_ESCROW_SETTLED:
        assert_true(d->bill_count > 0);
        d->bills[d->bill_count - 1].settled = event->u.escrow_settled;
        break;
    default:
        break;
    }
}
