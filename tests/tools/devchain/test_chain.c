/* The local chain's rules, its journal, and that replaying the journal gives the same chain. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/base/invariant.h"
#include "core/crypto/k12.h"
#include "tests/support/cmocka_all.h"
#include "tools/devchain/chain.h"
#include "tools/devchain/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START 100

struct fixture {
    struct chain *chain;
    struct buf payload;
    struct qubic_keys alice;
    struct qubic_keys bob;
    char folder[64];
    char path[128];
};

static struct chain *new_chain(void)
{
    struct chain_options const options = {.start_tick = START, .epoch = 7, .min_offset = 3};
    struct chain *chain = NULL;
    assert_int_equal(chain_create(&options, &chain, NULL), ERR_OK);
    return chain;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->chain = new_chain();
    buf_init(&f->payload, JOURNAL_PAYLOAD_MAX);
    static const char a[] = "aliceaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const char b[] = "bobbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    assert_int_equal(qubic_keys_from_seed(bytes_of(a, 55), &f->alice, NULL), ERR_OK);
    assert_int_equal(qubic_keys_from_seed(bytes_of(b, 55), &f->bob, NULL), ERR_OK);
    strcpy(f->folder, "/tmp/tally-chain-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/journal", f->folder);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    chain_destroy(f->chain);
    buf_deinit(&f->payload);
    unlink(f->path);
    rmdir(f->folder);
    free(f);
    return 0;
}

static void tick(struct fixture *f)
{
    buf_clear(&f->payload);
    assert_int_equal(
        chain_freeze(f->chain, 1000 + chain_current_tick(f->chain), NULL, &f->payload, NULL),
        ERR_OK);
    assert_int_equal(chain_apply(f->chain, buf_bytes(&f->payload), NULL), ERR_OK);
}

static void ticks(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        tick(f);
    }
}

static void fund(struct fixture *f, const struct qubic_keys *keys, int64_t amount)
{
    uint32_t in;
    assert_int_equal(chain_credit(f->chain, &keys->public_key, amount, &in, NULL), ERR_OK);
    assert_int_equal(in, chain_current_tick(f->chain));
    tick(f);
}

static struct qubic_transaction payment(const struct qubic_keys *from, struct key32 to,
                                        int64_t amount, uint32_t at)
{
    struct qubic_transaction tx = {.destination = to, .amount = amount, .tick = at};
    assert_int_equal(qubic_transaction_sign(&tx, from, NULL), ERR_OK);
    return tx;
}

static enum chain_admission submit(struct fixture *f, const struct qubic_transaction *tx)
{
    enum chain_admission admission;
    assert_int_equal(chain_submit(f->chain, tx, &admission, NULL), ERR_OK);
    return admission;
}

static int64_t balance(struct fixture *f, const struct key32 *key)
{
    return chain_identity_balance(f->chain, key).balance;
}

static void money_moves_in_exactly_its_tick(void **state)
{
    struct fixture *f = *state;
    fund(f, &f->alice, 1000);
    uint32_t const at = chain_current_tick(f->chain) + 5;
    struct qubic_transaction tx = payment(&f->alice, f->bob.public_key, 300, at);
    assert_int_equal(submit(f, &tx), CHAIN_WAITING);
    assert_int_equal(submit(f, &tx), CHAIN_DROPPED_DUPLICATE);
    while (chain_current_tick(f->chain) < at) {
        tick(f);
        assert_int_equal(balance(f, &f->bob.public_key), 0);
    }
    tick(f);
    assert_int_equal(balance(f, &f->bob.public_key), 300);
    assert_int_equal(balance(f, &f->alice.public_key), 700);
    struct qubic_balance a = chain_identity_balance(f->chain, &f->alice.public_key);
    assert_int_equal(a.valid_for_tick, at);
    assert_int_equal(a.latest_outgoing_tick, at);
    assert_int_equal(a.outgoing_count, 1);
    assert_int_equal(a.incoming_amount - a.outgoing_amount, a.balance);
    struct key32 const hash = qubic_transaction_hash(&tx);
    uint32_t const index = chain_find(f->chain, &hash);
    assert_int_not_equal(index, CHAIN_NONE);
    struct qubic_archived_transaction const archived = chain_archived(f->chain, index);
    assert_true(archived.money_flew);
    assert_int_equal(archived.timestamp_ms, 1000 + at);
    assert_memory_equal(&archived.transaction, &tx, sizeof tx);
    ticks(f, 3);
    assert_int_equal(balance(f, &f->bob.public_key), 300);
    assert_int_equal(chain_supply(f->chain), 1000);
}

static void what_the_network_drops_is_dropped(void **state)
{
    struct fixture *f = *state;
    uint32_t now = chain_current_tick(f->chain);
    struct qubic_transaction tx = payment(&f->alice, f->bob.public_key, 1, now + 5);
    assert_int_equal(submit(f, &tx), CHAIN_DROPPED_NO_BALANCE);
    fund(f, &f->alice, 1000);
    now = chain_current_tick(f->chain);
    for (uint32_t offset = 0; offset < 3; offset++) {
        tx = payment(&f->alice, f->bob.public_key, 1, now + offset);
        assert_int_equal(submit(f, &tx), CHAIN_DROPPED_TOO_SOON);
    }
    tx = payment(&f->alice, f->bob.public_key, 1, now - 1);
    assert_int_equal(submit(f, &tx), CHAIN_DROPPED_TOO_SOON);
    tx = payment(&f->alice, f->bob.public_key, 1, now + CHAIN_AHEAD_MAX + 1);
    assert_int_equal(submit(f, &tx), CHAIN_DROPPED_TOO_FAR);
    tx = payment(&f->alice, f->bob.public_key, 1, now + 3);
    assert_int_equal(submit(f, &tx), CHAIN_WAITING);
    ticks(f, 6);
    assert_int_equal(balance(f, &f->bob.public_key), 1);
}

static void an_overdrawn_payment_is_recorded_and_moves_nothing(void **state)
{
    struct fixture *f = *state;
    fund(f, &f->alice, 100);
    uint32_t const at = chain_current_tick(f->chain) + 3;
    struct qubic_transaction first = payment(&f->alice, f->bob.public_key, 80, at);
    struct qubic_transaction second = payment(&f->alice, f->bob.public_key, 81, at);
    struct qubic_transaction message = payment(&f->alice, f->bob.public_key, 0, at);
    assert_int_equal(submit(f, &first), CHAIN_WAITING);
    assert_int_equal(submit(f, &second), CHAIN_WAITING);
    assert_int_equal(submit(f, &message), CHAIN_WAITING);
    ticks(f, 4);
    uint32_t index;
    assert_int_equal(chain_tick_transactions(f->chain, at, &index), 3);
    assert_true(chain_archived(f->chain, index).money_flew);
    assert_false(chain_archived(f->chain, index + 1).money_flew);
    assert_false(chain_archived(f->chain, index + 2).money_flew);
    assert_int_equal(balance(f, &f->alice.public_key), 20);
    assert_int_equal(balance(f, &f->bob.public_key), 80);
    /* each identity's own history, newest first */
    assert_int_equal(chain_newest_of(f->chain, &f->bob.public_key), index + 2);
    assert_int_equal(chain_previous_of(f->chain, &f->bob.public_key, index + 2), index + 1);
    assert_int_equal(chain_previous_of(f->chain, &f->bob.public_key, index), CHAIN_NONE);
}

static void odd_destinations_keep_the_books_straight(void **state)
{
    struct fixture *f = *state;
    fund(f, &f->alice, 1000);
    uint32_t const at = chain_current_tick(f->chain) + 3;
    struct key32 const burn = {{0}};
    struct key32 const contract = {{4}};
    struct qubic_transaction txs[3] = {payment(&f->alice, burn, 100, at),
                                       payment(&f->alice, contract, 200, at),
                                       payment(&f->alice, f->alice.public_key, 300, at)};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(submit(f, &txs[i]), CHAIN_WAITING);
    }
    ticks(f, 4);
    assert_int_equal(balance(f, &f->alice.public_key), 900);
    assert_int_equal(balance(f, &burn), 0);
    assert_int_equal(balance(f, &contract), 0);
    assert_int_equal(chain_supply(f->chain), 900);
    uint32_t index = chain_newest_of(f->chain, &f->alice.public_key);
    assert_true(chain_archived(f->chain, index).money_flew); /* to itself */
    index = chain_previous_of(f->chain, &f->alice.public_key, index);
    assert_false(chain_archived(f->chain, index).money_flew);
}

static void credits_have_limits(void **state)
{
    struct fixture *f = *state;
    uint32_t in;
    const struct key32 *alice = &f->alice.public_key;
    assert_int_equal(chain_credit(f->chain, alice, 0, &in, NULL), ERR_INVALID);
    assert_int_equal(chain_credit(f->chain, alice, -1, &in, NULL), ERR_INVALID);
    assert_int_equal(chain_credit(f->chain, alice, CHAIN_SUPPLY_MAX + 1, &in, NULL), ERR_CONFLICT);
    assert_int_equal(chain_credit(f->chain, alice, CHAIN_SUPPLY_MAX, &in, NULL), ERR_OK);
    assert_int_equal(chain_credit(f->chain, alice, 1, &in, NULL), ERR_CONFLICT);
    tick(f);
    assert_int_equal(chain_credit(f->chain, alice, 1, &in, NULL), ERR_CONFLICT);
    /* while a tick is being written, money goes to the next */
    chain_destroy(f->chain);
    f->chain = new_chain();
    buf_clear(&f->payload);
    assert_int_equal(chain_freeze(f->chain, 1, NULL, &f->payload, NULL), ERR_OK);
    assert_int_equal(chain_credit(f->chain, alice, 5, &in, NULL), ERR_OK);
    assert_int_equal(in, START + 1);
    assert_int_equal(chain_apply(f->chain, buf_bytes(&f->payload), NULL), ERR_OK);
    assert_int_equal(balance(f, alice), 0);
    tick(f);
    assert_int_equal(balance(f, alice), 5);
}

/* ---- the journal ---- */

struct recorder {
    struct chain *chain;
    int count;
};

static enum err_code replay(void *ctx, struct bytes payload, struct err *err)
{
    struct recorder *recorder = ctx;
    recorder->count++;
    return recorder->chain != NULL ? chain_apply(recorder->chain, payload, err) : ERR_OK;
}

static off_t size_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void append_to(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "ab");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

/* A digest of everything one can ask a chain. */
static struct key32 chain_digest(const struct chain *chain, const struct qubic_keys *keys,
                                 size_t key_count)
{
    struct buf all;
    buf_init(&all, 64U << 20);
    for (size_t i = 0; i < key_count; i++) {
        struct qubic_balance const b = chain_identity_balance(chain, &keys[i].public_key);
        qubic_rpc_build_balance(&all, &b);
        for (uint32_t at = chain_newest_of(chain, &keys[i].public_key); at != CHAIN_NONE;
             at = chain_previous_of(chain, &keys[i].public_key, at)) {
            struct qubic_archived_transaction const one = chain_archived(chain, at);
            qubic_rpc_build_transaction(&all, &one);
        }
    }
    assert_false(all.failed);
    struct key32 const digest = k12_digest(buf_bytes(&all));
    buf_deinit(&all);
    return digest;
}

#define PEOPLE 6

/* Goal: a replayed journal is the same chain, and money is conserved. Method: 300 ticks of random payments and
 * credits, seeded; compare digests, and sums after every tick. */
static void replaying_the_journal_gives_the_same_chain(void **state)
{
    struct fixture *f = *state;
    struct qubic_keys people[PEOPLE];
    struct journal *journal = NULL;
    struct recorder recorder = {0};
    uint32_t random = 12345;
    for (size_t i = 0; i < PEOPLE; i++) {
        char seed[56];
        memset(seed, 'a' + (int)i, 55);
        assert_int_equal(qubic_keys_from_seed(bytes_of(seed, 55), &people[i], NULL), ERR_OK);
    }
    assert_int_equal(journal_open(f->path, replay, &recorder, &journal, NULL), ERR_OK);
    for (int t = 0; t < 300; t++) {
        for (int i = 0; i < 3; i++) {
            random = random * 1664525 + 1013904223;
            const struct qubic_keys *from = &people[(random >> 8) % PEOPLE];
            const struct qubic_keys *to = &people[(random >> 16) % PEOPLE];
            uint32_t in;
            if (random % 7 == 0) {
                assert_int_equal(
                    chain_credit(f->chain, &to->public_key, 1 + random % 1000, &in, NULL), ERR_OK);
            }
            struct qubic_transaction tx =
                payment(from, to->public_key, random % 400,
                        chain_current_tick(f->chain) + 3 + (random >> 24) % 4);
            (void)submit(f, &tx);
        }
        buf_clear(&f->payload);
        assert_int_equal(chain_freeze(f->chain, 1000 + t, NULL, &f->payload, NULL), ERR_OK);
        assert_int_equal(journal_append(journal, buf_bytes(&f->payload), NULL), ERR_OK);
        assert_int_equal(chain_apply(f->chain, buf_bytes(&f->payload), NULL), ERR_OK);
        int64_t sum = 0;
        for (size_t i = 0; i < PEOPLE; i++) {
            assert_true(balance(f, &people[i].public_key) >= 0);
            sum += balance(f, &people[i].public_key);
        }
        assert_int_equal(sum, chain_supply(f->chain));
    }
    assert_true(chain_supply(f->chain) > 0);
    journal_close(journal);
    recorder.chain = new_chain();
    assert_int_equal(journal_open(f->path, replay, &recorder, &journal, NULL), ERR_OK);
    journal_close(journal);
    assert_int_equal(recorder.count, 300);
    struct key32 const live = chain_digest(f->chain, people, PEOPLE);
    struct key32 const again = chain_digest(recorder.chain, people, PEOPLE);
    assert_memory_equal(live.b, again.b, 32);
    chain_destroy(recorder.chain);
}

/* Goal: a crash in the middle of a write loses that record only. Method: cut the file at every length of the last
 * record; open; the others are there, and appending goes on. */
static void a_torn_tail_is_cut_wherever_it_tore(void **state)
{
    struct fixture *f = *state;
    struct journal *journal = NULL;
    struct recorder recorder = {0};
    static const uint8_t payload[40] = {1, 2, 3};
    assert_int_equal(journal_open(f->path, replay, &recorder, &journal, NULL), ERR_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(journal_append(journal, bytes_of(payload, sizeof payload), NULL), ERR_OK);
    }
    journal_close(journal);
    off_t const record = 36 + (off_t)sizeof payload;
    for (off_t cut = 0; cut < record; cut++) {
        uint8_t whole[36 + sizeof payload];
        FILE *file = fopen(f->path, "rb");
        assert_non_null(file);
        assert_int_equal(fread(whole, 1, sizeof whole, file), sizeof whole);
        fclose(file);
        assert_int_equal(truncate(f->path, 2 * record), 0);
        append_to(f->path, whole, (size_t)cut);
        recorder.count = 0;
        assert_int_equal(journal_open(f->path, replay, &recorder, &journal, NULL), ERR_OK);
        assert_int_equal(recorder.count, 2);
        assert_int_equal(size_of(f->path), 2 * record);
        assert_int_equal(journal_append(journal, bytes_of(payload, sizeof payload), NULL), ERR_OK);
        journal_close(journal);
    }
}

/* Goal: after a power failure the last record's bytes may be there in part, in any order. Method: each one of them zero up to a
 * place, the rest written: first the head is missing, then some of the payload. */
static void a_last_record_without_its_beginning_is_cut_off(void **state)
{
    struct fixture *f = *state;
    uint8_t payload[40] = "payload";
    struct recorder recorder = {0};
    struct journal *journal = NULL;
    payload[sizeof payload - 1] = 7;
    assert_int_equal(journal_open(f->path, replay, &recorder, &journal, NULL), ERR_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(journal_append(journal, bytes_of(payload, sizeof payload), NULL), ERR_OK);
    }
    journal_close(journal);
    size_t const record = 36 + sizeof payload;
    for (size_t missing = 1; missing <= record; missing++) {
        uint8_t torn[36 + sizeof payload];
        FILE *file = fopen(f->path, "rb");
        assert_non_null(file);
        assert_int_equal(fread(torn, 1, sizeof torn, file), sizeof torn);
        fclose(file);
        memset(torn, 0, missing);
        assert_int_equal(truncate(f->path, 2 * (off_t)record), 0);
        append_to(f->path, torn, sizeof torn);
        recorder.count = 0;
        assert_int_equal(journal_open(f->path, replay, &recorder, &journal, NULL), ERR_OK);
        assert_int_equal(recorder.count, 2);
        assert_int_equal(journal_append(journal, bytes_of(payload, sizeof payload), NULL), ERR_OK);
        journal_close(journal);
    }
}

static void a_broken_middle_is_an_error_not_a_cut(void **state)
{
    struct fixture *f = *state;
    struct journal *journal = NULL;
    struct journal *second = NULL;
    struct recorder recorder = {0};
    static const uint8_t payload[40] = {1, 2, 3};
    assert_int_equal(journal_open(f->path, replay, &recorder, &journal, NULL), ERR_OK);
    assert_int_equal(journal_open(f->path, replay, &recorder, &second, NULL), ERR_BUSY);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(journal_append(journal, bytes_of(payload, sizeof payload), NULL), ERR_OK);
    }
    journal_close(journal);
    off_t const before = size_of(f->path);
    FILE *file = fopen(f->path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 36 + 40 + 36 + 5, SEEK_SET), 0);
    fputc(0x55, file);
    fclose(file);
    assert_int_equal(journal_open(f->path, replay, &recorder, &journal, NULL), ERR_CORRUPT);
    assert_int_equal(size_of(f->path), before);
}

static void payloads_of_another_chain_are_refused(void **state)
{
    struct fixture *f = *state;
    struct chain_options const other = {.start_tick = START, .epoch = 8, .min_offset = 3};
    struct chain *chain = NULL;
    fund(f, &f->alice, 5);
    assert_int_equal(chain_create(&other, &chain, NULL), ERR_OK);
    assert_int_equal(chain_apply(chain, buf_bytes(&f->payload), NULL), ERR_CORRUPT);
    chain_destroy(chain);
    for (size_t cut = 0; cut < f->payload.size; cut++) {
        chain = new_chain();
        assert_int_equal(chain_apply(chain, bytes_of(f->payload.data, cut), NULL), ERR_CORRUPT);
        chain_destroy(chain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(money_moves_in_exactly_its_tick, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_network_drops_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_overdrawn_payment_is_recorded_and_moves_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(odd_destinations_keep_the_books_straight, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(credits_have_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replaying_the_journal_gives_the_same_chain, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_torn_tail_is_cut_wherever_it_tore, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_last_record_without_its_beginning_is_cut_off, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_broken_middle_is_an_error_not_a_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(payloads_of_another_chain_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
