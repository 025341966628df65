/* Thousands of jobs in virtual time, under faults of the chain and crashes between any two steps of settlement; at the end every job has
 * ended, every escrow is empty, and everybody has on the chain what the ledger says.
 *
 *     core.settlement.test_random_settlement [JOBS [SEED [RUNS]]]     [3000 1 1]
 *
 * Prints how often each fault struck and each crash point was hit, and demands 50 of each (not in a short run). The same seed gives the
 * same events: the digest of the run says so. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/log/log_verify.h"
#include "core/settlement/payload.h"
#include "tests/core/settlement/virtual_market.h"
#include "tests/support/cmocka_all.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_IDLE_MAX 6000
#ifndef JOBS_WANTED /* fewer with a sanitizer */
#define JOBS_WANTED 3000
#endif
#define HITS_MIN 50 /* of each kind, by so many jobs or more */
#define JOBS_FOR_HITS 3000

/* ── the run ───────────────────────────────────────────────────────────────────────────────────── */

static bool keys_left(const struct virtual_market *m)
{
    return m->world.events[EVENT_SETTLEMENT_KEY_RETIRED] + 1 < m->world.key_id;
}

static void run(struct virtual_market *m)
{
    uint64_t number = 0;
    uint64_t end = 0;
    while (m->job_count < m->jobs_wanted || m->jobs_open > 0) {
        virtual_market_step(m, ++number);
        end = m->job_count < m->jobs_wanted ? number + STEPS_IDLE_MAX : end;
        if (number > end) {
            virtual_tell_open(m);
            fail_msg("%zu jobs do not come to their end", m->jobs_open);
        }
    }
    /* What came late is read and returned as well; and every key but the newest ends. */
    for (int i = 0; i < 200 || (i < STEPS_IDLE_MAX && keys_left(m)); i++) {
        virtual_market_step(m, ++number);
    }
}

/* ── at the end ────────────────────────────────────────────────────────────────────────────────── */

static void check_escrow(struct virtual_market *m, const struct job *job)
{
    struct bytes escrow = id_key(&job->escrow_id);
    assert_int_equal(virtual_ledger_balance(m, ACCOUNT_HELD, escrow, 0), 0);
    assert_int_equal(virtual_ledger_balance(m, ACCOUNT_ESCROW, escrow, 0), 0);
    for (int leg = LEG_REFUND; leg <= LEG_RETURN; leg++) {
        assert_int_equal(virtual_ledger_balance(m, ACCOUNT_PAYABLE, escrow, (enum leg_kind)leg), 0);
    }
    assert_int_equal(virtual_chain_balance(m, job->identity), job->gifts);
}

static void check_party(struct virtual_market *m, const struct party *party, int64_t funds)
{
    assert_int_equal(
        virtual_chain_balance(m, party->keys.public_key) - funds,
        virtual_ledger_balance(m, ACCOUNT_WALLET, hash_key(&party->keys.public_key), 0));
}

/* Every key but the newest is over, and the log says so. */
static void check_keys(struct virtual_market *m)
{
    struct views_snapshot *snapshot;
    struct settlement_key_row row;
    assert_int_equal(views_snapshot_open(ledger_views(m->world.ledger), &snapshot, NULL), ERR_OK);
    for (uint64_t id = 1; id <= m->world.key_id; id++) {
        assert_true(state_settlement_key(views_snapshot_store(snapshot), id, &row));
        assert_int_equal(row.escrows_open, 0);
        assert_int_equal(row.retired_sequence != 0, id < m->world.key_id);
    }
    views_snapshot_close(snapshot);
}

static void check_end(struct virtual_market *m)
{
    struct log_verify_options options = {0};
    struct log_verify_result result;
    struct err err = {0};
    for (size_t i = 0; i < m->job_count; i++) {
        check_escrow(m, &m->jobs[i]);
    }
    for (size_t i = 0; i < m->consumer_count; i++) {
        check_party(m, &m->consumers[i], FUNDS);
    }
    for (size_t i = 0; i < PROVIDERS; i++) {
        check_party(m, &m->providers[i], 0);
    }
    check_keys(m);
    check_party(m, &m->stranger, FUNDS);
    assert_int_equal(virtual_chain_balance(m, m->world.fee_identity),
                     virtual_ledger_balance(m, ACCOUNT_FEES, (struct bytes){0}, 0));
    for (uint64_t key_id = 1; key_id <= m->world.key_id; key_id++) {
        assert_int_equal(virtual_chain_balance(m, virtual_anchor_identity(m, key_id)), 1);
    }
    if (log_verify(ledger_log(m->world.ledger), &options, &result, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

/* ── telling ───────────────────────────────────────────────────────────────────────────────────── */

static void demand(uint64_t hits, uint64_t least, const char *what)
{
    if (hits < least) {
        fail_msg("%s: %" PRIu64 " times, at least %" PRIu64 " were wanted", what, hits, least);
    }
}

static void tell(struct virtual_market *m, uint64_t least)
{
    struct virtual_world *w = &m->world;
    const struct network_counts *counts = network_counts(w->network);
    char digest[65];
    hex_encode(bytes_of(w->digest.b, sizeof w->digest.b), digest);
    print_message("jobs %zu (refused %" PRIu64 "), thefts %" PRIu64 ", events %" PRIu64
                  ", rounds %" PRIu64 ", crashes %" PRIu64 ", ledger opened anew %" PRIu64
                  ", tick %u\n",
                  m->job_count, m->refused, m->thefts, w->seen, w->rounds, w->crashes_all,
                  w->reopened, virtual_now_tick(w));
    for (int fault = 0; fault < FAULT_COUNT; fault++) {
        print_message("  fault %-14s %6" PRIu64 "\n", fault_plan_name((enum fault_setting)fault),
                      counts->hits[fault]);
    }
    for (int lie = 0; lie < LIES; lie++) {
        print_message("  lie   %-14s %6" PRIu64 "\n", lie_name((enum lie)lie), w->lies.told[lie]);
    }
    for (int at = 0; at < CRASH_STEPS; at++) {
        print_message("  crash %-16s before %5" PRIu64 "  after %5" PRIu64 "\n",
                      crash_step_name((enum crash_step)at), w->crashes[at][0], w->crashes[at][1]);
    }
    print_message("  legs: signed %" PRIu64 ", lost %" PRIu64 ", confirmed %" PRIu64
                  "; shortfalls %" PRIu64 "; anchors %" PRIu64 "\n  digest %s\n",
                  w->events[EVENT_PAYOUT_SIGNED] + w->events[EVENT_REFUND_SIGNED] +
                      w->events[EVENT_FEE_SIGNED],
                  w->events[EVENT_PAYOUT_LOST] + w->events[EVENT_REFUND_LOST] +
                      w->events[EVENT_FEE_LOST],
                  w->events[EVENT_PAYOUT_CONFIRMED] + w->events[EVENT_REFUND_CONFIRMED] +
                      w->events[EVENT_FEE_CONFIRMED],
                  w->events[EVENT_ESCROW_SHORTFALL], w->events[EVENT_CHECKPOINT_ANCHORED], digest);
    print_message("  keys: rotations %" PRIu64 ", cut after the seed %" PRIu64
                  ", after the event %" PRIu64 "; retired %" PRIu64
                  "; rounds that waited for a missing one %" PRIu64
                  ", legs of others signed meanwhile %" PRIu64 "\n",
                  m->rotations, w->rotations_cut[0], w->rotations_cut[1],
                  w->events[EVENT_SETTLEMENT_KEY_RETIRED], w->hidden_waits, w->hidden_signed);
    print_message("  legs signed after a pause %" PRIu64 "\n", w->spaced);
    demand(w->spaced, least, "a pause after three losses");
    demand(m->rotations, least > 0 ? ROTATIONS : 1, "rotations");
    demand(w->hidden_waits, least, "waiting for a missing key");
    demand(w->hidden_signed, least, "paying from others meanwhile");
    demand(w->rotations_cut[0], least / 10, "a rotation cut after the seed");
    demand(w->rotations_cut[1], least / 10, "a rotation cut after the event");
    for (int fault = 0; fault < FAULT_COUNT; fault++) {
        demand(counts->hits[fault], least, fault_plan_name((enum fault_setting)fault));
    }
    for (int lie = 0; lie < LIES; lie++) {
        demand(w->lies.told[lie], least, lie_name((enum lie)lie));
    }
    for (int at = 0; at < CRASH_STEPS; at++) {
        demand(w->crashes[at][0], least, crash_step_name((enum crash_step)at));
        demand(w->crashes[at][1], least, crash_step_name((enum crash_step)at));
    }
}

static struct key32 run_seed(uint64_t seed, size_t jobs, uint64_t least)
{
    struct virtual_market *m = calloc(1, sizeof *m);
    struct virtual_options options = {.seed = seed,
                                      .faults = virtual_faults(seed),
                                      .crash_permille = 50,
                                      .anchor = {.every_events = 15}};
    assert_non_null(m);
    m->jobs = calloc(jobs, sizeof *m->jobs);
    m->jobs_wanted = jobs;
    assert_non_null(m->jobs);
    print_message("seed %" PRIu64 "\n", seed);
    virtual_open(&m->world, &options);
    virtual_market_open(m);
    virtual_fund_anchors(m);
    run(m);
    check_end(m);
    tell(m, least);
    struct key32 digest = virtual_digest(&m->world);
    virtual_close(&m->world);
    free(m->jobs);
    free(m);
    return digest;
}

/* ── put back from an old copy ─────────────────────────────────────────────────────────────────── */

static uint64_t first_seed = 1;

#define PUT_BACK_RUNS 24
#define PUT_BACK_JOBS 30
#define PUT_BACK_STEPS_MAX 8000
#define SHORT_LISTS_FOR 40

struct put_back {
    uint64_t payments; /* that left before, and of which the log then knew nothing */
    uint64_t taken;    /* of those, for a leg */
    uint64_t held;     /* escrows from which nothing more is paid */
    uint64_t refunded; /* of those, with money enough in them */
};

/* What left an escrow by its own key, with money: each leg once. */
static void check_paid_once(struct virtual_market *m, const struct job *job)
{
    struct chain *chain = network_chain(m->world.network);
    struct payload paid[64];
    size_t count = 0;
    for (uint32_t at = chain_newest_of(chain, &job->identity); at != CHAIN_NONE;
         at = chain_previous_of(chain, &job->identity, at)) {
        struct qubic_archived_transaction tx = chain_archived(chain, at);
        struct payload payload;
        if (!tx.money_flew || !key_equal(tx.transaction.source, job->identity) ||
            !payload_decode(bytes_of(tx.transaction.input, tx.transaction.input_size), &payload)) {
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            if (paid[i].kind == payload.kind && key_equal(paid[i].subject, payload.subject)) {
                fail_msg("a leg of kind %d was paid twice", (int)payload.kind);
            }
        }
        assert_true(count < sizeof paid / sizeof *paid);
        paid[count++] = payload;
    }
}

static struct escrow_row escrow_row_of(struct virtual_market *m, const struct job *job,
                                       bool *ret_settled)
{
    struct views_snapshot *snapshot;
    struct escrow_row escrow;
    assert_int_equal(views_snapshot_open(ledger_views(m->world.ledger), &snapshot, NULL), ERR_OK);
    assert_true(state_escrow(views_snapshot_store(snapshot), job->escrow_id, &escrow));
    views_snapshot_close(snapshot);
    *ret_settled = escrow.status == ESCROW_SETTLED || escrow.status == ESCROW_CLOSED;
    return escrow;
}

static bool all_over_or_held(struct virtual_market *m)
{
    for (size_t i = 0; i < m->job_count; i++) {
        bool settled = false;
        struct escrow_row escrow = escrow_row_of(m, &m->jobs[i], &settled);
        bool const over = m->jobs[i].over && escrow.legs_open == 0; /* nothing came late */
        if (!over && !(settled && escrow.found_open > 0 && virtual_nothing_to_come(&m->jobs[i]))) {
            return false;
        }
    }
    return true;
}

static void count_found(struct virtual_market *m, struct put_back *counts)
{
    struct views_snapshot *snapshot;
    uint8_t at[FOUND_KEY_SIZE] = {0};
    struct bytes key;
    struct bytes value;
    assert_int_equal(views_snapshot_open(ledger_views(m->world.ledger), &snapshot, NULL), ERR_OK);
    struct store *store = views_snapshot_store(snapshot);
    while (store_seek(store, &STATE_FOUND, bytes_of(at, sizeof at), true, &key, &value)) {
        struct found_row row;
        memcpy(at, key.data, sizeof at);
        memcpy(&row, value.data, sizeof row);
        counts->payments++;
        counts->taken += row.taken != 0 ? 1 : 0;
    }
    views_snapshot_close(snapshot);
}

static void check_put_back(struct virtual_market *m, struct put_back *counts)
{
    struct log_verify_options options = {0};
    struct log_verify_result result;
    struct err err = {0};
    count_found(m, counts);
    for (size_t i = 0; i < m->job_count; i++) {
        const struct job *job = &m->jobs[i];
        bool settled = false;
        check_paid_once(m, job);
        if (escrow_row_of(m, job, &settled).found_open == 0) {
            check_escrow(m, job);
        } else {
            counts->held++;
            counts->refunded += virtual_chain_balance(m, job->identity) >= job->cap ? 1 : 0;
        }
    }
    if (log_verify(ledger_log(m->world.ledger), &options, &result, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

static uint64_t signed_so_far(const struct virtual_world *w)
{
    return w->events[EVENT_PAYOUT_SIGNED] + w->events[EVENT_REFUND_SIGNED] +
           w->events[EVENT_FEE_SIGNED];
}

/* In the middle of it the ledger's folder is what it was some time ago. Some escrows are given money enough to pay all of it again. */
static void run_put_back(uint64_t seed, struct put_back *counts)
{
    struct virtual_market *m = calloc(1, sizeof *m);
    /* Until jobs have ended and were paid; or just when something was signed, so that it runs when the log knows nothing of it, and
     * nothing keeps settlement from reading the chain at once. */
    bool const at_once = seed % 2 == 0;
    struct virtual_options options = {.seed = seed,
                                      .faults = at_once ? fault_plan_none() : virtual_faults(seed),
                                      .crash_permille = at_once ? 0 : 10};
    assert_non_null(m);
    m->jobs = calloc(PUT_BACK_JOBS, sizeof *m->jobs);
    m->jobs_wanted = PUT_BACK_JOBS;
    assert_non_null(m->jobs);
    virtual_open(&m->world, &options);
    virtual_market_open(m);
    uint64_t number = 0;
    while (m->job_count < m->jobs_wanted) {
        virtual_market_step(m, ++number);
    }
    virtual_back_up(&m->world);
    uint64_t const before = signed_so_far(&m->world);
    uint64_t const lost = number + 20 + virtual_below(&m->world, 80);
    while (number < lost && !(at_once && signed_so_far(&m->world) > before)) {
        virtual_market_step(m, ++number);
    }
    virtual_put_back(&m->world);
    m->world.lies.short_lists = true;           /* no reason to believe that nothing left */
    for (size_t i = 0; i < m->job_count; i++) { /* the log has them open again, or does not */
        m->jobs[i].over = false;
        if (at_once || virtual_chance(&m->world, 500)) {
            m->jobs[i].gifts += 2 * m->jobs[i].cap;
            virtual_fund(m, m->jobs[i].identity, 2 * m->jobs[i].cap);
        }
    }
    m->jobs_open = m->job_count;
    do {
        virtual_market_step(m, ++number);
        m->world.lies.short_lists = m->world.lies.short_lists && number < lost + SHORT_LISTS_FOR;
        virtual_resume(&m->world);
        if (number > lost + PUT_BACK_STEPS_MAX) {
            virtual_tell_open(m);
            fail_msg("seed %" PRIu64 ": jobs do not come to their end", seed);
        }
    } while (!all_over_or_held(m) || m->world.events[EVENT_SETTLEMENT_RESUMED] == 0);
    for (int i = 0; i < 100; i++) { /* and what is held stays */
        virtual_market_step(m, ++number);
    }
    check_put_back(m, counts);
    virtual_close(&m->world);
    free(m->jobs);
    free(m);
}

static void a_ledger_put_back_from_an_old_copy_pays_nothing_twice(void **state)
{
    (void)state;
    struct put_back counts = {0};
    for (uint64_t i = 0; i < PUT_BACK_RUNS; i++) {
        run_put_back(first_seed + i, &counts);
    }
    print_message("%d restores: %" PRIu64 " payments of the lost part found, %" PRIu64
                  " taken for their legs, %" PRIu64 " escrows held, %" PRIu64
                  " of them with money for all of it\n",
                  PUT_BACK_RUNS, counts.payments, counts.taken, counts.held, counts.refunded);
    demand(counts.taken, 5, "a found payment taken for its leg");
    demand(counts.held, 5, "an escrow held");
    demand(counts.refunded, 2, "an escrow held that has money enough");
}

static size_t wanted_jobs = JOBS_WANTED;
static uint64_t runs = 1;

static void every_job_ends_and_everybody_has_what_the_ledger_says(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < runs; i++) {
        (void)run_seed(first_seed + i, wanted_jobs, wanted_jobs >= JOBS_FOR_HITS ? HITS_MIN : 0);
    }
}

static void a_seed_gives_the_same_run(void **state)
{
    (void)state;
    struct key32 first = run_seed(first_seed, 40, 0);
    struct key32 again = run_seed(first_seed, 40, 0);
    assert_true(key_equal(first, again));
    assert_false(key_equal(first, run_seed(first_seed + 1, 40, 0)));
}

int main(int argc, char **argv)
{
    wanted_jobs = argc > 1 ? strtoul(argv[1], NULL, 10) : wanted_jobs;
    first_seed = argc > 2 ? strtoull(argv[2], NULL, 10) : first_seed;
    runs = argc > 3 ? strtoull(argv[3], NULL, 10) : runs;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_ends_and_everybody_has_what_the_ledger_says),
        cmocka_unit_test(a_seed_gives_the_same_run),
        cmocka_unit_test(a_ledger_put_back_from_an_old_copy_pays_nothing_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
