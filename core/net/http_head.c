// SPDX-License-Identifier: Apache-2.0
#include "core/net/http_head.h"

#include "core/base/invariant.h"

#include <string.h>
#include <strings.h>

const char *http_method_name(enum http_method method)
{
    switch (method) {
    case HTTP_GET:
        return "GET";
    case HTTP_HEAD:
        return "HEAD";
    case HTTP_POST:
        return "POST";
    case HTTP_PUT:
        return "PUT";
    case HTTP_PATCH:
        return "PATCH";
    case HTTP_DELETE:
        return "DELETE";
    case HTTP_OPTIONS:
        return "OPTIONS";
    }
    IMPOSSIBLE("a method outside the enum");
}

static bool is_name(const char *a, const char *b)
{
    return ((*a ^ *b) & ~0x20) == 0 && strcasecmp(a, b) == 0; /* most differ in the first letter */
}

const char *http_head_header(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->header_count; i++) {
        if (is_name(head->headers[i].name, name)) {
            return head->headers[i].value;
        }
    }
    return NULL;
}

size_t http_head_header_count(const struct http_head *head, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < head->header_count; i++) {
        count += is_name(head->headers[i].name, name);
    }
    return count;
}

const char *http_head_param(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->param_count; i++) {
        if (strcmp(head->params[i].name, name) == 0) {
            return head->params[i].value;
        }
    }
    return NULL;
}

size_t http_head_param_count(const struct http_head *head, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < head->param_count; i++) {
        count += strcmp(head->params[i].name, name) == 0;
    }
    return count;
}

const char *http_head_segment(const struct http_head *head, size_t index)
{
    return index < head->segment_count ? head->segments[index] : NULL;
}

static bool list_has(const char *list, const char *token)
{
    size_t token_size = strlen(token);
    while (*list != '\0') {
        list += strspn(list, " \t,");
        size_t size = strcspn(list, ",");
        size_t trimmed = size;
        while (trimmed > 0 && (list[trimmed - 1] == ' ' || list[trimmed - 1] == '\t')) {
            trimmed--;
        }
        if (trimmed == token_size && strncasecmp(list, token, token_size) == 0) {
            return true;
        }
        list += size;
    }
    return false;
}

bool http_head_lists(const struct http_head *head, const char *name, const char *token)
{
    for (size_t i = 0; i < head->header_count; i++) {
        if (is_name(head->headers[i].name, name) && list_has(head->headers[i].value, token)) {
            return true;
        }
    }
    return false;
}

bool http_head_has_body(const struct http_head *head)
{
    return head->chunked || head->content_length > 0;
}
