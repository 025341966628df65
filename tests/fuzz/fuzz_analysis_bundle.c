/* Any text as the files of one job, parted by NUL bytes: an answer that names one of them as the entry, or an error. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/analysis.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "tests/fuzz/fuzz_analysis.h"

#include <string.h>

#define FILES_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[FILES_MAX] = {"main.py", "pkg/train.py", "pkg/__init__.py",
                                                 "a.ipynb", "run.sh",       "requirements.txt",
                                                 "b/c.py",  "Dockerfile"};
    static const struct analysis_limits limits = ANALYSIS_LIMITS;
    struct analysis_input inputs[FILES_MAX];
    struct arena arena;
    struct analysis found;
    struct buf json;
    struct err err = {0};
    size_t count = 0;
    struct bytes rest = bytes_of(data, size);
    while (count < FILES_MAX && rest.size > 0) {
        const uint8_t *end = memchr(rest.data, 0, rest.size);
        size_t part = end == NULL ? rest.size : (size_t)(end - rest.data);
        inputs[count] = (struct analysis_input){
            .path = paths[count], .size = part, .content = bytes_of(rest.data, part)};
        count++;
        rest = bytes_from(rest, end == NULL ? rest.size : part + 1);
    }
    const struct analysis_files files = {.inputs = inputs, .count = count, .loose = true};
    arena_init(&arena, (size_t)16 << 20);
    buf_init(&json, (size_t)1 << 20);
    enum err_code const code = analysis_run_files(&files, &limits, &arena, &found, &err);
    if (code == ERR_OK) {
        INVARIANT(found.kind == ANALYSIS_KIND_BUNDLE || found.kind == ANALYSIS_KIND_DATASET);
        INVARIANT(found.kind == ANALYSIS_KIND_DATASET || found.entry != NULL);
        size_t entries = 0;
        for (size_t i = 0; i < found.file_count; i++) {
            entries += found.files[i].role == ANALYSIS_ROLE_ENTRY ? 1 : 0;
            INVARIANT((found.files[i].role == ANALYSIS_ROLE_REJECTED) ==
                      (found.files[i].error != NULL));
        }
        INVARIANT(entries <= 1);
        fuzz_check_needs(&found.requirements);
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
