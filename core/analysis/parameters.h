/* core/analysis/parameters.h: literal values that decide how long a job takes and how much memory it needs, under one
 * name each however the file spells it (--n_epochs, EPOCHS, num_train_epochs → epochs). */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_PARAMETERS_H
#define CORE_ANALYSIS_PARAMETERS_H

#include "core/analysis/facts.h"

#define PARAMETERS_MAX 16

struct parameters {
    struct analysis_parameter items[PARAMETERS_MAX];
    uint32_t offsets[PARAMETERS_MAX]; /* of the statement, for the evidence */
    bool weak[PARAMETERS_MAX];        /* its spelling is one that others go before */
    size_t count;
};

/* One value for each name: the first of the best source (see ANALYSIS_SOURCES). */
void parameters_find(const struct facts *facts, struct parameters *ret);

/* The value as a number; false when it is not there, not a number or not positive. */
bool parameter_number(const struct parameters *parameters, const char *name, double *ret);
/* NULL when it is not there. */
const char *parameter_text(const struct parameters *parameters, const char *name);

#endif
