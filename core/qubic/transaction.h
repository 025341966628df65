/* core/qubic/transaction.h: Qubic transactions, their bytes and their signature.
 *
 *   offset  0 source 32 | 32 destination 32 | 64 amount i64 | 72 tick u32 | 76 input type u16 |
 *          78 input size u16 | 80 input | 80 + n signature 64          all little-endian, 144 + n bytes
 *
 *   digest = K12(everything before the signature), which is signed;   hash (the id) = K12(all bytes)
 *
 * Units:   amounts are QUBIC, 0 to 10^15. A transaction may run only in its tick, or never.
 * Errors:  ERR_INVALID for input that is no transaction. Thread: any.
 * Source:  Qubic core (transactions.h). */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_QUBIC_TRANSACTION_H
#define CORE_QUBIC_TRANSACTION_H

#include "core/base/err.h"
#include "core/base/id.h"
#include "core/qubic/identity.h"

#define QUBIC_AMOUNT_MAX INT64_C(1000000000000000)
#define QUBIC_INPUT_SIZE_MAX 1024
#define QUBIC_TRANSACTION_SIZE_MIN 144
#define QUBIC_TRANSACTION_SIZE_MAX (QUBIC_TRANSACTION_SIZE_MIN + QUBIC_INPUT_SIZE_MAX)

struct qubic_transaction {
    struct key32 source;
    struct key32 destination;
    int64_t amount;
    uint32_t tick;
    uint16_t input_type; /* 0: plain transfer */
    uint16_t input_size;
    uint8_t input[QUBIC_INPUT_SIZE_MAX];
    uint8_t signature[SCHNORRQ_SIGNATURE_SIZE];
};

/* ERR_INVALID if the amount or the input size is out of range. */
MUST_CHECK enum err_code qubic_transaction_check_ranges(const struct qubic_transaction *tx,
                                                        struct err *err);
/* Set `source` and `signature`; everything else is given. Checks the ranges first. */
MUST_CHECK enum err_code qubic_transaction_sign(struct qubic_transaction *tx,
                                                const struct qubic_keys *keys, struct err *err);
/* The signature is the source's, and one the network accepts. */
bool qubic_transaction_signature_is_valid(const struct qubic_transaction *tx);

struct key32 qubic_transaction_digest(const struct qubic_transaction *tx);
struct key32 qubic_transaction_hash(const struct qubic_transaction *tx);

/* The size is 144 + input_size. */
size_t qubic_transaction_encode(const struct qubic_transaction *tx,
                                uint8_t ret[QUBIC_TRANSACTION_SIZE_MAX]);
/* All of `wire` is one transaction with its ranges right. The signature is not looked at. */
MUST_CHECK enum err_code qubic_transaction_parse(struct bytes wire, struct qubic_transaction *ret,
                                                 struct err *err);

#endif
