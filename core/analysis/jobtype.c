// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/jobtype.h"

#include "core/analysis/jobtype_cues.h"
#include "core/base/invariant.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX ((size_t)3 * FACT_TEXT_MAX)
#define SCORE_MIN 6          /* below it a job is custom */
#define ARGUMENT_TEXT_MAX 80 /* longer strings are prose, not names */
#define PHRASE_WORDS_MAX 4
#define SLOT_COUNT 4096 /* a power of two, well above CUES_MAX */

enum place { PLACE_ARGUMENT = 1, PLACE_CODE = 2, PLACE_NAME = 3 };

/* ── the table of cues ─────────────────────────────────────────────────────────────────────────── */

struct cue {
    struct bytes words;
    enum analysis_job job;
    uint32_t strength;
    enum cue_where where;
    uint32_t next; /* another cue of the same phrase, as index + 1 */
};

/* Made once, then read by all threads. */
static struct cue cues[CUES_MAX];
static size_t cue_count;
static uint32_t slots[SLOT_COUNT]; /* index + 1 of the first cue of a phrase; 0: free */

static uint32_t hash_more(uint32_t hash, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        hash = (hash ^ text.data[i]) * 16777619u; /* FNV-1a */
    }
    return hash;
}
#define HASH_START 2166136261u

/* The slot of `words`: its own, or the free one where it would be. */
static uint32_t *slot_of(uint32_t hash, struct bytes words)
{
    size_t at = hash & (SLOT_COUNT - 1);
    while (slots[at] != 0 && !bytes_equal(cues[slots[at] - 1].words, words)) {
        at = (at + 1) & (SLOT_COUNT - 1);
    }
    return &slots[at];
}

static void add_cue(const struct cue_row *row, struct bytes words)
{
    INVARIANT(cue_count < CUES_MAX);
    uint32_t *slot = slot_of(hash_more(HASH_START, words), words);
    cues[cue_count] = (struct cue){.words = words,
                                   .job = row->job,
                                   .strength = row->strength,
                                   .where = row->where,
                                   .next = *slot};
    *slot = (uint32_t)++cue_count;
}

static void make_table(void)
{
    for (size_t i = 0; i < CUE_ROW_COUNT; i++) {
        struct bytes rest = bytes_of_text(cue_rows[i].phrases);
        while (rest.size > 0) {
            size_t size = 0;
            while (size < rest.size && rest.data[size] != ',') {
                size++;
            }
            add_cue(&cue_rows[i], bytes_of(rest.data, size));
            rest = bytes_from(rest, size < rest.size ? size + 1 : size);
        }
    }
}

/* ── names against the table ───────────────────────────────────────────────────────────────────── */

struct hits {
    struct jobtype_cue best[CUES_MAX]; /* the strongest place of each cue; score 0: not found */
    uint32_t train;
    uint32_t infer;
    uint32_t serve;
    uint32_t pretrained;
    uint32_t finetune;
    bool asks_for_gpu;
    bool loads_mnist;                /* code names MNIST, not only a title or string */
    bool names_other_images;         /* another image data set as well */
    bool names_other_generator;      /* an image model that is not Stable Diffusion, by name */
    bool called_other_generator;     /* … in the base name */
    bool named_preparation;          /* the file is called after preparing data */
    bool titled_detection;           /* the base name or main title says "detection" itself */
    bool titled[ANALYSIS_JOB_COUNT]; /* … or anything else of the type */
};

/* Where a text stands. */
struct spot {
    enum place place;
    bool named;   /* the base name or a title */
    bool command; /* a word of a command, a path, an image */
    bool code;    /* an import, a call, a definition */
    bool module;  /* an import */
    uint32_t offset;
    uint32_t line; /* 0: the base name */
};

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* " fashion mnist " of "FashionMNIST" (" fashionmnist " without `capitals`): words in lower case between single blanks. */
static bool to_words(const char *text, bool capitals, char *ret)
{
    size_t size = 0;
    char before = '\0';
    bool any_split = false;
    ret[size++] = ' ';
    for (const char *at = text; *at != '\0' && size + 3 < WORDS_MAX; at++) {
        char c = *at;
        bool letter = is_upper(c) || is_lower_or_digit(c);
        bool starts = is_upper(c) && (is_lower_or_digit(before) ||
                                      (is_upper(before) && at[1] >= 'a' && at[1] <= 'z'));
        any_split = any_split || starts;
        if ((!letter || (starts && capitals)) && ret[size - 1] != ' ') {
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
    return any_split;
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

/* Is there a cue for `job` among those of a phrase that count anywhere? With JOB_COUNT: is there any? */
static bool says(uint32_t index, enum analysis_job job)
{
    for (uint32_t next = index; next != 0; next = cues[next - 1].next) {
        bool same = job == (enum analysis_job)ANALYSIS_JOB_COUNT || cues[next - 1].job == job;
        if (cues[next - 1].where == CUE_ANYWHERE && same) {
            return true;
        }
    }
    return false;
}

/* `around`: the cues of a longer phrase that this one is a part of; 0: of none. */
static void hit(struct hits *hits, uint32_t index, uint32_t around, bool first,
                const struct spot *spot)
{
    for (uint32_t next = index; next != 0;) {
        const struct cue *cue = &cues[next - 1];
        next = cue->next;
        if (around != 0 && !says(around, cue->job)) {
            continue;
        }
        struct jobtype_cue *best = &hits->best[cue - cues];
        uint32_t score = cue->strength * (uint32_t)spot->place;
        bool counts = cue->where == CUE_ANYWHERE || (cue->where == CUE_NAMED && spot->named) ||
                      (cue->where == CUE_BASE_NAME && spot->line == 0) ||
                      (cue->where == CUE_COMMAND && spot->command) ||
                      (cue->where == CUE_MODULE && spot->module && first);
        if (counts && score > best->score) {
            *best = (struct jobtype_cue){
                .words = cue->words, .offset = spot->offset, .line = spot->line, .score = score};
        }
        hits->loads_mnist = hits->loads_mnist || (cue->job == ANALYSIS_JOB_MNIST && spot->code);
        hits->names_other_images =
            hits->names_other_images ||
            (cue->job == ANALYSIS_JOB_IMAGE_CLASSIFICATION && cue->strength == 5);
        bool other_generator =
            counts && cue->strength == 6 && cue->job == ANALYSIS_JOB_IMAGE_GENERATION;
        hits->names_other_generator = hits->names_other_generator || other_generator;
        hits->called_other_generator =
            hits->called_other_generator || (other_generator && spot->line == 0);
        if (counts && spot->named) {
            hits->titled[cue->job] = true;
            hits->titled_detection = hits->titled_detection ||
                                     bytes_starts_with(cue->words, "detect") ||
                                     bytes_starts_with(cue->words, "object detect");
            hits->named_preparation =
                hits->named_preparation ||
                (spot->line == 0 && cue->strength >= 4 && cue->job == ANALYSIS_JOB_DATA_PROCESSING);
        }
    }
}

static void look_up(struct hits *hits, const char *words, const struct spot *spot)
{
    uint32_t around = 0; /* the phrase found before that reaches furthest … */
    int reach = 0;       /* … and how many words of it are left */
    for (const char *start = words + 1; *start != '\0';) {
        const char *end = start;
        uint32_t hash = HASH_START;
        uint32_t found[PHRASE_WORDS_MAX] = {0};
        for (int count = 0; count < PHRASE_WORDS_MAX && *end != '\0'; count++) {
            const char *from = end;
            from -= count > 0 ? 1 : 0; /* the blank belongs to the phrase */
            while (*end != ' ') {
                end++;
            }
            hash = hash_more(hash, bytes_of(from, (size_t)(end - from)));
            struct bytes phrase = bytes_of(start, (size_t)(end - start));
            found[count] = *slot_of(hash, phrase);
            end++;
        }
        for (int count = PHRASE_WORDS_MAX; count > 0; count--) { /* the longest first */
            uint32_t index = found[count - 1];
            if (index != 0) {
                hit(hits, index, count <= reach ? around : 0, start == words + 1, spot);
            }
            if (index != 0 && count > reach && count > 1 &&
                says(index, (enum analysis_job)ANALYSIS_JOB_COUNT)) {
                around = index;
                reach = count;
            }
        }
        reach -= reach > 0 ? 1 : 0;
        while (*start != ' ') {
            start++;
        }
        start++;
    }
}

static void look(struct hits *hits, const char *text, const struct spot *spot)
{
    static const char *const gpu_words[] = {"cuda", "gpu hist", "cuda execution provider"};
    char words[WORDS_MAX];
    if (to_words(text, false, words)) {
        look_up(hits, words, spot);
        (void)to_words(text, true, words);
    }
    look_up(hits, words, spot);
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
    (void)to_words(text, true, words);
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

static void look_at_base_name(struct hits *hits, const char *base_name)
{
    char stem[FACT_TEXT_MAX + 1];
    const char *dot = strrchr(base_name, '.');
    size_t size = dot == NULL || dot == base_name ? strlen(base_name) : (size_t)(dot - base_name);
    size = size < FACT_TEXT_MAX ? size : FACT_TEXT_MAX;
    memcpy(stem, base_name, size);
    stem[size] = '\0';
    look(hits, stem, &(struct spot){.place = PLACE_NAME, .named = true});
    look_for_mode(hits, stem, true);
}

static void look_at_name(struct hits *hits, const struct fact_name *name)
{
    struct spot spot = {.place = PLACE_CODE, .offset = name->offset, .line = name->line};
    switch (name->kind) {
    case FACT_ARGUMENT:
        if (strlen(name->text) > ARGUMENT_TEXT_MAX || strcmp(name->callee, "print") == 0) {
            return;
        }
        /* A command line's description says what the program is for. */
        spot.place = ends_with_parser(name->callee) ? PLACE_CODE : PLACE_ARGUMENT;
        look(hits, name->text, &spot);
        return;
    case FACT_TITLE: /* of its own sections a notebook has many, and they are about steps */
        spot.place = name->position == 1 ? PLACE_NAME : PLACE_ARGUMENT;
        spot.named = name->position == 1;
        look(hits, name->text, &spot);
        return;
    case FACT_COMMAND:
        spot.command = true;
        look(hits, name->text, &spot);
        return;
    case FACT_OPTION: /* of many programs alike */
    case FACT_MODEL:  /* an ARGUMENT, too, where it is a name */
        return;
    case FACT_CALL:
    case FACT_DEFINITION:
        spot.code = true;
        look(hits, name->text, &spot);
        look_for_mode(hits, name->text, false);
        return;
    }
}

static void look_everywhere(struct hits *hits, const struct facts *facts, const char *base_name)
{
    char joined[2 * FACT_TEXT_MAX + 8];
    look_at_base_name(hits, base_name);
    for (const struct fact_import *import = facts->imports; import != NULL; import = import->next) {
        if ((import->scope & (FACT_INSTALLED | FACT_IMAGE)) != 0) {
            continue; /* what is installed says what could be done */
        }
        size_t size = strlen(import->module);
        memcpy(joined, import->module, size);
        joined[size++] = '.';
        memcpy(joined + size, import->name, strlen(import->name) + 1);
        look(hits, joined,
             &(struct spot){.place = PLACE_NAME,
                            .code = true,
                            .module = true,
                            .offset = import->offset,
                            .line = import->line});
        look_for_mode(hits, joined, false);
    }
    for (const struct fact_name *name = facts->names; name != NULL; name = name->next) {
        look_at_name(hits, name);
    }
}

/* Of a short list of packages nearly all are for one type: an extension's requirements. */
static enum analysis_job job_of_packages(const struct facts *facts)
{
    uint32_t count = 0;
    uint32_t votes[ANALYSIS_JOB_COUNT] = {0};
    for (const struct fact_import *import = facts->imports; import != NULL; import = import->next) {
        struct hits *hits = calloc(1, sizeof(*hits));
        if (hits == NULL || ++count > 8) {
            free(hits);
            return ANALYSIS_JOB_CUSTOM;
        }
        look(hits, import->module, &(struct spot){.place = PLACE_NAME, .line = 1});
        for (size_t i = 0; i < cue_count; i++) {
            if (hits->best[i].score >= 15) {
                votes[cues[i].job]++;
                break;
            }
        }
        free(hits);
    }
    for (uint32_t job = ANALYSIS_JOB_MNIST; job < ANALYSIS_JOB_CUSTOM; job++) {
        if (votes[job] > 0 && votes[job] * 4 >= count * 3) {
            return (enum analysis_job)job;
        }
    }
    return ANALYSIS_JOB_CUSTOM;
}

/* ── who wins ──────────────────────────────────────────────────────────────────────────────────── */

/* A program that learns reads CSV and groups by columns too: then these say nothing. */
static bool is_muted(const struct cue *cue, const struct hits *hits,
                     const struct frameworks *frameworks)
{
    bool deep = frameworks->primary >= ANALYSIS_FRAMEWORK_PYTORCH &&
                frameworks->primary <= ANALYSIS_FRAMEWORK_THEANO;
    if (deep && cue->job == ANALYSIS_JOB_SCIENTIFIC && cue->strength <= 2) {
        return true; /* so does a network use SciPy */
    }
    return cue->job == ANALYSIS_JOB_DATA_PROCESSING && cue->where != CUE_NAMED &&
           cue->where != CUE_BASE_NAME && hits->train >= 5 &&
           frameworks->primary != ANALYSIS_FRAMEWORK_NONE;
}

static void keep_cues(const struct hits *hits, struct jobtype *ret)
{
    /* The strongest cues, in falling order: insertion into a short list. */
    for (size_t i = 0; i < cue_count; i++) {
        if (cues[i].job != ret->job || hits->best[i].score == 0) {
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

#define SCORE_NAMED 15   /* a strong cue in the base name, a title or an import */
#define SCORE_DEFINED 10 /* a strong cue in code */

/* What adding up cannot see. */
static enum analysis_job corrected(enum analysis_job best, const struct hits *hits,
                                   const uint32_t *scores)
{
    /* A file called after preparing data does that, whatever the data is for, unless it trains. */
    if (hits->named_preparation && hits->train < 6 && !hits->titled[ANALYSIS_JOB_MNIST]) {
        return ANALYSIS_JOB_DATA_PROCESSING;
    }
    /* A generative model is trained on data sets that are known from classification. */
    if (best == ANALYSIS_JOB_IMAGE_CLASSIFICATION &&
        scores[ANALYSIS_JOB_IMAGE_GENERATION] >= SCORE_DEFINED) {
        best = ANALYSIS_JOB_IMAGE_GENERATION;
    }
    /* Stable Diffusion is made of parts that other models have as well: an autoencoder, a noise schedule. */
    if (best == ANALYSIS_JOB_IMAGE_GENERATION && !hits->names_other_generator &&
        scores[ANALYSIS_JOB_STABLE_DIFFUSION] >= SCORE_NAMED) {
        best = ANALYSIS_JOB_STABLE_DIFFUSION;
    } else if (best == ANALYSIS_JOB_STABLE_DIFFUSION && hits->called_other_generator) {
        best = ANALYSIS_JOB_IMAGE_GENERATION; /* DreamBooth and ControlNet are for any of them */
    }
    /* The task in the title goes before the family of models it is done with. */
    if (best == ANALYSIS_JOB_OBJECT_DETECTION && !hits->titled_detection) {
        best = hits->titled[ANALYSIS_JOB_SEGMENTATION]           ? ANALYSIS_JOB_SEGMENTATION
               : hits->titled[ANALYSIS_JOB_IMAGE_CLASSIFICATION] ? ANALYSIS_JOB_IMAGE_CLASSIFICATION
                                                                 : best;
    }
    /* Any supervised job on MNIST is mnist, whatever its model is called. */
    bool supervised = best == ANALYSIS_JOB_IMAGE_CLASSIFICATION || best == ANALYSIS_JOB_TABULAR ||
                      best == ANALYSIS_JOB_DATA_PROCESSING;
    bool on_mnist = hits->loads_mnist || scores[ANALYSIS_JOB_MNIST] >= SCORE_NAMED;
    if (supervised && on_mnist && !hits->names_other_images) {
        best = ANALYSIS_JOB_MNIST;
    }
    return best;
}

static void rank(const struct hits *hits, const struct frameworks *frameworks, struct jobtype *ret)
{
    uint32_t scores[ANALYSIS_JOB_COUNT] = {0};
    for (size_t i = 0; i < cue_count; i++) {
        if (hits->best[i].score > 0 && !is_muted(&cues[i], hits, frameworks)) {
            scores[cues[i].job] += hits->best[i].score;
        }
    }
    enum analysis_job best = ANALYSIS_JOB_CUSTOM;
    for (uint32_t job = ANALYSIS_JOB_MNIST; job < ANALYSIS_JOB_CUSTOM; job++) {
        if (scores[job] >= SCORE_MIN &&
            (best == ANALYSIS_JOB_CUSTOM || scores[job] > scores[best])) {
            best = (enum analysis_job)job;
        }
    }
    best = corrected(best, hits, scores);
    ret->job = best;
    ret->score = scores[best];
    for (uint32_t job = ANALYSIS_JOB_MNIST; job < ANALYSIS_JOB_CUSTOM; job++) {
        if (job != best && scores[job] > ret->runner_up) {
            ret->runner_up = scores[job];
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
    if (learns && any_framework && hits->finetune >= 8 && hits->train >= 6) {
        return ANALYSIS_MODE_FINETUNE; /* also from a page of its own */
    }
    if (hits->serve >= 8) {
        return learns || any_framework ? ANALYSIS_MODE_SERVE : ANALYSIS_MODE_SERVICE;
    }
    if (!learns && !any_framework) {
        return ANALYSIS_MODE_NA;
    }
    if (hits->train > hits->infer || (hits->finetune >= 8 && hits->train >= 5)) {
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

static enum analysis_mode mode_of_environment(const struct facts *facts, enum analysis_kind kind,
                                              enum analysis_job job)
{
    bool starts = false;
    for (const struct fact_name *name = facts->names; name != NULL; name = name->next) {
        starts = starts || strcmp(name->callee, "starts") == 0;
    }
    if (kind == ANALYSIS_KIND_COMPOSE || (kind == ANALYSIS_KIND_DOCKERFILE && starts)) {
        return job == ANALYSIS_JOB_CUSTOM ? ANALYSIS_MODE_SERVICE : ANALYSIS_MODE_SERVE;
    }
    return ANALYSIS_MODE_ENV;
}

/* A launcher that starts no program and fetches files: its job is the files. */
static bool only_fetches(const struct facts *facts)
{
    bool fetches = false;
    for (const struct fact_name *name = facts->names; name != NULL; name = name->next) {
        bool command = name->kind == FACT_COMMAND;
        size_t size = strlen(name->text);
        fetches = fetches || (command && strcmp(name->callee, "fetch") == 0);
        if (command && (strncmp(name->text, "python", 6) == 0 ||
                        (size > 3 && strcmp(name->text + size - 3, ".py") == 0))) {
            return false;
        }
    }
    return fetches && facts->imports == NULL;
}

void jobtype_find(const struct facts *facts, const struct frameworks *frameworks,
                  enum analysis_kind kind, const char *base_name, struct jobtype *ret)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct jobtype found = {.job = ANALYSIS_JOB_CUSTOM};
    pthread_once(&once, make_table);

    if (kind == ANALYSIS_KIND_REQUIREMENTS) {
        found.job = job_of_packages(facts);
        found.score = found.job == ANALYSIS_JOB_CUSTOM ? 0 : 15;
        found.mode = ANALYSIS_MODE_ENV;
        *ret = found;
        return;
    }
    struct hits hits = {0};
    look_everywhere(&hits, facts, base_name);
    rank(&hits, frameworks, &found);
    if (kind == ANALYSIS_KIND_SHELL && found.job == ANALYSIS_JOB_CUSTOM && only_fetches(facts)) {
        found.job = ANALYSIS_JOB_DATA_PROCESSING;
    }
    found.asks_for_gpu = hits.asks_for_gpu || facts->gpus > 0;
    found.mode = kind == ANALYSIS_KIND_DOCKERFILE || kind == ANALYSIS_KIND_COMPOSE
                     ? mode_of_environment(facts, kind, found.job)
                     : mode_of(&hits, found.job, frameworks);
    keep_cues(&hits, &found);
    if (found.job == ANALYSIS_JOB_LLM_TRAINING &&
        (found.mode == ANALYSIS_MODE_INFERENCE || found.mode == ANALYSIS_MODE_SERVE)) {
        found.job = ANALYSIS_JOB_LLM_INFERENCE;
    } else if (found.job == ANALYSIS_JOB_LLM_INFERENCE &&
               (found.mode == ANALYSIS_MODE_TRAIN || found.mode == ANALYSIS_MODE_PRETRAIN ||
                found.mode == ANALYSIS_MODE_FINETUNE)) {
        found.job = ANALYSIS_JOB_LLM_TRAINING;
    }
    *ret = found;
}
