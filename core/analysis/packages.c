// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/packages.h"

#include "core/analysis/cuda.h"

#include <stdio.h>
#include <string.h>

#define IMAGE_MAX_BYTES 1024
#define GPUS_MAX 1024

/* Packages that are not called like the module they bring. A '*' stands for any end. Lower case, '_' for '-' and '.'. */
static const struct {
    const char *package;
    const char *module;
} renamed[] = {
    {"pytorch", "torch"},
    {"pytorch_gpu", "torch"},
    {"pytorch_cpu", "torch"},
    {"pytorch_cuda", "torch"},
    {"pytorch_nightly", "torch"},
    {"torch_directml", "torch"},
    {"intel_extension_for_pytorch", "torch"},
    {"torchvision_nightly", "torchvision"},
    {"tensorflow_gpu*", "tensorflow"},
    {"tensorflow_cpu*", "tensorflow"},
    {"tensorflow_rocm", "tensorflow"},
    {"tensorflow_macos", "tensorflow"},
    {"tensorflow_intel", "tensorflow"},
    {"tensorflow_mkl", "tensorflow"},
    {"intel_tensorflow*", "tensorflow"},
    {"nvidia_tensorflow", "tensorflow"},
    {"tf_nightly*", "tensorflow"},
    {"tfds_nightly", "tensorflow_datasets"},
    {"keras_nightly", "keras"},
    {"jax_cuda*", "jax"},
    {"jax_nightly", "jax"},
    {"dm_haiku", "haiku"},
    {"orbax_*", "orbax"},
    {"mxnet_*", "mxnet"},
    {"paddlepaddle*", "paddle"},
    {"scikit_learn*", "sklearn"},
    {"py_xgboost*", "xgboost"},
    {"xgboost_cpu", "xgboost"},
    {"cupy_cuda*", "cupy"},
    {"cupy_rocm*", "cupy"},
    {"cudf_cu*", "cudf"},
    {"cuml_cu*", "cuml"},
    {"cugraph_cu*", "cugraph"},
    {"rapids", "cudf"},
    {"onnxruntime_*", "onnxruntime"},
    {"onnx_*", "onnx"},
    {"nvidia_tensorrt", "tensorrt"},
    {"tensorrt_*", "tensorrt"},
    {"openai_whisper", "whisper"},
    {"coqui_tts", "TTS"},
    {"tts", "TTS"},
    {"open_clip_torch", "open_clip"},
    {"segment_anything", "segment_anything"},
    {"pyg", "torch_geometric"},
    {"pytorch_forecasting", "pytorch_forecasting"},
    {"auto_gptq", "auto_gptq"},
    {"opencv*", "cv2"},
    {"py_opencv", "cv2"},
    {"pillow*", "PIL"},
    {"scikit_image", "skimage"},
};

/* Words of an image's path that name what is installed in it. */
static const struct {
    const char *word;
    const char *module;
} images[] = {
    {"pytorch", "torch"},
    {"torch", "torch"},
    {"torchserve", "torch"},
    {"deepspeed", "deepspeed"},
    {"vllm", "vllm"},
    {"sglang", "vllm"},
    {"transformers", "transformers"},
    {"diffusers", "diffusers"},
    {"peft", "peft"},
    {"nemo", "torch"},
    {"ultralytics", "ultralytics"},
    {"yolov5", "torch"},
    {"fastai", "fastai"},
    {"tensorflow", "tensorflow"},
    {"tf", "tensorflow"},
    {"tf1", "tensorflow"},
    {"tf2", "tensorflow"},
    {"keras", "keras"},
    {"jax", "jax"},
    {"maxtext", "jax"},
    {"mxnet", "mxnet"},
    {"paddle", "paddle"},
    {"paddlepaddle", "paddle"},
    {"caffe", "caffe"},
    {"caffe2", "caffe2"},
    {"theano", "theano"},
    {"rapids", "cudf"},
    {"rapidsai", "cudf"},
    {"cupy", "cupy"},
    {"tensorrt", "tensorrt"},
    {"kaldi", "kaldi"},
    {"xgboost", "xgboost"},
    {"sklearn", "sklearn"},
};

static char plain(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char)(c + ('a' - 'A'));
    }
    if (c == '-' || c == '.') {
        return '_';
    }
    return (char)c;
}

static bool is_name_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

static size_t find(struct bytes text, const char *word)
{
    size_t size = strlen(word);
    for (size_t i = 0; i + size <= text.size; i++) {
        if (memcmp(text.data + i, word, size) == 0) {
            return i;
        }
    }
    return text.size;
}

/* The package an address leads to: its egg, its wheel, or the repository's name. */
static struct bytes of_address(struct bytes address)
{
    size_t egg = find(address, "#egg=");
    if (egg < address.size) {
        return bytes_from(address, egg + 5);
    }
    size_t end = find(address, "#");
    size_t start = 0;
    for (size_t i = 0; i < end; i++) {
        if (address.data[i] == '/' && i + 1 < end) {
            start = i + 1;
        }
    }
    struct bytes last = bytes_of(address.data + start, end - start);
    size_t wheel = find(last, ".whl");
    size_t git = find(last, ".git");
    if (wheel < last.size) {
        last.size = find(last, "-");
    } else if (git < last.size) {
        last.size = git;
    } else {
        last.size = find(last, "@");
    }
    return last;
}

static bool matches(const char *pattern, const char *name)
{
    size_t size = strlen(pattern);
    if (size > 0 && pattern[size - 1] == '*') {
        return strncmp(pattern, name, size - 1) == 0;
    }
    return strcmp(pattern, name) == 0;
}

const char *packages_module(struct bytes package, char room[PACKAGES_NAME_SIZE])
{
    size_t size = 0;
    while (size < package.size && size + 1 < PACKAGES_NAME_SIZE &&
           is_name_byte(package.data[size])) {
        room[size] = plain(package.data[size]);
        size++;
    }
    room[size] = '\0';
    for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++) {
        if (matches(renamed[i].package, room)) {
            return renamed[i].module;
        }
    }
    return room;
}

void packages_add(struct facts_writer *writer, struct fact_place at, struct bytes requirement)
{
    struct bytes text = requirement;
    cuda_add(writer, at, requirement);
    while (text.size > 0 && (text.data[0] == '"' || text.data[0] == '\'')) {
        text = bytes_from(text, 1);
    }
    size_t address = find(text, "://");
    size_t named = find(text, "@");
    if (address < text.size && named > address) {
        text = of_address(text);
    } else if (text.size > 0 && (text.data[0] == '.' || text.data[0] == '/')) {
        return; /* a folder or file beside it */
    } else {
        size_t channel = find(text, "::");
        text = channel < text.size ? bytes_from(text, channel + 2) : text;
    }
    char name[PACKAGES_NAME_SIZE];
    const char *module = packages_module(text, name);
    bool const marked = find(requirement, ";") < requirement.size;
    if (name[0] == '\0') {
        return;
    }
    facts_import(writer, at, bytes_of_text(module), bytes_of_text(""),
                 FACT_INSTALLED | (marked ? FACT_MARKED : 0));
}

void packages_add_gpus(struct facts_writer *writer, struct fact_place at, uint32_t count)
{
    struct facts *facts = &writer->facts;
    uint32_t gpus = count == 0 ? 1 : count < GPUS_MAX ? count : GPUS_MAX;
    if (gpus > facts->gpus) {
        facts->gpus = gpus;
        facts->gpu_offset = writer->base.offset + at.offset;
        facts->gpu_line = writer->base.line + at.line;
    }
    facts->gpu_of_any_count = facts->gpu_of_any_count || count == 0;
}

void packages_add_image(struct facts_writer *writer, struct fact_place at, struct bytes image)
{
    char word[PACKAGES_NAME_SIZE];
    size_t size = 0;
    bool in_tag = false;
    bool gpu = find(image, "nvcr.io/nvidia/") == 0;
    if (image.size == 0 || image.size > IMAGE_MAX_BYTES) {
        return; /* no registry takes such a name */
    }
    facts_name(writer, at, FACT_COMMAND, image, bytes_of_text("image"), 0);
    cuda_add(writer, at, image);
    for (size_t i = 0; i <= image.size; i++) {
        uint8_t c = i < image.size ? image.data[i] : 0;
        bool letter = is_name_byte(c) && c != '-' && c != '_' && c != '.';
        if (letter && size + 1 < sizeof(word)) {
            word[size++] = plain(c);
            continue;
        }
        word[size] = '\0';
        for (size_t k = 0; k < sizeof(images) / sizeof(images[0]) && !in_tag; k++) {
            if (strcmp(images[k].word, word) == 0) {
                facts_import(writer, at, bytes_of_text(images[k].module), bytes_of_text(""),
                             FACT_IMAGE);
            }
        }
        gpu = gpu || strncmp(word, "cuda", 4) == 0 || strncmp(word, "rocm", 4) == 0 ||
              strcmp(word, "gpu") == 0 || strncmp(word, "cudnn", 5) == 0;
        /* A port is followed by a path, a tag is not. */
        in_tag = in_tag || (c == ':' && find(bytes_from(image, i), "/") == image.size - i);
        size = 0;
    }
    if (gpu) {
        packages_add_gpus(writer, at, 1);
    }
}
