/* core/market/estimate_tables.h: the facts that estimates stand on: GPUs, benchmark tasks, and seconds of a task on a GPU.
 *
 * Made:    core/market/estimate_tables.py turns core/market/data/ (which has every row's source and status) into C while building.
 * Numbers: a GPU's and a task's number is its row, from 1; 0 is none. Rows of state and views hold them, so a changed table
 *          raises ESTIMATE_TABLE_VERSION and with it VIEWS_VERSION (core/ledger); events hold names.
 * Logs:    `log_…` is floor(2^16 × log2 of the value), by the same steps as scale_log2(), so that every build has the same. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_ESTIMATE_TABLES_H
#define CORE_MARKET_ESTIMATE_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ESTIMATE_TABLE_VERSION 2 /* 1: before there were tables */

/* How a kind of work grows from one GPU to another (core/market/scale.c). */
enum task_class {
    TASK_TRAIN = 1,  /* in 16 bit, on tensor cores */
    TASK_TRAIN_FP32, /* in 32 bit: TF32 from Ampere on */
    TASK_GENERATE,   /* tokens one by one, batch 1 */
    TASK_PROMPT,     /* a prompt at once */
    TASK_DIFFUSION,  /* images by a network of convolutions */
    TASK_LOADER,     /* bound by what feeds the GPU, not by the GPU */
};
#define TASK_CLASS_COUNT 7

enum row_status {
    ROW_MEASURED = 1,
    ROW_COARSE, /* a vendor's claim, or published as "about" */
    ROW_SEED,   /* the product's own baseline, measured by nobody */
};

struct gpu_row {
    const char *name; /* as nvidia-smi says it */
    bool
        is_recalled; /* its specification was recalled, not looked up: good to about 3 %, no fact to show */
    uint8_t generation; /* the same for cards of one architecture */
    uint32_t vram_mib;
    uint32_t compute_capability;
    int32_t log_bandwidth; /* of GB/s × 1000 */
    int32_t
        log_tensor; /* of TFLOPS × 1000 in 16 bit with 32-bit sums, of FP32 where there are no tensor cores */
    int32_t
        log_fp32; /* what 32-bit training gets: half the above from Ampere on (TF32), the FP32 rate before */
    const char *
        cloud; /* "AWS g6e.xlarge 1.86"; NULL: no price that is dated, sourced and of a card we looked up */
    const char *cloud_date;
    const char *cloud_source;
    uint32_t cloud_usd_micro_per_hour;
};

struct task_row {
    const char *name; /* "resnet50_train_fp32" */
    enum task_class class_;
    const char *unit; /* what one unit is, in words */
    /* What one unit consists of; 0: the task does not grow with it. */
    uint32_t epochs;
    uint32_t items;
    uint32_t resolution;
    uint32_t steps;
    uint32_t iterations;
    uint32_t tokens;
    uint32_t model_millions;
    uint16_t first; /* its rows in ESTIMATE_BENCHMARKS */
    uint16_t count;
};

struct benchmark_row {
    uint16_t task;
    uint16_t gpu;
    enum row_status status;
    bool
        is_apart; /* made with other software than the task's other rows: says nothing about other GPUs */
    uint64_t us; /* of one unit */
    int32_t log_us;
    const char *status_word;
    const char *source;
};

extern const struct gpu_row ESTIMATE_GPUS[]; /* [0] is empty */
extern const size_t ESTIMATE_GPU_COUNT;      /* with [0] */
extern const struct task_row ESTIMATE_TASKS[];
extern const size_t ESTIMATE_TASK_COUNT;
extern const struct benchmark_row ESTIMATE_BENCHMARKS[];
extern const size_t ESTIMATE_BENCHMARK_COUNT;
extern const size_t ESTIMATE_REFERENCE; /* the GPU that reference times are for: an RTX 3090 */
#define ESTIMATE_GPUS_MAX 80 /* a bound on ESTIMATE_GPU_COUNT, for arrays; held by the generator */

#endif
