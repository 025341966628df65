/* tools/devchain/live_api.c: the Live service, worded as the network's. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "core/base/trace.h"
#include "core/crypto/fourq.h"
#include "tools/devchain/service.h"

#include <inttypes.h>
#include <jansson.h>

#define WIRE_MAX ((size_t)64 << 10)
#define PEERS 3 /* how many nodes the answer to a broadcast claims */

static struct qubic_tick_info tick_info(struct devnet *network)
{
    const struct chain *chain = network_chain(network);
    return (struct qubic_tick_info){
        .tick = chain_current_tick(chain),
        .duration = chain_tick_seconds(chain),
        .epoch = chain_epoch(chain),
        .initial_tick = chain_initial_tick(chain),
    };
}

void live_tick_info(struct devnet *network, struct bytes body, struct service_reply *reply)
{
    (void)body;
    struct qubic_tick_info const info = tick_info(network);
    qubic_rpc_build_tick_info(&reply->body, &info);
}

void live_block_height(struct devnet *network, struct bytes body, struct service_reply *reply)
{
    (void)body;
    struct qubic_tick_info const info = tick_info(network);
    buf_printf(&reply->body,
               "{\"blockHeight\":{\"tick\":%" PRIu32 ",\"duration\":%" PRIu32 ",\"epoch\":%" PRIu32
               ",\"initialTick\":%" PRIu32 "}}",
               info.tick, info.duration, info.epoch, info.initial_tick);
}

void live_balance(struct devnet *network, const char *identity, struct service_reply *reply)
{
    struct key32 key;
    struct err err = {0};
    if (qubic_identity_parse(bytes_of_text(identity), &key, &err) != ERR_OK) {
        service_error(reply, QUBIC_RPC_INTERNAL, "decoding identity: %s", err.message);
        return;
    }
    struct qubic_balance const balance = chain_identity_balance(network_chain(network), &key);
    qubic_rpc_build_balance(&reply->body, &balance);
}

/* Why the network's service would refuse this signature. */
static const char *signature_complaint(const struct qubic_transaction *tx)
{
    struct fourq_scalar s;
    struct fourq_point key;
    fourq_scalar_load(tx->signature + 32, &s);
    if (!fourq_scalar_is_reduced_public(&s)) {
        return "Non-canonical signature scalar.";
    }
    if (!fourq_decode_public(&tx->source, &key) || fourq_has_low_order_public(&key)) {
        return "Bad public key or signature.";
    }
    return "Signature does not verify!";
}

void live_broadcast(struct devnet *network, struct bytes body, struct service_reply *reply)
{
    struct chain *chain = network_chain(network);
    struct qubic_transaction tx;
    struct err err = {0};
    enum chain_admission admission = CHAIN_WAITING;
    struct buf wire;
    buf_init(&wire, WIRE_MAX);
    json_t *root = json_loadb(body.size > 0 ? (const char *)body.data : "", body.size, 0, NULL);
    const json_t *encoded = json_object_get(root, "encodedTransaction");
    if (!json_is_string(encoded) ||
        base64_decode(bytes_of(json_string_value(encoded), json_string_length(encoded)), &wire,
                      NULL) != ERR_OK) {
        service_error(reply, QUBIC_RPC_INVALID_ARGUMENT,
                      "illegal base64 data: expected {\"encodedTransaction\":\"<base64>\"}");
        goto out;
    }
    if (qubic_transaction_parse(buf_bytes(&wire), &tx, &err) != ERR_OK) {
        service_error(reply, QUBIC_RPC_INTERNAL, "unmarshalling transaction: %s", err.message);
        goto out;
    }
    if (!qubic_transaction_signature_is_valid(&tx)) {
        service_error(reply, QUBIC_RPC_INVALID_ARGUMENT, "%s", signature_complaint(&tx));
        goto out;
    }
    uint32_t const current = chain_current_tick(chain);
    if (tx.tick <= current) {
        service_error(reply, QUBIC_RPC_INVALID_ARGUMENT,
                      "Target tick: %" PRIu32
                      " for the transaction should be greater than max tick: %" PRIu32,
                      tx.tick, current);
        goto out;
    }
    if (network_submit(network, &tx, &admission, &err) != ERR_OK) {
        service_error(reply, QUBIC_RPC_INTERNAL, "%s", err.message);
        goto out;
    }
    struct key32 const hash = qubic_transaction_hash(&tx);
    if (admission != CHAIN_WAITING) { /* the network tells nobody; our trace does */
        static const char *const why[] = {
            [CHAIN_WAITING] = "",
            [CHAIN_DROPPED_TOO_SOON] = "too_soon",
            [CHAIN_DROPPED_TOO_FAR] = "too_far",
            [CHAIN_DROPPED_NO_BALANCE] = "no_balance",
            [CHAIN_DROPPED_DUPLICATE] = "duplicate",
            [CHAIN_DROPPED_TICK_FULL] = "tick_full",
        };
        trace(TRACE_DEBUG, "devchain.dropped", "why=%s tick=%" PRIu32 " current=%" PRIu32,
              why[admission], tx.tick, current);
    }
    qubic_rpc_build_broadcast(&reply->body, PEERS, buf_bytes(&wire), &hash);
out:
    json_decref(root);
    buf_deinit(&wire);
}
