/* core/analysis/needs.h: from job type, mode and parameters to what a machine must have and how long it takes.
 *
 * Honest:  only MNIST training and Stable Diffusion inference stand on benchmarks here; the rest are wide defaults per
 *          kind of work, marked low. Figures for GPUs other than the reference are the estimator's, not ours. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_NEEDS_H
#define CORE_ANALYSIS_NEEDS_H

#include "core/analysis/jobtype.h"
#include "core/analysis/parameters.h"

/* `gpus`: as many as the file asks for by number, 0 when it does not. `base_name` may name an adapter method (train_lora.py), which needs less memory. `ret_claim`: one sentence on why. */
void needs_find(const struct frameworks *frameworks, const struct jobtype *jobtype,
                const struct parameters *parameters, uint32_t gpus, const char *base_name,
                struct analysis_requirements *ret_requirements,
                struct analysis_estimate *ret_estimate, const char **ret_claim);

/* Billions of parameters that a model id names ("llama-2-7b" → 7.0, "qwen1.5-0.5B" → 0.5); 0 when it names none. */
double needs_billions(const char *model);

#endif
