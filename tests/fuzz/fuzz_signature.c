/* 'v', key, digest and signature from anywhere: verification must say what the plain one says. 's', subseed, digest and the number of
 * a bit: what is signed is valid, and no longer so when that bit of key, digest or signature is flipped. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/crypto/schnorrq.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/fourq_reference.h"

#define ROW_SIZE (32 + 32 + SCHNORRQ_SIGNATURE_SIZE)

struct row {
    struct key32 public_key;
    struct key32 digest;
    uint8_t signature[SCHNORRQ_SIGNATURE_SIZE];
};
_Static_assert(sizeof(struct row) == ROW_SIZE, "a bit of a row is a bit of one of its parts");

static bool is_valid(const struct row *row)
{
    bool const valid = schnorrq_verify(&row->public_key, &row->digest, row->signature);
    INVARIANT(valid == ref_verify(row->public_key, row->digest, row->signature));
    return valid;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct row row;
    if (size == 1 + ROW_SIZE && data[0] == 'v') {
        memcpy(&row, data + 1, sizeof row);
        (void)is_valid(&row);
    } else if (size == 1 + 64 + 2 && data[0] == 's') {
        struct schnorrq_subseed subseed;
        memcpy(subseed.b, data + 1, 32);
        memcpy(row.digest.b, data + 33, 32);
        row.public_key = schnorrq_public_key(&subseed);
        schnorrq_sign(&subseed, &row.public_key, &row.digest, row.signature);
        INVARIANT(is_valid(&row));
        unsigned const bit = get_le16(data + 65) % (8 * ROW_SIZE);
        ((uint8_t *)&row)[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        INVARIANT(!is_valid(&row));
    }
    return 0;
}
