// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/frameworks.h"

#include <string.h>

#define PYTORCH ANALYSIS_FRAMEWORK_PYTORCH
#define TENSORFLOW ANALYSIS_FRAMEWORK_TENSORFLOW
#define JAX ANALYSIS_FRAMEWORK_JAX

/* Modules that are a framework or stand on one. An entry covers its submodules. `implied`: a library of its own. */
static const struct library {
    const char *module;
    enum analysis_framework framework;
    bool implied;
} libraries[] = {
    {"torch", PYTORCH, false},
    {"torchvision", PYTORCH, false},
    {"torchaudio", PYTORCH, false},
    {"torchtext", PYTORCH, false},
    {"torchdata", PYTORCH, false},
    {"torchmetrics", PYTORCH, true},
    {"torch_geometric", PYTORCH, true},
    {"pyg_lib", PYTORCH, true},
    {"torch_xla", PYTORCH, true},
    {"torchrl", PYTORCH, true},
    {"torchtune", PYTORCH, true},
    {"lightning", PYTORCH, true},
    {"pytorch_lightning", PYTORCH, true},
    {"lightning_fabric", PYTORCH, true},
    {"fastai", PYTORCH, true},
    {"timm", PYTORCH, true},
    {"accelerate", PYTORCH, true},
    {"peft", PYTORCH, true},
    {"trl", PYTORCH, true},
    {"deepspeed", PYTORCH, true},
    {"bitsandbytes", PYTORCH, true},
    {"unsloth", PYTORCH, true},
    {"xformers", PYTORCH, true},
    {"flash_attn", PYTORCH, true},
    {"vllm", PYTORCH, true},
    {"apex", PYTORCH, true},
    {"dgl", PYTORCH, true},
    {"whisper", PYTORCH, true},
    {"whisperx", PYTORCH, true},
    {"open_clip", PYTORCH, true},
    {"sentence_transformers", PYTORCH, true},
    {"transformers", PYTORCH, true},
    {"diffusers", PYTORCH, true},
    {"ultralytics", PYTORCH, true},
    {"detectron2", PYTORCH, true},
    {"mmcv", PYTORCH, true},
    {"mmdet", PYTORCH, true},
    {"mmengine", PYTORCH, true},
    {"monai", PYTORCH, true},
    {"segmentation_models_pytorch", PYTORCH, true},
    {"kornia", PYTORCH, true},
    {"gpytorch", PYTORCH, true},
    {"botorch", PYTORCH, true},
    {"pyro", PYTORCH, true},
    {"stable_baselines3", PYTORCH, true},
    {"skorch", PYTORCH, true},
    {"ignite", PYTORCH, true},
    {"fairseq", PYTORCH, true},
    {"espnet", PYTORCH, true},
    {"speechbrain", PYTORCH, true},
    {"TTS", PYTORCH, true},
    {"auto_gptq", PYTORCH, true},
    {"pytorch3d", PYTORCH, true},
    {"pytorch_forecasting", PYTORCH, true},
    {"tensorflow", TENSORFLOW, false},
    {"tensorflow.keras", ANALYSIS_FRAMEWORK_KERAS, false},
    {"tensorflow.python.keras", ANALYSIS_FRAMEWORK_KERAS, false},
    {"tensorflow_addons", TENSORFLOW, true},
    {"tensorflow_hub", TENSORFLOW, true},
    {"tensorflow_datasets", TENSORFLOW, true},
    {"tensorflow_probability", TENSORFLOW, true},
    {"tensorflow_text", TENSORFLOW, true},
    {"tensorflow_recommenders", TENSORFLOW, true},
    {"tensorflow_federated", TENSORFLOW, true},
    {"tf_agents", TENSORFLOW, true},
    {"tf_slim", TENSORFLOW, true},
    {"tflearn", TENSORFLOW, true},
    {"official.nlp", TENSORFLOW, true},
    {"sonnet", TENSORFLOW, true},
    {"keras", ANALYSIS_FRAMEWORK_KERAS, false},
    {"tf_keras", ANALYSIS_FRAMEWORK_KERAS, false},
    {"keras_cv", ANALYSIS_FRAMEWORK_KERAS, true},
    {"keras_nlp", ANALYSIS_FRAMEWORK_KERAS, true},
    {"keras_hub", ANALYSIS_FRAMEWORK_KERAS, true},
    {"autokeras", ANALYSIS_FRAMEWORK_KERAS, true},
    {"jax", JAX, false},
    {"jaxlib", JAX, false},
    {"flax", JAX, true},
    {"optax", JAX, true},
    {"orbax", JAX, true},
    {"haiku", JAX, true},
    {"equinox", JAX, true},
    {"chex", JAX, true},
    {"clu", JAX, true},
    {"jraph", JAX, true},
    {"rlax", JAX, true},
    {"distrax", JAX, true},
    {"numpyro", JAX, true},
    {"diffrax", JAX, true},
    {"brax", JAX, true},
    {"t5x", JAX, true},
    {"mxnet", ANALYSIS_FRAMEWORK_MXNET, false},
    {"gluoncv", ANALYSIS_FRAMEWORK_MXNET, true},
    {"gluonnlp", ANALYSIS_FRAMEWORK_MXNET, true},
    {"d2l.mxnet", ANALYSIS_FRAMEWORK_MXNET, true},
    {"paddle", ANALYSIS_FRAMEWORK_PADDLE, false},
    {"paddlenlp", ANALYSIS_FRAMEWORK_PADDLE, true},
    {"paddleocr", ANALYSIS_FRAMEWORK_PADDLE, true},
    {"paddlehub", ANALYSIS_FRAMEWORK_PADDLE, true},
    {"ppdet", ANALYSIS_FRAMEWORK_PADDLE, true},
    {"caffe", ANALYSIS_FRAMEWORK_CAFFE, false},
    {"caffe2", ANALYSIS_FRAMEWORK_CAFFE, false},
    {"theano", ANALYSIS_FRAMEWORK_THEANO, false},
    {"lasagne", ANALYSIS_FRAMEWORK_THEANO, true},
    {"pymc3", ANALYSIS_FRAMEWORK_THEANO, true},
    {"sklearn", ANALYSIS_FRAMEWORK_SKLEARN, false},
    {"imblearn", ANALYSIS_FRAMEWORK_SKLEARN, true},
    {"xgboost", ANALYSIS_FRAMEWORK_XGBOOST, false},
    {"cudf", ANALYSIS_FRAMEWORK_RAPIDS, false},
    {"cuml", ANALYSIS_FRAMEWORK_RAPIDS, false},
    {"cugraph", ANALYSIS_FRAMEWORK_RAPIDS, false},
    {"cuspatial", ANALYSIS_FRAMEWORK_RAPIDS, false},
    {"dask_cudf", ANALYSIS_FRAMEWORK_RAPIDS, false},
    {"rmm", ANALYSIS_FRAMEWORK_RAPIDS, false},
    {"cupy", ANALYSIS_FRAMEWORK_CUPY, false},
    {"cupyx", ANALYSIS_FRAMEWORK_CUPY, false},
    {"numba", ANALYSIS_FRAMEWORK_NUMBA, false},
    {"numbapro", ANALYSIS_FRAMEWORK_NUMBA, false},
    {"onnx", ANALYSIS_FRAMEWORK_ONNX, false},
    {"onnxruntime", ANALYSIS_FRAMEWORK_ONNX, false},
    {"tensorrt", ANALYSIS_FRAMEWORK_TENSORRT, false},
    {"pycuda", ANALYSIS_FRAMEWORK_CUPY, true},
    {"kaldi", ANALYSIS_FRAMEWORK_KALDI, false},
    {"kaldiio", ANALYSIS_FRAMEWORK_KALDI, true},
};
#define LIBRARY_COUNT (sizeof(libraries) / sizeof(libraries[0]))

/* Who wins among equals; families first. */
static const enum analysis_framework families[] = {
    JAX,
    TENSORFLOW,
    PYTORCH,
    ANALYSIS_FRAMEWORK_KERAS,
    ANALYSIS_FRAMEWORK_MXNET,
    ANALYSIS_FRAMEWORK_PADDLE,
    ANALYSIS_FRAMEWORK_CAFFE,
    ANALYSIS_FRAMEWORK_THEANO,
};
static const enum analysis_framework others[] = {
    ANALYSIS_FRAMEWORK_TENSORRT, ANALYSIS_FRAMEWORK_RAPIDS, ANALYSIS_FRAMEWORK_XGBOOST,
    ANALYSIS_FRAMEWORK_SKLEARN,  ANALYSIS_FRAMEWORK_CUPY,   ANALYSIS_FRAMEWORK_NUMBA,
    ANALYSIS_FRAMEWORK_ONNX,     ANALYSIS_FRAMEWORK_KALDI,
};

static bool covers(const char *entry, const char *module)
{
    size_t size = strlen(entry);
    return strncmp(entry, module, size) == 0 && (module[size] == '\0' || module[size] == '.');
}

static void note(struct frameworks *found, enum analysis_framework framework, bool implied,
                 const struct fact_import *import)
{
    enum framework_rank rank = implied ? FRAMEWORK_IMPLIED : FRAMEWORK_DIRECT;
    if ((import->scope & ~(FACT_INSTALLED | FACT_MARKED | FACT_IMAGE)) != 0) {
        rank = implied ? FRAMEWORK_IMPLIED_CONDITIONAL : FRAMEWORK_CONDITIONAL;
    }
    found->mask |= 1u << framework;
    if (rank > found->rank[framework]) {
        found->rank[framework] = rank;
        found->import[framework] = import;
    }
}

/* transformers and diffusers name what they run on in their classes: TFAutoModel, FlaxUNet2DConditionModel. */
static enum analysis_framework refine(const struct library *library, const char *name)
{
    bool hugging_face =
        strcmp(library->module, "transformers") == 0 || strcmp(library->module, "diffusers") == 0;
    if (hugging_face && strncmp(name, "Flax", 4) == 0) {
        return JAX;
    }
    if (hugging_face && strncmp(name, "TF", 2) == 0 && name[2] >= 'A' && name[2] <= 'Z') {
        return TENSORFLOW;
    }
    return library->framework;
}

static enum analysis_framework strongest(const struct frameworks *found,
                                         const enum analysis_framework *list, size_t count)
{
    enum analysis_framework best = ANALYSIS_FRAMEWORK_NONE;
    int best_class = 0;
    for (size_t i = 0; i < count; i++) {
        enum framework_rank rank = found->rank[list[i]];
        int class = rank >= FRAMEWORK_IMPLIED ? 2 : rank > FRAMEWORK_ABSENT ? 1 : 0;
        if (class > best_class) {
            best = list[i];
            best_class = class;
        }
    }
    return best;
}

/* The framework a file is named after, of those found. */
static enum analysis_framework named(const struct frameworks *found, const char *base_name)
{
    static const struct {
        const char *word;
        enum analysis_framework framework;
    } names[] = {{"jax", JAX},
                 {"flax", JAX},
                 {"torch", PYTORCH},
                 {"pytorch", PYTORCH},
                 {"tensorflow", TENSORFLOW},
                 {"tf", TENSORFLOW},
                 {"tf2", TENSORFLOW},
                 {"keras", ANALYSIS_FRAMEWORK_KERAS},
                 {"mxnet", ANALYSIS_FRAMEWORK_MXNET},
                 {"paddle", ANALYSIS_FRAMEWORK_PADDLE}};
    char word[32];
    size_t size = 0;
    for (const char *at = base_name;; at++) {
        char c = (char)(*at >= 'A' && *at <= 'Z' ? *at + ('a' - 'A') : *at);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            word[size < sizeof(word) - 1 ? size++ : size] = c;
            continue;
        }
        word[size] = '\0';
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            if (strcmp(names[i].word, word) == 0 &&
                (found->mask & (1u << names[i].framework)) != 0) {
                return names[i].framework;
            }
        }
        size = 0;
        if (c == '\0') {
            return ANALYSIS_FRAMEWORK_NONE;
        }
    }
}

void frameworks_find(const struct facts *facts, enum analysis_kind kind, const char *base_name,
                     struct frameworks *ret)
{
    struct frameworks found = {0};
    bool environment = kind != ANALYSIS_KIND_PYTHON && kind != ANALYSIS_KIND_NOTEBOOK;
    for (const struct fact_import *import = facts->imports; import != NULL; import = import->next) {
        bool installed = (import->scope & (FACT_INSTALLED | FACT_IMAGE)) != 0;
        if ((import->scope & FACT_TYPE_CHECKING) != 0 || (installed && !environment)) {
            continue;
        }
        for (size_t i = 0; i < LIBRARY_COUNT; i++) {
            if (covers(libraries[i].module, import->module)) {
                note(&found, refine(&libraries[i], import->name), libraries[i].implied, import);
            }
        }
        if (strcmp(import->module, "tensorflow") == 0 && strcmp(import->name, "keras") == 0) {
            note(&found, ANALYSIS_FRAMEWORK_KERAS, false, import);
        }
    }
    found.primary = environment ? named(&found, base_name) : ANALYSIS_FRAMEWORK_NONE;
    if (found.primary == ANALYSIS_FRAMEWORK_NONE) {
        found.primary = strongest(&found, families, sizeof(families) / sizeof(families[0]));
    }
    if (found.primary == ANALYSIS_FRAMEWORK_NONE) {
        found.primary = strongest(&found, others, sizeof(others) / sizeof(others[0]));
    }
    *ret = found;
}

uint32_t framework_mask_of(const char *module)
{
    uint32_t mask = 0;
    for (size_t i = 0; i < LIBRARY_COUNT; i++) {
        mask |= covers(libraries[i].module, module) ? 1u << libraries[i].framework : 0;
    }
    return mask;
}

bool framework_uses_gpu(enum analysis_framework framework)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        if (families[i] == framework) {
            return true;
        }
    }
    return framework == ANALYSIS_FRAMEWORK_RAPIDS || framework == ANALYSIS_FRAMEWORK_CUPY ||
           framework == ANALYSIS_FRAMEWORK_TENSORRT;
}
