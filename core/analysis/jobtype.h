/* core/analysis/jobtype.h: from names in the source to the kind of job and what it does.
 *
 * Method:  names (imports, calls, definitions, short strings, titles, words of commands, the base name) are split into
 *          lower-case words, once at capitals and once not (ResNet-50: "res net 50", "resnet 50"). Phrases of up to four
 *          words are looked up in a table of cues, each with a job type and a strength; the best place a cue stands in
 *          multiplies it. The strongest type wins, at a tie the earlier in the taxonomy; below a threshold it is custom.
 *          What a table cannot say stands in code: who loads MNIST, what reads CSV only to train on it, what is only an
 *          environment (then packages say nothing about the job). */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_JOBTYPE_H
#define CORE_ANALYSIS_JOBTYPE_H

#include "core/analysis/frameworks.h"

#define JOBTYPE_CUES_MAX 6

struct jobtype_cue {
    struct bytes words; /* the cue, static */
    uint32_t offset;    /* where it stands; line 0: the base name */
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

void jobtype_find(const struct facts *facts, const struct frameworks *frameworks,
                  enum analysis_kind kind, const char *base_name, struct jobtype *ret);

#endif
