/* A log that was put back: what it must not do before the chain was read again, and what it must never do after.
 *
 * Goal:    no leg is paid twice, though the part of the log that paid it is lost and the identity has money enough to pay again.
 * Method:  a market in memory; what the lost part paid is what the escrow is said to have paid when it is read again. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.h"
#include "core/market/billing.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_scene.h"
#include "tests/support/memory_store.h"

#include <stdlib.h>
#include <string.h>

static struct market *market_of(struct scene *s)
{
    return &s->market;
}

static struct escrow_row escrow_of(struct scene *s, struct id16 job_id, struct id16 *ret_id)
{
    struct job_row job;
    struct escrow_row escrow;
    assert_true(state_job(s->market.store, job_id, &job));
    assert_true(state_escrow(s->market.store, job.escrow_id, &escrow));
    *ret_id = job.escrow_id;
    return escrow;
}

static struct leg_row leg_of(struct scene *s, struct id16 escrow_id, enum leg_kind kind)
{
    struct leg_row leg = {0};
    uint8_t key[LEG_KEY_SIZE];
    leg_key(escrow_id, kind, (struct key32){0}, key);
    (void)state_leg(s->market.store, key, &leg);
    return leg;
}

/* A job that used 20 s: refund and payout are due. */
static struct id16 ended_job(struct scene *s, struct id16 *ret_escrow)
{
    struct id16 job = market_running_job(market_of(s), s->consumer, s->host, s->offer, 60000);
    s->market.now += 20 * NS_PER_S;
    assert_int_equal(
        market_end(market_of(s), s->host, job, ENDING_COMPLETED, REASON_EXITED_ZERO, 20000),
        ERR_OK);
    (void)escrow_of(s, job, ret_escrow);
    return job;
}

static struct command by(struct scene *s, enum command_type type, enum actor_kind actor)
{
    return market_command(market_of(s), type, actor, (struct id16){0});
}

static void restore(struct scene *s, uint64_t generation)
{
    struct command c = by(s, COMMAND_LEDGER_RESTORE, ACTOR_OPERATOR);
    c.u.restore = (struct ev_ledger_restored){.generation = generation,
                                              .parent_size = s->market.sequence,
                                              .parent_root = market_new_key(market_of(s))};
    (void)market_submit(market_of(s), &c);
}

static void resume(struct scene *s, uint64_t generation)
{
    struct command c = by(s, COMMAND_SETTLEMENT_RESUME, ACTOR_OPERATOR);
    c.u.resume.generation = generation;
    (void)market_submit(market_of(s), &c);
}

static void reread(struct scene *s, struct id16 escrow_id, const struct ev_found_payment *outgoing,
                   size_t count)
{
    struct command c = by(s, COMMAND_ESCROW_REREAD, ACTOR_SETTLEMENT);
    struct ev_found_payment *copy = calloc(count + 1, sizeof *copy);
    assert_non_null(copy);
    if (count > 0) {
        memcpy(copy, outgoing, count * sizeof *outgoing);
    }
    c.u.reread = (struct command_reread){.escrow_id = escrow_id,
                                         .generation = 2,
                                         .processed_tick = s->market.tick,
                                         .outgoing = {.items = copy, .count = count}};
    (void)market_submit(market_of(s), &c);
    free(copy);
}

static struct ev_found_payment payment_of(struct scene *s, const struct leg_row *leg)
{
    return (struct ev_found_payment){.paid_as = (enum paid_as)leg->kind,
                                     .tx_id = market_new_key(market_of(s)),
                                     .destination = leg->destination,
                                     .amount = leg->amount,
                                     .tick = s->market.tick};
}

/* As an honest settlement would, but for the transaction. */
static void sign_with(struct scene *s, struct id16 escrow_id, enum leg_kind kind,
                      const struct ev_found_payment *found)
{
    struct leg_row leg = leg_of(s, escrow_id, kind);
    struct command c = market_leg_command(market_of(s), COMMAND_LEG_SIGN, escrow_id, &leg);
    c.u.leg.u.signing.tx_id = found == NULL ? market_new_key(market_of(s)) : found->tx_id;
    c.u.leg.u.signing.tick = found == NULL ? s->market.tick + 5 : found->tick;
    (void)market_submit(market_of(s), &c);
}

static void accepted(struct scene *s)
{
    if (s->market.err.code != ERR_OK) {
        fail_msg("%s", s->market.err.message);
    }
}

/* ── refusals ──────────────────────────────────────────────────────────────────────────────────── */

static void not_operator(struct scene *s)
{
    struct command c = by(s, COMMAND_LEDGER_RESTORE, ACTOR_SETTLEMENT);
    (void)market_submit(market_of(s), &c);
}

static void generation_used(struct scene *s)
{
    restore(s, 2);
    accepted(s);
    restore(s, 2);
}

static void restore_invalid(struct scene *s)
{
    struct command c = by(s, COMMAND_LEDGER_RESTORE, ACTOR_OPERATOR);
    c.u.restore.generation = 2; /* grown from nothing */
    (void)market_submit(market_of(s), &c);
}

static void not_observing(struct scene *s)
{
    resume(s, 1);
}

static void other_generation(struct scene *s)
{
    restore(s, 2);
    resume(s, 1);
}

static void escrows_unread(struct scene *s)
{
    struct id16 escrow;
    (void)ended_job(s, &escrow);
    restore(s, 2);
    resume(s, 2);
}

static void not_settlement(struct scene *s)
{
    struct command c = by(s, COMMAND_ESCROW_REREAD, ACTOR_OPERATOR);
    (void)market_submit(market_of(s), &c);
}

static void no_such_escrow(struct scene *s)
{
    reread(s, market_new_id(market_of(s)), NULL, 0);
}

static void nothing_new(struct scene *s)
{
    struct id16 escrow;
    (void)ended_job(s, &escrow);
    restore(s, 2);
    reread(s, escrow, NULL, 0);
    accepted(s);
    reread(s, escrow, NULL, 0);
}

static void reread_invalid(struct scene *s)
{
    struct id16 escrow;
    (void)ended_job(s, &escrow);
    restore(s, 2);
    struct command c = by(s, COMMAND_ESCROW_REREAD, ACTOR_SETTLEMENT);
    c.u.reread = (struct command_reread){.escrow_id = escrow, .generation = 2};
    (void)market_submit(market_of(s), &c);
}

/* So many returns that the log does not know. */
static void reread_many(struct scene *s, struct id16 escrow, size_t count)
{
    struct ev_found_payment *many = calloc(count, sizeof *many);
    assert_non_null(many);
    for (size_t i = 0; i < count; i++) {
        many[i] = (struct ev_found_payment){.paid_as = PAID_RETURN,
                                            .tx_id = market_new_key(market_of(s)),
                                            .deposit_tx = market_new_key(market_of(s)),
                                            .destination = market_new_key(market_of(s)),
                                            .amount = AMOUNT_MAX,
                                            .tick = UINT32_MAX};
    }
    reread(s, escrow, many, count);
    free(many);
}

static void reread_too_large(struct scene *s)
{
    struct id16 escrow;
    (void)ended_job(s, &escrow);
    restore(s, 2);
    reread_many(s, escrow, 400 * 64 + 1);
}

static void observing(struct scene *s)
{
    struct id16 escrow;
    (void)ended_job(s, &escrow);
    restore(s, 2);
    reread(s, escrow, NULL, 0);
    sign_with(s, escrow, LEG_REFUND, NULL);
}

/* Paid and over before the restore; then a lock came late, and its return may have been paid in the lost part. */
static void not_reread(struct scene *s)
{
    struct id16 escrow;
    struct id16 job = ended_job(s, &escrow);
    for (enum leg_kind kind = LEG_REFUND; kind <= LEG_PAYOUT; kind++) {
        sign_with(s, escrow, kind, NULL);
        struct leg_row leg = leg_of(s, escrow, kind);
        struct command paid = market_leg_command(market_of(s), COMMAND_LEG_CONFIRM, escrow, &leg);
        (void)market_submit(market_of(s), &paid);
        accepted(s);
    }
    restore(s, 2);
    resume(s, 2); /* nothing is open */
    accepted(s);
    struct command late = market_lock_of(market_of(s), job);
    (void)market_submit(market_of(s), &late);
    accepted(s);
    struct leg_row leg;
    uint8_t key[LEG_KEY_SIZE];
    leg_key(escrow, LEG_RETURN, late.u.deposit.tx_id, key);
    assert_true(state_leg(s->market.store, key, &leg));
    struct command c = market_leg_command(market_of(s), COMMAND_LEG_SIGN, escrow, &leg);
    (void)market_submit(market_of(s), &c);
}

/* The lost part paid more to the provider than is due now: there is money enough in the identity, and it stays there. */
static void paid_before(struct scene *s)
{
    struct id16 escrow;
    (void)ended_job(s, &escrow);
    struct leg_row payout = leg_of(s, escrow, LEG_PAYOUT);
    struct ev_found_payment more = payment_of(s, &payout);
    more.amount++;
    restore(s, 2);
    reread(s, escrow, &more, 1);
    accepted(s);
    resume(s, 2);
    accepted(s);
    sign_with(s, escrow, LEG_REFUND, NULL); /* no shortfall was reported, and it is the next leg */
}

static void found_differs(struct scene *s)
{
    struct id16 escrow;
    (void)ended_job(s, &escrow);
    struct leg_row refund = leg_of(s, escrow, LEG_REFUND);
    struct ev_found_payment paid = payment_of(s, &refund);
    paid.amount--;
    restore(s, 2);
    reread(s, escrow, &paid, 1);
    resume(s, 2);
    sign_with(s, escrow, LEG_REFUND, &paid);
}

#define ROW(name, code)                                                                            \
    {                                                                                              \
#name, code, name                                                                          \
    }
static const struct refusal ROWS[] = {
    ROW(not_operator, ERR_DENIED),       ROW(generation_used, ERR_CONFLICT),
    ROW(restore_invalid, ERR_INVALID),   ROW(not_observing, ERR_CONFLICT),
    ROW(other_generation, ERR_CONFLICT), ROW(escrows_unread, ERR_CONFLICT),
    ROW(not_settlement, ERR_DENIED),     ROW(no_such_escrow, ERR_NOT_FOUND),
    ROW(nothing_new, ERR_CONFLICT),      ROW(reread_invalid, ERR_INVALID),
    ROW(reread_too_large, ERR_INVALID),  ROW(observing, ERR_CONFLICT),
    ROW(not_reread, ERR_CONFLICT),       ROW(paid_before, ERR_CONFLICT),
    ROW(found_differs, ERR_CONFLICT),
};

static void every_refusal_is_provoked(void **state)
{
    (void)state;
    refusals_provoke(ROWS, sizeof ROWS / sizeof *ROWS);
}

static void no_rule_lacks_its_row(void **state)
{
    (void)state;
    refusals_compare(ROWS, sizeof ROWS / sizeof *ROWS, "core/market/decide_restore.c");
}

/* ── what is found becomes the leg it paid ─────────────────────────────────────────────────────── */

/* The payout was found and the refund was not: the payout is taken first, out of turn, and then the refund is paid once. */
static void a_found_payment_becomes_its_leg(void **state)
{
    (void)state;
    struct scene *s = scene_open(NULL);
    struct id16 escrow_id;
    struct id16 job = ended_job(s, &escrow_id);
    struct leg_row payout = leg_of(s, escrow_id, LEG_PAYOUT);
    struct ev_found_payment found = payment_of(s, &payout);
    struct ev_found_payment swept = {.paid_as = PAID_OTHERWISE,
                                     .tx_id = market_new_key(market_of(s)),
                                     .destination = market_new_key(market_of(s)),
                                     .amount = 9,
                                     .tick = 1};
    restore(s, 2);
    reread(s, escrow_id, (struct ev_found_payment[]){found, swept}, 2);
    accepted(s);
    assert_int_equal(escrow_of(s, job, &escrow_id).found_open, 1); /* a sweep holds nothing up */
    resume(s, 2);
    accepted(s);

    sign_with(s, escrow_id, LEG_REFUND, NULL);
    assert_string_equal(s->market.word, "paid_before");
    sign_with(s, escrow_id, LEG_PAYOUT, NULL);
    assert_string_equal(s->market.word, "paid_before"); /* not a second time */
    sign_with(s, escrow_id, LEG_PAYOUT, &found);
    accepted(s);
    payout = leg_of(s, escrow_id, LEG_PAYOUT);
    struct command lose = market_leg_command(market_of(s), COMMAND_LEG_LOSE, escrow_id, &payout);
    for (uint64_t count = 0; count < 4; count++) { /* it is on the chain: no count makes it lost */
        lose.u.leg.u.lost.outgoing_count = count;
        lose.command_id = market_new_id(market_of(s));
        assert_int_equal(market_submit(market_of(s), &lose), ERR_CONFLICT);
        assert_string_equal(s->market.word, "no_evidence");
    }
    struct command paid = market_leg_command(market_of(s), COMMAND_LEG_CONFIRM, escrow_id, &payout);
    assert_int_equal(market_submit(market_of(s), &paid), ERR_OK);
    assert_int_equal(escrow_of(s, job, &escrow_id).found_open, 0);
    sign_with(s, escrow_id, LEG_PAYOUT, &found);
    assert_string_equal(s->market.word, "leg_paid");
    sign_with(s, escrow_id, LEG_REFUND, NULL);
    accepted(s);
    struct leg_row refund =
        leg_of(s, escrow_id, LEG_REFUND); /* signed after the reading: the count held it already */
    lose = market_leg_command(market_of(s), COMMAND_LEG_LOSE, escrow_id, &refund);
    lose.u.leg.u.lost.outgoing_count = refund.outgoing_count;
    assert_int_equal(market_submit(market_of(s), &lose), ERR_OK);
    scene_close(s);
}

/* Attempt 1 is in the log, attempt 2 was in the lost part, and paid. */
static void a_lost_attempt_gives_way_to_the_one_that_was_found(void **state)
{
    (void)state;
    struct scene *s = scene_open(NULL);
    struct id16 escrow_id;
    (void)ended_job(s, &escrow_id);
    sign_with(s, escrow_id, LEG_REFUND, NULL);
    accepted(s);
    struct leg_row refund = leg_of(s, escrow_id, LEG_REFUND);
    struct ev_found_payment second = payment_of(s, &refund);
    struct command lose = market_leg_command(market_of(s), COMMAND_LEG_LOSE, escrow_id, &refund);
    restore(s, 2);
    lose.u.leg.u.lost.outgoing_count = refund.outgoing_count + 1;
    assert_int_equal(market_submit(market_of(s), &lose), ERR_CONFLICT); /* what left? */
    reread(s, escrow_id, &second, 1);
    lose.command_id = market_new_id(market_of(s));
    assert_int_equal(market_submit(market_of(s), &lose), ERR_OK); /* evidence, while it observes */
    resume(s, 2);
    sign_with(s, escrow_id, LEG_REFUND, NULL);
    assert_string_equal(s->market.word, "paid_before");
    sign_with(s, escrow_id, LEG_REFUND, &second);
    accepted(s);
    scene_close(s);
}

/* What the log has in flight or confirmed is not found once more. */
static void what_the_log_knows_is_not_found(void **state)
{
    (void)state;
    struct scene *s = scene_open(NULL);
    struct id16 escrow_id;
    struct id16 job = ended_job(s, &escrow_id);
    sign_with(s, escrow_id, LEG_REFUND, NULL);
    struct leg_row refund = leg_of(s, escrow_id, LEG_REFUND);
    struct ev_found_payment known = payment_of(s, &refund);
    known.tx_id = refund.tx_id;
    restore(s, 2);
    reread(s, escrow_id, &known, 1);
    accepted(s);
    assert_int_equal(escrow_of(s, job, &escrow_id).found_open, 0);
    assert_int_equal(state_found_count(s->market.store, escrow_id, 0), 0);
    scene_close(s);
}

static void pay(struct scene *s, struct id16 escrow_id, enum leg_kind kind, struct key32 deposit_tx,
                struct leg_row *ret)
{
    static const enum command_type STEPS[] = {COMMAND_LEG_SIGN, COMMAND_LEG_CONFIRM};
    uint8_t key[LEG_KEY_SIZE];
    leg_key(escrow_id, kind, deposit_tx, key);
    for (size_t i = 0; i < 2; i++) {
        assert_true(state_leg(s->market.store, key, ret));
        struct command c = market_leg_command(market_of(s), STEPS[i], escrow_id, ret);
        (void)market_submit(market_of(s), &c);
        accepted(s);
    }
    assert_true(state_leg(s->market.store, key, ret));
}

#define RETURNED 500

/* As many as somebody cares to send: the writer, and everybody with it, waits until all of them were looked for. */
static void many_known_payments_cost_a_few_looks_each(void **state)
{
    (void)state;
    struct scene *s = scene_open(NULL);
    const struct key32 none = {0};
    struct id16 escrow_id;
    struct id16 job = ended_job(s, &escrow_id);
    struct ev_found_payment known[RETURNED];
    struct leg_row leg;
    pay(s, escrow_id, LEG_REFUND, none, &leg);
    pay(s, escrow_id, LEG_PAYOUT, none, &leg);
    for (size_t i = 0; i < RETURNED; i++) {
        struct command c = market_lock_of(market_of(s), job);
        c.u.deposit.source = market_new_key(market_of(s));
        c.u.deposit.tx_id = market_new_key(market_of(s));
        (void)market_submit(market_of(s), &c);
        accepted(s);
        pay(s, escrow_id, LEG_RETURN, c.u.deposit.tx_id, &leg);
        known[i] = payment_of(s, &leg);
        known[i].tx_id = leg.tx_id;
        known[i].deposit_tx = leg.deposit_tx;
    }
    restore(s, 2);
    memory_store_fail_at(s->market.store, (size_t)10 * RETURNED);
    reread(s, escrow_id, known, RETURNED);
    memory_store_fail_at(s->market.store, 0);
    accepted(s);
    assert_int_equal(escrow_of(s, job, &escrow_id).found_open, 0);
    scene_close(s);
}

static void nothing_expires_while_it_observes(void **state)
{
    (void)state;
    struct scene *s = scene_open(NULL);
    struct id16 upload = market_upload(market_of(s), s->consumer, 60000, 60000);
    struct id16 quote = market_quote(market_of(s), s->consumer, upload, s->offer);
    struct id16 job = market_create_job(market_of(s), s->consumer, quote);
    struct id16 escrow_id;
    struct escrow_row escrow = escrow_of(s, job, &escrow_id);
    restore(s, 2);
    struct command expire = by(s, COMMAND_ESCROW_EXPIRE, ACTOR_SETTLEMENT);
    expire.u.confirm =
        (struct command_confirm){.escrow_id = escrow_id, .processed_tick = escrow.last_tick + 3};
    assert_int_equal(market_submit(market_of(s), &expire), ERR_CONFLICT);
    assert_string_equal(s->market.word, "observing");
    reread(s, escrow_id, NULL, 0);
    resume(s, 2);
    accepted(s);
    assert_int_equal(market_submit(market_of(s), &expire), ERR_OK);
    scene_close(s);
}

/* More than a record holds: several records of one command, so all of them or none. */
static void payments_that_do_not_fit_in_one_record_are_told_in_several(void **state)
{
    (void)state;
    struct scene *s = scene_open(NULL);
    struct id16 escrow_id;
    struct id16 job = ended_job(s, &escrow_id);
    restore(s, 2);
    uint64_t const before = s->market.sequence;
    reread_many(s, escrow_id, 1000);
    accepted(s);
    assert_int_equal(s->market.sequence - before, 3);
    assert_int_equal(escrow_of(s, job, &escrow_id).found_open, 1000);
    assert_int_equal(state_found_count(s->market.store, escrow_id, 0), 1000);
    resume(s, 2);
    accepted(s);
    scene_close(s);
}

/* One escrow that the archive never shows as it must be holds itself, and nobody else. */
static void an_operator_resumes_in_spite_of_what_is_unread_and_that_alone_is_held(void **state)
{
    (void)state;
    struct scene *s = scene_open(NULL);
    struct id16 unread;
    struct id16 read;
    struct id16 waiting;
    (void)ended_job(s, &unread);
    (void)ended_job(s, &read);
    struct id16 upload = market_upload(market_of(s), s->consumer, 60000, 60000);
    struct id16 quote = market_quote(market_of(s), s->consumer, upload, s->offer);
    struct id16 job = market_create_job(market_of(s), s->consumer, quote);
    struct escrow_row escrow = escrow_of(s, job, &waiting);
    restore(s, 2);
    reread(s, read, NULL, 0);
    resume(s, 2);
    assert_string_equal(s->market.word, "escrows_unread");
    struct command c = by(s, COMMAND_SETTLEMENT_RESUME, ACTOR_OPERATOR);
    c.u.resume = (struct command_resume){.generation = 2, .unread_max = 1};
    assert_int_equal(market_submit(market_of(s), &c), ERR_CONFLICT); /* there are two */
    assert_string_equal(s->market.word, "escrows_unread");
    c.u.resume.unread_max = 2;
    assert_int_equal(market_submit(market_of(s), &c), ERR_OK);

    sign_with(s, read, LEG_REFUND, NULL);
    accepted(s);
    sign_with(s, unread, LEG_REFUND, NULL);
    assert_string_equal(s->market.word, "not_reread");
    struct command expire = by(s, COMMAND_ESCROW_EXPIRE, ACTOR_SETTLEMENT);
    expire.u.confirm =
        (struct command_confirm){.escrow_id = waiting, .processed_tick = escrow.last_tick + 3};
    assert_int_equal(market_submit(market_of(s), &expire), ERR_CONFLICT);
    assert_string_equal(s->market.word, "not_reread");
    reread(s, unread, NULL, 0);
    reread(s, waiting, NULL, 0);
    sign_with(s, unread, LEG_REFUND, NULL);
    accepted(s);
    assert_int_equal(market_submit(market_of(s), &expire), ERR_OK);
    scene_close(s);
}

/* The lost part may have opened an escrow of it. */
static void no_key_ends_while_it_observes(void **state)
{
    (void)state;
    struct scene *s = scene_open(NULL);
    struct command add = by(s, COMMAND_KEY_ADD, ACTOR_OPERATOR);
    struct command retire = by(s, COMMAND_KEY_RETIRE, ACTOR_SETTLEMENT);
    add.u.key.key_id = ++s->market.key_id;
    assert_int_equal(market_submit(market_of(s), &add), ERR_OK);
    retire.u.key_retire.key_id = add.u.key.key_id - 1;
    restore(s, 2);
    assert_int_equal(market_submit(market_of(s), &retire), ERR_CONFLICT);
    assert_string_equal(s->market.word, "observing");
    resume(s, 2);
    accepted(s);
    assert_int_equal(market_submit(market_of(s), &retire), ERR_OK);
    scene_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal_is_provoked),
        cmocka_unit_test(no_rule_lacks_its_row),
        cmocka_unit_test(a_found_payment_becomes_its_leg),
        cmocka_unit_test(a_lost_attempt_gives_way_to_the_one_that_was_found),
        cmocka_unit_test(what_the_log_knows_is_not_found),
        cmocka_unit_test(many_known_payments_cost_a_few_looks_each),
        cmocka_unit_test(nothing_expires_while_it_observes),
        cmocka_unit_test(payments_that_do_not_fit_in_one_record_are_told_in_several),
        cmocka_unit_test(an_operator_resumes_in_spite_of_what_is_unread_and_that_alone_is_held),
        cmocka_unit_test(no_key_ends_while_it_observes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
