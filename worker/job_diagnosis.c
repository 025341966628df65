// SPDX-License-Identifier: Apache-2.0
#include "worker/job_diagnosis.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *reason;
    const char *advice;
} advices[] = {
    {"module_missing", "a job has no network and installs nothing: put the module into a bundle, "
                       "as source or as a pure Python wheel in "
                       "wheels/, or choose a machine that has it"},
    {"entry_missing",
     "name the file to run as settings.entry, a path inside the bundle, or call it main.py"},
    {"gpu_out_of_memory",
     "take a smaller batch or half precision, or choose a GPU with more memory"},
    {"out_of_memory", "read the data in pieces, or choose a machine with more memory"},
    {"process_limit", "start fewer processes and threads (data loaders, thread pools)"},
    {"disk_limit", "write less, remove what is not needed any more, or choose a machine with more "
                   "storage; /tmp is memory"},
};

static const struct {
    const char *text;
    const char *reason;
} endings[] = {
    {"ModuleNotFoundError: ", "module_missing"},
    {"tally-runner: requirements: ", "module_missing"},
    {"tally-runner: entry point: ", "entry_missing"},
    {"can't open file '/job/", "entry_missing"},
    {"CUDA out of memory", "gpu_out_of_memory"},
    {"CUDA error: out of memory", "gpu_out_of_memory"},
    {"CUDA_ERROR_OUT_OF_MEMORY", "gpu_out_of_memory"},
    {"cudaErrorMemoryAllocation", "gpu_out_of_memory"},
    {"CUBLAS_STATUS_ALLOC_FAILED", "gpu_out_of_memory"},
    {"MemoryError", "out_of_memory"}, /* numpy's too */
    {"std::bad_alloc", "out_of_memory"},
    {"DefaultCPUAllocator: can't allocate memory", "out_of_memory"},
    {"Cannot allocate memory", "out_of_memory"},
    {"can't start new thread", "process_limit"},
    {"BlockingIOError: [Errno 11]", "process_limit"},
    {"No space left on device", "disk_limit"},
    {"[Errno 27] File too large", "disk_limit"},
};

const char *job_advice(const char *reason)
{
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++) {
        if (strcmp(advices[i].reason, reason) == 0) {
            return advices[i].advice;
        }
    }
    return NULL;
}

/* Where `text` begins for the last time in `tail`, plus one; 0 if nowhere. */
static size_t last_place(struct bytes tail, const char *text)
{
    size_t found = 0;
    size_t const size = strlen(text);
    for (size_t at = 0; at + size <= tail.size;) {
        const uint8_t *next = memmem(tail.data + at, tail.size - at, text, size);
        if (next == NULL) {
            break;
        }
        at = (size_t)(next - tail.data) + 1;
        found = at;
    }
    return found;
}

bool job_diagnose(struct bytes tail, struct job_diagnosis *ret)
{
    size_t last = 0;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t const place = last_place(tail, endings[i].text);
        if (place > last) {
            last = place;
            ret->reason = endings[i].reason;
        }
    }
    if (last > 0) {
        ret->advice = job_advice(ret->reason);
    }
    return last > 0;
}
