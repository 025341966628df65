// SPDX-License-Identifier: Apache-2.0
#include "core/net/request_target.h"

#include "core/base/text.h"

#include <string.h>
#include <strings.h>

static const char OUT_OF_MEMORY[] = "the request target has too many parts";

static int hex_value(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    if (byte >= 'a' && byte <= 'f') {
        return byte - 'a' + 10;
    }
    if (byte >= 'A' && byte <= 'F') {
        return byte - 'A' + 10;
    }
    return -1;
}

/* Decode escapes into fresh arena text. `plus_is_space` in queries. */
static const char *decode(struct arena *arena, struct bytes raw, bool plus_is_space,
                          const char **ret_text)
{
    char *text = arena_alloc(arena, raw.size + 1);
    if (text == NULL) {
        return OUT_OF_MEMORY;
    }
    size_t size = 0;
    for (size_t i = 0; i < raw.size; i++) {
        uint8_t byte = raw.data[i];
        if (byte == '%') {
            int high = -1;
            int low = -1;
            if (raw.size - i >= 3) {
                high = hex_value(raw.data[i + 1]);
                low = hex_value(raw.data[i + 2]);
            }
            if (high < 0 || low < 0) {
                return "a '%' in the request target is not followed by two hex digits";
            }
            byte = (uint8_t)(high * 16 + low);
            i += 2;
            if (byte < 0x20 || byte == 0x7f) {
                if (!plus_is_space || byte == 0) { /* a query may carry line breaks and tabs */
                    return "the request target holds an escaped control character";
                }
            }
        } else if (byte == '+' && plus_is_space) {
            byte = ' ';
        }
        text[size++] = (char)byte;
    }
    if (!utf8_is_valid(bytes_of(text, size))) {
        return "the request target is not UTF-8 when decoded";
    }
    *ret_text = text;
    return NULL;
}

static const char *parse_segment(struct arena *arena, struct bytes raw, const char **ret_segment)
{
    const char *fault = decode(arena, raw, false, ret_segment);
    if (fault != NULL) {
        return fault;
    }
    if (strcmp(*ret_segment, ".") == 0 || strcmp(*ret_segment, "..") == 0) {
        return "'.' and '..' are not accepted as path segments";
    }
    if (strpbrk(*ret_segment, "/\\") != NULL) {
        return "a path segment holds an escaped slash";
    }
    return NULL;
}

/* Nearly all of a path. */
static bool is_plain(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-';
}

/* `raw` begins with '/'. */
static const char *parse_path(struct arena *arena, struct bytes raw, struct http_head *head)
{
    size_t count = 0;
    for (size_t i = 0; i < raw.size; i++) {
        if (is_plain(raw.data[i])) {
            continue;
        }
        if (raw.data[i] <= 0x20 || raw.data[i] >= 0x7f ||
            strchr("\\\"<>^`{|}#", raw.data[i]) != NULL) {
            return "the path holds a character that must be escaped";
        }
        count += raw.data[i] == '/';
    }
    if (raw.size == 1) {
        count = 0;
    }
    const char **segments = arena_alloc_array(arena, count + 1, sizeof *segments);
    char *path = arena_alloc(arena, raw.size + 2);
    if (segments == NULL || path == NULL) {
        return OUT_OF_MEMORY;
    }
    size_t path_size = 0;
    size_t start = 1;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *slash = memchr(raw.data + start, '/', raw.size - start);
        size_t end = slash == NULL ? raw.size : (size_t)(slash - raw.data);
        const char *fault =
            parse_segment(arena, bytes_of(raw.data + start, end - start), &segments[i]);
        if (fault != NULL) {
            return fault;
        }
        size_t size = strlen(segments[i]);
        path[path_size++] = '/';
        memcpy(path + path_size, segments[i], size);
        path_size += size;
        start = end + 1;
    }
    if (count == 0) {
        path[path_size++] = '/';
    }
    path[path_size] = '\0';
    head->path = path;
    head->segments = segments;
    head->segment_count = count;
    return NULL;
}

static const char *parse_param(struct arena *arena, struct bytes raw, struct http_field *ret)
{
    const uint8_t *equals = memchr(raw.data, '=', raw.size);
    size_t name_size = equals == NULL ? raw.size : (size_t)(equals - raw.data);
    size_t value_at = equals == NULL ? raw.size : name_size + 1;
    const char *fault = decode(arena, bytes_of(raw.data, name_size), true, &ret->name);
    if (fault != NULL) {
        return fault;
    }
    return decode(arena, bytes_from(raw, value_at), true, &ret->value);
}

static const char *parse_query(struct arena *arena, struct bytes raw, struct http_head *head)
{
    size_t count_max = 1;
    for (size_t i = 0; i < raw.size; i++) {
        if (is_plain(raw.data[i])) {
            continue;
        }
        if (raw.data[i] <= 0x20 || raw.data[i] >= 0x7f || strchr("\"<>#", raw.data[i]) != NULL) {
            return "the query holds a character that must be escaped";
        }
        count_max += raw.data[i] == '&';
    }
    if (count_max > REQUEST_PARAM_COUNT_MAX) {
        return "the query has more than 64 parameters";
    }
    struct http_field *params = arena_alloc_array(arena, count_max, sizeof *params);
    if (params == NULL) {
        return OUT_OF_MEMORY;
    }
    size_t count = 0;
    size_t start = 0;
    while (start < raw.size) {
        const uint8_t *mark = memchr(raw.data + start, '&', raw.size - start);
        size_t end = mark == NULL ? raw.size : (size_t)(mark - raw.data);
        if (end > start) {
            const char *fault =
                parse_param(arena, bytes_of(raw.data + start, end - start), &params[count]);
            if (fault != NULL) {
                return fault;
            }
            count++;
        }
        start = end + 1;
    }
    head->params = params;
    head->param_count = count;
    return NULL;
}

static size_t scheme_size(struct bytes target)
{
    static const char *const SCHEMES[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        size_t size = strlen(SCHEMES[i]);
        if (target.size >= size && strncasecmp((const char *)target.data, SCHEMES[i], size) == 0) {
            return size;
        }
    }
    return 0;
}

const char *request_target_parse(struct arena *arena, struct bytes target, struct http_head *head)
{
    head->target = arena_text(arena, target);
    if (head->target == NULL) {
        return OUT_OF_MEMORY;
    }
    struct bytes rest = target;
    size_t scheme = scheme_size(target);
    if (scheme > 0) { /* absolute form: the authority is not looked at, Host is there as well */
        rest = bytes_from(target, scheme + strcspn(head->target + scheme, "/?"));
    }
    size_t query_at = 0;
    while (query_at < rest.size && rest.data[query_at] != '?') {
        query_at++;
    }
    struct bytes path = bytes_of(rest.data, query_at);
    if (scheme > 0 && path.size == 0) {
        path = bytes_of_text("/");
    }
    if (path.size == 0 || path.data[0] != '/') {
        return "the request target must begin with '/'";
    }
    const char *fault = parse_path(arena, path, head);
    if (fault == NULL && query_at < rest.size) {
        fault = parse_query(arena, bytes_from(rest, query_at + 1), head);
    }
    return fault;
}
