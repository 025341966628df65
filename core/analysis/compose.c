// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/compose.h"

#include "core/analysis/packages.h"
#include "core/analysis/shell.h"
#include "core/analysis/yaml.h"

#include <string.h>

struct compose {
    struct facts_writer *facts;
    bool has_services;
    bool has_dependencies;
    char service[YAML_KEY_MAX]; /* the last one named */
};

static const char *last_key(const struct yaml_path *path)
{
    for (size_t i = path->depth; i > 0; i--) {
        if (path->keys[i - 1][0] != '\0') {
            return path->keys[i - 1];
        }
    }
    return "";
}

static uint32_t count_of(struct bytes value)
{
    uint32_t count = 0;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9' || count > 1000) {
            return 0; /* "all", or a variable */
        }
        count = count * 10 + (value.data[i] - '0');
    }
    return count;
}

/* Other ways to say that a service uses a GPU. */
static bool names_a_gpu(const char *key, struct bytes value)
{
    return (strcmp(key, "runtime") == 0 && bytes_equal(value, bytes_of_text("nvidia"))) ||
           (strcmp(key, "devices") == 0 &&
            (bytes_starts_with(value, "/dev/kfd") || bytes_starts_with(value, "/dev/nvidia")));
}

/* deploy.resources.reservations.devices and the older ways to ask for a GPU, wherever an anchor puts them. */
static void look_for_gpus(struct compose *compose, const struct yaml_path *path, struct bytes value,
                          struct fact_place at)
{
    struct facts_writer *facts = compose->facts;
    const char *key = last_key(path);
    if (yaml_has_key(path, "devices") && yaml_has_key(path, "reservations")) {
        if (strcmp(key, "count") == 0) {
            facts_literal(facts, at, bytes_of_text("count"), facts_keep(facts, value),
                          count_of(value) > 0, ANALYSIS_SOURCE_YAML);
            packages_add_gpus(facts, at, count_of(value));
        } else if (strcmp(key, "device_ids") == 0) {
            facts_literal(facts, at, bytes_of_text("device_ids"), facts_keep(facts, value), false,
                          ANALYSIS_SOURCE_YAML);
            packages_add_gpus(facts, at, 1);
        } else if (strcmp(key, "capabilities") == 0 && bytes_equal(value, bytes_of_text("gpu"))) {
            packages_add_gpus(facts, at, 1);
        }
    } else if (strcmp(key, "gpus") == 0) {
        packages_add_gpus(facts, at, count_of(value));
    } else if (names_a_gpu(key, value)) {
        packages_add_gpus(facts, at, 1);
    }
}

static void found(const struct yaml_path *path, struct bytes value, uint32_t line, void *user)
{
    static const char *const service[] = {"services", "*", NULL};
    struct compose *compose = user;
    struct facts_writer *facts = compose->facts;
    struct fact_place at = {.line = line};
    const char *key = last_key(path);
    const char *top = path->depth > 0 ? path->keys[0] : "";

    compose->has_services = compose->has_services || strcmp(top, "services") == 0;
    compose->has_dependencies = compose->has_dependencies || strcmp(top, "dependencies") == 0;
    if (strcmp(top, "dependencies") == 0) {
        packages_add(facts, at, value);
        return;
    }
    if (strcmp(top, "name") == 0) {
        facts_name(facts, at, FACT_COMMAND, value, bytes_of_text("name"), 0);
    }
    look_for_gpus(compose, path, value, at);
    if (yaml_under(path, service) && strcmp(compose->service, path->keys[1]) != 0) {
        memcpy(compose->service, path->keys[1], YAML_KEY_MAX);
        facts_name(facts, at, FACT_COMMAND, bytes_of_text(path->keys[1]), bytes_of_text("service"),
                   0);
    }
    if (strcmp(key, "image") == 0) {
        packages_add_image(facts, at, value);
    } else if (strcmp(key, "command") == 0 || strcmp(key, "entrypoint") == 0) {
        shell_read(facts, at, value);
    } else if (yaml_has_key(path, "environment") || yaml_has_key(path, "build") ||
               yaml_has_key(path, "volumes") || strcmp(key, "container_name") == 0) {
        facts_name(facts, at, FACT_COMMAND, value, bytes_of_text("path"), 0);
    }
}

enum err_code compose_read(struct facts_writer *writer, struct bytes text,
                           enum analysis_kind *ret_kind, struct err *err)
{
    struct compose compose = {.facts = writer};
    enum err_code code = yaml_read(text, found, &compose, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!compose.has_services && !compose.has_dependencies) {
        return err_set(err, ERR_INVALID,
                       "YAML with neither `services` (compose) nor `dependencies` (conda)");
    }
    *ret_kind = compose.has_services ? ANALYSIS_KIND_COMPOSE : ANALYSIS_KIND_REQUIREMENTS;
    return ERR_OK;
}
