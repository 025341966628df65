/* core/analysis/jobtype.h: from names in the source to the kind of job and what it does.
 *
 * Method:  imports, calls, definitions, literal string arguments and the base name are split into lower-case words
 *          (FashionMNIST → fashion mnist). A table of cues, phrases with a strength per job type, is looked for in them;
 *          where a cue stands multiplies it (base name and imports most, strings least). The strongest type wins, at a
 *          tie the earlier in the taxonomy; below a threshold the job is custom. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_JOBTYPE_H
#define CORE_ANALYSIS_JOBTYPE_H

#include "core/analysis/frameworks.h"

#define JOBTYPE_CUES_MAX 6

struct jobtype_cue {
    const char *words; /* the cue, static */
    uint32_t offset;   /* where it stands; line 0: the base name */
    uint32_t line;
    uint32_t score;
};

struct jobtype {
    enum analysis_job job;
    enum analysis_mode mode;
    uint32_t score;     /* of `job` */
    uint32_t runner_up; /* the best score of another type */
    size_t cue_count;   /* the strongest cues of `job` */
    struct jobtype_cue cues[JOBTYPE_CUES_MAX];
    bool asks_for_gpu; /* names cuda, a GPU tree method or a GPU provider */
};

void jobtype_find(const struct python_facts *facts, const struct frameworks *frameworks,
                  const char *base_name, struct jobtype *ret);

#endif
