/* core/base/work.h: how much work a job is, as far as its files say: what the analysis hands to the estimator.
 *
 * Shape:   plain numbers, 0 where nothing is said. They are the words of no event: an upload's come from its analysis, asked for with
 *          other settings they come from the request. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_WORK_H
#define CORE_BASE_WORK_H

#include <stdbool.h>
#include <stdint.h>

struct work {
    uint32_t job_type; /* number in ENUM_job_type (core/event/kinds.h) */
    bool on_gpu;
    bool trains;
    bool infers;
    bool quantised; /* an adapter on weights of 4 bits */
    bool is_large;  /* its model's name says "large" */
    uint64_t epochs_milli;
    uint64_t items; /* rows, images … of its data */
    uint64_t resolution;
    uint64_t steps;  /* of denoising, per image */
    uint64_t images; /* to be made */
    uint64_t iterations;
    uint64_t batch;
    uint64_t tokens; /* to be generated */
    uint64_t model_millions;
    /* Of this kind of work when nothing was ever measured, on the reference: half end within the first, nine of ten within the second. */
    uint64_t default_p50_ms;
    uint64_t default_p90_ms;
};

#endif
