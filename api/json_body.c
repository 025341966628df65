/* Recursive descent over the plain forms alone. Whatever else is met ends it without a word, and jansson begins anew. */
// SPDX-License-Identifier: Apache-2.0
#include "api/json_body.h"

#include <stdbool.h>
#include <string.h>

#define DEPTH_MAX 16
#define DIGITS_MAX 18 /* that fit in any case */

struct scan {
    const uint8_t *at;
    const uint8_t *end;
};

static json_t *read_value(struct scan *scan, unsigned depth);

static void skip_blanks(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r')) {
        scan->at++;
    }
}

static bool take(struct scan *scan, char byte)
{
    skip_blanks(scan);
    if (scan->at == scan->end || *scan->at != (uint8_t)byte) {
        return false;
    }
    scan->at++;
    return true;
}

/* Behind the opening quote. */
static bool read_text(struct scan *scan, struct bytes *ret)
{
    const uint8_t *from = scan->at;
    while (scan->at < scan->end && *scan->at >= 0x20 && *scan->at != '"' && *scan->at != '\\') {
        scan->at++;
    }
    *ret = bytes_of(from, (size_t)(scan->at - from));
    return scan->at < scan->end && *scan->at++ == '"';
}

static json_t *read_number(struct scan *scan)
{
    const uint8_t *from = scan->at;
    json_int_t number = 0;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9' &&
           scan->at - from < DIGITS_MAX) {
        number = number * 10 + (*scan->at++ - '0');
    }
    bool const leads_with_zero = *from == '0' && scan->at - from > 1;
    /* A digit too many, a fraction or an exponent is no comma or bracket: whoever reads on ends. */
    return leads_with_zero ? NULL : json_integer(number);
}

static bool take_word(struct scan *scan, const char *word)
{
    size_t const size = strlen(word);
    if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0) {
        return false;
    }
    scan->at += size;
    return true;
}

static json_t *read_object(struct scan *scan, unsigned depth)
{
    json_t *object = json_object();
    struct bytes key;
    bool good = true;
    if (object == NULL || take(scan, '}')) {
        return object;
    }
    do {
        good = take(scan, '"') && read_text(scan, &key) && take(scan, ':') &&
               json_object_getn(object, (const char *)key.data, key.size) == NULL &&
               json_object_setn_new_nocheck(object, (const char *)key.data, key.size,
                                            read_value(scan, depth + 1)) == 0;
    } while (good && take(scan, ','));
    if (!good || !take(scan, '}')) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *read_list(struct scan *scan, unsigned depth)
{
    json_t *list = json_array();
    bool good = true;
    if (list == NULL || take(scan, ']')) {
        return list;
    }
    do {
        good = json_array_append_new(list, read_value(scan, depth + 1)) == 0;
    } while (good && take(scan, ','));
    if (!good || !take(scan, ']')) {
        json_decref(list);
        return NULL;
    }
    return list;
}

/* NULL: not plain, or out of memory. */
static json_t *read_value(struct scan *scan, unsigned depth)
{
    struct bytes text;
    skip_blanks(scan);
    if (scan->at == scan->end || depth == DEPTH_MAX) {
        return NULL;
    }
    switch (*scan->at) {
    case '{':
        scan->at++;
        return read_object(scan, depth);
    case '[':
        scan->at++;
        return read_list(scan, depth);
    case '"':
        scan->at++;
        return read_text(scan, &text) ? json_stringn_nocheck((const char *)text.data, text.size)
                                      : NULL;
    case 't':
        return take_word(scan, "true") ? json_true() : NULL;
    case 'f':
        return take_word(scan, "false") ? json_false() : NULL;
    case 'n':
        return take_word(scan, "null") ? json_null() : NULL;
    default:
        return *scan->at >= '0' && *scan->at <= '9' ? read_number(scan) : NULL;
    }
}

json_t *json_body_load(struct bytes text, json_error_t *ret_error)
{
    struct scan scan = {.at = text.data, .end = text.data + text.size};
    json_t *json = NULL;
    if (text.size > 0 && (*scan.at == '{' || *scan.at == '[')) {
        json = read_value(&scan, 0);
    }
    skip_blanks(&scan);
    if (json != NULL && scan.at == scan.end) {
        return json;
    }
    json_decref(json);
    return json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, ret_error);
}
