/* What must never change: seeds, identities and payloads, against vectors that were computed apart
 * (tests/integration/test_escrow_vectors.py), and the ids of settlement's commands. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "core/settlement/escrow_key.h"
#include "core/settlement/payload.h"
#include "core/settlement/settlement_internal.h"
#include "tests/support/cmocka_all.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *vectors(const char *name, json_t **ret_root)
{
    json_error_t error;
    *ret_root = json_load_file(TALLY_SOURCE_DIR "/tests/data/settlement-vectors.json", 0, &error);
    if (*ret_root == NULL) {
        fail_msg("settlement-vectors.json: %s", error.text);
    }
    json_t *array = json_object_get(*ret_root, name);
    assert_true(json_array_size(array) >= 3);
    return array;
}

static const char *text_of(const json_t *row, const char *field)
{
    const char *text = json_string_value(json_object_get(row, field));
    assert_non_null(text);
    return text;
}

static void hex_of(const json_t *row, const char *field, uint8_t *ret, size_t size)
{
    assert_int_equal(hex_decode(bytes_of_text(text_of(row, field)), ret, size, NULL), ERR_OK);
}

static struct operator_key operator_key_of(const json_t *row)
{
    struct operator_key key = {
        .network = (enum network)json_integer_value(json_object_get(row, "network"))};
    assert_int_equal(strlen(text_of(row, "operatorSeed")), QUBIC_SEED_SIZE);
    memcpy(key.seed, text_of(row, "operatorSeed"), QUBIC_SEED_SIZE);
    hex_of(row, "logId", key.log_id.b, 16);
    assert_int_equal(u64_parse(bytes_of_text(text_of(row, "keyId")), &key.key_id, NULL), ERR_OK);
    return key;
}

static void escrow_keys_are_those_of_the_vectors(void **state)
{
    json_t *root;
    json_t *rows = vectors("escrows", &root);
    (void)state;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        struct operator_key key = operator_key_of(row);
        struct id16 escrow_id;
        struct key32 public_key;
        struct qubic_keys keys;
        char seed[QUBIC_SEED_SIZE];
        char identity[QUBIC_IDENTITY_TEXT_SIZE];
        hex_of(row, "escrowId", escrow_id.b, 16);
        hex_of(row, "publicKey", public_key.b, 32);
        escrow_seed_derive(&key, escrow_id, seed);
        assert_memory_equal(seed, text_of(row, "seed"), sizeof seed);
        escrow_keys_derive(&key, escrow_id, &keys);
        assert_true(key_equal(keys.public_key, public_key));
        qubic_identity_format(&keys.public_key, identity);
        assert_string_equal(identity, text_of(row, "identity"));
        if (id_is_zero(escrow_id)) {
            assert_true(key_equal(operator_check_identity(&key), public_key));
        }
    }
    json_decref(root);
}

static void anchoring_keys_are_those_of_the_vectors(void **state)
{
    json_t *root;
    json_t *rows = vectors("anchors", &root);
    (void)state;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        struct operator_key key = operator_key_of(row);
        struct qubic_keys keys;
        struct qubic_keys of_seed;
        char identity[QUBIC_IDENTITY_TEXT_SIZE];
        anchor_keys_derive(&key, &keys);
        qubic_identity_format(&keys.public_key, identity);
        assert_string_equal(identity, text_of(row, "identity"));
        assert_int_equal(qubic_keys_from_seed(bytes_of_text(text_of(row, "seed")), &of_seed, NULL),
                         ERR_OK);
        assert_memory_equal(&keys, &of_seed, sizeof keys);
        assert_false(key_equal(keys.public_key, operator_check_identity(&key)));
    }
    json_decref(root);
}

/* Each part of the input matters: one bit elsewhere, another identity. */
static void a_wrong_operator_key_shows_in_the_check_identity(void **state)
{
    struct operator_key right = {.network = NETWORK_LOCAL, .log_id = {.b = {1, 2, 3}}, .key_id = 1};
    (void)state;
    memset(right.seed, 'k', sizeof right.seed);
    struct key32 check = operator_check_identity(&right);
    struct operator_key wrong[5];
    for (int i = 0; i < 5; i++) {
        wrong[i] = right;
    }
    wrong[0].seed[0] = 'l';
    wrong[1].seed[QUBIC_SEED_SIZE - 1] = 'j';
    wrong[2].network = NETWORK_TESTNET;
    wrong[3].log_id.b[15] ^= 1;
    wrong[4].key_id = 2;
    for (int i = 0; i < 5; i++) {
        assert_false(key_equal(check, operator_check_identity(&wrong[i])));
    }
    assert_true(key_equal(check, operator_check_identity(&right)));
}

/* Goal: no letter is favoured. Method: 2,000 seeds, 110,000 letters; each of 26 is 4,231 ± 64 (one standard deviation). A plain
 * byte mod 26 would give the first 22 letters 10/256 and the others 9/256: 4,297 and 3,867, six deviations off. */
static void every_letter_of_a_seed_is_as_likely(void **state)
{
    struct operator_key key = {.network = NETWORK_LOCAL, .key_id = 1};
    unsigned counts[26] = {0};
    (void)state;
    memset(key.seed, 'u', sizeof key.seed);
    for (uint32_t i = 0; i < 2000; i++) {
        struct id16 escrow_id = {{0}};
        char seed[QUBIC_SEED_SIZE];
        put_be32(escrow_id.b, i);
        escrow_seed_derive(&key, escrow_id, seed);
        for (size_t at = 0; at < sizeof seed; at++) {
            assert_in_range(seed[at], 'a', 'z');
            counts[seed[at] - 'a']++;
        }
    }
    for (int letter = 0; letter < 26; letter++) {
        assert_in_range(counts[letter], 4231 - 260, 4231 + 260);
    }
}

static struct payload payload_of(const json_t *row)
{
    struct payload payload = {
        .kind = (enum payload_kind)json_integer_value(json_object_get(row, "kind"))};
    hex_of(row, "logId", payload.log_id.b, 16);
    hex_of(row, "jobId", payload.job_id.b, 16);
    hex_of(row, "escrowId", payload.escrow_id.b, 16);
    hex_of(row, "quoteId", payload.quote_id.b, 16);
    hex_of(row, "subject", payload.subject.b, 32);
    return payload;
}

static void payloads_are_those_of_the_vectors_and_come_back(void **state)
{
    json_t *root;
    json_t *rows = vectors("payloads", &root);
    (void)state;
    assert_int_equal(json_array_size(rows), 6);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        struct payload payload = payload_of(row);
        struct payload back;
        uint8_t known[PAYLOAD_SIZE];
        uint8_t encoded[PAYLOAD_SIZE];
        hex_of(row, "bytes", known, sizeof known);
        payload_encode(&payload, encoded);
        assert_memory_equal(encoded, known, sizeof known);
        assert_true(payload_decode(bytes_of(known, sizeof known), &back));
        assert_int_equal(back.kind, payload.kind);
        assert_true(id_equal(back.log_id, payload.log_id));
        assert_true(id_equal(back.job_id, payload.job_id));
        assert_true(id_equal(back.escrow_id, payload.escrow_id));
        assert_true(id_equal(back.quote_id, payload.quote_id));
        assert_true(key_equal(back.subject, payload.subject));
    }
    json_decref(root);
}

static void bytes_that_are_not_ours_are_no_payload(void **state)
{
    struct payload payload = {.kind = PAYLOAD_LOCK};
    struct payload back;
    uint8_t good[PAYLOAD_SIZE + 1] = {0};
    (void)state;
    payload_encode(&payload, good);
    assert_true(payload_decode(bytes_of(good, PAYLOAD_SIZE), &back));
    assert_false(payload_decode(bytes_of(good, PAYLOAD_SIZE - 1), &back));
    assert_false(payload_decode(bytes_of(good, PAYLOAD_SIZE + 1), &back));
    assert_false(payload_decode(bytes_of(NULL, 0), &back));
    for (size_t at = 0; at < 8; at++) { /* magic, kind, zeros */
        uint8_t bad[PAYLOAD_SIZE];
        memcpy(bad, good, sizeof bad);
        bad[at] ^= 0x80;
        assert_false(payload_decode(bytes_of(bad, sizeof bad), &back));
    }
    good[4] = 0;
    assert_false(payload_decode(bytes_of(good, PAYLOAD_SIZE), &back));
    good[4] = PAYLOAD_ANCHOR + 1;
    assert_false(payload_decode(bytes_of(good, PAYLOAD_SIZE), &back));
}

/* SHA-256 of "tallystick settlement v1" ‖ 04 ‖ 16 × 11 ‖ 32 × 22 ‖ 0000000200000001, as Python's hashlib has it. */
static void command_ids_are_derived_as_documented(void **state)
{
    struct id16 escrow_id;
    struct key32 tx_id;
    char text[33];
    (void)state;
    memset(&escrow_id, 0x11, sizeof escrow_id);
    memset(&tx_id, 0x22, sizeof tx_id);
    struct id16 id = settlement_command_id(STEP_LEG_SIGN, escrow_id, tx_id, UINT64_C(2) << 32 | 1);
    hex_encode(bytes_of(id.b, 16), text);
    assert_string_equal(text, "f3e105438ff59aff29c3078b7ac3cf56");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escrow_keys_are_those_of_the_vectors),
        cmocka_unit_test(anchoring_keys_are_those_of_the_vectors),
        cmocka_unit_test(a_wrong_operator_key_shows_in_the_check_identity),
        cmocka_unit_test(every_letter_of_a_seed_is_as_likely),
        cmocka_unit_test(payloads_are_those_of_the_vectors_and_come_back),
        cmocka_unit_test(bytes_that_are_not_ours_are_no_payload),
        cmocka_unit_test(command_ids_are_derived_as_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
