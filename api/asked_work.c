// SPDX-License-Identifier: Apache-2.0
#include "api/asked_work.h"

#include "api/job_settings.h"
#include "core/base/software.h"
#include "core/market/stock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_TEXT_MAX 32
#define PARAMETERS_TAKEN_MAX 16

size_t asked_mode(const char *word)
{
    for (int mode = ANALYSIS_MODE_TRAIN; mode <= ANALYSIS_MODE_NA; mode++) {
        if (strcmp(analysis_mode_word((enum analysis_mode)mode), word) == 0) {
            return (size_t)mode;
        }
    }
    return 0;
}

/* A JSON value as the analysis has it; false when it is neither number nor text. `text` has room for the number. */
static bool parameter_of(const char *name, const json_t *value, char text[NUMBER_TEXT_MAX],
                         struct analysis_parameter *ret)
{
    if (json_is_number(value)) {
        (void)snprintf(text, NUMBER_TEXT_MAX, "%.12g", json_number_value(value));
        *ret = (struct analysis_parameter){.name = name, .value = text, .is_number = true};
        return true;
    }
    if (json_is_string(value)) {
        *ret = (struct analysis_parameter){.name = name, .value = json_string_value(value)};
        return true;
    }
    return false;
}

/* The work of a job of this type and mode with `first`'s parameters, but for those that `over` has too. */
struct work asked_work(enum job_type type, enum analysis_mode mode, enum device device,
                       const char *base_name, json_t *first, json_t *over)
{
    struct analysis_parameter parameters[PARAMETERS_TAKEN_MAX];
    char texts[PARAMETERS_TAKEN_MAX][NUMBER_TEXT_MAX];
    size_t count = 0;
    json_t *const lists[] = {first, over};
    for (size_t i = 0; i < 2; i++) {
        const char *name;
        json_t *value;
        json_object_foreach(lists[i], name, value)
        {
            if (count < PARAMETERS_TAKEN_MAX && (i == 1 || json_object_get(over, name) == NULL) &&
                parameter_of(name, value, texts[count], &parameters[count])) {
                count++;
            }
        }
    }
    return analysis_work((enum analysis_job)type, mode, (enum analysis_device)device, base_name,
                         parameters, count);
}

/* What the program is called, which may name a method (train_qlora.py): the entry of several files, or the one file. */
static void name_of(struct reading *reading, const struct upload_row *upload, const json_t *found,
                    char ret[NAME_MAX])
{
    struct event event;
    const char *entry = json_string_value(json_object_get(found, "entry"));
    struct bytes name = bytes_of_text(entry == NULL ? "" : entry);
    if (entry == NULL && reading_event(reading, upload->received_sequence, &event)) {
        name = event.u.upload_received.file_name;
    }
    (void)snprintf(ret, NAME_MAX, "%.*s", (int)(name.size < NAME_MAX ? name.size : NAME_MAX - 1),
                   (const char *)name.data);
}

/* What the analysis found, as JSON, the caller's; NULL: it was erased. */
static json_t *found_in(struct reading *reading, const struct upload_row *upload)
{
    struct event event;
    if (!reading_event(reading, upload->analysis_sequence, &event)) {
        return NULL;
    }
    struct bytes detail = event.u.analysis_completed.detail;
    return json_loadb((const char *)detail.data, detail.size, 0, NULL);
}

bool asked_upload(struct reading *reading, struct id16 account_id, struct id16 upload_id,
                  json_t *parameters, json_t *settings, struct upload_row *ret, json_t **ret_said)
{
    *ret_said = NULL;
    if (!state_upload(reading->store, upload_id, ret) || ret->analysis_sequence == 0 ||
        !id_equal(ret->account_id, account_id)) {
        return false;
    }
    if (json_object_size(parameters) == 0 && json_object_size(settings) == 0) {
        return true;
    }
    json_t *found = found_in(reading, ret);
    json_t *over = json_object();
    if (json_object_size(settings) > 0) {
        *ret_said = job_settings_read(settings, found, over);
    }
    if (upload_needs(ret)->task == 0) {
        (void)json_object_clear(over);
    }
    (void)json_object_update(over, parameters);
    if (json_object_size(over) > 0) {
        const char *mode = json_string_value(json_object_get(found, "mode"));
        char name[NAME_MAX];
        name_of(reading, ret, found, name);
        struct work work =
            asked_work((enum job_type)upload_job_type(ret),
                       (enum analysis_mode)(mode == NULL ? ANALYSIS_MODE_NA : asked_mode(mode)),
                       (enum device)upload_needs(ret)->device, name,
                       json_object_get(found, "parameters"), over);
        struct workload workload = workload_size(&work);
        estimate_resize(ret, &workload);
    }
    json_decref(over);
    json_decref(found);
    return true;
}

/* What settings name in place of a Dockerfile's FROM. By digest it names nothing that an offer could list. */
static struct id16 item_of_image(const char *image)
{
    char name[JOB_IMAGE_NAME_MAX + 8];
    return software_image_name(image, name) ? stock_item(STOCK_IMAGE, bytes_of_text(name))
                                            : (struct id16){0};
}

/* What an argument names in place of what the program would load by itself. */
static struct id16 item_of_model(const char *value)
{
    char name[SOFTWARE_MODEL_MAX + 1];
    return value != NULL && analysis_model_of(value, name)
               ? stock_item(STOCK_MODEL, bytes_of_text(name))
               : (struct id16){0};
}

struct id16 asked_item(struct reading *reading, const struct upload_row *upload, json_t *settings)
{
    struct id16 const own = upload_needs(upload)->item;
    const char *image = json_string_value(json_object_get(settings, "image"));
    if (upload->kind == UPLOAD_DOCKERFILE) {
        return image == NULL ? own : item_of_image(image);
    }
    if (job_settings_network(settings)) {
        return (struct id16){0};
    }
    if (json_object_size(settings) == 0 || upload->overridden_sequence != 0) {
        return own; /* what its owner says of it goes before what a reader of words makes of it */
    }
    json_t *found = found_in(reading, upload);
    json_t *parameters = json_object();
    json_t *said = job_settings_read(settings, found, parameters);
    const json_t *model = json_object_get(parameters, "model");
    struct id16 const item = model == NULL ? own : item_of_model(json_string_value(model));
    json_decref(said);
    json_decref(parameters);
    json_decref(found);
    return item;
}

/* A variable that the program may read its parameters from, with a value that nobody here can. */
static bool seals_a_parameter(json_t *settings)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(settings, "sealed"), name, value)
    {
        bool is_number;
        if (analysis_parameter_named(name, &is_number) != NULL) {
            return true;
        }
    }
    return false;
}

bool asked_is_other_work(struct reading *reading, const struct ev_quote_issued *quote,
                         json_t *settings)
{
    struct upload_row upload;
    const char *entry = json_string_value(json_object_get(settings, "entry"));
    json_t *found =
        state_upload(reading->store, quote->upload_id, &upload) ? found_in(reading, &upload) : NULL;
    const char *analysed = json_string_value(json_object_get(found, "entry"));
    bool starts_other = entry != NULL && (analysed == NULL || strcmp(entry, analysed) != 0);
    json_t *parameters = json_object();
    json_t *said = job_settings_read(settings, found, parameters);
    char *text = json_array_size(said) == 0 ? NULL : json_dumps(said, JSON_COMPACT);
    bool says_same = bytes_equal(bytes_of_text(text == NULL ? "" : text), quote->settings);
    free(text);
    json_decref(said);
    json_decref(parameters);
    json_decref(found);
    /* In another image it is another program, whatever the quote was told. */
    bool has_image = json_object_get(settings, "image") != NULL;
    return starts_other || has_image || !says_same || seals_a_parameter(settings);
}
