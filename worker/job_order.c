// SPDX-License-Identifier: Apache-2.0
#include "worker/job_order.h"

#include "core/base/text.h"
#include "worker/output.h"
#include "worker/runner.h"

#include <stdio.h>
#include <string.h>

#define LEASE_UNREAD_MS 30000
#define SEALED_MAX 8192 /* bytes; settings have no more */

_Static_assert(JOB_VARIABLES_MAX + 2 <= SANDBOX_ENVIRONMENT_MAX, "two are ours");
_Static_assert(JOB_ARGUMENTS_MAX + 4 <= SANDBOX_COMMAND_MAX, "Python, -u, the program, the end");
_Static_assert(JOB_ARGUMENTS_MAX + 9 <= SANDBOX_COMMAND_MAX, "and the runner's words");

static enum err_code read_number(const json_t *object, const char *name, uint64_t min, uint64_t max,
                                 uint64_t *ret, struct err *err)
{
    const json_t *value = json_object_get(object, name);
    json_int_t const number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || (uint64_t)number < min || (uint64_t)number > max) {
        return err_set(err, ERR_INVALID, "a job's %s is %llu to %llu", name,
                       (unsigned long long)min, (unsigned long long)max);
    }
    *ret = (uint64_t)number;
    return ERR_OK;
}

static enum err_code read_arguments(struct job_order *order, const json_t *settings,
                                    struct err *err)
{
    const json_t *list = json_object_get(settings, "arguments");
    size_t const count = json_array_size(list);
    if (list != NULL && !json_is_null(list) && !json_is_array(list)) {
        return err_set(err, ERR_INVALID, "a job's arguments are a list of texts");
    }
    if (count > JOB_ARGUMENTS_MAX) {
        return err_set(err, ERR_TOO_LARGE, "a job has at most %d arguments", JOB_ARGUMENTS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_string(item) || strlen(json_string_value(item)) != json_string_length(item)) {
            return err_set(err, ERR_INVALID, "a job's arguments are texts without zero bytes");
        }
        order->arguments[order->argument_count++] = json_string_value(item);
    }
    return ERR_OK;
}

static bool is_path(const json_t *value)
{
    return json_is_string(value) && job_result_name_is_good(json_string_value(value)) &&
           strlen(json_string_value(value)) == json_string_length(value);
}

static enum err_code read_results(struct job_order *order, const json_t *settings, struct err *err)
{
    const json_t *named = json_object_get(settings, "results");
    order->results = JOB_RESULTS_FOLDER;
    if (named == NULL || json_is_null(named)) {
        return ERR_OK;
    }
    if (!is_path(named)) {
        return err_set(err, ERR_INVALID, "a job's results are a relative path inside its folder");
    }
    order->results = json_string_value(named);
    return ERR_OK;
}

static enum err_code read_image(struct job_order *order, const json_t *settings, struct err *err)
{
    const json_t *named = json_object_get(settings, "image");
    if (named == NULL || json_is_null(named)) {
        return ERR_OK;
    }
    if (!json_is_string(named) || !job_image_name_is_good(json_string_value(named)) ||
        strlen(json_string_value(named)) != json_string_length(named)) {
        return err_set(err, ERR_INVALID, "a job's image is a name, as in python:3.11-slim");
    }
    if (order->kind_is_known && order->kind != JOB_KIND_CONTAINER) {
        return err_set(err, ERR_INVALID, "an image is for a job that is a Dockerfile");
    }
    order->image = json_string_value(named);
    return ERR_OK;
}

/* What the consumer named must be good; what the server's analysis found is a help, and without it the runner looks for itself. */
static enum err_code read_kind(struct job_order *order, const json_t *job, const json_t *settings,
                               struct err *err)
{
    const json_t *named = json_object_get(settings, "entry");
    const json_t *found = json_object_get(job, "entry");
    order->kind_is_known =
        job_kind_read(json_string_value(json_object_get(job, "kind")), &order->kind);
    order->entry = "";
    if (named != NULL && !json_is_null(named)) {
        if (!is_path(named)) {
            return err_set(err, ERR_INVALID, "a job's entry is a relative path inside its bundle");
        }
        order->entry = json_string_value(named);
    } else if (is_path(found)) {
        order->entry = json_string_value(found);
    }
    return ERR_OK;
}

static enum err_code read_environment(struct job_order *order, json_t *settings, struct err *err)
{
    json_t *map = json_object_get(settings, "environment");
    const char *name;
    json_t *value;
    if (map != NULL && !json_is_null(map) && !json_is_object(map)) {
        return err_set(err, ERR_INVALID, "a job's environment is an object of texts");
    }
    if (json_object_size(map) > JOB_VARIABLES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "a job's environment has at most %d variables",
                       JOB_VARIABLES_MAX);
    }
    json_object_foreach(map, name, value)
    {
        if (!job_variable_name_is_good(name) || !json_is_string(value) ||
            strlen(json_string_value(value)) != json_string_length(value)) {
            return err_set(err, ERR_INVALID,
                           "an environment variable is a name of letters, digits and _ with a text "
                           "without zero bytes");
        }
        if (strncmp(name, "TALLY_", 6) != 0) { /* those are set by the worker alone */
            order->environment[order->environment_count++] =
                (struct sandbox_variable){.name = name, .value = json_string_value(value)};
        }
    }
    return ERR_OK;
}

static enum err_code read_network(struct job_order *order, const json_t *settings, struct err *err)
{
    const json_t *network = json_object_get(settings, "network");
    if (network != NULL && !json_is_null(network) && !json_is_boolean(network)) {
        return err_set(err, ERR_INVALID, "whether a job has a network is true or false");
    }
    order->network = json_is_true(network);
    return ERR_OK;
}

static enum err_code read_terms(struct job_order *order, const json_t *terms, struct err *err)
{
    uint64_t seconds = 0;
    uint64_t batch_max = 0;
    enum err_code code = read_number(terms, "heartbeat_s", 1, 3600, &seconds, err);
    if (code != ERR_OK) {
        return code;
    }
    order->heartbeat_ms = seconds * 1000;
    code = read_number(terms, "lease_s", 1, 86400, &seconds, err);
    if (code != ERR_OK) {
        return code;
    }
    order->lease_ms = seconds * 1000;
    code = read_number(terms, "batch_max", OUTPUT_BATCH_MIN, 1U << 20, &batch_max, err);
    if (code == ERR_OK) {
        order->batch_max = (size_t)batch_max;
    }
    return code;
}

static enum err_code read_job(const json_t *job, struct job_order *order, struct err *err)
{
    const char *name = json_string_value(json_object_get(job, "file_name"));
    const char *digest = json_string_value(json_object_get(job, "input_digest"));
    if (name == NULL || digest == NULL) {
        return err_set(err, ERR_INVALID, "a claimed job has no file_name or input_digest");
    }
    scratch_file_name(name, order->results, order->file_name);
    enum err_code code =
        hex_decode(bytes_of_text(digest), order->input_digest.b, sizeof order->input_digest.b, err);
    if (code != ERR_OK) {
        err_context(err, "a job's input_digest");
        return code;
    }
    code = read_number(job, "input_size", 0, JOB_INPUT_MAX, &order->input_size, err);
    if (code == ERR_OK) {
        code = read_number(job, "limit_ms", 1, INT64_MAX / 2000000, &order->limit_ms, err);
    }
    return code;
}

/* The id first: with it alone the job can be ended, and a job that is not ended is claimed again until somebody's patience is over. */
enum err_code job_order_read(json_t *claim, struct job_order *ret, struct err *err)
{
    struct job_order order = {0};
    struct id16 id;
    json_t *job = json_object_get(claim, "job");
    json_t *settings = json_object_get(job, "settings");
    const char *id_text = json_string_value(json_object_get(job, "id"));
    *ret = (struct job_order){.lease_ms = LEASE_UNREAD_MS};
    if (id_text == NULL || id_parse(bytes_of_text(id_text), &id, NULL) != ERR_OK) {
        return err_set(err, ERR_INVALID, "a claimed job has no id");
    }
    id_format(id, order.id);
    id_format(id, ret->id);
    enum err_code code = read_results(&order, settings, err);
    if (code == ERR_OK) {
        code = read_job(job, &order, err);
    }
    if (code == ERR_OK) {
        code = read_terms(&order, json_object_get(claim, "terms"), err);
    }
    if (code == ERR_OK) {
        code = read_arguments(&order, settings, err);
    }
    if (code == ERR_OK) {
        code = read_environment(&order, settings, err);
    }
    if (code == ERR_OK) {
        code = read_network(&order, settings, err);
    }
    if (code == ERR_OK) {
        code = read_kind(&order, job, settings, err);
    }
    if (code == ERR_OK) {
        code = read_image(&order, settings, err);
    }
    if (code == ERR_OK) {
        order.json = json_incref(claim);
        *ret = order;
    }
    return code;
}

/* The values are moved while the buffer grows, so they are counted first and pointed to last. */
static enum err_code open_values(struct job_order *order, json_t *sealed, const struct box_key *key,
                                 size_t *ret_offsets, struct err *err)
{
    const char *name;
    json_t *value;
    size_t count = 0;
    json_object_foreach(sealed, name, value)
    {
        uint8_t box[SEALED_MAX];
        size_t const size = json_string_length(value) / 2;
        size_t const at = order->opened.size;
        if (!job_variable_name_is_good(name) || !json_is_string(value) || size > sizeof box ||
            hex_decode(bytes_of_text(json_string_value(value)), box, size, NULL) != ERR_OK) {
            return err_set(err, ERR_INVALID, "a sealed variable is a name and hex digits");
        }
        ret_offsets[count++] = at;
        enum err_code const code = box_open(key, bytes_of(box, size), &order->opened, err);
        if (code != ERR_OK) {
            err_context(err, "the job's secrets cannot be opened here");
            return code;
        }
        if (order->opened.size > at &&
            memchr(order->opened.data + at, 0, order->opened.size - at) != NULL) {
            return err_set(err, ERR_INVALID, "a sealed variable has a zero byte");
        }
        buf_append_byte(&order->opened, 0);
    }
    return buf_check(&order->opened, err);
}

enum err_code job_order_unseal(struct job_order *order, const struct box_key *key, struct err *err)
{
    json_t *sealed =
        json_object_get(json_object_get(json_object_get(order->json, "job"), "settings"), "sealed");
    size_t offsets[JOB_VARIABLES_MAX] = {0};
    const char *name;
    json_t *value;
    size_t at = 0;
    if (sealed == NULL || json_is_null(sealed)) {
        return ERR_OK;
    }
    if (!json_is_object(sealed) ||
        json_object_size(sealed) + order->environment_count > JOB_VARIABLES_MAX) {
        return err_set(err, ERR_INVALID, "a job has at most %d variables, sealed ones too",
                       JOB_VARIABLES_MAX);
    }
    if (key == NULL) {
        return err_set(err, ERR_DENIED, "this machine has no key to which secrets are sealed");
    }
    buf_init(&order->opened, (size_t)SEALED_MAX * JOB_VARIABLES_MAX);
    enum err_code const code = open_values(order, sealed, key, offsets, err);
    if (code != ERR_OK) {
        return code;
    }
    json_object_foreach(sealed, name, value)
    {
        if (strncmp(name, "TALLY_", 6) != 0) {
            order->environment[order->environment_count++] = (struct sandbox_variable){
                name, (const char *)order->opened.data + offsets[at], true};
        }
        at++;
    }
    return ERR_OK;
}

void job_order_deinit(struct job_order *order)
{
    if (order->opened.data != NULL) {
        explicit_bzero(order->opened.data, order->opened.size);
        buf_deinit(&order->opened);
    }
    json_decref(order->json);
    *order = (struct job_order){0};
}

void job_order_command(const struct job_order *order, char *program_path,
                       const char *ret[SANDBOX_COMMAND_MAX])
{
    size_t count = 0;
    (void)snprintf(program_path, SCRATCH_FILE_NAME_SIZE + 5, "/job/%s", order->file_name);
    ret[count++] = SANDBOX_PYTHON;
    ret[count++] = "-u";
    if (order->kind != JOB_KIND_PYTHON) {
        ret[count++] = RUNNER_PATH;
        ret[count++] = job_kind_word(order->kind);
    }
    ret[count++] = program_path;
    if (order->kind != JOB_KIND_PYTHON) {
        if (order->kind == JOB_KIND_BUNDLE && order->entry[0] != 0) {
            ret[count++] = "--entry";
            ret[count++] = order->entry;
        }
        ret[count++] = "--";
    }
    for (size_t i = 0; i < order->argument_count; i++) {
        ret[count++] = order->arguments[i];
    }
    ret[count] = NULL;
}
