/* The text that opens a session: its bytes, which are forever, and that no part can pass for another. */
// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/k12.h"
#include "core/qubic/sign_in.h"
#include "tests/support/cmocka_all.h"

#include <string.h>

#define SEED "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define IDENTITY "BZBQFLLBNCXEMGLOBHUVFTLUPLVCPQUASSILFABOFFBCADQSSUPNWLZBQEXK"

static struct qubic_sign_in good_parts(void)
{
    return (struct qubic_sign_in){
        .origin = bytes_of_text("https://ledger.example:8443"),
        .log_id = bytes_of_text("0192f3a0-5d2c-7c41-9a3e-1b2c3d4e5f60"),
        .nonce = bytes_of_text("00112233445566778899aabbccddeeff"),
        .expires_at = bytes_of_text("2026-11-24T02:55:46Z"),
    };
}

static struct qubic_keys own_keys(void)
{
    struct qubic_keys keys;
    assert_int_equal(qubic_keys_from_seed(bytes_of_text(SEED), &keys, NULL), ERR_OK);
    return keys;
}

static void the_text_is_the_one_of_the_record_format(void **state)
{
    (void)state;
    struct qubic_sign_in const parts = good_parts();
    struct qubic_keys const keys = own_keys();
    char text[QUBIC_SIGN_IN_TEXT_SIZE];
    assert_int_equal(qubic_sign_in_text(&parts, &keys.public_key, text, NULL), ERR_OK);
    assert_string_equal(text, "Tallystick sign-in v1\n"
                              "origin: https://ledger.example:8443\n"
                              "log: 0192f3a0-5d2c-7c41-9a3e-1b2c3d4e5f60\n"
                              "identity: " IDENTITY "\n"
                              "nonce: 00112233445566778899aabbccddeeff\n"
                              "expires: 2026-11-24T02:55:46Z\n");
}

static void the_longest_origin_fits(void **state)
{
    (void)state;
    char origin[QUBIC_SIGN_IN_ORIGIN_MAX + 2];
    char text[QUBIC_SIGN_IN_TEXT_SIZE];
    struct qubic_sign_in parts = good_parts();
    struct qubic_keys const keys = own_keys();
    memset(origin, 'o', sizeof origin);
    parts.origin = bytes_of(origin, QUBIC_SIGN_IN_ORIGIN_MAX);
    assert_int_equal(qubic_sign_in_text(&parts, &keys.public_key, text, NULL), ERR_OK);
    parts.origin.size++;
    assert_int_equal(qubic_sign_in_text(&parts, &keys.public_key, text, NULL), ERR_INVALID);
}

static void a_signature_is_good_for_its_text_alone(void **state)
{
    (void)state;
    struct qubic_sign_in const parts = good_parts();
    struct qubic_keys const keys = own_keys();
    char text[QUBIC_SIGN_IN_TEXT_SIZE];
    uint8_t signature[SCHNORRQ_SIGNATURE_SIZE];
    assert_int_equal(qubic_sign_in_sign(&parts, &keys, signature, NULL), ERR_OK);
    assert_true(qubic_sign_in_is_signed(&parts, &keys.public_key, signature));
    assert_int_equal(qubic_sign_in_text(&parts, &keys.public_key, text, NULL), ERR_OK);
    struct key32 const digest = k12_digest(bytes_of_text(text)); /* as anybody else checks it */
    assert_true(schnorrq_verify(&keys.public_key, &digest, signature));

    struct qubic_sign_in others[4] = {parts, parts, parts, parts};
    others[0].origin = bytes_of_text("https://ledger.examp1e:8443");
    others[1].log_id = bytes_of_text("0192f3a0-5d2c-7c41-9a3e-1b2c3d4e5f61");
    others[2].nonce = bytes_of_text("00112233445566778899aabbccddeefe");
    others[3].expires_at = bytes_of_text("2026-11-24T02:55:47Z");
    for (size_t i = 0; i < 4; i++) {
        assert_false(qubic_sign_in_is_signed(&others[i], &keys.public_key, signature));
    }
    struct key32 stranger = keys.public_key;
    stranger.b[0] ^= 1;
    assert_false(qubic_sign_in_is_signed(&parts, &stranger, signature));
    signature[40] ^= 1;
    assert_false(qubic_sign_in_is_signed(&parts, &keys.public_key, signature));
}

/* Goal: a server that chooses the parts cannot have another text signed. Method: each part with what would end its line, be read as
 * another, or is not what that part is; the signature's place stays as it was. */
static void ill_formed_parts_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        size_t at; /* offset of the part */
        const char *name;
        const char *text;
    } ROWS[] = {
#define PART(field) offsetof(struct qubic_sign_in, field)
        {PART(origin), "origin", ""},
        {PART(origin), "origin", "https://a.example\nlog: x"},
        {PART(origin), "origin", "https://a.example b"},
        {PART(origin), "origin", "https://a.example\r"},
        {PART(origin), "origin", "https://\xC3\xA4.example"},
        {PART(origin), "origin", "https://a.example\x7F"},
        {PART(log_id), "log id", ""},
        {PART(log_id), "log id", "0192F3A0-5D2C-7C41-9A3E-1B2C3D4E5F60"},
        {PART(log_id), "log id", "0192f3a005d2c-7c41-9a3e-1b2c3d4e5f60"},
        {PART(log_id), "log id", "0192f3a0-5d2c-7c41-9a3e-1b2c3d4e5f6"},
        {PART(log_id), "log id", "0192f3a0-5d2c-7c41-9a3e-1b2c3d4e5f60\n"},
        {PART(nonce), "nonce", "00112233445566778899aabbccddeef"},
        {PART(nonce), "nonce", "00112233445566778899aabbccddeeff0"},
        {PART(nonce), "nonce", "00112233445566778899AABBCCDDEEFF"},
        {PART(nonce), "nonce", "0011223344556677\n899aabbccddeeff"},
        {PART(expires_at), "end of a challenge", "2026-11-24T02:55:46.5Z"},
        {PART(expires_at), "end of a challenge", "2026-11-24 02:55:46Z"},
        {PART(expires_at), "end of a challenge", "2026-11-24T02:55:4gZ"},
        {PART(expires_at), "end of a challenge", ""},
    };
    struct qubic_keys const keys = own_keys();
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct qubic_sign_in parts = good_parts();
        struct err err = {0};
        uint8_t signature[SCHNORRQ_SIGNATURE_SIZE] = {7};
        struct bytes const bad = bytes_of_text(ROWS[i].text);
        memcpy((uint8_t *)&parts + ROWS[i].at, &bad, sizeof bad);
        if (qubic_sign_in_sign(&parts, &keys, signature, &err) != ERR_INVALID ||
            strstr(err.message, ROWS[i].name) == NULL) {
            fail_msg("%s \"%s\": %s", ROWS[i].name, ROWS[i].text, err.message);
        }
        assert_int_equal(signature[0], 7);
        assert_false(qubic_sign_in_is_signed(&parts, &keys.public_key, signature));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_is_the_one_of_the_record_format),
        cmocka_unit_test(the_longest_origin_fits),
        cmocka_unit_test(a_signature_is_good_for_its_text_alone),
        cmocka_unit_test(ill_formed_parts_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
