/* core/base/id.h: 16-byte ids and 32-byte values.
 *
 * New ids are UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then version, variant and random bits, so
 * ids sort by time of birth. Their text is the usual 36 characters, lower case. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_ID_H
#define CORE_BASE_ID_H

#include "core/base/bytes.h"
#include "core/base/err.h"

struct id16 {
    uint8_t b[16];
};

struct key32 { /* digests, Qubic public keys, transaction hashes */
    uint8_t b[32];
};

#define ID_TEXT_SIZE 37 /* 36 characters and the zero */

struct id16 id_new(int64_t wall_ns);
bool id_equal(struct id16 a, struct id16 b);
bool id_is_zero(struct id16 id);
bool key_equal(struct key32 a, struct key32 b);
bool key_is_zero(struct key32 key);
void id_format(struct id16 id, char ret_text[ID_TEXT_SIZE]);
/* Exactly 36 characters, hyphens in place, hex digits in either case. */
MUST_CHECK enum err_code id_parse(struct bytes text, struct id16 *ret, struct err *err);

#endif
