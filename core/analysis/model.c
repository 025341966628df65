// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/model.h"

#include "core/analysis/python_names.h"

#include <string.h>

#define CALLS_MAX 32 /* that load a model and are looked at: for each all literals are */
#define MODELS_FOLDER "/models/" /* where a job finds the machine's models */

/* ── what a model's name means ─────────────────────────────────────────────────────────────────── */

static uint8_t small(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* `text` in small letters, cut where `ret` ends. */
static void small_text(struct bytes text, char *ret, size_t ret_size)
{
    size_t size = 0;
    for (; size < text.size && size + 1 < ret_size; size++) {
        ret[size] = (char)small(text.data[size]);
    }
    ret[size] = '\0';
}

static bool ends_with(const char *text, const char *end)
{
    size_t const size = strlen(text);
    size_t const end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* Weights, settings, code: a file, where a model of a hub is a folder of them. */
static bool is_file(struct bytes part)
{
    static const char *const ends[] = {
        ".pt",   ".pth",  ".ckpt", ".safetensors", ".bin", ".gguf", ".ggml",   ".onnx",    ".h5",
        ".hdf5", ".pkl",  ".npz",  ".npy",         ".pb",  ".json", ".yaml",   ".yml",     ".toml",
        ".txt",  ".py",   ".zip",  ".tar",         ".gz",  ".tgz",  ".tflite", ".msgpack", ".model",
        ".trt",  ".plan", ".mar",  ".engine",      ".csv", ".vocab"};
    char plain[SOFTWARE_MODEL_MAX + 1];
    small_text(part, plain, sizeof plain);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (ends_with(plain, ends[i])) {
            return true;
        }
    }
    return false;
}

/* What programs call folders of their own, and what examples say in place of a name: "results/bert", "your-name/my-model". */
static bool is_own_folder(struct bytes part)
{
    static const char *const words[] = {"model",      "models",      "ckpt",
                                        "ckpts",      "out",         "data",
                                        "dataset",    "datasets",    "save",
                                        "saves",      "weight",      "weights",
                                        "log",        "logs",        "run",
                                        "runs",       "exp",         "exps",
                                        "train",      "trained",     "trained_models",
                                        "finetune",   "finetuned",   "fine-tuned",
                                        "fine_tuned", "lora",        "loras",
                                        "local",      "path",        "content",
                                        "drive",      "home",        "root",
                                        "workspace",  "work_dir",    "work_dirs",
                                        "experiment", "experiments", "artifact",
                                        "artifacts",  "asset",       "assets",
                                        "file",       "files",       "cache",
                                        "tmp",        "temp",        "test",
                                        "tests",      "input",       "inputs",
                                        "src",        "resource",    "resources",
                                        "download",   "downloads",   "model_zoo",
                                        "export",     "exports",     "organization",
                                        "user",       "mnt",         "opt",
                                        "repo",       "project",     "llm",
                                        "llms",       "hf"};
    static const char *const anywhere[] = {"checkpoint", "output", "result",  "saved",
                                           "pretrained", "your",   "username"};
    char plain[SOFTWARE_MODEL_MAX + 1];
    small_text(part, plain, sizeof plain);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(plain, words[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof anywhere / sizeof anywhere[0]; i++) {
        if (strstr(plain, anywhere[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* A hub lets no name have these, and its cache has the first in place of a slash. */
static bool has_doubled(struct bytes name)
{
    for (size_t i = 1; i < name.size; i++) {
        if (name.data[i] == name.data[i - 1] && (name.data[i] == '-' || name.data[i] == '.')) {
            return true;
        }
    }
    return false;
}

static size_t slash_in(struct bytes text)
{
    const uint8_t *slash = text.size == 0 ? NULL : memchr(text.data, '/', text.size);
    return slash == NULL ? text.size : (size_t)(slash - text.data);
}

static struct bytes last_part(struct bytes path)
{
    size_t start = path.size;
    while (start > 0 && path.data[start - 1] != '/') {
        start--;
    }
    return bytes_from(path, start);
}

/* What of a path behind /models/ is the model: not a file in its folder. */
static struct bytes folder_of(struct bytes path)
{
    while (path.size > 0 && path.data[path.size - 1] == '/') {
        path.size--;
    }
    struct bytes const last = last_part(path);
    if (last.size < path.size && is_file(last)) {
        path.size -= last.size + 1;
    }
    return path;
}

bool analysis_model_of(const char *value, char ret[SOFTWARE_MODEL_MAX + 1])
{
    struct bytes name = bytes_of_text(value);
    size_t const slash = slash_in(name);
    if (bytes_starts_with(name, MODELS_FOLDER)) {
        name = folder_of(bytes_from(name, strlen(MODELS_FOLDER)));
    } else if (slash == name.size || is_own_folder(bytes_of(name.data, slash)) ||
               bytes_starts_with(bytes_from(name, slash), "/checkpoint-")) {
        return false;
    }
    if (!software_model_name_is_good(name) || is_file(name) || has_doubled(name)) {
        return false;
    }
    memcpy(ret, name.data, name.size);
    ret[name.size] = '\0';
    return true;
}

/* ── which model a program loads ───────────────────────────────────────────────────────────────── */

/* Loaded alone or first, by the class whose method it is: a whole pipeline, a model, a part of one. */
enum rank { RANK_PIPELINE, RANK_MODEL, RANK_PART, RANK_COUNT };

static bool has(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strstr(text, *words) != NULL) {
            return true;
        }
    }
    return false;
}

static enum rank rank_of(const char *callee)
{
    static const char *const wholes[] = {"Pipeline", "pipeline", "LLM", NULL};
    static const char *const parts[] = {
        "Tokenizer",   "Processor", "FeatureExtractor", "Scheduler", "Config",
        "Autoencoder", "VAE",       "ControlNet",       "Adapter",   "LoRA",
        "Lora",        "TextModel", "VQModel",          NULL};
    return has(callee, wholes) ? RANK_PIPELINE : has(callee, parts) ? RANK_PART : RANK_MODEL;
}

/* "modelid" of "--model-id" and MODEL_ID. */
static void plain_name(const char *name, char *ret, size_t ret_size)
{
    size_t size = 0;
    for (; *name != '\0' && size + 1 < ret_size; name++) {
        if (*name != '-' && *name != '_') {
            ret[size++] = (char)small((uint8_t)*name);
        }
    }
    ret[size] = '\0';
}

static bool is_same_name(const char *left, const char *right)
{
    char a[FACT_TEXT_MAX + 1];
    char b[FACT_TEXT_MAX + 1];
    plain_name(left, a, sizeof a);
    plain_name(right, b, sizeof b);
    return strcmp(a, b) == 0;
}

static bool is_called_model(const char *name)
{
    bool is_number;
    const char *parameter = analysis_parameter_named(name, &is_number);
    return parameter != NULL && strcmp(parameter, "model") == 0;
}

static bool is_unconditional(uint32_t scope)
{
    bool const has_if = (scope & FACT_IN_IF) != 0 && (scope & FACT_IN_MAIN) == 0;
    return !has_if && (scope & (FACT_IN_TRY | FACT_TYPE_CHECKING)) == 0;
}

/* A text that a variable of the program itself has. Of the command line only an option that is known for a model's: another may be given
 * another value, and nobody would see that. */
static bool is_candidate(const struct model_question *q, const struct fact_literal *literal)
{
    switch (literal->source) {
    case ANALYSIS_SOURCE_ARGPARSE:
    case ANALYSIS_SOURCE_FLAG:
    case ANALYSIS_SOURCE_CLICK:
        return is_called_model(literal->name) && !literal->is_number;
    case ANALYSIS_SOURCE_ASSIGN:
    case ANALYSIS_SOURCE_KWARG:
    case ANALYSIS_SOURCE_LOCAL:
        return !literal->is_number && evidence_source(q->list, literal->line)->runs;
    case ANALYSIS_SOURCE_COMMAND:
    case ANALYSIS_SOURCE_YAML:
    case ANALYSIS_SOURCE_ENV:
    case ANALYSIS_SOURCE_DATA:
        break;
    }
    return false;
}

/* What a variable of this name has, from the best place that says so; with `any_model` what any variable has that is known for a model's. NULL: none, or
 * it is not certain: there are different values, or one is set under a condition. */
static const struct fact_literal *literal_of(const struct model_question *q, const char *name,
                                             bool any_model, bool *ret_differ)
{
    const struct fact_literal *found = NULL;
    *ret_differ = false;
    for (const struct fact_literal *i = q->facts->literals; i != NULL; i = i->next) {
        bool const is_it = any_model ? is_called_model(i->name) : is_same_name(i->name, name);
        if (!is_it || i->value[0] == '\0' || !is_candidate(q, i)) {
            continue;
        }
        if (found == NULL || i->source < found->source) {
            found = i;
            *ret_differ = !is_unconditional(i->scope);
        } else if (i->source == found->source &&
                   (strcmp(i->value, found->value) != 0 || !is_unconditional(i->scope))) {
            *ret_differ = true;
        }
    }
    return *ret_differ ? NULL : found;
}

/* The program writes it: it is there when it is loaded. */
static bool is_made(const struct facts *facts, const char *value)
{
    static const char *const writers[] = {"save_pretrained", "save",  "save_model",  "save_to_disk",
                                          "makedirs",        "mkdir", "push_to_hub", "export",
                                          "exists",          "isdir", "Path",        "join",
                                          "listdir",         NULL};
    static const char *const folders[] = {"outputdir", "savedir", "savepath", "hubmodelid",
                                          "localdir",  "outdir",  NULL};
    char plain[FACT_TEXT_MAX + 1];
    for (const struct fact_name *i = facts->names; i != NULL; i = i->next) {
        if (i->kind == FACT_ARGUMENT && strcmp(i->text, value) == 0) {
            const char *dot = strrchr(i->callee, '.');
            const char *last = dot == NULL ? i->callee : dot + 1;
            for (const char *const *w = writers; *w != NULL; w++) {
                if (strcmp(*w, last) == 0) {
                    return true;
                }
            }
        }
    }
    for (const struct fact_literal *i = facts->literals; i != NULL; i = i->next) {
        plain_name(i->name, plain, sizeof plain);
        if (strcmp(i->value, value) == 0 && has(plain, folders)) {
            return true;
        }
    }
    return false;
}

/* What one call loads. */
static bool loaded_by(const struct model_question *q, const struct fact_name *call,
                      struct model_found *ret)
{
    const char *value = call->text;
    struct model_found found = {.line = call->line, .offset = call->offset};
    if (call->position != 0) {
        bool differ = false;
        const struct fact_literal *literal = literal_of(q, call->text, false, &differ);
        if (literal == NULL && !differ) {
            literal = literal_of(q, call->text, true, &differ);
        }
        if (literal == NULL) {
            return false;
        }
        value = literal->value;
        found.line = literal->line;
        found.offset = literal->offset;
    }
    if (!analysis_model_of(value, found.name) || is_made(q->facts, value) ||
        (q->bundle != NULL && bundle_has_model(q->bundle, value))) {
        return false;
    }
    *ret = found;
    return true;
}

/* Of one rank: the first that is surely loaded; else the one that all methods agree upon, of which we do not know which are called. */
static bool find_of_rank(const struct model_question *q, enum rank rank, struct model_found *ret,
                         bool *ret_differ)
{
    struct model_found other = {0};
    bool any = false;
    unsigned seen = 0;
    *ret_differ = false;
    for (const struct fact_name *i = q->facts->names; i != NULL && seen < CALLS_MAX; i = i->next) {
        struct model_found one;
        seen += i->kind == FACT_MODEL ? 1 : 0;
        if (i->kind != FACT_MODEL || rank_of(i->callee) != rank ||
            !evidence_source(q->list, i->line)->runs || !is_unconditional(i->scope) ||
            !loaded_by(q, i, &one)) {
            continue;
        }
        if (q->is_started(q->user, i->scope, i->function, i->line)) {
            *ret = one;
            *ret_differ = false;
            return true;
        }
        if (i->function[0] == '\0') {
            *ret_differ = *ret_differ || (any && strcmp(one.name, other.name) != 0);
            other = any ? other : one;
            any = true;
        }
    }
    if (any && !*ret_differ) {
        *ret = other;
    }
    return any && !*ret_differ;
}

bool model_find(const struct model_question *q, struct model_found *ret)
{
    bool differ = false;
    for (int rank = 0; rank < RANK_COUNT && !differ; rank++) {
        if (find_of_rank(q, (enum rank)rank, ret, &differ)) {
            return true;
        }
    }
    return false;
}
