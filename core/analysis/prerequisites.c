// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/analysis.h"

#include <string.h>

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
    static const char *const words[] = {"model",        "models",      "ckpt",
                                        "ckpts",        "out",         "data",
                                        "dataset",      "datasets",    "save",
                                        "saves",        "weight",      "weights",
                                        "log",          "logs",        "run",
                                        "runs",         "exp",         "exps",
                                        "train",        "trained",     "trained_models",
                                        "finetune",     "finetuned",   "fine-tuned",
                                        "fine_tuned",   "lora",        "loras",
                                        "local",        "path",        "content",
                                        "drive",        "home",        "root",
                                        "workspace",    "work_dir",    "work_dirs",
                                        "experiment",   "experiments", "artifact",
                                        "artifacts",    "asset",       "assets",
                                        "file",         "files",       "cache",
                                        "tmp",          "temp",        "test",
                                        "tests",        "input",       "inputs",
                                        "src",          "resource",    "resources",
                                        "download",     "downloads",   "model_zoo",
                                        "export",       "exports",     "org",
                                        "organization", "user",        "mnt",
                                        "opt",          "repo",        "project",
                                        "llm",          "llms",        "hf"};
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
