// SPDX-License-Identifier: Apache-2.0
#include "api/fields.h"

#include "core/base/text.h"
#include "core/net/http_problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERRORS_MAX 20

struct fields fields_of(struct call *call)
{
    return (struct fields){.call = call, .object = call->body, .errors = json_array()};
}

struct fields fields_within(const struct fields *whole, json_t *object, const char *name,
                            size_t index)
{
    struct fields fields = {.call = whole->call, .object = object, .errors = whole->errors};
    (void)snprintf(fields.prefix, sizeof fields.prefix, "%.40s%s/%zu", whole->prefix, name, index);
    return fields;
}

struct fields fields_below(const struct fields *whole, json_t *object, const char *name)
{
    struct fields fields = {.call = whole->call, .object = object, .errors = whole->errors};
    (void)snprintf(fields.prefix, sizeof fields.prefix, "%.40s/%s", whole->prefix, name);
    return fields;
}

/* A text that was cut may end in half a character, which would not be JSON: the error would be lost, and with it the refusal. */
static void cut_at_character(char *text)
{
    size_t size = strlen(text);
    while (size > 0 && !utf8_is_valid(bytes_of(text, size))) {
        size--;
    }
    text[size] = '\0';
}

void fields_error(struct fields *fields, const char *name, const char *format, ...)
{
    char detail[512];
    char pointer[160];
    va_list args;
    fields->bad = true;
    if (json_array_size(fields->errors) == ERRORS_MAX) {
        return; /* an answer is not longer than what was asked */
    }
    va_start(args, format);
    (void)vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    (void)snprintf(pointer, sizeof pointer, "%s/%s", fields->prefix, name);
    cut_at_character(detail);
    cut_at_character(pointer);
    (void)json_array_append_new(fields->errors,
                                json_pack("{s:s,s:s}", "pointer", pointer, "detail", detail));
}

static json_t *get(struct fields *fields, const char *name, bool required)
{
    if (fields->known_count < FIELDS_MAX) {
        fields->known[fields->known_count++] = name;
    }
    json_t *value = json_object_get(fields->object, name);
    if (value == NULL && required) {
        fields_error(fields, name, "is required");
    }
    return value;
}

static struct id16 id_of(struct fields *fields, const char *name, json_t *value)
{
    struct id16 id = {0};
    if (value != NULL && (!json_is_string(value) ||
                          id_parse(bytes_of(json_string_value(value), json_string_length(value)),
                                   &id, NULL) != ERR_OK)) {
        fields_error(fields, name, "is an id like 0192f3a0-5d2c-7c41-9a3e-1b2c3d4e5f60");
    }
    return id;
}

struct id16 fields_id(struct fields *fields, const char *name)
{
    return id_of(fields, name, get(fields, name, true));
}

struct id16 fields_optional_id(struct fields *fields, const char *name)
{
    return id_of(fields, name, get(fields, name, false));
}

static uint64_t u64_of(struct fields *fields, const char *name, json_t *value, uint64_t min,
                       uint64_t max)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) < min || (uint64_t)json_integer_value(value) > max) {
        fields_error(fields, name, "is a whole number from %llu to %llu", (unsigned long long)min,
                     (unsigned long long)max);
        return 0;
    }
    return (uint64_t)json_integer_value(value);
}

uint64_t fields_u64(struct fields *fields, const char *name, uint64_t min, uint64_t max)
{
    json_t *value = get(fields, name, true);
    return value == NULL ? 0 : u64_of(fields, name, value, min, max);
}

uint64_t fields_optional_u64(struct fields *fields, const char *name, uint64_t min, uint64_t max,
                             uint64_t otherwise)
{
    json_t *value = get(fields, name, false);
    return value == NULL ? otherwise : u64_of(fields, name, value, min, max);
}

bool fields_optional_bool(struct fields *fields, const char *name)
{
    const json_t *value = get(fields, name, false);
    if (value != NULL && !json_is_boolean(value)) {
        fields_error(fields, name, "is true or false");
    }
    return json_is_true(value);
}

int64_t fields_amount(struct fields *fields, const char *name, int64_t min)
{
    json_t *value = get(fields, name, true);
    if (value == NULL) {
        return 0;
    }
    /* 10^15 is the most one transaction moves; larger numbers may not survive a double. */
    return (int64_t)u64_of(fields, name, value, (uint64_t)min, UINT64_C(1000000000000000));
}

static struct bytes text_of(struct fields *fields, const char *name, json_t *value, size_t min,
                            size_t max)
{
    if (!json_is_string(value) || json_string_length(value) < min ||
        json_string_length(value) > max) {
        fields_error(fields, name, "is a text of %zu to %zu bytes", min, max);
        return (struct bytes){0};
    }
    return bytes_of(json_string_value(value), json_string_length(value));
}

struct bytes fields_text(struct fields *fields, const char *name, size_t min, size_t max)
{
    json_t *value = get(fields, name, true);
    return value == NULL ? (struct bytes){0} : text_of(fields, name, value, min, max);
}

struct bytes fields_optional_text(struct fields *fields, const char *name, size_t max)
{
    json_t *value = get(fields, name, false);
    return value == NULL ? (struct bytes){0} : text_of(fields, name, value, 0, max);
}

struct key32 fields_identity(struct fields *fields, const char *name)
{
    struct key32 key = {0};
    json_t *value = get(fields, name, true);
    if (value != NULL &&
        (!json_is_string(value) ||
         qubic_identity_parse(bytes_of(json_string_value(value), json_string_length(value)), &key,
                              NULL) != ERR_OK)) {
        fields_error(fields, name, "is a Qubic identity: 60 capital letters with a right checksum");
    }
    return key;
}

void fields_hex(struct fields *fields, const char *name, uint8_t *ret, size_t size)
{
    json_t *value = get(fields, name, true);
    if (value != NULL && (!json_is_string(value) ||
                          hex_decode(bytes_of(json_string_value(value), json_string_length(value)),
                                     ret, size, NULL) != ERR_OK)) {
        fields_error(fields, name, "is %zu hex digits", size * 2);
    }
}

uint32_t fields_word(struct fields *fields, const char *name, const struct enum_words *words)
{
    json_t *value = get(fields, name, true);
    uint32_t number = 0;
    if (value == NULL) {
        return 0;
    }
    if (json_is_string(value)) {
        number = enum_number(words, json_string_value(value), json_string_length(value));
    }
    if (number == 0) {
        char list[400] = ""; /* the longest: types of jobs */
        for (uint32_t i = 1; i < words->count; i++) {
            size_t used = strlen(list);
            (void)snprintf(list + used, sizeof list - used, "%s%s", i > 1 ? ", " : "",
                           words->words[i]);
        }
        fields_error(fields, name, "is one of: %s", list);
    }
    return number;
}

static json_t *array_of(struct fields *fields, const char *name, json_t *value)
{
    if (value != NULL && !json_is_array(value)) {
        fields_error(fields, name, "is a list");
        value = NULL;
    }
    return value;
}

json_t *fields_array(struct fields *fields, const char *name)
{
    return array_of(fields, name, get(fields, name, true));
}

json_t *fields_optional_array(struct fields *fields, const char *name)
{
    return array_of(fields, name, get(fields, name, false));
}

json_t *fields_optional_object(struct fields *fields, const char *name)
{
    json_t *value = get(fields, name, false);
    if (value != NULL && !json_is_object(value)) {
        fields_error(fields, name, "is an object");
        value = NULL;
    }
    return value;
}

static bool is_known(const struct fields *fields, const char *name)
{
    for (size_t i = 0; i < fields->known_count; i++) {
        if (strcmp(fields->known[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void send_problem(struct fields *fields)
{
    json_t *problem =
        json_pack("{s:s,s:s,s:i,s:s,s:s,s:o}", "type", "about:blank", "title",
                  http_status_text(422), "status", 422, "code", "invalid_fields", "detail",
                  "the body does not have the form this route takes", "errors", fields->errors);
    if (fields->call->request != NULL) {
        (void)json_object_set_new(problem, "request_id",
                                  json_string(http_request_id(fields->call->request)));
    }
    char *text = problem == NULL ? NULL : json_dumps(problem, JSON_COMPACT);
    call_reply_text(fields->call, 422, HTTP_PROBLEM_TYPE,
                    bytes_of_text(text == NULL ? "{}" : text));
    free(text);
    json_decref(problem);
}

void fields_escape(const char *name, char *ret, size_t ret_size)
{
    size_t used = 0;
    for (; *name != '\0' && used + 2 < ret_size; name++) {
        if (*name == '~' || *name == '/') {
            ret[used++] = '~';
            ret[used++] = *name == '~' ? '0' : '1';
        } else {
            ret[used++] = *name;
        }
    }
    ret[used] = '\0';
}

void fields_only_known(struct fields *fields)
{
    const char *name;
    json_t *value;
    json_object_foreach(fields->object, name, value)
    {
        if (!is_known(fields, name)) {
            char shown[128];
            fields_escape(name, shown, sizeof shown);
            fields_error(fields, shown, "is not a field of this route");
        }
    }
}

bool fields_good(struct fields *fields)
{
    fields_only_known(fields);
    if (fields->bad) {
        send_problem(fields);
        return false;
    }
    json_decref(fields->errors);
    return true;
}
