/* Every parser of RPC bodies on any bytes; what is accepted must survive being built and read again. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/qubic/rpc.h"
#include "tests/fuzz/fuzz_target.h"

#include <string.h>

static void try_transactions(struct bytes body, struct arena *arena, struct buf *built)
{
    struct qubic_archived_transaction one;
    struct qubic_archived_transaction again;
    struct qubic_archived_list list;
    struct qubic_identity_transactions of_identity;
    if (qubic_rpc_parse_transaction(body, &one, NULL) == ERR_OK) {
        qubic_rpc_build_transaction(built, &one);
        INVARIANT(qubic_rpc_parse_transaction(buf_bytes(built), &again, NULL) == ERR_OK);
        INVARIANT(key_equal(one.hash, again.hash));
        INVARIANT(memcmp(&one.transaction, &again.transaction, sizeof one.transaction) == 0);
    }
    if (qubic_rpc_parse_transactions(body, arena, &list, NULL) == ERR_OK) {
        buf_clear(built);
        qubic_rpc_build_transactions(built, &list);
        INVARIANT(qubic_rpc_parse_transactions(buf_bytes(built), arena, &list, NULL) == ERR_OK);
    }
    if (qubic_rpc_parse_identity_transactions(body, arena, &of_identity, NULL) == ERR_OK) {
        INVARIANT(of_identity.transactions.count == 0 || of_identity.transactions.items != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes const body = bytes_of(data, size);
    struct arena arena;
    struct buf built;
    struct qubic_tick_info info;
    struct qubic_balance balance;
    struct qubic_broadcast broadcast;
    struct qubic_processed_tick processed;
    struct qubic_tick_interval_list intervals;
    struct qubic_tick_data tick_data;
    arena_init(&arena, 64U << 20);
    buf_init(&built, 64U << 20);
    (void)!qubic_rpc_parse_tick_info(body, &info, NULL);
    (void)!qubic_rpc_parse_broadcast(body, &broadcast, NULL);
    (void)!qubic_rpc_parse_processed_tick(body, &processed, NULL);
    (void)!qubic_rpc_parse_tick_intervals(body, &arena, &intervals, NULL);
    if (qubic_rpc_parse_balance(body, &balance, NULL) == ERR_OK) {
        INVARIANT(balance.balance >= 0);
    }
    if (qubic_rpc_parse_tick_data(body, &arena, &tick_data, NULL) == ERR_OK) {
        INVARIANT(!tick_data.empty || tick_data.hash_count == 0);
    }
    try_transactions(body, &arena, &built);
    struct qubic_rpc_error const error = qubic_rpc_parse_error(400, body);
    INVARIANT(memchr(error.message, 0, sizeof error.message) != NULL);
    INVARIANT(qubic_rpc_reason_name(error.reason) != NULL);
    INVARIANT(error.status != QUBIC_RPC_NONE || error.reason == QUBIC_REASON_UNREADABLE);
    INVARIANT(qubic_rpc_error_code(&error, NULL) != ERR_OK);
    buf_deinit(&built);
    arena_deinit(&arena);
    return 0;
}
