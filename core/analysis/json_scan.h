/* core/analysis/json_scan.h: a cursor over JSON text that visits what is asked for and skips the rest without storing it.
 *
 * Strict:  RFC 8259 but for two things a notebook does not need: bytes above 0x7F are not checked for UTF-8, and a skipped
 *          number or word is not looked into. After the first error nothing moves and `failed` says why.
 * Bounds:  skipping does not recurse; JSON_DEPTH_MAX open brackets. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_JSON_SCAN_H
#define CORE_ANALYSIS_JSON_SCAN_H

#include "core/base/buf.h"
#include "core/base/bytes.h"

#define JSON_DEPTH_MAX 512

struct json_scan {
    struct bytes text;
    size_t at;
    uint32_t line;      /* 1-based, of `at` */
    const char *failed; /* NULL while all is well */
};

void json_scan_init(struct json_scan *scan, struct bytes text);
/* The next byte that is no blank; 0 at the end or after a failure. */
uint8_t json_scan_peek(struct json_scan *scan);
/* Step over `c`; a failure when something else stands there. */
bool json_scan_take(struct json_scan *scan, uint8_t c);
void json_scan_skip(struct json_scan *scan);
/* A string, unescaped, behind what `ret` holds; NULL: step over it. */
bool json_scan_string(struct json_scan *scan, struct buf *ret);
/* In an object behind '{' or a value: the next key into `ret_key` (cut at its size); false at the end, which is stepped over.
 * `first`: set before the first call. */
bool json_scan_key(struct json_scan *scan, bool *first, char *ret_key, size_t key_size);
/* The same for a list behind '['. */
bool json_scan_item(struct json_scan *scan, bool *first);

#endif
