/* core/analysis/vram.h: GPU memory from what was measured or published, or from a formula held against it.
 *
 * Rows:    core/analysis/data/vram.tsv. Sources mix GB and GiB; all are taken as GiB, which is 7 % more than the least they may mean.
 * Headroom: an eighth above what comes out.
 * Formulas (P: parameters): inference 2 bytes × P (1 in 8 bits, 0.55 in 4) + 1.5 GiB for context, cache and workspace; LoRA 2 × P, QLoRA 0.55 × P, and
 *          0.5 GiB of activations for each billion and sample, at least 1.3; full training 16 × P (weights, gradients, Adam in mixed precision) and the same
 *          activations. Networks of convolutions: what a batch that filled a card took, per image and its area. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_VRAM_H
#define CORE_ANALYSIS_VRAM_H

#include "core/analysis/jobtype.h"
#include "core/analysis/parameters.h"

struct vram_row {
    const char *model;
    const char *use;
    const char *setting;
    const char *status;
    const char *source;
    uint32_t mib;
};
extern const struct vram_row VRAM_ROWS[];
extern const size_t VRAM_ROW_COUNT;

#define VRAM_CLAIM_MAX 320

struct vram {
    double gib;
    char claim[VRAM_CLAIM_MAX]; /* how it comes to be, naming row or formula */
};

/* False when nothing about model, batch or resolution is known that decides it: `ret` is untouched. */
bool vram_find(const struct jobtype *jobtype, bool trains, const struct parameters *parameters,
               const char *base_name, struct vram *ret);
/* NULL when there is no such row. `setting`: how it begins. */
const struct vram_row *vram_row(const char *model, const char *use, const char *setting);

#endif
