// SPDX-License-Identifier: Apache-2.0
#include "worker/container_file.h"

#include "core/base/buf.h"
#include "core/base/job_rules.h"
#include "core/base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct reader {
    struct bytes rest;
    unsigned line;      /* of the instruction, from 1 */
    unsigned next_line; /* of what is in `rest` */
    struct buf joined;  /* the instruction without its line ends */
    struct container_file *file;
};

static const uint8_t *find(struct bytes text, char what)
{
    return text.size == 0 ? NULL : memchr(text.data, what, text.size);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes trim(struct bytes text)
{
    while (text.size > 0 && is_blank(text.data[0])) {
        text = bytes_from(text, 1);
    }
    while (text.size > 0 && is_blank(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

static struct bytes take_line(struct reader *reader)
{
    const uint8_t *end = find(reader->rest, '\n');
    size_t const size = end == NULL ? reader->rest.size : (size_t)(end - reader->rest.data);
    struct bytes const line = trim(bytes_of(reader->rest.data, size));
    reader->rest = bytes_from(reader->rest, end == NULL ? size : size + 1);
    reader->next_line++;
    return line;
}

/* The next instruction, its continued lines joined; comments and empty lines are none, also between them. */
static bool take_instruction(struct reader *reader, struct bytes *ret)
{
    bool continued = false;
    buf_clear(&reader->joined);
    while (reader->rest.size > 0) {
        unsigned const at = reader->next_line;
        struct bytes line = take_line(reader);
        if (line.size == 0 || line.data[0] == '#') {
            continue;
        }
        reader->line = continued ? reader->line : at;
        continued = line.data[line.size - 1] == '\\';
        line.size -= continued ? 1 : 0;
        buf_append_bytes(&reader->joined, line);
        if (!continued) {
            break;
        }
        buf_append_byte(&reader->joined, ' ');
    }
    *ret = trim(buf_bytes(&reader->joined));
    return ret->size > 0;
}

static struct bytes first_word(struct bytes *rest)
{
    size_t size = 0;
    while (size < rest->size && !is_blank(rest->data[size])) {
        size++;
    }
    struct bytes const word = bytes_of(rest->data, size);
    *rest = trim(bytes_from(*rest, size));
    return word;
}

static bool is_word(struct bytes word, const char *wanted)
{
    return word.size > 0 && word.size == strlen(wanted) &&
           strncasecmp((const char *)word.data, wanted, word.size) == 0;
}

static enum err_code no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for a Dockerfile");
}

/* ── instructions ──────────────────────────────────────────────────────────────────────────────── */

static enum err_code read_from(struct reader *reader, struct bytes rest, struct err *err)
{
    struct bytes const image = first_word(&rest);
    if (reader->file->image[0] != 0) {
        return err_set(err, ERR_INVALID, "line %u: a second FROM would build an image",
                       reader->line);
    }
    char name[CONTAINER_IMAGE_SIZE] = "";
    if (image.size > 0 && image.size < sizeof name) {
        memcpy(name, image.data, image.size);
    }
    if (!job_image_name_is_good(name)) {
        return err_set(err, ERR_INVALID,
                       "line %u: FROM is followed by the name of an image, as in python:3.11-slim",
                       reader->line);
    }
    memcpy(reader->file->image, name, sizeof name);
    return ERR_OK;
}

/* ["a", "b"], or a line for a shell. */
static enum err_code read_command(const struct reader *reader, struct bytes rest, json_t **ret,
                                  struct err *err)
{
    json_t *words = NULL;
    if (rest.size > 0 && rest.data[0] == '[') {
        words = json_loadb((const char *)rest.data, rest.size, 0, NULL);
        bool good =
            json_array_size(words) > 0 && json_array_size(words) <= CONTAINER_FILE_WORDS_MAX;
        for (size_t i = 0; good && i < json_array_size(words); i++) {
            good = json_is_string(json_array_get(words, i));
        }
        if (!good) {
            json_decref(words);
            return err_set(err, ERR_INVALID,
                           "line %u: expected 1 to %d strings, as in [\"python3\", \"-V\"]",
                           reader->line, CONTAINER_FILE_WORDS_MAX);
        }
    } else if (rest.size > 0) {
        words = json_pack("[s,s,s%]", "/bin/sh", "-c", rest.data, rest.size);
    } else {
        return err_set(err, ERR_INVALID, "line %u: there is nothing to start", reader->line);
    }
    if (words == NULL) {
        return no_memory(err);
    }
    json_decref(*ret);
    *ret = words;
    return ERR_OK;
}

/* A value, in quotes or up to a blank; a backslash takes the next character as it is. */
static bool take_value(struct bytes *rest, struct buf *ret)
{
    uint8_t quote = 0;
    size_t at = 0;
    buf_clear(ret);
    for (; at < rest->size; at++) {
        uint8_t const c = rest->data[at];
        if (quote == 0 && is_blank(c)) {
            break;
        }
        if (c == '\\' && quote != '\'' && at + 1 < rest->size) {
            buf_append_byte(ret, rest->data[++at]);
        } else if (quote == 0 && (c == '"' || c == '\'')) {
            quote = c;
        } else if (quote != 0 && c == quote) {
            quote = 0;
        } else {
            buf_append_byte(ret, c);
        }
    }
    *rest = trim(bytes_from(*rest, at));
    return quote == 0 && !ret->failed;
}

static enum err_code set_variable(const struct reader *reader, struct bytes name,
                                  struct bytes value, struct err *err)
{
    char text[JOB_VARIABLE_NAME_MAX + 1];
    if (name.size > JOB_VARIABLE_NAME_MAX || find(value, '$') != NULL) {
        return err_set(err, ERR_INVALID, "line %u: a value is a text without $", reader->line);
    }
    (void)snprintf(text, sizeof text, "%.*s", (int)name.size,
                   name.size > 0 ? (const char *)name.data : "");
    json_t *string = json_stringn(value.size > 0 ? (const char *)value.data : "", value.size);
    if (!job_variable_name_is_good(text) || string == NULL) {
        json_decref(string);
        return err_set(err, ERR_INVALID, "line %u: ENV is followed by NAME=value", reader->line);
    }
    return json_object_set_new(reader->file->environment, text, string) == 0 ? ERR_OK
                                                                             : no_memory(err);
}

static enum err_code read_env(const struct reader *reader, struct bytes rest, struct err *err)
{
    struct buf value;
    enum err_code code = ERR_OK;
    const uint8_t *equals = find(rest, '=');
    size_t blank = 0;
    while (blank < rest.size && !is_blank(rest.data[blank])) {
        blank++;
    }
    if (equals == NULL || (size_t)(equals - rest.data) > blank) { /* ENV NAME the value */
        struct bytes const name = first_word(&rest);
        return set_variable(reader, name, rest, err);
    }
    buf_init(&value, CONTAINER_FILE_MAX);
    while (code == ERR_OK && rest.size > 0) {
        equals = find(rest, '=');
        struct bytes const name =
            bytes_of(rest.data, equals == NULL ? 0 : (size_t)(equals - rest.data));
        rest = bytes_from(rest, equals == NULL ? rest.size : name.size + 1);
        code = take_value(&rest, &value)
                   ? set_variable(reader, name, bytes_of(buf_text(&value), value.size), err)
                   : err_set(err, ERR_INVALID, "line %u: a quote is not closed", reader->line);
    }
    buf_deinit(&value);
    return code;
}

static enum err_code read_workdir(const struct reader *reader, struct bytes rest, struct err *err)
{
    if (rest.size == 0 || rest.data[0] != '/' || rest.size >= 1024 || find(rest, '$') != NULL) {
        return err_set(err, ERR_INVALID, "line %u: WORKDIR is followed by a path from /, without $",
                       reader->line);
    }
    json_decref(reader->file->workdir);
    reader->file->workdir = json_stringn((const char *)rest.data, rest.size);
    return reader->file->workdir != NULL
               ? ERR_OK
               : err_set(err, ERR_INVALID, "line %u: the path is not UTF-8", reader->line);
}

static enum err_code read_instruction(struct reader *reader, struct bytes rest, struct err *err)
{
    static const char *const ignored[] = {"LABEL",       "EXPOSE", "MAINTAINER", "STOPSIGNAL",
                                          "HEALTHCHECK", "VOLUME", "USER"};
    struct bytes const word = first_word(&rest);
    if (is_word(word, "FROM")) {
        return read_from(reader, rest, err);
    }
    if (reader->file->image[0] == 0) {
        return err_set(err, ERR_INVALID, "line %u: the first instruction is FROM", reader->line);
    }
    if (is_word(word, "ENV")) {
        return read_env(reader, rest, err);
    }
    if (is_word(word, "WORKDIR")) {
        return read_workdir(reader, rest, err);
    }
    if (is_word(word, "CMD")) {
        return read_command(reader, rest, &reader->file->command, err);
    }
    if (is_word(word, "ENTRYPOINT")) {
        return read_command(reader, rest, &reader->file->entrypoint, err);
    }
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        if (is_word(word, ignored[i])) {
            return ERR_OK;
        }
    }
    return err_set(err, ERR_INVALID,
                   "line %u: no image is built here; after FROM come ENV, WORKDIR, CMD and "
                   "ENTRYPOINT alone",
                   reader->line);
}

enum err_code container_file_read(struct bytes text, struct container_file *ret, struct err *err)
{
    struct container_file file = {.environment = json_object()};
    struct reader reader = {.rest = text, .next_line = 1, .file = &file};
    struct bytes instruction;
    enum err_code code = file.environment == NULL ? no_memory(err) : ERR_OK;
    if (code == ERR_OK &&
        (text.size > CONTAINER_FILE_MAX || !utf8_is_valid(text) || find(text, 0) != NULL)) {
        code =
            err_set(err, ERR_INVALID, "it is not a text of at most %d bytes", CONTAINER_FILE_MAX);
    }
    buf_init(&reader.joined, CONTAINER_FILE_MAX + 1);
    while (code == ERR_OK && take_instruction(&reader, &instruction)) {
        code = read_instruction(&reader, instruction, err);
    }
    if (code == ERR_OK && file.image[0] == 0) {
        code = err_set(err, ERR_INVALID, "it has no FROM");
    }
    buf_deinit(&reader.joined);
    if (code != ERR_OK) {
        container_file_deinit(&file);
        return code;
    }
    *ret = file;
    return ERR_OK;
}

void container_file_deinit(struct container_file *file)
{
    json_decref(file->environment);
    json_decref(file->entrypoint);
    json_decref(file->command);
    json_decref(file->workdir);
    *file = (struct container_file){0};
}
