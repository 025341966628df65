/* R1.6, R2.4: what a job cannot start without, by name: Python packages, a model, a container image; and only where that is certain. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/analysis.h"
#include "tests/support/cmocka_all.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct found {
    struct arena arena;
    struct analysis analysis;
};

static int setup(void **state)
{
    struct found *f = calloc(1, sizeof *f);
    arena_init(&f->arena, (size_t)16 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct found *f = *state;
    arena_deinit(&f->arena);
    free(f);
    return 0;
}

static const struct analysis_requirements *analyse(struct found *f, const char *name,
                                                   const char *text)
{
    struct err err = {0};
    arena_clear(&f->arena);
    if (analysis_run(bytes_of_text(text), name, &f->arena, &f->analysis, &err) != ERR_OK) {
        fail_msg("%s: %s", name, err.message);
    }
    return &f->analysis.requirements;
}

static const struct {
    const char *value;
    const char *model; /* NULL: none */
} MODELS[] = {
    {"stabilityai/sd-turbo", "stabilityai/sd-turbo"},
    {"Qwen/Qwen1.5-0.5B", "Qwen/Qwen1.5-0.5B"},
    {"TheBloke/Llama-2-7B-GGUF", "TheBloke/Llama-2-7B-GGUF"},
    {"/models/sd-turbo", "sd-turbo"},
    {"/models/sd-turbo/", "sd-turbo"},
    {"/models/sd-turbo/model.safetensors", "sd-turbo"},
    {"/models/stabilityai/sd-turbo", "stabilityai/sd-turbo"},
    {"/models/stabilityai/sd-turbo/model_index.json", "stabilityai/sd-turbo"},
    /* Folders and files of its own, sizes, addresses, examples: none of the machine's. */
    {"", NULL},
    {"/", NULL},
    {"gpt2", NULL},
    {"resnet50", NULL},
    {"model", NULL},
    {"./model", NULL},
    {"../stabilityai/sd-turbo", NULL},
    {"~/sd-turbo", NULL},
    {"results/bert", NULL},
    {"my_outputs/bert", NULL},
    {"Checkpoints/best", NULL},
    {"bert/checkpoint-500", NULL},
    {"your-name/your-model", NULL},
    {"stabilityai/sd-turbo/unet", NULL},
    {"stabilityai/", NULL},
    {"/sd-turbo", NULL},
    {"yolo/best.pt", NULL},
    {"configs/bert.YAML", NULL},
    {"https://example.org/sd", NULL},
    {"C:\\sd/turbo", NULL},
    {"stabilityai/sd turbo", NULL},
    {"stabilityai/sd--turbo", NULL},
    {"stabilityai/..", NULL},
    {"/models", NULL},
    {"/models/", NULL},
    {"/models//", NULL},
    {"/models/../etc", NULL},
    {"/models/sd.ckpt", NULL},
    {"/models/models--a--b/snapshots", NULL},
    {"/models/a/b/c", NULL},
    {"/models/.hidden", NULL},
};

static void a_models_name_is_one_of_a_hub_or_a_folder_of_the_machines(void **state)
{
    (void)state;
    char model[SOFTWARE_MODEL_MAX + 1];
    for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS; i++) {
        (void)snprintf(model, sizeof model, "untouched");
        bool const is = analysis_model_of(MODELS[i].value, model);
        const char *want = MODELS[i].model == NULL ? "untouched" : MODELS[i].model;
        if (is != (MODELS[i].model != NULL) || strcmp(model, want) != 0) {
            fail_msg("%s: %d %s", MODELS[i].value, is, model);
        }
    }
}

static void a_models_name_of_any_length_is_looked_at(void **state)
{
    (void)state;
    char value[4 * SOFTWARE_MODEL_MAX] = "/models/";
    char model[SOFTWARE_MODEL_MAX + 1];
    size_t const before = strlen(value);
    memset(value + before, 'a', sizeof value - before - 1);
    for (size_t size = sizeof value - before - 1; size > 0; size--) {
        value[before + size] = '\0';
        assert_int_equal(analysis_model_of(value, model), size <= SOFTWARE_MODEL_MAX);
    }
}

static json_t *needs_in_json(const struct analysis *analysis)
{
    struct buf buf;
    buf_init(&buf, (size_t)1 << 20);
    assert_int_equal(analysis_json(analysis, NULL, &buf, NULL), ERR_OK);
    json_t *json = json_loads(buf_text(&buf), 0, NULL);
    assert_non_null(json);
    json_t *needs = json_incref(json_object_get(json, "requirements"));
    json_decref(json);
    buf_deinit(&buf);
    return needs;
}

static void they_stand_by_name_in_the_json(void **state)
{
    struct found *f = *state;
    (void)analyse(f, "hello.py", "print(1)\n");
    json_t *none = needs_in_json(&f->analysis);
    assert_int_equal(json_array_size(json_object_get(none, "packages")), 0);
    assert_true(json_is_null(json_object_get(none, "model")));
    assert_true(json_is_null(json_object_get(none, "image")));
    json_decref(none);

    f->analysis.requirements.packages = software_packages_of(bytes_of_text("diffusers torch"));
    f->analysis.requirements.model = "stabilityai/sd-turbo";
    f->analysis.requirements.image = "python:3.11-slim";
    json_t *all = needs_in_json(&f->analysis);
    json_t *packages = json_object_get(all, "packages");
    assert_int_equal(json_array_size(packages), 2);
    assert_string_equal(json_string_value(json_array_get(packages, 0)), "torch");
    assert_string_equal(json_string_value(json_array_get(packages, 1)), "diffusers");
    assert_string_equal(json_string_value(json_object_get(all, "model")), "stabilityai/sd-turbo");
    assert_string_equal(json_string_value(json_object_get(all, "image")), "python:3.11-slim");
    json_decref(all);
}

/* ── one file ──────────────────────────────────────────────────────────────────────────────────── */

struct one {
    const char *name;
    const char *text;
    const char
        *needs; /* in the order of core/base/software.h; "model=", "image=" behind; "": none */
};

/* "torch diffusers model=a/b" */
static void told(const struct analysis_requirements *needs, char *ret, size_t ret_size)
{
    struct buf buf;
    buf_init(&buf, SOFTWARE_LIST_MAX);
    software_packages_append(needs->packages, " ", &buf);
    if (needs->model != NULL) {
        buf_printf(&buf, "%smodel=%s", buf.size == 0 ? "" : " ", needs->model);
    }
    if (needs->image != NULL) {
        buf_printf(&buf, "%simage=%s", buf.size == 0 ? "" : " ", needs->image);
    }
    (void)snprintf(ret, ret_size, "%s", buf_text(&buf));
    buf_deinit(&buf);
}

static void assert_needs(const struct analysis_requirements *needs, const char *wanted,
                         const char *about)
{
    char got[SOFTWARE_LIST_MAX];
    told(needs, got, sizeof got);
    if (strcmp(got, wanted) != 0) {
        fail_msg("needs “%s”, not “%s”:\n%s", got, wanted, about);
    }
}

static void assert_each(struct found *f, const struct one *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_needs(analyse(f, cases[i].name, cases[i].text), cases[i].needs, cases[i].text);
    }
}
#define ASSERT_EACH(f, cases) assert_each(f, cases, sizeof(cases) / sizeof *(cases))

static void imports_of_the_top_level_are_needed(void **state)
{
    static const struct one cases[] = {
        {"a.py", "import torch.nn as nn, numpy\nfrom PIL import Image\nimport os, mine\n",
         "torch numpy PIL"},
        {"a.py", "import tensorflow.keras as k\nfrom tensorflow import keras\n", "tensorflow"},
        {"a.py", "from keras.layers import Dense\n", "keras"},
        {"a.py", "class A:\n    import numpy\nwith open('x'):\n    import scipy\n", "numpy scipy"},
        {"a.py", "if __name__ == '__main__':\n    import torch, pandas\n", "torch pandas"},
        {"a.py", "import torchtext, torches, my.torch\nfrom . import torch\nfrom .numpy import x\n",
         ""},
        {"a.py", "# import torch\n'''\nimport torch\n'''\nx = 'import numpy'\n", ""},
    };
    ASSERT_EACH(*state, cases);
}

static void imports_under_a_condition_are_not(void **state)
{
    static const struct one cases[] = {
        {"a.py", "try:\n    import torch\nexcept ImportError:\n    import numpy\n", ""},
        {"a.py", "try:\n    import a\nfinally:\n    import torch\n", ""},
        {"a.py", "if x:\n    import torch\nelif y:\n    import jax\nelse:\n    import numpy\n", ""},
        {"a.py", "match x:\n    case 1:\n        import jax\n    case _:\n        import numpy\n",
         ""},
        {"a.py", "if TYPE_CHECKING:\n    import torch\n", ""},
        {"a.py", "import contextlib\nwith contextlib.suppress(ImportError):\n    import torch\n",
         ""},
        {"a.py", "import importlib\ntorch = importlib.import_module('torch')\n", ""},
        {"a.py", "if __name__ == '__main__':\n    if x:\n        import torch\n", ""},
    };
    ASSERT_EACH(*state, cases);
}

/* examples/stable-diffusion.py reads its arguments before it imports what takes long. */
static void what_the_job_is_about_may_be_imported_in_a_function_that_is_called(void **state)
{
    static const struct one cases[] = {
        {"a.py", "def main():\n    import torch, numpy\n    fit(torch)\nmain()\n", "torch"},
        {"a.py",
         "def main():\n    import torch\n    from diffusers import StableDiffusionPipeline\n"
         "    StableDiffusionPipeline(torch)\nif __name__ == '__main__':\n    main()\n",
         "torch diffusers"},
        {"a.py", "def go():\n    load()\ndef load():\n    import torch\ngo()\n", "torch"},
        {"a.py", "def load():\n    import torch\n", ""},
        {"a.py", "def load():\n    import torch\nif x:\n    load()\n", ""},
        {"a.py", "def main():\n    def load():\n        import torch\nmain()\n", ""},
        {"a.py", "class A:\n    def main(self):\n        import torch\nmain()\n", ""},
        {"a.py", "def main():\n    if x:\n        import torch\nmain()\n", ""},
        {"a.py", "import torch\ndef main():\n    import tensorflow\nmain()\n", "torch"},
    };
    ASSERT_EACH(*state, cases);
}

#define CELLS(lines) "{\"cells\":[{\"cell_type\":\"code\",\"source\":[" lines "]}]}"

static void a_notebook_needs_what_executes_it_and_not_what_it_installs(void **state)
{
    static const struct one cases[] = {
        {"a.ipynb", CELLS("\"import torch\\n\", \"import numpy\""), "torch numpy nbclient"},
        {"a.ipynb", CELLS("\"!pip install wandb\\n\", \"import torch\\n\", \"import numpy\""),
         "torch nbclient"},
        {"a.ipynb", CELLS("\"%pip install -q torch==2.1\\n\", \"import torch\""), "nbclient"},
        {"a.ipynb", CELLS("\"!pip install accelerate\\n\", \"import torch\""), "nbclient"},
        {"a.ipynb", CELLS("\"!{sys.executable} -m pip install wandb\\n\", \"import torch\""),
         "torch nbclient"},
        {"a.ipynb", CELLS("\"!pip install -qr requirements.txt\\n\", \"import torch\""),
         "nbclient"},
        {"a.ipynb", CELLS("\"!pip install -e .\\n\", \"import torch\""), "nbclient"},
        {"a.ipynb", CELLS("\"!pip install $PACKAGES\\n\", \"import torch\""), "nbclient"},
        {"a.ipynb", CELLS("\"!conda env update -f x.yml\\n\", \"import torch\""), "nbclient"},
        {"a.ipynb", CELLS("\"!bash install.sh\\n\", \"import torch\""), "nbclient"},
        {"a.ipynb", CELLS("\"from transformers import AutoModelForCausalLM, Trainer\""),
         "transformers nbclient"},
        {"a.ipynb", /* trl stands on it */
         CELLS("\"!pip install trl\\n\","
               "\"from transformers import AutoModelForCausalLM, Trainer\""),
         "nbclient"},
        {"a.ipynb", CELLS("\"!ls\\n\", \"import torch\""), "torch nbclient"},
    };
    ASSERT_EACH(*state, cases);
}

static void a_script_that_has_pip_install_needs_nothing(void **state)
{
    static const struct one cases[] = {
        {"a.py", "import os\nos.system('pip install torch')\nimport torch\n", ""},
        {"a.py",
         "import subprocess, sys\n"
         "subprocess.check_call([sys.executable, '-m', 'pip', 'install', 'torch'])\n"
         "import torch\n",
         ""},
        {"a.py", "import os, torch\nos.system('nvidia-smi')\n", "torch"},
    };
    ASSERT_EACH(*state, cases);
}

static void a_model_that_is_loaded_by_its_name_is_needed(void **state)
{
    static const struct one cases[] = {
        {"a.py", "m = AutoModel.from_pretrained('maker/name', revision='a/b')\n",
         "model=maker/name"},
        {"a.py", "m = A.from_pretrained(pretrained_model_name_or_path='maker/name')\n",
         "model=maker/name"},
        {"a.py", "m = A.from_pretrained('/models/sd-turbo')\n", "model=sd-turbo"},
        {"a.py", "p = pipeline('text-generation', model='maker/name')\n", "model=maker/name"},
        {"a.py", "p = pipeline('text-generation', 'maker/name')\n", "model=maker/name"},
        {"a.py", "from vllm import LLM\nm = LLM(model='maker/name')\n", "vllm model=maker/name"},
        {"a.py", "m = SentenceTransformer('maker/name')\n", "model=maker/name"},
        {"a.py", "NAME = 'maker/name'\nm = A.from_pretrained(NAME)\n", "model=maker/name"},
        {"a.py",
         "p.add_argument('--model_id', default='maker/name')\na = p.parse_args()\n"
         "m = A.from_pretrained(a.model_id)\n",
         "model=maker/name"},
        {"a.py",
         "p.add_argument('--model', default='maker/name')\ndef load(path):\n"
         "    return A.from_pretrained(path)\nload(p.parse_args().model)\n",
         "model=maker/name"},
        {"a.ipynb", CELLS("\"m = A.from_pretrained('maker/name')\""), "nbclient model=maker/name"},
    };
    ASSERT_EACH(*state, cases);
}

static void of_several_it_is_that_of_the_main_pipeline(void **state)
{
    static const struct one cases[] = {
        {"a.py",
         "v = AutoencoderKL.from_pretrained('maker/vae')\nt = "
         "Tokenizer.from_pretrained('maker/t')\n"
         "p = DiffusionPipeline.from_pretrained('maker/whole', vae=v)\n",
         "model=maker/whole"},
        {"a.py", "t = AutoTokenizer.from_pretrained('maker/t')\nm = M.from_pretrained('maker/m')\n",
         "model=maker/m"},
        {"a.py", "m = M.from_pretrained('maker/first')\nn = M.from_pretrained('maker/second')\n",
         "model=maker/first"},
        {"a.py", /* one that is surely loaded goes before one that may be */
         "class A:\n    def a(self):\n        M.from_pretrained('maker/a')\n"
         "def main():\n    M.from_pretrained('maker/b')\nmain()\n",
         "model=maker/b"},
        {"a.py",
         "class A:\n    def __init__(self):\n        self.m = M.from_pretrained('maker/a')\nA()\n",
         "model=maker/a"},
        {"a.py",
         "class A:\n    def a(self):\n        M.from_pretrained('maker/a')\n"
         "    def b(self):\n        M.from_pretrained('maker/b')\n",
         ""},
    };
    ASSERT_EACH(*state, cases);
}

static void in_doubt_no_model_is_needed(void **state)
{
    static const struct one cases[] = {
        {"a.py", "m = M.from_pretrained('gpt2')\nn = M.from_pretrained('./maker/name')\n", ""},
        {"a.py",
         "if x:\n    m = M.from_pretrained('maker/a')\nelse:\n    m = "
         "M.from_pretrained('maker/b')\n",
         ""},
        {"a.py", "m = M.from_pretrained('maker/a') if x else None\n", ""},
        {"a.py", "try:\n    m = M.from_pretrained('maker/a')\nexcept OSError:\n    pass\n", ""},
        {"a.py", "def load():\n    return M.from_pretrained('maker/a')\n", ""},
        {"a.py", "NAME = 'maker/a'\nNAME = 'maker/b'\nm = M.from_pretrained(NAME)\n", ""},
        {"a.py", "name = None\nif x:\n    name = 'maker/a'\nm = M.from_pretrained(name)\n", ""},
        {"a.py", "m.save_pretrained('maker/a')\nn = M.from_pretrained('maker/a')\n", ""},
        {"a.py", "train(output_dir='maker/a')\nn = M.from_pretrained('maker/a')\n", ""},
        {"a.py", "m = torch.hub.load('maker/name', 'model')\n", ""},
        {"a.py", "m = M.from_pretrained(f'maker/{name}')\n", ""},
        {"a.py", /* another option than those that are known for a model's */
         "p.add_argument('--base', default='maker/a')\nm = "
         "M.from_pretrained(p.parse_args().base)\n",
         ""},
        {"a.py", "model = 'maker/a'\nask(model)\n", ""}, /* nothing here loads one */
        {"a.py", "'''m = M.from_pretrained('maker/a')'''\n", ""},
    };
    ASSERT_EACH(*state, cases);
}

static void a_dockerfile_needs_its_only_image(void **state)
{
    static const struct one cases[] = {
        {"Dockerfile", "FROM docker.io/library/python:3.11-slim\nRUN pip install torch\n",
         "image=python:3.11-slim"},
        {"Dockerfile", "# x\n\nfrom --platform=linux/amd64 pytorch/pytorch AS base\n",
         "image=pytorch/pytorch:latest"},
        {"Dockerfile", "ARG TAG=3.11\nFROM python:$TAG\n", ""},
        {"Dockerfile", "FROM python:${TAG:-3}\n", ""},
        {"Dockerfile", "FROM python:3.11 AS build\nFROM python:3.11\n", ""},
        {"Dockerfile", "FROM python:3.11 AS build\nFROM scratch\n", ""},
        {"Dockerfile", "FROM scratch\n", ""},
        {"Dockerfile",
         "FROM python@sha256:0000000000000000000000000000000000000000000000000000000000000000\n",
         ""},
        {"Dockerfile", "FROM localhost/-x\n", ""},
        {"Dockerfile", "FROM\n", ""},
    };
    ASSERT_EACH(*state, cases);
}

static void what_is_no_program_needs_nothing(void **state)
{
    static const struct one cases[] = {
        {"requirements.txt", "torch\nnumpy\n", ""},
        {"run.sh", "pip install torch\npython -c 'import torch'\n", ""},
        {"docker-compose.yml", "services:\n  a:\n    image: python:3.11\n", ""},
        {"a.csv", "torch,numpy\n1,2\n", ""},
    };
    ASSERT_EACH(*state, cases);
}

static const struct analysis_evidence *claim(const struct found *f, const char *words)
{
    for (size_t i = 0; i < f->analysis.evidence_count; i++) {
        if (strcmp(f->analysis.evidence[i].claim, words) == 0) {
            return &f->analysis.evidence[i];
        }
    }
    fail_msg("nothing claims: %s", words);
    return NULL;
}

static void each_is_shown_with_its_line(void **state)
{
    struct found *f = *state;
    (void)analyse(f, "a.py",
                  "import os\nimport torch, diffusers\nNAME = 'maker/name'\n"
                  "p = diffusers.DiffusionPipeline.from_pretrained(NAME)\n");
    assert_int_equal(claim(f, "requirements: needs torch")->line, 2);
    assert_string_equal(claim(f, "requirements: needs diffusers")->words,
                        "import torch, diffusers");
    assert_string_equal(claim(f, "requirements: needs the model maker/name")->words,
                        "NAME = 'maker/name'");
    (void)analyse(f, "Dockerfile", "# x\nFROM python:3.11\n");
    assert_string_equal(claim(f, "requirements: needs the image python:3.11")->words,
                        "FROM python:3.11");
    (void)analyse(f, "a.ipynb", CELLS("\"import csv\\n\", \"import torch\""));
    assert_string_equal(claim(f, "requirements: needs torch")->words, "import torch");
    assert_int_equal(claim(f, "requirements: needs nbclient, which executes notebooks")->line, 0);
}

/* ── several files ─────────────────────────────────────────────────────────────────────────────── */

#define FILES_MAX 8

struct several {
    const char *needs;
    struct {
        const char *path;
        const char *text;
    } files[FILES_MAX]; /* the first is the entry */
};

static const struct analysis_limits defaults = ANALYSIS_LIMITS;

static void analyse_several(struct found *f, const struct several *job,
                            const struct analysis_limits *limits)
{
    struct analysis_input inputs[FILES_MAX];
    size_t count = 0;
    struct err err = {0};
    for (; count < FILES_MAX && job->files[count].path != NULL; count++) {
        inputs[count] = (struct analysis_input){.path = job->files[count].path,
                                                .size = strlen(job->files[count].text),
                                                .content = bytes_of_text(job->files[count].text)};
    }
    const struct analysis_files files = {
        .inputs = inputs, .count = count, .entry = job->files[0].path};
    arena_clear(&f->arena);
    if (analysis_run_files(&files, limits, &f->arena, &f->analysis, &err) != ERR_OK) {
        fail_msg("%s: %s", job->files[0].path, err.message);
    }
}

static void assert_each_of_several(struct found *f, const struct several *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char about[160];
        analyse_several(f, &cases[i], &defaults);
        (void)snprintf(about, sizeof about, "%.60s and %.60s", cases[i].files[0].text,
                       cases[i].files[1].path);
        assert_needs(&f->analysis.requirements, cases[i].needs, about);
    }
}
#define ASSERT_EACH_OF_SEVERAL(f, cases)                                                           \
    assert_each_of_several(f, cases, sizeof(cases) / sizeof *(cases))

static void a_bundle_needs_what_its_entry_and_what_that_surely_imports_import(void **state)
{
    static const struct several cases[] = {
        {"torch numpy pandas",
         {{"main.py", "import torch, net\n"},
          {"net.py", "import numpy\nimport lib.deep\nif x:\n    import scipy\n"},
          {"lib/deep.py", "import pandas\n"},
          {"unused.py", "import jax\n"}}},
        {"torch",
         {{"main.py", "import torch\ndef f():\n    import net\ntry:\n    import other\n"
                      "except:\n    pass\n"},
          {"net.py", "import numpy\n"},
          {"other.py", "import pandas\n"}}},
        {"torch", /* its own start is not that of the job */
         {{"main.py", "import torch, net\n"},
          {"net.py", "if __name__ == '__main__':\n    import numpy\n"}}},
        {"torch", /* and its functions are not called by the entry's names */
         {{"main.py", "import net\nimport torch\ndef main():\n    pass\nmain()\n"},
          {"net.py", "def main():\n    M.from_pretrained('maker/name')\n"}}},
        {"torch model=maker/name",
         {{"main.py", "import torch, net\n"},
          {"net.py", "class Net:\n    def __init__(self):\n"
                     "        self.m = M.from_pretrained('maker/name')\n"}}},
        {"torch",
         {{"main.py", "import torch\n"}, {"net.py", "m = M.from_pretrained('maker/name')\n"}}},
        {"", {{"run.sh", "pip install torch\npython main.py\n"}, {"main.py", "import torch\n"}}},
        {"image=python:3.11",
         {{"Dockerfile", "FROM python:3.11\nCMD python main.py\n"}, {"main.py", "import torch\n"}}},
        {"torch", {{"main.py", "import torch\n"}, {"Dockerfile", "FROM python:3.11\n"}}},
        {"torch nbclient", {{"a.ipynb", CELLS("\"import torch\"")}, {"a.csv", "a,b\n1,2\n"}}},
    };
    ASSERT_EACH_OF_SEVERAL(*state, cases);
}

static void what_a_bundle_brings_is_not_needed(void **state)
{
    static const struct several cases[] = {
        {"numpy", {{"main.py", "import torch, numpy\n"}, {"torch.py", "x = 1\n"}}},
        {"numpy", {{"main.py", "import torch, numpy\n"}, {"src/torch/__init__.py", ""}}},
        {"numpy", {{"main.py", "import datasets, numpy\n"}, {"datasets/mine.py", "x = 1\n"}}},
        {"numpy",
         {{"main.py", "import cv2, numpy\n"}, {"cv2.cpython-311-x86_64-linux-gnu.so", "x"}}},
        {"numpy",
         {{"main.py", "import sklearn, numpy\n"},
          {"wheels/scikit_learn-1.3-py3-none-any.whl", "x"}}},
        {"sklearn numpy", /* not one of those that the worker unpacks */
         {{"main.py", "import sklearn, numpy\n"}, {"old/scikit_learn-1.3-py3-none-any.whl", "x"}}},
        {"datasets numpy",
         {{"main.py", "import datasets, numpy\n"}, {"datasets/a.csv", "a,b\n1,2\n"}}},
        {"keras numpy", /* the script's folder is where Python looks from, not what it finds */
         {{"keras/main.py", "import keras, numpy\n"}, {"keras/a.csv", "a,b\n1,2\n"}}},
        {"numpy", {{"keras/main.py", "import keras, numpy\n"}, {"keras/__init__.py", ""}}},
        {"torch",
         {{"main.py", "import torch\nm = M.from_pretrained('maker/name')\n"},
          {"maker/name/config.json", "{}"}}},
        {"torch",
         {{"top/main.py", "import torch\nm = M.from_pretrained('maker/name')\n"},
          {"top/maker/name/model_index.json", "{}"}}},
        {"torch model=maker/name",
         {{"main.py", "import torch\nm = M.from_pretrained('maker/name')\n"},
          {"other/config.json", "{}"},
          {"xmaker/name/config.json", "{}"}}},
    };
    ASSERT_EACH_OF_SEVERAL(*state, cases);
}

/* worker/runner/run.py ends a job that a line of it is not met for. */
static void the_requirements_of_a_bundle_are_needed_where_they_are_checked(void **state)
{
    static const struct several cases[] = {
        {"torch sklearn cv2 PIL",
         {{"main.py", "print(1)\n"},
          {"requirements.txt",
           "scikit-learn>=1.2\nopencv-python-headless\nPillow==9  # pictures\ntorch\n"
           "-e git+https://example.org/x/transformers.git\n-r more.txt\n"
           "tensorflow; sys_platform == 'darwin'\n# jax\nmine\n"}}},
        {"torch", {{"top/main.py", "print(1)\n"}, {"top/requirements.txt", "torch\n"}}},
        {"", {{"main.py", "print(1)\n"}, {"sub/requirements.txt", "torch\n"}}},
        {"",
         {{"top/main.py", "print(1)\n"}, {"top/requirements.txt", "torch\n"}, {"README.md", "x"}}},
        {"", {{"main.py", "print(1)\n"}, {"requirements-dev.txt", "torch\nnumpy\n"}}},
        {"numpy",
         {{"main.py", "print(1)\n"},
          {"requirements.txt", "torch\nnumpy\n"},
          {"wheels/torch-2.1-py3-none-any.whl", "x"}}},
        {"torch", /* checked before the program could install anything */
         {{"main.py", "import os, numpy\nos.system('pip install numpy')\n"},
          {"requirements.txt", "torch\n"}}},
    };
    ASSERT_EACH_OF_SEVERAL(*state, cases);
}

static void what_was_not_seen_of_a_bundle_may_bring_it(void **state)
{
    static char long_text[100000];
    struct found *f = *state;
    struct analysis_limits small = ANALYSIS_LIMITS;
    small.bundle_size_max = sizeof long_text;
    memset(long_text, '#', sizeof long_text - 1);
    const struct several job = {"", {{"main.py", "import torch\n"}, {"net.py", long_text}}};
    analyse_several(f, &job, &defaults);
    assert_needs(&f->analysis.requirements, "torch", "all of it");
    analyse_several(f, &job, &small);
    assert_true(f->analysis.cut);
    assert_needs(&f->analysis.requirements, "", "cut");
}

/* Nothing of this may take long, whatever stands in the file. */
static void hostile_numbers_of_calls_and_names_are_bounded(void **state)
{
    struct found *f = *state;
    struct buf text;
    buf_init(&text, (size_t)4 << 20);
    for (int i = 0; i < 2500; i++) {
        buf_printf(&text, "M.from_pretrained(name_that_is_long_%d)\n", i);
        buf_printf(&text, "def f%d():\n    f%d()\nf%d()\n", i, i + 1, i);
        buf_printf(&text, "other_name_that_is_long_%d = 'maker/name'\n", i);
    }
    buf_append_text(&text, "import torch\n");
    assert_false(text.failed);
    assert_needs(analyse(f, "a.py", buf_text(&text)), "torch", "many calls");
    buf_deinit(&text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_models_name_is_one_of_a_hub_or_a_folder_of_the_machines),
        TEST(a_models_name_of_any_length_is_looked_at),
        TEST(they_stand_by_name_in_the_json),
        TEST(imports_of_the_top_level_are_needed),
        TEST(imports_under_a_condition_are_not),
        TEST(what_the_job_is_about_may_be_imported_in_a_function_that_is_called),
        TEST(a_notebook_needs_what_executes_it_and_not_what_it_installs),
        TEST(a_script_that_has_pip_install_needs_nothing),
        TEST(a_model_that_is_loaded_by_its_name_is_needed),
        TEST(of_several_it_is_that_of_the_main_pipeline),
        TEST(in_doubt_no_model_is_needed),
        TEST(a_dockerfile_needs_its_only_image),
        TEST(what_is_no_program_needs_nothing),
        TEST(each_is_shown_with_its_line),
        TEST(a_bundle_needs_what_its_entry_and_what_that_surely_imports_import),
        TEST(what_a_bundle_brings_is_not_needed),
        TEST(the_requirements_of_a_bundle_are_needed_where_they_are_checked),
        TEST(what_was_not_seen_of_a_bundle_may_bring_it),
        TEST(hostile_numbers_of_calls_and_names_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
