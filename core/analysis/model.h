/* core/analysis/model.h: the model that a program loads by a name which the machine may have: `….from_pretrained("org/name")`, `pipeline(task, model="org/name")`, vLLM's
 * `LLM("org/name")`, `SentenceTransformer("org/name")`, or the variable or option whose value lands there.
 *
 * Rule:    of several the one of a whole pipeline, then of a model, then of a part (tokenizer, scheduler); of these the first that is surely executed,
 *          else the one that all methods agree upon. In an `if` or `try` none counts, nor one that the program writes itself or that comes with the
 *          bundle. When in doubt there is none: the job then starts, and says itself what it lacks. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_MODEL_H
#define CORE_ANALYSIS_MODEL_H

#include "core/analysis/bundle.h"
#include "core/analysis/evidence.h"

struct model_question {
    const struct facts *facts;
    const struct evidence_list *list;
    const struct bundle *bundle; /* NULL: one file alone */
    /* Is what stands there executed whenever the job is? */
    bool (*is_started)(const void *user, uint32_t scope, const char *function, uint32_t line);
    const void *user;
};

struct model_found {
    char name[SOFTWARE_MODEL_MAX + 1];
    uint32_t line; /* where its name stands */
    uint32_t offset;
};

bool model_find(const struct model_question *question, struct model_found *ret);

#endif
