// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/parameters.h"

#include <stdlib.h>
#include <string.h>

/* Spellings without dashes, underscores and case; in order of preference within one source. */
static const struct spelling {
    const char *spelled;
    const char *name;
    bool number;
    bool weak; /* another spelling of the same source goes before it */
} spellings[] = {
    {"epochs", "epochs", true, false},
    {"numepochs", "epochs", true, false},
    {"nepochs", "epochs", true, false},
    {"numtrainepochs", "epochs", true, false},
    {"trainepochs", "epochs", true, false},
    {"trainingepochs", "epochs", true, false},
    {"maxepochs", "epochs", true, false},
    {"maxepoch", "epochs", true, false},
    {"nbepoch", "epochs", true, false},
    {"nepoch", "epochs", true, false},
    {"niter", "epochs", true, false},
    {"batchsize", "batch_size", true, false},
    {"trainbatchsize", "batch_size", true, false},
    {"perdevicetrainbatchsize", "batch_size", true, false},
    {"perdevicebatchsize", "batch_size", true, false},
    {"minibatchsize", "batch_size", true, false},
    {"minibatch", "batch_size", true, false},
    {"bs", "batch_size", true, false},
    {"batch", "batch_size", true, true},
    {"learningrate", "learning_rate", true, false},
    {"lr", "learning_rate", true, false},
    {"baselr", "learning_rate", true, false},
    {"learningrateinit", "learning_rate", true, false},
    {"resolution", "resolution", true, false},
    {"imagesize", "resolution", true, false},
    {"imgsize", "resolution", true, false},
    {"imgsz", "resolution", true, false},
    {"cropsize", "resolution", true, false},
    {"inputsize", "resolution", true, false},
    {"height", "resolution", true, true},
    {"maxtrainsteps", "max_steps", true, false},
    {"maxsteps", "max_steps", true, false},
    {"maxiters", "max_steps", true, false},
    {"numtrainsteps", "max_steps", true, false},
    {"trainingsteps", "max_steps", true, false},
    {"trainsteps", "max_steps", true, false},
    {"numsteps", "max_steps", true, true},
    {"totaltimesteps", "max_steps", true, false},
    {"numinferencesteps", "inference_steps", true, false},
    {"inferencesteps", "inference_steps", true, false},
    {"ddimsteps", "inference_steps", true, false},
    {"numimages", "images", true, false},
    {"numimagesperprompt", "images", true, false},
    {"nsamples", "images", true, false},
    {"model", "model", false, false},
    {"modelid", "model", false, false},
    {"modelname", "model", false, false},
    {"modelnameorpath", "model", false, false},
    {"pretrainedmodelnameorpath", "model", false, false},
    {"count", "gpu_count", true, false}, /* these two of a compose file's reservation */
    {"deviceids", "device_ids", false, false},
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
    char spelled[FACT_TEXT_MAX * 3 + 1];
    plain(name, spelled, sizeof(spelled));
    for (size_t i = 0; i < SPELLING_COUNT; i++) {
        if (strcmp(spellings[i].spelled, spelled) == 0) {
            return &spellings[i];
        }
    }
    return NULL;
}

/* Is a value of this kind one of what the spelling stands for? "all" is a count of GPUs too. */
static bool takes(const struct spelling *spelling, bool is_number, enum analysis_source source)
{
    bool reservation =
        strcmp(spelling->name, "gpu_count") == 0 || strcmp(spelling->name, "device_ids") == 0;
    return reservation ? source == ANALYSIS_SOURCE_YAML : is_number == spelling->number;
}

const char *analysis_parameter_named(const char *spelled, bool *ret_is_number)
{
    const struct spelling *spelling = canonical(spelled);
    /* A count and ids of devices are those of a reservation, never of a command line. */
    if (spelling == NULL || !takes(spelling, spelling->number, ANALYSIS_SOURCE_ARGPARSE)) {
        return NULL;
    }
    *ret_is_number = spelling->number;
    return spelling->name;
}

/* `name` with its value into the list; a better source replaces, an equal one does not. */
static void put(struct parameters *found, struct analysis_parameter item, bool weak,
                uint32_t offset)
{
    for (size_t i = 0; i < found->count; i++) {
        if (strcmp(found->items[i].name, item.name) == 0) {
            bool better = item.source < found->items[i].source ||
                          (item.source == found->items[i].source && found->weak[i] && !weak);
            if (better) {
                found->items[i] = item;
                found->weak[i] = weak;
                found->offsets[i] = offset;
            }
            return;
        }
    }
    if (found->count < PARAMETERS_MAX) {
        found->items[found->count] = item;
        found->weak[found->count] = weak;
        found->offsets[found->count++] = offset;
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text);
    size_t end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* Static text of a small count: more than eight GPUs in one job are shown as eight and in the requirements. */
static const char *count_text(uint32_t count)
{
    static const char *const texts[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8"};
    return texts[count < 8 ? count : 8];
}

void parameters_find(const struct facts *facts, struct parameters *ret)
{
    struct parameters found = {0};
    for (const struct fact_literal *literal = facts->literals; literal != NULL;
         literal = literal->next) {
        const struct spelling *spelling = canonical(literal->name);
        if (spelling == NULL || literal->value[0] == '\0' ||
            !takes(spelling, literal->is_number, literal->source)) {
            continue;
        }
        put(&found,
            (struct analysis_parameter){.name = spelling->name,
                                        .value = literal->value,
                                        .origin = literal->name,
                                        .is_number = literal->is_number,
                                        .source = literal->source,
                                        .line = literal->line},
            spelling->weak, literal->offset);
    }
    for (const struct fact_name *name = facts->names; name != NULL; name = name->next) {
        if (name->kind == FACT_ARGUMENT && name->position == 0 && name->text[0] != '\0' &&
            (ends_with(name->callee, "from_pretrained") || ends_with(name->callee, "hub.load"))) {
            put(&found,
                (struct analysis_parameter){.name = "model",
                                            .value = name->text,
                                            .origin = name->callee,
                                            .source = ANALYSIS_SOURCE_KWARG,
                                            .line = name->line},
                false, name->offset);
        }
    }
    if (facts->gpu_line > 0 && parameter_text(&found, "gpu_count") == NULL) {
        put(&found,
            (struct analysis_parameter){.name = "gpu",
                                        .value = count_text(facts->gpus),
                                        .origin = "GPU",
                                        .is_number = true,
                                        .source = ANALYSIS_SOURCE_ENV,
                                        .line = facts->gpu_line},
            false, facts->gpu_offset);
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
