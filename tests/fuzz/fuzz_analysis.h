/* Any bytes under a name that chooses the reader: an answer that holds what analysis.h promises, or an error, in bounded memory. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_FUZZ_FUZZ_ANALYSIS_H
#define TESTS_FUZZ_FUZZ_ANALYSIS_H

#include "core/analysis/analysis.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "tests/fuzz/fuzz_target.h"

#include <string.h>

/* Names that the API would take from anybody else. */
static inline void fuzz_check_needs(const struct analysis_requirements *needs)
{
    uint64_t known = 0;
    for (unsigned i = 0; software_package_name(i) != NULL; i++) {
        known |= UINT64_C(1) << i;
    }
    INVARIANT((needs->packages & ~known) == 0);
    INVARIANT(needs->model == NULL || software_model_name_is_good(bytes_of_text(needs->model)));
    INVARIANT(needs->image == NULL || job_image_name_is_good(needs->image));
}

static inline int fuzz_analyse(const uint8_t *data, size_t size, const char *name)
{
    struct arena arena;
    struct buf json;
    struct err err = {0};
    struct analysis found;
    arena_init(&arena, (size_t)16 << 20);
    buf_init(&json, (size_t)1 << 20);

    enum err_code const code = analysis_run(bytes_of(data, size), name, &arena, &found, &err);
    if (code == ERR_OK) {
        INVARIANT(found.job >= ANALYSIS_JOB_MNIST && found.job <= ANALYSIS_JOB_CUSTOM);
        INVARIANT(found.kind >= ANALYSIS_KIND_PYTHON && found.kind <= ANALYSIS_KIND_BUNDLE);
        INVARIANT(found.confidence_permille > 0 && found.confidence_permille <= 1000);
        INVARIANT(found.requirements.vram_mib > 0 && found.requirements.tflops_milli > 0);
        INVARIANT(found.requirements.ram_mib > 0 && found.requirements.storage_mib > 0);
        fuzz_check_needs(&found.requirements);
        INVARIANT(found.estimate.p50_ms > 0 && found.estimate.p90_ms >= found.estimate.p50_ms);
        for (size_t i = 0; i < found.evidence_count; i++) {
            INVARIANT(strlen(found.evidence[i].words) <= 120);
        }
        INVARIANT(analysis_json(&found, NULL, &json, &err) == ERR_OK);
        INVARIANT(utf8_is_valid(buf_bytes(&json)));
    } else {
        INVARIANT(code == ERR_INVALID || code == ERR_TOO_LARGE || code == ERR_TIMEOUT);
        INVARIANT(utf8_is_valid(bytes_of_text(err.message)));
    }
    buf_deinit(&json);
    arena_deinit(&arena);
    return 0;
}

#endif
