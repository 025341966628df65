/* The small parsers everything else is made of: numbers, times, ids, hex, base64, UTF-8, JSON texts. What is read must be what its value is
 * written as. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/id.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "tests/fuzz/fuzz_target.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void check_numbers(struct bytes text)
{
    char again[32];
    uint64_t u64;
    int64_t i64;
    if (u64_parse(text, &u64, NULL) == ERR_OK) {
        (void)snprintf(again, sizeof again, "%" PRIu64, u64);
        INVARIANT(bytes_equal(text, bytes_of_text(again)));
    }
    if (i64_parse(text, &i64, NULL) == ERR_OK) {
        (void)snprintf(again, sizeof again, "%" PRId64, i64);
        INVARIANT(bytes_equal(text, bytes_of_text(again)));
    }
}

static void check_time(struct bytes text)
{
    char again[TIME_TEXT_SIZE];
    int64_t time;
    int64_t same;
    if (time_parse(text, &time, NULL) == ERR_OK) {
        time_format(time, again); /* nine digits; the text may have had fewer */
        INVARIANT(memcmp(again, text.data, 19) == 0);
        INVARIANT(time_parse(bytes_of_text(again), &same, NULL) == ERR_OK && same == time);
    }
    if (text.size >= 8) { /* any number of nanoseconds has a text */
        time = (int64_t)get_be64(text.data);
        time_format(time, again);
        INVARIANT(strlen(again) == TIME_TEXT_SIZE - 1);
        INVARIANT(time_parse(bytes_of_text(again), &same, NULL) != ERR_OK || same == time);
    }
}

static void check_id(struct bytes text)
{
    struct id16 id;
    struct id16 same;
    char again[ID_TEXT_SIZE];
    if (id_parse(text, &id, NULL) == ERR_OK) {
        id_format(id, again);
        INVARIANT(strncasecmp(again, (const char *)text.data, text.size) == 0);
        INVARIANT(id_parse(bytes_of_text(again), &same, NULL) == ERR_OK && id_equal(id, same));
    }
}

static void check_bytes(struct bytes text)
{
    uint8_t raw[256];
    char hex[2 * sizeof raw + 1];
    struct buf decoded;
    struct buf again;
    buf_init(&decoded, 1U << 20);
    buf_init(&again, 1U << 20);
    if (text.size <= 2 * sizeof raw && hex_decode(text, raw, text.size / 2, NULL) == ERR_OK) {
        hex_encode(bytes_of(raw, text.size / 2), hex);
        INVARIANT(strlen(hex) == text.size);
        INVARIANT(text.size == 0 || strncasecmp(hex, (const char *)text.data, text.size) == 0);
    }
    if (base64_decode(text, &decoded, NULL) == ERR_OK) {
        base64_append(&again, buf_bytes(&decoded));
        INVARIANT(bytes_equal(buf_bytes(&again), text));
    }
    buf_clear(&decoded);
    buf_clear(&again);
    base64_append(&again, text);
    INVARIANT(base64_decode(buf_bytes(&again), &decoded, NULL) == ERR_OK);
    INVARIANT(bytes_equal(buf_bytes(&decoded), text));
    buf_deinit(&decoded);
    buf_deinit(&again);
}

static void check_utf8(struct bytes text)
{
    struct buf clean;
    struct buf quoted;
    buf_init(&clean, 4 * text.size + 1);
    buf_init(&quoted, 32 * text.size + 16);
    utf8_append_lossy(&clean, text);
    INVARIANT(utf8_is_valid(buf_bytes(&clean)));
    INVARIANT(utf8_is_valid(text) == bytes_equal(text, buf_bytes(&clean)));
    json_append_string(&quoted, buf_bytes(&clean));
    INVARIANT(!clean.failed && !quoted.failed);
    json_t *json =
        json_loadb(buf_text(&quoted), quoted.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    INVARIANT(json_is_string(json));
    INVARIANT(bytes_equal(bytes_of(json_string_value(json), json_string_length(json)),
                          buf_bytes(&clean)));
    json_decref(json);
    buf_deinit(&quoted);
    buf_deinit(&clean);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes const text = bytes_of(data, size);
    check_numbers(text);
    check_time(text);
    check_id(text);
    check_bytes(text);
    check_utf8(text);
    return 0;
}
