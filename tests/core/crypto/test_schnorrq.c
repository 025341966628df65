/* SchnorrQ against every signature vector, valid and not, against a plain second implementation, and as a property. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/k12.h"
#include "core/crypto/schnorrq.h"
#include "tests/support/fourq_reference.h"
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

static struct signed_row signed_by(uint32_t seed, struct schnorrq_subseed *ret_subseed)
{
    uint8_t number[4];
    uint8_t random[64];
    struct signed_row row;
    put_le32(number, seed);
    k12_hash(bytes_of(number, 4), random, sizeof random);
    memcpy(ret_subseed->b, random, 32);
    memcpy(row.digest.b, random + 32, 32);
    row.public_key = schnorrq_public_key(ret_subseed);
    schnorrq_sign(ret_subseed, &row.public_key, &row.digest, row.signature);
    return row;
}

static void assert_refused(const struct signed_row *row, uint32_t seed, const char *what,
                           size_t bit)
{
    if (schnorrq_verify(&row->public_key, &row->digest, row->signature)) {
        fail_msg("seed %u: bit %zu of the %s flipped and still accepted", seed, bit, what);
    }
}

/* Property: what is signed verifies; any one bit flipped in signature, digest or key, and it does not. */
static void any_flipped_bit_breaks_a_signature(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 20; seed++) {
        struct schnorrq_subseed subseed;
        struct signed_row const good = signed_by(seed, &subseed);
        assert_true(schnorrq_verify(&good.public_key, &good.digest, good.signature));
        for (size_t bit = 0; bit < 512; bit++) {
            struct signed_row bad = good;
            bad.signature[bit / 8] ^= (uint8_t)(1U << (bit % 8));
            assert_refused(&bad, seed, "signature", bit);
            if (bit < 256) {
                bad = good;
                bad.digest.b[bit / 8] ^= (uint8_t)(1U << (bit % 8));
                assert_refused(&bad, seed, "digest", bit);
                bad = good;
                bad.public_key.b[bit / 8] ^= (uint8_t)(1U << (bit % 8));
                assert_refused(&bad, seed, "key", bit);
            }
        }
    }
}

/* The fast verification and the slow one of tests/support on good signatures, on flipped ones and on every vector. */
static void the_plain_verification_says_the_same(void **state)
{
    (void)state;
    static const char *const arrays[] = {"signatures", "verifyNegative", "verifyMixedOrder"};
    size_t accepted = 0;
    for (size_t which = 0; which < 3; which++) {
        struct vectors v = vectors_open(arrays[which]);
        size_t i;
        json_t *json;
        json_array_foreach(v.array, i, json)
        {
            struct signed_row const row = row_of(json);
            bool const expected = ref_verify(row.public_key, row.digest, row.signature);
            assert_int_equal(schnorrq_verify(&row.public_key, &row.digest, row.signature),
                             expected);
            accepted += expected;
            v.checked++;
        }
        vectors_close(&v);
    }
    assert_int_equal(accepted, 20);
    for (uint32_t seed = 1000; seed < 1100; seed++) {
        struct schnorrq_subseed subseed;
        struct signed_row row = signed_by(seed, &subseed);
        assert_true(ref_verify(row.public_key, row.digest, row.signature));
        assert_true(schnorrq_verify(&row.public_key, &row.digest, row.signature));
        row.public_key.b[seed % 32] ^= (uint8_t)(1U << (seed % 8)); /* half of these are points */
        assert_int_equal(schnorrq_verify(&row.public_key, &row.digest, row.signature),
                         ref_verify(row.public_key, row.digest, row.signature));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_match_bit_for_bit),
        cmocka_unit_test(what_the_network_refuses_is_refused),
        cmocka_unit_test(keys_with_a_low_order_part_are_refused),
        cmocka_unit_test(any_flipped_bit_breaks_a_signature),
        cmocka_unit_test(the_plain_verification_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
