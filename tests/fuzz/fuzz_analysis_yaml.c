/* Any bytes as a compose file or conda environment. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/fuzz_analysis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_analyse(data, size, "job.yml");
}
