/* core/qubic/rpc_error.c: what an RPC service means when it does not answer 200. */
// SPDX-License-Identifier: Apache-2.0
#include "core/qubic/rpc.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Printable ASCII only, so that a hostile message can go to a terminal. */
static void copy_printable(char *ret, size_t ret_size, const char *text)
{
    size_t size = 0;
    for (; *text != '\0' && size + 1 < ret_size; text++) {
        ret[size++] = (char)(*text >= ' ' && *text <= '~' ? *text : '?');
    }
    ret[size] = '\0';
}

/* The number behind `phrase`, 0 if there is none. */
static uint32_t number_after(const char *message, const char *phrase)
{
    const char *at = strstr(message, phrase);
    if (at == NULL) {
        return 0;
    }
    char *end;
    unsigned long long const number = strtoull(at + strlen(phrase), &end, 10);
    return number <= UINT32_MAX ? (uint32_t)number : 0;
}

/* Sorted by code; the first whose phrase is in the message is it. */
static const struct {
    int status;
    const char *phrase;
    enum qubic_rpc_reason reason;
} meanings[] = {
    {QUBIC_RPC_INVALID_ARGUMENT, "illegal base64", QUBIC_REASON_ENCODING_BAD},
    {QUBIC_RPC_INVALID_ARGUMENT, "Signature does not verify", QUBIC_REASON_SIGNATURE_BAD},
    {QUBIC_RPC_INVALID_ARGUMENT, "Non-canonical signature scalar", QUBIC_REASON_SIGNATURE_TWIN},
    {QUBIC_RPC_INVALID_ARGUMENT, "Bad public key or signature", QUBIC_REASON_KEY_BAD},
    {QUBIC_RPC_INVALID_ARGUMENT, "should be greater than max tick", QUBIC_REASON_TICK_PASSED},
    {QUBIC_RPC_INVALID_ARGUMENT, "invalid id format", QUBIC_REASON_ID_BAD},
    {QUBIC_RPC_INVALID_ARGUMENT, "is greater than last processed tick", QUBIC_REASON_TICK_NOT_YET},
    {QUBIC_RPC_INVALID_ARGUMENT, "was skipped by the system", QUBIC_REASON_TICK_SKIPPED},
    {QUBIC_RPC_INVALID_ARGUMENT, "", QUBIC_REASON_ARGUMENT_BAD},
    {QUBIC_RPC_DEADLINE, "", QUBIC_REASON_DEADLINE},
    {QUBIC_RPC_NOT_FOUND, "transaction not found", QUBIC_REASON_TRANSACTION_UNKNOWN},
    {QUBIC_RPC_NOT_FOUND, "", QUBIC_REASON_PATH_UNKNOWN},
    {QUBIC_RPC_EXHAUSTED, "", QUBIC_REASON_BUSY},
    {QUBIC_RPC_PRECONDITION, "is greater than last processed tick", QUBIC_REASON_TICK_NOT_YET},
    {QUBIC_RPC_PRECONDITION, "", QUBIC_REASON_PRECONDITION},
    {QUBIC_RPC_OUT_OF_RANGE, "was skipped by the system", QUBIC_REASON_TICK_SKIPPED},
    {QUBIC_RPC_OUT_OF_RANGE, "", QUBIC_REASON_OUT_OF_RANGE},
    {QUBIC_RPC_UNIMPLEMENTED, "", QUBIC_REASON_UNIMPLEMENTED},
    {QUBIC_RPC_INTERNAL, "unmarshal", QUBIC_REASON_TRANSACTION_BROKEN},
    {QUBIC_RPC_INTERNAL, "wasn't broadcast to any peers", QUBIC_REASON_NO_PEERS},
    {QUBIC_RPC_INTERNAL, "", QUBIC_REASON_NODE_FAILED},
    {QUBIC_RPC_UNAVAILABLE, "", QUBIC_REASON_UNAVAILABLE},
};

static enum qubic_rpc_reason reason_of(int status, const char *message)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (meanings[i].status == status && strstr(message, meanings[i].phrase) != NULL) {
            return meanings[i].reason;
        }
    }
    return QUBIC_REASON_OTHER;
}

const char *qubic_rpc_reason_name(enum qubic_rpc_reason reason)
{
    static const char *const names[QUBIC_REASON_COUNT] = {
        [QUBIC_REASON_UNREADABLE] = "unreadable",
        [QUBIC_REASON_OTHER] = "other",
        [QUBIC_REASON_ENCODING_BAD] = "encoding_bad",
        [QUBIC_REASON_SIGNATURE_BAD] = "signature_bad",
        [QUBIC_REASON_SIGNATURE_TWIN] = "signature_twin",
        [QUBIC_REASON_KEY_BAD] = "key_bad",
        [QUBIC_REASON_TICK_PASSED] = "tick_passed",
        [QUBIC_REASON_TRANSACTION_BROKEN] = "transaction_broken",
        [QUBIC_REASON_ID_BAD] = "id_bad",
        [QUBIC_REASON_TICK_NOT_YET] = "tick_not_yet",
        [QUBIC_REASON_TICK_SKIPPED] = "tick_skipped",
        [QUBIC_REASON_ARGUMENT_BAD] = "argument_bad",
        [QUBIC_REASON_PRECONDITION] = "precondition",
        [QUBIC_REASON_OUT_OF_RANGE] = "out_of_range",
        [QUBIC_REASON_TRANSACTION_UNKNOWN] = "transaction_unknown",
        [QUBIC_REASON_PATH_UNKNOWN] = "path_unknown",
        [QUBIC_REASON_UNIMPLEMENTED] = "unimplemented",
        [QUBIC_REASON_NO_PEERS] = "no_peers",
        [QUBIC_REASON_NODE_FAILED] = "node_failed",
        [QUBIC_REASON_BUSY] = "busy",
        [QUBIC_REASON_DEADLINE] = "deadline",
        [QUBIC_REASON_UNAVAILABLE] = "unavailable",
    };
    return names[reason];
}

bool qubic_rpc_may_pass(const struct qubic_rpc_error *error)
{
    return error->reason == QUBIC_REASON_UNREADABLE || error->reason == QUBIC_REASON_OTHER ||
           error->reason >= QUBIC_REASON_NO_PEERS;
}

struct qubic_rpc_error qubic_rpc_parse_error(int http_status, struct bytes body)
{
    struct qubic_rpc_error error = {
        .http_status = http_status, .status = QUBIC_RPC_NONE, .reason = QUBIC_REASON_UNREADABLE};
    json_t *root = json_loadb(body.size > 0 ? (const char *)body.data : "", body.size, 0, NULL);
    const json_t *code = json_object_get(root, "code");
    const json_t *message = json_object_get(root, "message");
    if (json_is_integer(code) && json_is_string(message) && json_integer_value(code) > 0 &&
        json_integer_value(code) < 1000) {
        error.status = (int)json_integer_value(code);
        copy_printable(error.message, sizeof error.message, json_string_value(message));
        error.reason = reason_of(error.status, error.message);
        error.tick_is_skipped = error.reason == QUBIC_REASON_TICK_SKIPPED;
        error.next_tick = number_after(error.message, "next available tick is ");
        error.tick_is_not_yet = error.reason == QUBIC_REASON_TICK_NOT_YET;
        error.last_processed = number_after(error.message, "last processed tick ");
        error.max_tick = number_after(error.message, "greater than max tick: ");
    } else if (http_status == 429) {
        error.reason = QUBIC_REASON_BUSY;
    }
    json_decref(root);
    return error;
}

enum err_code qubic_rpc_error_code(const struct qubic_rpc_error *error, struct err *err)
{
    enum err_code code = ERR_UNAVAILABLE;
    switch (error->status) {
    case QUBIC_RPC_NOT_FOUND:
        code = ERR_NOT_FOUND;
        break;
    case QUBIC_RPC_INVALID_ARGUMENT:
    case QUBIC_RPC_PRECONDITION:
    case QUBIC_RPC_OUT_OF_RANGE:
        code = ERR_INVALID;
        break;
    default:
        break;
    }
    if (error->status == QUBIC_RPC_NONE) {
        return err_set_origin(err, code, error->http_status,
                              "chain service: HTTP %d without a readable error",
                              error->http_status);
    }
    return err_set_origin(err, code, error->http_status, "chain service: HTTP %d, code %d: %s",
                          error->http_status, error->status, error->message);
}

int qubic_rpc_http_status(int status)
{
    switch (status) {
    case QUBIC_RPC_INVALID_ARGUMENT:
    case QUBIC_RPC_PRECONDITION:
    case QUBIC_RPC_OUT_OF_RANGE:
        return 400;
    case QUBIC_RPC_NOT_FOUND:
        return 404;
    case QUBIC_RPC_EXHAUSTED:
        return 429;
    case QUBIC_RPC_UNIMPLEMENTED:
        return 501;
    case QUBIC_RPC_UNAVAILABLE:
        return 503;
    case QUBIC_RPC_DEADLINE:
        return 504;
    default:
        return 500;
    }
}

enum err_code qubic_rpc_transaction_check(const struct qubic_archived_transaction *transaction,
                                          const struct key32 *hash, struct err *err)
{
    struct key32 const computed = qubic_transaction_hash(&transaction->transaction);
    if (!key_equal(computed, *hash)) {
        return err_set(err, ERR_CORRUPT, "chain answer: another transaction than asked for");
    }
    if (!qubic_transaction_signature_is_valid(&transaction->transaction)) {
        return err_set(err, ERR_CORRUPT, "chain answer: the transaction's signature is wrong");
    }
    return ERR_OK;
}
