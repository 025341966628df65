/* Lines of strangers that the worker reads: progress as programs show it, the CSV of nvidia-smi, the last words of a failed program, secrets in
 * output that is cut anywhere. The first byte says how the rest is cut. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "tests/fuzz/fuzz_target.h"
#include "worker/job_diagnosis.h"
#include "worker/mask.h"
#include "worker/nvidia_smi.h"
#include "worker/progress.h"

#include <string.h>

static void read_progress(struct bytes text)
{
    struct progress progress = {0};
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t const size = end == NULL ? text.size : (size_t)(end - text.data);
        enum progress_news const news =
            progress_take(&progress, size % 2 == 0, bytes_of(text.data, size));
        INVARIANT(progress.permille <= 1000);
        INVARIANT(strlen(progress.operation) <= JOB_OPERATION_MAX);
        INVARIANT(utf8_is_valid(bytes_of_text(progress.operation)));
        INVARIANT(news != PROGRESS_READ || !progress.is_told);
        text = bytes_from(text, end == NULL ? size : size + 1);
    }
    (void)progress_by_time(&progress, 7, 9);
    INVARIANT(progress.permille <= 1000);
}

static void emit(void *ctx, unsigned stream, struct bytes bytes)
{
    INVARIANT(stream == 0);
    buf_append_bytes(ctx, bytes);
}

static void mask_all(struct bytes text, size_t step, struct buf *ret)
{
    static const struct sandbox_variable variables[] = {{.name = "A_KEY", .value = "abab"},
                                                        {.name = "B_KEY", .value = "ababc"},
                                                        {.name = "C_KEY", .value = "\n%|x"}};
    struct mask *mask = NULL;
    if (mask_create(variables, 3, &mask, NULL) != ERR_OK) {
        return;
    }
    while (text.size > 0) {
        size_t const size = step < text.size ? step : text.size;
        mask_feed(mask, 0, bytes_of(text.data, size), emit, ret);
        text = bytes_from(text, size);
    }
    mask_finish(mask, 0, emit, ret);
    mask_destroy(mask);
    for (size_t i = 0; ret->size > 0 && i < 3; i++) {
        INVARIANT(memmem(ret->data, ret->size, variables[i].value, strlen(variables[i].value)) ==
                  NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gpu gpu;
    struct gpu_sample sample;
    struct job_diagnosis found;
    struct buf whole;
    struct buf cut;
    char bus[32];
    if (size == 0) {
        return 0;
    }
    struct bytes const text = bytes_of(data + 1, size - 1);
    read_progress(text);
    if (nvidia_smi_parse_gpu(text, &gpu, bus)) {
        INVARIANT(utf8_is_valid(bytes_of_text(gpu.model)) && gpu.vram_mib > 0);
        INVARIANT(strspn(bus, "0123456789abcdef:.") == strlen(bus));
    }
    if (nvidia_smi_parse_sample(text, &sample)) {
        INVARIANT(sample.permille <= 1000);
    }
    if (job_diagnose(text, &found)) {
        INVARIANT(found.advice != NULL && job_advice(found.reason) == found.advice);
    }
    buf_init(&whole, 2 * size + 16);
    buf_init(&cut, 2 * size + 16);
    mask_all(text, size, &whole);
    mask_all(text, (size_t)(data[0] % 9) + 1, &cut);
    INVARIANT(bytes_equal(buf_bytes(&whole), buf_bytes(&cut)));
    buf_deinit(&whole);
    buf_deinit(&cut);
    return 0;
}
