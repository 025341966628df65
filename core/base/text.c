// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"

#include <sodium.h>
#include <string.h>

void hex_encode(struct bytes bytes, char *ret_text)
{
    (void)sodium_bin2hex(ret_text, bytes.size * 2 + 1, bytes.data, bytes.size);
}

enum err_code hex_decode(struct bytes text, uint8_t *ret, size_t size, struct err *err)
{
    size_t decoded = 0;
    if (text.size != size * 2 ||
        sodium_hex2bin(ret, size, (const char *)text.data, text.size, NULL, &decoded, NULL) != 0 ||
        decoded != size) {
        return err_set(err, ERR_INVALID, "not %zu hex digits", size * 2);
    }
    return ERR_OK;
}

void base64_append(struct buf *buf, struct bytes bytes)
{
    /* Whole groups of three at a time, so that the pieces concatenate without padding in between. */
    uint8_t const *at = bytes.data;
    size_t left = bytes.size;
    while (left > 0) {
        size_t take = left > 48 ? 48 : left;
        char text[sodium_base64_ENCODED_LEN(48, sodium_base64_VARIANT_ORIGINAL)];
        (void)sodium_bin2base64(text, sizeof text, at, take, sodium_base64_VARIANT_ORIGINAL);
        buf_append_text(buf, text);
        at += take;
        left -= take;
    }
}

enum err_code base64_decode(struct bytes text, struct buf *ret, struct err *err)
{
    size_t done = 0;
    for (size_t i = 0; i < text.size; i++) { /* libsodium takes some bytes above 0x7F for letters */
        if (text.data[i] >= 0x80) {
            return err_set(err, ERR_INVALID, "not base64 (standard alphabet, padded)");
        }
    }
    while (done < text.size) {
        size_t take = text.size - done > 64 ? 64 : text.size - done;
        uint8_t bytes[48];
        size_t size = 0;
        if (sodium_base642bin(bytes, sizeof bytes, (const char *)text.data + done, take, NULL,
                              &size, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
            (done + take < text.size && size != sizeof bytes)) {
            return err_set(err, ERR_INVALID, "not base64 (standard alphabet, padded)");
        }
        buf_append(ret, bytes, size);
        done += take;
    }
    return buf_check(ret, err);
}

/* Length of the well-formed sequence at `at`, 0 if it is ill-formed. Table 3-7 of the Unicode Standard. */
static size_t utf8_sequence(const uint8_t *at, size_t left)
{
    uint8_t first = at[0];
    if (first < 0x80) {
        return 1;
    }
    size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || left < size) {
        return 0;
    }
    uint8_t low = 0x80;
    uint8_t high = 0xBF;
    if (first == 0xE0) {
        low = 0xA0;
    } else if (first == 0xED) {
        high = 0x9F;
    } else if (first == 0xF0) {
        low = 0x90;
    } else if (first == 0xF4) {
        high = 0x8F;
    }
    if (at[1] < low || at[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if (at[i] < 0x80 || at[i] > 0xBF) {
            return 0;
        }
    }
    return size;
}

/* Bytes from `at` on that are plain ASCII, eight at a time: most text is. */
static size_t ascii_run(const uint8_t *at, size_t left)
{
    size_t size = 0;
    uint64_t eight;
    while (left - size >= sizeof eight) {
        memcpy(&eight, at + size, sizeof eight);
        if ((eight & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
        size += sizeof eight;
    }
    return size;
}

bool utf8_is_valid(struct bytes text)
{
    size_t at = 0;
    while (at < text.size) {
        size_t size = ascii_run(text.data + at, text.size - at);
        if (size == 0) {
            size = utf8_sequence(text.data + at, text.size - at);
        }
        if (size == 0) {
            return false;
        }
        at += size;
    }
    return true;
}

static bool is_control(uint8_t byte)
{
    return (byte < 0x20 && byte != '\t') || byte == 0x7F;
}

bool text_has_control(struct bytes text)
{
    uint64_t eight;
    for (size_t at = 0; at < text.size; at++) {
        while (text.size - at >= sizeof eight) { /* bytes of which none is below 0x20 or 0x7F */
            memcpy(&eight, text.data + at, sizeof eight);
            uint64_t const no_del = eight ^ UINT64_C(0x7F7F7F7F7F7F7F7F);
            uint64_t const low = (eight - UINT64_C(0x2020202020202020)) & ~eight;
            uint64_t const del = (no_del - UINT64_C(0x0101010101010101)) & ~no_del;
            if (((low | del) & UINT64_C(0x8080808080808080)) != 0) {
                break;
            }
            at += sizeof eight;
        }
        if (at < text.size && is_control(text.data[at])) {
            return true;
        }
    }
    return false;
}

void utf8_append_lossy(struct buf *buf, struct bytes text)
{
    size_t at = 0;
    while (at < text.size) {
        size_t size = ascii_run(text.data + at, text.size - at);
        if (size == 0 || size > buf->size_max - buf->size) { /* a full buffer keeps what fits */
            size = utf8_sequence(text.data + at, text.size - at);
        }
        if (size == 0) {
            buf_append_text(buf, "\xEF\xBF\xBD");
            at += 1;
        } else {
            buf_append(buf, text.data + at, size);
            at += size;
        }
    }
}

void text_make_printable(char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        uint8_t const first = (uint8_t)*text;
        size_t const size = utf8_sequence((const uint8_t *)text, left);
        size_t const wanted = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
        if (size == 0 && first >= 0xC2 && left < wanted) {
            *text = '\0';
            return;
        }
        if (size == 0 || first < 0x20 || first == 0x7F) {
            *text = '?';
        }
        text += size == 0 ? 1 : size;
        left -= size == 0 ? 1 : size;
    }
}

enum err_code u64_parse(struct bytes text, uint64_t *ret, struct err *err)
{
    uint64_t value = 0;
    if (text.size == 0 || (text.size > 1 && text.data[0] == '0')) {
        goto invalid;
    }
    for (size_t i = 0; i < text.size; i++) {
        uint8_t digit = text.data[i];
        if (digit < '0' || digit > '9' || __builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, (uint64_t)(digit - '0'), &value)) {
            goto invalid;
        }
    }
    *ret = value;
    return ERR_OK;
invalid:
    return err_set(err, ERR_INVALID, "not a whole number from 0 to 18446744073709551615");
}

enum err_code i64_parse(struct bytes text, int64_t *ret, struct err *err)
{
    uint64_t value = 0;
    bool negative = text.size > 1 && text.data[0] == '-';
    if (u64_parse(negative ? bytes_from(text, 1) : text, &value, NULL) != ERR_OK ||
        value > (uint64_t)INT64_MAX || (negative && value == 0)) {
        return err_set(err, ERR_INVALID, "not a whole number within 63 bits");
    }
    *ret = negative ? -(int64_t)value : (int64_t)value;
    return ERR_OK;
}

void json_append_string(struct buf *buf, struct bytes text)
{
    static const char HEX[] = "0123456789abcdef";
    buf_append_byte(buf, '"');
    size_t start = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        buf_append(buf, text.data + start, i - start);
        start = i + 1;
        if (c == '"' || c == '\\') {
            char escaped[2] = {'\\', (char)c};
            buf_append(buf, escaped, sizeof escaped);
        } else if (c == '\n') {
            buf_append_text(buf, "\\n");
        } else {
            char escaped[6] = {'\\', 'u', '0', '0', HEX[c >> 4], HEX[c & 15]};
            buf_append(buf, escaped, sizeof escaped);
        }
    }
    if (start < text.size) {
        buf_append(buf, text.data + start, text.size - start);
    }
    buf_append_byte(buf, '"');
}
