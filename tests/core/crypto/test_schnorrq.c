/* SchnorrQ against every signature vector, valid and not, against a plain second implementation, and as a property. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/fourq.h"
#include "core/crypto/k12.h"
#include "core/crypto/schnorrq.h"
#include "tests/support/fourq_reference.h"
#include "tests/support/qubic_vectors.h"

#include <pthread.h>

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

static void vectors_of_mixed_order_match(void **state)
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

/* Most of these are signatures that the key's owner found by trying; plain arithmetic accepts
 * others than the network does. For both ways of being wrong there must be rows of every order. */
static void keys_with_a_low_order_part_are_judged_as_the_network_judges(void **state)
{
    (void)state;
    struct vectors v = vectors_open_mixed_order();
    size_t i;
    json_t *json;
    size_t only_network[57] = {0};
    size_t only_plain[57] = {0};
    json_array_foreach(v.array, i, json)
    {
        struct signed_row row = row_of(json);
        bool const expected = json_is_true(json_object_get(json, "validInQubicCore"));
        bool const plain = json_is_true(json_object_get(json, "validWithPlainGroupArithmetic"));
        size_t const order = (size_t)json_integer_value(json_object_get(json, "lowOrder"));
        assert_in_range(order, 2, 56);
        if (schnorrq_verify(&row.public_key, &row.digest, row.signature) != expected) {
            fail_msg("row %zu: the network says %d", i, expected);
        }
        assert_int_equal(ref_verify(row.public_key, row.digest, row.signature), expected);
        only_network[order] += expected && !plain;
        only_plain[order] += plain && !expected;
        v.checked++;
    }
    static const size_t orders[] = {2, 4, 7, 8, 14, 28, 56};
    for (size_t j = 0; j < sizeof orders / sizeof *orders; j++) {
        assert_true(only_network[orders[j]] > 0);
        assert_true(only_plain[orders[j]] > 0);
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

#define STACK_SIZE (1 << 18)

/* Where the thread's work leaves its traces. The inputs and results are elsewhere. */
static _Alignas(4096) uint8_t stack[STACK_SIZE];
static struct schnorrq_subseed stack_subseed;
static struct signed_row stack_row;

static void *derive_and_sign(void *unused)
{
    (void)unused;
    stack_row.public_key = schnorrq_public_key(&stack_subseed);
    schnorrq_sign(&stack_subseed, &stack_row.public_key, &stack_row.digest, stack_row.signature);
    return NULL;
}

static void assert_left_nowhere(const void *secret, size_t size, const char *what)
{
    for (size_t piece = 0; piece + 8 <= size; piece += 8) {
        uint64_t const wanted = get_le64((const uint8_t *)secret + piece);
        for (size_t i = 0; i + 8 <= STACK_SIZE; i++) {
            if (get_le64(stack + i) == wanted) {
                fail_msg("bytes %zu to %zu of the %s lie on the stack", piece, piece + 7, what);
            }
        }
    }
}

/* Goal: nothing that tells the key is left behind. Method: sign on a stack of our own, then look through all of it. */
static void secrets_are_wiped_from_the_stack(void **state)
{
    (void)state;
    pthread_attr_t attributes;
    pthread_t thread;
    uint8_t keys[64];
    uint8_t input[64];
    uint8_t nonce[32];
    memset(stack, 0, sizeof stack);
    stack_row = signed_by(7, &stack_subseed);
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstack(&attributes, stack, sizeof stack), 0);
    assert_int_equal(pthread_create(&thread, &attributes, derive_and_sign, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)pthread_attr_destroy(&attributes);
    assert_true(schnorrq_verify(&stack_row.public_key, &stack_row.digest, stack_row.signature));

    k12_hash(bytes_of(stack_subseed.b, 32), keys, sizeof keys);
    memcpy(input, keys + 32, 32);
    memcpy(input + 32, stack_row.digest.b, 32);
    k12_hash(bytes_of(input, sizeof input), nonce, sizeof nonce);
    struct fourq_scalar nonce_reduced;
    struct fourq_scalar private_reduced;
    fourq_scalar_load(nonce, &nonce_reduced);
    fourq_scalar_reduce(&nonce_reduced, &nonce_reduced);
    fourq_scalar_load(keys, &private_reduced);
    fourq_scalar_reduce(&private_reduced, &private_reduced);
    assert_left_nowhere(stack_subseed.b, 32, "subseed");
    assert_left_nowhere(keys, 32, "private key");
    assert_left_nowhere(keys + 32, 32, "nonce's key");
    assert_left_nowhere(nonce, sizeof nonce, "nonce");
    assert_left_nowhere(nonce_reduced.words, 32, "reduced nonce");
    assert_left_nowhere(private_reduced.words, 32, "reduced private key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_match_bit_for_bit),
        cmocka_unit_test(what_the_network_refuses_is_refused),
        cmocka_unit_test(vectors_of_mixed_order_match),
        cmocka_unit_test(keys_with_a_low_order_part_are_judged_as_the_network_judges),
        cmocka_unit_test(any_flipped_bit_breaks_a_signature),
        cmocka_unit_test(the_plain_verification_says_the_same),
        cmocka_unit_test(secrets_are_wiped_from_the_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
