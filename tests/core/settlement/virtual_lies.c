// SPDX-License-Identifier: Apache-2.0
#include "tests/core/settlement/virtual_lies.h"

#include "core/base/text.h"
#include "core/qubic/identity.h"
#include "tests/support/cmocka_all.h"

#include <inttypes.h>
#include <string.h>

#define HIDDEN_FOR 40 /* ticks */
#define STUCK_FOR 20
#define SLOW_MS 600000

const char *lie_name(enum lie lie)
{
    static const char *const NAMES[] = {"hidden", "skipped", "tick",   "processed",
                                        "stuck",  "forged",  "balance"};
    return NAMES[lie];
}

/* The same for the same seed, whatever was asked before. */
static uint64_t mix(const struct lies *lies, uint64_t what, uint64_t number)
{
    uint64_t z = lies->seed + what * UINT64_C(0x9E3779B97F4A7C15) + number;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static bool begins(const char *path, const char *question)
{
    return strstr(path, question) != NULL;
}

/* The value of the only field we look for, up to its end. */
static struct bytes value_of(struct bytes body, const char *name)
{
    const char *text = (const char *)body.data;
    const char *at = body.size == 0 ? NULL : memmem(text, body.size, name, strlen(name));
    if (at == NULL) {
        fail_msg("a question without %s", name);
        return bytes_of(NULL, 0);
    }
    at += strlen(name);
    size_t left = body.size - (size_t)(at - text);
    size_t skip = strspn(at, "\": ");
    size_t size = strcspn(at + skip, "\",}");
    assert_true(skip + size < left);
    return bytes_of(at + skip, size);
}

static bool is_hidden(const struct lies *lies, struct devnet *network, uint32_t tick)
{
    uint32_t now = chain_current_tick(network_chain(network));
    return tick + HIDDEN_FOR > now && mix(lies, LIE_HIDDEN, tick) % 8 == 0;
}

static void hide(struct lies *lies, struct devnet *network, const char *path, struct bytes body,
                 struct service_reply *reply)
{
    const struct chain *chain = network_chain(network);
    if (begins(path, "getTransactionByHash")) {
        struct key32 hash;
        assert_int_equal(qubic_hash_parse(value_of(body, "hash"), &hash, NULL), ERR_OK);
        uint32_t index = chain_find(chain, &hash);
        if (index != CHAIN_NONE &&
            is_hidden(lies, network, chain_archived(chain, index).transaction.tick)) {
            service_error(reply, QUBIC_RPC_NOT_FOUND, "transaction not found");
            lies->told[LIE_HIDDEN]++;
        }
    } else if (begins(path, "getTickData")) {
        uint64_t tick;
        assert_int_equal(u64_parse(value_of(body, "tickNumber"), &tick, NULL), ERR_OK);
        if (is_hidden(lies, network, (uint32_t)tick)) {
            const struct qubic_tick_data empty = {.empty = true};
            buf_clear(&reply->body);
            qubic_rpc_build_tick_data(&reply->body, &empty);
            lies->told[LIE_HIDDEN]++;
        }
    }
}

/* Well formed and with the hash of its fields, as only bytes that were never signed can be. */
static void forge(struct lies *lies, const char *path, struct bytes body,
                  struct service_reply *reply)
{
    uint64_t tick;
    if (!begins(path, "getTransactionsForTick") || key_is_zero(lies->escrow)) {
        return;
    }
    assert_int_equal(u64_parse(value_of(body, "tickNumber"), &tick, NULL), ERR_OK);
    if (mix(lies, LIE_FORGED, tick) % 40 != 0) {
        return;
    }
    struct qubic_archived_transaction forged = {.money_flew = true,
                                                .transaction = {.source = {{1, 2, 3}},
                                                                .destination = lies->escrow,
                                                                .amount = 5000,
                                                                .tick = (uint32_t)tick,
                                                                .signature = {4, 5, 6}}};
    forged.hash = qubic_transaction_hash(&forged.transaction);
    if (reply->body.size < 2 || reply->body.data[reply->body.size - 1] != ']') {
        return; /* another fault has spoilt it */
    }
    reply->body.size--; /* the list's end */
    buf_append_text(&reply->body, reply->body.size > 1 ? "," : "");
    qubic_rpc_build_transaction(&reply->body, &forged);
    buf_append_text(&reply->body, "]");
    lies->told[LIE_FORGED]++;
}

/* Never fewer payments than there were, nor an old balance as a new one: beside an archive that hides a payment, or is said to be further than it is, these would
 * be two lies about one thing. */
static void misstate(struct lies *lies, uint64_t roll, struct service_reply *reply)
{
    struct qubic_balance balance;
    if (qubic_rpc_parse_balance(buf_bytes(&reply->body), &balance, NULL) != ERR_OK) {
        return; /* another fault has spoilt it */
    }
    uint32_t const some = 1 + (uint32_t)((roll >> 16) % 3);
    switch ((roll >> 10) % 4) {
    case 0:
        balance.outgoing_count += some;
        break;
    case 1:
        balance.balance /= 2;
        break;
    case 2:
        balance.balance = 2 * balance.balance + 1;
        break;
    default:
        balance.latest_incoming_tick = balance.valid_for_tick;
        balance.latest_outgoing_tick = balance.valid_for_tick;
        break;
    }
    buf_clear(&reply->body);
    qubic_rpc_build_balance(&reply->body, &balance);
    lies->told[LIE_BALANCE]++;
}

static void lie_once(struct lies *lies, struct devnet *network, const char *path, struct bytes body,
                     struct service_reply *reply)
{
    uint64_t roll = mix(lies, LIES, lies->questions++);
    uint32_t far = (uint32_t)(3000 + (roll >> 20) % 4000000000);
    uint64_t tick;
    if (roll % (begins(path, "balances") ? 20 : 100) != 0) {
        return;
    }
    if (begins(path, "getTransactionsForTick")) {
        assert_int_equal(u64_parse(value_of(body, "tickNumber"), &tick, NULL), ERR_OK);
        uint32_t next = (roll >> 10) % 2 == 0 ? far : (uint32_t)(tick + 1 + (roll >> 12) % 20);
        service_error(reply, QUBIC_RPC_OUT_OF_RANGE,
                      "provided tick number %" PRIu64
                      " was skipped by the system, next available tick is %" PRIu32,
                      tick, next);
        lies->told[LIE_SKIPPED]++;
    } else if (begins(path, "balances")) {
        misstate(lies, roll, reply);
    } else if (begins(path, "tick-info")) {
        const struct qubic_tick_info info = {
            .tick = far > chain_current_tick(network_chain(network)) + 3000
                        ? far
                        : chain_current_tick(network_chain(network)) + far,
            .duration = 1,
            .epoch = 100,
            .initial_tick = 1};
        buf_clear(&reply->body);
        qubic_rpc_build_tick_info(&reply->body, &info);
        lies->told[LIE_TICK]++;
    } else if (begins(path, "getLastProcessedTick")) {
        const struct qubic_processed_tick processed = {.tick = network_archived_tick(network) + 10 +
                                                               far % 100,
                                                       .epoch = 100,
                                                       .interval_initial_tick = 1};
        buf_clear(&reply->body);
        qubic_rpc_build_processed_tick(&reply->body, &processed);
        lies->told[LIE_PROCESSED]++;
    }
}

/* In one stretch of ticks of ten, one kind of question (told by the length of its path) hangs. */
static void be_stuck(struct lies *lies, struct devnet *network, const char *path,
                     struct service_reply *reply)
{
    uint64_t stretch = chain_current_tick(network_chain(network)) / STUCK_FOR;
    uint64_t roll = mix(lies, LIE_STUCK, stretch);
    bool is_balance = begins(path, "balances"); /* as long as an identity makes it */
    if (roll % 10 == 0 && (roll >> 8) % 8 == (is_balance ? 0 : strlen(path) % 8)) {
        reply->delay_ms = SLOW_MS;
        lies->told[LIE_STUCK]++;
    }
}

static bool is_short_of(const struct lies *lies, struct bytes body)
{
    struct key32 identity;
    assert_int_equal(qubic_identity_parse(value_of(body, "identity"), &identity, NULL), ERR_OK);
    return key_equal(identity, lies->short_of);
}

void lies_shorten(const struct lies *lies, struct devnet *network, const char *path,
                  struct bytes body, struct service_reply *reply)
{
    if (begins(path, "getTransactionsForIdentity") && reply->status == 200 &&
        (lies->short_lists || is_short_of(lies, body))) {
        const struct qubic_identity_transactions none = {.valid_for_tick =
                                                             network_archived_tick(network)};
        buf_clear(&reply->body);
        qubic_rpc_build_identity_transactions(&reply->body, &none);
    }
    struct qubic_balance balance;
    if (lies->all_moved && begins(path, "balances") &&
        qubic_rpc_parse_balance(buf_bytes(&reply->body), &balance, NULL) == ERR_OK) {
        balance.balance += INT64_C(1000000000000);
        balance.outgoing_count++;
        balance.latest_outgoing_tick = balance.valid_for_tick;
        buf_clear(&reply->body);
        qubic_rpc_build_balance(&reply->body, &balance);
    }
    while (lies->all_flew && reply->body.size > 0) {
        static const char NO[] = "\"moneyFlew\":false";
        uint8_t *at = memmem(reply->body.data, reply->body.size, NO, sizeof NO - 1);
        if (at == NULL) {
            break;
        }
        memcpy(at, "\"moneyFlew\":true ", sizeof NO - 1);
    }
    if (lies->hangs[0] != '\0' && (strstr(path, lies->hangs) != NULL ||
                                   (body.size > 0 && memmem(body.data, body.size, lies->hangs,
                                                            strlen(lies->hangs)) != NULL))) {
        reply->delay_ms = SLOW_MS;
    }
}

void lies_tell(struct lies *lies, struct devnet *network, const char *path, struct bytes body,
               struct service_reply *reply)
{
    be_stuck(lies, network, path, reply);
    if (reply->status == 200 && !reply->cut && reply->delay_ms == 0) {
        hide(lies, network, path, body, reply);
        forge(lies, path, body, reply);
    }
    if (reply->status == 200 && !reply->cut && reply->delay_ms == 0) {
        lie_once(lies, network, path, body, reply);
    }
}
