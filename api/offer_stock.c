// SPDX-License-Identifier: Apache-2.0
#include "api/offer_stock.h"

#include "core/base/software.h"

#include <stdlib.h>
#include <string.h>

static struct bytes text_of(const json_t *value)
{
    return bytes_of(json_string_value(value), json_string_length(value));
}

/* One more item behind those in `list`. */
static void append(struct buf *list, struct bytes name, struct bytes version)
{
    if (list->size > 0) {
        buf_append_byte(list, ' ');
    }
    buf_append_bytes(list, name);
    if (version.size > 0) {
        buf_append_byte(list, '=');
        buf_append_bytes(list, version);
    }
}

static struct bytes keep(struct fields *fields, const char *name, struct buf *list)
{
    struct bytes kept = {0};
    if (list->failed) {
        fields_error(fields, name, "has at most %d bytes in all", SOFTWARE_LIST_MAX);
    } else {
        kept = arena_copy(&fields->call->arena, buf_bytes(list));
    }
    buf_deinit(list);
    return kept;
}

/* ── packages ──────────────────────────────────────────────────────────────────────────────────── */

static bool is_package(const char *name, const json_t *version)
{
    return software_package_name_is_good(bytes_of_text(name)) && json_is_string(version) &&
           (json_string_length(version) == 0 || software_version_is_good(text_of(version)));
}

/* Python first: it is what makes a list of what tells. */
static struct bytes read_packages(struct fields *fields)
{
    json_t *object = fields_optional_object(fields, "packages");
    const json_t *python = json_object_get(object, SOFTWARE_PYTHON);
    struct buf list;
    const char *name;
    json_t *version;
    if (object == NULL) {
        return (struct bytes){0};
    }
    if (python == NULL || json_object_size(object) > OFFER_STOCK_ITEMS_MAX) {
        fields_error(fields, "packages", "has \"" SOFTWARE_PYTHON "\" and at most %d items in all",
                     OFFER_STOCK_ITEMS_MAX);
        return (struct bytes){0};
    }
    buf_init(&list, SOFTWARE_LIST_MAX);
    append(&list, bytes_of_text(SOFTWARE_PYTHON), text_of(python));
    json_object_foreach(object, name, version)
    {
        if (!is_package(name, version)) {
            fields_error(fields, "packages",
                         "holds names as Python imports them (letters, digits and _) with their "
                         "versions (letters, digits and ._+!-, or empty), at most %d bytes each",
                         SOFTWARE_NAME_MAX);
            buf_deinit(&list);
            return (struct bytes){0};
        }
        if (version != python) {
            append(&list, bytes_of_text(name), text_of(version));
        }
    }
    return keep(fields, "packages", &list);
}

json_t *json_of_packages(uint64_t packages)
{
    json_t *list = json_array();
    for (unsigned place = 0; packages >> place != 0; place++) {
        if ((packages >> place & 1) != 0) {
            (void)json_array_append_new(list, json_string(software_package_name(place)));
        }
    }
    return list;
}

/* ── models and images ─────────────────────────────────────────────────────────────────────────── */

/* As the market compares it, in `ret`; false: it is no such name. */
static bool model_of(const char *text, char ret[JOB_IMAGE_NAME_MAX + 8])
{
    struct bytes const name = bytes_of_text(text);
    bool const good = software_model_name_is_good(name);
    if (good) {
        memcpy(ret, text, name.size + 1);
    }
    return good;
}

static struct bytes read_names(struct fields *fields, const char *what, const char *rule,
                               bool (*name_of)(const char *text, char ret[JOB_IMAGE_NAME_MAX + 8]))
{
    json_t *array = fields_optional_array(fields, what);
    struct buf list;
    if (array == NULL) {
        return (struct bytes){0};
    }
    buf_init(&list, SOFTWARE_LIST_MAX);
    bool good = json_array_size(array) <= OFFER_STOCK_ITEMS_MAX;
    for (size_t i = 0; good && i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        char name[JOB_IMAGE_NAME_MAX + 8];
        good = json_is_string(item) &&
               strlen(json_string_value(item)) == json_string_length(item) &&
               name_of(json_string_value(item), name);
        if (good) {
            append(&list, bytes_of_text(name), bytes_of_text(""));
        }
    }
    if (!good) {
        fields_error(fields, what, "is a list of at most %d %s", OFFER_STOCK_ITEMS_MAX, rule);
        buf_deinit(&list);
        return (struct bytes){0};
    }
    return keep(fields, what, &list);
}

static json_t *json_of_names(struct bytes list)
{
    json_t *array = json_array();
    struct bytes name;
    struct bytes version;
    while (software_next(&list, &name, &version)) {
        (void)json_array_append_new(array, json_stringn((const char *)name.data, name.size));
    }
    return array;
}

/* ── all three ─────────────────────────────────────────────────────────────────────────────────── */

void offer_stock_read(struct fields *fields, struct ev_offer_published *ret)
{
    ret->packages = read_packages(fields);
    ret->models = read_names(fields, "models",
                             "names of models, as stabilityai/sd-turbo or sd-turbo", model_of);
    ret->images =
        read_names(fields, "images", "names of container images with their tags, as python:3.11",
                   software_image_name);
}

void offer_stock_show(const struct ev_offer_published *offer, json_t *json)
{
    struct bytes rest = offer->packages;
    struct bytes name;
    struct bytes version;
    json_t *packages = rest.size == 0 ? json_null() : json_object();
    while (software_next(&rest, &name, &version)) {
        char key[SOFTWARE_NAME_MAX + 1];
        size_t const size = name.size < sizeof key ? name.size : sizeof key - 1;
        memcpy(key, name.data, size);
        key[size] = 0;
        (void)json_object_set_new(packages, key,
                                  version.size == 0
                                      ? json_string("")
                                      : json_stringn((const char *)version.data, version.size));
    }
    (void)json_object_set_new(json, "packages", packages);
    (void)json_object_set_new(json, "models", json_of_names(offer->models));
    (void)json_object_set_new(json, "images", json_of_names(offer->images));
}
