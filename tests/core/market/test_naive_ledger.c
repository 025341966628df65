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
#include "tests/support/naive_compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 200
#define STEPS 800
#define COMPARE_ALL_EVERY 50 /* commands */
#define COMMAND_TYPES (COMMAND_CHECKPOINT_ANCHOR + 1)

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
        duel_note(d, decision.events[i]);
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
        duel_answer(&d, &item->command, item->now, accepted, err.message);
        i++;
        if (r->print) {
            print_command(i, item, list->items[0].now, accepted, &err);
        }
    }
    if (d.wrong[0] == '\0') {
        duel_compare_all(&d);
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
    duel_note(&r->duel, event);
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
    duel_answer(&r->duel, command, r->market.now, accepted, r->market.word);
    if (r->list.count % COMPARE_ALL_EVERY == 0) {
        duel_compare_all(&r->duel);
    }
}

/* A command from the list once more: the last, or any that is stale by now; mostly under another's name. */
static void strange_step(struct run *r)
{
    struct market *m = &r->market;
    bool stale = market_chance(m, 40);
    size_t at = stale ? market_below(m, r->list.count) : r->list.count - 1;
    struct command command = r->list.items[at].command;
    command.command_id = market_new_id(m);
    if (!stale || market_chance(m, 30)) {
        const struct market_ids *ids = market_chance(m, 50) ? &m->accounts : &m->hosts;
        command.actor_kind = (enum actor_kind)(1 + market_below(m, ACTOR_OPERATOR));
        command.actor_id =
            ids->count == 0 ? (struct id16){{0}} : ids->ids[market_below(m, ids->count)];
    }
    (void)market_submit(m, &command);
}

/* As much output as still fits inline, or a byte more. */
static void fill_output(struct market *m, struct id16 host_id, struct id16 job_id,
                        const struct job_row *job)
{
    static char text[2048];
    struct ledger_row ledger;
    assert_true(state_ledger(m->store, &ledger));
    uint64_t room = ledger.output_max - job->output_size + market_below(m, 2);
    if (room == 0 || room > sizeof text) {
        return;
    }
    memset(text, '=', sizeof text);
    struct command command = market_command(m, COMMAND_JOB_OUTPUT, ACTOR_HOST, host_id);
    command.u.output.job_id = job_id;
    command.u.output.output = (struct ev_job_output){
        .source = OUTPUT_STDOUT, .first_line = job->next_line, .text = bytes_of(text, room)};
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
    } else if (market_chance(m, 15)) {
        fill_output(m, host_id, host.job_id, &job);
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

static void spoil_deposit(struct market *m, struct command_deposit *deposit)
{
    switch (market_below(m, 6)) {
    case 0:
        deposit->job_id = market_new_id(m);
        break;
    case 1:
        deposit->payload_escrow_id = market_new_id(m);
        break;
    case 2:
        deposit->quote_id = market_new_id(m);
        break;
    case 3:
        deposit->provider = market_new_key(m);
        break;
    case 4:
        deposit->source = market_new_key(m);
        break;
    default:
        deposit->payload_ours = false;
        break;
    }
}

/* One field of what settlement saw is not what was signed. */
static void spoil_leg(struct market *m, struct command *command)
{
    struct command_leg *leg = &command->u.leg;
    bool lost = command->type == COMMAND_LEG_LOSE;
    switch (market_below(m, 5)) {
    case 0:
        ++*(lost ? &leg->u.lost.attempt : &leg->u.confirmed.attempt);
        break;
    case 1:
        *(lost ? &leg->u.lost.tx_id : &leg->u.confirmed.tx_id) = market_new_key(m);
        break;
    case 2:
        ++*(lost ? &leg->u.lost.tick : &leg->u.confirmed.tick);
        break;
    case 3:
        if (lost) {
            leg->u.lost.outgoing_count++;
        } else {
            leg->u.confirmed.amount++;
        }
        break;
    default:
        if (lost) {
            leg->u.lost.balance_tick = leg->u.lost.tick - market_below(m, 2);
        } else {
            leg->u.confirmed.destination = market_new_key(m);
        }
        break;
    }
}

/* Settlement, to a tick and a unit: what comes just in time, just too late, just too much, for any job and any leg. */
static void settlement_step(struct run *r)
{
    struct market *m = &r->market;
    const struct naive_ledger *n = r->duel.naive;
    struct leg_row row;
    uint8_t key[LEG_KEY_SIZE];
    if (n->job_count == 0) {
        return;
    }
    const struct naive_job *job = &n->jobs[market_below(m, n->job_count)];
    struct command command =
        market_command(m, COMMAND_ESCROW_EXPIRE, ACTOR_SETTLEMENT, (struct id16){{0}});
    uint64_t off = market_below(m, 3);
    switch (market_below(m, 4)) {
    case 0:
        command.u.confirm.escrow_id = job->escrow_id;
        command.u.confirm.processed_tick = job->last_tick + 1 + off;
        break;
    case 1:
        command.type = COMMAND_ESCROW_CONFIRM;
        command.u.confirm.escrow_id = job->escrow_id;
        command.u.confirm.confirmations = job->confirmations + 1;
        command.u.confirm.processed_tick = job->lock_tick + job->confirmations + off;
        break;
    case 2:
        command = market_lock_of(m, job->id);
        command.u.deposit.amount += market_chance(m, 30) ? (int64_t)off - 1 : 0;
        command.u.deposit.tick = job->last_tick - 1 + off;
        if (market_chance(m, 30)) {
            spoil_deposit(m, &command.u.deposit);
        }
        break;
    default:
        if (n->leg_count > 0) {
            const struct naive_leg *leg = &n->legs[market_below(m, n->leg_count)];
            struct id16 escrow_id = n->jobs[leg->job].escrow_id;
            enum command_type type = (enum command_type)(COMMAND_LEG_SIGN + off);
            leg_key(escrow_id, leg->kind, leg->deposit_tx, key);
            assert_true(state_leg(m->store, key, &row));
            command = market_leg_command(m, type, escrow_id, &row);
            if (type != COMMAND_LEG_SIGN && market_chance(m, 40)) {
                spoil_leg(m, &command);
            } else if (type == COMMAND_LEG_LOSE) {
                command.u.leg.u.lost.processed_tick -= market_below(m, 2);
            } else if (type == COMMAND_LEG_CONFIRM) {
                command.u.leg.u.confirmed.processed_tick -= market_below(m, 2);
            }
        }
        break;
    }
    (void)market_submit(m, &command);
}

/* A job from the last quote, in its last moment or just after it. */
static void quote_step(struct run *r)
{
    struct market *m = &r->market;
    const struct naive_ledger *n = r->duel.naive;
    if (n->quote_count == 0 || m->jobs.count == MARKET_THINGS_MAX) {
        return;
    }
    const struct naive_quote *quote = &n->quotes[n->quote_count - 1];
    int64_t to = quote->expires_at - (int64_t)market_below(m, 2);
    m->now = to > m->now ? to : m->now;
    (void)market_create_job(m, quote->account_id, quote->id);
}

/* Other terms for who is paid when; quotes stand on those they were given under. */
static void terms_step(struct market *m)
{
    struct ev_failure_term items[ENDING_NEVER_FUNDED];
    struct command command =
        market_command(m, COMMAND_TERMS_SET, ACTOR_OPERATOR, (struct id16){{0}});
    for (int i = 0; i < ENDING_NEVER_FUNDED; i++) {
        items[i] = (struct ev_failure_term){.ending = (enum ending)(i + 1),
                                            .provider_paid = market_chance(m, 50)};
    }
    command.u.terms = m->terms;
    command.u.terms.failure_terms =
        (struct event_list){.items = items, .count = ENDING_NEVER_FUNDED};
    (void)market_submit(m, &command);
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
    if (market_chance(m, 15)) { /* we were down until now */
        struct command command =
            market_command(m, COMMAND_LEDGER_START, ACTOR_LEDGER, (struct id16){{0}});
        (void)market_submit(m, &command);
    }
    if (market_chance(m, 50)) {
        (void)market_sweep(m);
    }
}

static void take_step(struct run *r)
{
    uint64_t roll = market_below(&r->market, 100);
    if (roll < 8) {
        strange_step(r);
    } else if (roll < 9) {
        deadline_step(&r->market);
    } else if (roll < 24) {
        working_step(&r->market);
    } else if (roll < 29) {
        settlement_step(r);
    } else if (roll == 29 && market_chance(&r->market, 30)) {
        quote_step(r);
    } else if (roll == 30 && market_chance(&r->market, 20)) {
        terms_step(&r->market);
    } else {
        market_random_step(&r->market);
    }
}

static struct run *begin_run(uint64_t seed, enum naive_error error, struct counts *counts)
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
    return r;
}

static struct run *run_market(uint64_t seed, enum naive_error error, struct counts *counts)
{
    struct run *r = begin_run(seed, error, counts);
    for (size_t i = 0; i < STEPS && r->duel.wrong[0] == '\0'; i++) {
        take_step(r);
    }
    if (r->duel.wrong[0] == '\0') {
        duel_compare_all(&r->duel);
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

/* More refunds of one consumer than a random market has, at times around the hour that each costs then. */
static void they_agree_about_who_was_refunded_too_often(void **state)
{
    (void)state;
    struct run *r = begin_run(1, NAIVE_NO_ERROR, NULL);
    struct market *m = &r->market;
    struct id16 consumer = market_sign_in(m, market_new_key(m));
    struct id16 host = market_enrol(m, market_sign_in(m, market_new_key(m)));
    assert_int_equal(market_host_online(m, host), ERR_OK);
    struct id16 offer = market_publish(m, host, 100000, 1000);
    size_t refused = 0;
    for (size_t i = 0; i < 100; i++) {
        static const int64_t AFTER[] = {0, 3600 * NS_PER_S - 1, 3600 * NS_PER_S, 7200 * NS_PER_S};
        m->now += AFTER[market_below(m, 4)];
        struct id16 quote = market_quote(m, consumer, market_upload(m, consumer, 9, 9), offer);
        struct id16 job = market_create_job(m, consumer, quote);
        if (id_is_zero(job)) {
            assert_string_equal(m->word, "too_many_refunds");
            refused++;
            continue;
        }
        struct command lock = market_lock_of(m, job);
        assert_int_equal(market_submit(m, &lock), ERR_OK);
        for (uint64_t k = 0; k < m->terms.confirmations; k++) {
            assert_int_equal(market_confirm(m, job), ERR_OK);
        }
        assert_int_equal(market_claim(m, host), ERR_OK);
        assert_int_equal(market_start(m, host, job), ERR_OK);
        bool fails = i < 25 || market_chance(m, 60);
        assert_int_equal(market_end(m, host, job, fails ? ENDING_PROGRAM_FAILED : ENDING_COMPLETED,
                                    fails ? REASON_EXITED_NONZERO : REASON_EXITED_ZERO, 1),
                         ERR_OK);
    }
    duel_compare_all(&r->duel);
    assert_string_equal(r->duel.wrong, "");
    assert_in_range(refused, 10, 60);
    end_run(r);
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
        {NAIVE_BILLS_ONE_MORE, "bills one more", 30, 0},
        {NAIVE_FEE_ROUNDED_UP, "fee rounded up", 30, 0},
        {NAIVE_PAYOUT_FIRST, "payout first", 30, COMMAND_LEG_SIGN},
        {NAIVE_DUPLICATE_IS_LOCK, "duplicate is lock", 20, COMMAND_DEPOSIT_OBSERVE},
        {NAIVE_LEASE_A_MILLI_LATE, "lease a millisecond late", 30, 0},
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
        cmocka_unit_test(they_agree_about_who_was_refunded_too_often),
        cmocka_unit_test(a_planted_error_is_found_and_made_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
