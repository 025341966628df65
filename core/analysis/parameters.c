// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/parameters.h"

#include <stdlib.h>
#include <string.h>

/* Spellings without dashes, underscores and case; in order of preference within one source. */
static const struct spelling {
    const char *spelled;
    const char *name;
    bool number;
} spellings[] = {
    {"epochs", "epochs", true},
    {"numepochs", "epochs", true},
    {"nepochs", "epochs", true},
    {"numtrainepochs", "epochs", true},
    {"maxepochs", "epochs", true},
    {"maxepoch", "epochs", true},
    {"nbepoch", "epochs", true},
    {"nepoch", "epochs", true},
    {"niter", "epochs", true},
    {"batchsize", "batch_size", true},
    {"trainbatchsize", "batch_size", true},
    {"perdevicetrainbatchsize", "batch_size", true},
    {"perdevicebatchsize", "batch_size", true},
    {"minibatchsize", "batch_size", true},
    {"minibatch", "batch_size", true},
    {"bs", "batch_size", true},
    {"learningrate", "learning_rate", true},
    {"lr", "learning_rate", true},
    {"baselr", "learning_rate", true},
    {"learningrateinit", "learning_rate", true},
    {"resolution", "resolution", true},
    {"imagesize", "resolution", true},
    {"imgsize", "resolution", true},
    {"imgsz", "resolution", true},
    {"cropsize", "resolution", true},
    {"inputsize", "resolution", true},
    {"maxtrainsteps", "max_steps", true},
    {"maxsteps", "max_steps", true},
    {"maxiters", "max_steps", true},
    {"numtrainsteps", "max_steps", true},
    {"totaltimesteps", "max_steps", true},
    {"numinferencesteps", "inference_steps", true},
    {"inferencesteps", "inference_steps", true},
    {"ddimsteps", "inference_steps", true},
    {"numimages", "images", true},
    {"numimagesperprompt", "images", true},
    {"nsamples", "images", true},
    {"model", "model", false},
    {"modelid", "model", false},
    {"modelname", "model", false},
    {"modelnameorpath", "model", false},
    {"pretrainedmodelnameorpath", "model", false},
};
#define SPELLING_COUNT (sizeof(spellings) / sizeof(spellings[0]))

static void plain(const char *name, char *ret, size_t ret_size)
{
    size_t size = 0;
    for (const char *at = name; *at != '\0' && size + 1 < ret_size; at++) {
        if (*at >= 'A' && *at <= 'Z') {
            ret[size++] = (char)(*at + ('a' - 'A'));
        } else if (*at != '-' && *at != '_') {
            ret[size++] = *at;
        }
    }
    ret[size] = '\0';
}

static const struct spelling *canonical(const char *name)
{
    char spelled[PYTHON_TEXT_MAX * 3 + 1];
    plain(name, spelled, sizeof(spelled));
    for (size_t i = 0; i < SPELLING_COUNT; i++) {
        if (strcmp(spellings[i].spelled, spelled) == 0) {
            return &spellings[i];
        }
    }
    return NULL;
}

/* `name` with its value into the list; a better source replaces, an equal one does not. */
static void put(struct parameters *found, struct analysis_parameter item, uint32_t offset)
{
    for (size_t i = 0; i < found->count; i++) {
        if (strcmp(found->items[i].name, item.name) == 0) {
            if (item.source < found->items[i].source) {
                found->items[i] = item;
                found->offsets[i] = offset;
            }
            return;
        }
    }
    if (found->count < PARAMETERS_MAX) {
        found->items[found->count] = item;
        found->offsets[found->count++] = offset;
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text);
    size_t end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

void parameters_find(const struct python_facts *facts, struct parameters *ret)
{
    struct parameters found = {0};
    for (const struct python_literal *literal = facts->literals; literal != NULL;
         literal = literal->next) {
        const struct spelling *spelling = canonical(literal->name);
        if (spelling == NULL || literal->is_number != spelling->number ||
            literal->value[0] == '\0') {
            continue;
        }
        put(&found,
            (struct analysis_parameter){.name = spelling->name,
                                        .value = literal->value,
                                        .origin = literal->name,
                                        .is_number = literal->is_number,
                                        .source = literal->source,
                                        .line = literal->line},
            literal->offset);
    }
    for (const struct python_name *name = facts->names; name != NULL; name = name->next) {
        if (name->kind == PYTHON_ARGUMENT && name->position == 0 && name->text[0] != '\0' &&
            ends_with(name->callee, "from_pretrained")) {
            put(&found,
                (struct analysis_parameter){.name = "model",
                                            .value = name->text,
                                            .origin = name->callee,
                                            .source = ANALYSIS_SOURCE_KWARG,
                                            .line = name->line},
                name->offset);
        }
    }
    *ret = found;
}

const char *parameter_text(const struct parameters *parameters, const char *name)
{
    for (size_t i = 0; i < parameters->count; i++) {
        if (strcmp(parameters->items[i].name, name) == 0) {
            return parameters->items[i].value;
        }
    }
    return NULL;
}

bool parameter_number(const struct parameters *parameters, const char *name, double *ret)
{
    const char *text = parameter_text(parameters, name);
    if (text == NULL) {
        return false;
    }
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value > 0)) {
        return false;
    }
    *ret = value;
    return true;
}
