/* Settlement whole: a real ledger, a real local chain in a process of its own with ticks of 20 ms, and what stands on the chain at the
 * end. Money counts: every test compares balances on the chain, to the last QUBIC. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "tests/core/settlement/world.h"
#include "tests/support/flaky_proxy.h"

#define WINDOW 2000 /* ticks for a lock, where time is not the point */

static int setup_with(void **state, const struct world_options *options)
{
    static struct world world;
    world_start(&world, options);
    *state = &world;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, &(struct world_options){0});
}

/* A chain that takes our transactions and never runs them, until it is started again. */
static int setup_deaf(void **state)
{
    return setup_with(state, &(struct world_options){.min_offset = 40});
}

/* Time to see a signed transaction before its tick. */
static int setup_slow(void **state)
{
    return setup_with(state, &(struct world_options){.tick_offset = 50});
}

/* Time to cancel between a lock's first and last confirmation. */
static int setup_patient(void **state)
{
    return setup_with(state, &(struct world_options){.confirmations = 50});
}

static int teardown(void **state)
{
    world_end(*state);
    return 0;
}

/* ── what the chain says about one job ── */

static void a_job_that_ran_is_paid_and_the_rest_returned(void **state)
{
    struct world *w = *state;
    struct job job;
    world_create_job(w, &job, WINDOW);
    struct key32 lock = world_lock(w, &job);
    WORLD_UNTIL(world_job(w, &job).status == JOB_QUEUED);
    assert_int_equal(world_count(w, EVENT_ESCROW_CONFIRMED), 3);
    assert_int_equal(world_deposit(w, &lock).class, DEPOSIT_LOCK);
    assert_int_equal(world_balance(w, ACCOUNT_ESCROW, id_key(&job.escrow_id), 0), CAP);
    int64_t ended = time_mono_ns();
    assert_true(world_work(w, ENDING_COMPLETED));
    WORLD_UNTIL(world_done(w, &job));
    print_message("paid three legs in %lld ms\n",
                  (long long)((time_mono_ns() - ended) / NS_PER_MS));
    world_assert_empty(w, &job, 3);
    world_assert_gains(w, -USED, PAYOUT, FEE);
    /* refund, payout, fee: in this order, one attempt each */
    struct event refund;
    struct event payout;
    struct event fee;
    assert_true(world_newest(w, EVENT_REFUND_CONFIRMED, &refund));
    assert_true(world_newest(w, EVENT_PAYOUT_SIGNED, &payout));
    assert_true(world_newest(w, EVENT_FEE_SIGNED, &fee));
    assert_int_equal(refund.u.refund_confirmed.amount, REFUND);
    assert_true(refund.u.refund_confirmed.tick + 3 <= payout.u.payout_signed.tick);
    assert_true(payout.u.payout_signed.tick + 3 <= fee.u.fee_signed.tick);
    assert_true(chain_has(&w->chain, &refund.u.refund_confirmed.tx_id));
    world_verify(w);
}

static void a_job_that_failed_costs_nothing(void **state)
{
    struct world *w = *state;
    struct job job;
    world_create_job(w, &job, WINDOW);
    (void)world_lock(w, &job);
    WORLD_UNTIL(world_work(w, ENDING_PROGRAM_FAILED));
    WORLD_UNTIL(world_done(w, &job));
    world_assert_empty(w, &job, 1);
    world_assert_gains(w, 0, 0, 0);
    world_verify(w);
}

static void a_job_cancelled_after_its_lock_was_seen_costs_nothing(void **state)
{
    struct world *w = *state;
    struct job job;
    world_create_job(w, &job, WINDOW);
    struct key32 lock = world_lock(w, &job);
    WORLD_UNTIL(world_deposit(w, &lock).class == DEPOSIT_LOCK);
    world_cancel(w, &job);
    WORLD_UNTIL(world_done(w, &job));
    world_assert_empty(w, &job, 1);
    world_assert_gains(w, 0, 0, 0);
    assert_int_equal(world_deposit(w, &lock).state, DEPOSIT_RETURNED);
    world_verify(w);
}

static struct key32 pay_returned(struct world *w, struct qubic_transaction *tx,
                                 const struct qubic_keys *from, enum deposit_class class)
{
    struct key32 hash = chain_pay(&w->chain, tx, from);
    WORLD_UNTIL(world_deposit(w, &hash).state == DEPOSIT_RETURNED);
    assert_int_equal(world_deposit(w, &hash).class, class);
    assert_int_equal(world_deposit(w, &hash).amount, tx->amount);
    return hash;
}

static void money_that_is_no_lock_goes_back_whole(void **state)
{
    struct world *w = *state;
    struct job job;
    world_create_job(w, &job, WINDOW);
    struct qubic_transaction tx = world_lock_of(w, &job);
    tx.amount = CAP - 1;
    (void)pay_returned(w, &tx, &w->consumer, DEPOSIT_SHORT);
    tx.amount = CAP + 1;
    (void)pay_returned(w, &tx, &w->consumer, DEPOSIT_OVER);
    tx = world_lock_of(w, &job);
    (void)pay_returned(w, &tx, &w->stranger, DEPOSIT_FOREIGN);
    tx.input[72] ^= 1; /* another provider */
    (void)pay_returned(w, &tx, &w->consumer, DEPOSIT_MALFORMED);
    tx = world_lock_of(w, &job);
    tx.input_type = 0;
    tx.input_size = 0;
    (void)pay_returned(w, &tx, &w->consumer, DEPOSIT_MALFORMED);
    assert_int_equal(world_escrow(w, &job).status, ESCROW_REQUESTED);
    world_assert_empty(w, &job, 5);
    (void)world_lock(w, &job); /* and the right one still counts */
    WORLD_UNTIL(world_job(w, &job).status == JOB_QUEUED);
    tx = world_lock_of(w, &job);
    (void)pay_returned(w, &tx, &w->consumer, DEPOSIT_DUPLICATE);
    assert_true(world_work(w, ENDING_COMPLETED));
    WORLD_UNTIL(world_done(w, &job));
    tx = world_lock_of(w, &job); /* long after the end */
    tx.amount = 1;
    (void)pay_returned(w, &tx, &w->consumer, DEPOSIT_DUPLICATE);
    world_assert_empty(w, &job, 10);
    world_assert_gains(w, -USED, PAYOUT, FEE);
    world_assert_on_chain(w, &w->stranger.public_key, FUNDS);
    world_verify(w);
}

static void without_a_lock_the_job_ends_and_a_late_one_goes_back(void **state)
{
    struct world *w = *state;
    struct job job;
    world_create_job(w, &job, 3);
    WORLD_UNTIL(world_job(w, &job).status == JOB_ENDED);
    assert_int_equal(world_job(w, &job).ending, ENDING_NEVER_FUNDED);
    assert_int_equal(world_escrow(w, &job).status, ESCROW_CLOSED);
    struct qubic_transaction tx = world_lock_of(w, &job);
    (void)pay_returned(w, &tx, &w->consumer, DEPOSIT_LATE);
    world_assert_empty(w, &job, 1);
    /* One tick too late, before anyone knows that none came in time. */
    world_create_job(w, &job, 12);
    tx = world_lock_of(w, &job);
    tx.tick = job.last_tick + 1;
    struct key32 hash = chain_send(&w->chain, &tx, &w->consumer, 0);
    WORLD_UNTIL(world_done(w, &job));
    chain_wait_processed(&w->chain, tx.tick);
    if (chain_has(&w->chain, &hash)) { /* else the machine was too slow to send it in time */
        WORLD_UNTIL(world_deposit(w, &hash).state == DEPOSIT_RETURNED);
        assert_int_equal(world_deposit(w, &hash).class, DEPOSIT_LATE);
    }
    world_assert_gains(w, 0, 0, 0);
    world_verify(w);
}

/* A transaction can be in a tick without moving anything. */
static void a_lock_without_money_is_no_deposit(void **state)
{
    struct world *w = *state;
    struct job job;
    struct key32 hash;
    struct chain_answer a;
    world_create_job(w, &job, WINDOW);
    chain_faucet(&w->chain, &w->provider.public_key, CAP - 1);
    struct qubic_transaction tx = world_lock_of(w, &job);
    do {
        tx.tick = 0;
        hash = chain_send(&w->chain, &tx, &w->provider, 8);
        chain_wait_processed(&w->chain, tx.tick);
        CHAIN_ASK(&w->chain, a, qubic_client_transaction(w->chain.client, &hash, l, NULL, NULL));
    } while (a.answer.code != ERR_OK);
    assert_false(a.answer.transaction.money_flew);
    (void)world_lock(w, &job); /* seen after it */
    WORLD_UNTIL(world_job(w, &job).status == JOB_QUEUED);
    assert_int_equal(world_deposit(w, &hash).class, 0);
    assert_int_equal(world_count(w, EVENT_DEPOSIT_OBSERVED), 1);
}

/* ── trouble ── */

/* Goal: a transaction that was signed, sent and never ran is lost by evidence, and paid by another, once. */
static void a_lost_payment_is_made_again_once(void **state)
{
    struct world *w = *state;
    struct job job;
    struct event lost;
    world_create_job(w, &job, WINDOW);
    (void)world_lock(w, &job);
    WORLD_UNTIL(world_work(w, ENDING_COMPLETED));
    WORLD_UNTIL(world_count(w, EVENT_REFUND_LOST) >= 2);
    assert_true(world_newest(w, EVENT_REFUND_LOST, &lost));
    assert_int_equal(lost.u.refund_lost.reason, LOST_NOT_INCLUDED);
    assert_true(lost.u.refund_lost.processed_tick >= lost.u.refund_lost.tick + 3);
    assert_true(lost.u.refund_lost.balance_tick >= lost.u.refund_lost.tick);
    assert_int_equal(lost.u.refund_lost.outgoing_count, 0);
    assert_false(chain_has(&w->chain, &lost.u.refund_lost.tx_id));
    chain_process_stop(&w->chain, SIGTERM);
    w->chain.min_offset = 3;
    chain_process_run(&w->chain);
    WORLD_UNTIL(world_done(w, &job));
    world_assert_empty(w, &job, 3);
    world_assert_gains(w, -USED, PAYOUT, FEE);
    size_t attempts = world_count(w, EVENT_REFUND_SIGNED);
    assert_int_equal(attempts, world_count(w, EVENT_REFUND_LOST) + 1);
    assert_int_equal(world_count(w, EVENT_REFUND_CONFIRMED), 1);
    world_verify(w);
}

/* Goal: a chain that dies with our transaction waiting in it is waited for; then the very same bytes are sent again. */
static void a_chain_that_dies_is_waited_for(void **state)
{
    struct world *w = *state;
    struct job job;
    struct settlement_status status;
    world_create_job(w, &job, WINDOW);
    (void)world_lock(w, &job);
    WORLD_UNTIL(world_work(w, ENDING_COMPLETED));
    WORLD_UNTIL(world_count(w, EVENT_REFUND_SIGNED) == 1);
    chain_process_stop(&w->chain, SIGKILL);
    WORLD_UNTIL((settlement_status(w->settlement, &status), !status.chain_answers));
    assert_true(status.on);
    assert_true(strlen(status.reason) > 0);
    chain_process_run(&w->chain);
    WORLD_UNTIL(world_count(w, EVENT_REFUND_CONFIRMED) + world_count(w, EVENT_REFUND_LOST) > 0);
    assert_int_equal(world_count(w, EVENT_REFUND_LOST), 0);
    WORLD_UNTIL(world_done(w, &job));
    world_assert_empty(w, &job, 3);
    world_assert_gains(w, -USED, PAYOUT, FEE);
    world_verify(w);
}

/* Goal: less on the chain than in the ledger stops the escrow's payments, and only a cure goes on. */
static void a_shortfall_stops_the_escrow(void **state)
{
    struct world *w = *state;
    struct job job;
    struct qubic_keys keys;
    world_create_job(w, &job, WINDOW);
    (void)world_lock(w, &job);
    WORLD_UNTIL(world_job(w, &job).status == JOB_QUEUED);
    escrow_keys_derive(&w->operator_keys[0], job.escrow_id, &keys);
    struct qubic_transaction theft = {.destination = w->stranger.public_key, .amount = 1};
    (void)chain_pay(&w->chain, &theft, &keys);
    assert_true(world_work(w, ENDING_COMPLETED));
    WORLD_UNTIL(world_escrow(w, &job).shortfall != 0);
    chain_wait_processed(&w->chain, chain_now(&w->chain) + 20);
    assert_int_equal(world_count(w, EVENT_REFUND_SIGNED), 0);
    assert_int_equal(world_count(w, EVENT_ESCROW_SHORTFALL), 1);
    chain_faucet(&w->chain, &job.identity, 1);
    WORLD_UNTIL(world_done(w, &job));
    assert_int_equal(world_count(w, EVENT_ESCROW_SHORTFALL), 2);
    world_assert_empty(w, &job, 4);
    world_assert_gains(w, -USED, PAYOUT, FEE);
    world_verify(w);
}

static void money_without_a_transaction_is_told_and_not_spent(void **state)
{
    struct world *w = *state;
    struct job job;
    struct settlement_surplus surplus[SETTLEMENT_SURPLUS_MAX];
    struct settlement_status status;
    world_create_job(w, &job, WINDOW);
    (void)world_lock(w, &job);
    WORLD_UNTIL(world_job(w, &job).status == JOB_QUEUED);
    assert_int_equal(settlement_surplus(w->settlement, surplus), 0);
    chain_faucet(&w->chain, &job.identity, 77);
    uint32_t now = chain_now(&w->chain);
    WORLD_UNTIL((settlement_status(w->settlement, &status), status.cursor > now));
    assert_true(world_work(w, ENDING_COMPLETED));
    WORLD_UNTIL(world_done(w, &job));
    assert_int_equal(settlement_surplus(w->settlement, surplus), 1);
    assert_true(id_equal(surplus[0].escrow_id, job.escrow_id));
    assert_int_equal(surplus[0].amount, 77);
    assert_true(surplus[0].tick > now);
    world_assert_on_chain(w, &job.identity, 77);
    world_assert_gains(w, -USED, PAYOUT, FEE);
}

/* Goal: whoever holds the escrow's key moves money out while our payment is on its way: the payment runs, but moves nothing. The
 * count of outgoing transfers has changed, so it is never called lost, and nothing is signed after it. */
static void a_payment_that_moved_nothing_with_a_changed_count_is_doubted(void **state)
{
    struct world *w = *state;
    struct job job;
    struct event signing;
    struct qubic_keys keys;
    world_create_job(w, &job, WINDOW);
    (void)world_lock(w, &job);
    WORLD_UNTIL(world_work(w, ENDING_COMPLETED));
    WORLD_UNTIL(world_newest(w, EVENT_REFUND_SIGNED, &signing));
    escrow_keys_derive(&w->operator_keys[0], job.escrow_id, &keys);
    struct qubic_transaction theft = {.destination = w->stranger.public_key,
                                      .amount = CAP,
                                      .tick = (uint32_t)signing.u.refund_signed.tick - 5};
    struct key32 hash = chain_send(&w->chain, &theft, &keys, 0);
    chain_wait_processed(&w->chain, (uint32_t)signing.u.refund_signed.tick + 20);
    assert_true(chain_has(&w->chain, &hash));
    assert_int_equal(world_count(w, EVENT_REFUND_SIGNED), 1);
    assert_int_equal(world_count(w, EVENT_REFUND_LOST), 0);
    assert_int_equal(world_count(w, EVENT_REFUND_CONFIRMED), 0);
    assert_int_equal(world_escrow(w, &job).in_flight, 1);
    world_verify(w);
}

static bool reason_has(struct world *w, const char *words)
{
    struct settlement_status status;
    settlement_status(w->settlement, &status);
    return strstr(status.reason, words) != NULL;
}

/* Goal: what a balance from before says is no reason to pay, nor to call a payment lost; and it is not waited for without end. */
static void an_old_balance_decides_nothing(void **state)
{
    struct world *w = *state;
    struct job job;
    struct flaky_proxy proxy;
    char live_url[64];
    struct event signing;
    flaky_proxy_start(&proxy, w->chain.port, 1);
    (void)snprintf(live_url, sizeof live_url, "http://127.0.0.1:%u/live/v1", proxy.port);
    world_stop_settlement(w);
    w->live_url = live_url;
    world_start_settlement(w);
    world_create_job(w, &job, WINDOW);
    (void)world_lock(w, &job);
    WORLD_UNTIL(world_job(w, &job).status == JOB_QUEUED);
    atomic_store(&proxy.old_balances, true);
    assert_true(world_work(w, ENDING_COMPLETED));
    WORLD_UNTIL(reason_has(w, "too old"));
    chain_wait_processed(&w->chain, chain_now(&w->chain) + 10);
    assert_int_equal(world_count(w, EVENT_REFUND_SIGNED), 0);
    atomic_store(&proxy.old_balances, false);
    WORLD_UNTIL(world_newest(w, EVENT_REFUND_SIGNED, &signing)); /* it will not run */
    atomic_store(&proxy.old_balances, true);
    WORLD_UNTIL(reason_has(w, "the balance is from before"));
    chain_wait_processed(&w->chain, (uint32_t)signing.u.refund_signed.tick + 10);
    assert_int_equal(world_count(w, EVENT_REFUND_LOST), 0);
    atomic_store(&proxy.old_balances, false);
    WORLD_UNTIL(world_count(w, EVENT_REFUND_LOST) > 0);
    chain_process_stop(&w->chain, SIGTERM);
    w->chain.min_offset = 3;
    chain_process_run(&w->chain);
    WORLD_UNTIL(world_done(w, &job));
    world_assert_empty(w, &job, 3);
    world_assert_gains(w, -USED, PAYOUT, FEE);
    world_stop_settlement(w);
    flaky_proxy_stop(&proxy);
}

/* Goal: anchoring that has no money costs no payment anything; with some, a signed checkpoint is on the chain for nothing. */
static void a_checkpoint_is_anchored_beside_the_payments(void **state)
{
    struct world *w = *state;
    struct job job;
    struct settlement_status status;
    struct event anchor;
    struct chain_answer a;
    world_stop_settlement(w);
    w->anchor.every_events = 3;
    world_start_settlement(w);
    world_create_job(w, &job, WINDOW);
    (void)world_lock(w, &job);
    WORLD_UNTIL(world_work(w, ENDING_COMPLETED));
    WORLD_UNTIL(world_done(w, &job));
    WORLD_UNTIL((settlement_status(w->settlement, &status), status.anchor_reason[0] != '\0'));
    assert_non_null(strstr(status.anchor_reason, "no QUBIC"));
    assert_string_equal(status.reason, "");
    assert_int_equal(status.anchored_size, 0);
    assert_int_equal(world_count(w, EVENT_CHECKPOINT_ANCHORED), 0);
    chain_faucet(&w->chain, &status.anchor_identity, 5);
    WORLD_UNTIL(world_newest(w, EVENT_CHECKPOINT_ANCHORED, &anchor));
    WORLD_UNTIL((settlement_status(w->settlement, &status), status.anchored_size > 0));
    assert_string_equal(status.anchor_reason, "");
    CHAIN_ASK(&w->chain, a,
              qubic_client_transaction(w->chain.client, &anchor.u.checkpoint_anchored.tx_id, l,
                                       NULL, NULL));
    assert_int_equal(a.answer.code, ERR_OK);
    assert_false(a.answer.transaction.money_flew);
    world_assert_on_chain(w, &status.anchor_identity, 5);
    world_assert_empty(w, &job, 3);
    world_assert_gains(w, -USED, PAYOUT, FEE);
    world_verify(w);
}

static void a_wrong_seed_keeps_settlement_off(void **state)
{
    struct world *w = *state;
    struct settlement_status status;
    uint64_t key_id = 7;
    world_stop_settlement(w);
    w->operator_keys[0].seed[10] = 'x';
    world_start_settlement(w);
    settlement_status(w->settlement, &status);
    assert_false(status.on);
    assert_non_null(strstr(status.reason, "seed"));
    struct id16 escrow_id = id_new(time_wall_ns());
    struct key32 none = settlement_escrow_identity(w->settlement, escrow_id, &key_id);
    assert_true(key_is_zero(none));
    assert_int_equal(key_id, 0);
    (void)usleep(100000);
    settlement_status(w->settlement, &status);
    assert_false(status.on);
    assert_int_equal(status.tick, 0);
}

static void another_chain_keeps_settlement_off(void **state)
{
    struct world *w = *state;
    struct job job;
    struct chain_process other;
    struct settlement_status status;
    world_create_job(w, &job, WINDOW);
    (void)world_lock(w, &job);
    WORLD_UNTIL(world_work(w, ENDING_COMPLETED));
    WORLD_UNTIL(world_count(w, EVENT_ESCROW_SETTLED) == 1);
    world_stop_settlement(w);
    size_t signings = world_count(w, EVENT_REFUND_SIGNED);
    chain_process_start(&other, 1000000, 3);
    w->live_url = other.live_url;
    w->query_url = other.query_url;
    world_start_settlement(w);
    WORLD_UNTIL((settlement_status(w->settlement, &status), strlen(status.reason) > 0));
    assert_false(status.on);
    assert_non_null(strstr(status.reason, "does not know"));
    (void)usleep(200000);
    settlement_status(w->settlement, &status);
    assert_false(status.on);
    assert_int_equal(world_count(w, EVENT_REFUND_SIGNED), signings);
    world_stop_settlement(w);
    chain_process_end(&other);
    w->live_url = w->query_url = NULL;
    world_start_settlement(w);
    WORLD_UNTIL(world_done(w, &job));
    world_assert_empty(w, &job, 3);
    world_assert_gains(w, -USED, PAYOUT, FEE);
}

static void stopping_does_not_wait_for_a_chain_that_hangs(void **state)
{
    struct world *w = *state;
    struct settlement_status status;
    WORLD_UNTIL((settlement_status(w->settlement, &status), status.on));
    assert_int_equal(kill(w->chain.pid, SIGSTOP), 0);
    (void)usleep(200000); /* a question is under way */
    int64_t before = time_mono_ns();
    world_stop_settlement(w);
    assert_true(time_mono_ns() - before < NS_PER_S);
    assert_int_equal(kill(w->chain.pid, SIGCONT), 0);
}

/* What may stand in the cursor's file, all of it a trap: it says that the chain was read up to `tick`, past a deposit. */
static void write_cursor(struct world *w, int trap, uint32_t tick)
{
    char log_id[33];
    hex_encode(bytes_of(w->operator_keys[0].log_id.b, 16), log_id);
    assert_int_equal(unlink(w->cursor), 0); /* stopping wrote one */
    if (trap == 0) {
        return;
    }
    FILE *file = fopen(w->cursor, "w");
    assert_non_null(file);
    switch (trap) {
    case 1:
        (void)fprintf(file, "%u\n", tick); /* cut */
        break;
    case 2:
        (void)fprintf(file, "%u %032d 1 5\n", tick, 0); /* another log */
        break;
    case 3:
        (void)fprintf(file, "%u %s 2 5\n", tick, log_id); /* another generation */
        break;
    case 4:
        (void)fprintf(file, "%u %s 1 999999\n", tick, log_id); /* ours before it was restored */
        break;
    default:
        (void)fprintf(file, "%u %s 1 5\n", tick + 1000000, log_id); /* another chain */
        break;
    }
    (void)fclose(file);
}

/* Goal: deposits that came while nobody looked are found, whatever became of the cursor's file. */
static void a_lost_or_wrong_cursor_misses_no_deposit(void **state)
{
    struct world *w = *state;
    struct job job;
    world_create_job(w, &job, 3);
    WORLD_UNTIL(world_escrow(w, &job).status == ESCROW_CLOSED);
    for (int trap = 0; trap < 6; trap++) {
        world_stop_settlement(w);
        struct qubic_transaction tx = world_lock_of(w, &job);
        struct key32 hash = chain_pay(&w->chain, &tx, &w->consumer);
        chain_wait_processed(&w->chain, tx.tick + 2);
        write_cursor(w, trap, tx.tick + 1);
        world_start_settlement(w);
        WORLD_UNTIL(world_deposit(w, &hash).state == DEPOSIT_RETURNED);
    }
    world_assert_empty(w, &job, 6);
    world_assert_gains(w, 0, 0, 0);
}

/* ── everything at once ── */

#define CHAOS_JOBS 10
#define CHAOS_ROUNDS 160

struct chaos {
    struct world *w;
    struct flaky_proxy proxy;
    unsigned seed;
    struct job jobs[CHAOS_JOBS];
    struct key32 extra[CHAOS_JOBS]; /* a stranger's deposit to each */
    char live_url[64];
    char query_url[64];
    unsigned settlements;
    unsigned ledgers;
    unsigned chains;
    unsigned cursors;
};

static unsigned chance(struct chaos *c, unsigned below)
{
    return (unsigned)rand_r(&c->seed) % below;
}

static void disturb(struct chaos *c)
{
    struct world *w = c->w;
    unsigned what = chance(c, 100);
    if (what < 35) {
        world_stop_settlement(w);
        if (chance(c, 4) == 0) {
            (void)unlink(w->cursor);
            c->cursors++;
        }
        if (chance(c, 3) == 0) {
            world_close_ledger(w);
            world_open_ledger(w);
            c->ledgers++;
        }
        world_start_settlement(w);
        c->settlements++;
    } else if (what < 45) {
        chain_process_stop(&w->chain, SIGKILL);
        (void)usleep(chance(c, 60) * 1000);
        chain_process_run(&w->chain);
        c->chains++;
    }
}

/* Job i: 0 runs, 1 fails, 2 is cancelled early, 3 gets no lock, 4 runs after it was locked twice. */
static void begin_jobs(struct chaos *c)
{
    struct world *w = c->w;
    for (unsigned i = 0; i < CHAOS_JOBS; i++) {
        world_create_job(w, &c->jobs[i], i % 5 == 3 ? 30 : WINDOW);
        struct qubic_transaction tx = world_lock_of(w, &c->jobs[i]);
        if (i % 5 != 3) {
            (void)chain_pay(&w->chain, &tx, &w->consumer);
        }
        if (i % 5 == 4) {
            (void)chain_pay(&w->chain, &tx, &w->consumer);
        }
        tx.amount = 5 + i;
        c->extra[i] = chain_pay(&w->chain, &tx, &w->stranger);
        if (i % 5 == 2) {
            world_cancel(w, &c->jobs[i]);
        }
        disturb(c);
    }
}

static bool all_done(struct chaos *c)
{
    for (unsigned i = 0; i < CHAOS_JOBS; i++) {
        if (!world_done(c->w, &c->jobs[i]) ||
            world_deposit(c->w, &c->extra[i]).state != DEPOSIT_RETURNED) {
            return false;
        }
    }
    return true;
}

static void work_all(struct chaos *c)
{
    struct id16 job_id;
    while (world_claim(c->w, &job_id)) {
        unsigned i = 0;
        while (!id_equal(c->jobs[i].job_id, job_id)) {
            i++;
            assert_true(i < CHAOS_JOBS);
        }
        world_run(c->w, job_id, i % 5 == 1 ? ENDING_PROGRAM_FAILED : ENDING_COMPLETED);
    }
}

/* Goal: exactly-once payments, whatever stops and starts in between. Method: two of each kind of job, random restarts of
 * settlement, ledger and chain (kill -9), a network that cuts answers, lost cursors; then the chain must have it to the last QUBIC. */
static void nothing_is_paid_twice_or_never_whatever_restarts(void **state)
{
    struct chaos c = {.w = *state};
    struct world *w = c.w;
    const char *given = getenv("TALLY_TEST_SEED");
    c.seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time_wall_ns();
    print_message("TALLY_TEST_SEED=%u\n", c.seed);
    flaky_proxy_start(&c.proxy, w->chain.port, c.seed + 1);
    atomic_store(&c.proxy.cut_permille, 40);
    (void)snprintf(c.live_url, sizeof c.live_url, "http://127.0.0.1:%u/live/v1", c.proxy.port);
    (void)snprintf(c.query_url, sizeof c.query_url, "http://127.0.0.1:%u/query/v1", c.proxy.port);
    w->live_url = c.live_url;
    w->query_url = c.query_url;
    world_stop_settlement(w);
    world_start_settlement(w);
    begin_jobs(&c);
    for (int round = 0; round < CHAOS_ROUNDS && !all_done(&c); round++) {
        disturb(&c);
        if (round % 2 == 0) {
            work_all(&c);
        }
        (void)usleep(chance(&c, 60) * 1000);
    }
    atomic_store(&c.proxy.cut_permille, 0);
    WORLD_UNTIL((work_all(&c), all_done(&c)));
    print_message(
        "settlement stopped %u times, ledger reopened %u, cursor lost %u, chain killed %u, "
        "connections cut %u; lost and paid again: %zu\n",
        c.settlements, c.ledgers, c.cursors, c.chains, atomic_load(&c.proxy.cuts),
        world_count(w, EVENT_REFUND_LOST) + world_count(w, EVENT_PAYOUT_LOST) +
            world_count(w, EVENT_FEE_LOST));
    for (unsigned i = 0; i < CHAOS_JOBS; i++) {
        static const uint32_t payments[5] = {4, 2, 2, 1,
                                             5}; /* the stranger's deposit returned, and … */
        world_assert_empty(w, &c.jobs[i], payments[i % 5]);
    }
    int64_t ran = CHAOS_JOBS / 5 * 2;
    world_assert_gains(w, -USED * ran, PAYOUT * ran, FEE * ran);
    world_assert_on_chain(w, &w->stranger.public_key, FUNDS);
    world_verify(w);
    flaky_proxy_stop(&c.proxy);
}

int main(void)
{
#define TEST_WITH(start, name) cmocka_unit_test_setup_teardown(name, start, teardown)
#define TEST(name) TEST_WITH(setup, name)
    const struct CMUnitTest tests[] = {
        TEST(a_job_that_ran_is_paid_and_the_rest_returned),
        TEST(a_job_that_failed_costs_nothing),
        TEST_WITH(setup_patient, a_job_cancelled_after_its_lock_was_seen_costs_nothing),
        TEST(money_that_is_no_lock_goes_back_whole),
        TEST(a_lock_without_money_is_no_deposit),
        TEST(without_a_lock_the_job_ends_and_a_late_one_goes_back),
        TEST_WITH(setup_deaf, a_lost_payment_is_made_again_once),
        TEST_WITH(setup_slow, a_chain_that_dies_is_waited_for),
        TEST(a_shortfall_stops_the_escrow),
        TEST(money_without_a_transaction_is_told_and_not_spent),
        TEST_WITH(setup_slow, a_payment_that_moved_nothing_with_a_changed_count_is_doubted),
        TEST_WITH(setup_deaf, an_old_balance_decides_nothing),
        TEST(a_checkpoint_is_anchored_beside_the_payments),
        TEST(a_wrong_seed_keeps_settlement_off),
        TEST(another_chain_keeps_settlement_off),
        TEST(stopping_does_not_wait_for_a_chain_that_hangs),
        TEST(a_lost_or_wrong_cursor_misses_no_deposit),
        TEST(nothing_is_paid_twice_or_never_whatever_restarts),
    };
    cmocka_set_test_filter(getenv("TALLY_TEST_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
