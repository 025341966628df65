/* core/qubic/sign_in.h: the text that a wallet signs to open a session (docs/record-format.md, section 9, forever).
 *
 *     Tallystick sign-in v1\n  origin: …\n  log: …\n  identity: …\n  nonce: …\n  expires: …\n
 *
 * Who signs builds the text from its parts and never signs one that it was given; who checks builds it again. A part
 * cannot hold a line of its own, so what stands behind a name is that part and nothing else.
 * Errors:  ERR_INVALID names the part and says what it looks like. Thread: any. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_QUBIC_SIGN_IN_H
#define CORE_QUBIC_SIGN_IN_H

#include "core/qubic/identity.h"

#define QUBIC_SIGN_IN_ORIGIN_MAX 255
#define QUBIC_SIGN_IN_LOG_ID_SIZE 36
#define QUBIC_SIGN_IN_NONCE_SIZE 32
#define QUBIC_SIGN_IN_EXPIRES_SIZE 20
#define QUBIC_SIGN_IN_TEXT_SIZE 512 /* with the zero; enough for the longest origin */

struct qubic_sign_in {       /* texts as the challenge has them, borrowed for the call */
    struct bytes origin;     /* printable ASCII without blanks, as https://ledger.example */
    struct bytes log_id;     /* 0192f3a0-5d2c-7c41-9a3e-1b2c3d4e5f60, lower case */
    struct bytes nonce;      /* 32 hex digits, lower case */
    struct bytes expires_at; /* 2026-11-24T02:55:46Z */
};

/* For whoever is asked what people sign in to, before anybody does. */
MUST_CHECK enum err_code qubic_sign_in_check_origin(struct bytes origin, struct err *err);

MUST_CHECK enum err_code qubic_sign_in_text(const struct qubic_sign_in *sign_in,
                                            const struct key32 *identity,
                                            char ret_text[QUBIC_SIGN_IN_TEXT_SIZE],
                                            struct err *err);
/* The signature over K12 of the text with the keys' own identity. */
MUST_CHECK enum err_code qubic_sign_in_sign(const struct qubic_sign_in *sign_in,
                                            const struct qubic_keys *keys,
                                            uint8_t ret_signature[SCHNORRQ_SIGNATURE_SIZE],
                                            struct err *err);
/* False for an ill-formed part as well. */
bool qubic_sign_in_is_signed(const struct qubic_sign_in *sign_in, const struct key32 *identity,
                             const uint8_t signature[SCHNORRQ_SIGNATURE_SIZE]);

#endif
