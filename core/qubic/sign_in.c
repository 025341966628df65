// SPDX-License-Identifier: Apache-2.0
#include "core/qubic/sign_in.h"

#include "core/base/invariant.h"
#include "core/crypto/k12.h"

#include <string.h>

/* h: a hex digit in lower case, 0: a digit, else the character itself. */
#define LOG_ID_FORM "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh"
#define NONCE_FORM "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"
#define EXPIRES_FORM "0000-00-00T00:00:00Z"

_Static_assert(sizeof LOG_ID_FORM == QUBIC_SIGN_IN_LOG_ID_SIZE + 1, "the header says its size");
_Static_assert(sizeof NONCE_FORM == QUBIC_SIGN_IN_NONCE_SIZE + 1, "the header says its size");
_Static_assert(sizeof EXPIRES_FORM == QUBIC_SIGN_IN_EXPIRES_SIZE + 1, "the header says its size");

static bool has_form(struct bytes text, const char *form)
{
    if (text.size != strlen(form)) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        uint8_t const c = text.data[i];
        bool const digit = c >= '0' && c <= '9';
        bool const fits = form[i] == 'h'   ? digit || (c >= 'a' && c <= 'f')
                          : form[i] == '0' ? digit
                                           : c == (uint8_t)form[i];
        if (!fits) {
            return false;
        }
    }
    return true;
}

enum err_code qubic_sign_in_check_origin(struct bytes origin, struct err *err)
{
    bool good = origin.size > 0 && origin.size <= QUBIC_SIGN_IN_ORIGIN_MAX;
    for (size_t i = 0; good && i < origin.size; i++) {
        good = origin.data[i] > ' ' && origin.data[i] < 0x7F;
    }
    if (!good) {
        return err_set(
            err, ERR_INVALID,
            "not an origin to sign in to: expected 1 to %d printable ASCII characters without "
            "blanks, as https://ledger.example",
            QUBIC_SIGN_IN_ORIGIN_MAX);
    }
    return ERR_OK;
}

static enum err_code check(const struct qubic_sign_in *sign_in, struct err *err)
{
    enum err_code const code = qubic_sign_in_check_origin(sign_in->origin, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!has_form(sign_in->log_id, LOG_ID_FORM)) {
        return err_set(err, ERR_INVALID,
                       "not a log id: expected one like 0192f3a0-5d2c-7c41-9a3e-1b2c3d4e5f60");
    }
    if (!has_form(sign_in->nonce, NONCE_FORM)) {
        return err_set(err, ERR_INVALID, "not a nonce: expected 32 hex digits in lower case");
    }
    if (!has_form(sign_in->expires_at, EXPIRES_FORM)) {
        return err_set(err, ERR_INVALID,
                       "not the end of a challenge: expected a time like 2026-11-24T02:55:46Z");
    }
    return ERR_OK;
}

static char *append(char *at, struct bytes text)
{
    memcpy(at, text.data, text.size);
    return at + text.size;
}

enum err_code qubic_sign_in_text(const struct qubic_sign_in *sign_in, const struct key32 *identity,
                                 char ret_text[QUBIC_SIGN_IN_TEXT_SIZE], struct err *err)
{
    char identity_text[QUBIC_IDENTITY_TEXT_SIZE];
    enum err_code const code = check(sign_in, err);
    if (code != ERR_OK) {
        return code;
    }
    qubic_identity_format(identity, identity_text);
    struct bytes const parts[] = {
        bytes_of_text("Tallystick sign-in v1\norigin: "),
        sign_in->origin,
        bytes_of_text("\nlog: "),
        sign_in->log_id,
        bytes_of_text("\nidentity: "),
        bytes_of_text(identity_text),
        bytes_of_text("\nnonce: "),
        sign_in->nonce,
        bytes_of_text("\nexpires: "),
        sign_in->expires_at,
        bytes_of_text("\n"),
    };
    char *at = ret_text;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        INVARIANT((size_t)(at - ret_text) + parts[i].size < QUBIC_SIGN_IN_TEXT_SIZE);
        at = append(at, parts[i]);
    }
    *at = '\0';
    return ERR_OK;
}

static enum err_code digest_of(const struct qubic_sign_in *sign_in, const struct key32 *identity,
                               struct key32 *ret, struct err *err)
{
    char text[QUBIC_SIGN_IN_TEXT_SIZE];
    enum err_code const code = qubic_sign_in_text(sign_in, identity, text, err);
    if (code == ERR_OK) {
        *ret = k12_digest(bytes_of_text(text));
    }
    return code;
}

enum err_code qubic_sign_in_sign(const struct qubic_sign_in *sign_in, const struct qubic_keys *keys,
                                 uint8_t ret_signature[SCHNORRQ_SIGNATURE_SIZE], struct err *err)
{
    struct key32 digest;
    enum err_code const code = digest_of(sign_in, &keys->public_key, &digest, err);
    if (code == ERR_OK) {
        schnorrq_sign(&keys->subseed, &keys->public_key, &digest, ret_signature);
    }
    return code;
}

bool qubic_sign_in_is_signed(const struct qubic_sign_in *sign_in, const struct key32 *identity,
                             const uint8_t signature[SCHNORRQ_SIGNATURE_SIZE])
{
    struct key32 digest;
    return digest_of(sign_in, identity, &digest, NULL) == ERR_OK &&
           schnorrq_verify(identity, &digest, signature);
}
