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

struct qubic_rpc_error qubic_rpc_parse_error(int http_status, struct bytes body)
{
    struct qubic_rpc_error error = {.http_status = http_status, .status = QUBIC_RPC_NONE};
    json_t *root = json_loadb(body.size > 0 ? (const char *)body.data : "", body.size, 0, NULL);
    const json_t *code = json_object_get(root, "code");
    const json_t *message = json_object_get(root, "message");
    if (json_is_integer(code) && json_is_string(message) && json_integer_value(code) > 0 &&
        json_integer_value(code) < 1000) {
        error.status = (int)json_integer_value(code);
        copy_printable(error.message, sizeof error.message, json_string_value(message));
        error.tick_is_skipped = strstr(error.message, "was skipped by the system") != NULL;
        error.next_tick = number_after(error.message, "next available tick is ");
        error.tick_is_not_yet =
            strstr(error.message, "is greater than last processed tick") != NULL;
        error.last_processed = number_after(error.message, "last processed tick ");
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
