/* Whatever parses must encode to the same bytes; the verifier must take any signature and key. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/qubic/transaction.h"
#include "tests/fuzz/fuzz_target.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qubic_transaction tx;
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    if (qubic_transaction_parse(bytes_of(data, size), &tx, NULL) != ERR_OK) {
        return 0;
    }
    INVARIANT(qubic_transaction_encode(&tx, wire) == size);
    INVARIANT(memcmp(wire, data, size) == 0);
    if (qubic_transaction_signature_is_valid(&tx)) {
        tx.signature[40] ^= 1;
        INVARIANT(!qubic_transaction_signature_is_valid(&tx));
    }
    return 0;
}
