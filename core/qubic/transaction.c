// SPDX-License-Identifier: Apache-2.0
#include "core/qubic/transaction.h"

#include "core/base/invariant.h"
#include "core/crypto/k12.h"

#include <inttypes.h>
#include <string.h>

#define HEAD_SIZE 80

enum err_code qubic_transaction_check_ranges(const struct qubic_transaction *tx, struct err *err)
{
    if (tx->amount < 0 || tx->amount > QUBIC_AMOUNT_MAX) {
        return err_set(err, ERR_INVALID, "amount %" PRId64 ": expected 0 to %" PRId64 " QUBIC",
                       tx->amount, QUBIC_AMOUNT_MAX);
    }
    if (tx->input_size > QUBIC_INPUT_SIZE_MAX) {
        return err_set(err, ERR_INVALID, "input of %u bytes: expected at most %d", tx->input_size,
                       QUBIC_INPUT_SIZE_MAX);
    }
    return ERR_OK;
}

/* Everything before the signature. */
static size_t encode_unsigned(const struct qubic_transaction *tx, uint8_t *ret)
{
    INVARIANT(tx->input_size <= QUBIC_INPUT_SIZE_MAX);
    memcpy(ret, tx->source.b, 32);
    memcpy(ret + 32, tx->destination.b, 32);
    put_le64(ret + 64, (uint64_t)tx->amount);
    put_le32(ret + 72, tx->tick);
    put_le16(ret + 76, tx->input_type);
    put_le16(ret + 78, tx->input_size);
    memcpy(ret + HEAD_SIZE, tx->input, tx->input_size);
    return HEAD_SIZE + (size_t)tx->input_size;
}

size_t qubic_transaction_encode(const struct qubic_transaction *tx,
                                uint8_t ret[QUBIC_TRANSACTION_SIZE_MAX])
{
    size_t const size = encode_unsigned(tx, ret);
    memcpy(ret + size, tx->signature, sizeof tx->signature);
    return size + sizeof tx->signature;
}

struct key32 qubic_transaction_digest(const struct qubic_transaction *tx)
{
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    return k12_digest(bytes_of(wire, encode_unsigned(tx, wire)));
}

struct key32 qubic_transaction_hash(const struct qubic_transaction *tx)
{
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    return k12_digest(bytes_of(wire, qubic_transaction_encode(tx, wire)));
}

enum err_code qubic_transaction_sign(struct qubic_transaction *tx, const struct qubic_keys *keys,
                                     struct err *err)
{
    enum err_code const code = qubic_transaction_check_ranges(tx, err);
    if (code != ERR_OK) {
        return code;
    }
    tx->source = keys->public_key;
    struct key32 const digest = qubic_transaction_digest(tx);
    schnorrq_sign(&keys->subseed, &keys->public_key, &digest, tx->signature);
    return ERR_OK;
}

bool qubic_transaction_signature_is_valid(const struct qubic_transaction *tx)
{
    struct key32 const digest = qubic_transaction_digest(tx);
    return schnorrq_verify(&tx->source, &digest, tx->signature);
}

enum err_code qubic_transaction_parse(struct bytes wire, struct qubic_transaction *ret,
                                      struct err *err)
{
    if (wire.size < QUBIC_TRANSACTION_SIZE_MIN || wire.size > QUBIC_TRANSACTION_SIZE_MAX) {
        return err_set(err, ERR_INVALID, "transaction of %zu bytes: expected %d to %d", wire.size,
                       QUBIC_TRANSACTION_SIZE_MIN, QUBIC_TRANSACTION_SIZE_MAX);
    }
    struct qubic_transaction tx = {
        .amount = (int64_t)get_le64(wire.data + 64),
        .tick = get_le32(wire.data + 72),
        .input_type = get_le16(wire.data + 76),
        .input_size = get_le16(wire.data + 78),
    };
    if (wire.size != (size_t)QUBIC_TRANSACTION_SIZE_MIN + tx.input_size) {
        return err_set(err, ERR_INVALID,
                       "transaction of %zu bytes with an input of %u: expected 144 + the input",
                       wire.size, tx.input_size);
    }
    enum err_code const code = qubic_transaction_check_ranges(&tx, err);
    if (code != ERR_OK) {
        return code;
    }
    memcpy(tx.source.b, wire.data, 32);
    memcpy(tx.destination.b, wire.data + 32, 32);
    memcpy(tx.input, wire.data + HEAD_SIZE, tx.input_size);
    memcpy(tx.signature, wire.data + HEAD_SIZE + tx.input_size, sizeof tx.signature);
    *ret = tx;
    return ERR_OK;
}
