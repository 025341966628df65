// SPDX-License-Identifier: Apache-2.0
#include "core/base/software.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Places are bits of masks in views that are made anew with each VIEWS_VERSION: a change here is one of that. */
static const char *const packages[] = {
    "torch",
    "torchvision",
    "torchaudio",
    "tensorflow",
    "keras",
    "jax",
    "flax",
    "mxnet",
    "paddle",
    "onnx",
    "onnxruntime",
    "tensorrt",
    "lightning",
    "pytorch_lightning",
    "fastai",
    "timm",
    "torchmetrics",
    "torch_geometric",
    "diffusers",
    "transformers",
    "accelerate",
    "datasets",
    "peft",
    "trl",
    "bitsandbytes",
    "deepspeed",
    "xformers",
    "vllm",
    "sentence_transformers",
    "ultralytics",
    "whisper",
    "cupy",
    "numba",
    "cudf",
    "cuml",
    "xgboost",
    "lightgbm",
    "catboost",
    "sklearn",
    "numpy",
    "scipy",
    "pandas",
    "polars",
    "pyarrow",
    "matplotlib",
    "seaborn",
    "statsmodels",
    "skimage",
    "cv2",
    "PIL",
    "nltk",
    "spacy",
    "librosa",
    "soundfile",
    "gymnasium",
    "gym",
    "stable_baselines3",
    "networkx",
    "h5py",
    "einops",
    "tqdm",
    "nbclient",
};
#define PACKAGE_COUNT (sizeof packages / sizeof packages[0])
static_assert(PACKAGE_COUNT <= 63, "a mask has a bit for each");

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

bool software_next(struct bytes *rest, struct bytes *ret_name, struct bytes *ret_version)
{
    if (rest->size == 0) {
        return false;
    }
    const uint8_t *space = memchr(rest->data, ' ', rest->size);
    size_t const size = space == NULL ? rest->size : (size_t)(space - rest->data);
    const uint8_t *equals = memchr(rest->data, '=', size);
    size_t const name = equals == NULL ? size : (size_t)(equals - rest->data);
    *ret_name = bytes_of(rest->data, name);
    *ret_version =
        bytes_of(rest->data + name + (name < size ? 1 : 0), size - name - (name < size ? 1 : 0));
    *rest = bytes_from(*rest, space == NULL ? size : size + 1);
    return true;
}

int software_package(struct bytes name)
{
    for (size_t i = 0; i < PACKAGE_COUNT; i++) {
        if (bytes_equal(name, bytes_of_text(packages[i]))) {
            return (int)i;
        }
    }
    return -1;
}

const char *software_package_name(unsigned place)
{
    return place < PACKAGE_COUNT ? packages[place] : NULL;
}

uint64_t software_packages_of(struct bytes list)
{
    uint64_t found = 0;
    struct bytes name;
    struct bytes version;
    while (software_next(&list, &name, &version)) {
        int const place = software_package(name);
        found |= place < 0 ? 0 : UINT64_C(1) << (unsigned)place;
    }
    return found;
}

void software_packages_append(uint64_t mask, const char *between, struct buf *ret)
{
    const char *before = "";
    for (size_t i = 0; i < PACKAGE_COUNT; i++) {
        if ((mask >> i & 1) != 0) {
            buf_append_text(ret, before);
            buf_append_text(ret, packages[i]);
            before = between;
        }
    }
}

static bool is_made_of(struct bytes text, size_t size_max, const char *characters)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == 0 || strchr(characters, text.data[i]) == NULL) {
            return false;
        }
    }
    return text.size > 0 && text.size <= size_max;
}

bool software_package_name_is_good(struct bytes name)
{
    return is_made_of(name, SOFTWARE_NAME_MAX, LETTERS DIGITS "_");
}

bool software_version_is_good(struct bytes version)
{
    return is_made_of(version, SOFTWARE_NAME_MAX, LETTERS DIGITS "._+!-");
}

bool software_model_name_is_good(struct bytes name)
{
    const uint8_t *slash = name.size == 0 ? NULL : memchr(name.data, '/', name.size);
    size_t const first = slash == NULL ? name.size : (size_t)(slash - name.data);
    struct bytes const parts[2] = {bytes_of(name.data, first),
                                   bytes_from(name, slash == NULL ? first : first + 1)};
    for (size_t i = 0; i < (slash == NULL ? 1U : 2U); i++) {
        if (!is_made_of(parts[i], SOFTWARE_MODEL_MAX, LETTERS DIGITS "._-") ||
            parts[i].data[0] == '.') {
            return false;
        }
    }
    return name.size <= SOFTWARE_MODEL_MAX;
}

bool software_image_name(const char *image, char ret[JOB_IMAGE_NAME_MAX + 8])
{
    static const char *const meant[] = {"docker.io/library/", "docker.io/", "localhost/"};
    if (!job_image_name_is_good(image) || strchr(image, '@') != NULL) {
        return false;
    }
    for (size_t i = 0; i < sizeof meant / sizeof meant[0]; i++) {
        size_t const size = strlen(meant[i]);
        if (strncmp(image, meant[i], size) == 0) {
            image += size;
            break;
        }
    }
    const char *slash = strrchr(image, '/');
    bool const has_tag = strchr(slash == NULL ? image : slash, ':') != NULL;
    (void)snprintf(ret, JOB_IMAGE_NAME_MAX + 8, "%s%s", image, has_tag ? "" : ":latest");
    return job_image_name_is_good(image); /* what is left of localhost/-x is none */
}
