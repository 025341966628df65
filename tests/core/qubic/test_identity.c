/* Seeds, identities and transaction ids against the project's vectors. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/k12.h"
#include "core/qubic/identity.h"
#include "tests/support/qubic_vectors.h"

static void seeds_give_their_keys_and_identities(void **state)
{
    (void)state;
    struct vectors v = vectors_open("identities");
    size_t i;
    json_t *row;
    json_array_foreach(v.array, i, row)
    {
        struct qubic_keys keys;
        uint8_t expected[32];
        char text[QUBIC_IDENTITY_TEXT_SIZE];
        struct key32 parsed;
        assert_int_equal(qubic_keys_from_seed(bytes_of_text(vector_text(row, "seed")), &keys, NULL),
                         ERR_OK);
        vector_hex(row, "subseedHex", expected, 32);
        assert_memory_equal(keys.subseed.b, expected, 32);
        struct key32 private_key = schnorrq_private_key(&keys.subseed);
        vector_hex(row, "privateKeyHex", expected, 32);
        assert_memory_equal(private_key.b, expected, 32);
        vector_hex(row, "publicKeyHex", expected, 32);
        assert_memory_equal(keys.public_key.b, expected, 32);
        qubic_identity_format(&keys.public_key, text);
        assert_string_equal(text, vector_text(row, "identity"));
        assert_int_equal(qubic_identity_parse(bytes_of_text(text), &parsed, NULL), ERR_OK);
        assert_true(key_equal(parsed, keys.public_key));
        v.checked++;
    }
    vectors_close(&v);
}

static void bad_identities_are_refused(void **state)
{
    (void)state;
    struct vectors v = vectors_open("badIdentities");
    size_t i;
    json_t *row;
    json_array_foreach(v.array, i, row)
    {
        struct key32 key;
        struct err err = {0};
        if (qubic_identity_parse(bytes_of_text(vector_text(row, "identity")), &key, &err) !=
            ERR_INVALID) {
            fail_msg("accepted: %s", vector_text(row, "reason"));
        }
        assert_non_null(strstr(err.message, "60 capital letters"));
        v.checked++;
    }
    vectors_close(&v);
}

static void contract_addresses_are_identities(void **state)
{
    (void)state;
    struct vectors v = vectors_open("contractIdentities");
    size_t i;
    json_t *row;
    json_array_foreach(v.array, i, row)
    {
        struct key32 expected;
        struct key32 key = {{0}};
        char text[QUBIC_IDENTITY_TEXT_SIZE];
        vector_hex(row, "publicKeyHex", expected.b, 32);
        put_le64(key.b, (uint64_t)json_integer_value(json_object_get(row, "contractIndex")));
        assert_true(key_equal(key, expected));
        qubic_identity_format(&key, text);
        assert_string_equal(text, vector_text(row, "identity"));
        assert_int_equal(qubic_identity_parse(bytes_of_text(text), &key, NULL), ERR_OK);
        assert_true(key_equal(key, expected));
        v.checked++;
    }
    vectors_close(&v);
}

static void seeds_that_are_not_55_small_letters_are_refused(void **state)
{
    (void)state;
    static const char good[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabc";
    struct qubic_keys keys;
    struct err err = {0};
    char seed[58] = {0};
    assert_int_equal(qubic_keys_from_seed(bytes_of_text(good), &keys, NULL), ERR_OK);
    for (size_t at = 0; at < 55; at++) {
        static const char wrong[] = {'A', '`', '{', ' ', '\n', '\0', '\x7F'};
        for (size_t w = 0; w < sizeof wrong; w++) {
            memcpy(seed, good, 56);
            seed[at] = wrong[w];
            assert_int_equal(qubic_keys_from_seed(bytes_of(seed, 55), &keys, &err), ERR_INVALID);
            assert_null(strstr(err.message, "bcdef")); /* a message never shows a seed */
        }
    }
    assert_int_equal(qubic_keys_from_seed(bytes_of(good, 54), &keys, NULL), ERR_INVALID);
    assert_int_equal(qubic_keys_from_seed(bytes_of(good, 56), &keys, NULL), ERR_INVALID);
    assert_int_equal(qubic_keys_from_seed(bytes_of(NULL, 0), &keys, NULL), ERR_INVALID);
}

/* Property: any 32 bytes survive as identity and as id, and the two are never taken for each other. */
static void texts_survive_a_round_trip(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 500; seed++) {
        uint8_t number[4];
        char identity[QUBIC_IDENTITY_TEXT_SIZE];
        char hash[QUBIC_IDENTITY_TEXT_SIZE];
        struct key32 parsed;
        put_le32(number, seed);
        struct key32 const key = k12_digest(bytes_of(number, sizeof number));
        qubic_identity_format(&key, identity);
        qubic_hash_format(&key, hash);
        assert_int_equal(qubic_identity_parse(bytes_of_text(identity), &parsed, NULL), ERR_OK);
        assert_true(key_equal(parsed, key));
        assert_int_equal(qubic_hash_parse(bytes_of_text(hash), &parsed, NULL), ERR_OK);
        assert_true(key_equal(parsed, key));
        assert_int_equal(qubic_identity_parse(bytes_of_text(hash), &parsed, NULL), ERR_INVALID);
        assert_int_equal(qubic_hash_parse(bytes_of_text(identity), &parsed, NULL), ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeds_give_their_keys_and_identities),
        cmocka_unit_test(bad_identities_are_refused),
        cmocka_unit_test(contract_addresses_are_identities),
        cmocka_unit_test(seeds_that_are_not_55_small_letters_are_refused),
        cmocka_unit_test(texts_survive_a_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
