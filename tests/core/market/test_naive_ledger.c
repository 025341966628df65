/* The rules against a ledger that was written apart from them, as naively as possible (tests/support/naive_ledger.h), on random markets.
 *
 * Goal:    acceptance, balances, statuses and bills are what a plain reading of the design gives, whatever the order of commands.
 * Method:  each command of a random market goes to both, strange ones among them (stale ones, and others' names on them); answers and all rows that it
 *          changed are compared, now and then everything. A difference is shrunk to a few commands, which are printed.
 * Errors planted into the naive ledger show that differences are found, and how short they get. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/command_list.h"
#include "tests/support/command_text.h"
#include "tests/support/market_driver.h"
#include "tests/support/memory_store.h"
#include "tests/support/naive_ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 200
#define STEPS 800
#define COMPARE_ALL_EVERY 50 /* commands */
#define COMMAND_TYPES (COMMAND_LEG_CONFIRM + 1)
#define BILLS_MAX 32

struct said { /* by the events of one command */
    struct id16 job_id;
    struct ev_job_end end;
    struct ev_escrow_settled settled;
};

struct duel {
    struct store *store;
    struct naive_ledger *naive;
    struct said bills[BILLS_MAX];
    size_t bill_count;
    char wrong[300]; /* "": they agree */
};

/* ── comparing ─────────────────────────────────────────────────────────────────────────────────── */

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
    }
    for (size_t i = 0; i < n->host_count; i++) {
        struct host_row row = {0};
        same(d, "host", "existence", state_host(d->store, n->hosts[i].id, &row), true);
        same(d, "host", "being online", row.online != 0, n->hosts[i].online);
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

static void compare_all(struct duel *d)
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
    same(d, "the ledger", "number of accounts", memory_store_rows(d->store, &STATE_ACCOUNTS),
         n->account_count);
    same(d, "the ledger", "number of jobs", memory_store_rows(d->store, &STATE_JOBS), n->job_count);
    same(d, "the ledger", "number of legs", memory_store_rows(d->store, &STATE_LEGS), n->leg_count);
    same(d, "the ledger", "number of deposits", memory_store_rows(d->store, &STATE_DEPOSITS),
         n->deposit_count);
    same(d, "the ledger", "number of balances", memory_store_rows(d->store, &STATE_BALANCES),
         n->balance_count);
}

/* Both have the command behind them. */
static void compare_answer(struct duel *d, const struct command *command, int64_t now,
                           bool accepted, const char *word)
{
    bool naive_accepts = naive_give(d->naive, command, now);
    if (accepted != naive_accepts && d->wrong[0] == '\0') {
        (void)snprintf(d->wrong, sizeof d->wrong, "%s: %s by the rules, %s by the naive ledger",
                       command_type_name(command->type), accepted ? "accepted" : word,
                       naive_accepts ? "accepted" : d->naive->word);
    }
    compare_changed(d);
}

static void note_bill(struct duel *d, const struct event *event)
{
    switch (event->type->number) {
    case EVENT_JOB_COMPLETED:
    case EVENT_JOB_FAILED:
    case EVENT_JOB_CANCELLED:
        assert_true(d->bill_count < BILLS_MAX);
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

/* ── once more, from the list, to shrink it ────────────────────────────────────────────────────── */

struct replayed {
    enum naive_error error;
    char wrong[300];
    bool print;
};

static bool give_rules(struct duel *d, const struct timed_command *item, struct arena *arena,
                       uint64_t *sequence, struct err *err)
{
    struct decision decision = {.arena = arena};
    *err = (struct err){0};
    arena_clear(arena);
    if (market_decide(d->store, &item->command, item->now, &decision, err) != ERR_OK) {
        return false;
    }
    for (size_t i = 0; i < decision.count; i++) {
        market_evolve(d->store, ++*sequence, decision.events[i]);
        note_bill(d, decision.events[i]);
    }
    assert_int_equal(store_check(d->store, NULL), ERR_OK);
    return true;
}

static void print_command(size_t number, const struct timed_command *item, int64_t first,
                          bool accepted, const struct err *err)
{
    char text[COMMAND_TEXT_SIZE];
    command_text(&item->command, text);
    (void)fprintf(stderr, "  %2zu. +%lld.%03lld s %s: %s\n", number,
                  (long long)((item->now - first) / NS_PER_S),
                  (long long)((item->now - first) / NS_PER_MS % 1000), text,
                  accepted ? "accepted" : err->message);
}

static bool replay(void *context, const struct command_list *list, size_t *ret_enough)
{
    struct replayed *r = context;
    struct duel d = {.store = memory_store_create(), .naive = naive_create(r->error)};
    struct arena arena;
    struct err err;
    uint64_t sequence = 0;
    size_t i = 0;
    arena_init(&arena, 8 << 20);
    while (i < list->count && d.wrong[0] == '\0') {
        const struct timed_command *item = &list->items[i];
        bool accepted = give_rules(&d, item, &arena, &sequence, &err);
        compare_answer(&d, &item->command, item->now, accepted, err.message);
        i++;
        if (r->print) {
            print_command(i, item, list->items[0].now, accepted, &err);
        }
    }
    if (d.wrong[0] == '\0') {
        compare_all(&d);
    }
    memcpy(r->wrong, d.wrong, sizeof r->wrong);
    arena_deinit(&arena);
    naive_destroy(d.naive);
    memory_store_destroy(d.store);
    *ret_enough = i;
    return d.wrong[0] != '\0';
}

/* ── the random market, given to both ──────────────────────────────────────────────────────────── */

struct counts { /* of all markets */
    size_t commands;
    size_t accepted[COMMAND_TYPES];
    size_t refused[COMMAND_TYPES];
    struct market_stats stats;
};

struct run {
    struct market market;
    struct duel duel;
    struct command_list list;
    struct counts *counts; /* may be NULL */
};

static void on_event(void *context, uint64_t sequence, const struct event *event)
{
    struct run *r = context;
    (void)sequence;
    note_bill(&r->duel, event);
}

static void on_answer(void *context, const struct command *command, bool accepted)
{
    struct run *r = context;
    if (r->duel.wrong[0] != '\0') {
        return; /* the rest of a step after the difference */
    }
    command_list_add(&r->list, r->market.now, command);
    if (r->counts != NULL) {
        r->counts->commands++;
        ++*(accepted ? &r->counts->accepted[command->type] : &r->counts->refused[command->type]);
    }
    compare_answer(&r->duel, command, r->market.now, accepted, r->market.word);
    if (r->list.count % COMPARE_ALL_EVERY == 0) {
        compare_all(&r->duel);
    }
}

/* A command from the list once more: the last under another's name, or any that is stale by now. */
static void strange_step(struct run *r)
{
    struct market *m = &r->market;
    bool stale = market_chance(m, 40);
    size_t at = stale ? market_below(m, r->list.count) : r->list.count - 1;
    struct command command = r->list.items[at].command;
    command.command_id = market_new_id(m);
    if (!stale) {
        const struct market_ids *ids = market_chance(m, 50) ? &m->accounts : &m->hosts;
        command.actor_kind = (enum actor_kind)(1 + market_below(m, ACTOR_OPERATOR));
        command.actor_id =
            ids->count == 0 ? (struct id16){{0}} : ids->ids[market_below(m, ids->count)];
    }
    (void)market_submit(m, &command);
}

/* A machine does what it should: most random jobs would be lost otherwise, and few bills paid. */
static void working_step(struct market *m)
{
    static const struct {
        enum ending ending;
        enum end_reason reason;
    } ENDS[] = {{ENDING_COMPLETED, REASON_EXITED_ZERO},
                {ENDING_COMPLETED, REASON_EXITED_ZERO},
                {ENDING_CAP_REACHED, REASON_PAID_LIMIT},
                {ENDING_PROGRAM_FAILED, REASON_KILLED_BY_SIGNAL},
                {ENDING_HOST_FAULT, REASON_SANDBOX_FAILED}};
    struct host_row host;
    struct job_row job;
    if (m->hosts.count == 0) {
        return;
    }
    struct id16 host_id = m->hosts.ids[market_below(m, m->hosts.count)];
    if (!state_host(m->store, host_id, &host)) {
        return;
    }
    if (!state_job(m->store, host.job_id, &job)) {
        (void)market_claim(m, host_id);
    } else if (job.status == JOB_ASSIGNED) {
        (void)market_start(m, host_id, host.job_id);
    } else {
        uint64_t used_ms = (uint64_t)((m->now - job.started_at) / NS_PER_MS);
        size_t end = market_below(m, sizeof ENDS / sizeof *ENDS);
        if (market_chance(m, 25)) {
            (void)market_end(m, host_id, host.job_id, ENDS[end].ending, ENDS[end].reason, used_ms);
        } else {
            (void)market_progress(m, host_id, host.job_id, market_below(m, 1001), used_ms);
        }
    }
}

/* To a millisecond of the next deadline, where rules are most easily wrong; perhaps somebody sweeps. */
static void deadline_step(struct market *m)
{
    uint8_t at[8];
    struct bytes key;
    struct bytes value;
    put_be64(at, (uint64_t)m->now);
    if (!store_seek(m->store, &STATE_DEADLINES, bytes_of(at, sizeof at), true, &key, &value)) {
        return;
    }
    int64_t deadline = (int64_t)get_be64(key.data);
    if (deadline > m->now + 60 * NS_PER_S && !market_chance(m, 2)) {
        return; /* a day in the queue */
    }
    int64_t to = deadline + ((int64_t)market_below(m, 3) - 1) * NS_PER_MS;
    m->now = to > m->now ? to : m->now;
    if (market_chance(m, 50)) {
        (void)market_sweep(m);
    }
}

static struct run *run_market(uint64_t seed, enum naive_error error, struct counts *counts)
{
    struct run *r = calloc(1, sizeof *r);
    assert_non_null(r);
    command_list_init(&r->list);
    r->duel.store = memory_store_create();
    r->duel.naive = naive_create(error);
    r->market.on_event = on_event;
    r->market.on_answer = on_answer;
    r->market.context = r;
    r->counts = counts;
    market_open(&r->market, seed, r->duel.store, 125 * (seed % 7));
    for (size_t i = 0; i < STEPS && r->duel.wrong[0] == '\0'; i++) {
        uint64_t roll = market_below(&r->market, 100);
        if (roll < 8) {
            strange_step(r);
        } else if (roll < 9) {
            deadline_step(&r->market);
        } else if (roll < 25) {
            working_step(&r->market);
        } else {
            market_random_step(&r->market);
        }
    }
    if (r->duel.wrong[0] == '\0') {
        compare_all(&r->duel);
    }
    if (counts != NULL) {
        market_add_stats(&counts->stats, &r->market.stats);
    }
    return r;
}

static void end_run(struct run *r)
{
    command_list_clear(&r->list);
    naive_destroy(r->duel.naive);
    memory_store_destroy(r->duel.store);
    market_close(&r->market);
    free(r);
}

/* Makes the list short and prints it with the difference. */
static void shrink(struct run *r, enum naive_error error, struct replayed *ret)
{
    size_t before = r->list.count;
    size_t enough = 0;
    *ret = (struct replayed){.error = error};
    assert_true(replay(ret, &r->list, &enough)); /* the same commands give the same difference */
    command_list_shrink(&r->list, replay, ret);
    ret->print = true;
    (void)fprintf(stderr, "seed %llu: %zu of %zu commands are enough:\n",
                  (unsigned long long)r->market.seed, r->list.count, before);
    assert_true(replay(ret, &r->list, &enough));
    ret->print = false;
    (void)fprintf(stderr, "  %s\n", ret->wrong);
}

/* ── the tests ─────────────────────────────────────────────────────────────────────────────────── */

static void the_rules_and_the_naive_ledger_agree(void **state)
{
    (void)state;
    struct counts *counts = calloc(1, sizeof *counts);
    assert_non_null(counts);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct run *r = run_market(seed, NAIVE_NO_ERROR, counts);
        if (r->duel.wrong[0] != '\0') {
            struct replayed replayed;
            shrink(r, NAIVE_NO_ERROR, &replayed);
            fail_msg("seed %llu: %s", (unsigned long long)seed, replayed.wrong);
        }
        end_run(r);
    }
    printf("%d markets, %zu commands\n", SEEDS, counts->commands);
    for (int type = COMMAND_LEDGER_OPEN; type < COMMAND_TYPES; type++) {
        printf("  %-18s %6zu accepted, %6zu refused\n", command_type_name((enum command_type)type),
               counts->accepted[type], counts->refused[type]);
    }
    for (int type = COMMAND_LEDGER_OPEN; type < COMMAND_TYPES; type++) {
        if (counts->accepted[type] == 0 || counts->refused[type] == 0) {
            fail_msg("no %s was accepted, or none refused",
                     command_type_name((enum command_type)type));
        }
    }
    for (uint32_t i = 1; i <= ENDING_NEVER_FUNDED; i++) {
        if (i != ENDING_PLATFORM_FAULT && counts->stats.endings[i] == 0) {
            fail_msg("no job ended as %s", enum_word(&ending_words, i));
        }
    }
    free(counts);
}

static void no_command_is_too_many(struct command_list *list, struct replayed *replayed)
{
    size_t enough;
    for (size_t i = 0; i < list->count; i++) {
        struct command_list less = {.items = list->items + 1, .count = list->count - 1};
        struct timed_command without = list->items[i];
        memmove(list->items + 1, list->items, i * sizeof *list->items);
        assert_false(replay(replayed, &less, &enough));
        memmove(list->items, list->items + 1, i * sizeof *list->items);
        list->items[i] = without;
    }
}

/* Errors of the naive ledger stand for errors of the rules: they differ in the same places. */
static void a_planted_error_is_found_and_made_small(void **state)
{
    (void)state;
    static const struct {
        enum naive_error error;
        const char *name;
        size_t commands_max;
        enum command_type last; /* where it shows; 0: wherever a job ends */
    } ROWS[] = {
        {NAIVE_BILLS_ONE_MORE, "bills one more", 24, 0},
        {NAIVE_FEE_ROUNDED_UP, "fee rounded up", 24, 0},
        {NAIVE_PAYOUT_FIRST, "payout first", 26, COMMAND_LEG_SIGN},
        {NAIVE_DUPLICATE_IS_LOCK, "duplicate is lock", 16, COMMAND_DEPOSIT_OBSERVE},
        {NAIVE_LEASE_A_MILLI_LATE, "lease a millisecond late", 24, 0},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct run *r = NULL;
        struct replayed replayed;
        uint64_t seed = 0;
        do {
            if (r != NULL) {
                end_run(r);
            }
            seed++;
            assert_true(seed <= SEEDS);
            r = run_market(seed, ROWS[i].error, NULL);
        } while (r->duel.wrong[0] == '\0');
        (void)fprintf(stderr, "planted: %s\n", ROWS[i].name);
        shrink(r, ROWS[i].error, &replayed);
        assert_in_range(r->list.count, 1, ROWS[i].commands_max);
        if (ROWS[i].last != 0) {
            assert_int_equal(r->list.items[r->list.count - 1].command.type, ROWS[i].last);
        }
        no_command_is_too_many(&r->list, &replayed);
        end_run(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rules_and_the_naive_ledger_agree),
        cmocka_unit_test(a_planted_error_is_found_and_made_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
