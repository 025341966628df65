/* api/join_code.h: the code that joins a machine to its owner's account: short enough to be typed, good once, and stored as its hash alone.
 *
 * Shape:   20 letters and digits of Crockford's base 32, "K7QM-2VXA-9RTD-H4NZ-0B3C": 100 bits, so that its hash may lie in a public record.
 * Made:    code = the first 100 bits of HMAC-SHA256(root, "tallystick code for a machine v1" ‖ log id (16) ‖ token id (16)), with the root of
 *          webhook_secret.h: a repeated request gets the same code, which nobody has kept.
 * Stored:  token.issued of scope enrol, token_hash = SHA-256("tallystick code for a machine v1\n" ‖ the 20 characters). The text in front keeps it from being
 *          presented as a token: it can be exchanged, and that is all.
 * Source:  D. Crockford, "Base 32": no I, L, O and U; read as 1, 1 and 0 where somebody writes them. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_JOIN_CODE_H
#define API_JOIN_CODE_H

#include "core/base/err.h"
#include "core/base/id.h"

#define JOIN_CODE_VALID_S 900 /* the longest */
#define JOIN_CODE_SIZE 20
#define JOIN_CODE_TEXT_SIZE 25 /* with its dashes and the zero */

MUST_CHECK enum err_code join_code_make(const struct key32 *root, struct id16 log_id,
                                        struct id16 token_id, char ret[JOIN_CODE_TEXT_SIZE],
                                        struct err *err);
/* As somebody typed it: either case, with or without dashes and blanks. False: it cannot be one. */
MUST_CHECK bool join_code_hash(struct bytes text, struct key32 *ret);

#endif
