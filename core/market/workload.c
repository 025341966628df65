// SPDX-License-Identifier: Apache-2.0
#include "core/market/workload.h"

#include "core/base/checked.h"
#include "core/base/invariant.h"
#include "core/event/kinds.h"

#include <inttypes.h>
#include <string.h>

#define SECOND_MS UINT64_C(1000)
#define EPOCHS_ASSUMED_MILLI 5000
#define ITEMS_ASSUMED 10000
#define BATCH_ASSUMED 32
#define LOAD_BYTES_PER_MS 200000 /* of weights, downloaded and read: 200 MB/s, measured nowhere */
#define IMPORT_MS (20 * SECOND_MS)
#define LARGE_MODEL_MILLIONS 40000
#define NANO (UINT64_C(1000) * WORKLOAD_ONE)
#define NANO_MAX ((u128)NANO * 1000000000)

/* p90 ÷ p50 in permille: the benchmark's own program at another time and place; × LIKE for one of its kind; × ASSUMED for each assumption. */
#define SPREAD 1500
#define SPREAD_LIKE 2000
#define SPREAD_ASSUMED 1500

/* × value ÷ base, if the task grows with it; rounded up and bounded. */
static u128 grown(u128 nano, uint64_t value, uint64_t base)
{
    if (base == 0) {
        return nano;
    }
    INVARIANT(nano <= NANO_MAX); /* < 2^80, and value < 2^41: the product < 2^121 */
    value = value > UINT64_C(1) << 41 ? UINT64_C(1) << 41 : value;
    nano = (nano * value + base - 1) / base;
    return nano > NANO_MAX ? NANO_MAX : nano;
}

static uint64_t or_assumed(uint64_t value, uint64_t assumed, uint32_t bit, uint32_t *bits)
{
    if (value != 0) {
        return value;
    }
    *bits |= bit;
    return assumed;
}

/* Epochs and items of a task that has both. Steps of so many items are as good as epochs over all of them. */
static u128 grown_by_data(u128 nano, const struct work *work, const struct task_row *task,
                          uint32_t *assumed)
{
    if (work->epochs_milli == 0 && work->iterations != 0) {
        uint64_t batch = work->batch == 0 ? BATCH_ASSUMED : work->batch;
        nano = grown(nano, work->iterations, task->epochs);
        return grown(nano, batch, task->items);
    }
    uint64_t items = task->class_ == TASK_LOADER && work->items == 0
                         ? task->items /* MNIST has the same images for everybody */
                         : or_assumed(work->items, ITEMS_ASSUMED, WORKLOAD_ITEMS, assumed);
    nano =
        grown(nano, or_assumed(work->epochs_milli, EPOCHS_ASSUMED_MILLI, WORKLOAD_EPOCHS, assumed),
              (uint64_t)task->epochs * 1000);
    return grown(nano, items, task->items);
}

static uint64_t amount(const struct work *work, const struct task_row *task, uint32_t *assumed)
{
    u128 nano = NANO;
    if (task->epochs != 0) {
        nano = grown_by_data(nano, work, task, assumed);
    } else if (task->steps !=
               0) { /* images to be made: pipelines make one of 50 steps unless told otherwise */
        nano = grown(nano, work->images == 0 ? 1 : work->images, task->items);
        nano = grown(nano, work->steps == 0 ? task->steps : work->steps, task->steps);
    } else if (task->items != 0) {
        nano =
            grown(nano, or_assumed(work->items, task->items, WORKLOAD_ITEMS, assumed), task->items);
    }
    uint64_t resolution = work->resolution == 0 ? task->resolution : work->resolution;
    nano = grown(nano, resolution, task->resolution);
    nano = grown(nano, resolution, task->resolution);
    if (task->iterations != 0) {
        nano = grown(nano,
                     or_assumed(work->iterations, task->iterations, WORKLOAD_ITERATIONS, assumed),
                     task->iterations);
        nano = grown(nano, work->batch == 0 ? 1 : work->batch, 1);
    }
    nano = grown(
        nano,
        or_assumed(work->tokens, task->tokens, task->tokens == 0 ? 0 : WORKLOAD_TOKENS, assumed),
        task->tokens);
    nano = grown(nano, work->model_millions == 0 ? task->model_millions : work->model_millions,
                 task->model_millions);
    uint64_t micro = (uint64_t)((nano + 999) / 1000);
    return micro == 0 ? 1 : micro;
}

struct choice {
    const char *task;
    bool is_like;
    uint64_t start_ms;
};

/* Time to get a model's weights of 16 bits. */
static uint64_t load_ms(const struct work *work, uint64_t default_millions)
{
    uint64_t millions = work->model_millions == 0 ? default_millions : work->model_millions;
    millions = millions > 10000000 ? 10000000 : millions;
    return IMPORT_MS + millions * 1000000 * 2 / LOAD_BYTES_PER_MS;
}

/* Frameworks compute in 32 bits unless told otherwise, so training is held against the 32-bit benchmarks. */
static struct choice choose(const struct work *work)
{
    switch ((enum job_type)work->job_type) {
    case JOB_TYPE_MNIST: /* the product's baseline is of the whole job */
        return (struct choice){work->infers ? NULL : "mnist_5ep", false, 0};
    case JOB_TYPE_STABLE_DIFFUSION:
        return (struct choice){work->trains ? NULL : "sd15_512_50steps_fp16_b1", false,
                               60 * SECOND_MS};
    case JOB_TYPE_IMAGE_CLASSIFICATION:
        return (struct choice){work->trains ? "resnet50_train_fp32" : NULL, true, IMPORT_MS};
    case JOB_TYPE_OBJECT_DETECTION:
        return (struct choice){work->trains   ? "ssd300_train_fp32"
                               : work->infers ? "yolov5s_infer_640_b32"
                                              : NULL,
                               true, IMPORT_MS};
    case JOB_TYPE_NLP:
        return (struct choice){!work->trains    ? NULL
                               : work->is_large ? "bert_large_squad_fp32"
                                                : "bert_base_squad_fp32",
                               true, IMPORT_MS};
    case JOB_TYPE_LLM_INFERENCE:
        return (struct choice){work->model_millions >= LARGE_MODEL_MILLIONS ? "llama3_70b_q4km_gen"
                                                                            : "llama3_8b_f16_gen",
                               true, load_ms(work, 8030)};
    case JOB_TYPE_LLM_TRAINING:
        return (struct choice){work->quantised ? "llama2_7b_qlora_nf4_1k_iter"
                                               : "llama2_7b_lora_bf16_1k_iter",
                               true, load_ms(work, 6740)};
    case JOB_TYPE_SPEECH:
        return (struct choice){work->infers ? "whisper_large_v3_fp16" : NULL, true,
                               load_ms(work, 1550)};
    case JOB_TYPE_VIDEO_GENERATION:
    case JOB_TYPE_IMAGE_GENERATION:
    case JOB_TYPE_SEGMENTATION:
    case JOB_TYPE_MULTIMODAL:
    case JOB_TYPE_REINFORCEMENT_LEARNING:
    case JOB_TYPE_GRAPH:
    case JOB_TYPE_RECOMMENDATION:
    case JOB_TYPE_TIMESERIES:
    case JOB_TYPE_TABULAR:
    case JOB_TYPE_SCIENTIFIC:
    case JOB_TYPE_DATA_PROCESSING:
    case JOB_TYPE_CUSTOM:
        break;
    }
    return (struct choice){0};
}

static uint64_t widened(uint64_t ms, uint64_t permille)
{
    u128 wide = ((u128)ms * permille + 999) / 1000;
    return wide > WORKLOAD_MS_MAX ? WORKLOAD_MS_MAX : (uint64_t)wide;
}

struct workload workload_size(const struct work *work)
{
    struct choice choice = work->on_gpu ? choose(work) : (struct choice){0};
    if (choice.task == NULL) {
        return (struct workload){.p50_ms = work->default_p50_ms, .p90_ms = work->default_p90_ms};
    }
    struct workload sized = {.task = scale_task(choice.task, strlen(choice.task)),
                             .start_ms = choice.start_ms,
                             .is_like = choice.is_like};
    INVARIANT(sized.task != 0); /* a test goes through all of them */
    sized.work_micro = amount(work, &ESTIMATE_TASKS[sized.task], &sized.assumed);
    u128 ms = (u128)sized.work_micro * scale_unit(sized.task, ESTIMATE_REFERENCE).us;
    ms = (ms + 999999999) / 1000000000 + sized.start_ms;
    sized.p50_ms = ms > WORKLOAD_MS_MAX ? WORKLOAD_MS_MAX : (uint64_t)ms;
    sized.p90_ms = widened(sized.p50_ms, SPREAD);
    if (sized.is_like) {
        sized.p90_ms = widened(sized.p90_ms, SPREAD_LIKE);
    }
    for (uint32_t bits = sized.assumed; bits != 0; bits &= bits - 1) {
        sized.p90_ms = widened(sized.p90_ms, SPREAD_ASSUMED);
    }
    return sized;
}

const char *workload_assumed_word(uint32_t *assumed)
{
    static const char *const WORDS[] = {"epochs", "data", "iterations", "tokens"};
    if (*assumed == 0) {
        return NULL;
    }
    size_t bit = (size_t)__builtin_ctz(*assumed);
    *assumed &= *assumed - 1;
    return bit < sizeof WORDS / sizeof *WORDS ? WORDS[bit] : "something";
}

void workload_text(const struct workload *workload, struct buf *ret)
{
    if (workload->task == 0) {
        buf_append_text(ret, "no benchmark is like this job: a wide default range");
        return;
    }
    const struct task_row *task = &ESTIMATE_TASKS[workload->task];
    buf_printf(ret, "%" PRIu64 ".%03" PRIu64 " × %s (%s)%s", workload->work_micro / WORKLOAD_ONE,
               workload->work_micro % WORKLOAD_ONE / 1000, task->name, task->unit,
               workload->is_like ? ", a benchmark of the same kind" : "");
    uint32_t assumed = workload->assumed;
    for (const char *sep = "; assumed "; assumed != 0; sep = ", ") {
        buf_printf(ret, "%s%s", sep, workload_assumed_word(&assumed));
    }
}
