/* Goal: a careful payer pays each bill exactly once, whatever the network does, and the run can be had again. Method: client and network in
 * virtual time under every fault; the payer knows only what the client tells it, and pays again only on the evidence that
 * settlement asks for. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/k12.h"
#include "core/qubic/identity.h"
#include "tests/support/virtual_chain.h"

#define BILLS 120
#define AHEAD 10
#define EVIDENCE_TICKS 3
#define FUNDS INT64_C(100000000)
#define HITS_MIN 50

struct payer {
    struct virtual_chain chain;
    struct qubic_keys keys;
    struct key32 shop;
    struct buf story; /* every answer's code and time */
    uint64_t attempts;
};

static enum err_code told(struct payer *p, const struct virtual_answer *a)
{
    buf_printf(&p->story, "%d@%lld ", (int)a->answer.code, (long long)p->chain.now_ms);
    return a->answer.code;
}

static uint32_t tick_now(struct payer *p)
{
    struct virtual_answer a;
    do {
        VIRTUAL_ASK(&p->chain, a, qubic_client_tick_info(p->chain.client, l, NULL, NULL));
    } while (told(p, &a) != ERR_OK);
    return a.answer.tick_info.tick;
}

static struct qubic_balance balance_now(struct payer *p)
{
    struct virtual_answer a;
    do {
        VIRTUAL_ASK(&p->chain, a,
                    qubic_client_balance(p->chain.client, &p->keys.public_key, l, NULL, NULL));
    } while (told(p, &a) != ERR_OK);
    return a.answer.balance;
}

static uint32_t processed_now(struct payer *p)
{
    struct virtual_answer a;
    do {
        VIRTUAL_ASK(&p->chain, a, qubic_client_processed_tick(p->chain.client, l, NULL, NULL));
    } while (told(p, &a) != ERR_OK);
    return a.answer.processed_tick.tick;
}

struct listing {
    struct virtual_answer a;
    const struct key32 *hash;
    bool has;
};

static void listed(void *ctx, const struct qubic_answer *answer)
{
    struct listing *listing = ctx;
    virtual_answered_cb(&listing->a, answer);
    for (size_t i = 0; answer->code == ERR_OK && i < answer->tick_data.hash_count; i++) {
        listing->has |= key_equal(answer->tick_data.hashes[i], *listing->hash);
    }
}

/* Certain that the tick does not have it. */
static bool is_not_in_its_tick(struct payer *p, uint32_t tick, const struct key32 *hash)
{
    struct listing listing = {.hash = hash};
    struct qubic_listener const l = {.on_answer = listed, .ctx = &listing};
    assert_int_equal(qubic_client_tick_data(p->chain.client, tick, l, NULL, NULL), ERR_OK);
    while (!listing.a.done) {
        virtual_chain_step(&p->chain);
    }
    enum err_code const code = told(p, &listing.a);
    return (code == ERR_OK && !listing.has) ||
           (code == ERR_INVALID && listing.a.answer.rpc.tick_is_skipped);
}

/* One attempt; true if it has paid, false if it certainly never will. */
static bool attempt(struct payer *p, int64_t amount)
{
    struct virtual_answer a;
    struct qubic_balance const before = balance_now(p);
    struct qubic_transaction tx = {
        .destination = p->shop, .amount = amount, .tick = tick_now(p) + AHEAD};
    assert_int_equal(qubic_transaction_sign(&tx, &p->keys, NULL), ERR_OK);
    struct key32 const hash = qubic_transaction_hash(&tx);
    p->attempts++;
    for (;;) {
        VIRTUAL_ASK(&p->chain, a, qubic_client_broadcast(p->chain.client, &tx, l, NULL, NULL));
        (void)told(p, &a);
        virtual_chain_pass(&p->chain, VIRTUAL_TICK_MS);
        if (tick_now(p) >= tx.tick) {
            break;
        }
    }
    while (processed_now(p) < tx.tick + EVIDENCE_TICKS) {
        virtual_chain_pass(&p->chain, VIRTUAL_TICK_MS);
    }
    for (;;) {
        VIRTUAL_ASK(&p->chain, a, qubic_client_transaction(p->chain.client, &hash, l, NULL, NULL));
        enum err_code const code = told(p, &a);
        if (code == ERR_OK) {
            return a.answer.transaction.money_flew;
        }
        if (code == ERR_NOT_FOUND && is_not_in_its_tick(p, tx.tick, &hash)) {
            struct qubic_balance const after = balance_now(p);
            if (after.valid_for_tick >= tx.tick && after.outgoing_count == before.outgoing_count) {
                return false;
            }
        }
        virtual_chain_pass(&p->chain, VIRTUAL_TICK_MS);
    }
}

static struct fault_plan bad_days(uint64_t seed)
{
    struct fault_plan plan = fault_plan_none();
    plan.seed = seed;
    for (enum fault_setting fault = 0; fault < FAULT_COUNT; fault++) {
        plan.settings[fault] = 60;
    }
    plan.settings[FAULT_EPOCH_PAUSE] = 15;
    plan.settings[FAULT_NO_MONEY] = 300;
    plan.settings[FAULT_ZERO_BALANCE] = 300;
    plan.settings[FAULT_TOO_SOON] = 300;
    plan.settings[FAULT_NOT_FOUND] = 400;
    plan.settings[FAULT_ARCHIVE_LAG] = 300;
    plan.settings[FAULT_SLOW_MS] = 700;
    return plan;
}

/* A digest of all that the payer was told. */
static struct key32 pay_all(uint64_t seed, struct network_counts *ret_counts)
{
    struct payer *p = calloc(1, sizeof *p);
    struct fault_plan const plan = bad_days(seed);
    char letters[QUBIC_SEED_SIZE];
    uint32_t in;
    int64_t owed = 0;
    assert_non_null(p);
    buf_init(&p->story, 64U << 20);
    memset(letters, 'p', sizeof letters);
    assert_int_equal(qubic_keys_from_seed(bytes_of(letters, sizeof letters), &p->keys, NULL),
                     ERR_OK);
    p->shop = (struct key32){{1, 2, 3, 4, 5, 6, 7, 8, 9}};
    virtual_chain_start(&p->chain, &plan,
                        (struct qubic_client_options){
                            .timeout_ms = 500, .requests_per_s = 20, .jitter_seed = seed});
    assert_int_equal(chain_credit(p->chain.chain, &p->keys.public_key, FUNDS, &in, NULL), ERR_OK);
    virtual_chain_pass(&p->chain, INT64_C(60) * VIRTUAL_TICK_MS);
    for (int64_t bill = 1; bill <= BILLS; bill++) {
        while (!attempt(p, 1000 + bill)) {
        }
        owed += 1000 + bill;
        assert_int_equal(chain_identity_balance(p->chain.chain, &p->shop).balance, owed);
        assert_int_equal(chain_identity_balance(p->chain.chain, &p->keys.public_key).balance,
                         FUNDS - owed);
    }
    assert_int_equal(chain_supply(p->chain.chain), FUNDS);
    assert_int_equal(buf_check(&p->story, NULL), ERR_OK);
    struct key32 const digest = k12_digest(buf_bytes(&p->story));
    *ret_counts = *network_counts(p->chain.network);
    print_message("seed %llu: %d bills in %llu attempts, %lld virtual seconds\n",
                  (unsigned long long)seed, BILLS, (unsigned long long)p->attempts,
                  (long long)p->chain.now_ms / 1000);
    virtual_chain_end(&p->chain);
    buf_deinit(&p->story);
    free(p);
    return digest;
}

static void each_bill_is_paid_once_under_every_fault(void **state)
{
    struct network_counts counts;
    (void)state;
    (void)pay_all(1, &counts);
    for (enum fault_setting fault = 0; fault < FAULT_COUNT; fault++) {
        print_message("  %-14s hit %5llu, lost %4llu\n", fault_plan_name(fault),
                      (unsigned long long)counts.hits[fault],
                      (unsigned long long)counts.lost[fault]);
    }
    for (enum fault_setting fault = 0; fault < FAULT_COUNT; fault++) {
        assert_true(counts.hits[fault] >= HITS_MIN);
    }
}

static void the_same_seed_tells_the_same_story(void **state)
{
    struct network_counts counts;
    struct network_counts again;
    (void)state;
    struct key32 const first = pay_all(7, &counts);
    struct key32 const second = pay_all(7, &again);
    assert_memory_equal(first.b, second.b, 32);
    assert_memory_equal(&counts, &again, sizeof counts);
    struct key32 const other = pay_all(8, &again);
    assert_memory_not_equal(first.b, other.b, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bill_is_paid_once_under_every_fault),
        cmocka_unit_test(the_same_seed_tells_the_same_story),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
