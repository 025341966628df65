/* Whatever is accepted must be the very text its value formats to. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/qubic/identity.h"
#include "tests/fuzz/fuzz_target.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes const text = bytes_of(data, size);
    struct key32 key;
    char again[QUBIC_IDENTITY_TEXT_SIZE];
    struct qubic_keys keys;
    if (qubic_identity_parse(text, &key, NULL) == ERR_OK) {
        qubic_identity_format(&key, again);
        INVARIANT(size == QUBIC_IDENTITY_SIZE);
        INVARIANT(memcmp(again, data, size) == 0);
    }
    if (qubic_hash_parse(text, &key, NULL) == ERR_OK) {
        qubic_hash_format(&key, again);
        INVARIANT(size == QUBIC_IDENTITY_SIZE);
        INVARIANT(memcmp(again, data, size) == 0);
    }
    if (size >= 32) { /* any 32 bytes have an identity, and it reads back */
        struct key32 parsed;
        memcpy(key.b, data, 32);
        qubic_identity_format(&key, again);
        INVARIANT(qubic_identity_parse(bytes_of_text(again), &parsed, NULL) == ERR_OK);
        INVARIANT(key_equal(parsed, key));
    }
    if (qubic_keys_from_seed(text, &keys, NULL) == ERR_OK) {
        INVARIANT(size == QUBIC_SEED_SIZE);
        qubic_keys_wipe(&keys);
    }
    return 0;
}
