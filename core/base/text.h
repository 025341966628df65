/* core/base/text.h: hex, base64, UTF-8 and decimal numbers; strict both ways. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_TEXT_H
#define CORE_BASE_TEXT_H

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/err.h"

/* Lower-case hex; `ret_text` holds 2 × size + 1 characters. */
void hex_encode(struct bytes bytes, char *ret_text);
/* Exactly 2 × size hex digits, either case, into `ret` of `size` bytes. ERR_INVALID otherwise. */
MUST_CHECK enum err_code hex_decode(struct bytes text, uint8_t *ret, size_t size, struct err *err);

/* Standard alphabet with padding (RFC 4648 §4). */
void base64_append(struct buf *buf, struct bytes bytes);
MUST_CHECK enum err_code base64_decode(struct bytes text, struct buf *ret, struct err *err);

/* Well-formed UTF-8 (RFC 3629: no surrogates, nothing overlong, nothing above U+10FFFF). */
bool utf8_is_valid(struct bytes text);
/* Whether there is a control character in it that is no tab: a byte below 0x20, or 0x7F. */
bool text_has_control(struct bytes text);
/* Append `text` with every ill-formed byte replaced by U+FFFD. */
void utf8_append_lossy(struct buf *buf, struct bytes text);

/* Make a text of unknown origin one line of UTF-8 that a terminal can be shown, in place: ill-formed bytes and control characters
 * become '?', an unfinished character at the end (of a text that was cut) is dropped. */
void text_make_printable(char *text);

/* The whole text is a decimal number without sign, blanks or leading zeros ("0" itself is fine). */
MUST_CHECK enum err_code u64_parse(struct bytes text, uint64_t *ret, struct err *err);
MUST_CHECK enum err_code i64_parse(struct bytes text, int64_t *ret, struct err *err);

/* Append `text` as a JSON string with its quotes; `text` must be valid UTF-8. */
void json_append_string(struct buf *buf, struct bytes text);

#endif
