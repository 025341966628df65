/* The vocabulary is well formed, and the rules that a table cannot say hold: one source a rule, and one beside it. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/jobtype_cues.h"
#include "tests/support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

struct phrase {
    const struct cue_row *row;
    const char *start;
    size_t size;
};

static int compare(const void *a, const void *b)
{
    const struct phrase *left = a;
    const struct phrase *right = b;
    size_t size = left->size < right->size ? left->size : right->size;
    int order = memcmp(left->start, right->start, size);
    if (order == 0 && left->size != right->size) {
        order = left->size < right->size ? -1 : 1;
    }
    if (order == 0 && left->row->job != right->row->job) {
        order = left->row->job < right->row->job ? -1 : 1;
    }
    if (order == 0 && left->row->where != right->row->where) {
        order = left->row->where < right->row->where ? -1 : 1;
    }
    return order;
}

/* Goal: no cue that can never be found, and none that counts twice. */
static void cues_are_phrases_and_stand_once(void **state)
{
    (void)state;
    static struct phrase phrases[CUES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < CUE_ROW_COUNT; i++) {
        assert_in_range(cue_rows[i].strength, 1, 6);
        const char *at = cue_rows[i].phrases;
        do {
            size_t size = strcspn(at, ",");
            size_t blanks = 0;
            for (size_t k = 0; k < size; k++) {
                bool letter = (at[k] >= 'a' && at[k] <= 'z') || (at[k] >= '0' && at[k] <= '9');
                bool between = at[k] == ' ' && k > 0 && k + 1 < size && at[k - 1] != ' ';
                blanks += between ? 1 : 0;
                if (!letter && !between) {
                    fail_msg("the cue \"%.*s\"", (int)size, at);
                }
            }
            assert_in_range(size, 1, 64);
            assert_in_range(blanks, 0, 3);
            assert_true(count < CUES_MAX);
            phrases[count++] = (struct phrase){&cue_rows[i], at, size};
            at += size;
        } while (*at++ == ',');
    }
    qsort(phrases, count, sizeof(phrases[0]), compare);
    for (size_t i = 1; i < count; i++) {
        if (compare(&phrases[i - 1], &phrases[i]) == 0) {
            fail_msg("the cue \"%.*s\" stands twice", (int)phrases[i].size, phrases[i].start);
        }
    }
}

static void job_is(const char *name, const char *source, enum analysis_job job)
{
    struct arena arena;
    struct analysis found;
    struct err err = {0};
    arena_init(&arena, (size_t)16 << 20);
    assert_int_equal(analysis_run(bytes_of_text(source), name, &arena, &found, &err), ERR_OK);
    if (found.job != job) {
        fail_msg("%s: %s, not %s: %s", name, analysis_job_word(found.job), analysis_job_word(job),
                 source);
    }
    arena_deinit(&arena);
}

static void whoever_loads_mnist_to_learn_is_mnist(void **state)
{
    (void)state;
    job_is("a.py",
           "from torchvision import datasets, models\nm = models.resnet18()\nd = "
           "datasets.MNIST('x')\n",
           ANALYSIS_JOB_MNIST);
    job_is("a.py",
           "from torchvision import datasets, models\nm = models.resnet18()\nd = "
           "datasets.CIFAR10('x')\ne = datasets.MNIST('x')\n",
           ANALYSIS_JOB_IMAGE_CLASSIFICATION);
    job_is("a.py",
           "parser.add_argument('--dataset', default='cifar10', help='or mnist')\nresnet50()\n",
           ANALYSIS_JOB_IMAGE_CLASSIFICATION);
}

static void reading_csv_to_learn_is_not_preparing_data(void **state)
{
    (void)state;
    static const char prepares[] =
        "import pandas as pd\nd = pd.read_csv('a')\nd.groupby('b').to_csv('c')\n";
    static const char learns[] =
        "import pandas as pd\nimport torch\nd = "
        "pd.read_csv('a')\nd.groupby('b').to_csv('c')\nloss.backward()\nforecast(d)\n";
    job_is("a.py", prepares, ANALYSIS_JOB_DATA_PROCESSING);
    job_is("a.py", learns, ANALYSIS_JOB_TIMESERIES);
}

static void a_file_called_after_preparing_data_does_that(void **state)
{
    (void)state;
    job_is("prepare.py", "\"\"\"Tokens of OpenWebText for GPT-2.\"\"\"\nencode('gpt2')\n",
           ANALYSIS_JOB_DATA_PROCESSING);
    job_is("prepare.py",
           "\"\"\"Tokens of OpenWebText for GPT-2.\"\"\"\nimport torch\nloss.backward()\n",
           ANALYSIS_JOB_LLM_TRAINING);
}

static void the_task_in_the_title_goes_before_the_family(void **state)
{
    (void)state;
    job_is("a.py", "\"\"\"Train a YOLOv5 segment model.\"\"\"\nfrom models.yolo import Model\n",
           ANALYSIS_JOB_SEGMENTATION);
    job_is("a.py", "\"\"\"Train a YOLOv5 model.\"\"\"\nfrom models.yolo import Model\n",
           ANALYSIS_JOB_OBJECT_DETECTION);
    job_is("a.py",
           "\"\"\"Detection and segmentation with YOLO.\"\"\"\nfrom models.yolo import "
           "Model\nyolov8()\n",
           ANALYSIS_JOB_OBJECT_DETECTION);
}

static void parts_of_stable_diffusion_are_stable_diffusion(void **state)
{
    (void)state;
    static const char parts[] = "from diffusers import AutoencoderKL, DDPMScheduler, "
                                "UNet2DConditionModel\nvae = AutoencoderKL()\nvae.encode(x)\n";
    job_is("a.py", parts, ANALYSIS_JOB_STABLE_DIFFUSION);
    job_is("a.py", "from diffusers import DDPMScheduler, UNet2DModel\nclass VAE: pass\n",
           ANALYSIS_JOB_IMAGE_GENERATION);
    job_is("train_dreambooth_flux.py", "from diffusers import AutoencoderKL\n",
           ANALYSIS_JOB_IMAGE_GENERATION);
}

static void an_adapter_that_is_trained_is_training(void **state)
{
    (void)state;
    job_is("a.py",
           "from vllm import LLM\nfrom trl import SFTTrainer\nfrom peft import "
           "LoraConfig\nSFTTrainer(m).train()\nLLM(m).generate(x)\n",
           ANALYSIS_JOB_LLM_TRAINING);
    job_is("a.py", "from vllm import LLM\nLLM('m').generate(x)\n", ANALYSIS_JOB_LLM_INFERENCE);
}

static void a_section_of_a_notebook_is_not_its_subject(void **state)
{
    (void)state;
#define NOTEBOOK(first, second)                                                                    \
    "{\"cells\": [{\"cell_type\": \"markdown\", \"source\": \"# " first                            \
    "\"}, {\"cell_type\": \"markdown\", \"source\": \"# " second                                   \
    "\"}, {\"cell_type\": \"code\", \"source\": \"import torch\"}]}"
    job_is("a.ipynb", NOTEBOOK("Sentiment analysis", "Download and prepare data"),
           ANALYSIS_JOB_NLP);
    job_is("a.ipynb", NOTEBOOK("Download and prepare data", "Next"), ANALYSIS_JOB_DATA_PROCESSING);
    job_is("a.ipynb", NOTEBOOK("Welcome", "MNIST"), ANALYSIS_JOB_CUSTOM);
}

static void packages_say_nothing_but_when_all_are_of_one_type(void **state)
{
    (void)state;
    job_is("requirements.txt", "openai-whisper\nlibrosa\n", ANALYSIS_JOB_SPEECH);
    job_is("requirements.txt", "openai-whisper\ntorch\nflask\nredis\n", ANALYSIS_JOB_CUSTOM);
    job_is("Dockerfile", "FROM python\nRUN pip install openai-whisper\n", ANALYSIS_JOB_CUSTOM);
    job_is("Dockerfile", "FROM python\nWORKDIR /srv/whisper\n", ANALYSIS_JOB_SPEECH);
}

/* R2.1: what is written decides, not what a part of it means elsewhere. */
static void a_phrase_hides_a_shorter_one_of_another_type(void **state)
{
    (void)state;
    job_is("a.py", "\"\"\"Instance segmentation of cells.\"\"\"\nimport torch\n",
           ANALYSIS_JOB_OBJECT_DETECTION);
    job_is("a.py", "\"\"\"Segmentation of cells.\"\"\"\nimport torch\n", ANALYSIS_JOB_SEGMENTATION);
    job_is("a.py",
           "\"\"\"Variational inference of a posterior.\"\"\"\nimport jax\nvariational(x)\n",
           ANALYSIS_JOB_SCIENTIFIC);
    job_is("a.py", "\"\"\"A variational model.\"\"\"\nimport jax\nvariational(x)\n",
           ANALYSIS_JOB_IMAGE_GENERATION);
    job_is("a.py", "from torchvision.transforms import InterpolationMode\n", ANALYSIS_JOB_CUSTOM);
    job_is("a.py", "from scipy import interpolation\n", ANALYSIS_JOB_SCIENTIFIC);
}

static void a_package_is_known_as_such_alone(void **state)
{
    (void)state;
    job_is("a.py", "import clip\nimport torch\n", ANALYSIS_JOB_MULTIMODAL);
    job_is("a.py", "import torch\nfrom torch import clip\nclip(x)\n", ANALYSIS_JOB_CUSTOM);
}

static void a_launcher_that_only_fetches_prepares_data(void **state)
{
    (void)state;
    job_is("get.sh", "curl -L https://example.org/a.zip -o a.zip && unzip -q a.zip\n",
           ANALYSIS_JOB_DATA_PROCESSING);
    job_is("get.sh", "wget https://example.org/a.zip\npython work.py\n", ANALYSIS_JOB_CUSTOM);
    job_is("get.sh", "wget https://example.org/x.sh\npip install torch\n", ANALYSIS_JOB_CUSTOM);
    job_is("get.sh", "echo wget\n", ANALYSIS_JOB_CUSTOM);
}

static void a_data_set_by_another_name_is_that_data_set(void **state)
{
    (void)state;
    job_is("a.py", "import keras\ndigits = keras.datasets.mnist\nx = digits.load_data()\n",
           ANALYSIS_JOB_MNIST);
    job_is("a.py", "import keras\ndigits = self.datasets.mnist\n", ANALYSIS_JOB_CUSTOM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cues_are_phrases_and_stand_once),
        cmocka_unit_test(whoever_loads_mnist_to_learn_is_mnist),
        cmocka_unit_test(reading_csv_to_learn_is_not_preparing_data),
        cmocka_unit_test(a_file_called_after_preparing_data_does_that),
        cmocka_unit_test(the_task_in_the_title_goes_before_the_family),
        cmocka_unit_test(parts_of_stable_diffusion_are_stable_diffusion),
        cmocka_unit_test(an_adapter_that_is_trained_is_training),
        cmocka_unit_test(a_section_of_a_notebook_is_not_its_subject),
        cmocka_unit_test(packages_say_nothing_but_when_all_are_of_one_type),
        cmocka_unit_test(a_phrase_hides_a_shorter_one_of_another_type),
        cmocka_unit_test(a_package_is_known_as_such_alone),
        cmocka_unit_test(a_launcher_that_only_fetches_prepares_data),
        cmocka_unit_test(a_data_set_by_another_name_is_that_data_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
