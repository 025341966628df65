/* SchnorrQ against every signature vector, valid and not, and as a property. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/k12.h"
#include "core/crypto/schnorrq.h"
#include "tests/support/qubic_vectors.h"

struct signed_row {
    struct key32 public_key;
    struct key32 digest;
    uint8_t signature[64];
};

static struct signed_row row_of(const json_t *json)
{
    struct signed_row row;
    vector_hex(json, "publicKeyHex", row.public_key.b, 32);
    vector_hex(json, "digestHex", row.digest.b, 32);
    vector_hex(json, "signatureHex", row.signature, 64);
    return row;
}

static void signatures_match_bit_for_bit(void **state)
{
    (void)state;
    struct vectors v = vectors_open("signatures");
    size_t i;
    json_t *json;
    json_array_foreach(v.array, i, json)
    {
        struct signed_row row = row_of(json);
        struct schnorrq_subseed subseed;
        uint8_t signature[64];
        vector_hex(json, "subseedHex", subseed.b, 32);
        struct key32 public_key = schnorrq_public_key(&subseed);
        assert_memory_equal(public_key.b, row.public_key.b, 32);
        schnorrq_sign(&subseed, &public_key, &row.digest, signature);
        assert_memory_equal(signature, row.signature, 64);
        assert_true(json_is_true(json_object_get(json, "valid")));
        assert_true(schnorrq_verify(&public_key, &row.digest, signature));
        v.checked++;
    }
    vectors_close(&v);
}

static void what_the_network_refuses_is_refused(void **state)
{
    (void)state;
    struct vectors v = vectors_open("verifyNegative");
    size_t i;
    json_t *json;
    json_array_foreach(v.array, i, json)
    {
        struct signed_row row = row_of(json);
        assert_true(json_is_false(json_object_get(json, "valid")));
        if (schnorrq_verify(&row.public_key, &row.digest, row.signature)) {
            fail_msg("accepted: %s", vector_text(json, "reason"));
        }
        v.checked++;
    }
    vectors_close(&v);
}

static void keys_with_a_low_order_part_are_refused(void **state)
{
    (void)state;
    struct vectors v = vectors_open("verifyMixedOrder");
    size_t i;
    json_t *json;
    json_array_foreach(v.array, i, json)
    {
        struct signed_row row = row_of(json);
        bool expected = json_is_true(json_object_get(json, "validInQubicCore"));
        assert_int_equal(schnorrq_verify(&row.public_key, &row.digest, row.signature), expected);
        v.checked++;
    }
    vectors_close(&v);
}

/* Property: what is signed verifies; one flipped bit anywhere, and it does not. 100 seeded cases. */
static void a_flipped_bit_breaks_a_signature(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 100; seed++) {
        uint8_t number[4];
        uint8_t random[64 + 6];
        struct schnorrq_subseed subseed;
        struct signed_row row;
        put_le32(number, seed);
        k12_hash(bytes_of(number, 4), random, sizeof random);
        memcpy(subseed.b, random, 32);
        memcpy(row.digest.b, random + 32, 32);
        row.public_key = schnorrq_public_key(&subseed);
        schnorrq_sign(&subseed, &row.public_key, &row.digest, row.signature);
        assert_true(schnorrq_verify(&row.public_key, &row.digest, row.signature));
        for (size_t flip = 0; flip < 3; flip++) {
            struct signed_row bad = row;
            size_t bit = (size_t)get_le16(random + 64 + 2 * flip);
            if (flip == 0) {
                bad.signature[bit % 512 / 8] ^= (uint8_t)(1U << (bit % 8));
            } else if (flip == 1) {
                bad.digest.b[bit % 256 / 8] ^= (uint8_t)(1U << (bit % 8));
            } else {
                bad.public_key.b[bit % 256 / 8] ^= (uint8_t)(1U << (bit % 8));
            }
            if (schnorrq_verify(&bad.public_key, &bad.digest, bad.signature)) {
                fail_msg("seed %u: part %zu, bit %zu flipped and still accepted", seed, flip, bit);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_match_bit_for_bit),
        cmocka_unit_test(what_the_network_refuses_is_refused),
        cmocka_unit_test(keys_with_a_low_order_part_are_refused),
        cmocka_unit_test(a_flipped_bit_breaks_a_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
