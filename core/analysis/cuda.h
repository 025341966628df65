/* core/analysis/cuda.h: which CUDA an environment names, and the oldest driver that runs it (data/drivers.tsv).
 *
 * Reads:   what is installed or built on, never a program's own words: an image ("nvidia/cuda:12.1.0-base"), a package ("torch==2.1+cu121", "cupy-cuda12x",
 *          "pytorch-cuda=11.8", "jax[cuda12]"), the address of an index (".../whl/cu118"). Versions are major × 10 + minor; "cu12" says no minor: 120. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_CUDA_H
#define CORE_ANALYSIS_CUDA_H

#include "core/analysis/facts.h"

struct cuda_row {
    uint32_t cuda;   /* from this version on … */
    uint32_t driver; /* … as core/base/driver_version.h has it */
};
extern const struct cuda_row CUDA_ROWS[]; /* ascending */
extern const size_t CUDA_ROW_COUNT;

/* The newest version that such a text names; 0: none. */
uint32_t cuda_named(struct bytes text);
/* The same as a fact: of several the newest counts. */
void cuda_add(struct facts_writer *writer, struct fact_place at, struct bytes text);
/* 0: any driver, for a version that no row is old enough for. */
uint64_t cuda_driver(uint32_t cuda);

#endif
