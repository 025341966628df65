/* R2.4, R3.1: which CUDA an environment names, where, and which driver that needs. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/cuda.h"
#include "core/base/driver_version.h"
#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *text;
    uint32_t cuda;
} NAMED[] = {
    {"nvidia/cuda:12.1.0-cudnn8-devel-ubuntu22.04", 121},
    {"nvidia/cuda:9.2-base", 92},
    {"pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime", 121},
    {"pytorch/pytorch:1.4-cuda10.1-cudnn7-devel", 101},
    {"torch==2.1.0+cu121", 121},
    {"torch==1.5.1+cu92 ; python_version > '3'", 92},
    {"https://download.pytorch.org/whl/cu118", 118},
    {"https://data.pyg.org/whl/torch-2.0.0+cu117.html", 117},
    {"cupy-cuda12x", 120},
    {"cupy-cuda101", 101},
    {"cudf-cu12==23.10", 120},
    {"jax[cuda12]", 120},
    {"jax[cuda11_pip]", 110},
    {"nvidia-cuda-runtime-cu12==12.1.105", 120},
    {"nvidia-cublas-cu11==11.10.3.66", 110},
    {"pytorch-cuda=11.8", 118},
    {"cudatoolkit=11.3.1", 113},
    {"cudatoolkit >=11.2,<12", 112},
    {"cuda-version=12.0", 120},
    {"conda-forge::cudatoolkit=10.2", 102},
    {"torch==2.1.0+cu118 torchvision+cu121", 121}, /* the newest counts */
    /* None of these names one. */
    {"torch==2.1.0", 0},
    {"torch==2.1.0+cpu", 0},
    {"cupy==12.0", 0},
    {"tensorflow[and-cuda]==2.15", 0},
    {"nvidia-cudnn==8.9", 0},
    {"focus12", 0},
    {"barracuda12==1.0", 0},
    {"cu3==1", 0},
    {"cu1234", 0},
    {"pycuda", 0},
    {"cuda", 0},
    {"cu", 0},
    {"", 0},
    {"cuda:99999999999", 0},
    {"cuda:12.", 120},
};

static void an_environment_names_its_cuda_in_many_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof NAMED / sizeof *NAMED; i++) {
        uint32_t cuda = cuda_named(bytes_of_text(NAMED[i].text));
        if (cuda != NAMED[i].cuda) {
            fail_msg("%s: %u, not %u", NAMED[i].text, cuda, NAMED[i].cuda);
        }
    }
}

/* R2.4: a bound, so that the time grows with the size alone. Each "cuda-" of a long line would otherwise be followed to the line's end. */
static void a_name_longer_than_any_package_is_no_version(void **state)
{
    char text[256];
    (void)state;
    (void)snprintf(text, sizeof text, "cuda");
    for (int size = 4; size < 200; size++) {
        (void)memset(text + 4, 'a', (size_t)size);
        (void)snprintf(text + 4 + size, sizeof text - 4 - (size_t)size, "=12.1");
        uint32_t const cuda = cuda_named(bytes_of_text(text));
        assert_int_equal(cuda, size <= 64 ? 121 : 0);
    }
}

/* From CUDA 11 on the major version decides; before, each had its own. */
static void a_newer_cuda_needs_a_newer_driver_or_the_same(void **state)
{
    (void)state;
    static const struct {
        uint32_t cuda;
        const char *driver;
    } EXPECTED[] = {{80, "367.48"},     {92, "396.26"},     {102, "440.33"},    {110, "450.80.02"},
                    {118, "450.80.02"}, {120, "525.60.13"}, {129, "525.60.13"}, {130, "580.65.06"}};
    for (size_t i = 0; i < sizeof EXPECTED / sizeof *EXPECTED; i++) {
        char text[DRIVER_VERSION_TEXT_SIZE];
        driver_version_format(cuda_driver(EXPECTED[i].cuda), text);
        assert_string_equal(text, EXPECTED[i].driver);
    }
    for (uint32_t cuda = 1; cuda < 200; cuda++) {
        assert_true(cuda_driver(cuda) >= cuda_driver(cuda - 1));
    }
    assert_int_equal(cuda_driver(0), 0);
}

struct found {
    struct arena arena;
    struct analysis analysis;
};

static void analyse(const char *name, const char *text, struct found *ret)
{
    struct err err = {0};
    arena_init(&ret->arena, 16U << 20);
    if (analysis_run(bytes_of_text(text), name, &ret->arena, &ret->analysis, &err) != ERR_OK) {
        fail_msg("%s: %s", name, err.message);
    }
}

static void assert_driver(const char *name, const char *text, uint32_t cuda, uint32_t line)
{
    struct found found;
    bool shown = false;
    analyse(name, text, &found);
    assert_int_equal(found.analysis.requirements.cuda, cuda);
    assert_int_equal(found.analysis.requirements.driver, cuda_driver(cuda));
    for (size_t i = 0; i < found.analysis.evidence_count; i++) {
        const struct analysis_evidence *item = &found.analysis.evidence[i];
        if (strstr(item->claim, "for which the driver is") != NULL) {
            assert_int_equal(item->line, line);
            shown = true;
        }
    }
    assert_true(shown == (cuda != 0));
    arena_deinit(&found.arena);
}

static void the_line_that_names_it_is_shown(void **state)
{
    (void)state;
    assert_driver("Dockerfile",
                  "ARG CUDA=11.7.1\nFROM nvidia/cuda:${CUDA}-base\nRUN pip install torch\n"
                  "CMD python train.py\n",
                  117, 2);
    assert_driver("Dockerfile",
                  "FROM python:3.11\nRUN pip install torch --index-url "
                  "https://download.pytorch.org/whl/cu124\nCMD python train.py\n",
                  124, 2);
    assert_driver("requirements.txt",
                  "numpy\n--extra-index-url https://download.pytorch.org/whl/cu113\n"
                  "torch==1.12.1+cu113\n",
                  113, 2);
    assert_driver("environment.yml",
                  "name: x\ndependencies:\n  - python=3.10\n  - pytorch\n  - pytorch-cuda=11.8\n",
                  118, 5);
    assert_driver("train.py",
                  "import torch\n# needs torch==2.1.0+cu121\nprint('cuda12.1', torch.cuda)\n"
                  "model = torch.nn.Linear(1, 1).cuda()\n",
                  0, 0); /* a comment and a text are no environment */
}

/* Data are prepared on any machine, whatever its base image. */
static void a_job_without_a_gpu_asks_for_no_driver(void **state)
{
    (void)state;
    struct found found;
    analyse("notes.ipynb",
            "{\"cells\":[{\"cell_type\":\"code\",\"source\":[\"!pip install cupy-cuda12x\\n\","
            "\"import csv\\n\",\"print(csv)\"]}],\"nbformat\":4,\"nbformat_minor\":5,"
            "\"metadata\":{}}",
            &found);
    assert_int_equal(found.analysis.requirements.device, ANALYSIS_DEVICE_CPU);
    assert_int_equal(found.analysis.requirements.driver, 0);
    arena_deinit(&found.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_environment_names_its_cuda_in_many_ways),
        cmocka_unit_test(a_name_longer_than_any_package_is_no_version),
        cmocka_unit_test(a_newer_cuda_needs_a_newer_driver_or_the_same),
        cmocka_unit_test(the_line_that_names_it_is_shown),
        cmocka_unit_test(a_job_without_a_gpu_asks_for_no_driver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
