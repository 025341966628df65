/* core/analysis/needs.h: from job type, mode and parameters to what a machine must have and how long it takes.
 *
 * Honest:  memory is of rows and formulas where a model, a batch or a resolution is named (vram.h), else a default of the kind of work. Times are
 *          wide defaults: who knows the benchmarks (core/market/workload.h) puts better ones in their place. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_NEEDS_H
#define CORE_ANALYSIS_NEEDS_H

#include "core/analysis/jobtype.h"
#include "core/analysis/parameters.h"
#include "core/analysis/vram.h"

/* `gpus`: as many as the file asks for by number, 0 when it does not. `base_name` may name an adapter method (train_lora.py), which needs less memory. `ret_claim`: one sentence on why. */
void needs_find(const struct frameworks *frameworks, const struct jobtype *jobtype,
                const struct parameters *parameters, uint32_t gpus, const char *base_name,
                struct analysis_requirements *ret_requirements,
                struct analysis_estimate *ret_estimate, char ret_claim[VRAM_CLAIM_MAX]);

/* Billions of parameters that a model id names ("llama-2-7b" → 7.0, "qwen1.5-0.5B" → 0.5); 0 when it names none. */
double needs_billions(const char *model);

#endif
