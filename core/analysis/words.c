/* Wire words of the enumerations, and what is derived from them alone. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/analysis.h"

#define WORD(number, constant, word) [(number)] = (word),

#define DEFINE_WORD(function, type, list)                                                          \
    const char *function(type value)                                                               \
    {                                                                                              \
        static const char *const words[] = {list(WORD)};                                           \
        return (size_t)value < sizeof(words) / sizeof(words[0]) && words[value] != NULL            \
                   ? words[value]                                                                  \
                   : "";                                                                           \
    }

#define ANALYSIS_LEVELS(V)                                                                         \
    V(ANALYSIS_LOW, ANALYSIS_LOW, "low")                                                           \
    V(ANALYSIS_MEDIUM, ANALYSIS_MEDIUM, "medium")                                                  \
    V(ANALYSIS_HIGH, ANALYSIS_HIGH, "high")

DEFINE_WORD(analysis_kind_word, enum analysis_kind, ANALYSIS_KINDS)
DEFINE_WORD(analysis_framework_word, enum analysis_framework, ANALYSIS_FRAMEWORKS)
DEFINE_WORD(analysis_job_word, enum analysis_job, ANALYSIS_JOBS)
DEFINE_WORD(analysis_mode_word, enum analysis_mode, ANALYSIS_MODES)
DEFINE_WORD(analysis_class_word, enum analysis_class, ANALYSIS_CLASSES)
DEFINE_WORD(analysis_device_word, enum analysis_device, ANALYSIS_DEVICES)
DEFINE_WORD(analysis_source_word, enum analysis_source, ANALYSIS_SOURCES)
DEFINE_WORD(analysis_role_word, enum analysis_role, ANALYSIS_ROLES)
DEFINE_WORD(analysis_level_word, enum analysis_level, ANALYSIS_LEVELS)

enum analysis_class analysis_class_of(enum analysis_job job, enum analysis_mode mode)
{
    bool trains = mode == ANALYSIS_MODE_TRAIN || mode == ANALYSIS_MODE_PRETRAIN ||
                  mode == ANALYSIS_MODE_FINETUNE;
    bool images = job == ANALYSIS_JOB_STABLE_DIFFUSION || job == ANALYSIS_JOB_IMAGE_GENERATION ||
                  job == ANALYSIS_JOB_VIDEO_GENERATION;
    if (job == ANALYSIS_JOB_DATA_PROCESSING || mode == ANALYSIS_MODE_PREP) {
        return ANALYSIS_CLASS_DATA_PROCESSING;
    }
    if (trains) {
        return ANALYSIS_CLASS_TRAINING;
    }
    if (images) {
        return ANALYSIS_CLASS_IMAGE_GENERATION;
    }
    if (mode == ANALYSIS_MODE_INFERENCE || mode == ANALYSIS_MODE_SERVE) {
        return ANALYSIS_CLASS_INFERENCE;
    }
    return ANALYSIS_CLASS_CUSTOM;
}

enum analysis_level analysis_level_of(uint32_t confidence_permille)
{
    return confidence_permille >= 800   ? ANALYSIS_HIGH
           : confidence_permille >= 500 ? ANALYSIS_MEDIUM
                                        : ANALYSIS_LOW;
}
