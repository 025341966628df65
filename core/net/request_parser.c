/* llhttp finds the structure; this file stops it after each event, collects the head, applies our limits and looks at
 * the raw bytes of the head once more for the forms that proxies and servers have disagreed about: bare CR, bare LF and
 * folded lines. */
// SPDX-License-Identifier: Apache-2.0
#include "core/net/request_parser.h"

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/net/request_target.h"

/* llhttp numbers methods under names that our header uses too. */
#define HTTP_GET LLHTTP_GET
#define HTTP_HEAD LLHTTP_HEAD
#define HTTP_POST LLHTTP_POST
#define HTTP_PUT LLHTTP_PUT
#define HTTP_PATCH LLHTTP_PATCH
#define HTTP_DELETE LLHTTP_DELETE
#define HTTP_OPTIONS LLHTTP_OPTIONS
#include <llhttp.h>
#undef HTTP_GET
#undef HTTP_HEAD
#undef HTTP_POST
#undef HTTP_PUT
#undef HTTP_PATCH
#undef HTTP_DELETE
#undef HTTP_OPTIONS

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EXTENSION_SIZE_MAX 4096 /* of all chunks of a body together */
#define METHOD_SEEN_MAX 24      /* longest method name we tell apart from garbage */

struct raw_header {
    size_t name_at;
    size_t name_size;
    size_t value_at;
    size_t value_size;
};

enum parser_state { PARSER_IDLE, PARSER_IN_HEAD, PARSER_IN_BODY, PARSER_ENDED, PARSER_BROKEN };

struct request_parser {
    llhttp_t llhttp;
    struct request_limits limits;
    enum parser_state state;
    enum request_event event; /* set by the callback that paused llhttp */
    struct request_fault fault;
    struct bytes body; /* piece of the last BODY event */

    size_t head_size;  /* bytes of this head so far, then of the trailers */
    uint8_t last_byte; /* of the head, then of the chunked body */
    uint8_t byte_before_last;
    bool line_begun; /* the request line: a byte of it was seen */
    bool line_ended;
    char method_seen[METHOD_SEEN_MAX];
    size_t method_seen_size;
    size_t extension_size;

    struct buf text; /* the raw header names and values, one after another */
    struct buf target;
    struct raw_header *raw;
    size_t raw_count;
    bool in_name;

    struct arena arena; /* what `head` points into */
    struct http_head head;
};

static struct request_parser *parser_of(llhttp_t *llhttp)
{
    return llhttp->data;
}

/* Record the fault and return what a llhttp callback returns to stop. The first fault stays. */
static int broken(struct request_parser *parser, int status, const char *code, const char *detail)
{
    if (parser->state != PARSER_BROKEN) {
        parser->state = PARSER_BROKEN;
        parser->event = REQUEST_BROKEN;
        parser->fault = (struct request_fault){status, code, detail};
    }
    return HPE_USER;
}

static int out_of_memory(struct request_parser *parser)
{
    return broken(parser, 500, "out_of_memory", "the server is out of memory");
}

/* ---- collecting the head ---- */

static int on_url(llhttp_t *llhttp, const char *at, size_t size)
{
    struct request_parser *parser = parser_of(llhttp);
    buf_append(&parser->target, at, size);
    if (parser->target.failed) {
        return broken(parser, 414, "target_too_long",
                      "the request target is longer than this server accepts");
    }
    return 0;
}

static int count_trailer(struct request_parser *parser, size_t size)
{
    parser->head_size += size;
    if (parser->head_size > parser->limits.head_size_max) {
        return broken(parser, 431, "trailers_too_large",
                      "the trailers are larger than this server accepts");
    }
    return 0;
}

static int on_header_field(llhttp_t *llhttp, const char *at, size_t size)
{
    struct request_parser *parser = parser_of(llhttp);
    if (parser->state == PARSER_IN_BODY) {
        return count_trailer(parser, size);
    }
    if (!parser->in_name) {
        if (parser->raw_count == parser->limits.header_count_max) {
            return broken(parser, 431, "too_many_headers",
                          "the request has more headers than this server accepts");
        }
        parser->raw[parser->raw_count++] = (struct raw_header){.name_at = parser->text.size};
        parser->in_name = true;
    }
    buf_append(&parser->text, at, size);
    parser->raw[parser->raw_count - 1].name_size += size;
    return 0;
}

static int on_header_field_complete(llhttp_t *llhttp)
{
    struct request_parser *parser = parser_of(llhttp);
    if (parser->state != PARSER_IN_BODY) {
        parser->in_name = false;
        parser->raw[parser->raw_count - 1].value_at = parser->text.size;
    }
    return 0;
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t size)
{
    struct request_parser *parser = parser_of(llhttp);
    if (parser->state == PARSER_IN_BODY) {
        return count_trailer(parser, size);
    }
    buf_append(&parser->text, at, size);
    parser->raw[parser->raw_count - 1].value_size += size;
    return 0;
}

/* ---- making sense of the head ---- */

static int set_method(struct request_parser *parser)
{
    static const struct {
        llhttp_method_t theirs;
        enum http_method ours;
    } METHODS[] = {
        {LLHTTP_GET, HTTP_GET},         {LLHTTP_HEAD, HTTP_HEAD},   {LLHTTP_POST, HTTP_POST},
        {LLHTTP_PUT, HTTP_PUT},         {LLHTTP_PATCH, HTTP_PATCH}, {LLHTTP_DELETE, HTTP_DELETE},
        {LLHTTP_OPTIONS, HTTP_OPTIONS},
    };
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; i++) {
        if (METHODS[i].theirs == parser->llhttp.method) {
            parser->head.method = METHODS[i].ours;
            return 0;
        }
    }
    return broken(parser, 501, "method_not_implemented",
                  "accepted methods are GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS");
}

static bool is_token_byte(uint8_t byte)
{
    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '-') {
        return true; /* nearly all */
    }
    return byte > 0x20 && byte < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", byte) == NULL;
}

static int set_headers(struct request_parser *parser)
{
    struct http_field *headers =
        arena_alloc_array(&parser->arena, parser->raw_count, sizeof *headers);
    if (parser->text.failed || headers == NULL) {
        return out_of_memory(parser);
    }
    for (size_t i = 0; i < parser->raw_count; i++) {
        const struct raw_header *raw = &parser->raw[i];
        struct bytes value = bytes_of(parser->text.data + raw->value_at, raw->value_size);
        while (value.size > 0 &&
               (value.data[value.size - 1] == ' ' || value.data[value.size - 1] == '\t')) {
            value.size--;
        }
        if (text_has_control(value)) {
            return broken(parser, 400, "bad_header", "a header value holds a control character");
        }
        char *name =
            arena_text(&parser->arena, bytes_of(parser->text.data + raw->name_at, raw->name_size));
        headers[i].value = arena_text(&parser->arena, value);
        if (name == NULL || headers[i].value == NULL) {
            return out_of_memory(parser);
        }
        bool is_token = name[0] != '\0';
        for (char *at = name; *at != '\0'; at++) {
            is_token = is_token && is_token_byte((uint8_t)*at);
            if (*at >= 'A' && *at <= 'Z') {
                *at = (char)(*at - 'A' + 'a');
            }
        }
        if (!is_token) { /* llhttp lets blanks in names pass */
            return broken(parser, 400, "bad_header", "a header name is not a token");
        }
        headers[i].name = name;
    }
    parser->head.headers = headers;
    parser->head.header_count = parser->raw_count;
    return 0;
}

static int set_framing(struct request_parser *parser)
{
    struct http_head *head = &parser->head;
    size_t lengths = http_head_header_count(head, "content-length");
    size_t encodings = http_head_header_count(head, "transfer-encoding");
    if (lengths + encodings > 1) {
        return broken(parser, 400, "ambiguous_length",
                      "a request has at most one Content-Length or Transfer-Encoding");
    }
    head->content_length = HTTP_LENGTH_NONE;
    if (encodings == 1) {
        if (head->version_minor == 0) {
            return broken(parser, 400, "ambiguous_length",
                          "Transfer-Encoding is not part of HTTP/1.0");
        }
        if (strcasecmp(http_head_header(head, "transfer-encoding"), "chunked") != 0) {
            return broken(parser, 501, "encoding_not_implemented",
                          "the only accepted Transfer-Encoding is chunked");
        }
        head->chunked = true;
    } else if (lengths == 1) {
        if (parser->llhttp.content_length > INT64_MAX) {
            return broken(parser, 413, "body_too_large", "Content-Length is out of range");
        }
        head->content_length = (int64_t)parser->llhttp.content_length;
    }
    return 0;
}

static bool is_host_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
           (byte >= 'A' && byte <= 'Z') || strchr(".-_:[]%~", byte) != NULL;
}

static int check_host(struct request_parser *parser)
{
    const struct http_head *head = &parser->head;
    size_t hosts = http_head_header_count(head, "host");
    if (hosts > 1 || (hosts == 0 && head->version_minor > 0)) {
        return broken(parser, 400, "bad_host", "a request has exactly one Host header");
    }
    if (hosts == 1) {
        for (const char *at = http_head_header(head, "host"); *at != '\0'; at++) {
            if (!is_host_byte(*at)) {
                return broken(parser, 400, "bad_host", "the Host header is not a host name");
            }
        }
    }
    return 0;
}

static int set_head(struct request_parser *parser)
{
    struct http_head *head = &parser->head;
    if (parser->llhttp.http_major != 1 || parser->llhttp.http_minor > 1) {
        return broken(parser, 505, "version_not_supported",
                      "accepted versions are HTTP/1.1 and HTTP/1.0");
    }
    head->version_minor = parser->llhttp.http_minor;
    head->keep_alive = llhttp_should_keep_alive(&parser->llhttp) != 0;
    int rc = set_method(parser);
    if (rc != 0) {
        return rc;
    }
    const char *fault =
        request_target_parse(&parser->arena, buf_bytes(&parser->target), &parser->head);
    if (fault != NULL) {
        return broken(parser, 400, "bad_target", fault);
    }
    if ((rc = set_headers(parser)) != 0 || (rc = set_framing(parser)) != 0 ||
        (rc = check_host(parser)) != 0) {
        return rc;
    }
    const char *expect = http_head_header(head, "expect");
    if (expect != NULL && head->version_minor > 0) {
        if (strcasecmp(expect, "100-continue") != 0) {
            return broken(parser, 417, "expectation_failed",
                          "the only accepted Expect is 100-continue");
        }
        head->expect_continue = http_head_has_body(head);
    }
    return 0;
}

static int on_headers_complete(llhttp_t *llhttp)
{
    struct request_parser *parser = parser_of(llhttp);
    if (set_head(parser) != 0) {
        return -1;
    }
    llhttp->upgrade = 0; /* the server takes a connection over by itself, if at all */
    parser->event = REQUEST_HEAD;
    return HPE_PAUSED;
}

/* ---- body ---- */

static int on_body(llhttp_t *llhttp, const char *at, size_t size)
{
    struct request_parser *parser = parser_of(llhttp);
    if (size == 0) {
        return 0;
    }
    parser->event = REQUEST_BODY;
    parser->body = bytes_of(at, size);
    return HPE_PAUSED;
}

static int on_chunk_extension(llhttp_t *llhttp, const char *at, size_t size)
{
    (void)at;
    struct request_parser *parser = parser_of(llhttp);
    parser->extension_size += size;
    if (parser->extension_size > EXTENSION_SIZE_MAX) {
        return broken(parser, 400, "bad_chunk", "the chunk extensions are too long");
    }
    return 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
    parser_of(llhttp)->event = REQUEST_END;
    return HPE_PAUSED;
}

static const llhttp_settings_t SETTINGS = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_extension_name = on_chunk_extension,
    .on_chunk_extension_value = on_chunk_extension,
    .on_message_complete = on_message_complete,
};

/* ---- feeding ---- */

struct request_parser *request_parser_create(const struct request_limits *limits)
{
    INVARIANT(limits->header_count_max > 0);
    struct request_parser *parser = calloc(1, sizeof *parser);
    if (parser == NULL) {
        return NULL;
    }
    parser->limits = *limits;
    parser->raw = calloc(limits->header_count_max, sizeof *parser->raw);
    if (parser->raw == NULL) {
        free(parser);
        return NULL;
    }
    buf_init(&parser->text, limits->head_size_max);
    buf_init(&parser->target, limits->target_size_max);
    /* Decoded copies and the tables of pointers: a bounded multiple of the head. */
    arena_init(&parser->arena, 16 * limits->head_size_max + 65536);
    llhttp_init(&parser->llhttp, HTTP_REQUEST, &SETTINGS);
    parser->llhttp.data = parser;
    return parser;
}

void request_parser_destroy(struct request_parser *parser)
{
    if (parser == NULL) {
        return;
    }
    buf_deinit(&parser->text);
    buf_deinit(&parser->target);
    arena_deinit(&parser->arena);
    free(parser->raw);
    free(parser);
}

static void begin_request(struct request_parser *parser)
{
    llhttp_reset(&parser->llhttp);
    parser->state = PARSER_IN_HEAD;
    parser->head_size = 0;
    parser->last_byte = 0;
    parser->byte_before_last = 0;
    parser->line_begun = false;
    parser->line_ended = false;
    parser->method_seen_size = 0;
    parser->extension_size = 0;
    buf_clear(&parser->text);
    buf_clear(&parser->target);
    parser->raw_count = 0;
    parser->in_name = false;
    arena_clear(&parser->arena);
    parser->head = (struct http_head){0};
}

static void remember_method(struct request_parser *parser, struct bytes data)
{
    for (size_t i = 0; i < data.size && parser->method_seen_size < METHOD_SEEN_MAX; i++) {
        bool leading_line =
            parser->method_seen_size == 0 && (data.data[i] == '\r' || data.data[i] == '\n');
        if (!leading_line) {
            parser->method_seen[parser->method_seen_size++] = (char)data.data[i];
        }
    }
}

/* A word we do not know is 501, anything else in its place is 400. */
static bool looks_like_method(const struct request_parser *parser)
{
    size_t size = 0;
    while (size < parser->method_seen_size && is_token_byte((uint8_t)parser->method_seen[size])) {
        size++;
    }
    return size > 0 && (size == parser->method_seen_size || parser->method_seen[size] == ' ');
}

static void translate_llhttp_error(struct request_parser *parser, llhttp_errno_t code)
{
    switch ((int)code) {
    case HPE_INVALID_METHOD:
        if (looks_like_method(parser)) {
            (void)broken(parser, 501, "method_not_implemented",
                         "accepted methods are GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS");
        } else {
            (void)broken(parser, 400, "bad_request_line", "this is not an HTTP request");
        }
        return;
    case HPE_INVALID_VERSION:
    case HPE_PAUSED_H2_UPGRADE:
        (void)broken(parser, 505, "version_not_supported",
                     "accepted versions are HTTP/1.1 and HTTP/1.0");
        return;
    case HPE_INVALID_URL:
        (void)broken(parser, 400, "bad_target",
                     "the request target holds a character that must be escaped");
        return;
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_UNEXPECTED_CONTENT_LENGTH:
    case HPE_INVALID_TRANSFER_ENCODING:
        (void)broken(parser, 400, "ambiguous_length",
                     "a request has at most one Content-Length (digits) or Transfer-Encoding");
        return;
    case HPE_INVALID_CHUNK_SIZE:
        (void)broken(parser, 400, "bad_chunk", "a chunk size is not a hexadecimal number");
        return;
    default:
        if (parser->state == PARSER_IN_BODY) {
            (void)broken(parser, 400, "bad_chunk", "the chunked body is malformed");
        } else {
            (void)broken(parser, 400, "bad_request", "the request head is malformed");
        }
    }
}

/* Bytes from `at` on that are above a blank, eight at a time: nearly all of a head. */
static size_t plain_run(const uint8_t *at, size_t left)
{
    size_t size = 0;
    uint64_t eight;
    while (left - size >= sizeof eight) {
        memcpy(&eight, at + size, sizeof eight);
        if (((eight - UINT64_C(0x2121212121212121)) & ~eight & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
        size += sizeof eight;
    }
    return size;
}

/* Lines of a head end in CR LF, both together and nothing else, and none begins with a blank; the request line has single blanks: who
 * reads "GET  /a /b HTTP/1.1" otherwise than we do must not be in front of us. */
static void check_lines(struct request_parser *parser, struct bytes used)
{
    uint8_t last = parser->last_byte;
    for (size_t i = 0; i < used.size; i++) {
        uint8_t byte = used.data[i];
        if (byte > ' ' && last != '\r') { /* nothing below looks at it */
            i += plain_run(used.data + i + 1, used.size - i - 1);
            parser->line_begun = true;
            last = used.data[i];
            continue;
        }
        if (byte == '\n' && last != '\r') {
            (void)broken(parser, 400, "bad_line_end", "a line ends in LF without CR");
        } else if (last == '\r' && byte != '\n') {
            (void)broken(parser, 400, "bad_line_end", "a CR is not followed by LF");
        } else if (last == '\n' && (byte == ' ' || byte == '\t')) {
            (void)broken(parser, 400, "folded_header", "a header line begins with a blank");
        } else if (byte == ' ' && last == ' ' && !parser->line_ended) {
            (void)broken(parser, 400, "bad_request_line",
                         "the request line has two blanks in a row");
        }
        parser->line_ended = parser->line_ended || (byte == '\n' && parser->line_begun);
        parser->line_begun = parser->line_begun || (byte != '\r' && byte != '\n');
        last = byte;
    }
    parser->last_byte = last;
}

static void remember_last(struct request_parser *parser, struct bytes used)
{
    if (used.size > 0) {
        parser->byte_before_last = used.size > 1 ? used.data[used.size - 2] : parser->last_byte;
        parser->last_byte = used.data[used.size - 1];
    }
}

static enum request_event head_event(struct request_parser *parser, struct bytes used)
{
    check_lines(parser, used);
    parser->head_size += used.size;
    if (parser->state == PARSER_BROKEN) {
        return REQUEST_BROKEN;
    }
    if (parser->event == REQUEST_HEAD) {
        parser->head_size = 0; /* counts the trailers from here on */
        parser->state = PARSER_IN_BODY;
        return REQUEST_HEAD;
    }
    if (parser->head_size >= parser->limits.head_size_max) {
        (void)broken(parser, 431, "head_too_large",
                     "request line and headers are larger than this server accepts");
        return REQUEST_BROKEN;
    }
    return REQUEST_MORE;
}

/* Run llhttp over `data`; `parser->event` says why it stopped, MORE if it did not. Returns what was used. */
static size_t run_llhttp(struct request_parser *parser, struct bytes data)
{
    static const char NOTHING[1];
    const char *start = data.size == 0 ? NOTHING : (const char *)data.data;
    parser->event = REQUEST_MORE;
    llhttp_resume(&parser->llhttp);
    llhttp_errno_t code = llhttp_execute(&parser->llhttp, start, data.size);
    if (code == HPE_OK) {
        return data.size;
    }
    size_t used = (size_t)(llhttp_get_error_pos(&parser->llhttp) - start);
    INVARIANT(used <= data.size);
    if (code != HPE_PAUSED) {
        translate_llhttp_error(parser, code);
    }
    return used;
}

enum request_event request_parser_feed(struct request_parser *parser, struct bytes data,
                                       size_t *ret_used, struct bytes *ret_body)
{
    *ret_used = 0;
    if (parser->state == PARSER_BROKEN) {
        return REQUEST_BROKEN;
    }
    if (parser->state == PARSER_ENDED) {
        parser->state = PARSER_IDLE;
    }
    if (parser->state == PARSER_IDLE) {
        if (data.size == 0) {
            return REQUEST_MORE;
        }
        begin_request(parser);
    }
    if (parser->state == PARSER_IN_HEAD) {
        size_t room = parser->limits.head_size_max - parser->head_size;
        struct bytes slice = bytes_of(data.data, data.size < room ? data.size : room);
        remember_method(parser, slice);
        *ret_used = run_llhttp(parser, slice);
        return head_event(parser, bytes_of(data.data, *ret_used));
    }
    *ret_used = run_llhttp(parser, data);
    remember_last(parser, bytes_of(data.data, *ret_used));
    if (parser->state == PARSER_BROKEN) {
        return REQUEST_BROKEN;
    }
    if (parser->event == REQUEST_BODY) {
        *ret_body = parser->body;
    } else if (parser->event == REQUEST_END) {
        parser->state = PARSER_ENDED;
        /* llhttp lets a lone LF end the trailers. */
        if (parser->head.chunked &&
            (parser->last_byte != '\n' || parser->byte_before_last != '\r')) {
            (void)broken(parser, 400, "bad_chunk", "the chunked body does not end in CR LF");
        }
    }
    return parser->event;
}

const struct http_head *request_parser_head(const struct request_parser *parser)
{
    return &parser->head;
}

const struct request_fault *request_parser_fault(const struct request_parser *parser)
{
    return &parser->fault;
}

bool request_parser_is_idle(const struct request_parser *parser)
{
    return parser->state == PARSER_IDLE || parser->state == PARSER_ENDED;
}
