// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/json_scan.h"

#include <string.h>

void json_scan_init(struct json_scan *scan, struct bytes text)
{
    *scan = (struct json_scan){.text = text, .line = 1};
}

static bool fail(struct json_scan *scan, const char *why)
{
    if (scan->failed == NULL) {
        scan->failed = why;
    }
    return false;
}

uint8_t json_scan_peek(struct json_scan *scan)
{
    if (scan->failed != NULL) {
        return 0;
    }
    while (scan->at < scan->text.size) {
        uint8_t c = scan->text.data[scan->at];
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
            return c;
        }
        scan->line += c == '\n' ? 1 : 0;
        scan->at++;
    }
    return 0;
}

bool json_scan_take(struct json_scan *scan, uint8_t c)
{
    if (json_scan_peek(scan) != c) {
        return fail(scan, scan->at >= scan->text.size ? "it ends too early" : "a wrong character");
    }
    scan->at++;
    return true;
}

static bool hex4(const struct json_scan *scan, size_t at, uint32_t *ret)
{
    uint32_t value = 0;
    if (at + 4 > scan->text.size) {
        return false;
    }
    for (size_t i = at; i < at + 4; i++) {
        uint8_t c = scan->text.data[i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16) {
            return false;
        }
        value = value * 16 + digit;
    }
    *ret = value;
    return true;
}

static void append_utf8(struct buf *ret, uint32_t code)
{
    if (code < 0x80) {
        buf_append_byte(ret, (uint8_t)code);
    } else if (code < 0x800) {
        buf_append_byte(ret, (uint8_t)(0xC0 | (code >> 6)));
        buf_append_byte(ret, (uint8_t)(0x80 | (code & 0x3F)));
    } else if (code < 0x10000) {
        buf_append_byte(ret, (uint8_t)(0xE0 | (code >> 12)));
        buf_append_byte(ret, (uint8_t)(0x80 | ((code >> 6) & 0x3F)));
        buf_append_byte(ret, (uint8_t)(0x80 | (code & 0x3F)));
    } else {
        buf_append_byte(ret, (uint8_t)(0xF0 | (code >> 18)));
        buf_append_byte(ret, (uint8_t)(0x80 | ((code >> 12) & 0x3F)));
        buf_append_byte(ret, (uint8_t)(0x80 | ((code >> 6) & 0x3F)));
        buf_append_byte(ret, (uint8_t)(0x80 | (code & 0x3F)));
    }
}

/* Behind "\u": one code point, of two escapes when the first is half of a pair. A lone half is U+FFFD. */
static bool unicode_escape(struct json_scan *scan, struct buf *ret)
{
    uint32_t code = 0;
    uint32_t low = 0;
    if (!hex4(scan, scan->at, &code)) {
        return fail(scan, "a wrong \\u escape");
    }
    scan->at += 4;
    bool high = code >= 0xD800 && code <= 0xDBFF;
    if (high && scan->at + 6 <= scan->text.size && scan->text.data[scan->at] == '\\' &&
        scan->text.data[scan->at + 1] == 'u' && hex4(scan, scan->at + 2, &low) && low >= 0xDC00 &&
        low <= 0xDFFF) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        scan->at += 6;
    } else if (code >= 0xD800 && code <= 0xDFFF) {
        code = 0xFFFD;
    }
    if (ret != NULL) {
        append_utf8(ret, code);
    }
    return true;
}

bool json_scan_string(struct json_scan *scan, struct buf *ret)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    if (!json_scan_take(scan, '"')) {
        return false;
    }
    while (scan->at < scan->text.size) {
        size_t start = scan->at;
        while (scan->at < scan->text.size && scan->text.data[scan->at] != '"' &&
               scan->text.data[scan->at] != '\\') {
            scan->line += scan->text.data[scan->at] == '\n' ? 1 : 0;
            scan->at++;
        }
        if (ret != NULL) {
            buf_append(ret, scan->text.data + start, scan->at - start);
        }
        if (scan->at >= scan->text.size) {
            break;
        }
        if (scan->text.data[scan->at++] == '"') {
            return true;
        }
        if (scan->at >= scan->text.size) {
            break;
        }
        uint8_t c = scan->text.data[scan->at++];
        if (c == 'u') {
            if (!unicode_escape(scan, ret)) {
                return false;
            }
            continue;
        }
        const char *known = c == 0 ? NULL : strchr(from, c);
        if (known == NULL) {
            return fail(scan, "a wrong escape");
        }
        if (ret != NULL) {
            buf_append_byte(ret, (uint8_t)to[known - from]);
        }
    }
    return fail(scan, "it ends in a string");
}

void json_scan_skip(struct json_scan *scan)
{
    uint8_t open[JSON_DEPTH_MAX];
    size_t depth = 0;
    do {
        uint8_t c = json_scan_peek(scan);
        if (c == '"') {
            (void)json_scan_string(scan, NULL);
        } else if (c == '{' || c == '[') {
            if (depth == JSON_DEPTH_MAX) {
                (void)fail(scan, "nested deeper than 512 levels");
                return;
            }
            open[depth++] = c;
            scan->at++;
        } else if (c == '}' || c == ']') {
            if (depth == 0 || open[depth - 1] != (c == '}' ? '{' : '[')) {
                (void)fail(scan, "a wrong bracket");
                return;
            }
            depth--;
            scan->at++;
        } else if ((c == ',' || c == ':') && depth > 0) {
            scan->at++;
        } else if (c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                   (c >= 'A' && c <= 'Z')) {
            while (scan->at < scan->text.size &&
                   strchr(",:]} \t\r\n\"[{", scan->text.data[scan->at]) == NULL) {
                scan->at++;
            }
        } else {
            (void)fail(scan, c == 0 && scan->at >= scan->text.size ? "it ends too early"
                                                                   : "a wrong character");
        }
    } while (depth > 0 && scan->failed == NULL);
}

bool json_scan_item(struct json_scan *scan, bool *first)
{
    uint8_t c = json_scan_peek(scan);
    if (c == ']') {
        scan->at++;
        return false;
    }
    if (!*first && !json_scan_take(scan, ',')) {
        return false;
    }
    *first = false;
    return scan->failed == NULL;
}

bool json_scan_key(struct json_scan *scan, bool *first, char *ret_key, size_t key_size)
{
    uint8_t c = json_scan_peek(scan);
    if (c == '}') {
        scan->at++;
        return false;
    }
    if (!*first && !json_scan_take(scan, ',')) {
        return false;
    }
    *first = false;
    struct buf key;
    buf_init(&key, (size_t)1 << 16);
    bool good = json_scan_string(scan, &key) && json_scan_take(scan, ':');
    size_t size = key.size < key_size - 1 ? key.size : key_size - 1;
    memcpy(ret_key, buf_text(&key), size);
    ret_key[size] = '\0';
    buf_deinit(&key);
    return good;
}
