/* core/market/workload.h: which benchmark a job is like, and how many of its units.
 *
 * Scaling: epochs, items of data, (resolution)², steps, iterations × batch, tokens and size of the model, each against the benchmark's own base
 *          (R14.3). What the file does not say is assumed (5 epochs, 10,000 items, one image of 50 steps …) and counted.
 * Honest:  a benchmark of the same kind is not the same program: such a job is `is_like`, and its range is twice as wide.
 * Numbers: whole ones, each rounding up. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_MARKET_WORKLOAD_H
#define CORE_MARKET_WORKLOAD_H

#include "core/base/buf.h"
#include "core/base/work.h"
#include "core/market/scale.h"

#define WORKLOAD_ONE UINT64_C(1000000) /* millionths of a unit */
#define WORKLOAD_MS_MAX (UINT64_C(366) * 24 * 3600 * 1000)

/* What had to be assumed: 5 epochs, 10,000 items of data, otherwise as much as the benchmark has; bits. */
#define WORKLOAD_EPOCHS 1u
#define WORKLOAD_ITEMS 2u
#define WORKLOAD_ITERATIONS 4u
#define WORKLOAD_TOKENS 8u

struct workload {
    size_t task;         /* number in ESTIMATE_TASKS; 0: no benchmark is like it */
    uint64_t work_micro; /* millionths of the task's unit; 0 with task 0 */
    uint64_t start_ms;   /* to load a model and libraries: the same on every GPU; in what follows */
    uint64_t p50_ms;     /* on the reference: an RTX 3090, or a CPU core */
    uint64_t p90_ms;
    uint32_t assumed; /* WORKLOAD_* bits */
    bool is_like;     /* of the benchmark's kind, not the benchmark's program */
};

struct workload workload_size(const struct work *work);
/* Append where the numbers come from, in one sentence: "0.039 × resnet50_train_fp32 (1 ImageNet epoch …), a benchmark of the same kind; assumed epochs". */
void workload_text(const struct workload *workload, struct buf *ret);
/* The word of the lowest bit of `assumed` and take it away; NULL when none is left. */
const char *workload_assumed_word(uint32_t *assumed);

#endif
