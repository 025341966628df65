// SPDX-License-Identifier: Apache-2.0
#include "worker/job_kind.h"

#include <string.h>

static const char *const words[JOB_KIND_COUNT] = {
    [JOB_KIND_PYTHON] = "python",
    [JOB_KIND_BUNDLE] = "bundle",
    [JOB_KIND_NOTEBOOK] = "notebook",
    [JOB_KIND_CONTAINER] = "dockerfile",
};

const char *job_kind_word(enum job_kind kind)
{
    return words[kind];
}

bool job_kind_read(const char *word, enum job_kind *ret)
{
    for (int i = 0; word != NULL && i < JOB_KIND_COUNT; i++) {
        if (strcmp(words[i], word) == 0) {
            *ret = (enum job_kind)i;
            return true;
        }
    }
    *ret = JOB_KIND_PYTHON;
    return word == NULL;
}

void job_kinds_json(const struct job_kinds *kinds, struct buf *ret)
{
    const char *between = "[";
    for (int i = 0; i < JOB_KIND_COUNT; i++) {
        if (kinds->runs[i]) {
            buf_printf(ret, "%s\"%s\"", between, words[i]);
            between = ",";
        }
    }
    buf_append_text(ret, "]");
}
