// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/jobtype.h"

#include "core/analysis/jobtype_cues.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX ((size_t)3 * PYTHON_TEXT_MAX)
#define SCORE_MIN 5          /* below it a job is custom */
#define ARGUMENT_TEXT_MAX 80 /* longer strings are prose, not names */

enum place { PLACE_ARGUMENT = 1, PLACE_CODE = 2, PLACE_IMPORT = 3 };

struct hits {
    struct jobtype_cue best[CUE_COUNT]; /* the strongest place of each cue; score 0: not found */
    uint32_t train;
    uint32_t infer;
    uint32_t serve;
    uint32_t pretrained;
    uint32_t finetune;
    bool asks_for_gpu;
};

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* " fashion mnist " of "FashionMNIST": words in lower case between single blanks. */
static void to_words(const char *text, char *ret)
{
    size_t size = 0;
    char before = '\0';
    ret[size++] = ' ';
    for (const char *at = text; *at != '\0' && size + 3 < WORDS_MAX; at++) {
        char c = *at;
        bool letter = is_upper(c) || is_lower_or_digit(c);
        bool starts = is_upper(c) && (is_lower_or_digit(before) ||
                                      (is_upper(before) && at[1] >= 'a' && at[1] <= 'z'));
        if ((!letter || starts) && ret[size - 1] != ' ') {
            ret[size++] = ' ';
        }
        if (letter) {
            ret[size++] = (char)(is_upper(c) ? c + ('a' - 'A') : c);
        }
        before = c;
    }
    if (ret[size - 1] != ' ') {
        ret[size++] = ' ';
    }
    ret[size] = '\0';
}

static bool has_words(const char *words, const char *phrase)
{
    size_t size = strlen(phrase);
    for (const char *at = strstr(words, phrase); at != NULL; at = strstr(at + 1, phrase)) {
        if (at > words && at[-1] == ' ' && at[size] == ' ') {
            return true;
        }
    }
    return false;
}

static void look(struct hits *hits, const char *text, enum place place, uint32_t offset,
                 uint32_t line)
{
    char words[WORDS_MAX];
    to_words(text, words);
    for (size_t i = 0; i < CUE_COUNT; i++) {
        if (cues[i].where == CUE_BASE_NAME && line != 0) {
            continue;
        }
        uint32_t score = cues[i].strength * (uint32_t)place;
        if (score > hits->best[i].score && has_words(words, cues[i].words)) {
            hits->best[i] = (struct jobtype_cue){
                .words = cues[i].words, .offset = offset, .line = line, .score = score};
        }
    }
    static const char *const gpu_words[] = {"cuda", "gpu hist", "cuda execution provider"};
    for (size_t i = 0; i < sizeof(gpu_words) / sizeof(gpu_words[0]); i++) {
        hits->asks_for_gpu = hits->asks_for_gpu || has_words(words, gpu_words[i]);
    }
}

struct signal {
    const char *words;
    uint32_t weight;
};

static uint32_t signal_weight(const struct signal *signals, size_t count, const char *words)
{
    uint32_t weight = 0;
    for (size_t i = 0; i < count; i++) {
        if (has_words(words, signals[i].words) && signals[i].weight > weight) {
            weight = signals[i].weight;
        }
    }
    return weight;
}
#define SIGNALS(table, words) signal_weight((table), sizeof(table) / sizeof((table)[0]), (words))

/* What calls and imports say about training, inferring or serving. The weights only have to order them. */
static void look_for_mode(struct hits *hits, const char *text, bool base_name)
{
    static const struct signal train[] = {{"backward", 8},        {"fit", 6},
                                          {"partial fit", 6},     {"train", 5},
                                          {"apply gradients", 8}, {"value and grad", 8},
                                          {"optim", 5},           {"optimizer", 4},
                                          {"optax", 5},           {"trainer", 6},
                                          {"training", 4},        {"sgd", 4},
                                          {"gradient tape", 6},   {"adam", 4},
                                          {"finetune", 8},        {"pretrain", 8}};
    static const struct signal infer[] = {
        {"generate", 4}, {"predict", 3},    {"inference", 6}, {"detect", 4}, {"sample", 2},
        {"infer", 5},    {"transcribe", 5}, {"no grad", 2},   {"eval", 2},   {"pipeline", 4}};
    static const struct signal serve[] = {{"flask", 8},     {"fastapi", 8},    {"gradio", 8},
                                          {"streamlit", 8}, {"uvicorn", 8},    {"bentoml", 8},
                                          {"serve", 4},     {"aiohttp web", 6}};
    static const struct signal pretrained[] = {{"from pretrained", 8}, {"pretrained", 3}};
    static const struct signal finetune[] = {
        {"lora", 8},       {"dreambooth", 8}, {"finetune", 8},          {"fine tune", 8},
        {"finetuning", 8}, {"peft", 8},       {"textual inversion", 8}, {"trl", 8}};
    char words[WORDS_MAX];
    to_words(text, words);
    uint32_t factor = base_name ? 2 : 1;
    uint32_t found = SIGNALS(train, words) * factor;
    hits->train = found > hits->train ? found : hits->train;
    found = SIGNALS(infer, words) * factor;
    hits->infer = found > hits->infer ? found : hits->infer;
    found = SIGNALS(serve, words);
    hits->serve = found > hits->serve ? found : hits->serve;
    found = SIGNALS(pretrained, words);
    hits->pretrained = found > hits->pretrained ? found : hits->pretrained;
    found = SIGNALS(finetune, words);
    hits->finetune = found > hits->finetune ? found : hits->finetune;
}

static bool ends_with_parser(const char *callee)
{
    const char *last = strrchr(callee, '.');
    return strcmp(last == NULL ? callee : last + 1, "ArgumentParser") == 0;
}

static void look_everywhere(struct hits *hits, const struct python_facts *facts,
                            const char *base_name)
{
    char joined[2 * PYTHON_TEXT_MAX + 8];
    size_t stem = strlen(base_name);
    const char *dot = strrchr(base_name, '.');
    if (dot != NULL) {
        stem = (size_t)(dot - base_name);
    }
    stem = stem < PYTHON_TEXT_MAX ? stem : PYTHON_TEXT_MAX;
    memcpy(joined, base_name, stem);
    joined[stem] = '\0';
    look(hits, joined, PLACE_IMPORT, 0, 0);
    look_for_mode(hits, joined, true);

    for (const struct python_import *import = facts->imports; import != NULL;
         import = import->next) {
        size_t size = strlen(import->module);
        memcpy(joined, import->module, size);
        joined[size++] = '.';
        memcpy(joined + size, import->name, strlen(import->name) + 1);
        look(hits, joined, PLACE_IMPORT, import->offset, import->line);
        look_for_mode(hits, joined, false);
    }
    for (const struct python_name *name = facts->names; name != NULL; name = name->next) {
        if (name->kind == PYTHON_ARGUMENT) {
            if (strlen(name->text) <= ARGUMENT_TEXT_MAX && strcmp(name->callee, "print") != 0) {
                /* A command line's description says what the program is for. */
                bool about = ends_with_parser(name->callee);
                look(hits, name->text, about ? PLACE_CODE : PLACE_ARGUMENT, name->offset,
                     name->line);
            }
            continue;
        }
        look(hits, name->text, PLACE_CODE, name->offset, name->line);
        look_for_mode(hits, name->text, false);
    }
}

static void rank(const struct hits *hits, struct jobtype *ret)
{
    uint32_t scores[ANALYSIS_JOB_COUNT] = {0};
    for (size_t i = 0; i < CUE_COUNT; i++) {
        scores[cues[i].job] += hits->best[i].score;
    }
    enum analysis_job best = ANALYSIS_JOB_CUSTOM;
    for (uint32_t job = ANALYSIS_JOB_MNIST; job < ANALYSIS_JOB_CUSTOM; job++) {
        if (scores[job] >= SCORE_MIN &&
            (best == ANALYSIS_JOB_CUSTOM || scores[job] > scores[best])) {
            best = (enum analysis_job)job;
        }
    }
    ret->job = best;
    ret->score = scores[best];
    for (uint32_t job = ANALYSIS_JOB_MNIST; job < ANALYSIS_JOB_CUSTOM; job++) {
        if (job != best && scores[job] > ret->runner_up) {
            ret->runner_up = scores[job];
        }
    }
    /* The strongest cues, in falling order: insertion into a short list. */
    for (size_t i = 0; i < CUE_COUNT; i++) {
        if (cues[i].job != best || hits->best[i].score == 0) {
            continue;
        }
        size_t at = ret->cue_count < JOBTYPE_CUES_MAX ? ret->cue_count++ : JOBTYPE_CUES_MAX;
        while (at > 0 && ret->cues[at - 1].score < hits->best[i].score) {
            if (at < JOBTYPE_CUES_MAX) {
                ret->cues[at] = ret->cues[at - 1];
            }
            at--;
        }
        if (at < JOBTYPE_CUES_MAX) {
            ret->cues[at] = hits->best[i];
        }
    }
}

static enum analysis_mode mode_of(const struct hits *hits, enum analysis_job job,
                                  const struct frameworks *frameworks)
{
    if (job == ANALYSIS_JOB_DATA_PROCESSING) {
        return ANALYSIS_MODE_PREP;
    }
    bool learns = job != ANALYSIS_JOB_CUSTOM && job != ANALYSIS_JOB_SCIENTIFIC;
    bool any_framework = frameworks->primary != ANALYSIS_FRAMEWORK_NONE;
    if (hits->serve >= 8) {
        return learns || any_framework ? ANALYSIS_MODE_SERVE : ANALYSIS_MODE_SERVICE;
    }
    if (!learns && !any_framework) {
        return ANALYSIS_MODE_NA;
    }
    if (hits->train > hits->infer) {
        if (hits->finetune > 0 || hits->pretrained >= 8) {
            return ANALYSIS_MODE_FINETUNE;
        }
        return job == ANALYSIS_JOB_LLM_TRAINING ? ANALYSIS_MODE_PRETRAIN : ANALYSIS_MODE_TRAIN;
    }
    if (hits->infer > 0) {
        return ANALYSIS_MODE_INFERENCE;
    }
    return ANALYSIS_MODE_NA;
}

void jobtype_find(const struct python_facts *facts, const struct frameworks *frameworks,
                  const char *base_name, struct jobtype *ret)
{
    struct hits hits = {0};
    struct jobtype found = {0};

    look_everywhere(&hits, facts, base_name);
    rank(&hits, &found);
    found.asks_for_gpu = hits.asks_for_gpu;
    found.mode = mode_of(&hits, found.job, frameworks);
    if (found.job == ANALYSIS_JOB_LLM_TRAINING &&
        (found.mode == ANALYSIS_MODE_INFERENCE || found.mode == ANALYSIS_MODE_SERVE)) {
        found.job = ANALYSIS_JOB_LLM_INFERENCE;
    } else if (found.job == ANALYSIS_JOB_LLM_INFERENCE && hits.train > hits.infer) {
        found.job = ANALYSIS_JOB_LLM_TRAINING;
    }
    *ret = found;
}
