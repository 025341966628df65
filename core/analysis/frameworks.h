/* core/analysis/frameworks.h: from import statements to frameworks, and which of several is the one.
 *
 * Rule:    a family imported unconditionally at the top level wins over one imported in a function, try or if. Among
 *          equals jax goes before tensorflow before pytorch: programs in the former use the latter to read data. A
 *          classical library (scikit-learn …) is primary only where there is no deep learning family.
 *          A package that is installed or an image that is named after a framework counts in files that make an
 *          environment; what a notebook installs does not: it counts what it imports. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_FRAMEWORKS_H
#define CORE_ANALYSIS_FRAMEWORKS_H

#include "core/analysis/facts.h"

/* How a framework came to be in the file; the larger is the stronger evidence. */
enum framework_rank {
    FRAMEWORK_ABSENT = 0,
    FRAMEWORK_IMPLIED_CONDITIONAL, /* a library that stands on it, in a function, try or if */
    FRAMEWORK_CONDITIONAL,
    FRAMEWORK_IMPLIED, /* a library that stands on it (transformers → pytorch), top level */
    FRAMEWORK_DIRECT,  /* its own import, top level */
};

struct frameworks {
    uint32_t mask;
    enum analysis_framework primary;
    enum framework_rank rank[ANALYSIS_FRAMEWORK_COUNT];
    const struct fact_import *import[ANALYSIS_FRAMEWORK_COUNT]; /* the strongest, first such */
};

/* `base_name`: of several that an environment installs, the one it is named after (requirements-torch.txt) is primary. */
void frameworks_find(const struct facts *facts, enum analysis_kind kind, const char *base_name,
                     struct frameworks *ret);

/* Those that a module is, or stands on: 1u << framework for each. */
uint32_t framework_mask_of(const char *module);

/* A deep learning family, or another that computes on a GPU only. */
bool framework_uses_gpu(enum analysis_framework framework);

#endif
