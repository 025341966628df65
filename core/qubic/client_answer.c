/* core/qubic/client_answer.c: is it an answer, and to the question that was asked? */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/qubic/client_internal.h"

static enum err_code mismatch(struct err *err, const char *what)
{
    return err_set(err, ERR_UNAVAILABLE, "chain answer: %s than asked for", what);
}

static enum err_code check_ticks(const struct qubic_archived_list *list, uint32_t tick,
                                 struct err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].transaction.tick != tick) {
            return mismatch(err, "a transaction of another tick");
        }
    }
    return ERR_OK;
}

static enum err_code check_identity(const struct qubic_archived_list *list,
                                    const struct qubic_identity_query *query, struct err *err)
{
    if (list->count > query->size) {
        return mismatch(err, "more transactions");
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct qubic_transaction *tx = &list->items[i].transaction;
        if (!key_equal(tx->source, query->identity) &&
            !key_equal(tx->destination, query->identity)) {
            return mismatch(err, "a transaction of another identity");
        }
        if (tx->tick < query->tick_from || tx->tick > query->tick_to) {
            return mismatch(err, "a transaction of another tick");
        }
    }
    return ERR_OK;
}

enum err_code qubic_answer_read(const struct qubic_call *call, struct bytes body,
                                struct arena *arena, struct qubic_answer *ret)
{
    struct err *err = &ret->err;
    enum err_code code = ERR_INTERNAL;
    switch (call->question) {
    case ASK_TICK_INFO:
        return qubic_rpc_parse_tick_info(body, &ret->tick_info, err);
    case ASK_PROCESSED_TICK:
        return qubic_rpc_parse_processed_tick(body, &ret->processed_tick, err);
    case ASK_BALANCE:
        code = qubic_rpc_parse_balance(body, &ret->balance, err);
        if (code == ERR_OK && !key_equal(ret->balance.identity, call->key)) {
            code = mismatch(err, "another identity");
        }
        return code;
    case ASK_BROADCAST:
        code = qubic_rpc_parse_broadcast(body, &ret->broadcast, err);
        if (code == ERR_OK && !key_equal(ret->broadcast.hash, call->key)) {
            code = mismatch(err, "another transaction");
        }
        return code;
    case ASK_TRANSACTION:
        code = qubic_rpc_parse_transaction(body, &ret->transaction, err);
        return code != ERR_OK ? code
                              : qubic_rpc_transaction_check(&ret->transaction, &call->key, err);
    case ASK_TRANSACTIONS_FOR_TICK:
        code = qubic_rpc_parse_transactions(body, arena, &ret->transactions, err);
        return code != ERR_OK ? code : check_ticks(&ret->transactions, call->tick, err);
    case ASK_TICK_DATA:
        code = qubic_rpc_parse_tick_data(body, arena, &ret->tick_data, err);
        if (code == ERR_OK && !ret->tick_data.empty && ret->tick_data.tick != call->tick) {
            code = mismatch(err, "another tick");
        }
        return code;
    case ASK_IDENTITY_TRANSACTIONS:
        code = qubic_rpc_parse_identity_transactions(body, arena, &ret->identity_transactions, err);
        return code != ERR_OK
                   ? code
                   : check_identity(&ret->identity_transactions.transactions, &call->query, err);
    }
    IMPOSSIBLE("a question that is not in the list");
}

enum err_code qubic_answer_read_error(const struct qubic_call *call,
                                      const struct http_call_result *result,
                                      struct qubic_answer *ret)
{
    ret->rpc = qubic_rpc_parse_error(result->status, result->body);
    enum err_code const code = qubic_rpc_error_code(&ret->rpc, &ret->err);
    if (code != ERR_NOT_FOUND) {
        return code;
    }
    /* A wrong path is answered with code 5, too: only these words mean an unknown transaction. */
    if (call->question == ASK_TRANSACTION && ret->rpc.reason == QUBIC_REASON_TRANSACTION_UNKNOWN) {
        return ERR_NOT_FOUND;
    }
    return err_set_origin(
        &ret->err, ERR_UNAVAILABLE, result->status,
        "chain service: no such path (its URL ends in /live/v1 or /query/v1)? it says: %s",
        ret->rpc.message);
}
