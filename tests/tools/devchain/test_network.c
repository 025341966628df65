/* Each fault of the local network in virtual time, and that a run comes again from its seed. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/k12.h"
#include "core/qubic/identity.h"
#include "tests/support/cmocka_all.h"
#include "tools/devchain/fault_api.h"
#include "tools/devchain/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START 100
#define FUNDS 1000000
#define OFFSET 4

struct fixture {
    struct devnet *network;
    struct chain *chain;
    struct fault_plan plan;
    struct qubic_keys alice;
    struct qubic_keys bob;
    int64_t amount; /* of the last payment: each is another */
};

static void open_network(struct fixture *f)
{
    struct chain_options const options = {.start_tick = START, .epoch = 7, .tick_seconds = 1};
    assert_int_equal(network_create(&options, &f->plan, &f->network, NULL), ERR_OK);
    f->chain = network_chain(f->network);
}

static bool tick(struct fixture *f)
{
    bool ticked = false;
    assert_int_equal(network_tick(f->network, 1000, &ticked, NULL), ERR_OK);
    return ticked;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char seed[QUBIC_SEED_SIZE];
    uint32_t in;
    assert_non_null(f);
    memset(seed, 'a', sizeof seed);
    assert_int_equal(qubic_keys_from_seed(bytes_of(seed, sizeof seed), &f->alice, NULL), ERR_OK);
    memset(seed, 'b', sizeof seed);
    assert_int_equal(qubic_keys_from_seed(bytes_of(seed, sizeof seed), &f->bob, NULL), ERR_OK);
    f->plan = fault_plan_none();
    open_network(f);
    assert_int_equal(chain_credit(f->chain, &f->alice.public_key, FUNDS, &in, NULL), ERR_OK);
    assert_true(tick(f));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    network_destroy(f->network);
    free(f);
    return 0;
}

static void set(struct fixture *f, enum fault_setting setting, uint32_t number)
{
    f->plan.settings[setting] = number;
    network_set_plan(f->network, &f->plan);
}

static uint64_t hits(const struct fixture *f, enum fault_setting fault)
{
    return network_counts(f->network)->hits[fault];
}

static uint64_t lost(const struct fixture *f, enum fault_setting fault)
{
    return network_counts(f->network)->lost[fault];
}

static int64_t balance(struct fixture *f, const struct qubic_keys *keys)
{
    return chain_identity_balance(f->chain, &keys->public_key).balance;
}

/* One to bob, of an amount of its own, `ahead` ticks from now. */
static struct qubic_transaction payment(struct fixture *f, uint32_t ahead)
{
    struct qubic_transaction tx = {.destination = f->bob.public_key,
                                   .amount = ++f->amount,
                                   .tick = chain_current_tick(f->chain) + ahead};
    assert_int_equal(qubic_transaction_sign(&tx, &f->alice, NULL), ERR_OK);
    return tx;
}

static struct service_reply ask(struct fixture *f, const char *path, const char *body)
{
    struct service_reply reply;
    service_ask(f->network, body != NULL, path,
                body != NULL ? bytes_of_text(body) : bytes_of(NULL, 0), &reply);
    return reply;
}

static struct service_reply ask_tick(struct fixture *f, const char *path, uint32_t number)
{
    char body[64];
    (void)snprintf(body, sizeof body, "{\"tickNumber\":%u}", number);
    return ask(f, path, body);
}

static struct service_reply broadcast(struct fixture *f, const struct qubic_transaction *tx)
{
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    struct buf body;
    buf_init(&body, 1U << 16);
    qubic_rpc_build_broadcast_request(&body, bytes_of(wire, qubic_transaction_encode(tx, wire)));
    struct service_reply const reply = ask(f, "/live/v1/broadcast-transaction", buf_text(&body));
    buf_deinit(&body);
    return reply;
}

static struct service_reply ask_hash(struct fixture *f, const struct qubic_transaction *tx)
{
    struct key32 const hash = qubic_transaction_hash(tx);
    struct buf body;
    buf_init(&body, 1U << 16);
    qubic_rpc_build_hash_request(&body, &hash);
    struct service_reply const reply = ask(f, "/query/v1/getTransactionByHash", buf_text(&body));
    buf_deinit(&body);
    return reply;
}

/* Status, and what the body must hold. */
static void expect(struct service_reply reply, int status, const char *text)
{
    assert_int_equal(reply.status, status);
    if (strstr(buf_text(&reply.body), text) == NULL) {
        fail_msg("no '%s' in %s", text, buf_text(&reply.body));
    }
    service_reply_deinit(&reply);
}

static bool is_in_the_archive(struct fixture *f, const struct qubic_transaction *tx)
{
    struct service_reply reply = ask_hash(f, tx);
    bool const found = reply.status == 200;
    service_reply_deinit(&reply);
    return found;
}

static void a_network_without_faults_has_none(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 50; i++) {
        struct qubic_transaction const tx = payment(f, OFFSET);
        expect(broadcast(f, &tx), 200, "peersBroadcasted");
        for (int t = 0; t <= OFFSET; t++) {
            assert_true(tick(f));
        }
        expect(ask_hash(f, &tx), 200, "\"moneyFlew\":true");
    }
    for (enum fault_setting fault = 0; fault < FAULT_COUNT; fault++) {
        assert_int_equal(hits(f, fault), 0);
    }
    assert_int_equal(balance(f, &f->bob), 50 * 51 / 2);
}

static void an_empty_tick_loses_what_was_meant_for_it(void **state)
{
    struct fixture *f = *state;
    uint32_t const first = chain_current_tick(f->chain) + OFFSET;
    struct qubic_transaction txs[40];
    set(f, FAULT_EMPTY_TICK, 500);
    for (uint32_t i = 0; i < 40; i++) {
        txs[i] = payment(f, OFFSET + i);
        expect(broadcast(f, &txs[i]), 200, "");
    }
    for (int i = 0; i < 40 + OFFSET; i++) {
        assert_true(tick(f));
    }
    uint64_t empty = 0;
    for (uint32_t i = 0; i < 40; i++) {
        bool const ran = is_in_the_archive(f, &txs[i]);
        empty += ran ? 0 : 1;
        expect(ask_tick(f, "/query/v1/getTickData", first + i), 200,
               ran ? "transactionHashes" : "{\"tickData\":null}");
        expect(ask_tick(f, "/query/v1/getTransactionsForTick", first + i), 200,
               ran ? "hash" : "[]");
    }
    assert_true(empty > 5 && empty < 35);
    assert_int_equal(lost(f, FAULT_EMPTY_TICK), empty);
    assert_true(hits(f, FAULT_EMPTY_TICK) >= empty);
}

static void a_skipped_tick_never_was(void **state)
{
    struct fixture *f = *state;
    uint32_t const first = chain_current_tick(f->chain);
    struct qubic_transaction txs[60];
    set(f, FAULT_SKIPPED_TICK, 200);
    for (uint32_t i = 0; i < 60; i++) {
        txs[i] = payment(f, OFFSET + i);
        expect(broadcast(f, &txs[i]), 200, "");
    }
    while (chain_last_tick(f->chain) < txs[59].tick) {
        (void)tick(f);
    }
    uint64_t skipped = 0;
    for (uint32_t i = 0; i < 60; i++) {
        bool const ran = is_in_the_archive(f, &txs[i]);
        char next[64];
        (void)snprintf(next, sizeof next, "was skipped by the system, next available tick is %u",
                       chain_tick_at_least(f->chain, txs[i].tick));
        skipped += ran ? 0 : 1;
        assert_int_equal(chain_tick_was_executed(f->chain, txs[i].tick), ran);
        expect(ask_tick(f, "/query/v1/getTickData", txs[i].tick), ran ? 200 : 400,
               ran ? "transactionHashes" : next);
    }
    assert_true(skipped > 5);
    assert_int_equal(lost(f, FAULT_SKIPPED_TICK), skipped);
    assert_true(chain_interval_count(f->chain) > 2);
    assert_int_equal(chain_epoch(f->chain), 7);
    /* the intervals are the ticks that were, and no others */
    for (uint32_t number = first; number <= chain_last_tick(f->chain); number++) {
        bool inside = false;
        for (size_t i = 0; i < chain_interval_count(f->chain); i++) {
            struct qubic_tick_interval const one = chain_interval(f->chain, i);
            inside |= number >= one.first_tick && number <= one.last_tick;
        }
        assert_int_equal(chain_tick_was_executed(f->chain, number), inside);
    }
}

static void an_epoch_ends_with_a_pause_and_forgets_what_waits(void **state)
{
    struct fixture *f = *state;
    struct qubic_transaction const tx = payment(f, 100);
    uint32_t const before = chain_current_tick(f->chain);
    expect(broadcast(f, &tx), 200, "");
    set(f, FAULT_PAUSE_TICKS, 10);
    set(f, FAULT_EPOCH_PAUSE, 900);
    while (!network_is_paused(f->network)) {
        (void)tick(f);
    }
    set(f, FAULT_EPOCH_PAUSE, 0);
    uint32_t const stands = chain_current_tick(f->chain);
    assert_true(stands < before + 50);
    for (int i = 0; i < 9; i++) {
        assert_false(tick(f));
        assert_int_equal(chain_current_tick(f->chain), stands);
        expect(ask(f, "/live/v1/tick-info", NULL), 200, "\"epoch\":7");
    }
    assert_false(tick(f)); /* the numbers jump */
    assert_false(network_is_paused(f->network));
    assert_true(chain_current_tick(f->chain) > stands);
    assert_int_equal(chain_epoch(f->chain), 8);
    for (int i = 0; i < 120; i++) {
        assert_true(tick(f));
    }
    assert_false(is_in_the_archive(f, &tx));
    assert_int_equal(hits(f, FAULT_EPOCH_PAUSE), 1);
    assert_int_equal(lost(f, FAULT_EPOCH_PAUSE), 1);
    expect(ask(f, "/live/v1/tick-info", NULL), 200, "\"epoch\":8");
    expect(ask(f, "/query/v1/getProcessedTickIntervals", NULL), 200, "\"epoch\":8");
}

static void the_archive_is_behind_and_never_goes_back(void **state)
{
    struct fixture *f = *state;
    struct qubic_transaction const tx = payment(f, OFFSET);
    uint32_t last = network_archived_tick(f->network);
    expect(broadcast(f, &tx), 200, "");
    set(f, FAULT_ARCHIVE_LAG_TICKS, 6);
    for (int i = 0; i < OFFSET + 3; i++) {
        assert_true(tick(f));
    }
    assert_int_equal(balance(f, &f->bob), tx.amount); /* the nodes know */
    expect(ask_hash(f, &tx), 404, "transaction not found");
    expect(ask_tick(f, "/query/v1/getTickData", tx.tick), 400, "is greater than last processed");
    set(f, FAULT_ARCHIVE_LAG, 700);
    int stood = 0;
    int longest = 0;
    for (int i = 0, row = 0; i < 200; i++) {
        assert_true(tick(f));
        uint32_t const now = network_archived_tick(f->network);
        assert_true(now >= last && now + 6 <= chain_last_tick(f->chain));
        row = now == last ? row + 1 : 0;
        stood += now == last ? 1 : 0;
        longest = row > longest ? row : longest;
        last = now;
    }
    assert_true(stood > 100 && stood < 180 && longest > 3);
    assert_true(hits(f, FAULT_ARCHIVE_LAG) >= 200);
    set(f, FAULT_ARCHIVE_LAG, 0);
    set(f, FAULT_ARCHIVE_LAG_TICKS, 0);
    assert_true(tick(f));
    last = chain_last_tick(f->chain);
    assert_int_equal(network_archived_tick(f->network), last);
    expect(ask_hash(f, &tx), 200, "\"moneyFlew\":true");
    set(f, FAULT_ARCHIVE_LAG_TICKS, 50); /* it has shown what it has shown */
    assert_true(tick(f));
    assert_int_equal(network_archived_tick(f->network), last);
}

static void a_payment_is_included_and_no_money_flies(void **state)
{
    struct fixture *f = *state;
    set(f, FAULT_NO_MONEY, 1000);
    struct qubic_transaction const drawn = payment(f, OFFSET);
    expect(broadcast(f, &drawn), 200, "");
    for (int i = 0; i <= OFFSET; i++) {
        assert_true(tick(f));
    }
    expect(ask_hash(f, &drawn), 200, "\"moneyFlew\":false");
    assert_int_equal(balance(f, &f->alice), FUNDS);
    assert_int_equal(chain_identity_balance(f->chain, &f->alice.public_key).outgoing_count, 0);
    assert_int_equal(hits(f, FAULT_NO_MONEY), 1);
    set(f, FAULT_NO_MONEY, 0);
    f->amount = FUNDS; /* and one that its source cannot pay */
    struct qubic_transaction const poor = payment(f, OFFSET);
    expect(broadcast(f, &poor), 200, "");
    for (int i = 0; i <= OFFSET; i++) {
        assert_true(tick(f));
    }
    expect(ask_hash(f, &poor), 200, "\"moneyFlew\":false");
    assert_int_equal(hits(f, FAULT_NO_MONEY), 2);
}

static void dropped_transactions_are_answered_as_if_they_were_not(void **state)
{
    struct fixture *f = *state;
    static const enum fault_setting drops[] = {FAULT_ZERO_BALANCE, FAULT_TOO_SOON};
    for (size_t i = 0; i < 2; i++) {
        set(f, drops[i], 1000);
        struct qubic_transaction const tx = payment(f, OFFSET);
        expect(broadcast(f, &tx), 200, "peersBroadcasted");
        set(f, drops[i], 0);
        for (int t = 0; t <= OFFSET; t++) {
            assert_true(tick(f));
        }
        assert_false(is_in_the_archive(f, &tx));
        assert_int_equal(hits(f, drops[i]), 1);
        assert_int_equal(lost(f, drops[i]), 1);
    }
    /* of themselves: the smallest offset, and a source without money */
    set(f, FAULT_MIN_OFFSET, 9);
    struct qubic_transaction soon = payment(f, 8);
    expect(broadcast(f, &soon), 200, "peersBroadcasted");
    assert_int_equal(hits(f, FAULT_TOO_SOON), 2);
    struct qubic_transaction poor = payment(f, 9);
    assert_int_equal(qubic_transaction_sign(&poor, &f->bob, NULL), ERR_OK);
    expect(broadcast(f, &poor), 200, "peersBroadcasted");
    assert_int_equal(hits(f, FAULT_ZERO_BALANCE), 2);
    for (int t = 0; t < 12; t++) {
        assert_true(tick(f));
    }
    assert_false(is_in_the_archive(f, &soon));
    assert_int_equal(balance(f, &f->alice), FUNDS);
}

static void what_arrives_twice_runs_once(void **state)
{
    struct fixture *f = *state;
    set(f, FAULT_DUPLICATE, 1000);
    struct qubic_transaction const tx = payment(f, OFFSET);
    expect(broadcast(f, &tx), 200, "");
    assert_int_equal(hits(f, FAULT_DUPLICATE), 1);
    expect(broadcast(f, &tx), 200, ""); /* sent again by its sender */
    assert_int_equal(hits(f, FAULT_DUPLICATE), 2);
    for (int i = 0; i <= OFFSET; i++) {
        assert_true(tick(f));
    }
    assert_int_equal(balance(f, &f->bob), tx.amount);
    assert_int_equal(lost(f, FAULT_DUPLICATE), 0);
}

static void the_archive_denies_what_it_has(void **state)
{
    struct fixture *f = *state;
    struct qubic_transaction const tx = payment(f, OFFSET);
    set(f, FAULT_NOT_FOUND, 1000);
    expect(broadcast(f, &tx), 200, "peersBroadcasted"); /* other questions are not struck */
    expect(ask_hash(f, &tx), 404, "transaction not found");
    assert_int_equal(hits(f, FAULT_NOT_FOUND), 0); /* that was the truth */
    for (int i = 0; i <= OFFSET; i++) {
        assert_true(tick(f));
    }
    expect(ask_hash(f, &tx), 404, "transaction not found");
    assert_int_equal(hits(f, FAULT_NOT_FOUND), 1);
    expect(ask_tick(f, "/query/v1/getTickData", tx.tick), 200, "transactionHashes");
    set(f, FAULT_NOT_FOUND, 0);
    expect(ask_hash(f, &tx), 200, "moneyFlew");
}

/* A hundred questions to a fault that strikes each; `seen`: how many forms it took, by the caller's own measure. */
static void strike_a_hundred(struct fixture *f, enum fault_setting fault,
                             unsigned (*form)(const struct service_reply *), unsigned forms)
{
    unsigned seen = 0;
    set(f, fault, 1000);
    for (int i = 0; i < 100; i++) {
        struct service_reply reply = ask(f, "/live/v1/tick-info", NULL);
        struct qubic_tick_info info;
        seen |= 1U << form(&reply);
        assert_true(reply.cut || reply.status != 200 ||
                    qubic_rpc_parse_tick_info(buf_bytes(&reply.body), &info, NULL) != ERR_OK);
        service_reply_deinit(&reply);
    }
    assert_int_equal(seen, (1U << forms) - 1);
    assert_int_equal(hits(f, fault), 100);
    set(f, fault, 0);
    expect(ask(f, "/live/v1/tick-info", NULL), 200, "initialTick");
    assert_int_equal(hits(f, fault), 100);
}

static unsigned busy_form(const struct service_reply *reply)
{
    assert_int_equal(reply->status, 429);
    return strcmp(reply->content_type, "application/json") == 0 ? 0 : 1;
}

static unsigned error_form(const struct service_reply *reply)
{
    assert_non_null(strstr(buf_text(&reply->body), "\"code\":"));
    return reply->status == 500 ? 0 : reply->status == 503 ? 1 : 2;
}

static unsigned garbled_form(const struct service_reply *reply)
{
    if (reply->status == 200) {
        return reply->body.size == 0 ? 0 : strstr(buf_text(&reply->body), "html") != NULL ? 1 : 2;
    }
    return reply->status == 404 ? 3 : 4;
}

static unsigned cut_form(const struct service_reply *reply)
{
    assert_true(reply->cut && reply->cut_size < reply->body.size);
    return reply->cut_size > 0 ? 1 : 0;
}

static void questions_fail_in_every_form(void **state)
{
    struct fixture *f = *state;
    strike_a_hundred(f, FAULT_BUSY, busy_form, 2);
    strike_a_hundred(f, FAULT_SERVER_ERROR, error_form, 3);
    strike_a_hundred(f, FAULT_NOT_JSON, garbled_form, 5);
    strike_a_hundred(f, FAULT_CUT, cut_form, 2);
}

static void a_slow_answer_is_right(void **state)
{
    struct fixture *f = *state;
    set(f, FAULT_SLOW, 1000);
    set(f, FAULT_SLOW_MS, 1234);
    struct service_reply reply = ask(f, "/live/v1/tick-info", NULL);
    assert_int_equal(reply.delay_ms, 1234);
    expect(reply, 200, "initialTick");
    assert_int_equal(hits(f, FAULT_SLOW), 1);
}

/* Goal: an answer that fails says nothing about whether the broadcast was done. Method: a hundred of each; some ran, some did
 * not; after 429 none did. */
static void a_struck_broadcast_may_have_been_done(void **state)
{
    struct fixture *f = *state;
    static const enum fault_setting faults[] = {FAULT_CUT, FAULT_SERVER_ERROR, FAULT_NOT_JSON,
                                                FAULT_BUSY};
    for (size_t i = 0; i < 4; i++) {
        struct qubic_transaction txs[100];
        int ran = 0;
        set(f, faults[i], 1000);
        for (int t = 0; t < 100; t++) {
            txs[t] = payment(f, OFFSET);
            struct service_reply reply = broadcast(f, &txs[t]);
            service_reply_deinit(&reply);
        }
        set(f, faults[i], 0);
        for (int t = 0; t <= OFFSET; t++) {
            assert_true(tick(f));
        }
        for (int t = 0; t < 100; t++) {
            ran += is_in_the_archive(f, &txs[t]) ? 1 : 0;
        }
        if (faults[i] == FAULT_BUSY) {
            assert_int_equal(ran, 0);
        } else {
            assert_true(ran > 20 && ran < 80);
        }
    }
}

/* ---- from a seed ---- */

/* Everything at once for a while; a digest of all answers, and with `payloads` what a journal would hold. */
static struct key32 eventful_run(struct fixture *f, uint64_t seed, struct buf *payloads)
{
    struct buf all;
    struct buf payload;
    struct qubic_transaction sent[10] = {{.tick = 0}};
    uint32_t in;
    network_destroy(f->network);
    f->plan = fault_plan_none();
    f->plan.seed = seed;
    f->amount = 0;
    for (enum fault_setting fault = 0; fault < FAULT_COUNT; fault++) {
        f->plan.settings[fault] = 100;
    }
    f->plan.settings[FAULT_EPOCH_PAUSE] = 20;
    open_network(f);
    buf_init(&all, 64U << 20);
    buf_init(&payload, 1U << 20);
    assert_int_equal(chain_credit(f->chain, &f->alice.public_key, FUNDS, &in, NULL), ERR_OK);
    for (int i = 0; i < 600; i++) {
        struct qubic_transaction const tx = payment(f, OFFSET);
        struct qubic_transaction const old = sent[i % 10];
        sent[i % 10] = tx;
        struct service_reply replies[3] = {broadcast(f, &tx), ask_hash(f, &old),
                                           ask(f, "/query/v1/getLastProcessedTick", NULL)};
        for (int r = 0; r < 3; r++) {
            buf_printf(&all, "%d %d %zu %u", replies[r].status, replies[r].cut, replies[r].cut_size,
                       replies[r].delay_ms);
            buf_append_bytes(&all, buf_bytes(&replies[r].body));
            service_reply_deinit(&replies[r]);
        }
        bool ticked;
        buf_clear(&payload);
        assert_int_equal(network_begin(f->network, i, &payload, NULL), ERR_OK);
        assert_int_equal(network_end(f->network, buf_bytes(&payload), &ticked, NULL), ERR_OK);
        if (payloads != NULL && payload.size > 0) {
            buf_printf(payloads, "%08zx", payload.size);
            buf_append_bytes(payloads, buf_bytes(&payload));
        }
    }
    assert_int_equal(buf_check(&all, NULL), ERR_OK);
    struct key32 const digest = k12_digest(buf_bytes(&all));
    buf_deinit(&payload);
    buf_deinit(&all);
    return digest;
}

static void the_same_seed_gives_the_same_run(void **state)
{
    struct fixture *f = *state;
    struct key32 const first = eventful_run(f, 5, NULL);
    struct network_counts const counts = *network_counts(f->network);
    for (enum fault_setting fault = 0; fault < FAULT_COUNT; fault++) {
        if (counts.hits[fault] == 0) {
            fail_msg("%s was never hit", fault_plan_name(fault));
        }
    }
    struct key32 const again = eventful_run(f, 5, NULL);
    assert_memory_equal(first.b, again.b, 32);
    assert_memory_equal(&counts, network_counts(f->network), sizeof counts);
    struct key32 const other = eventful_run(f, 6, NULL);
    assert_memory_not_equal(first.b, other.b, 32);
}

static void replaying_what_was_written_gives_the_same_chain(void **state)
{
    struct fixture *f = *state;
    struct buf payloads;
    buf_init(&payloads, 16U << 20);
    (void)eventful_run(f, 9, &payloads);
    struct fixture again = {.plan = fault_plan_none()};
    open_network(&again);
    struct bytes rest = buf_bytes(&payloads);
    while (rest.size > 0) {
        char head[9] = {0};
        memcpy(head, rest.data, 8);
        size_t const size = strtoul(head, NULL, 16);
        assert_int_equal(network_replay(again.network, bytes_of(rest.data + 8, size), NULL),
                         ERR_OK);
        rest = bytes_from(rest, 8 + size);
    }
    assert_int_equal(chain_current_tick(again.chain), chain_current_tick(f->chain));
    assert_int_equal(chain_epoch(again.chain), chain_epoch(f->chain));
    assert_true(chain_epoch(f->chain) > 7);
    assert_int_equal(balance(&again, &f->alice), balance(f, &f->alice));
    assert_int_equal(balance(&again, &f->bob), balance(f, &f->bob));
    assert_int_equal(balance(f, &f->alice) + balance(f, &f->bob), FUNDS);
    assert_int_equal(chain_interval_count(again.chain), chain_interval_count(f->chain));
    network_destroy(again.network);
    buf_deinit(&payloads);
}

static void a_fault_strikes_as_often_as_it_should(void **state)
{
    (void)state;
    struct fault_plan plan = fault_plan_none();
    for (uint64_t seed = 0; seed < 20; seed++) {
        plan.seed = seed;
        for (enum fault_setting fault = 0; fault < FAULT_COUNT; fault++) {
            int struck = 0;
            plan.settings[fault] = 100;
            for (uint64_t n = 0; n < 10000; n++) {
                struck += fault_plan_strikes(&plan, fault, n, NULL) ? 1 : 0;
            }
            assert_true(struck > 850 && struck < 1150); /* five standard deviations */
        }
    }
}

/* ---- settings ---- */

static void refuse(const char *body, const char *why)
{
    struct fault_plan plan = fault_plan_none();
    struct fault_plan const before = plan;
    struct err err = {0};
    assert_int_equal(fault_api_parse(bytes_of_text(body), &plan, &err), ERR_INVALID);
    if (strstr(err.message, why) == NULL) {
        fail_msg("no '%s' in %s", why, err.message);
    }
    assert_int_equal(plan.seed, before.seed); /* all or nothing */
    assert_memory_equal(plan.settings, before.settings, sizeof plan.settings);
}

static void settings_are_read_strictly_and_told(void **state)
{
    struct fixture *f = *state;
    refuse("", "JSON object");
    refuse("[]", "JSON object");
    refuse("{\"slow\":1,\"slow\":2}", "duplicate");
    refuse("{\"slow\":1,\"quick\":2}", "no setting 'quick'; there are seed empty_tick");
    refuse("{\"slow\":1,\"cut\":1001}", "cut: expected 0 to 1000 (of a thousand), got 1001");
    refuse("{\"slow\":-1}", "slow: expected 0 to 1000");
    refuse("{\"empty_tick\":1000}", "0 to 900");
    refuse("{\"slow\":1.5}", "slow: expected a whole number");
    refuse("{\"slow\":\" 1\"}", "slow: expected a whole number");
    refuse("{\"slow\":true}", "slow: expected a whole number");
    refuse("{\"min_offset\":0}", "min_offset: expected 1 to 100, got 0");
    refuse("{\"seed\":-1}", "seed: expected 0 or more");
    assert_int_equal(fault_api_parse(bytes_of_text("{\"seed\":\"9\",\"cut\":7,\"slow_ms\":\"5\"}"),
                                     &f->plan, NULL),
                     ERR_OK);
    assert_int_equal(fault_plan_set_text(&f->plan, "busy=8", NULL), ERR_OK);
    assert_int_equal(fault_plan_set_text(&f->plan, "busy", NULL), ERR_INVALID);
    assert_int_equal(fault_plan_set_text(&f->plan, "busy=x", NULL), ERR_INVALID);
    assert_int_equal(fault_plan_set_text(&f->plan, "=1", NULL), ERR_INVALID);
    network_set_plan(f->network, &f->plan);
    struct buf told;
    buf_init(&told, 1U << 16);
    fault_api_build(f->network, &told);
    assert_non_null(strstr(buf_text(&told), "{\"seed\":\"9\",\"settings\":{\"empty_tick\":0,"));
    assert_non_null(strstr(buf_text(&told), "\"busy\":8"));
    assert_non_null(strstr(buf_text(&told), "\"cut\":7"));
    assert_non_null(strstr(buf_text(&told), "\"slow_ms\":5}"));
    assert_non_null(strstr(buf_text(&told), "\"hits\":{\"empty_tick\":0,"));
    buf_deinit(&told);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_network_without_faults_has_none),
        TEST(an_empty_tick_loses_what_was_meant_for_it),
        TEST(a_skipped_tick_never_was),
        TEST(an_epoch_ends_with_a_pause_and_forgets_what_waits),
        TEST(the_archive_is_behind_and_never_goes_back),
        TEST(a_payment_is_included_and_no_money_flies),
        TEST(dropped_transactions_are_answered_as_if_they_were_not),
        TEST(what_arrives_twice_runs_once),
        TEST(the_archive_denies_what_it_has),
        TEST(questions_fail_in_every_form),
        TEST(a_slow_answer_is_right),
        TEST(a_struck_broadcast_may_have_been_done),
        TEST(the_same_seed_gives_the_same_run),
        TEST(replaying_what_was_written_gives_the_same_chain),
        TEST(a_fault_strikes_as_often_as_it_should),
        TEST(settings_are_read_strictly_and_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
