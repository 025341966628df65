/* Transactions: built, signed, parsed and hashed as the vectors (four of them from the main network) say. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "core/qubic/transaction.h"
#include "tests/support/qubic_vectors.h"

static struct qubic_transaction transaction_of(const json_t *row)
{
    struct qubic_transaction tx = {0};
    size_t size;
    uint8_t *input = vector_blob(row, "inputHex", &size);
    assert_true(size <= QUBIC_INPUT_SIZE_MAX);
    memcpy(tx.input, input, size);
    free(input);
    tx.input_size = (uint16_t)size;
    assert_int_equal(size, json_integer_value(json_object_get(row, "inputSize")));
    tx.input_type = (uint16_t)json_integer_value(json_object_get(row, "inputType"));
    tx.tick = (uint32_t)json_integer_value(json_object_get(row, "tick"));
    assert_int_equal(i64_parse(bytes_of_text(vector_text(row, "amount")), &tx.amount, NULL),
                     ERR_OK);
    assert_int_equal(
        qubic_identity_parse(bytes_of_text(vector_text(row, "sourceIdentity")), &tx.source, NULL),
        ERR_OK);
    assert_int_equal(qubic_identity_parse(bytes_of_text(vector_text(row, "destinationIdentity")),
                                          &tx.destination, NULL),
                     ERR_OK);
    return tx;
}

static void check_row(const json_t *row)
{
    struct qubic_transaction tx = transaction_of(row);
    const char *seed = json_string_value(json_object_get(row, "seed"));
    uint8_t signature[64];
    uint8_t expected[32];
    vector_hex(row, "signatureHex", signature, 64);
    if (seed != NULL) { /* ours: sign it */
        struct qubic_keys keys;
        struct key32 const source = tx.source;
        assert_int_equal(qubic_keys_from_seed(bytes_of_text(seed), &keys, NULL), ERR_OK);
        assert_int_equal(qubic_transaction_sign(&tx, &keys, NULL), ERR_OK);
        assert_true(key_equal(tx.source, source));
        assert_memory_equal(tx.signature, signature, 64);
    }
    memcpy(tx.signature, signature, 64);
    assert_true(qubic_transaction_signature_is_valid(&tx));

    struct key32 digest = qubic_transaction_digest(&tx);
    vector_hex(row, "digestHex", expected, 32);
    assert_memory_equal(digest.b, expected, 32);
    struct key32 hash = qubic_transaction_hash(&tx);
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    qubic_hash_format(&hash, text);
    assert_string_equal(text, vector_text(row, "txHash"));

    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    size_t size = qubic_transaction_encode(&tx, wire);
    size_t wire_size;
    uint8_t *wire_expected = vector_blob(row, "txHex", &wire_size);
    assert_int_equal(size, wire_size);
    assert_memory_equal(wire, wire_expected, size);
    struct buf decoded;
    buf_init(&decoded, QUBIC_TRANSACTION_SIZE_MAX);
    assert_int_equal(base64_decode(bytes_of_text(vector_text(row, "txBase64")), &decoded, NULL),
                     ERR_OK);
    assert_true(bytes_equal(buf_bytes(&decoded), bytes_of(wire, size)));
    buf_deinit(&decoded);

    struct qubic_transaction parsed;
    assert_int_equal(qubic_transaction_parse(bytes_of(wire_expected, size), &parsed, NULL), ERR_OK);
    assert_memory_equal(&parsed, &tx, sizeof tx);
    free(wire_expected);
}

static void check_all(const char *name)
{
    struct vectors v = vectors_open(name);
    size_t i;
    json_t *row;
    json_array_foreach(v.array, i, row)
    {
        check_row(row);
        v.checked++;
    }
    vectors_close(&v);
}

static void made_transactions_match(void **state)
{
    (void)state;
    check_all("transactions");
}

static void real_transactions_match(void **state)
{
    (void)state;
    check_all("realTransactions");
}

static size_t signed_sample(uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX])
{
    struct qubic_keys keys;
    struct qubic_transaction tx = {.amount = 5, .tick = 77, .input_size = 3, .input = {1, 2, 3}};
    assert_int_equal(
        qubic_keys_from_seed(
            bytes_of_text("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabc"), &keys, NULL),
        ERR_OK);
    assert_int_equal(qubic_transaction_sign(&tx, &keys, NULL), ERR_OK);
    return qubic_transaction_encode(&tx, wire);
}

/* Goal: no byte may be changed unseen. Method: flip each; it must not parse, or not verify. */
static void a_changed_byte_never_verifies(void **state)
{
    (void)state;
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    size_t size = signed_sample(wire);
    struct qubic_transaction tx;
    for (size_t at = 0; at < size; at++) {
        wire[at] ^= 0x10;
        if (qubic_transaction_parse(bytes_of(wire, size), &tx, NULL) == ERR_OK &&
            qubic_transaction_signature_is_valid(&tx)) {
            fail_msg("byte %zu changed and still valid", at);
        }
        wire[at] ^= 0x10;
    }
    assert_int_equal(qubic_transaction_parse(bytes_of(wire, size), &tx, NULL), ERR_OK);
    assert_true(qubic_transaction_signature_is_valid(&tx));
}

static void wrong_sizes_and_amounts_are_refused(void **state)
{
    (void)state;
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX + 1] = {0};
    struct qubic_transaction tx = {0};
    size_t size = signed_sample(wire);
    for (size_t cut = 0; cut < sizeof wire; cut++) {
        if (cut != size) {
            assert_int_equal(qubic_transaction_parse(bytes_of(wire, cut), &tx, NULL), ERR_INVALID);
        }
    }
    put_le64(wire + 64, (uint64_t)QUBIC_AMOUNT_MAX);
    assert_int_equal(qubic_transaction_parse(bytes_of(wire, size), &tx, NULL), ERR_OK);
    put_le64(wire + 64, (uint64_t)QUBIC_AMOUNT_MAX + 1);
    assert_int_equal(qubic_transaction_parse(bytes_of(wire, size), &tx, NULL), ERR_INVALID);
    put_le64(wire + 64, UINT64_MAX);
    assert_int_equal(qubic_transaction_parse(bytes_of(wire, size), &tx, NULL), ERR_INVALID);

    struct qubic_keys keys = {0};
    struct qubic_transaction bad = {.amount = -1};
    assert_int_equal(qubic_transaction_sign(&bad, &keys, NULL), ERR_INVALID);
    bad = (struct qubic_transaction){.input_size = QUBIC_INPUT_SIZE_MAX + 1};
    assert_int_equal(qubic_transaction_sign(&bad, &keys, NULL), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_transactions_match),
        cmocka_unit_test(real_transactions_match),
        cmocka_unit_test(a_changed_byte_never_verifies),
        cmocka_unit_test(wrong_sizes_and_amounts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
