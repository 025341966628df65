// SPDX-License-Identifier: Apache-2.0
#include "api/job_settings.h"

#include "core/analysis/analysis.h"
#include "core/base/job_rules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ── what may be said ──────────────────────────────────────────────────────────────────────────── */

#define SEALED_HEX_MIN 96 /* of nothing */

/* What the worker would not take is refused here, by the same rules: it can only give such a job back, and a machine would be kept busy by it. */
static void check_environment(struct fields *fields, json_t *environment)
{
    const char *name;
    json_t *value;
    if (environment != NULL && !json_is_object(environment)) {
        fields_error(fields, "settings/environment", "is an object of texts");
    }
    if (json_object_size(environment) > JOB_VARIABLES_MAX) {
        fields_error(fields, "settings/environment", "has at most %d variables", JOB_VARIABLES_MAX);
    }
    json_object_foreach(environment, name, value)
    {
        char shown[100];
        char pointer[128];
        if (job_variable_name_is_good(name) && json_is_string(value)) {
            continue;
        }
        fields_escape(name, shown, sizeof shown);
        (void)snprintf(pointer, sizeof pointer, "settings/environment/%s", shown);
        if (json_is_string(value)) {
            fields_error(fields, pointer,
                         "is no variable's name: 1 to %d letters, digits and _, no digit first",
                         JOB_VARIABLE_NAME_MAX);
        } else {
            fields_error(fields, pointer, "is a text");
        }
        return; /* one is enough: a hostile body has many */
    }
}

/* Values that only the provider's machines can read: hex of crypto_box_seal to the key in the quote. */
static void check_sealed(struct fields *fields, json_t *sealed, size_t others)
{
    const char *name;
    json_t *value;
    if (sealed != NULL && !json_is_object(sealed)) {
        fields_error(fields, "settings/sealed", "is an object of hex texts");
    }
    if (json_object_size(sealed) > 0 && json_object_size(sealed) + others > JOB_VARIABLES_MAX) {
        fields_error(fields, "settings/sealed", "has at most %d variables, with environment",
                     JOB_VARIABLES_MAX);
    }
    json_object_foreach(sealed, name, value)
    {
        size_t const size = json_string_length(value);
        if (!job_variable_name_is_good(name) || !json_is_string(value) || size % 2 != 0 ||
            size < SEALED_HEX_MIN || strspn(json_string_value(value), "0123456789abcdef") != size) {
            fields_error(fields, "settings/sealed",
                         "holds variables' names with hex digits of a sealed box: at least %d",
                         SEALED_HEX_MIN);
            return;
        }
    }
}

void job_settings_check(struct fields *fields, json_t *settings)
{
    const char *name;
    json_t *value;
    json_t *list = json_object_get(settings, "arguments");
    json_object_foreach(settings, name, value)
    {
        if (strcmp(name, "arguments") != 0 && strcmp(name, "environment") != 0 &&
            strcmp(name, "entry") != 0 && strcmp(name, "sealed") != 0 &&
            strcmp(name, "network") != 0 && strcmp(name, "results") != 0 &&
            strcmp(name, "image") != 0) {
            fields_error(
                fields, "settings",
                "has arguments, environment, sealed, entry, results, image and network, nothing "
                "else");
        }
    }
    if (list != NULL && (!json_is_array(list) || json_array_size(list) > JOB_ARGUMENTS_MAX)) {
        fields_error(fields, "settings/arguments", "is a list of at most %d texts",
                     JOB_ARGUMENTS_MAX);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!json_is_string(json_array_get(list, i))) {
            fields_error(fields, "settings/arguments", "holds texts");
        }
    }
    const json_t *entry = json_object_get(settings, "entry");
    if (entry != NULL &&
        (!json_is_string(entry) || !job_result_name_is_good(json_string_value(entry)))) {
        fields_error(fields, "settings/entry",
                     "is the path of a file in the bundle, as src/train.py");
    }
    const json_t *results = json_object_get(settings, "results");
    if (results != NULL &&
        (!json_is_string(results) || !job_result_name_is_good(json_string_value(results)))) {
        fields_error(fields, "settings/results",
                     "is the path of a folder below the one that the job runs in, as out/model: at "
                     "most %d bytes, without .., \\ or control characters",
                     JOB_RESULT_NAME_MAX);
    }
    const json_t *image = json_object_get(settings, "image");
    if (image != NULL &&
        (!json_is_string(image) || !job_image_name_is_good(json_string_value(image)))) {
        fields_error(fields, "settings/image",
                     "is the name of an image, as in python:3.11-slim: at most %d letters, digits "
                     "and ._-/:@, no - first",
                     JOB_IMAGE_NAME_MAX);
    }
    const json_t *network = json_object_get(settings, "network");
    if (network != NULL && !json_is_boolean(network)) {
        fields_error(fields, "settings/network", "is true or false");
    }
    check_environment(fields, json_object_get(settings, "environment"));
    check_sealed(fields, json_object_get(settings, "sealed"),
                 json_object_size(json_object_get(settings, "environment")));
}

bool job_settings_network(const json_t *settings)
{
    return json_is_true(json_object_get(settings, "network"));
}

bool job_settings_suit(struct call *call, const json_t *settings, uint64_t upload_kind)
{
    if (json_object_get(settings, "image") == NULL || upload_kind == UPLOAD_DOCKERFILE) {
        return true;
    }
    call_problem(call, 409, "image_not_used",
                 "an image is named for a job that is a Dockerfile, in place of its FROM; this one "
                 "runs in the machine's own Python: leave settings.image out");
    return false;
}

/* ── what it changes ───────────────────────────────────────────────────────────────────────────── */

#define SPELLED_MAX 200 /* a longer word is no parameter, and a longer value none of its */
#define AMOUNT_LIMIT 1e12

struct said {
    const char *spelled; /* "--epochs", "EPOCHS" */
    const char *value;
    bool is_variable;
};

/* The program's own line that asks for it; NULL: it does not, or that is not known. */
static const json_t *asked_for(const json_t *found, const struct said *said)
{
    const json_t *list = json_object_get(found, "settings");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *as = json_string_value(json_object_get(item, "as"));
        const char *kind = json_string_value(json_object_get(item, "kind"));
        if (as == NULL || kind == NULL || (strcmp(kind, "variable") == 0) != said->is_variable) {
            continue;
        }
        /* absl defines "epochs" and is told --epochs. */
        const char *plain =
            said->is_variable ? said->spelled : said->spelled + strspn(said->spelled, "-");
        if (strcmp(as, said->spelled) == 0 || strcmp(as, plain) == 0) {
            return item;
        }
    }
    return NULL;
}

/* The value as a parameter has it; NULL: not of its kind. */
static json_t *value_of(const char *text, bool is_number)
{
    char *end = NULL;
    double value = is_number ? strtod(text, &end) : 0;
    if (!is_number) {
        return *text == '\0' ? NULL : json_string(text);
    }
    if (end == text || *end != '\0' || !(value > 0 && value <= AMOUNT_LIMIT)) {
        return NULL;
    }
    return value == floor(value) ? json_integer((json_int_t)value) : json_real(value);
}

static void take(const struct said *said, const json_t *found, json_t *parameters, json_t *list)
{
    char words[SPELLED_MAX * 2];
    bool is_number = false;
    const char *name = analysis_parameter_named(said->spelled, &is_number);
    json_t *value = name == NULL || said->value == NULL || strlen(said->value) >= SPELLED_MAX
                        ? NULL
                        : value_of(said->value, is_number);
    if (value == NULL) {
        return;
    }
    const json_t *asked = asked_for(found, said);
    json_t *before = json_object_get(json_object_get(found, "parameters"), name);
    /* Nothing is known of a variable that the program does not name; an argument is there to be taken. */
    bool counts = asked != NULL || (!said->is_variable && before == NULL);
    const char *why = asked != NULL       ? "the program asks for it by this name"
                      : said->is_variable ? "the program was not seen to read this variable"
                      : before == NULL
                          ? "the file has no value of its own"
                          : "the file sets this itself, and was not seen to ask for it";
    (void)snprintf(words, sizeof words, "%s%s%s", said->spelled, said->is_variable ? "=" : " ",
                   said->value);
    if (counts) {
        (void)json_object_set(parameters, name, value);
    }
    (void)json_array_append_new(
        list,
        json_pack("{s:s,s:s,s:o,s:b,s:O?,s:o,s:s}", "said", words, "parameter", name, "value",
                  value, "counts", counts, "instead_of", before, "asked_for",
                  asked == NULL ? json_null()
                                : json_pack("{s:O,s:O}", "file", json_object_get(asked, "file"),
                                            "line", json_object_get(asked, "line")),
                  "why", why));
}

/* "--epochs 5", "--epochs=5", and "epochs=5" as Hydra has it. */
static void take_argument(const char *text, const char *next, const json_t *found,
                          json_t *parameters, json_t *list)
{
    char spelled[SPELLED_MAX];
    const char *equals = strchr(text, '=');
    size_t size = equals == NULL ? strlen(text) : (size_t)(equals - text);
    if (size == 0 || size >= sizeof spelled ||
        (equals == NULL && (text[0] != '-' || next == NULL))) {
        return;
    }
    memcpy(spelled, text, size);
    spelled[size] = '\0';
    struct said said = {.spelled = spelled, .value = equals == NULL ? next : equals + 1};
    take(&said, found, parameters, list);
}

json_t *job_settings_read(json_t *settings, const json_t *found, json_t *parameters)
{
    json_t *list = json_array();
    json_t *environment = json_object_get(settings, "environment");
    const json_t *arguments = json_object_get(settings, "arguments");
    const char *name;
    json_t *value;
    json_object_foreach(environment, name, value)
    {
        struct said said = {
            .spelled = name, .value = json_string_value(value), .is_variable = true};
        take(&said, found, parameters, list);
    }
    for (size_t i = 0; i < json_array_size(arguments); i++) { /* arguments go before variables */
        take_argument(json_string_value(json_array_get(arguments, i)),
                      json_string_value(json_array_get(arguments, i + 1)), found, parameters, list);
    }
    return list;
}
