/* core/qubic/rpc_build.c: structs to the JSON of Qubic's RPC. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "core/qubic/rpc.h"

#include <inttypes.h>

static void append_identity(struct buf *body, const struct key32 *key)
{
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    qubic_identity_format(key, text);
    buf_append_text(body, text);
}

static void append_hash(struct buf *body, const struct key32 *hash)
{
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    qubic_hash_format(hash, text);
    buf_append_text(body, text);
}

void qubic_rpc_build_broadcast_request(struct buf *body, struct bytes wire)
{
    buf_append_text(body, "{\"encodedTransaction\":\"");
    base64_append(body, wire);
    buf_append_text(body, "\"}");
}

void qubic_rpc_build_hash_request(struct buf *body, const struct key32 *hash)
{
    buf_append_text(body, "{\"hash\":\"");
    append_hash(body, hash);
    buf_append_text(body, "\"}");
}

void qubic_rpc_build_tick_request(struct buf *body, uint32_t tick)
{
    buf_printf(body, "{\"tickNumber\":%" PRIu32 "}", tick);
}

void qubic_rpc_build_identity_request(struct buf *body, const struct qubic_identity_query *query)
{
    buf_append_text(body, "{\"identity\":\"");
    append_identity(body, &query->identity);
    buf_printf(body,
               "\",\"filters\":{},\"ranges\":{\"tickNumber\":{\"gte\":\"%" PRIu32
               "\",\"lte\":\"%" PRIu32 "\"}},\"pagination\":{\"offset\":%" PRIu32
               ",\"size\":%" PRIu32 "}}",
               query->tick_from, query->tick_to, query->offset, query->size);
}

void qubic_rpc_build_tick_info(struct buf *body, const struct qubic_tick_info *info)
{
    buf_printf(body,
               "{\"tickInfo\":{\"tick\":%" PRIu32 ",\"duration\":%" PRIu32 ",\"epoch\":%" PRIu32
               ",\"initialTick\":%" PRIu32 "}}",
               info->tick, info->duration, info->epoch, info->initial_tick);
}

void qubic_rpc_build_balance(struct buf *body, const struct qubic_balance *balance)
{
    buf_append_text(body, "{\"balance\":{\"id\":\"");
    append_identity(body, &balance->identity);
    buf_printf(body,
               "\",\"balance\":\"%" PRId64 "\",\"validForTick\":%" PRIu32
               ",\"latestIncomingTransferTick\":%" PRIu32 ",\"latestOutgoingTransferTick\":%" PRIu32
               ",\"incomingAmount\":\"%" PRId64 "\",\"outgoingAmount\":\"%" PRId64
               "\",\"numberOfIncomingTransfers\":%" PRIu32 ",\"numberOfOutgoingTransfers\":%" PRIu32
               "}}",
               balance->balance, balance->valid_for_tick, balance->latest_incoming_tick,
               balance->latest_outgoing_tick, balance->incoming_amount, balance->outgoing_amount,
               balance->incoming_count, balance->outgoing_count);
}

void qubic_rpc_build_broadcast(struct buf *body, int32_t peers, struct bytes wire,
                               const struct key32 *hash)
{
    buf_printf(body, "{\"peersBroadcasted\":%" PRId32 ",\"encodedTransaction\":\"", peers);
    base64_append(body, wire);
    buf_append_text(body, "\",\"transactionId\":\"");
    append_hash(body, hash);
    buf_append_text(body, "\"}");
}

void qubic_rpc_build_processed_tick(struct buf *body, const struct qubic_processed_tick *tick)
{
    buf_printf(body,
               "{\"tickNumber\":%" PRIu32 ",\"epoch\":%" PRIu32 ",\"intervalInitialTick\":%" PRIu32
               ",\"lastProcessedLogTick\":%" PRIu32 "}",
               tick->tick, tick->epoch, tick->interval_initial_tick, tick->last_log_tick);
}

void qubic_rpc_build_tick_intervals(struct buf *body, const struct qubic_tick_interval_list *list)
{
    buf_append_text(body, "[");
    for (size_t i = 0; i < list->count; i++) {
        buf_printf(body,
                   "%s{\"epoch\":%" PRIu32 ",\"firstTick\":%" PRIu32 ",\"lastTick\":%" PRIu32 "}",
                   i == 0 ? "" : ",", list->items[i].epoch, list->items[i].first_tick,
                   list->items[i].last_tick);
    }
    buf_append_text(body, "]");
}

void qubic_rpc_build_transaction(struct buf *body,
                                 const struct qubic_archived_transaction *transaction)
{
    const struct qubic_transaction *tx = &transaction->transaction;
    buf_append_text(body, "{\"hash\":\"");
    append_hash(body, &transaction->hash);
    buf_printf(body, "\",\"amount\":\"%" PRId64 "\",\"source\":\"", tx->amount);
    append_identity(body, &tx->source);
    buf_append_text(body, "\",\"destination\":\"");
    append_identity(body, &tx->destination);
    buf_printf(body,
               "\",\"tickNumber\":%" PRIu32 ",\"timestamp\":\"%" PRId64
               "\",\"inputType\":%u,\"inputSize\":%u,\"inputData\":\"",
               tx->tick, transaction->timestamp_ms, tx->input_type, tx->input_size);
    base64_append(body, bytes_of(tx->input, tx->input_size));
    buf_append_text(body, "\",\"signature\":\"");
    base64_append(body, bytes_of(tx->signature, sizeof tx->signature));
    buf_printf(body, "\",\"moneyFlew\":%s}", transaction->money_flew ? "true" : "false");
}

void qubic_rpc_build_transactions(struct buf *body, const struct qubic_archived_list *list)
{
    buf_append_text(body, "[");
    for (size_t i = 0; i < list->count; i++) {
        buf_append_text(body, i == 0 ? "" : ",");
        qubic_rpc_build_transaction(body, &list->items[i]);
    }
    buf_append_text(body, "]");
}

void qubic_rpc_build_identity_transactions(struct buf *body,
                                           const struct qubic_identity_transactions *answer)
{
    buf_printf(body,
               "{\"validForTick\":%" PRIu32 ",\"hits\":{\"total\":%" PRIu32 ",\"from\":%" PRIu32
               ",\"size\":%" PRIu32 "},\"transactions\":",
               answer->valid_for_tick, answer->hits_total, answer->hits_from, answer->hits_size);
    qubic_rpc_build_transactions(body, &answer->transactions);
    buf_append_text(body, "}");
}

void qubic_rpc_build_tick_data(struct buf *body, const struct qubic_tick_data *data)
{
    if (data->empty) {
        buf_append_text(body, "{\"tickData\":null}");
        return;
    }
    buf_printf(body,
               "{\"tickData\":{\"tickNumber\":%" PRIu32 ",\"epoch\":%" PRIu32
               ",\"computorIndex\":%" PRIu32 ",\"timestamp\":\"%" PRId64
               "\",\"varStruct\":\"\",\"timeLock\":\"\",\"transactionHashes\":[",
               data->tick, data->epoch, data->computor_index, data->timestamp_ms);
    for (size_t i = 0; i < data->hash_count; i++) {
        buf_append_text(body, i == 0 ? "\"" : ",\"");
        append_hash(body, &data->hashes[i]);
        buf_append_text(body, "\"");
    }
    buf_append_text(body, "],\"contractFees\":[],\"signature\":\"\"}}");
}

void qubic_rpc_build_error(struct buf *body, int status, const char *message)
{
    buf_printf(body, "{\"code\":%d,\"message\":", status);
    json_append_string(body, bytes_of_text(message));
    buf_append_text(body, ",\"details\":[]}");
}
