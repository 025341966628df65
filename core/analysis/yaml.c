// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/yaml.h"

#include <string.h>
#include <yaml.h>

struct level {
    bool is_mapping;
    bool wants_key;
};

struct reading {
    struct yaml_path path;
    struct level levels[YAML_DEPTH_MAX];
    size_t skip; /* open collections below one that is a key: no sense is made of them */
    size_t scalars;
    yaml_cb callback;
    void *user;
};

static void value_done(struct reading *reading)
{
    if (reading->path.depth > 0 && reading->levels[reading->path.depth - 1].is_mapping) {
        reading->levels[reading->path.depth - 1].wants_key = true;
    }
}

static void scalar(struct reading *reading, struct bytes value, uint32_t line)
{
    size_t depth = reading->path.depth;
    if (depth > 0 && reading->levels[depth - 1].wants_key) {
        char *key = reading->path.keys[depth - 1];
        size_t size = value.size < YAML_KEY_MAX - 1 ? value.size : YAML_KEY_MAX - 1;
        memcpy(key, value.data, size);
        key[size] = '\0';
        reading->levels[depth - 1].wants_key = false;
        return;
    }
    reading->callback(&reading->path, value, line, reading->user);
    value_done(reading);
}

static enum err_code open_collection(struct reading *reading, bool is_mapping, struct err *err)
{
    size_t depth = reading->path.depth;
    /* Keys that are collections count too: libyaml looks at every open level again for each token. */
    if (depth + reading->skip == YAML_DEPTH_MAX) {
        return err_set(err, ERR_INVALID, "YAML nested deeper than %d levels", YAML_DEPTH_MAX);
    }
    if (reading->skip > 0 || (depth > 0 && reading->levels[depth - 1].wants_key)) {
        reading->skip++;
        return ERR_OK;
    }
    reading->levels[depth] = (struct level){.is_mapping = is_mapping, .wants_key = is_mapping};
    reading->path.keys[depth][0] = '\0';
    reading->path.depth++;
    return ERR_OK;
}

static void close_collection(struct reading *reading)
{
    if (reading->skip > 0) {
        reading->skip--;
        if (reading->skip == 0) { /* the key is over, its value comes */
            reading->path.keys[reading->path.depth - 1][0] = '\0';
            reading->levels[reading->path.depth - 1].wants_key = false;
        }
        return;
    }
    reading->path.depth--;
    value_done(reading);
}

static enum err_code one_event(struct reading *reading, const yaml_event_t *event, struct err *err)
{
    uint32_t line = (uint32_t)event->start_mark.line + 1;
    switch ((int)event->type) { /* the others say nothing about content */
    case YAML_SCALAR_EVENT:
    case YAML_ALIAS_EVENT:
        if (++reading->scalars > YAML_SCALARS_MAX) {
            return err_set(err, ERR_TOO_LARGE, "more than %d values in a YAML file",
                           YAML_SCALARS_MAX);
        }
        if (reading->skip > 0) {
            return ERR_OK;
        }
        if (event->type == YAML_ALIAS_EVENT) {
            scalar(reading, bytes_of_text("*"), line);
        } else {
            scalar(reading, bytes_of(event->data.scalar.value, event->data.scalar.length), line);
        }
        return ERR_OK;
    case YAML_MAPPING_START_EVENT:
        return open_collection(reading, true, err);
    case YAML_SEQUENCE_START_EVENT:
        return open_collection(reading, false, err);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        close_collection(reading);
        return ERR_OK;
    default:
        return ERR_OK;
    }
}

/* libyaml reads all directives of a document in one call and compares each with all before it: a MiB of them took eleven seconds. It takes more
 * than a newline for the end of a line, so that they are counted wherever they stand. */
static bool has_few_tags(struct bytes text)
{
    for (size_t count = 0; count <= YAML_TAGS_MAX; count++) {
        const uint8_t *at = text.size < 4 ? NULL : memmem(text.data, text.size, "%TAG", 4);
        if (at == NULL) {
            return true;
        }
        text = bytes_from(text, (size_t)(at - text.data) + 4);
    }
    return false;
}

enum err_code yaml_read(struct bytes text, yaml_cb callback, void *user, struct err *err)
{
    struct reading reading = {.callback = callback, .user = user};
    yaml_parser_t parser;
    enum err_code code = ERR_OK;
    bool more = true;
    if (text.size > YAML_SIZE_MAX) {
        return err_set(err, ERR_TOO_LARGE, "%zu bytes of YAML; at most %zu are read", text.size,
                       YAML_SIZE_MAX);
    }
    if (!has_few_tags(text)) {
        return err_set(err, ERR_TOO_LARGE, "more than %d %%TAG directives in a YAML file",
                       YAML_TAGS_MAX);
    }
    if (yaml_parser_initialize(&parser) == 0) {
        return err_set(err, ERR_NOMEM, "no memory to read YAML");
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING); /* in no other are they seen above */
    yaml_parser_set_input_string(&parser, text.data, text.size);
    while (more && code == ERR_OK) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            code = err_set(err, parser.error == YAML_MEMORY_ERROR ? ERR_NOMEM : ERR_INVALID,
                           "no YAML: %s in line %zu",
                           parser.problem == NULL ? "not readable" : parser.problem,
                           parser.problem_mark.line + 1);
            break;
        }
        more = event.type != YAML_STREAM_END_EVENT && event.type != YAML_NO_EVENT;
        code = one_event(&reading, &event, err);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return code;
}

bool yaml_under(const struct yaml_path *path, const char *const *keys)
{
    for (size_t i = 0; keys[i] != NULL; i++) {
        if (i >= path->depth ||
            (strcmp(keys[i], "*") != 0 && strcmp(keys[i], path->keys[i]) != 0)) {
            return false;
        }
    }
    return true;
}

bool yaml_has_key(const struct yaml_path *path, const char *key)
{
    for (size_t i = 0; i < path->depth; i++) {
        if (strcmp(path->keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}
