/* States, one byte class at a time where structure is, whole slices where data is:
 *
 *     START ── delimiter ──▶ AFTER ── CR LF ──▶ HEADERS ── empty line ──▶ DATA ── delimiter ──▶ AFTER
 *                              └── "--" ──▶ END
 *
 * The delimiter is CR LF "--" boundary. CR stands in it only once, at the front, so a mismatch after k bytes means that
 * those k bytes were data, and only the byte at hand can begin a new match. They are given out from the
 * delimiter's own memory; nothing that was fed before has to be kept. */
// SPDX-License-Identifier: Apache-2.0
#include "core/net/multipart.h"

#include "core/base/buf.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/net/header_param.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BOUNDARY_SIZE_MAX 70 /* RFC 2046 */
#define DELIMITER_SIZE_MAX (4 + BOUNDARY_SIZE_MAX)
#define PARAM_SIZE_MAX 1024
#define BLANKS_MAX 64 /* behind a boundary */

enum multipart_state {
    STATE_START,
    STATE_AFTER, /* behind a delimiter: blanks, CR LF, or the first '-' */
    STATE_AFTER_CR,
    STATE_AFTER_DASH, /* "--boundary-": one more */
    STATE_HEADERS,
    STATE_DATA,
    STATE_END,
    STATE_FAILED,
};

struct multipart {
    enum multipart_state state;
    struct multipart_callbacks callbacks;
    struct multipart_limits limits;
    uint8_t delimiter[DELIMITER_SIZE_MAX];
    size_t delimiter_size;
    size_t matched; /* bytes of the delimiter seen */
    size_t blanks;
    struct buf headers;
    size_t part_count;
    struct err failure;
};

static enum err_code failed(struct multipart *parser, enum err_code code)
{
    parser->state = STATE_FAILED;
    parser->failure.code = code;
    return code;
}

#define FAIL(parser, code, ...) failed((parser), err_set(&(parser)->failure, (code), __VA_ARGS__))

/* ---- a part's headers ---- */

struct part_text {
    struct buf name;
    struct buf file_name;
    const char *content_type;
    bool has_disposition;
    bool has_file_name;
};

static enum err_code check_param(struct multipart *parser, const struct buf *value,
                                 const char *what)
{
    if (memchr(buf_text(value), 0, value->size) != NULL || !utf8_is_valid(buf_bytes(value))) {
        return FAIL(parser, ERR_INVALID, "the %s of part %zu is not UTF-8 text", what,
                    parser->part_count);
    }
    return ERR_OK;
}

static enum err_code take_disposition(struct multipart *parser, const char *value,
                                      struct part_text *text)
{
    if (text->has_disposition || !header_value_is(value, "form-data")) {
        return FAIL(parser, ERR_INVALID,
                    "part %zu must have one Content-Disposition, and it must be form-data",
                    parser->part_count);
    }
    text->has_disposition = true;
    enum err_code code = header_param(value, "name", &text->name, &parser->failure);
    if (code != ERR_OK || text->name.size == 0) {
        return FAIL(parser, code == ERR_TOO_LARGE ? code : ERR_INVALID,
                    "part %zu needs one name parameter of 1 to %d bytes in Content-Disposition",
                    parser->part_count, PARAM_SIZE_MAX);
    }
    code = header_param(value, "filename", &text->file_name, &parser->failure);
    if (code != ERR_OK && code != ERR_NOT_FOUND) {
        return FAIL(parser, code == ERR_TOO_LARGE ? code : ERR_INVALID,
                    "the file name of part %zu is malformed or longer than %d bytes",
                    parser->part_count, PARAM_SIZE_MAX);
    }
    text->has_file_name = code == ERR_OK;
    code = check_param(parser, &text->name, "name");
    return code != ERR_OK ? code : check_param(parser, &text->file_name, "file name");
}

static enum err_code take_header(struct multipart *parser, const char *name, const char *value,
                                 struct part_text *text)
{
    if (strcasecmp(name, "content-disposition") == 0) {
        return take_disposition(parser, value, text);
    }
    if (strcasecmp(name, "content-type") == 0) {
        if (text->content_type != NULL) {
            return FAIL(parser, ERR_INVALID, "part %zu has two Content-Types", parser->part_count);
        }
        text->content_type = value;
    }
    if (strcasecmp(name, "content-transfer-encoding") == 0 && strcasecmp(value, "binary") != 0 &&
        strcasecmp(value, "8bit") != 0 && strcasecmp(value, "7bit") != 0) {
        return FAIL(parser, ERR_INVALID,
                    "part %zu has a Content-Transfer-Encoding; only binary is accepted",
                    parser->part_count);
    }
    return ERR_OK;
}

/* `line` is zero-terminated, without its CR LF, and is cut up. */
static enum err_code take_line(struct multipart *parser, char *line, struct part_text *text)
{
    char *colon = strchr(line, ':');
    bool ok = colon != NULL && colon != line;
    for (char *at = line; ok && at < colon; at++) {
        ok = *at > 0x20 && *at < 0x7f;
    }
    for (char *at = colon; ok && *at != '\0'; at++) {
        ok = (unsigned char)*at >= 0x20 ? *at != 0x7f : *at == '\t';
    }
    if (!ok) {
        return FAIL(parser, ERR_INVALID, "a header line of part %zu is malformed",
                    parser->part_count);
    }
    *colon = '\0';
    char *value = colon + 1 + strspn(colon + 1, " \t");
    size_t size = strlen(value);
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t')) {
        value[--size] = '\0';
    }
    return take_header(parser, line, value, text);
}

static enum err_code parse_headers(struct multipart *parser, struct part_text *text)
{
    char *at = (char *)parser->headers.data;
    char *end = at + parser->headers.size; /* behind the CR LF of the last line */
    if (memchr(at, 0, parser->headers.size) != NULL) {
        return FAIL(parser, ERR_INVALID, "a header line of part %zu is malformed",
                    parser->part_count);
    }
    while (at < end) {
        char *line_end = strstr(at, "\r\n");
        INVARIANT(line_end != NULL);
        *line_end = '\0';
        enum err_code code = take_line(parser, at, text);
        if (code != ERR_OK) {
            return code;
        }
        at = line_end + 2;
    }
    if (!text->has_disposition) {
        return FAIL(parser, ERR_INVALID, "part %zu has no Content-Disposition", parser->part_count);
    }
    return ERR_OK;
}

static enum err_code begin_part(struct multipart *parser)
{
    struct part_text text = {0};
    buf_init(&text.name, PARAM_SIZE_MAX);
    buf_init(&text.file_name, PARAM_SIZE_MAX);
    enum err_code code = parse_headers(parser, &text);
    if (code == ERR_OK) {
        struct multipart_part part = {
            .name = buf_text(&text.name),
            .file_name = text.has_file_name ? buf_text(&text.file_name) : NULL,
            .content_type = text.content_type,
        };
        code = parser->callbacks.part_begin(parser->callbacks.ctx, &part, &parser->failure);
        if (code != ERR_OK) {
            code = failed(parser, code);
        }
    }
    buf_deinit(&text.name);
    buf_deinit(&text.file_name);
    return code;
}

/* Collect up to and with the empty line; then the part begins. Returns bytes used. */
static size_t feed_headers(struct multipart *parser, struct bytes data)
{
    size_t used = 0;
    while (used < data.size && parser->state == STATE_HEADERS) {
        uint8_t byte = data.data[used++];
        struct buf *headers = &parser->headers;
        buf_append_byte(headers, byte);
        if (headers->failed) {
            (void)FAIL(parser, ERR_TOO_LARGE, "the headers of part %zu are longer than %zu bytes",
                       parser->part_count, parser->limits.part_header_size_max);
            break;
        }
        size_t size = headers->size;
        if (byte == '\n' && (size < 2 || headers->data[size - 2] != '\r')) {
            (void)FAIL(parser, ERR_INVALID, "a header line of part %zu ends in LF without CR",
                       parser->part_count);
        } else if (byte == '\n' && (size == 2 || (size >= 4 && headers->data[size - 3] == '\n'))) {
            headers->size -= 2; /* the empty line itself */
            headers->data[headers->size] = 0;
            parser->state = STATE_DATA;
            parser->matched = 0;
            (void)begin_part(parser);
        }
    }
    return used;
}

/* ---- delimiters and data ---- */

static void give_data(struct multipart *parser, struct bytes data)
{
    if (data.size == 0 || parser->state == STATE_FAILED) {
        return;
    }
    enum err_code code = parser->callbacks.part_data(parser->callbacks.ctx, data, &parser->failure);
    if (code != ERR_OK) {
        (void)failed(parser, code);
    }
}

static void end_data(struct multipart *parser)
{
    parser->matched = 0;
    parser->blanks = 0;
    parser->state = STATE_AFTER;
    enum err_code code = parser->callbacks.part_end(parser->callbacks.ctx, &parser->failure);
    if (code != ERR_OK) {
        (void)failed(parser, code);
    }
}

static size_t feed_data(struct multipart *parser, struct bytes data)
{
    size_t used = 0;
    while (used < data.size && parser->state == STATE_DATA) {
        if (parser->matched == 0) {
            const uint8_t *cr = memchr(data.data + used, '\r', data.size - used);
            size_t plain = cr == NULL ? data.size - used : (size_t)(cr - data.data) - used;
            give_data(parser, bytes_of(data.data + used, plain));
            used += plain;
            if (cr != NULL) {
                parser->matched = 1;
                used++;
            }
        } else if (data.data[used] == parser->delimiter[parser->matched]) {
            parser->matched++;
            used++;
            if (parser->matched == parser->delimiter_size) {
                end_data(parser);
            }
        } else { /* what looked like a delimiter was data; look at this byte again */
            size_t size = parser->matched;
            parser->matched = 0;
            give_data(parser, bytes_of(parser->delimiter, size));
        }
    }
    return used;
}

static void start_byte(struct multipart *parser, uint8_t byte)
{
    if (parser->matched == 0) { /* CR LF in front of the first boundary is optional */
        parser->matched = byte == '\r' ? 0 : 2;
    }
    if (byte != parser->delimiter[parser->matched]) {
        (void)FAIL(parser, ERR_INVALID,
                   "the body does not begin with the boundary of its Content-Type");
        return;
    }
    if (++parser->matched == parser->delimiter_size) {
        parser->matched = 0;
        parser->blanks = 0;
        parser->state = STATE_AFTER;
    }
}

static void begin_headers(struct multipart *parser)
{
    parser->part_count++;
    if (parser->part_count > parser->limits.part_count_max) {
        (void)FAIL(parser, ERR_TOO_LARGE, "there are more than %zu parts",
                   parser->limits.part_count_max);
        return;
    }
    buf_clear(&parser->headers);
    parser->state = STATE_HEADERS;
}

/* START, AFTER…, END: one byte. */
static void structure_byte(struct multipart *parser, uint8_t byte)
{
    switch (parser->state) {
    case STATE_START:
        start_byte(parser, byte);
        return;
    case STATE_AFTER:
        if ((byte == ' ' || byte == '\t') && parser->blanks < BLANKS_MAX) {
            parser->blanks++;
        } else if (byte == '\r') {
            parser->state = STATE_AFTER_CR;
        } else if (byte == '-' && parser->blanks == 0) {
            parser->state = STATE_AFTER_DASH;
        } else {
            (void)FAIL(parser, ERR_INVALID,
                       "a boundary is followed by neither a line end nor '--'");
        }
        return;
    case STATE_AFTER_CR:
        if (byte == '\n') {
            begin_headers(parser);
        } else {
            (void)FAIL(parser, ERR_INVALID, "a boundary's line ends in CR without LF");
        }
        return;
    case STATE_AFTER_DASH:
        if (byte == '-') {
            parser->state = STATE_END;
        } else {
            (void)FAIL(parser, ERR_INVALID,
                       "a boundary is followed by neither a line end nor '--'");
        }
        return;
    case STATE_END:
        if (strchr(" \t\r\n", byte) == NULL || byte == 0) {
            (void)FAIL(parser, ERR_INVALID, "there is data behind the closing boundary");
        }
        return;
    case STATE_HEADERS:
    case STATE_DATA:
    case STATE_FAILED:
        break;
    }
    IMPOSSIBLE("not a structure state");
}

/* ---- public ---- */

static bool boundary_is_good(const struct buf *boundary)
{
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "'()+_,-./:=? ";
    return boundary->size > 0 && boundary->size <= BOUNDARY_SIZE_MAX &&
           strspn(buf_text(boundary), ALLOWED) == boundary->size &&
           boundary->data[boundary->size - 1] != ' ';
}

enum err_code multipart_create(const char *content_type, const struct multipart_limits *limits,
                               const struct multipart_callbacks *callbacks,
                               struct multipart **ret_parser, struct err *err)
{
    if (content_type == NULL || !header_value_is(content_type, "multipart/form-data")) {
        return err_set(err, ERR_INVALID,
                       "Content-Type must be multipart/form-data with a boundary");
    }
    struct multipart *parser = calloc(1, sizeof *parser);
    if (parser == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a multipart parser");
    }
    struct buf boundary;
    buf_init(&boundary, PARAM_SIZE_MAX);
    enum err_code code = header_param(content_type, "boundary", &boundary, err);
    if (code != ERR_OK || !boundary_is_good(&boundary)) {
        buf_deinit(&boundary);
        free(parser);
        return err_set(err, ERR_INVALID,
                       "Content-Type needs one boundary parameter of 1 to %d characters",
                       BOUNDARY_SIZE_MAX);
    }
    memcpy(parser->delimiter, "\r\n--", 4);
    memcpy(parser->delimiter + 4, boundary.data, boundary.size);
    parser->delimiter_size = 4 + boundary.size;
    buf_deinit(&boundary);
    if (limits != NULL) {
        parser->limits = *limits;
    }
    if (parser->limits.part_count_max == 0) {
        parser->limits.part_count_max = 64;
    }
    if (parser->limits.part_header_size_max == 0) {
        parser->limits.part_header_size_max = 8192;
    }
    parser->callbacks = *callbacks;
    buf_init(&parser->headers, parser->limits.part_header_size_max);
    *ret_parser = parser;
    return ERR_OK;
}

void multipart_destroy(struct multipart *parser)
{
    if (parser != NULL) {
        buf_deinit(&parser->headers);
        free(parser);
    }
}

static enum err_code report(const struct multipart *parser, struct err *err)
{
    if (parser->state != STATE_FAILED) {
        return ERR_OK;
    }
    if (err != NULL) {
        *err = parser->failure;
    }
    return parser->failure.code;
}

enum err_code multipart_feed(struct multipart *parser, struct bytes data, struct err *err)
{
    size_t used = 0;
    while (used < data.size && parser->state != STATE_FAILED) {
        struct bytes rest = bytes_from(data, used);
        if (parser->state == STATE_DATA) {
            used += feed_data(parser, rest);
        } else if (parser->state == STATE_HEADERS) {
            used += feed_headers(parser, rest);
        } else {
            structure_byte(parser, data.data[used]);
            used++;
        }
    }
    return report(parser, err);
}

enum err_code multipart_finish(struct multipart *parser, struct err *err)
{
    if (parser->state != STATE_FAILED && parser->state != STATE_END) {
        (void)FAIL(parser, ERR_INVALID,
                   "the body ends before its closing boundary: the upload was cut short");
    } else if (parser->state == STATE_END && parser->part_count == 0) {
        (void)FAIL(parser, ERR_INVALID, "the form has no parts");
    }
    return report(parser, err);
}
