/* core/qubic/rpc_parse.c: the JSON of Qubic's RPC to structs. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/checked.h"
#include "core/base/text.h"
#include "core/qubic/rpc.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

/* Reads fields of one object; the first failure sticks, later reads give zeros. */
struct reader {
    const json_t *object;
    struct err *err;
    enum err_code code;
};

enum presence { REQUIRED, OPTIONAL /* absent or null: zero */ };

static void reader_fail(struct reader *reader, const char *field, const char *expected)
{
    if (reader->code == ERR_OK) {
        reader->code =
            err_set(reader->err, ERR_INVALID, "chain answer: %s: expected %s", field, expected);
    }
}

static const json_t *reader_get(struct reader *reader, const char *field, enum presence presence)
{
    const json_t *value = json_object_get(reader->object, field);
    if (value == NULL || json_is_null(value)) {
        if (presence == REQUIRED) {
            reader_fail(reader, field, "to be there");
        }
        return NULL;
    }
    return value;
}

/* A JSON integer, or a text of one, from `min` to `max`. */
static int64_t read_integer(struct reader *reader, const char *field, enum presence presence,
                            int64_t min, int64_t max)
{
    const json_t *value = reader_get(reader, field, presence);
    int64_t number = 0;
    if (value == NULL) {
        return 0;
    }
    if (json_is_integer(value)) {
        number = json_integer_value(value);
    } else if (!json_is_string(value) ||
               i64_parse(bytes_of(json_string_value(value), json_string_length(value)), &number,
                         NULL) != ERR_OK) {
        reader_fail(reader, field, "a whole number");
        return 0;
    }
    if (number < min || number > max) {
        reader_fail(reader, field, "a number in range");
        return 0;
    }
    return number;
}

static uint32_t read_u32(struct reader *reader, const char *field, enum presence presence)
{
    return (uint32_t)read_integer(reader, field, presence, 0, UINT32_MAX);
}

static int64_t read_amount(struct reader *reader, const char *field, enum presence presence)
{
    return read_integer(reader, field, presence, 0, INT64_MAX);
}

static struct bytes text_of(const json_t *value)
{
    return json_is_string(value) ? bytes_of(json_string_value(value), json_string_length(value))
                                 : bytes_of(NULL, 0);
}

static struct key32 read_identity(struct reader *reader, const char *field)
{
    struct key32 key = {{0}};
    const json_t *value = reader_get(reader, field, REQUIRED);
    if (value != NULL && qubic_identity_parse(text_of(value), &key, NULL) != ERR_OK) {
        reader_fail(reader, field, "an identity");
    }
    return key;
}

static struct key32 read_hash(struct reader *reader, const char *field)
{
    struct key32 hash = {{0}};
    const json_t *value = reader_get(reader, field, REQUIRED);
    if (value != NULL && qubic_hash_parse(text_of(value), &hash, NULL) != ERR_OK) {
        reader_fail(reader, field, "a transaction id");
    }
    return hash;
}

/* Base64 of at most `size_max` bytes; returns how many. */
static size_t read_base64(struct reader *reader, const char *field, enum presence presence,
                          uint8_t *ret, size_t size_max)
{
    size_t size = 0;
    const json_t *value = reader_get(reader, field, presence);
    struct buf decoded;
    if (value == NULL) {
        return 0;
    }
    buf_init(&decoded, size_max);
    if (!json_is_string(value) || base64_decode(text_of(value), &decoded, NULL) != ERR_OK) {
        reader_fail(reader, field, "base64 within its limit");
    } else if (decoded.size > 0) {
        size = decoded.size;
        memcpy(ret, decoded.data, size);
    }
    buf_deinit(&decoded);
    return size;
}

/* ERR_OK with `*ret_root` to json_decref, ERR_INVALID otherwise. */
static enum err_code load(struct bytes body, json_t **ret_root, struct err *err)
{
    json_error_t error;
    json_t *root = json_loadb(body.size > 0 ? (const char *)body.data : "", body.size,
                              JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        return err_set(err, ERR_INVALID, "chain answer: not JSON at byte %d", error.position);
    }
    *ret_root = root;
    return ERR_OK;
}

/* The value under `key` if `root` has it, `root` itself if not. */
static const json_t *unwrap(const json_t *root, const char *key)
{
    const json_t *inner = json_object_get(root, key);
    return inner != NULL ? inner : root;
}

static enum err_code expect_object(const json_t *value, struct err *err)
{
    return json_is_object(value) ? ERR_OK
                                 : err_set(err, ERR_INVALID, "chain answer: expected an object");
}

static enum err_code expect_array(const json_t *value, struct err *err)
{
    return json_is_array(value) ? ERR_OK
                                : err_set(err, ERR_INVALID, "chain answer: expected an array");
}

enum err_code qubic_rpc_parse_tick_info(struct bytes body, struct qubic_tick_info *ret,
                                        struct err *err)
{
    json_t *root = NULL;
    enum err_code code = load(body, &root, err);
    if (code == ERR_OK) {
        struct reader r = {unwrap(unwrap(root, "tickInfo"), "blockHeight"), err, ERR_OK};
        struct qubic_tick_info const info = {
            .tick = read_u32(&r, "tick", REQUIRED),
            .duration = read_u32(&r, "duration", OPTIONAL),
            .epoch = read_u32(&r, "epoch", OPTIONAL),
            .initial_tick = read_u32(&r, "initialTick", OPTIONAL),
        };
        code = r.code;
        if (code == ERR_OK) {
            *ret = info;
        }
    }
    json_decref(root);
    return code;
}

enum err_code qubic_rpc_parse_balance(struct bytes body, struct qubic_balance *ret, struct err *err)
{
    json_t *root = NULL;
    enum err_code code = load(body, &root, err);
    if (code == ERR_OK) {
        /* the object and its main field have the same name */
        const json_t *inner = json_object_get(root, "balance");
        struct reader r = {json_is_object(inner) ? inner : root, err, ERR_OK};
        struct qubic_balance const balance = {
            .identity = read_identity(&r, "id"),
            .balance = read_amount(&r, "balance", REQUIRED),
            .valid_for_tick = read_u32(&r, "validForTick", REQUIRED),
            .latest_incoming_tick = read_u32(&r, "latestIncomingTransferTick", OPTIONAL),
            .latest_outgoing_tick = read_u32(&r, "latestOutgoingTransferTick", OPTIONAL),
            .incoming_amount = read_amount(&r, "incomingAmount", OPTIONAL),
            .outgoing_amount = read_amount(&r, "outgoingAmount", OPTIONAL),
            .incoming_count = read_u32(&r, "numberOfIncomingTransfers", OPTIONAL),
            .outgoing_count = read_u32(&r, "numberOfOutgoingTransfers", OPTIONAL),
        };
        code = r.code;
        if (code == ERR_OK) {
            *ret = balance;
        }
    }
    json_decref(root);
    return code;
}

enum err_code qubic_rpc_parse_broadcast(struct bytes body, struct qubic_broadcast *ret,
                                        struct err *err)
{
    json_t *root = NULL;
    enum err_code code = load(body, &root, err);
    if (code == ERR_OK) {
        struct reader r = {root, err, ERR_OK};
        struct qubic_broadcast const answer = {
            .peers = (int32_t)read_integer(&r, "peersBroadcasted", OPTIONAL, INT32_MIN, INT32_MAX),
            .hash = read_hash(&r, "transactionId"),
        };
        code = r.code;
        if (code == ERR_OK) {
            *ret = answer;
        }
    }
    json_decref(root);
    return code;
}

enum err_code qubic_rpc_parse_processed_tick(struct bytes body, struct qubic_processed_tick *ret,
                                             struct err *err)
{
    json_t *root = NULL;
    enum err_code code = load(body, &root, err);
    if (code == ERR_OK) {
        struct reader r = {root, err, ERR_OK};
        struct qubic_processed_tick const tick = {
            .tick = read_u32(&r, "tickNumber", REQUIRED),
            .epoch = read_u32(&r, "epoch", OPTIONAL),
            .interval_initial_tick = read_u32(&r, "intervalInitialTick", OPTIONAL),
            .last_log_tick = read_u32(&r, "lastProcessedLogTick", OPTIONAL),
        };
        code = r.code;
        if (code == ERR_OK) {
            *ret = tick;
        }
    }
    json_decref(root);
    return code;
}

static enum err_code read_intervals(const json_t *array, struct arena *arena,
                                    struct qubic_tick_interval_list *ret, struct err *err)
{
    enum err_code code = expect_array(array, err);
    if (code != ERR_OK) {
        return code;
    }
    size_t const count = json_array_size(array);
    struct qubic_tick_interval *items = arena_alloc_array(arena, count, sizeof *items);
    if (items == NULL) {
        return err_set(err, ERR_TOO_LARGE, "chain answer: %zu tick intervals", count);
    }
    for (size_t i = 0; i < count; i++) {
        struct reader r = {json_array_get(array, i), err, ERR_OK};
        items[i] = (struct qubic_tick_interval){
            .epoch = read_u32(&r, "epoch", REQUIRED),
            .first_tick = read_u32(&r, "firstTick", REQUIRED),
            .last_tick = read_u32(&r, "lastTick", REQUIRED),
        };
        if (r.code != ERR_OK) {
            return r.code;
        }
    }
    *ret = (struct qubic_tick_interval_list){.items = items, .count = count};
    return ERR_OK;
}

enum err_code qubic_rpc_parse_tick_intervals(struct bytes body, struct arena *arena,
                                             struct qubic_tick_interval_list *ret, struct err *err)
{
    json_t *root = NULL;
    enum err_code code = load(body, &root, err);
    if (code == ERR_OK) {
        code = read_intervals(unwrap(root, "processedTickIntervals"), arena, ret, err);
    }
    json_decref(root);
    return code;
}

static enum err_code read_transaction(const json_t *object, struct qubic_archived_transaction *ret,
                                      struct err *err)
{
    struct reader r = {object, err, expect_object(object, err)};
    if (r.code != ERR_OK) {
        return r.code;
    }
    struct key32 const claimed = read_hash(&r, "hash");
    struct qubic_transaction *tx = &ret->transaction;
    *tx = (struct qubic_transaction){
        .source = read_identity(&r, "source"),
        .destination = read_identity(&r, "destination"),
        .amount = read_integer(&r, "amount", REQUIRED, 0, QUBIC_AMOUNT_MAX),
        .tick = read_u32(&r, "tickNumber", REQUIRED),
        .input_type = (uint16_t)read_integer(&r, "inputType", OPTIONAL, 0, UINT16_MAX),
        .input_size = (uint16_t)read_integer(&r, "inputSize", OPTIONAL, 0, QUBIC_INPUT_SIZE_MAX),
    };
    size_t const input_size =
        read_base64(&r, "inputData", OPTIONAL, tx->input, QUBIC_INPUT_SIZE_MAX);
    if (input_size != tx->input_size) {
        reader_fail(&r, "inputData", "as many bytes as inputSize says");
    }
    if (read_base64(&r, "signature", REQUIRED, tx->signature, sizeof tx->signature) !=
        sizeof tx->signature) {
        reader_fail(&r, "signature", "64 bytes");
    }
    ret->timestamp_ms = read_amount(&r, "timestamp", OPTIONAL);
    const json_t *money_flew = reader_get(&r, "moneyFlew", OPTIONAL);
    if (money_flew != NULL && !json_is_boolean(money_flew)) {
        reader_fail(&r, "moneyFlew", "true or false");
    }
    ret->money_flew = json_is_true(money_flew);
    if (r.code != ERR_OK) {
        return r.code;
    }
    ret->hash = qubic_transaction_hash(tx);
    if (!key_equal(ret->hash, claimed)) {
        reader_fail(&r, "hash", "the hash of the transaction's own bytes");
    }
    return r.code;
}

enum err_code qubic_rpc_parse_transaction(struct bytes body, struct qubic_archived_transaction *ret,
                                          struct err *err)
{
    json_t *root = NULL;
    struct qubic_archived_transaction transaction;
    enum err_code code = load(body, &root, err);
    if (code == ERR_OK) {
        code = read_transaction(unwrap(root, "transaction"), &transaction, err);
    }
    if (code == ERR_OK) {
        *ret = transaction;
    }
    json_decref(root);
    return code;
}

static enum err_code read_transactions(const json_t *array, struct arena *arena,
                                       struct qubic_archived_list *ret, struct err *err)
{
    enum err_code code = expect_array(array, err);
    if (code != ERR_OK) {
        return code;
    }
    size_t const count = json_array_size(array);
    struct qubic_archived_transaction *items = arena_alloc_array(arena, count, sizeof *items);
    if (items == NULL) {
        return err_set(err, ERR_TOO_LARGE, "chain answer: %zu transactions", count);
    }
    for (size_t i = 0; i < count; i++) {
        code = read_transaction(json_array_get(array, i), &items[i], err);
        if (code != ERR_OK) {
            return code;
        }
    }
    *ret = (struct qubic_archived_list){.items = items, .count = count};
    return ERR_OK;
}

enum err_code qubic_rpc_parse_transactions(struct bytes body, struct arena *arena,
                                           struct qubic_archived_list *ret, struct err *err)
{
    json_t *root = NULL;
    enum err_code code = load(body, &root, err);
    if (code == ERR_OK) {
        code = read_transactions(unwrap(root, "transactions"), arena, ret, err);
    }
    json_decref(root);
    return code;
}

enum err_code qubic_rpc_parse_identity_transactions(struct bytes body, struct arena *arena,
                                                    struct qubic_identity_transactions *ret,
                                                    struct err *err)
{
    json_t *root = NULL;
    struct qubic_identity_transactions answer = {0};
    enum err_code code = load(body, &root, err);
    if (code == ERR_OK) {
        struct reader r = {root, err, ERR_OK};
        answer.valid_for_tick = read_u32(&r, "validForTick", REQUIRED);
        struct reader hits = {reader_get(&r, "hits", REQUIRED), err, r.code};
        answer.hits_total = read_u32(&hits, "total", OPTIONAL);
        answer.hits_from = read_u32(&hits, "from", OPTIONAL);
        answer.hits_size = read_u32(&hits, "size", OPTIONAL);
        code = hits.code;
    }
    if (code == ERR_OK) {
        code = read_transactions(json_object_get(root, "transactions"), arena, &answer.transactions,
                                 err);
    }
    if (code == ERR_OK) {
        *ret = answer;
    }
    json_decref(root);
    return code;
}

static enum err_code read_tick_data(const json_t *object, struct arena *arena,
                                    struct qubic_tick_data *ret, struct err *err)
{
    struct reader r = {object, err, expect_object(object, err)};
    if (r.code != ERR_OK) {
        return r.code;
    }
    struct qubic_tick_data data = {
        .tick = read_u32(&r, "tickNumber", REQUIRED),
        .epoch = read_u32(&r, "epoch", OPTIONAL),
        .computor_index = read_u32(&r, "computorIndex", OPTIONAL),
        .timestamp_ms = read_amount(&r, "timestamp", OPTIONAL),
    };
    const json_t *array = reader_get(&r, "transactionHashes", REQUIRED);
    if (r.code != ERR_OK) {
        return r.code;
    }
    enum err_code const code = expect_array(array, err);
    if (code != ERR_OK) {
        return code;
    }
    data.hash_count = json_array_size(array);
    struct key32 *hashes = arena_alloc_array(arena, data.hash_count, sizeof *hashes);
    if (hashes == NULL) {
        return err_set(err, ERR_TOO_LARGE, "chain answer: %zu hashes", data.hash_count);
    }
    for (size_t i = 0; i < data.hash_count; i++) {
        if (qubic_hash_parse(text_of(json_array_get(array, i)), &hashes[i], NULL) != ERR_OK) {
            reader_fail(&r, "transactionHashes", "transaction ids");
            return r.code;
        }
    }
    data.hashes = hashes;
    *ret = data;
    return ERR_OK;
}

enum err_code qubic_rpc_parse_tick_data(struct bytes body, struct arena *arena,
                                        struct qubic_tick_data *ret, struct err *err)
{
    json_t *root = NULL;
    enum err_code code = load(body, &root, err);
    if (code == ERR_OK) {
        const json_t *inner = unwrap(root, "tickData");
        if (inner != root && json_is_null(inner)) {
            *ret = (struct qubic_tick_data){.empty = true};
        } else {
            code = read_tick_data(inner, arena, ret, err);
        }
    }
    json_decref(root);
    return code;
}
